package pinctrl

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// TCP flags, RFC 9293 section 3.1.
const (
	tcpRST = 0x04
	tcpACK = 0x10
)

const resetTTL = 63

// handleTCPReset is the logical action tcp_reset { ... }: the segment is replaced
// by a reset.
func (l *Loop) handleTCPReset(in *openflow.PacketIn, args []byte) error {
	return l.tcpReset(in, args, false)
}

func (l *Loop) tcpReset(in *openflow.PacketIn, args []byte, loopback bool) error {
	h, ok := extract(in.Packet)
	if !ok || !h.ip() || h.proto != protoTCP {
		return errors.New("TCP reset for a packet that is not TCP")
	}
	if !h.mayReset() {
		return l.forbidden(in)
	}
	if len(h.l4) < tcpLen {
		return errShort
	}
	if binary.BigEndian.Uint16(h.l4[12:])&tcpRST != 0 {
		// Two that reset each other would not end.
		return l.forbidden(in)
	}
	nested, err := openflow.DecodeActions(args)
	if err != nil {
		return fmt.Errorf("nested actions: %w", err)
	}
	return l.give(in, h.tcpReset(loopback), nested)
}

// tcpReset acknowledges one byte, as for the segment that opens a connection.
//
//	+-----+-----+-----+-----+------+-------+--------+----------+--------+
//	| src | dst | seq | ack | size | flags | window | checksum | urgent |
//	+-----+-----+-----+-----+------+-------+--------+----------+--------+
func (h *headers) tcpReset(loopback bool) []byte {
	b := make([]byte, 0, ethLen+vlanLen+ipv6Len+tcpLen)
	b = h.appendHeaders(b, loopback, protoTCP, resetTTL, tcpLen)
	at := len(b)
	b = binary.BigEndian.AppendUint16(b, h.tpDst)
	b = binary.BigEndian.AppendUint16(b, h.tpSrc)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, binary.BigEndian.Uint32(h.l4[4:])+1)
	b = append(b, tcpLen/4<<4, tcpRST|tcpACK, 0, 0, 0, 0, 0, 0)
	binary.BigEndian.PutUint16(b[at+16:], finish(sum(pseudo(h.ipSrc, h.ipDst, protoTCP, tcpLen), b[at:])))
	return b
}
