package openflow

import "fmt"

// Reasons of a packet-in (OFPR_*).
const (
	ReasonTableMiss   = 0
	ReasonApplyAction = 1
	ReasonInvalidTTL  = 2
)

// Properties of NXT_PACKET_IN2 and NXT_RESUME, nicira-ext.h.
const (
	pktPropPacket       = 0
	pktPropFullLen      = 1
	pktPropBufferID     = 2
	pktPropTableID      = 3
	pktPropCookie       = 4
	pktPropReason       = 5
	pktPropMetadata     = 6
	pktPropUserdata     = 7
	pktPropContinuation = 8
)

// PacketIn is NXT_PACKET_IN2: a packet that a controller action sent up.
type PacketIn struct {
	Packet  []byte
	FullLen uint32 // bytes; of the packet before it was cut short, 0 if it was not
	Table   uint8
	Cookie  uint64
	Reason  uint8
	// Metadata is the packet's pipeline fields: in_port, metadata, registers,
	// tunnel, conntrack state.
	Metadata Match
	Userdata []byte
	// Continuation is opaque: present if the action paused the packet, and to be
	// given back in Resume.
	Continuation []byte
}

func (*PacketIn) msgType() uint8 { return TypeExperimenter }

func (m *PacketIn) appendBody(b []byte, _ Version) ([]byte, error) {
	b = appendNicira(b, nxtPacketIn2)
	b = appendPacketProps(b, m.Packet, m.FullLen, m.Table, m.Cookie, m.Reason, m.Metadata, m.Continuation)
	if len(m.Userdata) > 0 {
		b = appendProp(b, pktPropUserdata, m.Userdata)
	}
	return b, nil
}

func appendPacketProps(b []byte, packet []byte, fullLen uint32, table uint8, cookie uint64, reason uint8,
	metadata Match, continuation []byte) []byte {
	b = appendProp(b, pktPropPacket, packet)
	if fullLen != 0 {
		b = appendProp32(b, pktPropFullLen, fullLen)
	}
	b = appendProp(b, pktPropTableID, []byte{table})
	b = appendProp(b, pktPropCookie, appendU64(make([]byte, 4, 12), cookie))
	b = appendProp(b, pktPropReason, []byte{reason})
	b = appendProp(b, pktPropMetadata, []byte(metadata))
	if len(continuation) > 0 {
		b = appendProp(b, pktPropContinuation, continuation)
	}
	return b
}

func decodePacketIn2(r *reader) (*PacketIn, error) {
	m := &PacketIn{}
	for !r.empty() {
		typ, p, err := takeProp(r)
		if err != nil {
			return nil, err
		}
		switch typ {
		case pktPropPacket:
			m.Packet = p.rest()
		case pktPropFullLen:
			m.FullLen = p.u32()
		case pktPropBufferID:
			// Buffers are never asked for.
		case pktPropTableID:
			m.Table = p.u8()
		case pktPropCookie:
			p.skip(4)
			m.Cookie = p.u64()
		case pktPropReason:
			m.Reason = p.u8()
		case pktPropMetadata:
			if m.Metadata, err = matchFromWire(Version15, p.b); err != nil {
				return nil, fmt.Errorf("packet-in metadata: %w", err)
			}
		case pktPropUserdata:
			m.Userdata = p.rest()
		case pktPropContinuation:
			m.Continuation = p.rest()
		}
		if p.err != nil {
			return nil, fmt.Errorf("packet-in property %d: %w", typ, p.err)
		}
	}
	return m, r.err
}

// Resume gives a paused packet back to the pipeline, possibly changed.
type Resume struct {
	Packet       []byte
	Table        uint8
	Cookie       uint64
	Reason       uint8
	Metadata     Match
	Continuation []byte
}

func (*Resume) msgType() uint8 { return TypeExperimenter }

func (m *Resume) appendBody(b []byte, _ Version) ([]byte, error) {
	b = appendNicira(b, nxtResume)
	return appendPacketProps(b, m.Packet, 0, m.Table, m.Cookie, m.Reason, m.Metadata, m.Continuation), nil
}

func decodeResume(r *reader) (*Resume, error) {
	p, err := decodePacketIn2(r)
	if err != nil {
		return nil, err
	}
	return p.Resume(), nil
}

// Resume is the message that lets the packet continue as it was.
func (m *PacketIn) Resume() *Resume {
	return &Resume{Packet: m.Packet, Table: m.Table, Cookie: m.Cookie, Reason: m.Reason,
		Metadata: m.Metadata, Continuation: m.Continuation}
}

// PortController is OFPP_CONTROLLER, the input port of packets that come from
// a controller.
const PortController = 0xfffffffd

// PacketOut sends a packet through Actions. Match holds the pipeline fields it
// starts with; of those OpenFlow 1.4 carries in_port only.
type PacketOut struct {
	InPort  uint32
	Actions Actions
	Packet  []byte
}

func (*PacketOut) msgType() uint8 { return TypePacketOut }

func (m *PacketOut) appendBody(b []byte, v Version) ([]byte, error) {
	b = appendU32(b, noBuffer)
	lenAt := len(b)
	if v == Version15 {
		b = appendZeros(b, 4)
		// OFPXMT_OFB_IN_PORT is the one field that must be there.
		at := len(b)
		b = appendU16(appendU16(b, oxmMatchType), 12)
		b = appendU32(appendU32(b, 0x80000004), m.InPort)
		b = padTo8(b, at)
	} else {
		b = appendU32(b, m.InPort)
		lenAt = len(b)
		b = appendZeros(b, 8)
	}
	at := len(b)
	b, err := actionsToWire(b, v, m.Actions)
	if err != nil {
		return b, err
	}
	putU16(b, lenAt, len(b)-at)
	return append(b, m.Packet...), nil
}

func decodePacketOut(v Version, r *reader) (*PacketOut, error) {
	m := &PacketOut{}
	r.skip(4)
	var n int
	if v == Version15 {
		n = int(r.u16())
		r.skip(2)
		raw := &reader{b: takeMatch(r)}
		for !raw.empty() {
			h := raw.u32()
			p := raw.sub(int(h & 0xff))
			if h == 0x80000004 {
				m.InPort = p.u32()
			}
		}
		if r.err == nil {
			r.err = raw.err
		}
	} else {
		m.InPort = r.u32()
		n = int(r.u16())
		r.skip(6)
	}
	raw := r.take(n)
	if r.err != nil {
		return nil, r.err
	}
	var err error
	if m.Actions, err = actionsFromWire(v, raw); err != nil {
		return nil, err
	}
	m.Packet = r.rest()
	return m, r.err
}
