package lflow

import (
	"errors"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// errTooLong says that an action with others inside is more than its 16-bit
// length can tell.
var errTooLong = errors.New("actions are longer than an OpenFlow action can be")

// maxActionLen is the most bytes one OpenFlow action can have.
const maxActionLen = 65528

// resubmit goes on in another table, or looks something up there.
type resubmit struct{ table uint8 }

func (a resubmit) needs() need                                    { return 0 }
func (a resubmit) encode(_ *encodeCtx, b *openflow.ActionBuilder) { b.Resubmit(a.table) }

func resubmitTo(table uint8) func(*actionParser) {
	return func(p *actionParser) { p.add(resubmit{table}) }
}

// outputTable is where "output" goes on.
func (p *actionParser) outputTable() uint8 {
	if p.ingress {
		return pipeline.TableOutputInit
	}
	return pipeline.TableSaveInport
}

func (p *actionParser) output() { p.add(resubmit{p.outputTable()}) }

// nextTable is the OpenFlow table of the logical table after the present one.
func (p *actionParser) nextTable() uint8 { return stageTable(p.ingress, p.table+1) }

// next is "next", "next(table)" or "next(pipeline=…, table=…)".
func (p *actionParser) next() {
	ingress, table := p.ingress, p.table+1
	if p.lex.Accept(TokenLParen) {
		if n, ok := p.lex.AcceptInt(); ok {
			table = n
		} else if !p.nextArguments(&ingress, &table) {
			return
		}
		if !p.lex.Expect(TokenRParen) {
			return
		}
	}
	if n := stageLen(ingress); table >= n {
		p.lex.Errorf("next goes to logical table %d, the last one is %d", table, n-1)
		return
	}
	p.add(resubmit{stageTable(ingress, table)})
}

func (p *actionParser) nextArguments(ingress *bool, table *int) bool {
	for {
		switch {
		case p.lex.AcceptID("pipeline"):
			if !p.lex.Expect(TokenEquals) {
				return false
			}
			switch {
			case p.lex.AcceptID("ingress"):
				*ingress = true
			case p.lex.AcceptID("egress"):
				*ingress = false
			default:
				p.lex.Unexpected("ingress or egress")
				return false
			}
		case p.lex.AcceptID("table"):
			if !p.lex.Expect(TokenEquals) {
				return false
			}
			var ok bool
			if *table, ok = p.lex.ExpectInt(); !ok {
				return false
			}
		default:
			p.lex.Unexpected("pipeline or table")
			return false
		}
		if !p.lex.Accept(TokenComma) {
			return true
		}
	}
}

// clone is "clone { actions }".
type clone struct{ list actionList }

func (a *clone) needs() need { return a.list.need }
func (a *clone) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	start := b.Len()
	b.Clone(func(b *openflow.ActionBuilder) { c.run(&a.list, b) })
	c.limit(b, start)
}

// run encodes actions inside of another.
func (c *encodeCtx) run(l *actionList, b *openflow.ActionBuilder) {
	for _, a := range l.actions {
		a.encode(c, b)
	}
}

// limit makes it an error if what b holds from start on, one action, is too long.
func (c *encodeCtx) limit(b *openflow.ActionBuilder, start int) {
	if b.Len()-start > maxActionLen {
		c.fail(errTooLong)
	}
}

func (p *actionParser) clone() {
	list := p.block("", WriteDefault)
	p.add(&clone{list})
}

// mirror is "mirror("port")": a copy for a port, delivered like any other packet
// for it.
type mirror struct{ port string }

func (a *mirror) needs() need { return needPorts }
func (a *mirror) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	key, ok := c.port(a.port)
	if !ok {
		return
	}
	b.Clone(func(b *openflow.ActionBuilder) {
		// The copy may have to leave by the port the packet came in by.
		b.LoadSub(openflow.Whole(openflow.FieldInPort), openflow.PortAny&0xffff)
		b.LoadSub(openflow.Whole(pipeline.RegOutport), uint64(key))
		b.Resubmit(pipeline.TableRemoteOutput)
	})
}

func (p *actionParser) mirror() {
	p.lex.Expect(TokenLParen)
	if port, ok := p.text("a port name in quotes"); ok && p.lex.Expect(TokenRParen) {
		p.add(&mirror{port})
	}
}
