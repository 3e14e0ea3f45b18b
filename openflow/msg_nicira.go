package openflow

import (
	"fmt"
	"net/netip"
)

// Nicira extensions are experimenter messages:
//
//	+---------------------+  header
//	| vendor 0x00002320   |
//	| subtype (NXT_*)     |
//	+---------------------+

func appendNicira(b []byte, subtype uint32) []byte {
	return appendU32(appendU32(b, vendorNicira), subtype)
}

func decodeExperimenter(r *reader) (Message, error) {
	whole := r.b
	vendor, subtype := r.u32(), r.u32()
	if r.err != nil {
		return nil, r.err
	}
	if vendor == vendorNicira {
		switch subtype {
		case nxtSetPacketInFormat:
			m := &SetPacketInFormat{Format: r.u32()}
			return m, r.err
		case nxtSetControllerID:
			r.skip(6)
			m := &SetControllerID{ID: r.u16()}
			return m, r.err
		case nxtTLVTableMod:
			return decodeTLVTableMod(r)
		case nxtTLVTableRequest:
			return &TLVTableRequest{}, nil
		case nxtTLVTableReply:
			return decodeTLVTableReply(r)
		case nxtCtFlushZone:
			r.skip(6)
			m := &CtFlushZone{Zone: r.u16()}
			return m, r.err
		case nxtCtFlush:
			return decodeCtFlush(r)
		case nxtPacketIn2:
			return decodePacketIn2(r)
		case nxtResume:
			return decodeResume(r)
		}
	}
	return &Unknown{Type: TypeExperimenter, Body: append([]byte(nil), whole...)}, nil
}

// SetPacketInFormat chooses the format of packet-ins; FormatPacketIn2 is the one
// this package decodes.
type SetPacketInFormat struct{ Format uint32 }

// FormatPacketIn2 is NXT_PACKET_IN2.
const FormatPacketIn2 = packetInFormatPacketIn

func (*SetPacketInFormat) msgType() uint8 { return TypeExperimenter }
func (m *SetPacketInFormat) appendBody(b []byte, _ Version) ([]byte, error) {
	return appendU32(appendNicira(b, nxtSetPacketInFormat), m.Format), nil
}

// SetControllerID names this connection, so that controller actions can address
// it.
type SetControllerID struct{ ID uint16 }

func (*SetControllerID) msgType() uint8 { return TypeExperimenter }
func (m *SetControllerID) appendBody(b []byte, _ Version) ([]byte, error) {
	return appendU16(appendZeros(appendNicira(b, nxtSetControllerID), 6), m.ID), nil
}

// TLVMap maps a Geneve option to the field tun_metadata<Index>.
type TLVMap struct {
	Class uint16
	Type  uint8
	Len   uint8 // bytes, a multiple of 4
	Index uint16
}

// TLVTableRequest asks for TLVTableReply.
type TLVTableRequest struct{}

func (*TLVTableRequest) msgType() uint8 { return TypeExperimenter }
func (*TLVTableRequest) appendBody(b []byte, _ Version) ([]byte, error) {
	return appendNicira(b, nxtTLVTableRequest), nil
}

// TLVTableReply is the bridge's option map.
type TLVTableReply struct {
	MaxSpace  uint32 // bytes for all options together
	MaxFields uint16
	Maps      []TLVMap
}

func (*TLVTableReply) msgType() uint8 { return TypeExperimenter }
func (m *TLVTableReply) appendBody(b []byte, _ Version) ([]byte, error) {
	b = appendNicira(b, nxtTLVTableReply)
	b = appendU32(b, m.MaxSpace)
	b = appendU16(b, m.MaxFields)
	b = appendZeros(b, 10)
	return appendTLVMaps(b, m.Maps), nil
}

func decodeTLVTableReply(r *reader) (*TLVTableReply, error) {
	m := &TLVTableReply{MaxSpace: r.u32(), MaxFields: r.u16()}
	r.skip(10)
	m.Maps = decodeTLVMaps(r)
	return m, r.err
}

