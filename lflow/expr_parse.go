package lflow

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// maxDepth bounds the nesting of parentheses in a match.
const maxDepth = 100

// exprParser reads a match, ovn-sb(5) "Logical_Flow", column match.
type exprParser struct {
	*Lexer
	symbols *Symtab
	// negated is true inside an odd number of negations: nominal fields can
	// only be tested for what ends up as equality.
	negated bool
	depth   int
	// start is where the comparison being read begins, for messages.
	start int
}

// ParseExpr reads a Boolean expression up to the first token that can't belong
// to it. It returns nil after an error, which is left in l.
func ParseExpr(l *Lexer, symbols *Symtab) *Expr {
	p := exprParser{Lexer: l, symbols: symbols}
	e := p.or()
	if l.Err() != nil {
		return nil
	}
	return e
}

// parseExpr reads text as one expression.
func parseExpr(text string, symbols *Symtab) (*Expr, error) {
	l := NewLexer(text)
	e := ParseExpr(l, symbols)
	l.ExpectEnd()
	if err := l.Err(); err != nil {
		return nil, err
	}
	return e, nil
}

// or reads operands joined by && or by ||, never by both: the language wants
// parentheses there.
func (p *exprParser) or() *Expr {
	first := p.not()
	op := p.Kind()
	if first == nil || op != TokenAnd && op != TokenOr {
		return first
	}
	operands := []*Expr{first}
	for p.Accept(op) {
		e := p.not()
		if e == nil {
			return nil
		}
		operands = append(operands, e)
	}
	if k := p.Kind(); k == TokenAnd || k == TokenOr {
		p.Errorf("&& and || need parentheses when used together")
		return nil
	}
	if op == TokenAnd {
		return combine(exprAnd, operands...)
	}
	return joinSets(combine(exprOr, operands...))
}

func (p *exprParser) not() *Expr {
	if !p.Accept(TokenNot) {
		e, _ := p.primary()
		return e
	}
	p.negated = !p.negated
	e, atomic := p.primary()
	p.negated = !p.negated
	if e == nil {
		return nil
	}
	if !atomic {
		p.Errorf("the operand of ! needs parentheses")
		return nil
	}
	return negate(e)
}

// primary reads an operand of a logical operator. atomic tells whether it may
// follow a `!'. The result is nil after an error.
func (p *exprParser) primary() (e *Expr, atomic bool) {
	switch p.Kind() {
	case TokenLParen:
		if p.depth >= maxDepth {
			p.Errorf("parentheses are nested more than %d deep", maxDepth)
			return nil, false
		}
		p.Next()
		p.depth++
		e := p.or()
		p.depth--
		if e == nil || !p.Expect(TokenRParen) {
			return nil, false
		}
		return e, true
	case TokenID:
		if p.Peek() == TokenLParen {
			return p.function(), true
		}
		return p.fieldFirst()
	}
	return p.constantFirst()
}

// function reads is_chassis_resident("port").
func (p *exprParser) function() *Expr {
	if !p.AcceptID("is_chassis_resident") {
		p.Errorf("there is no function %s", p.Token().Text)
		return nil
	}
	p.Next() // (
	port := p.Token().Text
	if p.Kind() != TokenString {
		p.Unexpected("port name in quotes")
		return nil
	}
	p.Next()
	if !p.Expect(TokenRParen) {
		return nil
	}
	return &Expr{kind: exprCond, port: port}
}

// fieldFirst reads a field alone, or `field relop constants'.
func (p *exprParser) fieldFirst() (e *Expr, atomic bool) {
	p.start = p.Token().Pos
	f, ok := p.field()
	if !ok {
		return nil, false
	}
	if _, ok := relopOf(p.Kind()); ok {
		r, _ := p.relop()
		cs, ok := parseConstantSet(p.Lexer, true)
		if !ok {
			return nil, false
		}
		return p.compare(f, r, &cs), false
	}
	switch {
	case f.Symbol.IsString() || p.Kind() == TokenEquals:
		p.Unexpected("relational operator")
		return nil, false
	case f.Bits > 1 && !p.negated:
		p.ErrorfAt(p.start, "field %s has more than one bit: it must be compared, for example with != 0", f)
		return nil, false
	}
	return p.compare(f, relNE, &ConstantSet{Values: []Constant{{Format: FormatHex}}}), true
}

// constantFirst reads 0, 1, `constants relop field' or the range
// `constant relop field relop constant'.
func (p *exprParser) constantFirst() (e *Expr, atomic bool) {
	p.start = p.Token().Pos
	low, ok := parseConstantSet(p.Lexer, true)
	if !ok {
		return nil, false
	}
	if _, ok := relopOf(p.Kind()); !ok && len(low.Values) == 1 && !low.Strings && !low.Curlies && len(low.Groups) == 0 {
		c := low.Values[0]
		if c.Format == FormatDecimal && !c.Masked && c.Value.Lo <= 1 {
			return boolExpr(c.Value.Lo == 1), true
		}
	}
	r1, ok := p.relop()
	if !ok {
		return nil, false
	}
	f, ok := p.field()
	if !ok {
		return nil, false
	}
	if _, ok := relopOf(p.Kind()); !ok {
		return p.compare(f, r1.turn(), &low), false
	}
	r2, _ := p.relop()
	high, ok := parseConstantSet(p.Lexer, true)
	if !ok {
		return nil, false
	}
	up := func(r relop) bool { return r == relLT || r == relLE }
	down := func(r relop) bool { return r == relGT || r == relGE }
	if !(up(r1) && up(r2) || down(r1) && down(r2)) {
		p.ErrorfAt(p.start, "a range has two operators that point the same way, as in x < %s <= y", f)
		return nil, false
	}
	a := p.compare(f, r1.turn(), &low)
	b := p.compare(f, r2, &high)
	if p.Err() != nil {
		return nil, false
	}
	return And(a, b), false
}

