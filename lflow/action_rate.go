package lflow

import (
	"strconv"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// maxQueueID is the highest queue OVN gives out.
const maxQueueID = 61440

// setQueue is "set_queue(id)".
type setQueue struct{ id uint32 }

func (a setQueue) needs() need                                    { return 0 }
func (a setQueue) encode(_ *encodeCtx, b *openflow.ActionBuilder) { b.SetQueue(a.id) }

func (p *actionParser) setQueue() {
	p.lex.Expect(TokenLParen)
	id, ok := p.lex.ExpectInt()
	if !ok || !p.lex.Expect(TokenRParen) {
		return
	}
	if id > maxQueueID {
		p.lex.Errorf("queue %d is above %d", id, maxQueueID)
		return
	}
	p.add(setQueue{uint32(id)})
}

// setMeter is "set_meter(rate)" and "set_meter(rate, burst)", in kbit/s and
// kbit.
type setMeter struct{ rate, burst uint64 }

func (a *setMeter) needs() need { return needOwner }

// encode names the meter by what it is, in the words in which the C agent does:
// the part after the prefix is a meter as ovs-ofctl(8) writes it. The UUID in it
// gives each logical flow a meter of its own.
func (a *setMeter) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	var room [160]byte
	s := append(room[:0], "__string: uuid "...)
	s = c.appendUUID(s)
	s = append(s, " kbps"...)
	if a.burst != 0 {
		s = append(s, " burst"...)
	}
	s = append(s, " stats bands=type=drop rate="...)
	s = strconv.AppendUint(s, a.rate, 10)
	if a.burst != 0 {
		s = append(s, " burst_size="...)
		s = strconv.AppendUint(s, a.burst, 10)
	}
	b.MeterSymbol(string(s))
}

func (p *actionParser) setMeter() {
	var a setMeter
	p.lex.Expect(TokenLParen)
	a.rate = p.decimal("a rate in kbit/s")
	if p.lex.Accept(TokenComma) {
		a.burst = p.decimal("a burst in kbit")
	}
	p.lex.Expect(TokenRParen)
	if a.rate == 0 {
		p.lex.Errorf("the rate of set_meter can't be 0")
		return
	}
	p.add(&a)
}

// decimal reads a decimal number of up to 64 bits.
func (p *actionParser) decimal(what string) uint64 {
	t := p.lex.Token()
	if t.Kind != TokenInteger || t.Format != FormatDecimal {
		p.lex.Unexpected(what)
		return 0
	}
	v := t.Value.Lo
	p.lex.Next()
	return v
}
