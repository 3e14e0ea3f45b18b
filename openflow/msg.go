package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Version is an OpenFlow wire version, the first byte of every message.
type Version uint8

// The versions this package speaks. The canonical form of matches and actions
// is that of Version15; Version14 is transcoded on the way in and out.
const (
	Version14 Version = 0x05
	Version15 Version = 0x06
)

// String gives the name as in a bridge's "protocols" column.
func (v Version) String() string {
	switch v {
	case Version14:
		return "OpenFlow14"
	case Version15:
		return "OpenFlow15"
	}
	return fmt.Sprintf("OpenFlow(wire 0x%02x)", uint8(v))
}

// MaxMessage is the largest message in bytes, header included: its length field
// has 16 bits.
const MaxMessage = 0xffff

const headerLen = 8

// Message types (OFPT_*) of OpenFlow 1.4 and 1.5.
const (
	TypeHello            = 0
	TypeError            = 1
	TypeEchoRequest      = 2
	TypeEchoReply        = 3
	TypeExperimenter     = 4
	TypeFeaturesRequest  = 5
	TypeFeaturesReply    = 6
	TypeGetConfigRequest = 7
	TypeGetConfigReply   = 8
	TypeSetConfig        = 9
	TypePacketIn         = 10
	TypeFlowRemoved      = 11
	TypePortStatus       = 12
	TypePacketOut        = 13
	TypeFlowMod          = 14
	TypeGroupMod         = 15
	TypeMultipartRequest = 18
	TypeMultipartReply   = 19
	TypeBarrierRequest   = 20
	TypeBarrierReply     = 21
	TypeSetAsync         = 28
	TypeMeterMod         = 29
	TypeBundleControl    = 33
	TypeBundleAdd        = 34
)

// Vendors of experimenter messages.
const (
	vendorNicira    = 0x00002320
	vendorNetronome = 0x0000154d
)

// Subtypes of Nicira experimenter messages (NXT_*), nicira-ext.h.
const (
	nxtSetPacketInFormat   = 16
	nxtSetControllerID     = 20
	nxtTLVTableMod         = 24
	nxtTLVTableRequest     = 25
	nxtTLVTableReply       = 26
	nxtResume              = 28
	nxtCtFlushZone         = 29
	nxtPacketIn2           = 30
	nxtCtFlush             = 32
	experimenterHeaderLen  = 16
	packetInFormatPacketIn = 2 // NXPIF_NXT_PACKET_IN2
)

// Header is what every message starts with.
//
//	 0        8       16               32
//	+--------+--------+----------------+
//	|version | type   | length         |
//	+--------+--------+----------------+
//	| xid                              |
//	+----------------------------------+
type Header struct {
	Version Version
	Type    uint8
	Length  uint16 // bytes, header included
	XID     uint32
}

// ParseHeader reads the header at the start of b. It is an error if b is shorter
// than a header or the length field is below that of a header; b may be shorter
// than the message.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < headerLen {
		return Header{}, fmt.Errorf("openflow: header of %d bytes, want %d", len(b), headerLen)
	}
	h := Header{
		Version: Version(b[0]),
		Type:    b[1],
		Length:  binary.BigEndian.Uint16(b[2:]),
		XID:     binary.BigEndian.Uint32(b[4:]),
	}
	if h.Length < headerLen {
		return h, fmt.Errorf("openflow: message type %d has length %d, less than its header", h.Type, h.Length)
	}
	return h, nil
}

// Message is one OpenFlow message without its transaction id. The types of this
// package implement it.
type Message interface {
	// msgType is the OFPT_* number.
	msgType() uint8
	// appendBody appends what follows the header.
	appendBody(b []byte, v Version) ([]byte, error)
}

// ErrTooLong says that a message does not fit into 64 KiB. Errors of
// AppendMessage wrap it.
var ErrTooLong = errors.New("message longer than 65535 bytes")

// AppendMessage appends m to b in version v's encoding with the given xid. On
// error b is returned as it was.
func AppendMessage(b []byte, v Version, xid uint32, m Message) ([]byte, error) {
	start := len(b)
	b = append(b, byte(v), m.msgType(), 0, 0)
	b = binary.BigEndian.AppendUint32(b, xid)
	out, err := m.appendBody(b, v)
	if err != nil {
		return b[:start], err
	}
	n := len(out) - start
	if n > MaxMessage {
		return out[:start], fmt.Errorf("openflow: %T of %d bytes: %w", m, n, ErrTooLong)
	}
	binary.BigEndian.PutUint16(out[start+2:], uint16(n))
	return out, nil
}

