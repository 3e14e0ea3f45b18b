package lflow

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// argument is a value and the field in which a look-up table or the packet-in
// loop expects it.
type argument struct {
	src openflow.Subfield
	dst openflow.Field
}

// arguments brings values into place before an action and back after it.
type arguments []argument

// moved tells whether a needs bringing: a source in the very field is there
// already.
func (a *argument) moved() bool { return a.src.Field != a.dst }

// enter saves all destinations before it fills any: one may be the source of
// another.
func (as arguments) enter(b *openflow.ActionBuilder) {
	for i := range as {
		if as[i].moved() {
			b.Push(openflow.Whole(as[i].dst))
		}
	}
	for i := len(as) - 1; i >= 0; i-- {
		if as[i].moved() {
			b.Push(as[i].src)
		}
	}
	for i := range as {
		if as[i].moved() {
			b.Pop(openflow.Whole(as[i].dst))
		}
	}
}

func (as arguments) leave(b *openflow.ActionBuilder) {
	for i := len(as) - 1; i >= 0; i-- {
		if as[i].moved() {
			b.Pop(openflow.Whole(as[i].dst))
		}
	}
}

// neighbourFamily is what differs between ARP and ND.
type neighbourFamily struct {
	bits  int            // of an address
	getIP openflow.Field // where tables that find a MAC expect the address
	putIP openflow.Field // where tables that find a pair, and the packet-in loop, do
	put   pipeline.Opcode
}

var (
	neighbour4 = &neighbourFamily{32, openflow.FieldReg0, openflow.FieldReg0, pipeline.OpPutARP}
	neighbour6 = &neighbourFamily{128, openflow.FieldXXReg1, openflow.FieldXXReg0, pipeline.OpPutND}
)

// fieldArgument reads a field of so many bits, 0 for a port, whose value is
// expected in dst. sep is the token after it.
func (p *actionParser) fieldArgument(bits int, dst openflow.Field, sep TokenKind) argument {
	f, ok := p.typed(bits)
	if !ok || !p.lex.Expect(sep) {
		return argument{}
	}
	return argument{f.Resolve(), dst}
}

// getNeighbour is "get_arp(port, ip)" and "get_nd(port, ip)": eth.dst becomes
// the neighbour's, or zero.
type getNeighbour struct{ args [2]argument }

func (a *getNeighbour) needs() need { return 0 }
func (a *getNeighbour) encode(_ *encodeCtx, b *openflow.ActionBuilder) {
	arguments(a.args[:]).enter(b)
	b.LoadSub(openflow.Whole(openflow.FieldEthDst), 0)
	b.Resubmit(pipeline.TableMACBinding)
	arguments(a.args[:]).leave(b)
}

func (p *actionParser) getNeighbour(f *neighbourFamily) {
	p.lex.Expect(TokenLParen)
	var a getNeighbour
	a.args[0] = p.fieldArgument(0, pipeline.RegOutport, TokenComma)
	a.args[1] = p.fieldArgument(f.bits, f.getIP, TokenRParen)
	p.add(&a)
}

// putNeighbour is "put_arp(port, ip, mac)" and "put_nd(port, ip, mac)".
type putNeighbour struct {
	args [3]argument
	op   pipeline.Opcode
}

func (a *putNeighbour) needs() need { return 0 }
func (a *putNeighbour) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	arguments(a.args[:]).enter(b)
	c.controller(b, a.op, nil, false)
	arguments(a.args[:]).leave(b)
}

func (p *actionParser) putNeighbour(f *neighbourFamily) {
	p.lex.Expect(TokenLParen)
	a := putNeighbour{op: f.put}
	a.args[0] = p.fieldArgument(0, pipeline.RegInport, TokenComma)
	a.args[1] = p.fieldArgument(f.bits, f.putIP, TokenComma)
	a.args[2] = p.fieldArgument(48, openflow.FieldEthSrc, TokenRParen)
	p.add(&a)
}

// lookupNeighbour is "dst = lookup_arp(port, ip, mac)" and its ND twin: is that
// binding known?
type lookupNeighbour struct {
	args [3]argument
	dst  openflow.Subfield
}

func (a *lookupNeighbour) needs() need { return 0 }
func (a *lookupNeighbour) encode(_ *encodeCtx, b *openflow.ActionBuilder) {
	flag := flagBit(pipeline.FlagLookupMACBit)
	arguments(a.args[:]).enter(b)
	b.LoadSub(flag, 0)
	b.Resubmit(pipeline.TableMACLookup)
	b.Move(flag, a.dst)
	arguments(a.args[:]).leave(b)
}

