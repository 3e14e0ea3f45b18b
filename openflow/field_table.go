package openflow

// fieldInfo is what meta-flow.h of Open vSwitch says about a field.
type fieldInfo struct {
	name, alias string // as ovs-ofctl knows it
	nxmName     string // as ovs-ofctl prints it in subfields
	// nxm is the header in the oldest form, which some Nicira actions carry;
	// oxm the one that matches and actions of OpenFlow 1.5 carry. 0: none.
	nxm, oxm oxmHeader
	bytes    uint8 // length of a value on the wire
	bits     uint8 // significant low bits
	maskable bool
	writable bool
	format   fieldFormat
}

// fieldFormat says how a value is written as text.
type fieldFormat uint8

const (
	fmtDecimal fieldFormat = iota
	fmtHex
	fmtEth
	fmtIPv4
	fmtIPv6
	fmtPort
	fmtFrag
	fmtCtState
	fmtTunFlags
	fmtTCPFlags
	fmtPacketType
)

// fields is indexed by Field. The tunnel options after the first are filled in
// by init.
var fields = [numFields]fieldInfo{
	FieldPacketType:     {name: "packet_type", nxmName: "OXM_OF_PACKET_TYPE", bytes: 4, bits: 32, nxm: oxmBasic(44, 4), oxm: oxmBasic(44, 4), format: fmtPacketType},
	FieldDPHash:         {name: "dp_hash", nxmName: "NXM_NX_DP_HASH", bytes: 4, bits: 32, nxm: nxm1(35, 4), oxm: nxm1(35, 4), maskable: true, format: fmtHex},
	FieldRecircID:       {name: "recirc_id", nxmName: "NXM_NX_RECIRC_ID", bytes: 4, bits: 32, nxm: nxm1(36, 4), oxm: nxm1(36, 4), format: fmtDecimal},
	FieldConjID:         {name: "conj_id", nxmName: "NXM_NX_CONJ_ID", bytes: 4, bits: 32, nxm: nxm1(37, 4), oxm: nxm1(37, 4), format: fmtDecimal},
	FieldInPortOXM:      {name: "in_port_oxm", nxmName: "OXM_OF_IN_PORT", bytes: 4, bits: 32, nxm: oxmBasic(0, 4), oxm: oxmBasic(0, 4), writable: true, format: fmtPort},
	FieldActsetOutput:   {name: "actset_output", nxmName: "ONFOXM_ET_ACTSET_OUTPUT", bytes: 4, bits: 32, nxm: oxmExp(0x4f4e4600, 43, 4), oxm: oxmBasic(43, 4), format: fmtPort},
	FieldEthSrc:         {name: "eth_src", nxmName: "NXM_OF_ETH_SRC", alias: "dl_src", bytes: 6, bits: 48, nxm: nxm0(2, 6), oxm: oxmBasic(4, 6), maskable: true, writable: true, format: fmtEth},
	FieldEthDst:         {name: "eth_dst", nxmName: "NXM_OF_ETH_DST", alias: "dl_dst", bytes: 6, bits: 48, nxm: nxm0(1, 6), oxm: oxmBasic(3, 6), maskable: true, writable: true, format: fmtEth},
	FieldEthType:        {name: "eth_type", nxmName: "NXM_OF_ETH_TYPE", alias: "dl_type", bytes: 2, bits: 16, nxm: nxm0(3, 2), oxm: oxmBasic(5, 2), format: fmtHex},
	FieldVLANVID:        {name: "vlan_vid", nxmName: "OXM_OF_VLAN_VID", bytes: 2, bits: 12, nxm: oxmBasic(6, 2), oxm: oxmBasic(6, 2), maskable: true, writable: true, format: fmtDecimal},
	FieldVLANPCP:        {name: "vlan_pcp", nxmName: "OXM_OF_VLAN_PCP", bytes: 1, bits: 3, nxm: oxmBasic(7, 1), oxm: oxmBasic(7, 1), writable: true, format: fmtDecimal},
	FieldMPLSTC:         {name: "mpls_tc", nxmName: "OXM_OF_MPLS_TC", bytes: 1, bits: 3, nxm: oxmBasic(35, 1), oxm: oxmBasic(35, 1), writable: true, format: fmtDecimal},
	FieldMPLSBOS:        {name: "mpls_bos", nxmName: "OXM_OF_MPLS_BOS", bytes: 1, bits: 1, nxm: oxmBasic(36, 1), oxm: oxmBasic(36, 1), format: fmtDecimal},
	FieldMPLSTTL:        {name: "mpls_ttl", nxmName: "NXM_NX_MPLS_TTL", bytes: 1, bits: 8, nxm: nxm1(30, 1), oxm: nxm1(30, 1), writable: true, format: fmtDecimal},
	FieldMPLSLabel:      {name: "mpls_label", nxmName: "OXM_OF_MPLS_LABEL", bytes: 4, bits: 20, nxm: oxmBasic(34, 4), oxm: oxmBasic(34, 4), writable: true, format: fmtDecimal},
	FieldIPv4Src:        {name: "ip_src", nxmName: "NXM_OF_IP_SRC", alias: "nw_src", bytes: 4, bits: 32, nxm: nxm0(7, 4), oxm: oxmBasic(11, 4), maskable: true, writable: true, format: fmtIPv4},
	FieldIPv4Dst:        {name: "ip_dst", nxmName: "NXM_OF_IP_DST", alias: "nw_dst", bytes: 4, bits: 32, nxm: nxm0(8, 4), oxm: oxmBasic(12, 4), maskable: true, writable: true, format: fmtIPv4},
	FieldIPv6Src:        {name: "ipv6_src", nxmName: "NXM_NX_IPV6_SRC", bytes: 16, bits: 128, nxm: nxm1(19, 16), oxm: oxmBasic(26, 16), maskable: true, writable: true, format: fmtIPv6},
	FieldIPv6Dst:        {name: "ipv6_dst", nxmName: "NXM_NX_IPV6_DST", bytes: 16, bits: 128, nxm: nxm1(20, 16), oxm: oxmBasic(27, 16), maskable: true, writable: true, format: fmtIPv6},
	FieldIPFrag:         {name: "ip_frag", nxmName: "NXM_NX_IP_FRAG", alias: "nw_frag", bytes: 1, bits: 2, nxm: nxm1(26, 1), oxm: nxm1(26, 1), maskable: true, format: fmtFrag},
	FieldIPDSCP:         {name: "ip_dscp", nxmName: "OXM_OF_IP_DSCP", bytes: 1, bits: 6, nxm: oxmBasic(8, 1), oxm: oxmBasic(8, 1), writable: true, format: fmtDecimal},
	FieldIPECN:          {name: "nw_ecn", nxmName: "NXM_NX_IP_ECN", alias: "ip_ecn", bytes: 1, bits: 2, nxm: nxm1(28, 1), oxm: oxmBasic(9, 1), writable: true, format: fmtDecimal},
	FieldIPTTL:          {name: "nw_ttl", nxmName: "NXM_NX_IP_TTL", bytes: 1, bits: 8, nxm: nxm1(29, 1), oxm: nxm1(29, 1), writable: true, format: fmtDecimal},
	FieldIPv6Label:      {name: "ipv6_label", nxmName: "NXM_NX_IPV6_LABEL", bytes: 4, bits: 20, nxm: nxm1(27, 4), oxm: oxmBasic(28, 4), maskable: true, writable: true, format: fmtHex},
	FieldIPProto:        {name: "nw_proto", nxmName: "NXM_OF_IP_PROTO", alias: "ip_proto", bytes: 1, bits: 8, nxm: nxm0(6, 1), oxm: oxmBasic(10, 1), format: fmtDecimal},
	FieldTCPSrc:         {name: "tcp_src", nxmName: "NXM_OF_TCP_SRC", alias: "tp_src", bytes: 2, bits: 16, nxm: nxm0(9, 2), oxm: oxmBasic(13, 2), maskable: true, writable: true, format: fmtDecimal},
	FieldTCPDst:         {name: "tcp_dst", nxmName: "NXM_OF_TCP_DST", alias: "tp_dst", bytes: 2, bits: 16, nxm: nxm0(10, 2), oxm: oxmBasic(14, 2), maskable: true, writable: true, format: fmtDecimal},
	FieldTCPFlags:       {name: "tcp_flags", nxmName: "NXM_NX_TCP_FLAGS", bytes: 2, bits: 12, nxm: nxm1(34, 2), oxm: oxmBasic(42, 2), maskable: true, format: fmtTCPFlags},
	FieldUDPSrc:         {name: "udp_src", nxmName: "NXM_OF_UDP_SRC", bytes: 2, bits: 16, nxm: nxm0(11, 2), oxm: oxmBasic(15, 2), maskable: true, writable: true, format: fmtDecimal},
	FieldUDPDst:         {name: "udp_dst", nxmName: "NXM_OF_UDP_DST", bytes: 2, bits: 16, nxm: nxm0(12, 2), oxm: oxmBasic(16, 2), maskable: true, writable: true, format: fmtDecimal},
	FieldSCTPSrc:        {name: "sctp_src", nxmName: "OXM_OF_SCTP_SRC", bytes: 2, bits: 16, nxm: oxmBasic(17, 2), oxm: oxmBasic(17, 2), maskable: true, writable: true, format: fmtDecimal},
	FieldSCTPDst:        {name: "sctp_dst", nxmName: "OXM_OF_SCTP_DST", bytes: 2, bits: 16, nxm: oxmBasic(18, 2), oxm: oxmBasic(18, 2), maskable: true, writable: true, format: fmtDecimal},
	FieldICMPv4Type:     {name: "icmp_type", nxmName: "NXM_OF_ICMP_TYPE", bytes: 1, bits: 8, nxm: nxm0(13, 1), oxm: oxmBasic(19, 1), writable: true, format: fmtDecimal},
	FieldICMPv4Code:     {name: "icmp_code", nxmName: "NXM_OF_ICMP_CODE", bytes: 1, bits: 8, nxm: nxm0(14, 1), oxm: oxmBasic(20, 1), writable: true, format: fmtDecimal},
	FieldICMPv6Type:     {name: "icmpv6_type", nxmName: "NXM_NX_ICMPV6_TYPE", bytes: 1, bits: 8, nxm: nxm1(21, 1), oxm: oxmBasic(29, 1), writable: true, format: fmtDecimal},
	FieldICMPv6Code:     {name: "icmpv6_code", nxmName: "NXM_NX_ICMPV6_CODE", bytes: 1, bits: 8, nxm: nxm1(22, 1), oxm: oxmBasic(30, 1), writable: true, format: fmtDecimal},
	FieldNDReserved:     {name: "nd_reserved", nxmName: "ERICOXM_OF_ICMPV6_ND_RESERVED", bytes: 4, bits: 32, nxm: oxmEric(1, 4), oxm: oxmEric(1, 4), writable: true, format: fmtDecimal},
	FieldNDTarget:       {name: "nd_target", nxmName: "NXM_NX_ND_TARGET", bytes: 16, bits: 128, nxm: nxm1(23, 16), oxm: oxmBasic(31, 16), maskable: true, writable: true, format: fmtIPv6},
	FieldNDOptionsType:  {name: "nd_options_type", nxmName: "ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE", bytes: 1, bits: 8, nxm: oxmEric(2, 1), oxm: oxmEric(2, 1), writable: true, format: fmtDecimal},
	FieldNDSLL:          {name: "nd_sll", nxmName: "NXM_NX_ND_SLL", bytes: 6, bits: 48, nxm: nxm1(24, 6), oxm: oxmBasic(32, 6), maskable: true, writable: true, format: fmtEth},
	FieldNDTLL:          {name: "nd_tll", nxmName: "NXM_NX_ND_TLL", bytes: 6, bits: 48, nxm: nxm1(25, 6), oxm: oxmBasic(33, 6), maskable: true, writable: true, format: fmtEth},
	FieldARPOp:          {name: "arp_op", nxmName: "NXM_OF_ARP_OP", bytes: 2, bits: 16, nxm: nxm0(15, 2), oxm: oxmBasic(21, 2), writable: true, format: fmtDecimal},
	FieldARPSPA:         {name: "arp_spa", nxmName: "NXM_OF_ARP_SPA", bytes: 4, bits: 32, nxm: nxm0(16, 4), oxm: oxmBasic(22, 4), maskable: true, writable: true, format: fmtIPv4},
	FieldARPTPA:         {name: "arp_tpa", nxmName: "NXM_OF_ARP_TPA", bytes: 4, bits: 32, nxm: nxm0(17, 4), oxm: oxmBasic(23, 4), maskable: true, writable: true, format: fmtIPv4},
	FieldARPSHA:         {name: "arp_sha", nxmName: "NXM_NX_ARP_SHA", bytes: 6, bits: 48, nxm: nxm1(17, 6), oxm: oxmBasic(24, 6), maskable: true, writable: true, format: fmtEth},
	FieldARPTHA:         {name: "arp_tha", nxmName: "NXM_NX_ARP_THA", bytes: 6, bits: 48, nxm: nxm1(18, 6), oxm: oxmBasic(25, 6), maskable: true, writable: true, format: fmtEth},
	FieldTunID:          {name: "tun_id", nxmName: "NXM_NX_TUN_ID", alias: "tunnel_id", bytes: 8, bits: 64, nxm: nxm1(16, 8), oxm: oxmBasic(38, 8), maskable: true, writable: true, format: fmtHex},
	FieldTunFlags:       {name: "tun_flags", nxmName: "NXM_NX_TUN_FLAGS", bytes: 2, bits: 1, nxm: nxm1(104, 2), oxm: nxm1(104, 2), maskable: true, writable: true, format: fmtTunFlags},
	FieldTunSrc:         {name: "tun_src", nxmName: "NXM_NX_TUN_IPV4_SRC", bytes: 4, bits: 32, nxm: nxm1(31, 4), oxm: nxm1(31, 4), maskable: true, writable: true, format: fmtIPv4},
	FieldTunDst:         {name: "tun_dst", nxmName: "NXM_NX_TUN_IPV4_DST", bytes: 4, bits: 32, nxm: nxm1(32, 4), oxm: nxm1(32, 4), maskable: true, writable: true, format: fmtIPv4},
	FieldTunIPv6Src:     {name: "tun_ipv6_src", nxmName: "NXM_NX_TUN_IPV6_SRC", bytes: 16, bits: 128, nxm: nxm1(109, 16), oxm: nxm1(109, 16), maskable: true, writable: true, format: fmtIPv6},
	FieldTunIPv6Dst:     {name: "tun_ipv6_dst", nxmName: "NXM_NX_TUN_IPV6_DST", bytes: 16, bits: 128, nxm: nxm1(110, 16), oxm: nxm1(110, 16), maskable: true, writable: true, format: fmtIPv6},
	FieldTunGBPID:       {name: "tun_gbp_id", nxmName: "NXM_NX_TUN_GBP_ID", bytes: 2, bits: 16, nxm: nxm1(38, 2), oxm: nxm1(38, 2), maskable: true, writable: true, format: fmtDecimal},
	FieldTunGBPFlags:    {name: "tun_gbp_flags", nxmName: "NXM_NX_TUN_GBP_FLAGS", bytes: 1, bits: 8, nxm: nxm1(39, 1), oxm: nxm1(39, 1), maskable: true, writable: true, format: fmtHex},
	FieldTunERSPANIdx:   {name: "tun_erspan_idx", nxmName: "NXOXM_ET_ERSPAN_IDX", bytes: 4, bits: 20, nxm: oxmExp(0x2320, 11, 4), oxm: oxmExp(0x2320, 11, 4), maskable: true, writable: true, format: fmtHex},
	FieldTunERSPANVer:   {name: "tun_erspan_ver", nxmName: "NXOXM_ET_ERSPAN_VER", bytes: 1, bits: 4, nxm: oxmExp(0x2320, 12, 1), oxm: oxmExp(0x2320, 12, 1), maskable: true, writable: true, format: fmtDecimal},
	FieldTunERSPANDir:   {name: "tun_erspan_dir", nxmName: "NXOXM_ET_ERSPAN_DIR", bytes: 1, bits: 1, nxm: oxmExp(0x2320, 13, 1), oxm: oxmExp(0x2320, 13, 1), maskable: true, writable: true, format: fmtDecimal},
	FieldTunERSPANHWID:  {name: "tun_erspan_hwid", nxmName: "NXOXM_ET_ERSPAN_HWID", bytes: 1, bits: 6, nxm: oxmExp(0x2320, 14, 1), oxm: oxmExp(0x2320, 14, 1), maskable: true, writable: true, format: fmtHex},
	FieldTunGTPUFlags:   {name: "tun_gtpu_flags", nxmName: "NXOXM_ET_GTPU_FLAGS", bytes: 1, bits: 8, nxm: oxmExp(0x2320, 15, 1), oxm: oxmExp(0x2320, 15, 1), maskable: true, format: fmtHex},
	FieldTunGTPUMsgType: {name: "tun_gtpu_msgtype", nxmName: "NXOXM_ET_GTPU_MSGTYPE", bytes: 1, bits: 8, nxm: oxmExp(0x2320, 16, 1), oxm: oxmExp(0x2320, 16, 1), maskable: true, format: fmtDecimal},
	FieldNSHFlags:       {name: "nsh_flags", nxmName: "NXOXM_NSH_FLAGS", bytes: 1, bits: 8, nxm: oxmExp(0x5ad650, 1, 1), oxm: oxmExp(0x5ad650, 1, 1), maskable: true, writable: true, format: fmtDecimal},
	FieldNSHTTL:         {name: "nsh_ttl", nxmName: "NXOXM_NSH_TTL", bytes: 1, bits: 8, nxm: oxmExp(0x5ad650, 10, 1), oxm: oxmExp(0x5ad650, 10, 1), writable: true, format: fmtDecimal},
	FieldNSHMDType:      {name: "nsh_mdtype", nxmName: "NXOXM_NSH_MDTYPE", bytes: 1, bits: 8, nxm: oxmExp(0x5ad650, 2, 1), oxm: oxmExp(0x5ad650, 2, 1), format: fmtDecimal},
	FieldNSHNP:          {name: "nsh_np", nxmName: "NXOXM_NSH_NP", bytes: 1, bits: 8, nxm: oxmExp(0x5ad650, 3, 1), oxm: oxmExp(0x5ad650, 3, 1), format: fmtDecimal},
	FieldNSHSPI:         {name: "nsh_spi", nxmName: "NXOXM_NSH_SPI", alias: "nsp", bytes: 4, bits: 24, nxm: oxmExp(0x5ad650, 4, 4), oxm: oxmExp(0x5ad650, 4, 4), writable: true, format: fmtHex},
	FieldNSHSI:          {name: "nsh_si", nxmName: "NXOXM_NSH_SI", alias: "nsi", bytes: 1, bits: 8, nxm: oxmExp(0x5ad650, 5, 1), oxm: oxmExp(0x5ad650, 5, 1), writable: true, format: fmtDecimal},
	FieldNSHC1:          {name: "nsh_c1", nxmName: "NXOXM_NSH_C1", alias: "nshc1", bytes: 4, bits: 32, nxm: oxmExp(0x5ad650, 6, 4), oxm: oxmExp(0x5ad650, 6, 4), maskable: true, writable: true, format: fmtHex},
	FieldNSHC2:          {name: "nsh_c2", nxmName: "NXOXM_NSH_C2", alias: "nshc2", bytes: 4, bits: 32, nxm: oxmExp(0x5ad650, 7, 4), oxm: oxmExp(0x5ad650, 7, 4), maskable: true, writable: true, format: fmtHex},
	FieldNSHC3:          {name: "nsh_c3", nxmName: "NXOXM_NSH_C3", alias: "nshc3", bytes: 4, bits: 32, nxm: oxmExp(0x5ad650, 8, 4), oxm: oxmExp(0x5ad650, 8, 4), maskable: true, writable: true, format: fmtHex},
	FieldNSHC4:          {name: "nsh_c4", nxmName: "NXOXM_NSH_C4", alias: "nshc4", bytes: 4, bits: 32, nxm: oxmExp(0x5ad650, 9, 4), oxm: oxmExp(0x5ad650, 9, 4), maskable: true, writable: true, format: fmtHex},
	FieldXReg0:          {name: "xreg0", nxmName: "OXM_OF_PKT_REG0", bytes: 8, bits: 64, nxm: oxmPktReg(0, 8), oxm: oxmPktReg(0, 8), maskable: true, writable: true, format: fmtHex},
	FieldXReg1:          {name: "xreg1", nxmName: "OXM_OF_PKT_REG1", bytes: 8, bits: 64, nxm: oxmPktReg(1, 8), oxm: oxmPktReg(1, 8), maskable: true, writable: true, format: fmtHex},
	FieldXReg2:          {name: "xreg2", nxmName: "OXM_OF_PKT_REG2", bytes: 8, bits: 64, nxm: oxmPktReg(2, 8), oxm: oxmPktReg(2, 8), maskable: true, writable: true, format: fmtHex},
	FieldXReg3:          {name: "xreg3", nxmName: "OXM_OF_PKT_REG3", bytes: 8, bits: 64, nxm: oxmPktReg(3, 8), oxm: oxmPktReg(3, 8), maskable: true, writable: true, format: fmtHex},
	FieldXReg4:          {name: "xreg4", nxmName: "OXM_OF_PKT_REG4", bytes: 8, bits: 64, nxm: oxmPktReg(4, 8), oxm: oxmPktReg(4, 8), maskable: true, writable: true, format: fmtHex},
	FieldXReg5:          {name: "xreg5", nxmName: "OXM_OF_PKT_REG5", bytes: 8, bits: 64, nxm: oxmPktReg(5, 8), oxm: oxmPktReg(5, 8), maskable: true, writable: true, format: fmtHex},
	FieldXReg6:          {name: "xreg6", nxmName: "OXM_OF_PKT_REG6", bytes: 8, bits: 64, nxm: oxmPktReg(6, 8), oxm: oxmPktReg(6, 8), maskable: true, writable: true, format: fmtHex},
	FieldXReg7:          {name: "xreg7", nxmName: "OXM_OF_PKT_REG7", bytes: 8, bits: 64, nxm: oxmPktReg(7, 8), oxm: oxmPktReg(7, 8), maskable: true, writable: true, format: fmtHex},
	FieldPktMark:        {name: "pkt_mark", nxmName: "NXM_NX_PKT_MARK", bytes: 4, bits: 32, nxm: nxm1(33, 4), oxm: nxm1(33, 4), maskable: true, writable: true, format: fmtHex},
	FieldCtState:        {name: "ct_state", nxmName: "NXM_NX_CT_STATE", bytes: 4, bits: 32, nxm: nxm1(105, 4), oxm: nxm1(105, 4), maskable: true, format: fmtCtState},
	FieldCtZone:         {name: "ct_zone", nxmName: "NXM_NX_CT_ZONE", bytes: 2, bits: 16, nxm: nxm1(106, 2), oxm: nxm1(106, 2), format: fmtHex},
	FieldCtMark:         {name: "ct_mark", nxmName: "NXM_NX_CT_MARK", bytes: 4, bits: 32, nxm: nxm1(107, 4), oxm: nxm1(107, 4), maskable: true, writable: true, format: fmtHex},
	FieldCtLabel:        {name: "ct_label", nxmName: "NXM_NX_CT_LABEL", bytes: 16, bits: 128, nxm: nxm1(108, 16), oxm: nxm1(108, 16), maskable: true, writable: true, format: fmtHex},
	FieldCtNwSrc:        {name: "ct_nw_src", nxmName: "NXM_NX_CT_NW_SRC", bytes: 4, bits: 32, nxm: nxm1(120, 4), oxm: nxm1(120, 4), maskable: true, format: fmtIPv4},
	FieldCtIPv6Src:      {name: "ct_ipv6_src", nxmName: "NXM_NX_CT_IPV6_SRC", bytes: 16, bits: 128, nxm: nxm1(122, 16), oxm: nxm1(122, 16), maskable: true, format: fmtIPv6},
	FieldCtNwDst:        {name: "ct_nw_dst", nxmName: "NXM_NX_CT_NW_DST", bytes: 4, bits: 32, nxm: nxm1(121, 4), oxm: nxm1(121, 4), maskable: true, format: fmtIPv4},
	FieldCtIPv6Dst:      {name: "ct_ipv6_dst", nxmName: "NXM_NX_CT_IPV6_DST", bytes: 16, bits: 128, nxm: nxm1(123, 16), oxm: nxm1(123, 16), maskable: true, format: fmtIPv6},
	FieldCtNwProto:      {name: "ct_nw_proto", nxmName: "NXM_NX_CT_NW_PROTO", bytes: 1, bits: 8, nxm: nxm1(119, 1), oxm: nxm1(119, 1), format: fmtDecimal},
	FieldCtTpSrc:        {name: "ct_tp_src", nxmName: "NXM_NX_CT_TP_SRC", bytes: 2, bits: 16, nxm: nxm1(124, 2), oxm: nxm1(124, 2), maskable: true, format: fmtDecimal},
	FieldCtTpDst:        {name: "ct_tp_dst", nxmName: "NXM_NX_CT_TP_DST", bytes: 2, bits: 16, nxm: nxm1(125, 2), oxm: nxm1(125, 2), maskable: true, format: fmtDecimal},
	FieldMetadata:       {name: "metadata", nxmName: "OXM_OF_METADATA", bytes: 8, bits: 64, nxm: oxmBasic(2, 8), oxm: oxmBasic(2, 8), maskable: true, writable: true, format: fmtHex},
	FieldReg0:           {name: "reg0", nxmName: "NXM_NX_REG0", bytes: 4, bits: 32, nxm: nxm1(0, 4), oxm: nxm1(0, 4), maskable: true, writable: true, format: fmtHex},
	FieldReg1:           {name: "reg1", nxmName: "NXM_NX_REG1", bytes: 4, bits: 32, nxm: nxm1(1, 4), oxm: nxm1(1, 4), maskable: true, writable: true, format: fmtHex},
	FieldReg2:           {name: "reg2", nxmName: "NXM_NX_REG2", bytes: 4, bits: 32, nxm: nxm1(2, 4), oxm: nxm1(2, 4), maskable: true, writable: true, format: fmtHex},
	FieldReg3:           {name: "reg3", nxmName: "NXM_NX_REG3", bytes: 4, bits: 32, nxm: nxm1(3, 4), oxm: nxm1(3, 4), maskable: true, writable: true, format: fmtHex},
	FieldReg4:           {name: "reg4", nxmName: "NXM_NX_REG4", bytes: 4, bits: 32, nxm: nxm1(4, 4), oxm: nxm1(4, 4), maskable: true, writable: true, format: fmtHex},
	FieldReg5:           {name: "reg5", nxmName: "NXM_NX_REG5", bytes: 4, bits: 32, nxm: nxm1(5, 4), oxm: nxm1(5, 4), maskable: true, writable: true, format: fmtHex},
	FieldReg6:           {name: "reg6", nxmName: "NXM_NX_REG6", bytes: 4, bits: 32, nxm: nxm1(6, 4), oxm: nxm1(6, 4), maskable: true, writable: true, format: fmtHex},
	FieldReg7:           {name: "reg7", nxmName: "NXM_NX_REG7", bytes: 4, bits: 32, nxm: nxm1(7, 4), oxm: nxm1(7, 4), maskable: true, writable: true, format: fmtHex},
	FieldReg8:           {name: "reg8", nxmName: "NXM_NX_REG8", bytes: 4, bits: 32, nxm: nxm1(8, 4), oxm: nxm1(8, 4), maskable: true, writable: true, format: fmtHex},
	FieldReg9:           {name: "reg9", nxmName: "NXM_NX_REG9", bytes: 4, bits: 32, nxm: nxm1(9, 4), oxm: nxm1(9, 4), maskable: true, writable: true, format: fmtHex},
	FieldReg10:          {name: "reg10", nxmName: "NXM_NX_REG10", bytes: 4, bits: 32, nxm: nxm1(10, 4), oxm: nxm1(10, 4), maskable: true, writable: true, format: fmtHex},
	FieldReg11:          {name: "reg11", nxmName: "NXM_NX_REG11", bytes: 4, bits: 32, nxm: nxm1(11, 4), oxm: nxm1(11, 4), maskable: true, writable: true, format: fmtHex},
	FieldReg12:          {name: "reg12", nxmName: "NXM_NX_REG12", bytes: 4, bits: 32, nxm: nxm1(12, 4), oxm: nxm1(12, 4), maskable: true, writable: true, format: fmtHex},
	FieldReg13:          {name: "reg13", nxmName: "NXM_NX_REG13", bytes: 4, bits: 32, nxm: nxm1(13, 4), oxm: nxm1(13, 4), maskable: true, writable: true, format: fmtHex},
	FieldReg14:          {name: "reg14", nxmName: "NXM_NX_REG14", bytes: 4, bits: 32, nxm: nxm1(14, 4), oxm: nxm1(14, 4), maskable: true, writable: true, format: fmtHex},
	FieldReg15:          {name: "reg15", nxmName: "NXM_NX_REG15", bytes: 4, bits: 32, nxm: nxm1(15, 4), oxm: nxm1(15, 4), maskable: true, writable: true, format: fmtHex},
	FieldXXReg0:         {name: "xxreg0", nxmName: "NXM_NX_XXREG0", bytes: 16, bits: 128, nxm: nxm1(111, 16), oxm: nxm1(111, 16), maskable: true, writable: true, format: fmtHex},
	FieldXXReg1:         {name: "xxreg1", nxmName: "NXM_NX_XXREG1", bytes: 16, bits: 128, nxm: nxm1(112, 16), oxm: nxm1(112, 16), maskable: true, writable: true, format: fmtHex},
	FieldXXReg2:         {name: "xxreg2", nxmName: "NXM_NX_XXREG2", bytes: 16, bits: 128, nxm: nxm1(113, 16), oxm: nxm1(113, 16), maskable: true, writable: true, format: fmtHex},
	FieldXXReg3:         {name: "xxreg3", nxmName: "NXM_NX_XXREG3", bytes: 16, bits: 128, nxm: nxm1(114, 16), oxm: nxm1(114, 16), maskable: true, writable: true, format: fmtHex},
	FieldInPort:         {name: "in_port", nxmName: "NXM_OF_IN_PORT", bytes: 2, bits: 16, nxm: nxm0(0, 2), oxm: nxm0(0, 2), writable: true, format: fmtPort},
	FieldVLANTCI:        {name: "vlan_tci", nxmName: "NXM_OF_VLAN_TCI", bytes: 2, bits: 16, nxm: nxm0(4, 2), oxm: nxm0(4, 2), maskable: true, writable: true, format: fmtHex},
	FieldIPTOS:          {name: "nw_tos", nxmName: "NXM_OF_IP_TOS", bytes: 1, bits: 8, nxm: nxm0(5, 1), oxm: nxm0(5, 1), writable: true, format: fmtDecimal},
}

