package pinctrl

import (
	"encoding/binary"
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
		return fmt.Errorf("Ethernet type %#04x is not IP", p.ethType)
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
//
//	+--------+--------+---+---+----+-----+-----+-----+-----+
//	| 1      | 0x0800 | 6 | 4 | op | sha | spa | tha | tpa |
//	+--------+--------+---+---+----+-----+-----+-----+-----+
func (p *packet) arpRequest() []byte {
	const request = 1
	b := make([]byte, 0, ethLen+vlanLen+28)
	b = p.appendEth(b, p.dst, p.src, ethTypeARP)
	b = append(b, 0, 1, 8, 0, 6, 4)
	b = binary.BigEndian.AppendUint16(b, request)
	var spa, tpa [4]byte
	if p.ethType == ethTypeIPv4 {
		spa, tpa = p.ipSrc.As4(), p.ipDst.As4()
	}
	b = append(append(b, p.src[:]...), spa[:]...)
	b = append(b, 0, 0, 0, 0, 0, 0)
	return append(b, tpa[:]...)
}