// Commands of TLVTableMod.
const (
	TLVAdd    = 0
	TLVDelete = 1
	TLVClear  = 2
)

// TLVTableMod changes the bridge's option map, all of it or nothing.
type TLVTableMod struct {
	Command uint16
	Maps    []TLVMap
}

func (*TLVTableMod) msgType() uint8 { return TypeExperimenter }
func (m *TLVTableMod) appendBody(b []byte, _ Version) ([]byte, error) {
	b = appendNicira(b, nxtTLVTableMod)
	b = appendU16(b, m.Command)
	b = appendZeros(b, 6)
	return appendTLVMaps(b, m.Maps), nil
}

func decodeTLVTableMod(r *reader) (*TLVTableMod, error) {
	m := &TLVTableMod{Command: r.u16()}
	r.skip(6)
	m.Maps = decodeTLVMaps(r)
	return m, r.err
}

func appendTLVMaps(b []byte, maps []TLVMap) []byte {
	for _, t := range maps {
		b = appendU16(b, t.Class)
		b = append(b, t.Type, t.Len)
		b = appendU16(b, t.Index)
		b = appendU16(b, 0)
	}
	return b
}

func decodeTLVMaps(r *reader) []TLVMap {
	var out []TLVMap
	for !r.empty() {
		t := TLVMap{Class: r.u16(), Type: r.u8(), Len: r.u8(), Index: r.u16()}
		r.skip(2)
		if r.err == nil {
			out = append(out, t)
		}
	}
	return out
}

// CtFlushZone empties one conntrack zone.
type CtFlushZone struct{ Zone uint16 }

func (*CtFlushZone) msgType() uint8 { return TypeExperimenter }
func (m *CtFlushZone) appendBody(b []byte, _ Version) ([]byte, error) {
	return appendU16(appendZeros(appendNicira(b, nxtCtFlushZone), 6), m.Zone), nil
}

// CtTuple is one direction of a connection; invalid addresses and zero ports
// match any. IPv4 addresses are carried mapped into IPv6.
type CtTuple struct {
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
	ICMPID           uint16
	ICMPType         uint8
	ICMPCode         uint8
}

// CtFlush removes the connections that match all that is set.
type CtFlush struct {
	Proto       uint8 // IP protocol, 0 for any
	Orig, Reply CtTuple
	Zone        uint16
	HasZone     bool
	Mark        uint32
	MarkMask    uint32 // 0: any mark
	Label       U128
	LabelMask   U128 // zero: any label
	// Probe, if not 0, adds a property of that type, which means nothing: it
	// tells whether the switch refuses what it does not know.
	Probe uint16
}

// TLV types of NXT_CT_FLUSH, and those inside its two tuples.
const (
	ctFlushOrig       = 0
	ctFlushReply      = 1
	ctFlushZone       = 2
	ctFlushMark       = 3
	ctFlushMarkMask   = 4
	ctFlushLabels     = 5
	ctFlushLabelsMask = 6

	ctTupleSrc      = 0
	ctTupleDst      = 1
	ctTupleSrcPort  = 2
	ctTupleDstPort  = 3
	ctTupleICMPID   = 4
	ctTupleICMPType = 5
	ctTupleICMPCode = 6
)

func (*CtFlush) msgType() uint8 { return TypeExperimenter }