func init() {
	for i := range NumTunMetadata {
		h := nxm1(40+uint8(i), 4)
		fields[TunMetadata(i)] = fieldInfo{name: tunMetadataName(i), nxmName: "NXM_NX_TUN_METADATA" + tunMetadataName(i)[len("tun_metadata"):], bytes: 4, bits: 32, nxm: h, oxm: h,
			maskable: true, writable: true, format: fmtHex}
	}
	for f := Field(0); f < numFields; f++ {
		info := &fields[f]
		for _, h := range [...]oxmHeader{info.nxm, info.oxm} {
			if h != 0 {
				*fieldIndex(h.class(), h.field(), h.experimenter()) = uint8(f) + 1
			}
		}
		fieldNames[info.name] = f
		if info.alias != "" {
			fieldNames[info.alias] = f
		}
	}
	// Older experimenter forms of fields that have a standard one.
	*fieldIndex(0xffff, 0, 0x2320) = uint8(FieldDPHash) + 1
	*fieldIndex(0xffff, 42, 0x4f4e4600) = uint8(FieldTCPFlags) + 1
}

func tunMetadataName(i int) string {
	if i < 10 {
		return "tun_metadata" + string(rune('0'+i))
	}
	return "tun_metadata" + string(rune('0'+i/10)) + string(rune('0'+i%10))
}
