package physical

import (
	"net/netip"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// Values of match fields, as assigned by IANA and IEEE.
const (
	ethTypeIPv4 = 0x0800
	ethTypeARP  = 0x0806
	ethTypeRARP = 0x8035
	ethTypeIPv6 = 0x86dd

	arpRequest = 1 // operation
	arpReply   = 2

	ethTypeQ  = 0x8100 // IEEE 802.1Q VLAN tag
	ethTypeAD = 0x88a8 // IEEE 802.1ad service tag

	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoSCTP   = 132

	icmp4Unreachable     = 3 // type
	icmp4FragNeeded      = 4 // its code
	icmp6PacketTooBig    = 2
	icmp6Solicitation    = 135
	icmp6MLDv1Report     = 131
	icmp6MLDv2Report     = 143
	icmp6NeighborSolicit = 135
	icmp6NeighborAdvert  = 136

	// vlanPresent is the bit of vlan_tci that tells a tagged from an untagged packet.
	vlanPresent = 0x1000
	vlanVIDMask = 0x0fff
)

// ofpNone as in_port: the packet came in nowhere, so that it may leave through
// the port by which it came in (OpenFlow 1.5, OFPP_ANY on 16 bits).
const ofpNone = 0xffff

// Priorities and lengths of matches and loads are in the functions below; what
// they share is here.

// matchDatapath starts a match on the logical datapath.
func (f *Flows) matchDatapath(dp uint32) *openflow.MatchBuilder {
	m := f.match()
	m.SetU(pipeline.RegDatapath, uint64(dp))
	return m
}

// matchInport and matchOutport start a match on one logical port.
func (f *Flows) matchInport(dp, port uint32) *openflow.MatchBuilder {
	m := f.matchDatapath(dp)
	m.SetU(pipeline.RegInport, uint64(port))
	return m
}

func (f *Flows) matchOutport(dp, port uint32) *openflow.MatchBuilder {
	m := f.matchDatapath(dp)
	m.SetU(pipeline.RegOutport, uint64(port))
	return m
}

// matchFlags narrows m to packets whose flags under mask are flags.
func matchFlags(m *openflow.MatchBuilder, flags, mask uint32) {
	m.SetMasked(pipeline.RegFlags, u128(uint64(flags)), u128(uint64(mask)))
}

// matchVLAN narrows m to packets tagged with vid; 0 is a priority tag.
func matchVLAN(m *openflow.MatchBuilder, vid uint16) {
	m.SetMasked(openflow.FieldVLANTCI, u128(uint64(vid|vlanPresent)), u128(vlanPresent|vlanVIDMask))
}

// matchUntagged narrows m to packets that carry no VLAN tag.
func matchUntagged(m *openflow.MatchBuilder) {
	m.SetMasked(openflow.FieldVLANTCI, u128(0), u128(vlanPresent))
}

func matchICMPv6(m *openflow.MatchBuilder, typ uint8) {
	m.SetU(openflow.FieldEthType, ethTypeIPv6)
	m.SetU(openflow.FieldIPProto, protoICMPv6)
	m.SetU(openflow.FieldICMPv6Type, uint64(typ))
}

// load sets a whole field.
func load(a *openflow.ActionBuilder, f openflow.Field, v uint64) {
	a.LoadSub(openflow.Whole(f), v)
}

// loadBits sets n bits of a field from bit ofs on.
func loadBits(a *openflow.ActionBuilder, f openflow.Field, ofs, n int, v uint64) {
	a.LoadSub(openflow.Bits(f, ofs, n), v)
}

// setFlag sets one flag, clearFlag clears it.
func setFlag(a *openflow.ActionBuilder, bit int)   { loadBits(a, pipeline.RegFlags, bit, 1, 1) }
func clearFlag(a *openflow.ActionBuilder, bit int) { loadBits(a, pipeline.RegFlags, bit, 1, 0) }

// forgetInPort lets the packet leave through the port it came in by.
func forgetInPort(a *openflow.ActionBuilder) { load(a, openflow.FieldInPort, ofpNone) }

// clearLogicalRegs makes packets that stay on this chassis enter the egress
// pipeline like those that a tunnel brings: with nothing in the registers.
func clearLogicalRegs(a *openflow.ActionBuilder) {
	for i := range pipeline.LogicalRegs {
		load(a, openflow.FieldReg0+openflow.Field(i), 0)
	}
}

// move copies n bits.
func move(a *openflow.ActionBuilder, src openflow.Field, srcOfs int, dst openflow.Field, dstOfs, n int) {
	a.Move(openflow.Bits(src, srcOfs, n), openflow.Bits(dst, dstOfs, n))
}

func u128(v uint64) openflow.U128 { return openflow.U128{Lo: v} }

// addrValue is an address as the value of a field: 32 bits for IPv4, 128 for
// IPv6.
func addrValue(a netip.Addr) openflow.U128 {
	if a.Is4() {
		b := a.As4()
		return u128(uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3]))
	}
	b := a.As16()
	var v openflow.U128
	for i := range 8 {
		v.Hi = v.Hi<<8 | uint64(b[i])
		v.Lo = v.Lo<<8 | uint64(b[i+8])
	}
	return v
}

// prefixMask is the mask of the first plen of width bits.
func prefixMask(plen, width int) openflow.U128 {
	return openflow.MaskN(plen).Shl(width - plen)
}
