package openflow

// Ethernet types and IP protocols that matches are written by.
const (
	ethTypeIPv4      = 0x0800
	ethTypeARP       = 0x0806
	ethTypeRARP      = 0x8035
	ethTypeIPv6      = 0x86dd
	ethTypeMPLS      = 0x8847
	ethTypeMPLSMcast = 0x8848
	ethTypeNSH       = 0x894f

	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoSCTP   = 132
)

// String is m as ovs-ofctl prints it, without priority: "" for the match of
// every packet.
func (m Match) String() string {
	b := appendMatchText(nil, m)
	if n := len(b); n > 0 {
		b = b[:n-1]
	}
	return string(b)
}

// matchText writes one match. Every part ends with a comma.
type matchText struct {
	b  []byte
	mb MatchBuilder
}

func appendMatchText(b []byte, m Match) []byte {
	t := matchText{b: b}
	if _, err := t.mb.decode(string(m)); err != nil {
		return append(b, "<ill-formed match>,"...)
	}
	t.write()
	for i := 0; i < len(m); {
		tlv, err := nextTLV(string(m[i:]))
		if err != nil {
			break
		}
		if !tlv.known {
			t.b = append(t.b, "<unknown field>,"...)
		}
		i += tlv.size
	}
	return t.b
}

func (t *matchText) str(s string) { t.b = append(t.b, s...) }

// part writes name=, what f writes, and a comma, if field is tested.
func (t *matchText) part(name string, field Field, f func(b []byte, v, m U128) []byte) {
	v, m := t.mb.Get(field)
	if m.IsZero() {
		return
	}
	t.str(name)
	t.b = append(t.b, '=')
	t.b = f(t.b, v, m)
	t.b = append(t.b, ',')
}

func (t *matchText) hexMasked(name string, field Field) {
	t.part(name, field, func(b []byte, v, m U128) []byte {
		b = appendHex128(b, v)
		if m != MaskN(8*field.Bytes()) {
			b = appendHex128(append(b, '/'), m)
		}
		return b
	})
}

// decMasked is decimal, or hexadecimal with a mask.
func (t *matchText) decMasked(name string, field Field) {
	t.part(name, field, func(b []byte, v, m U128) []byte {
		if m == MaskN(8*field.Bytes()) {
			return appendDec(b, v.Lo)
		}
		width := 1
		switch field.Bytes() {
		case 1:
			width = 2
		case 4:
			width = 8
		}
		b = append(appendHexWidth(b, v.Lo, width), '/')
		return appendHexWidth(b, m.Lo, width)
	})
}

func (t *matchText) dec(name string, field Field) {
	t.part(name, field, func(b []byte, v, _ U128) []byte { return appendDec(b, v.Lo) })
}

func (t *matchText) hex(name string, field Field) {
	t.part(name, field, func(b []byte, v, _ U128) []byte { return appendHex(b, v.Lo) })
}

func (t *matchText) ipv4(name string, field Field) { t.part(name, field, appendIPv4Masked) }
func (t *matchText) ipv6(name string, field Field) { t.part(name, field, appendIPv6Masked) }
func (t *matchText) mac(name string, field Field)  { t.part(name, field, appendMACMasked) }
func (t *matchText) port(name string, field Field) {
	t.part(name, field, func(b []byte, v, _ U128) []byte { return appendPortText(b, uint32(v.Lo)) })
}

func (t *matchText) tests(f Field) bool {
	_, m := t.mb.Get(f)
	return !m.IsZero()
}

func (t *matchText) value(f Field) uint64 {
	v, _ := t.mb.Get(f)
	return v.Lo
}

func (t *matchText) write() {
	t.hexMasked("pkt_mark", FieldPktMark)
	t.hexMasked("recirc_id", FieldRecircID)
	t.hexMasked("dp_hash", FieldDPHash)
	t.dec("conj_id", FieldConjID)
	t.port("actset_output", FieldActsetOutput)
	t.part("ct_state", FieldCtState, func(b []byte, v, m U128) []byte {
		return appendFlags(b, ctStateNames, v.Lo, m.Lo, 0xff)
	})
	t.decMasked("ct_zone", FieldCtZone)
	t.hexMasked("ct_mark", FieldCtMark)
	t.hexMasked("ct_label", FieldCtLabel)
	t.ipv4("ct_nw_src", FieldCtNwSrc)
	t.ipv6("ct_ipv6_src", FieldCtIPv6Src)
	t.ipv4("ct_nw_dst", FieldCtNwDst)
	t.ipv6("ct_ipv6_dst", FieldCtIPv6Dst)
	if t.tests(FieldCtNwProto) {
		t.dec("ct_nw_proto", FieldCtNwProto)
		t.decMasked("ct_tp_src", FieldCtTpSrc)
		t.decMasked("ct_tp_dst", FieldCtTpDst)
	}
	ethType := t.value(FieldEthType)
	if v, m := t.mb.Get(FieldPacketType); !m.IsZero() {
		t.b = append(appendPacketType(t.b, v.Lo, m.Lo), ',')
		if v.Lo>>16 == 1 { // its type is an Ethernet type
			ethType = v.Lo & 0xffff
		}
	}
	typeWritten, protoWritten := t.shorthand(ethType)
	for r := FieldReg0; r <= FieldReg15; r++ {
		t.hexMasked(r.Name(), r)
	}
	t.tunnel()
	t.hexMasked("metadata", FieldMetadata)
	t.port("in_port", FieldInPortOXM)
	t.vlan()
	t.mac("dl_src", FieldEthSrc)
	t.mac("dl_dst", FieldEthDst)
	if !typeWritten && t.tests(FieldEthType) {
		t.str("dl_type=")
		t.b = append(appendHexWidth(t.b, ethType, 4), ',')
	}
	t.network(ethType, protoWritten)
	t.transport(ethType)
}