func relopOf(k TokenKind) (relop, bool) {
	switch k {
	case TokenEQ:
		return relEQ, true
	case TokenNE:
		return relNE, true
	case TokenLT:
		return relLT, true
	case TokenLE:
		return relLE, true
	case TokenGT:
		return relGT, true
	case TokenGE:
		return relGE, true
	}
	return 0, false
}

func (p *exprParser) relop() (relop, bool) {
	r, ok := relopOf(p.Kind())
	if !ok {
		p.Unexpected("relational operator")
		return 0, false
	}
	p.Next()
	return r, true
}

// field reads a symbol and the bits of it that are meant.
func (p *exprParser) field() (FieldRef, bool) {
	var sym *Symbol
	if p.Kind() == TokenID {
		sym = p.symbols.Lookup(p.Token().Text)
	}
	if sym == nil {
		p.Unexpected("field name")
		return FieldRef{}, false
	}
	p.Next()
	f := FieldRef{Symbol: sym, Bits: sym.Width}
	if !p.Accept(TokenLSquare) {
		return f, true
	}
	if sym.IsString() {
		p.Errorf("field %s is a string and has no bits", sym.Name)
		return f, false
	}
	low, ok := p.ExpectInt()
	high := low
	if ok && p.Accept(TokenEllipsis) {
		high, ok = p.ExpectInt()
	}
	if !ok || !p.Expect(TokenRSquare) {
		return f, false
	}
	switch {
	case low > high:
		p.Errorf("bits %d to %d are not a range", low, high)
	case high >= sym.Width:
		p.Errorf("field %s of %s has no bit %d", sym.Name, plural(sym.Width, "bit"), high)
	case sym.Level == LevelNominal && (low != 0 || high != sym.Width-1):
		p.Errorf("bits of field %s can't be selected: it is nominal", sym.Name)
	default:
		f.Ofs, f.Bits = low, high-low+1
		return f, true
	}
	return f, false
}

// ParseField reads a field that actions read or write; predicates are none. The
// symbol's prerequisites are joined to *prereqs. What is wrong is left in l.
func ParseField(l *Lexer, symbols *Symtab, prereqs **Expr) (FieldRef, bool) {
	p := exprParser{Lexer: l, symbols: symbols}
	f, ok := p.field()
	if !ok {
		return f, false
	}
	if f.Symbol.Predicate != nil {
		l.Errorf("%s is a predicate, a field is needed", f.Symbol.Name)
		return f, false
	}
	for s := f.Symbol; s != nil; s = s.Parent {
		*prereqs = And(*prereqs, s.Prereqs)
	}
	return f, true
}

// ParsePrereq reads text, which must be valid, as an expression to be joined to
// the prerequisites of actions.
func ParsePrereq(text string, symbols *Symtab) *Expr {
	e, err := parseExpr(text, symbols)
	if err != nil {
		panic("prerequisite " + text + ": " + err.Error())
	}
	return e
}

// compare makes `f r cs'. It returns nil after an error.
func (p *exprParser) compare(f FieldRef, r relop, cs *ConstantSet) *Expr {
	if f.Symbol.OVNField != OVNFieldNone {
		p.ErrorfAt(p.start, "field %s can be set but not matched", f.Symbol.Name)
		return nil
	}
	if !checkConstants(p.Lexer, p.start, f, cs) || !p.checkRelop(f, r, cs) {
		return nil
	}
	cmps := make([]*Expr, 0, len(cs.Values))
	for i := range cs.Values {
		cmps = append(cmps, newCmp(f, r, &cs.Values[i]))
	}
	if len(cs.Groups) > 0 {
		return newSet(f, r, cs.Groups, cmps)
	}
	if r == relEQ {
		return combine(exprOr, cmps...)
	}
	return combine(exprAnd, cmps...)
}

func (p *exprParser) checkRelop(f FieldRef, r relop, cs *ConstantSet) bool {
	sym := f.Symbol
	if r != relEQ && r != relNE {
		switch {
		case cs.Curlies || len(cs.Groups) > 0:
			p.ErrorfAt(p.start, "only == and != work with sets of values")
			return false
		case sym.Level != LevelOrdinal:
			p.ErrorfAt(p.start, "only == and != work with field %s: it is %s", sym.Name, sym.Level)
			return false
		case cs.Values[0].Masked:
			p.ErrorfAt(p.start, "only == and != work with masks; compare some bits of %s instead", sym.Name)
			return false
		}
	}
	if sym.Level != LevelNominal {
		return true
	}
	if sym.Predicate != nil {
		for i := range cs.Values {
			if (cs.Values[i].Value.Bit(0) == 1) == (r == relNE) != p.negated {
				p.ErrorfAt(p.start, "%s can be required but not excluded: it tests a nominal field", sym.Name)
				return false
			}
		}
		return true
	}
	if (r == relEQ) == p.negated {
		p.ErrorfAt(p.start, "field %s can only be tested for equality: it is nominal", sym.Name)
		return false
	}
	return true
}

// newCmp makes one comparison. Only the bits of f take part.
func newCmp(f FieldRef, r relop, c *Constant) *Expr {
	e := &Expr{kind: exprCmp, sym: f.Symbol, rel: r}
	if f.Symbol.IsString() {
		e.port = c.Text
		return e
	}
	low := openflow.MaskN(f.Bits)
	e.mask = low.Shl(f.Ofs)
	if c.Masked {
		e.mask = c.Mask.And(low).Shl(f.Ofs)
	}
	e.value = c.Value.And(low).Shl(f.Ofs)
	return e
}
