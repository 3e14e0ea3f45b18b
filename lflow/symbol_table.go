package lflow

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// Symbols returns the symbols of the logical flow language, ovn-sb(5)
// "Logical_Flow", column match. With ctTranslation it is the table for ACLs
// tagged acl_ct_translation, where the ports of tcp, udp and sctp are those of
// the connection, so that they can be matched in every fragment of a packet.
func Symbols(ctTranslation bool) *Symtab {
	if ctTranslation {
		return ctSymbols()
	}
	return ordinarySymbols()
}

var (
	ordinarySymbols = sync.OnceValue(buildSymtab)
	ctSymbols       = sync.OnceValue(buildCtSymtab)
)

// symtabBuilder adds symbols one after the other; each may refer only to those
// before it.
type symtabBuilder struct{ *Symtab }

func buildSymtab() *Symtab {
	b := symtabBuilder{&Symtab{byName: make(map[string]*Symbol, 256)}}
	b.ports()
	b.registers()
	b.flags()
	b.conntrack()
	b.ethernet()
	b.ip()
	b.arpAndND()
	b.transportFromPacket()
	b.ordinal("pkt.mark", openflow.FieldPktMark, "", WriteDefault)
	b.add(&Symbol{Name: "icmp4.frag_mtu", Width: 16, OVNField: OVNFieldICMP4FragMTU, Write: ^WriteScope(0)})
	b.add(&Symbol{Name: "icmp6.frag_mtu", Width: 32, OVNField: OVNFieldICMP6FragMTU, Write: ^WriteScope(0)})
	return b.Symtab
}

// buildCtSymtab shares all symbols but those of transport protocols with the
// ordinary table, so that prerequisites of actions, which know that one, are
// about the same symbols.
func buildCtSymtab() *Symtab {
	b := symtabBuilder{&Symtab{byName: maps.Clone(ordinarySymbols().byName)}}
	maps.DeleteFunc(b.byName, func(name string, _ *Symbol) bool {
		proto, _, _ := strings.Cut(name, ".")
		return proto == "tcp" || proto == "udp" || proto == "sctp"
	})
	b.transportFromConntrack()
	return b.Symtab
}

func (b symtabBuilder) add(s *Symbol) {
	if b.byName[s.Name] != nil {
		panic("symbol " + s.Name + " defined twice")
	}
	b.byName[s.Name] = s
}

func (b symtabBuilder) parse(text string) *Expr {
	if text == "" {
		return nil
	}
	e, err := parseExpr(text, b.Symtab)
	if err != nil {
		panic("symbol table: " + text + ": " + err.Error())
	}
	return e
}

func (b symtabBuilder) field(name string, f openflow.Field, prereqs string, level Level, write WriteScope) *Symbol {
	s := &Symbol{Name: name, Width: f.Width(), HasField: true, Field: f, Level: level, Write: write}
	if e := b.parse(prereqs); e != nil {
		s.Prereqs = annotate(e)
	}
	b.add(s)
	return s
}

// ordinal adds a field whose bits can be matched singly.
func (b symtabBuilder) ordinal(name string, f openflow.Field, prereqs string, write WriteScope) {
	b.field(name, f, prereqs, LevelOrdinal, write)
}

// nominal adds a field that can only be matched as a whole.
func (b symtabBuilder) nominal(name string, f openflow.Field, prereqs string, write WriteScope) *Symbol {
	return b.field(name, f, prereqs, LevelNominal, write)
}

func (b symtabBuilder) port(name string, f openflow.Field) {
	b.add(&Symbol{Name: name, HasField: true, Field: f, Level: LevelNominal, Write: WriteDefault})
}

// part adds a name for bits of another symbol. scope applies where the other can
// be written at all.
func (b symtabBuilder) part(name, parent string, ofs, bits int, prereqs string, scope WriteScope) {
	p := b.byName[parent]
	s := &Symbol{Name: name, Width: bits, Parent: p, ParentOfs: ofs, Level: p.Level}
	if p.Write != 0 {
		s.Write = scope
	}
	if e := b.parse(prereqs); e != nil {
		s.Prereqs = annotate(e)
	}
	b.add(s)
}

func (b symtabBuilder) predicate(name, text string) {
	e := b.parse(text)
	b.add(&Symbol{Name: name, Width: 1, Level: exprLevel(e), Predicate: annotate(e)})
}

