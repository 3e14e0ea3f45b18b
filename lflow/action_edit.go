package lflow

import (
	"encoding/binary"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// setField is "field = constant".
type setField struct {
	field       openflow.Field
	value, mask openflow.U128
}

func (a *setField) needs() need { return 0 }
func (a *setField) encode(_ *encodeCtx, b *openflow.ActionBuilder) {
	b.SetFieldMasked(a.field, a.value, a.mask)
}

// setPort is "inport = "name"". A name that is nothing on the datapath, and "",
// give the key that no port has.
type setPort struct {
	field openflow.Field
	name  string
}

func (a *setPort) needs() need { return needPorts }
func (a *setPort) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	key, _ := c.port(a.name)
	b.LoadSub(openflow.Whole(a.field), uint64(key))
}

// setOVNField is "icmp4.frag_mtu = constant" and its like: a note that the
// packet-in loop reads, since OpenFlow has no such field.
//
//	+-------+-------+------+-------+
//	| magic | field | zero | value |
//	|   4   |   2   |  2   |  2/4  |
//	+-------+-------+------+-------+
type setOVNField struct{ note []byte }

const ovnFieldMagic = "ovn\x00"

func (a *setOVNField) needs() need                                    { return 0 }
func (a *setOVNField) encode(_ *encodeCtx, b *openflow.ActionBuilder) { b.Note(a.note) }

// load reads the constant of an assignment.
func (p *actionParser) load(lhs FieldRef) {
	if why := lhs.CheckType(lhs.Bits, p.scope); why != "" {
		p.lex.Errorf("%s", why)
		return
	}
	c, ok := ParseConstant(p.lex, lhs)
	if !ok {
		return
	}
	switch {
	case lhs.Symbol.OVNField != OVNFieldNone:
		p.add(newSetOVNField(lhs.Symbol, c.Value))
	case lhs.Symbol.IsString():
		p.add(&setPort{lhs.Resolve().Field, c.Text})
	default:
		s := lhs.Resolve()
		mask := openflow.MaskN(lhs.Bits)
		if c.Masked {
			mask = mask.And(c.Mask)
		}
		p.add(&setField{s.Field, c.Value.And(mask).Shl(int(s.Ofs)), mask.Shl(int(s.Ofs))})
	}
}

func newSetOVNField(s *Symbol, v openflow.U128) *setOVNField {
	note := append(make([]byte, 0, 16), ovnFieldMagic...)
	note = binary.BigEndian.AppendUint16(note, uint16(s.OVNField-OVNFieldICMP4FragMTU))
	note = append(note, 0, 0)
	if s.Width == 16 {
		note = binary.BigEndian.AppendUint16(note, uint16(v.Lo))
	} else {
		note = binary.BigEndian.AppendUint32(note, uint32(v.Lo))
	}
	return &setOVNField{note}
}

// moveField is "lhs = rhs".
type moveField struct{ src, dst openflow.Subfield }

func (a *moveField) needs() need                                    { return 0 }
func (a *moveField) encode(_ *encodeCtx, b *openflow.ActionBuilder) { b.Move(a.src, a.dst) }

// exchangeFields is "lhs <-> rhs".
type exchangeFields struct{ lhs, rhs openflow.Subfield }

func (a *exchangeFields) needs() need { return 0 }
func (a *exchangeFields) encode(_ *encodeCtx, b *openflow.ActionBuilder) {
	b.Push(a.rhs)
	b.Push(a.lhs)
	b.Pop(a.rhs)
	b.Pop(a.lhs)
}

func (p *actionParser) move(lhs FieldRef) {
	if rhs, ok := p.fieldLike(lhs); ok && p.check(lhs, lhs.Bits, p.scope) && p.check(rhs, rhs.Bits, 0) {
		p.add(&moveField{src: rhs.Resolve(), dst: lhs.Resolve()})
	}
}

func (p *actionParser) exchange(lhs FieldRef) {
	if rhs, ok := p.fieldLike(lhs); ok && p.check(lhs, lhs.Bits, p.scope) && p.check(rhs, rhs.Bits, p.scope) {
		p.add(&exchangeFields{lhs.Resolve(), rhs.Resolve()})
	}
}

// fieldLike reads a field whose values lhs can take.
func (p *actionParser) fieldLike(lhs FieldRef) (FieldRef, bool) {
	rhs, ok := p.field()
	if !ok {
		return rhs, false
	}
	if rhs.Symbol.IsString() != lhs.Symbol.IsString() {
		kind := [...]string{"number", "string"}
		p.lex.Errorf("field %s is a %s, field %s is a %s", lhs.Symbol.Name, kind[b2i(lhs.Symbol.IsString())],
			rhs.Symbol.Name, kind[b2i(rhs.Symbol.IsString())])
		return rhs, false
	}
	if rhs.Bits != lhs.Bits {
		p.lex.Errorf("field %s has %s, field %s has %s", lhs, plural(lhs.Bits, "bit"), rhs, plural(rhs.Bits, "bit"))
		return rhs, false
	}
	return rhs, true
}

// stackField is "push(field)" or "pop(field)".
type stackField struct {
	field openflow.Subfield
	pop   bool
}

func (a *stackField) needs() need { return 0 }
func (a *stackField) encode(_ *encodeCtx, b *openflow.ActionBuilder) {
	if a.pop {
		b.Pop(a.field)
	} else {
		b.Push(a.field)
	}
}

func (p *actionParser) push() { p.stack(false, 0) }
func (p *actionParser) pop()  { p.stack(true, p.scope) }

func (p *actionParser) stack(pop bool, scope WriteScope) {
	p.lex.Expect(TokenLParen)
	if f, ok := p.field(); ok && p.check(f, f.Bits, scope) && p.lex.Expect(TokenRParen) {
		p.add(&stackField{f.Resolve(), pop})
	}
}

// decTTL is "ip.ttl--". Processing ends if nothing is left of the packet's TTL.
type decTTL struct{}

func (decTTL) needs() need                                    { return 0 }
func (decTTL) encode(_ *encodeCtx, b *openflow.ActionBuilder) { b.DecTTLSilent() }

func (p *actionParser) decTTL() {
	if p.lex.Expect(TokenDecrement) {
		p.add(decTTL{})
		p.requireSymbol("ip")
	}
}
