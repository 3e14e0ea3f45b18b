package lflow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// maxActionDepth limits how deep actions may be nested in others.
const maxActionDepth = 32

// actionParser reads actions from a lexer. Once the lexer has an error, every
// step is void.
type actionParser struct {
	lex     *Lexer
	syms    *Symtab
	env     Env
	ingress bool
	table   int // logical table the flow is in
	scope   WriteScope
	depth   int
	prereqs []*Expr
	out     actionList
	// logMeter: a log action has a meter of its own.
	logMeter bool
}

// parseActionList parses all of text, in which templates have been expanded. The
// second result is what must hold for the actions to make sense, to be added to
// the flow's match.
func parseActionList(text string, src Source, env Env, syms *Symtab) (*actionList, []*Expr, error) {
	p := actionParser{
		lex: NewLexer(text), syms: syms, env: env,
		ingress: src.Ingress, table: int(src.Table), scope: WriteDefault,
	}
	if p.table >= stageLen(src.Ingress) {
		return nil, nil, fmt.Errorf("logical table %d does not exist", p.table)
	}
	// Nested actions and arguments have semicolons too: an upper bound, exact
	// for most logical flows.
	p.out.actions = make([]action, 0, strings.Count(text, ";"))
	p.list(TokenEnd)
	if src.Meter != "" || p.logMeter {
		p.out.noMeters = !env.Flag(FlagMeters)
	}
	if err := p.lex.Err(); err != nil {
		return nil, nil, err
	}
	return &p.out, p.prereqs, nil
}

// stageLen is the number of logical tables in a pipeline.
func stageLen(ingress bool) int {
	if ingress {
		return pipeline.IngressLen
	}
	return pipeline.EgressLen
}

// list reads actions up to the token end. "drop;" stands alone: it is the empty
// list.
func (p *actionParser) list(end TokenKind) {
	if t := p.lex.Token(); t.Kind == TokenID && t.Text == "drop" && p.lex.Peek() == TokenSemicolon {
		p.lex.Next()
		p.lex.Next()
		if end == TokenEnd {
			p.lex.ExpectEnd()
		} else {
			p.lex.Expect(end)
		}
		return
	}
	for p.ok() {
		if p.lex.Kind() == end {
			p.lex.Next()
			return
		}
		p.action()
		p.lex.Expect(TokenSemicolon)
	}
}

func (p *actionParser) ok() bool { return p.lex.Err() == nil }

// add appends a, unless something was wrong with it.
func (p *actionParser) add(a action) {
	if p.ok() {
		p.out.add(a)
	}
}

// action reads one action without its semicolon.
func (p *actionParser) action() {
	t := p.lex.Token()
	switch {
	case t.Kind == TokenTemplate:
		p.lex.Errorf("template ^%s has not been expanded", t.Text)
		return
	case t.Kind != TokenID:
		p.lex.Unexpected("an action")
		return
	}
	name := t.Text
	switch p.lex.Peek() {
	case TokenEquals, TokenExchange, TokenLSquare:
		p.assignment()
		return
	}
	if !p.statement(name) {
		p.lex.Unexpected("an action")
	}
}

// assignment reads an action that begins with a field: lhs = …, lhs <-> ….
func (p *actionParser) assignment() {
	lhs, ok := p.field()
	if !ok {
		return
	}
	switch {
	case p.lex.Accept(TokenExchange):
		p.exchange(lhs)
	case p.lex.Accept(TokenEquals):
		if p.lex.Kind() != TokenID {
			p.load(lhs)
			return
		}
		name := p.lex.Token().Text
		if p.lex.Peek() == TokenLParen && p.function(lhs, name) {
			return
		}
		p.move(lhs)
	default:
		p.lex.Unexpected("`=' or `<->'")
	}
}

// field reads a field that has bits of its own, and adds its prerequisites.
func (p *actionParser) field() (FieldRef, bool) {
	t := p.lex.Token()
	if t.Kind != TokenID {
		p.lex.Unexpected("a field")
		return FieldRef{}, false
	}
	s := p.syms.Lookup(t.Text)
	if s == nil {
		p.lex.Unexpected("a field")
		return FieldRef{}, false
	}
	if s.Predicate != nil {
		p.lex.Errorf("%s is a predicate, a field that can hold a value is needed", s.Name)
		return FieldRef{}, false
	}
	p.lex.Next()
	f := FieldRef{Symbol: s, Bits: s.Width}
	if p.lex.Accept(TokenLSquare) && !p.bits(&f) {
		return FieldRef{}, false
	}
	for ; s != nil; s = s.Parent {
		p.require(s.Prereqs)
	}
	return f, p.ok()
}