// DecodeMessage decodes one whole message. Types this package does not know
// come back as *Unknown; a known type that is malformed is an error. What it
// returns does not refer to b.
func DecodeMessage(b []byte) (Header, Message, error) {
	h, err := ParseHeader(b)
	if err != nil {
		return h, nil, err
	}
	if int(h.Length) > len(b) {
		return h, nil, fmt.Errorf("openflow: message type %d says %d bytes, have %d", h.Type, h.Length, len(b))
	}
	m, err := decodeBody(h, b[headerLen:h.Length])
	if err != nil {
		return h, nil, fmt.Errorf("openflow: message type %d: %w", h.Type, err)
	}
	return h, m, nil
}

func decodeBody(h Header, body []byte) (Message, error) {
	r := &reader{b: body}
	switch h.Type {
	case TypeHello:
		return decodeHello(h, r)
	case TypeError:
		return decodeError(r)
	case TypeEchoRequest:
		return &EchoRequest{Data: r.rest()}, nil
	case TypeEchoReply:
		return &EchoReply{Data: r.rest()}, nil
	case TypeFeaturesRequest:
		return &FeaturesRequest{}, nil
	case TypeFeaturesReply:
		return decodeFeaturesReply(r)
	case TypeGetConfigRequest:
		return &GetConfigRequest{}, nil
	case TypeGetConfigReply:
		return decodeGetConfigReply(r)
	case TypeSetConfig:
		return decodeSetConfig(r)
	case TypeExperimenter:
		return decodeExperimenter(r)
	case TypePacketOut:
		return decodePacketOut(h.Version, r)
	case TypeFlowMod:
		return decodeFlowMod(h.Version, r)
	case TypeGroupMod:
		return decodeGroupMod(h.Version, r)
	case TypeMeterMod:
		return decodeMeterMod(r)
	case TypeMultipartRequest:
		return decodeMultipartRequest(h.Version, r)
	case TypeMultipartReply:
		return decodeMultipartReply(h.Version, r)
	case TypeBarrierRequest:
		return &BarrierRequest{}, nil
	case TypeBarrierReply:
		return &BarrierReply{}, nil
	case TypeBundleControl:
		return decodeBundleControl(r)
	case TypeBundleAdd:
		return decodeBundleAdd(r)
	case TypeSetAsync:
		return decodeSetAsync(r)
	case TypePortStatus:
		return decodePortStatus(r)
	}
	return &Unknown{Type: h.Type, Body: r.rest()}, nil
}

// Unknown is a message of a type this package does not decode.
type Unknown struct {
	Type uint8
	Body []byte
}

func (m *Unknown) msgType() uint8 { return m.Type }
func (m *Unknown) appendBody(b []byte, _ Version) ([]byte, error) {
	return append(b, m.Body...), nil
}

// errShort is the reader's error for input that ends too early.
var errShort = errors.New("truncated")

// reader takes big-endian numbers off a byte slice. After the first failure it
// yields zeros and keeps the error, so that a decoder checks once at its end.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.b) {
		if r.err == nil {
			r.err = errShort
		}
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) skip(n int) { r.take(n) }

func (r *reader) u8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// bytes copies the next n bytes.
func (r *reader) bytes(n int) []byte { return append([]byte(nil), r.take(n)...) }

// rest copies what is left.
func (r *reader) rest() []byte { return r.bytes(len(r.b)) }

// sub gives a reader of the next n bytes.
func (r *reader) sub(n int) *reader {
	b := r.take(n)
	if r.err != nil {
		return &reader{err: r.err}
	}
	return &reader{b: b}
}

// empty says that nothing is left, or that reading failed.
func (r *reader) empty() bool { return r.err != nil || len(r.b) == 0 }

func appendZeros(b []byte, n int) []byte {
	for ; n > 0; n-- {
		b = append(b, 0)
	}
	return b
}

// padTo8 appends zeros until the part of b after start is a multiple of 8 long.
func padTo8(b []byte, start int) []byte {
	return appendZeros(b, -(len(b)-start)&7)
}

// appendU16At stores v at offset ofs of b.
func putU16(b []byte, ofs int, v int) { binary.BigEndian.PutUint16(b[ofs:], uint16(v)) }

func appendU16(b []byte, v uint16) []byte { return binary.BigEndian.AppendUint16(b, v) }
func appendU32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }
func appendU64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }
