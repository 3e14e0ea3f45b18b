package openflow

import (
	"fmt"
)

// Hello opens a connection. Versions is the set the sender speaks, bit n for
// wire version n.
type Hello struct {
	Versions uint32
}

func (*Hello) msgType() uint8 { return TypeHello }

func (m *Hello) appendBody(b []byte, _ Version) ([]byte, error) {
	// One element: type 1 (version bitmap), length 8, one word.
	b = appendU16(b, 1)
	b = appendU16(b, 8)
	return appendU32(b, m.Versions), nil
}

func decodeHello(h Header, r *reader) (*Hello, error) {
	m := &Hello{}
	for len(r.b) >= 4 {
		typ, n := r.u16(), int(r.u16())
		if n < 4 {
			return nil, fmt.Errorf("hello element of %d bytes", n)
		}
		e := r.sub(n - 4)
		r.skip(min(len(r.b), -n&7))
		if typ == 1 && len(e.b) >= 4 {
			m.Versions |= e.u32()
		}
		if e.err != nil {
			return nil, e.err
		}
	}
	if m.Versions == 0 && h.Version < 32 {
		// Without a bitmap the header's version and all below are meant.
		m.Versions = 1<<(h.Version+1) - 1
	}
	return m, r.err
}

// EchoRequest asks for an EchoReply with the same data.
type EchoRequest struct{ Data []byte }

func (*EchoRequest) msgType() uint8 { return TypeEchoRequest }
func (m *EchoRequest) appendBody(b []byte, _ Version) ([]byte, error) {
	return append(b, m.Data...), nil
}

// EchoReply answers an EchoRequest.
type EchoReply struct{ Data []byte }

func (*EchoReply) msgType() uint8 { return TypeEchoReply }
func (m *EchoReply) appendBody(b []byte, _ Version) ([]byte, error) {
	return append(b, m.Data...), nil
}

// FeaturesRequest asks for FeaturesReply.
type FeaturesRequest struct{}

func (*FeaturesRequest) msgType() uint8                                 { return TypeFeaturesRequest }
func (*FeaturesRequest) appendBody(b []byte, _ Version) ([]byte, error) { return b, nil }

// FeaturesReply describes the bridge.
type FeaturesReply struct {
	DatapathID   uint64
	Buffers      uint32
	Tables       uint8
	AuxiliaryID  uint8
	Capabilities uint32
}

func (*FeaturesReply) msgType() uint8 { return TypeFeaturesReply }

func (m *FeaturesReply) appendBody(b []byte, _ Version) ([]byte, error) {
	b = appendU64(b, m.DatapathID)
	b = appendU32(b, m.Buffers)
	b = append(b, m.Tables, m.AuxiliaryID, 0, 0)
	b = appendU32(b, m.Capabilities)
	return appendZeros(b, 4), nil
}

func decodeFeaturesReply(r *reader) (*FeaturesReply, error) {
	m := &FeaturesReply{DatapathID: r.u64(), Buffers: r.u32(), Tables: r.u8(), AuxiliaryID: r.u8()}
	r.skip(2)
	m.Capabilities = r.u32()
	return m, r.err
}

// GetConfigRequest asks for GetConfigReply.
type GetConfigRequest struct{}

func (*GetConfigRequest) msgType() uint8                                 { return TypeGetConfigRequest }
func (*GetConfigRequest) appendBody(b []byte, _ Version) ([]byte, error) { return b, nil }

// GetConfigReply tells fragment handling flags and how much of a packet a
// packet-in carries, in bytes.
type GetConfigReply struct {
	Flags       uint16
	MissSendLen uint16
}

func (*GetConfigReply) msgType() uint8 { return TypeGetConfigReply }
func (m *GetConfigReply) appendBody(b []byte, _ Version) ([]byte, error) {
	return appendU16(appendU16(b, m.Flags), m.MissSendLen), nil
}
func decodeGetConfigReply(r *reader) (*GetConfigReply, error) {
	m := &GetConfigReply{Flags: r.u16(), MissSendLen: r.u16()}
	return m, r.err
}

