package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"
)

// NXT_PACKET_IN2 is a list of properties, each padded to 8 bytes:
//
//	+--------+--------+------+---------+
//	| header | vendor | 30   | props…  |      prop: | type | length | value | pad |
//	+--------+--------+------+---------+

// eachPacketInProp goes through the properties of a whole message, which is
// NXT_PACKET_IN2. ok is false if it is another, or malformed.
func eachPacketInProp(frame []byte, yield func(typ uint16, body []byte)) (ok bool) {
	if len(frame) < experimenterHeaderLen || frame[1] != TypeExperimenter ||
		binary.BigEndian.Uint32(frame[8:]) != vendorNicira || binary.BigEndian.Uint32(frame[12:]) != nxtPacketIn2 {
		return false
	}
	for b := frame[experimenterHeaderLen:]; len(b) > 0; {
		if len(b) < 4 {
			return false
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			return false
		}
		yield(binary.BigEndian.Uint16(b), b[4:n:n])
		b = b[min(len(b), (n+7)&^7):]
	}
	return true
}

// PeekPacketIn finds, without decoding, what a message that is a packet-in says
// about where the packet is. Both results refer to frame; the metadata is as the
// switch wrote it.
func PeekPacketIn(frame []byte) (metadata Match, userdata []byte, ok bool) {
	ok = eachPacketInProp(frame, func(typ uint16, body []byte) {
		switch typ {
		case pktPropMetadata:
			metadata = Match(unsafe.String(unsafe.SliceData(body), len(body)))
		case pktPropUserdata:
			userdata = body
		}
	})
	return metadata, userdata, ok
}

// Decode fills m with the packet-in that frame, a whole message, is. Unlike what
// DecodeMessage returns, m refers to frame and is valid only as long as frame
// does not change: see Clone.
func (m *PacketIn) Decode(frame []byte) error {
	*m = PacketIn{}
	var short bool
	var metadata []byte
	ok := eachPacketInProp(frame, func(typ uint16, b []byte) {
		want := 0
		switch typ {
		case pktPropPacket:
			m.Packet = b
		case pktPropFullLen:
			if want = 4; len(b) >= want {
				m.FullLen = binary.BigEndian.Uint32(b)
			}
		case pktPropTableID:
			if want = 1; len(b) >= want {
				m.Table = b[0]
			}
		case pktPropCookie:
			if want = 12; len(b) >= want {
				m.Cookie = binary.BigEndian.Uint64(b[4:])
			}
		case pktPropReason:
			if want = 1; len(b) >= want {
				m.Reason = b[0]
			}
		case pktPropMetadata:
			metadata = b
		case pktPropUserdata:
			m.Userdata = b
		case pktPropContinuation:
			m.Continuation = b
		}
		short = short || len(b) < want
	})
	if !ok || short {
		return errors.New("openflow: malformed packet-in")
	}
	if canonicalMatch(metadata) {
		m.Metadata = Match(unsafe.String(unsafe.SliceData(metadata), len(metadata)))
		return nil
	}
	var err error
	if m.Metadata, err = DecodeMatch(metadata); err != nil {
		return fmt.Errorf("packet-in metadata: %w", err)
	}
	return nil
}

// Clone is m with memory of its own.
func (m *Resume) Clone() *Resume {
	c := *m
	c.Packet = append([]byte(nil), m.Packet...)
	c.Metadata = Match(append([]byte(nil), m.Metadata...))
	c.Continuation = append([]byte(nil), m.Continuation...)
	return &c
}

// canonicalMatch says whether b is a match as MatchBuilder would write it. It may
// say no to one that is.
func canonicalMatch(b []byte) bool {
	s := unsafe.String(unsafe.SliceData(b), len(b))
	last := -1
	for len(s) > 0 {
		t, err := nextTLV(s)
		if err != nil || !t.known || t.masked || int(t.field) <= last || t.field >= numSlots {
			return false
		}
		switch t.field {
		case FieldPacketType, FieldVLANVID, FieldVLANPCP, FieldCtState:
			return false // what they hold has to be looked at
		}
		v, m := t.valueMask()
		var room [32]byte
		if string(appendTLV(room[:0], t.field, v, m)) != s[:t.size] {
			return false
		}
		last = int(t.field)
		s = s[t.size:]
	}
	return true
}