func (m *CtFlush) appendBody(b []byte, _ Version) ([]byte, error) {
	b = appendNicira(b, nxtCtFlush)
	b = append(b, m.Proto)
	b = appendZeros(b, 7)
	for i, t := range [2]CtTuple{m.Orig, m.Reply} {
		if props := t.appendProps(nil, m.Proto); len(props) > 0 {
			b = appendNested(b, uint16(ctFlushOrig+i), props)
		}
	}
	if m.HasZone {
		b = appendProp16(b, ctFlushZone, m.Zone)
	}
	if m.MarkMask != 0 {
		b = appendProp32(b, ctFlushMark, m.Mark)
		if m.MarkMask != ^uint32(0) {
			b = appendProp32(b, ctFlushMarkMask, m.MarkMask)
		}
	}
	if m.LabelMask != (U128{}) {
		b = appendProp(b, ctFlushLabels, appendU128(nil, m.Label))
		if m.LabelMask != (U128{Hi: ^uint64(0), Lo: ^uint64(0)}) {
			b = appendProp(b, ctFlushLabelsMask, appendU128(nil, m.LabelMask))
		}
	}
	if m.Probe != 0 {
		b = appendProp32(b, m.Probe, 0)
	}
	return b, nil
}

func appendU128(b []byte, v U128) []byte { return appendU64(appendU64(b, v.Hi), v.Lo) }

func (t CtTuple) appendProps(b []byte, proto uint8) []byte {
	addr := func(typ uint16, a netip.Addr) {
		if a.IsValid() && !a.Unmap().IsUnspecified() {
			v := a.As16()
			b = appendProp(b, typ, v[:])
		}
	}
	addr(ctTupleSrc, t.Src)
	addr(ctTupleDst, t.Dst)
	const icmp, icmp6 = 1, 58
	if proto == icmp || proto == icmp6 {
		b = appendProp16(b, ctTupleICMPID, t.ICMPID)
		b = appendProp(b, ctTupleICMPType, []byte{t.ICMPType})
		return appendProp(b, ctTupleICMPCode, []byte{t.ICMPCode})
	}
	if t.SrcPort != 0 {
		b = appendProp16(b, ctTupleSrcPort, t.SrcPort)
	}
	if t.DstPort != 0 {
		b = appendProp16(b, ctTupleDstPort, t.DstPort)
	}
	return b
}

func decodeCtFlush(r *reader) (*CtFlush, error) {
	m := &CtFlush{Proto: r.u8()}
	r.skip(7)
	for !r.empty() {
		typ, body, err := takeProp(r)
		if err != nil {
			return nil, err
		}
		switch typ {
		case ctFlushOrig:
			m.Orig, err = decodeCtTuple(body)
		case ctFlushReply:
			m.Reply, err = decodeCtTuple(body)
		case ctFlushZone:
			m.Zone, m.HasZone = body.u16(), true
		case ctFlushMark:
			m.Mark, m.MarkMask = body.u32(), ^uint32(0)
		case ctFlushMarkMask:
			m.MarkMask = body.u32()
		case ctFlushLabels:
			m.Label = U128{Hi: body.u64(), Lo: body.u64()}
			m.LabelMask = U128{Hi: ^uint64(0), Lo: ^uint64(0)}
		case ctFlushLabelsMask:
			m.LabelMask = U128{Hi: body.u64(), Lo: body.u64()}
		default:
			m.Probe = typ
		}
		if err == nil {
			err = body.err
		}
		if err != nil {
			return nil, err
		}
	}
	return m, r.err
}

func decodeCtTuple(r *reader) (CtTuple, error) {
	var t CtTuple
	r.skip(4)
	addr := func(p *reader) netip.Addr {
		a, _ := netip.AddrFromSlice(p.take(16))
		return a.Unmap()
	}
	for !r.empty() {
		typ, p, err := takeProp(r)
		if err != nil {
			return t, err
		}
		switch typ {
		case ctTupleSrc:
			t.Src = addr(p)
		case ctTupleDst:
			t.Dst = addr(p)
		case ctTupleSrcPort:
			t.SrcPort = p.u16()
		case ctTupleDstPort:
			t.DstPort = p.u16()
		case ctTupleICMPID:
			t.ICMPID = p.u16()
		case ctTupleICMPType:
			t.ICMPType = p.u8()
		case ctTupleICMPCode:
			t.ICMPCode = p.u8()
		default:
			return t, fmt.Errorf("conntrack tuple property %d", typ)
		}
		if p.err != nil {
			return t, p.err
		}
	}
	return t, r.err
}