func (b symtabBuilder) ports() {
	b.port("inport", pipeline.RegInport)
	b.port("outport", pipeline.RegOutport)
	b.ordinal("__inport", pipeline.RegInport, "", WriteDefault)
	b.ordinal("__outport", pipeline.RegOutport, "", WriteDefault)
	b.predicate("from_evpn_vtep", fmt.Sprintf("__inport[%d]", pipeline.EVPNKeyBit))
	b.predicate("to_evpn_vtep", fmt.Sprintf("__outport[%d]", pipeline.EVPNKeyBit))
	b.port("remote_outport", pipeline.RegRemoteOutport)
}

// registers adds xxregN, xregN and regN. Overlapping names are parts of the
// widest, so that tests on several of them meet in one field.
func (b symtabBuilder) registers() {
	const wide = pipeline.LogicalRegs / 4 // xxregs that are complete
	for i := range wide {
		b.ordinal("xxreg"+strconv.Itoa(i), openflow.FieldXXReg0+openflow.Field(i), "", WriteDefault)
	}
	for i := range pipeline.LogicalRegs / 2 {
		name := "xreg" + strconv.Itoa(i)
		if i/2 < wide {
			b.part(name, "xxreg"+strconv.Itoa(i/2), 64*(1-i%2), 64, "", WriteDefault)
		} else {
			b.ordinal(name, openflow.FieldXReg0+openflow.Field(i), "", WriteDefault)
		}
	}
	for i := range pipeline.LogicalRegs {
		name := "reg" + strconv.Itoa(i)
		if i/4 < wide {
			b.part(name, "xxreg"+strconv.Itoa(i/4), 32*(3-i%4), 32, "", WriteDefault)
		} else {
			b.part(name, "xreg"+strconv.Itoa(i/2), 32*(1-i%2), 32, "", WriteDefault)
		}
	}
}

func (b symtabBuilder) flags() {
	b.ordinal("flags", pipeline.RegFlags, "", WriteDefault)
	for _, f := range []struct {
		name string
		bit  int
	}{
		{"loopback", pipeline.FlagAllowLoopbackBit},
		{"force_snat_for_dnat", pipeline.FlagForceSNATForDNATBit},
		{"force_snat_for_lb", pipeline.FlagForceSNATForLBBit},
		{"skip_snat_for_lb", pipeline.FlagSkipSNATForLBBit},
		{"use_snat_zone", pipeline.FlagUseSNATZoneBit},
		{"localnet", pipeline.FlagLocalnetBit},
		{"icmp_snat", pipeline.FlagICMPSNATBit},
		{"tunnel_rx", pipeline.FlagRxFromTunnelBit},
		{"unsnat_new", pipeline.FlagUnSNATNewBit},
		{"unsnat_not_tracked", pipeline.FlagUnSNATNotTrackedBit},
		{"from_ctrl", pipeline.FlagFromCtrlBit},
		{"igmp_loopback", pipeline.FlagIGMPSnoopInjectBit},
		{"pkt_sampled", pipeline.FlagPktSampledBit},
	} {
		b.part("flags."+f.name, "flags", f.bit, 1, "", WriteDefault)
	}
	b.part("flags.network_id", "flags", pipeline.FlagNetworkIDOfs, pipeline.FlagNetworkIDBits, "", WriteDefault)
}

func (b symtabBuilder) conntrack() {
	b.ordinal("ct_mark", openflow.FieldCtMark, "", WriteCtCommit)
	b.ordinal("ct_label", openflow.FieldCtLabel, "", WriteCtCommit)
	for _, p := range []struct {
		parent, name string
		ofs, bits    int
	}{
		{"ct_mark", "blocked", pipeline.CtBlockedBit, 1},
		{"ct_mark", "natted", pipeline.CtNATtedBit, 1},
		{"ct_mark", "ecmp_reply_port", 16, 16},
		{"ct_mark", "skip_snat", pipeline.CtLBSkipSNATBit, 1},
		{"ct_mark", "force_snat", pipeline.CtLBForceSNATBit, 1},
		{"ct_mark", "obs_stage", pipeline.CtObsStageOfs, pipeline.CtObsStageBits},
		{"ct_mark", "allow_established", pipeline.CtAllowEstablishedBit, 1},
		{"ct_mark", "obs_collector_id", 16, 8},
		{"ct_label", "ecmp_reply_eth", pipeline.CtECMPEthOfs, pipeline.CtECMPEthBits},
		{"ct_label", "label", 96, 32},
		{"ct_label", "obs_point_id", 96, 32},
		{"ct_label", "obs_unused", 0, 96},
		{"ct_label", "acl_id", 80, 16},
		{"ct_label", "nf", pipeline.CtNFBit, 1},
		{"ct_label", "nf_id", pipeline.CtNFIDOfs, pipeline.CtNFIDBits},
		{"ct_label", "tun_if", pipeline.CtTunIfBit, 1},
		{"ct_label", "tun_if_id", pipeline.CtTunIfIDOfs, pipeline.CtTunIfIDBits},
	} {
		b.part(p.parent+"."+p.name, p.parent, p.ofs, p.bits, "", WriteCtCommit)
	}
	b.ordinal("ct_state", openflow.FieldCtState, "", 0)
	// ct.trk first: it is a prerequisite of the others.
	for _, bit := range []int{5, 0, 1, 2, 3, 4, 6, 7} {
		name := "ct." + [...]string{"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"}[bit]
		prereqs := "ct.trk"
		if name == prereqs {
			prereqs = ""
		}
		b.part(name, "ct_state", bit, 1, prereqs, 0)
	}
}