// SetConfig sets what GetConfigReply tells. A MissSendLen of 0xffff makes the
// switch send packet-ins whole, and is what turns packet-ins on for a connection
// to a management socket, where it starts as 0.
type SetConfig struct {
	Flags       uint16
	MissSendLen uint16
}

func (*SetConfig) msgType() uint8 { return TypeSetConfig }
func (m *SetConfig) appendBody(b []byte, _ Version) ([]byte, error) {
	return appendU16(appendU16(b, m.Flags), m.MissSendLen), nil
}
func decodeSetConfig(r *reader) (*SetConfig, error) {
	m := &SetConfig{Flags: r.u16(), MissSendLen: r.u16()}
	return m, r.err
}

// BarrierRequest is answered when everything before it has been worked off.
type BarrierRequest struct{}

func (*BarrierRequest) msgType() uint8                                 { return TypeBarrierRequest }
func (*BarrierRequest) appendBody(b []byte, _ Version) ([]byte, error) { return b, nil }

// BarrierReply answers a BarrierRequest.
type BarrierReply struct{}

func (*BarrierReply) msgType() uint8                                 { return TypeBarrierReply }
func (*BarrierReply) appendBody(b []byte, _ Version) ([]byte, error) { return b, nil }

// AsyncProp is one property of SetAsync: bit n of Mask enables the messages of
// reason n. Types are OFPACPT_* (OpenFlow 1.4.1, 7.3.10): 1 packet-in as master,
// 3 port status as master, 5 flow removed as master.
type AsyncProp struct {
	Type uint16
	Mask uint32
}

// SetAsync chooses the asynchronous messages this connection receives.
type SetAsync struct{ Props []AsyncProp }

func (*SetAsync) msgType() uint8 { return TypeSetAsync }

func (m *SetAsync) appendBody(b []byte, _ Version) ([]byte, error) {
	for _, p := range m.Props {
		b = appendU16(b, p.Type)
		b = appendU16(b, 8)
		b = appendU32(b, p.Mask)
	}
	return b, nil
}

func decodeSetAsync(r *reader) (*SetAsync, error) {
	m := &SetAsync{}
	for !r.empty() {
		typ, body, err := takeProp(r)
		if err != nil {
			return nil, err
		}
		p := AsyncProp{Type: typ, Mask: body.u32()}
		if body.err != nil {
			return nil, body.err
		}
		m.Props = append(m.Props, p)
	}
	return m, r.err
}

// Properties (OpenFlow 1.5.1, 7.2.1.2) are padded to 8 bytes, the padding not
// counted in their length:
//
//	 0                16               32
//	+----------------+----------------+
//	| type           | length         |
//	+----------------+----------------+
//	| length-4 bytes, zeros to a multiple of 8

// takeProp takes one property and its padding off r.
func takeProp(r *reader) (typ uint16, body *reader, err error) {
	typ = r.u16()
	n := int(r.u16())
	if r.err == nil && n < 4 {
		return 0, nil, fmt.Errorf("property %d of %d bytes", typ, n)
	}
	body = r.sub(n - 4)
	r.skip(min(len(r.b), -n&7))
	return typ, body, r.err
}

func appendProp(b []byte, typ uint16, data []byte) []byte {
	start := len(b)
	b = appendU16(b, typ)
	b = appendU16(b, uint16(4+len(data)))
	b = append(b, data...)
	return padTo8(b, start)
}

// appendNested appends a property that holds properties: 4 bytes of padding
// follow its header so that they are aligned.
func appendNested(b []byte, typ uint16, props []byte) []byte {
	b = appendU16(b, typ)
	b = appendU16(b, uint16(8+len(props)))
	b = appendZeros(b, 4)
	return append(b, props...)
}

func appendProp16(b []byte, typ uint16, v uint16) []byte {
	return appendProp(b, typ, []byte{byte(v >> 8), byte(v), 0, 0})
}

func appendProp32(b []byte, typ uint16, v uint32) []byte {
	return appendProp(b, typ, appendU32(nil, v))
}
