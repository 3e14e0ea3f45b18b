package pinctrl

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// Flags of neighbour advertisements, RFC 4861 section 4.4.
const (
	naRouter    = 1 << 31
	naSolicited = 1 << 30
	naOverride  = 1 << 29
)

// Options of neighbour messages, RFC 4861 section 4.6.1.
const (
	optSourceLLA = 1
	optTargetLLA = 2
)

// handleNDNS is the logical action nd_ns { ... }: like arp, with a neighbour
// solicitation.
func (l *Loop) handleNDNS(in *openflow.PacketIn, args []byte) error {
	p, err := parse(in.Packet)
	if err != nil {
		return err
	}
	if p.ethType != ethTypeIPv4 && p.ethType != ethTypeIPv6 {
		return fmt.Errorf("not IP, but Ethernet type %#04x", p.ethType)
	}
	nextHop := ipv6(register(in.Metadata, openflow.FieldXXReg0))
	n := Neighbor{
		Datapath: uint32(register(in.Metadata, pipeline.RegDatapath).Lo),
		Port:     uint32(register(in.Metadata, pipeline.RegOutport).Lo),
		IP:       nextHop,
	}
	if !l.hold(n, in) {
		return nil
	}
	// An IPv4 packet routed by way of an IPv6 neighbour has no IPv6 destination.
	target := p.ipDst
	if p.ethType == ethTypeIPv4 {
		target = nextHop
	}
	group, mac := solicitedNode(target)
	b := make([]byte, 0, ethLen+vlanLen+ipv6Len+ndLen+llaLen)
	b = p.appendEth(b, mac, p.src, ethTypeIPv6)
	b = appendND(b, linkLocal(p.src), group, ndSolicit, 0, target, optSourceLLA, p.src)
	return l.answer(in, b, args)
}

// handleNDNA is the logical action nd_na { ... }: it answers a neighbour
// solicitation.
func (l *Loop) handleNDNA(in *openflow.PacketIn, args []byte) error {
	return l.advertise(in, args, naSolicited|naOverride)
}

// handleNDNARouter is nd_na_router { ... }: the same, as a router.
func (l *Loop) handleNDNARouter(in *openflow.PacketIn, args []byte) error {
	return l.advertise(in, args, naRouter|naSolicited|naOverride)
}

func (l *Loop) advertise(in *openflow.PacketIn, args []byte, flags uint32) error {
	p, err := parse(in.Packet)
	if err != nil {
		return err
	}
	if p.ethType != ethTypeIPv6 || p.proto != protoICMPv6 || len(p.l4) < ndLen ||
		(p.l4[0] != ndSolicit && p.l4[0] != ndAdvertise) || p.l4[1] != 0 || p.l3[7] != hopLimitND {
		return errors.New("not a neighbour message")
	}
	target := netip.AddrFrom16([16]byte(p.l4[8:24]))
	b := make([]byte, 0, ethLen+ipv6Len+ndLen+llaLen)
	untagged := packet{}
	b = untagged.appendEth(b, p.src, p.dst, ethTypeIPv6)
	b = appendND(b, target, p.ipSrc, ndAdvertise, flags, target, optTargetLLA, p.dst)
	return l.answer(in, b, args)
}

// solicitedNode is the group that a neighbour solicitation for a goes to, and its
// Ethernet address (RFC 4291 section 2.7.1, RFC 2464 section 7).
func solicitedNode(a netip.Addr) (netip.Addr, MAC) {
	t := a.As16()
	g := [16]byte{0: 0xff, 1: 0x02, 11: 0x01, 12: 0xff, 13: t[13], 14: t[14], 15: t[15]}
	return netip.AddrFrom16(g), MAC{0x33, 0x33, g[12], g[13], g[14], g[15]}
}

// linkLocal is the link-local address of an interface with that MAC (RFC 4291
// appendix A).
func linkLocal(m MAC) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80,
		8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]})
}

func ipv4(v openflow.U128) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(v.Lo >> 24), byte(v.Lo >> 16), byte(v.Lo >> 8), byte(v.Lo)})
}

func ipv6(v openflow.U128) netip.Addr {
	var b [16]byte
	for i := range 8 {
		b[i] = byte(v.Hi >> (56 - 8*i))
		b[8+i] = byte(v.Lo >> (56 - 8*i))
	}
	return netip.AddrFrom16(b)
}