func (p *actionParser) lookupNeighbour(lhs FieldRef, f *neighbourFamily) {
	dst, ok := p.result(lhs, 1)
	if !ok {
		return
	}
	a := lookupNeighbour{dst: dst}
	a.args[0] = p.fieldArgument(0, pipeline.RegInport, TokenComma)
	a.args[1] = p.fieldArgument(f.bits, f.putIP, TokenComma)
	a.args[2] = p.fieldArgument(48, openflow.FieldEthSrc, TokenRParen)
	p.add(&a)
}

// lookupNeighbourIP is "dst = lookup_arp_ip(port, ip)" and its ND twin: is any
// binding of that address known?
type lookupNeighbourIP struct {
	args [2]argument
	dst  openflow.Subfield
}

func (a *lookupNeighbourIP) needs() need { return 0 }
func (a *lookupNeighbourIP) encode(_ *encodeCtx, b *openflow.ActionBuilder) {
	flag := flagBit(pipeline.FlagLookupMACBit)
	arguments(a.args[:]).enter(b)
	b.Push(openflow.Whole(openflow.FieldEthDst)) // the table sets it
	b.LoadSub(flag, 0)
	b.Resubmit(pipeline.TableMACBinding)
	b.Move(flag, a.dst)
	b.Pop(openflow.Whole(openflow.FieldEthDst))
	arguments(a.args[:]).leave(b)
}

func (p *actionParser) lookupNeighbourIP(lhs FieldRef, f *neighbourFamily) {
	dst, ok := p.result(lhs, 1)
	if !ok {
		return
	}
	a := lookupNeighbourIP{dst: dst}
	a.args[0] = p.fieldArgument(0, pipeline.RegOutport, TokenComma)
	a.args[1] = p.fieldArgument(f.bits, f.getIP, TokenRParen)
	p.add(&a)
}

// putFDB is "put_fdb(port, mac)".
type putFDB struct{ args [2]argument }

func (a *putFDB) needs() need { return 0 }
func (a *putFDB) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	arguments(a.args[:]).enter(b)
	c.controller(b, pipeline.OpPutFDB, nil, false)
	arguments(a.args[:]).leave(b)
}

func (p *actionParser) putFDB() {
	p.lex.Expect(TokenLParen)
	var a putFDB
	a.args[0] = p.fieldArgument(0, pipeline.RegInport, TokenComma)
	a.args[1] = p.fieldArgument(48, openflow.FieldEthSrc, TokenRParen)
	p.add(&a)
}

// getFDB is "dst = get_fdb(mac)" and "dst = get_remote_fdb(mac)": the key of the
// port behind which the address is, or 0.
type getFDB struct {
	args  [1]argument
	table uint8
	reg   openflow.Field // where the table leaves the answer
	dst   openflow.Subfield
}

func (a *getFDB) needs() need { return 0 }
func (a *getFDB) encode(_ *encodeCtx, b *openflow.ActionBuilder) {
	arguments(a.args[:]).enter(b)
	b.LoadSub(openflow.Whole(a.reg), 0)
	b.Resubmit(a.table)
	arguments(a.args[:]).leave(b)
	if a.dst.Field != a.reg {
		b.Move(openflow.Whole(a.reg), a.dst)
	}
}

func (p *actionParser) getFDB(lhs FieldRef, table uint8, reg openflow.Field) {
	bits := 32
	if lhs.Symbol.IsString() {
		bits = 0
	}
	dst, ok := p.result(lhs, bits)
	if !ok {
		return
	}
	a := getFDB{table: table, reg: reg, dst: dst}
	a.args[0] = p.fieldArgument(48, openflow.FieldEthDst, TokenRParen)
	p.add(&a)
}

// lookupFDB is "dst = lookup_fdb(port, mac)": is the address known behind that
// port?
type lookupFDB struct {
	args [2]argument
	dst  openflow.Subfield
}

func (a *lookupFDB) needs() need { return 0 }
func (a *lookupFDB) encode(_ *encodeCtx, b *openflow.ActionBuilder) {
	flag := flagBit(pipeline.FlagLookupFDBBit)
	arguments(a.args[:]).enter(b)
	b.LoadSub(flag, 0)
	b.Resubmit(pipeline.TableLookupFDB)
	arguments(a.args[:]).leave(b)
	b.Move(flag, a.dst)
}

func (p *actionParser) lookupFDB(lhs FieldRef) {
	dst, ok := p.result(lhs, 1)
	if !ok {
		return
	}
	a := lookupFDB{dst: dst}
	a.args[0] = p.fieldArgument(0, pipeline.RegInport, TokenComma)
	a.args[1] = p.fieldArgument(48, openflow.FieldEthSrc, TokenRParen)
	p.add(&a)
}
