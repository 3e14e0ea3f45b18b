package openflow

import (
	"encoding/binary"
	"fmt"
)

// FlowDescRequest asks for flows; TableAll and the empty Match ask for all of
// them, CookieMask 0 for any cookie.
type FlowDescRequest struct {
	Table      uint8
	Cookie     uint64
	CookieMask uint64
	Match      Match
}

func (*FlowDescRequest) msgType() uint8 { return TypeMultipartRequest }
func (m *FlowDescRequest) appendBody(b []byte, v Version) ([]byte, error) {
	b = appendMultipart(b, multipartFlowDesc, false)
	b = append(b, m.Table, 0, 0, 0)
	b = appendU32(appendU32(b, portAny), groupAny)
	b = appendZeros(b, 4)
	b = appendU64(appendU64(b, m.Cookie), m.CookieMask)
	return appendMatch(b, v, m.Match)
}

func decodeFlowDescRequest(v Version, r *reader) (*FlowDescRequest, error) {
	m := &FlowDescRequest{Table: r.u8()}
	r.skip(15)
	m.Cookie, m.CookieMask = r.u64(), r.u64()
	raw := takeMatch(r)
	if r.err != nil {
		return nil, r.err
	}
	var err error
	m.Match, err = matchFromWire(v, raw)
	return m, err
}

// FlowDesc is one flow of a dump.
type FlowDesc struct {
	Table      uint8
	Priority   uint16
	Idle, Hard uint16 // seconds
	Flags      uint16
	Importance uint16
	Cookie     uint64
	Match      Match
	Actions    Actions
	// Foreign says that the flow has what this package cannot express: other
	// instructions than apply-actions, or fields or actions it does not know.
	// Match is then as the switch sent it.
	Foreign bool
	// Stats: zero if the switch does not send them.
	DurationNsec uint64
	Packets      uint64
	Bytes        uint64
	// IdleNsec is how long ago the flow was last used, or made. OpenFlow 1.4 has no
	// word for it.
	IdleNsec uint64
}

// FlowDescReply is part of a dump of flows.
type FlowDescReply struct {
	More  bool
	Flows []FlowDesc
}

func (*FlowDescReply) msgType() uint8 { return TypeMultipartReply }

// OXS statistics fields (OpenFlow 1.5.1, 7.2.4.4): class 0x8002, then field and
// length.
const (
	oxsClass    = 0x8002
	oxsDuration = 0
	oxsIdle     = 1
	oxsPackets  = 4
	oxsBytes    = 5
)

func (m *FlowDescReply) appendBody(b []byte, v Version) ([]byte, error) {
	b = appendMultipart(b, multipartFlowDesc, m.More)
	for i := range m.Flows {
		var err error
		if b, err = m.Flows[i].appendTo(b, v); err != nil {
			return b, err
		}
	}
	return b, nil
}

// In 1.5:
//
//	| length | pad | table | pad | priority            |
//	| idle | hard | flags | importance                 |
//	| cookie                                           |
//	| match | OXS statistics | instructions            |
func (f *FlowDesc) appendTo(b []byte, v Version) ([]byte, error) {
	start := len(b)
	if v == Version15 {
		b = appendZeros(b, 4)
		b = append(b, f.Table, 0)
		b = appendU16(b, f.Priority)
	} else {
		b = appendU16(b, 0)
		b = append(b, f.Table, 0)
		b = appendU32(appendU32(b, uint32(f.DurationNsec/1e9)), uint32(f.DurationNsec%1e9))
		b = appendU16(b, f.Priority)
	}
	b = appendU16(appendU16(b, f.Idle), f.Hard)
	b = appendU16(appendU16(b, f.Flags), f.Importance)
	if v != Version15 {
		b = appendU16(b, 0)
	}
	b = appendU64(b, f.Cookie)
	if v != Version15 {
		b = appendU64(appendU64(b, f.Packets), f.Bytes)
	}
	b, err := appendMatch(b, v, f.Match)
	if err != nil {
		return b, err
	}
	if v == Version15 {
		at := len(b)
		b = appendZeros(b, 2)
		b = appendU16(b, 0)
		b = appendU32(b, oxsClass<<16|oxsDuration<<9|8)
		b = appendU32(appendU32(b, uint32(f.DurationNsec/1e9)), uint32(f.DurationNsec%1e9))
		if f.IdleNsec != 0 {
			b = appendU32(b, oxsClass<<16|oxsIdle<<9|8)
			b = appendU32(appendU32(b, uint32(f.IdleNsec/1e9)), uint32(f.IdleNsec%1e9))
		}
		b = appendU32(b, oxsClass<<16|oxsPackets<<9|8)
		b = appendU64(b, f.Packets)
		b = appendU32(b, oxsClass<<16|oxsBytes<<9|8)
		b = appendU64(b, f.Bytes)
		putU16(b, at+2, len(b)-at)
		b = padTo8(b, at)
	}
	if b, err = appendInstructions(b, v, f.Actions); err != nil {
		return b, err
	}
	n := len(b) - start
	if n > MaxMessage {
		return b, fmt.Errorf("flow description of %d bytes: %w", n, ErrTooLong)
	}
	putU16(b, start, n)
	return b, nil
}