func (b symtabBuilder) ethernet() {
	b.ordinal("eth.src", openflow.FieldEthSrc, "", WriteDefault)
	b.ordinal("eth.dst", openflow.FieldEthDst, "", WriteDefault)
	b.nominal("eth.type", openflow.FieldEthType, "", 0).MustCrossproduct = true
	b.predicate("eth.bcast", "eth.dst == ff:ff:ff:ff:ff:ff")
	b.part("eth.mcast", "eth.dst", 40, 1, "", WriteDefault)
	b.predicate("eth.mcastv6", "eth.dst[32..47] == 0x3333")

	b.ordinal("vlan.tci", openflow.FieldVLANTCI, "", WriteDefault)
	b.predicate("vlan.present", "vlan.tci[12]")
	b.part("vlan.pcp", "vlan.tci", 13, 3, "vlan.present", WriteDefault)
	b.part("vlan.vid", "vlan.tci", 0, 12, "vlan.present", WriteDefault)
}

func (b symtabBuilder) ip() {
	b.predicate("ip4", "eth.type == 0x800")
	b.predicate("ip6", "eth.type == 0x86dd")
	b.predicate("ip", "ip4 || ip6")
	b.nominal("ip.proto", openflow.FieldIPProto, "ip", 0).MustCrossproduct = true
	b.nominal("ip.dscp", openflow.FieldIPDSCP, "ip", WriteDefault)
	b.nominal("ip.ecn", openflow.FieldIPECN, "ip", WriteDefault)
	b.nominal("ip.ttl", openflow.FieldIPTTL, "ip", WriteDefault)

	b.ordinal("ip4.src", openflow.FieldIPv4Src, "ip4", WriteDefault)
	b.ordinal("ip4.dst", openflow.FieldIPv4Dst, "ip4", WriteDefault)
	b.predicate("ip4.src_mcast", "ip4.src[28..31] == 0xe")
	b.predicate("ip4.mcast", "eth.mcast && ip4.dst[28..31] == 0xe")

	b.predicate("icmp4", "ip4 && ip.proto == 1")
	b.nominal("icmp4.type", openflow.FieldICMPv4Type, "icmp4", WriteDefault)
	b.nominal("icmp4.code", openflow.FieldICMPv4Code, "icmp4", WriteDefault)
	b.predicate("igmp", "ip4.mcast && ip.proto == 2")

	b.ordinal("ip6.src", openflow.FieldIPv6Src, "ip6", WriteDefault)
	b.ordinal("ip6.dst", openflow.FieldIPv6Dst, "ip6", WriteDefault)
	b.ordinal("ip6.label", openflow.FieldIPv6Label, "ip6", WriteDefault)

	// The reserved groups of RFC 4291 section 2.7.1 are ff0X::.
	rsvd := "ip6.dst == {"
	for i := range 16 {
		rsvd += fmt.Sprintf(" ff%02x::0", i)
	}
	b.predicate("ip6.mcast_rsvd", rsvd+"}")
	b.predicate("ip6.mcast_all_nodes", "ip6.dst == {ff01::1, ff02::1}")
	b.predicate("ip6.mcast_all_rtrs", "ip6.dst == {ff01::2, ff02::2, ff05::2}")
	b.predicate("ip6.mcast_sol_node", "ip6.dst == ff02::1:ff00:0/104")
	b.predicate("ip6.mcast_flood",
		"eth.mcastv6 && (ip6.mcast_rsvd || ip6.mcast_all_nodes || ip6.mcast_all_rtrs || ip6.mcast_sol_node)")
	b.predicate("ip6.mcast", "eth.mcastv6 && ip6.dst[120..127] == 0xff")

	b.predicate("icmp6", "ip6 && ip.proto == 58")
	b.nominal("icmp6.type", openflow.FieldICMPv6Type, "icmp6", WriteDefault).MustCrossproduct = true
	b.nominal("icmp6.code", openflow.FieldICMPv6Code, "icmp6", WriteDefault).MustCrossproduct = true
	b.predicate("icmp", "icmp4 || icmp6")

	b.ordinal("ip.frag", openflow.FieldIPFrag, "ip", 0)
	b.predicate("ip.is_frag", "ip.frag[0]")
	b.predicate("ip.later_frag", "ip.frag[1]")
	b.predicate("ip.first_frag", "ip.is_frag && !ip.later_frag")
}