// bits reads the rest of f[low] or f[low..high].
func (p *actionParser) bits(f *FieldRef) bool {
	s := f.Symbol
	if s.IsString() {
		p.lex.Errorf("field %s is a string and has no bits", s.Name)
		return false
	}
	low, ok := p.lex.ExpectInt()
	high := low
	if ok && p.lex.Accept(TokenEllipsis) {
		high, ok = p.lex.ExpectInt()
	}
	switch {
	case !ok || !p.lex.Expect(TokenRSquare):
		return false
	case low > high || high >= s.Width:
		p.lex.Errorf("field %s has no bits %d to %d", s.Name, low, high)
		return false
	case s.Level == LevelNominal && (low != 0 || high != s.Width-1):
		p.lex.Errorf("field %s can only be used as a whole", s.Name)
		return false
	}
	f.Ofs, f.Bits = low, high-low+1
	return true
}

// typed reads a field of so many bits, 0 for a port name.
func (p *actionParser) typed(bits int) (FieldRef, bool) {
	f, ok := p.field()
	return f, ok && p.check(f, bits, 0)
}

// check makes it an error if f does not have so many bits or can't be modified
// in scope (0: need not).
func (p *actionParser) check(f FieldRef, bits int, scope WriteScope) bool {
	why := f.CheckType(bits, scope)
	switch {
	case why != "":
	case f.Symbol.OVNField != OVNFieldNone:
		why = "field " + f.Symbol.Name + " can only be set to a constant"
	default:
		return p.ok()
	}
	p.lex.Errorf("%s", why)
	return false
}

// result checks that an action can leave a result of so many bits in lhs.
func (p *actionParser) result(lhs FieldRef, bits int) (openflow.Subfield, bool) {
	if !p.check(lhs, bits, p.scope) {
		return openflow.Subfield{}, false
	}
	return lhs.Resolve(), true
}

// call skips the name of an action and the parenthesis after it.
func (p *actionParser) call() {
	p.lex.Next()
	p.lex.Expect(TokenLParen)
}

// require adds a prerequisite. Symbols share theirs, so most duplicates are the
// same object.
func (p *actionParser) require(e *Expr) {
	if e != nil && !slices.Contains(p.prereqs, e) {
		p.prereqs = append(p.prereqs, e)
	}
}

// requireSymbol adds the predicate of that name as a prerequisite.
func (p *actionParser) requireSymbol(name string) { p.require(p.syms.Lookup(name).Predicate) }

// block reads { actions }. Where the actions are for another packet than the one
// that matched, inner prerequisites are no business of the match and prereq
// stands in for them.
func (p *actionParser) block(prereq string, scope WriteScope) actionList {
	if !p.lex.Expect(TokenLCurly) {
		return actionList{}
	}
	if p.depth+1 == maxActionDepth {
		p.lex.Errorf("actions are nested more than %d deep", maxActionDepth-1)
		return actionList{}
	}
	outer := *p
	p.depth++
	p.scope = scope
	p.out = actionList{}
	if prereq != "" {
		p.prereqs = nil
	}
	p.list(TokenRCurly)
	inner := p.out
	p.depth, p.scope, p.out = outer.depth, outer.scope, outer.out
	if prereq != "" {
		p.prereqs = outer.prereqs
		p.requireSymbol(prereq)
	}
	return inner
}

// uint16 reads a number of 16 bits.
func (p *actionParser) uint16(what string) (uint16, bool) {
	t := p.lex.Token()
	if p.lex.IsInt() && t.Value.Lo <= 0xffff {
		v := uint16(t.Value.Lo)
		p.lex.Next()
		return v, true
	}
	p.lex.Unexpected(what)
	return 0, false
}

// text reads a quoted string.
func (p *actionParser) text(what string) (string, bool) {
	t := p.lex.Token()
	if t.Kind != TokenString {
		p.lex.Unexpected(what)
		return "", false
	}
	s := t.Text
	p.lex.Next()
	return s, true
}

// argument reads "name =".
func (p *actionParser) argument(name string) bool {
	if !p.lex.AcceptID(name) {
		p.lex.Unexpected("`" + name + "'")
		return false
	}
	return p.lex.Expect(TokenEquals)
}

// boolean reads true or false, quoted or not.
func (p *actionParser) boolean() (v, ok bool) {
	switch {
	case p.lex.AcceptID("true"), p.lex.AcceptString("true"):
		return true, true
	case p.lex.AcceptID("false"), p.lex.AcceptString("false"):
		return false, true
	}
	p.lex.Unexpected("true or false")
	return false, false
}