func decodeFlowDescReply(v Version, more bool, r *reader) (*FlowDescReply, error) {
	m := &FlowDescReply{More: more, Flows: make([]FlowDesc, 0, countFlowDescs(r.b))}
	for !r.empty() {
		n := int(r.u16())
		if r.err == nil && n < 2 {
			return nil, fmt.Errorf("flow of %d bytes", n)
		}
		e := r.sub(n - 2)
		if r.err != nil {
			break
		}
		f, err := decodeFlowDesc(v, e)
		if err != nil {
			return nil, fmt.Errorf("flow %d of the reply: %w", len(m.Flows), err)
		}
		m.Flows = append(m.Flows, f)
	}
	return m, r.err
}

// countFlowDescs is how many flows b describes, each behind its length.
func countFlowDescs(b []byte) (n int) {
	for len(b) >= 2 {
		size := int(binary.BigEndian.Uint16(b))
		if size < 2 || size > len(b) {
			break
		}
		b = b[size:]
		n++
	}
	return n
}

func decodeFlowDesc(v Version, r *reader) (FlowDesc, error) {
	var f FlowDesc
	if v == Version15 {
		r.skip(2)
		f.Table = r.u8()
		r.skip(1)
	} else {
		f.Table = r.u8()
		r.skip(1)
		f.DurationNsec = uint64(r.u32())*1e9 + uint64(r.u32())
	}
	f.Priority, f.Idle, f.Hard = r.u16(), r.u16(), r.u16()
	f.Flags, f.Importance = r.u16(), r.u16()
	if v != Version15 {
		r.skip(2)
	}
	f.Cookie = r.u64()
	if v != Version15 {
		f.Packets, f.Bytes = r.u64(), r.u64()
	}
	raw := takeMatch(r)
	if v == Version15 {
		takeOXS(r, &f)
	}
	if r.err != nil {
		return f, r.err
	}
	f.setMatchAndActions(v, raw, r)
	return f, nil
}

// setMatchAndActions keeps a flow that cannot be understood as Foreign: a dump
// must not fail because of one flow that somebody else made.
func (f *FlowDesc) setMatchAndActions(v Version, raw []byte, instructions *reader) {
	m, err := matchFromWire(v, raw)
	if err != nil {
		m, f.Foreign = Match(raw), true
	}
	f.Match = m
	a, other, err := takeInstructions(v, instructions)
	if err != nil || other {
		f.Foreign = true
	}
	f.Actions = a
}

// takeOXS reads an ofp_stats: reserved, length, OXS TLVs, padding.
func takeOXS(r *reader, f *FlowDesc) {
	r.skip(2)
	n := int(r.u16())
	if r.err == nil && n < 4 {
		r.err = fmt.Errorf("statistics of %d bytes", n)
		return
	}
	e := r.sub(n - 4)
	r.skip(min(len(r.b), -n&7))
	for !e.empty() {
		h := e.u32()
		p := e.sub(int(h & 0xff))
		if h>>16 != oxsClass {
			continue
		}
		switch h >> 9 & 0x7f {
		case oxsDuration:
			f.DurationNsec = uint64(p.u32())*1e9 + uint64(p.u32())
		case oxsIdle:
			f.IdleNsec = uint64(p.u32())*1e9 + uint64(p.u32())
		case oxsPackets:
			f.Packets = p.u64()
		case oxsBytes:
			f.Bytes = p.u64()
		}
	}
	if e.err != nil {
		r.err = e.err
	}
}