func (b symtabBuilder) arpAndND() {
	b.predicate("arp", "eth.type == 0x806")
	b.predicate("rarp", "eth.type == 0x8035")
	for _, p := range []string{"arp", "rarp"} { // same header, same fields
		b.nominal(p+".op", openflow.FieldARPOp, p, WriteDefault)
		b.ordinal(p+".spa", openflow.FieldARPSPA, p, WriteDefault)
		b.ordinal(p+".sha", openflow.FieldARPSHA, p, WriteDefault)
		b.ordinal(p+".tpa", openflow.FieldARPTPA, p, WriteDefault)
		b.ordinal(p+".tha", openflow.FieldARPTHA, p, WriteDefault)
	}

	const rest = " && icmp6.code == 0 && ip.ttl == 255"
	b.predicate("nd", "icmp6.type == {135, 136}"+rest)
	b.predicate("nd_ns", "icmp6.type == 135"+rest)
	b.predicate("nd_ns_mcast", "ip6.mcast && icmp6.type == 135"+rest)
	b.predicate("nd_na", "icmp6.type == 136"+rest)
	b.predicate("nd_rs", "icmp6.type == 133"+rest)
	b.predicate("nd_ra", "icmp6.type == 134"+rest)
	b.ordinal("nd.target", openflow.FieldNDTarget, "nd", WriteDefault)
	b.ordinal("nd.sll", openflow.FieldNDSLL, "nd_ns", WriteDefault)
	b.ordinal("nd.tll", openflow.FieldNDTLL, "nd_na", WriteDefault)

	b.predicate("mldv1", "eth.mcastv6 && ip6.src == fe80::/10 && icmp6.type == {130, 131, 132}")
	b.predicate("mldv2", "eth.mcastv6 && ip6.dst == ff02::16 && icmp6.type == 143")
}

func (b symtabBuilder) transportFromPacket() {
	b.predicate("tcp", "ip.proto == 6")
	b.ordinal("tcp.src", openflow.FieldTCPSrc, "tcp", WriteDefault)
	b.ordinal("tcp.dst", openflow.FieldTCPDst, "tcp", WriteDefault)
	b.tcpFlags()
	b.predicate("udp", "ip.proto == 17")
	b.ordinal("udp.src", openflow.FieldUDPSrc, "udp", WriteDefault)
	b.ordinal("udp.dst", openflow.FieldUDPDst, "udp", WriteDefault)
	b.predicate("sctp", "ip.proto == 132")
	b.ordinal("sctp.src", openflow.FieldSCTPSrc, "sctp", WriteDefault)
	b.ordinal("sctp.dst", openflow.FieldSCTPDst, "sctp", WriteDefault)
}

func (b symtabBuilder) transportFromConntrack() {
	b.nominal("ct_proto", openflow.FieldCtNwProto, "ct.trk", 0)
	for _, p := range []struct {
		name  string
		proto int
	}{{"tcp", 6}, {"udp", 17}, {"sctp", 132}} {
		b.predicate(p.name, fmt.Sprintf("ct.trk && !ct.inv && ct_proto == %d", p.proto))
		b.ordinal(p.name+".src", openflow.FieldCtTpSrc, p.name, 0)
		b.ordinal(p.name+".dst", openflow.FieldCtTpDst, p.name, 0)
	}
	b.tcpFlags()
}

func (b symtabBuilder) tcpFlags() {
	b.ordinal("tcp.flags", openflow.FieldTCPFlags, "tcp", 0)
}
