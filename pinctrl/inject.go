package pinctrl

import (
	"encoding/binary"
	"errors"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// PortKey names a logical port as packets carry it, by the tunnel keys of its
// datapath and of itself.
type PortKey struct{ Datapath, Port uint32 }

// portKeys reads where a packet-in is and where it came in.
func portKeys(in *openflow.PacketIn) PortKey {
	return PortKey{
		Datapath: uint32(register(in.Metadata, pipeline.RegDatapath).Lo),
		Port:     uint32(register(in.Metadata, pipeline.RegInport).Lo),
	}
}

// inject sends a packet made here through the ingress pipeline of a datapath as if
// it had come in by the port. flags are pipeline.Flag bits.
func (l *Loop) inject(packet []byte, p PortKey, flags uint64) error {
	var a openflow.ActionBuilder
	a.SetField(pipeline.RegDatapath, openflow.U64(uint64(p.Datapath)))
	a.SetField(pipeline.RegInport, openflow.U64(uint64(p.Port)))
	if flags != 0 {
		a.SetFieldMasked(pipeline.RegFlags, openflow.U64(flags), openflow.U64(flags))
	}
	a.Resubmit(pipeline.TableIngress)
	return l.packetOut(packet, a.Actions())
}

// deliver sends a packet made here out of a port, past the logical pipelines'
// decisions where it goes. flags are pipeline.Flag bits.
func (l *Loop) deliver(packet []byte, p PortKey, flags uint64) error {
	var a openflow.ActionBuilder
	a.SetField(pipeline.RegDatapath, openflow.U64(uint64(p.Datapath)))
	a.SetField(pipeline.RegOutport, openflow.U64(uint64(p.Port)))
	if flags != 0 {
		a.SetFieldMasked(pipeline.RegFlags, openflow.U64(flags), openflow.U64(flags))
	}
	a.Resubmit(pipeline.TableLocalOutput)
	return l.packetOut(packet, a.Actions())
}

func (l *Loop) packetOut(packet []byte, actions openflow.Actions) error {
	_, err := l.conn.Send(&openflow.PacketOut{InPort: openflow.PortController, Actions: actions, Packet: packet})
	return err
}

var broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// Values of the operation field, RFC 826 and RFC 903.
const (
	arpRequest     = 1
	rarpRequest    = 3
	arpPacketLen   = 28
	arpHardwareEth = 1
)

// appendARP appends an ARP or RARP packet for Ethernet and IPv4.
//
//	+--------+--------+---+---+----+-----+-----+-----+-----+
//	| 1      | 0x0800 | 6 | 4 | op | sha | spa | tha | tpa |
//	+--------+--------+---+---+----+-----+-----+-----+-----+
func appendARP(b []byte, op uint16, sha MAC, spa [4]byte, tha MAC, tpa [4]byte) []byte {
	b = binary.BigEndian.AppendUint16(b, arpHardwareEth)
	b = binary.BigEndian.AppendUint16(b, ethTypeIPv4)
	b = append(b, 6, 4)
	b = binary.BigEndian.AppendUint16(b, op)
	b = append(append(b, sha[:]...), spa[:]...)
	return append(append(b, tha[:]...), tpa[:]...)
}

// errNotConnected says that there is no connection to send packets on.
var errNotConnected = errors.New("OpenFlow channel not ready")

// Enter sends a packet into the switch as if it had come in by one of its ports. It
// may be called from any goroutine.
func (l *Loop) Enter(packet []byte, inPort uint32) (err error) {
	if !l.connected.Load() {
		return errNotConnected
	}
	l.inTurn(func() {
		var a openflow.ActionBuilder
		a.Resubmit(0)
		_, err = l.conn.Send(&openflow.PacketOut{InPort: inPort, Actions: a.Actions(), Packet: packet})
	})
	return err
}
