package pinctrl

import (
	"fmt"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// handleARP is the logical action arp { ... }: it replaces an IP packet whose next
// hop is unknown by an ARP request, and keeps the packet until the answer is
// there. The nested actions fill in what the request asks for.
func (l *Loop) handleARP(in *openflow.PacketIn, args []byte) error {
	p, err := parse(in.Packet)
	if err != nil {
		return err
	}
	if p.ethType != ethTypeIPv4 && p.ethType != ethTypeIPv6 {
		return fmt.Errorf("not IP, but Ethernet type %#04x", p.ethType)
	}
	n := Neighbor{
		Datapath: uint32(register(in.Metadata, pipeline.RegDatapath).Lo),
		Port:     uint32(register(in.Metadata, pipeline.RegOutport).Lo),
		IP:       ipv4(register(in.Metadata, openflow.FieldReg0)),
	}
	if !l.hold(n, in) {
		return nil
	}
	return l.answer(in, p.arpRequest(), args)
}

// arpRequest is an ARP request from the packet's sender for its destination, to
// where the packet was going.
func (p *packet) arpRequest() []byte {
	b := p.appendEth(make([]byte, 0, ethLen+vlanLen+arpPacketLen), p.dst, p.src, ethTypeARP)
	var spa, tpa [4]byte
	if p.ethType == ethTypeIPv4 {
		spa, tpa = p.ipSrc.As4(), p.ipDst.As4()
	}
	return appendARP(b, arpRequest, p.src, spa, MAC{}, tpa)
}