// shorthand writes the Ethernet type and IP protocol by name where they have
// one.
func (t *matchText) shorthand(ethType uint64) (typeWritten, protoWritten bool) {
	if !t.tests(FieldEthType) {
		return false, false
	}
	ip := func(plain, suffix string, icmp uint64) bool {
		name, ok := plain, false
		if t.tests(FieldIPProto) {
			ok = true
			switch t.value(FieldIPProto) {
			case icmp:
				name = "icmp" + suffix
			case protoTCP:
				name = "tcp" + suffix
			case protoUDP:
				name = "udp" + suffix
			case protoSCTP:
				name = "sctp" + suffix
			default:
				ok = false
			}
		}
		t.str(name)
		t.b = append(t.b, ',')
		return ok
	}
	switch ethType {
	case ethTypeIPv4:
		return true, ip("ip", "", protoICMP)
	case ethTypeIPv6:
		return true, ip("ipv6", "6", protoICMPv6)
	case ethTypeARP:
		t.str("arp,")
	case ethTypeRARP:
		t.str("rarp,")
	case ethTypeMPLS:
		t.str("mpls,")
	case ethTypeMPLSMcast:
		t.str("mplsm,")
	default:
		return false, false
	}
	return true, false
}

func (t *matchText) tunnel() {
	t.hexMasked("tun_id", FieldTunID)
	t.ipv4("tun_src", FieldTunSrc)
	t.ipv4("tun_dst", FieldTunDst)
	t.ipv6("tun_ipv6_src", FieldTunIPv6Src)
	t.ipv6("tun_ipv6_dst", FieldTunIPv6Dst)
	t.decMasked("tun_gbp_id", FieldTunGBPID)
	t.hex("tun_gbp_flags", FieldTunGBPFlags)
	version := t.value(FieldTunERSPANVer)
	t.dec("tun_erspan_ver", FieldTunERSPANVer)
	if version == 1 {
		t.hex("tun_erspan_idx", FieldTunERSPANIdx)
	}
	if version == 2 {
		t.dec("tun_erspan_dir", FieldTunERSPANDir)
		t.hex("tun_erspan_hwid", FieldTunERSPANHWID)
	}
	t.hex("gtpu_flags", FieldTunGTPUFlags)
	t.dec("gtpu_msgtype", FieldTunGTPUMsgType)
	t.part("tun_flags", FieldTunFlags, func(b []byte, v, m U128) []byte {
		// Only one of the switch's own flags is visible here, so the mask is
		// never all of them.
		return appendFlags(b, tunFlagNames, v.Lo, m.Lo&TunFlagOAM, 0xffff)
	})
	for i := range NumTunMetadata {
		f := TunMetadata(i)
		if !t.tests(f) {
			continue
		}
		// The length that ovs-ofctl assumes is that of the longest number, and a
		// mask of all its bits goes without saying.
		v, m := t.mb.Get(f)
		if n := (max(v.Len(), m.Len()) + 7) / 8 * 8; m == MaskN(n) {
			t.hex(f.Name(), f)
		} else {
			t.hexMasked(f.Name(), f)
		}
	}
}

func (t *matchText) vlan() {
	v, m := t.mb.Get(FieldVLANTCI)
	if m.IsZero() {
		return
	}
	const vid, pcp = 0x0fff, 0xe000
	vidMask, pcpMask := m.Lo&vid, m.Lo&pcp
	switch {
	case m.Lo&v.Lo&vlanPresent != 0 && (vidMask == 0 || vidMask == vid) &&
		(pcpMask == 0 || pcpMask == pcp) && vidMask|pcpMask != 0:
		if vidMask != 0 {
			t.str("dl_vlan=")
			t.b = append(appendDec(t.b, v.Lo&vid), ',')
		}
		if pcpMask != 0 {
			t.str("dl_vlan_pcp=")
			t.b = append(appendDec(t.b, v.Lo>>vlanVIDBits), ',')
		}
	default:
		t.str("vlan_tci=")
		t.b = appendHexWidth(t.b, v.Lo, 4)
		if m.Lo != 0xffff {
			t.b = appendHexWidth(append(t.b, '/'), m.Lo, 4)
		}
		t.b = append(t.b, ',')
	}
}

