package pinctrl

import (
	"encoding/binary"
	"net/netip"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// handleRouterQuery hears of an ARP request or a neighbour solicitation that comes
// out of a tunnel. If a router sent it from another chassis, its answer comes in
// here. The port it left by is the router's, or the port of the switch that faces
// the router; what comes from any other port is a guest's.
func (l *Loop) handleRouterQuery(in *openflow.PacketIn, _ []byte) error {
	if l.cfg.Router == nil {
		return nil
	}
	p, err := parse(in.Packet)
	if err != nil {
		return err
	}
	target, ok := p.question()
	if !ok {
		return errNotForUs
	}
	dp := uint32(register(in.Metadata, pipeline.RegDatapath).Lo)
	from := PortKey{dp, uint32(register(in.Metadata, pipeline.RegInport).Lo)}
	to := PortKey{dp, uint32(register(in.Metadata, pipeline.RegOutport).Lo)}
	router, ok := l.cfg.Router(from)
	if !ok || router.Datapath == dp {
		// Not by a router into a switch, but by a gateway out of its router, or a guest.
		router, ok = l.cfg.Router(to)
		ok = ok && router.Datapath == dp
	}
	if ok {
		l.buffer.questions.note(Neighbor{router.Datapath, router.Port, target}, l.cfg.Now())
		l.stats.questionsHeard.Add(1)
	}
	return nil
}

const arpReply = 2

// arpOp is the operation of an ARP packet, 0 of any other.
func (p *packet) arpOp() uint16 {
	if p.ethType != ethTypeARP || len(p.l3) < arpPacketLen {
		return 0
	}
	return binary.BigEndian.Uint16(p.l3[6:])
}

// nd is the type of a neighbour message, 0 of any other packet.
func (p *packet) nd() uint8 {
	if p.ethType != ethTypeIPv6 || p.proto != protoICMPv6 || len(p.l4) < ndLen {
		return 0
	}
	if t := p.l4[0]; t == ndSolicit || t == ndAdvertise {
		return t
	}
	return 0
}

// question is the address that a packet asks for.
func (p *packet) question() (netip.Addr, bool) {
	switch {
	case p.arpOp() == arpRequest:
		return netip.AddrFrom4([4]byte(p.l3[24:28])), true
	case p.nd() == ndSolicit:
		return netip.AddrFrom16([16]byte(p.l4[8:24])), true
	}
	return netip.Addr{}, false
}

// answers tells whether a packet is an answer, asked for or not, as opposed to a
// question that tells about its sender.
func (p *packet) answers() bool { return p.arpOp() == arpReply || p.nd() == ndAdvertise }
