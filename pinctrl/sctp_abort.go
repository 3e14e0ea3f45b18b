package pinctrl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Chunks of SCTP, RFC 9260 section 3.2.
const (
	sctpInit     = 1
	sctpAbort    = 6
	sctpFlagT    = 1 // the verification tag is the sender's own
	sctpChunkLen = 4
	sctpInitLen  = 16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// handleSCTPAbort is the logical action sctp_abort { ... }: the packet is
// replaced by an abort of the association.
func (l *Loop) handleSCTPAbort(in *openflow.PacketIn, args []byte) error {
	return l.sctpAbort(in, args, false)
}

func (l *Loop) sctpAbort(in *openflow.PacketIn, args []byte, loopback bool) error {
	h, ok := extract(in.Packet)
	if !ok || !h.ip() || h.proto != protoSCTP {
		return errors.New("SCTP abort for a packet that is not SCTP")
	}
	if !h.mayReset() {
		return l.forbidden(in)
	}
	if len(h.l4) < sctpLen+sctpChunkLen {
		return errShort
	}
	if h.l4[sctpLen] == sctpAbort {
		return l.forbidden(in)
	}
	if h.l4[sctpLen] == sctpInit && len(h.l4) < sctpLen+sctpChunkLen+sctpInitLen {
		return errShort
	}
	nested, err := openflow.DecodeActions(args)
	if err != nil {
		return fmt.Errorf("nested actions: %w", err)
	}
	return l.give(in, h.sctpAbort(loopback), nested)
}

// sctpAbort carries the tag that the receiver expects (RFC 9260 section 8.4): that
// of an INIT chunk, and otherwise its own.
//
//	+-----+-----+-----+----------+------+-------+--------+
//	| src | dst | tag | checksum | type | flags | length |
//	+-----+-----+-----+----------+------+-------+--------+
func (h *headers) sctpAbort(loopback bool) []byte {
	tag, flags := binary.BigEndian.Uint32(h.l4[4:]), byte(sctpFlagT)
	if tag == 0 && h.l4[sctpLen] == sctpInit {
		tag, flags = binary.BigEndian.Uint32(h.l4[sctpLen+sctpChunkLen:]), 0
	}
	b := make([]byte, 0, ethLen+vlanLen+ipv6Len+sctpLen+sctpChunkLen)
	b = h.appendHeaders(b, loopback, protoSCTP, resetTTL, sctpLen+sctpChunkLen)
	at := len(b)
	b = binary.BigEndian.AppendUint16(b, h.tpDst)
	b = binary.BigEndian.AppendUint16(b, h.tpSrc)
	b = binary.BigEndian.AppendUint32(b, tag)
	b = append(b, 0, 0, 0, 0, sctpAbort, flags, 0, sctpChunkLen)
	binary.LittleEndian.PutUint32(b[at+8:], crc32.Checksum(b[at:], castagnoli))
	return b
}