func (t *matchText) network(ethType uint64, protoWritten bool) {
	arp := ethType == ethTypeARP || ethType == ethTypeRARP
	switch {
	case ethType == ethTypeIPv6:
		t.ipv6("ipv6_src", FieldIPv6Src)
		t.ipv6("ipv6_dst", FieldIPv6Dst)
		t.part("ipv6_label", FieldIPv6Label, func(b []byte, v, m U128) []byte {
			b = appendHexWidth(b, v.Lo, 5)
			if m != MaskN(20) {
				b = appendHexWidth(append(b, '/'), m.Lo, 5)
			}
			return b
		})
	case arp:
		t.ipv4("arp_spa", FieldARPSPA)
		t.ipv4("arp_tpa", FieldARPTPA)
	case ethType == ethTypeNSH:
		t.nsh()
	default:
		t.ipv4("nw_src", FieldIPv4Src)
		t.ipv4("nw_dst", FieldIPv4Dst)
	}
	if arp {
		t.dec("arp_op", FieldARPOp)
		t.mac("arp_sha", FieldARPSHA)
		t.mac("arp_tha", FieldARPTHA)
	} else if !protoWritten {
		t.dec("nw_proto", FieldIPProto)
	}
	t.dec("nw_tos", FieldIPTOS)
	t.dec("nw_ecn", FieldIPECN)
	t.dec("nw_ttl", FieldIPTTL)
	t.dec("mpls_label", FieldMPLSLabel)
	t.dec("mpls_tc", FieldMPLSTC)
	t.dec("mpls_ttl", FieldMPLSTTL)
	t.dec("mpls_bos", FieldMPLSBOS)
	t.part("nw_frag", FieldIPFrag, func(b []byte, v, m U128) []byte { return appendFrag(b, v.Lo, m.Lo) })
}

func (t *matchText) nsh() {
	t.decMasked("nsh_flags", FieldNSHFlags)
	t.decMasked("nsh_ttl", FieldNSHTTL)
	t.decMasked("nsh_mdtype", FieldNSHMDType)
	t.decMasked("nsh_np", FieldNSHNP)
	t.part("nsh_spi", FieldNSHSPI, func(b []byte, v, _ U128) []byte { return appendHexWidth(b, v.Lo, 1) })
	t.decMasked("nsh_si", FieldNSHSI)
	if t.value(FieldNSHMDType) == 1 {
		for f := FieldNSHC1; f <= FieldNSHC4; f++ {
			t.part(f.Name(), f, func(b []byte, v, m U128) []byte {
				b = appendHexWidth(b, v.Lo, 1)
				if m != MaskN(32) {
					b = appendHexWidth(append(b, '/'), m.Lo, 1)
				}
				return b
			})
		}
	}
}

func (t *matchText) transport(ethType uint64) {
	proto := t.value(FieldIPProto)
	switch {
	case ethType == ethTypeIPv4 && proto == protoICMP:
		t.decMasked("icmp_type", FieldICMPv4Type)
		t.decMasked("icmp_code", FieldICMPv4Code)
	case ethType == ethTypeIPv6 && proto == protoICMPv6:
		t.decMasked("icmp_type", FieldICMPv6Type)
		t.decMasked("icmp_code", FieldICMPv6Code)
		t.ipv6("nd_target", FieldNDTarget)
		t.mac("nd_sll", FieldNDSLL)
		t.mac("nd_tll", FieldNDTLL)
		t.decMasked("nd_reserved", FieldNDReserved)
		t.decMasked("nd_options_type", FieldNDOptionsType)
	case proto == protoTCP:
		t.decMasked("tp_src", FieldTCPSrc)
		t.decMasked("tp_dst", FieldTCPDst)
	case proto == protoUDP:
		t.decMasked("tp_src", FieldUDPSrc)
		t.decMasked("tp_dst", FieldUDPDst)
	case proto == protoSCTP:
		t.decMasked("tp_src", FieldSCTPSrc)
		t.decMasked("tp_dst", FieldSCTPDst)
	}
	if proto == protoTCP {
		t.part("tcp_flags", FieldTCPFlags, func(b []byte, v, m U128) []byte {
			return appendFlags(b, tcpFlagNames, v.Lo, m.Lo&0xfff, 0xfff)
		})
	}
}
