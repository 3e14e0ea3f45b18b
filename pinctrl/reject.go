package pinctrl

import (
	"errors"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// handleReject is the logical action reject { ... }: the sender is told in the
// way of its protocol that the packet is not wanted.
func (l *Loop) handleReject(in *openflow.PacketIn, args []byte) error {
	h, ok := extract(in.Packet)
	if !ok || !h.ip() {
		return errors.New("reject of a packet that is not IP")
	}
	switch h.proto {
	case protoTCP:
		return l.tcpReset(in, args, true)
	case protoSCTP:
		return l.sctpAbort(in, args, true)
	default:
		return l.icmpError(in, args, true, true)
	}
}
