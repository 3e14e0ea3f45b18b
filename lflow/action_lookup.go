package lflow

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// lookup is "dst = name()": a table leaves its answer in reg, which is cleared
// before and copied to dst afterwards.
type lookup struct {
	table   uint8
	reg     openflow.Subfield
	dst     openflow.Subfield
	protect bool // reg is put back afterwards
}

func (a *lookup) needs() need { return 0 }
func (a *lookup) encode(_ *encodeCtx, b *openflow.ActionBuilder) {
	if a.protect {
		b.Push(a.reg)
	}
	for ofs := 0; ofs < int(a.reg.Bits); ofs += 64 {
		n := min(int(a.reg.Bits)-ofs, 64)
		b.LoadSub(openflow.Bits(a.reg.Field, int(a.reg.Ofs)+ofs, n), 0)
	}
	b.Resubmit(a.table)
	b.Move(a.reg, a.dst)
	if a.protect {
		b.Pop(a.reg)
	}
}

// lookupFlag reads the rest of a look-up whose answer is a bit of the logical
// flags.
func lookupFlag(table uint8, bit int) func(*actionParser, FieldRef) {
	return func(p *actionParser, lhs FieldRef) {
		if dst, ok := p.noArguments(lhs, 1); ok {
			p.add(&lookup{table: table, reg: flagBit(bit), dst: dst})
		}
	}
}

// lookupRegister reads the rest of a look-up whose answer comes in the low bits
// of a register that the logical flow may be using for something else.
func lookupRegister(table uint8, field openflow.Field, bits int) func(*actionParser, FieldRef) {
	reg := openflow.Bits(field, 0, bits)
	return func(p *actionParser, lhs FieldRef) {
		dst, ok := p.noArguments(lhs, bits)
		if !ok {
			return
		}
		if dst != reg && dst.Field == reg.Field && dst.Ofs < reg.Bits {
			p.lex.Errorf("field %s overlaps bits 0 to %d of %s, where the answer arrives", lhs, bits-1, reg.Field)
			return
		}
		p.add(&lookup{table: table, reg: reg, dst: dst, protect: dst != reg})
	}
}

// ctStateSave is "dst = ct_state_save()".
func (p *actionParser) ctStateSave(lhs FieldRef) {
	if dst, ok := p.noArguments(lhs, 8); ok {
		p.add(&lookup{
			table: pipeline.TableCtStateSave,
			reg:   openflow.Bits(pipeline.RegCtSavedState, 0, 8),
			dst:   dst,
		})
	}
}

// noArguments reads the closing parenthesis of a call whose result has so many
// bits.
func (p *actionParser) noArguments(lhs FieldRef, bits int) (openflow.Subfield, bool) {
	if !p.lex.Expect(TokenRParen) {
		return openflow.Subfield{}, false
	}
	return p.result(lhs, bits)
}

// checkPktLarger is "dst = check_pkt_larger(bytes)".
type checkPktLarger struct {
	max uint16
	dst openflow.Subfield
}

func (a *checkPktLarger) needs() need { return 0 }
func (a *checkPktLarger) encode(_ *encodeCtx, b *openflow.ActionBuilder) {
	b.CheckPktLarger(a.max, a.dst)
}

func (p *actionParser) checkPktLarger(lhs FieldRef) {
	dst, ok := p.result(lhs, 1)
	if !ok {
		return
	}
	n, ok := p.lex.ExpectInt()
	if !ok || !p.lex.Expect(TokenRParen) {
		return
	}
	// No packet is larger than what 16 bits can tell.
	p.add(&checkPktLarger{uint16(min(n, 0xffff)), dst})
}
