package physical

import (
	"encoding/binary"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// forceTunnels is for ports on other chassis of a switch with a localnet port.
// What ports with several chassis send to them must take the tunnel: the physical
// network would see one Ethernet address on several of its ports. Tunnels have
// room for less, so packets too large are answered.
func (b *portBuild) forceTunnels() {
	senders := b.v.MultichassisPorts(b.pb.Datapath)
	if len(senders) == 0 {
		return
	}
	tunnels := b.tunnels("")
	if len(tunnels) == 0 {
		return
	}
	for _, name := range senders {
		sender, ok := b.v.Port(name)
		if !ok {
			continue
		}
		m := b.out.matchOutport(b.dp.Key, b.key)
		m.SetU(pipeline.RegInport, uint64(sender.Key()))
		a := b.out.actions()
		if b.typ == PortVTEP {
			forgetInPort(a)
		}
		b.sendTo(a, tunnels)
		b.out.add(b.origin, pipeline.TableRemoteOutput, 110)

		if mtu := tunnelMTU(b.v.IfaceMTU(name), tunnels); mtu > 0 {
			for _, ipv6 := range []bool{false, true} {
				b.tooLarge(pipeline.RegInport, sender.Key(), mtu, ipv6)
				b.tooLarge(pipeline.RegOutport, sender.Key(), mtu, ipv6)
			}
		}
	}
	// Ports that send to each other meet in the same matches.
}

// What tunnels add to a packet, in bytes; the outer IP header comes on top.
const (
	geneveOverhead = 38 // Ethernet 14, UDP 8, Geneve 8, option 8
	vxlanOverhead  = 30 // Ethernet 14, UDP 8, VXLAN 8
	ipv4Header     = 20
	ipv6Header     = 40
	// ethOverhead is what check_pkt_larger counts and an IP MTU does not: Ethernet
	// header and checksum.
	ethOverhead = 18
)

// tunnelMTU is the size of the packets of an interface that fit all the tunnels,
// 0 if the interface's own is not known.
func tunnelMTU(mtu uint16, tunnels []Tunnel) uint16 {
	overhead := uint16(0)
	for _, t := range tunnels {
		o := uint16(geneveOverhead)
		if t.Type == VXLAN {
			o = vxlanOverhead
		}
		if addr, ok := parseAddr(t.RemoteIP); ok && addr.Is6() {
			o += ipv6Header
		} else {
			o += ipv4Header
		}
		overhead = max(overhead, o)
	}
	if mtu <= overhead {
		return 0
	}
	return mtu - overhead
}

// pktLarger is where ovn-northd expects the result of check_pkt_larger().
var pktLarger = openflow.Bits(openflow.FieldReg9, 1, 1)

// tooLarge answers packets of one IP version that have port key in register reg
// and do not fit mtu with an ICMP error.
func (b *portBuild) tooLarge(reg openflow.Field, key uint32, mtu uint16, ipv6 bool) {
	ethType := uint64(ethTypeIPv4)
	if ipv6 {
		ethType = ethTypeIPv6
	}
	m := b.out.matchDatapath(b.dp.Key)
	m.SetU(openflow.FieldEthType, ethType)
	m.SetU(reg, uint64(key))
	a := b.out.actions()
	a.CheckPktLarger(mtu, pktLarger)
	a.Resubmit(pipeline.TableOutputLargePktProcess)
	b.out.add(b.origin, pipeline.TableOutputLargePktDetect, 100)

	m.SetSub(pktLarger, 1)
	a = b.out.actions()
	a.Controller(openflow.ControllerSpec{
		Reason:   reasonAction,
		Pause:    true,
		UserData: packetInData(pipeline.OpICMP, icmpTooLarge(mtu-ethOverhead, ipv6)),
	})
	b.out.add(b.origin, pipeline.TableOutputLargePktProcess, 100)
}

// setIPTTL255 is OpenFlow's action SET_NW_TTL (type 23, 8 bytes, value, padding):
// a set-field would do the same, but this is what the C agent sends.
const setIPTTL255 openflow.Actions = "\x00\x17\x00\x08\xff\x00\x00\x00"

// icmpTooLarge turns a packet into the error that answers it and has it start
// over, as the logical action icmp4_error or icmp6_error would.
func icmpTooLarge(mtu uint16, ipv6 bool) openflow.Actions {
	var a openflow.ActionBuilder
	a.LoadSub(pktLarger, 0)
	setFlag(&a, pipeline.FlagAllowLoopbackBit)
	swap := func(x, y openflow.Field) {
		a.Push(openflow.Whole(x))
		a.Push(openflow.Whole(y))
		a.Pop(openflow.Whole(x))
		a.Pop(openflow.Whole(y))
	}
	swap(pipeline.RegInport, pipeline.RegOutport)
	swap(openflow.FieldEthDst, openflow.FieldEthSrc)
	if ipv6 {
		swap(openflow.FieldIPv6Dst, openflow.FieldIPv6Src)
	} else {
		swap(openflow.FieldIPv4Dst, openflow.FieldIPv4Src)
	}
	a.AppendRaw(setIPTTL255)
	if ipv6 {
		load(&a, openflow.FieldICMPv6Type, icmp6PacketTooBig)
		load(&a, openflow.FieldICMPv6Code, 0)
		a.Note(fieldNote(noteICMP6FragMTU, binary.BigEndian.AppendUint32(nil, uint32(mtu))))
	} else {
		load(&a, openflow.FieldICMPv4Type, icmp4Unreachable)
		load(&a, openflow.FieldICMPv4Code, icmp4FragNeeded)
		a.Note(fieldNote(noteICMP4FragMTU, binary.BigEndian.AppendUint16(nil, mtu)))
	}
	a.Resubmit(pipeline.TableIngress)
	return a.Actions()
}

// Fields that have no place in OpenFlow are set by notes, which the packet-in
// loop understands: "ovn", 0, the number of the field, two bytes of padding, its
// value.
const (
	noteICMP4FragMTU = 0
	noteICMP6FragMTU = 1
)

func fieldNote(field uint16, value []byte) []byte {
	note := binary.BigEndian.AppendUint16([]byte("ovn\x00"), field)
	return append(append(note, 0, 0), value...)
}
