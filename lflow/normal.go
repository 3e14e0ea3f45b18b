package lflow

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// DefaultMaxFlows is how many flows one logical flow may make on one datapath,
// rows counted as one. Policies that multiply several lists beyond this stall
// a chassis for minutes; the limit turns them into a named error.
const DefaultMaxFlows = 65536

// While a match is reduced, it may take this much for each flow that is allowed:
const (
	// workPerFlow bounds time: steps of about 0.1 µs.
	workPerFlow = 128
	// alternativesPerFlow bounds memory: comparisons, of about 100 bytes, in
	// one OR or made by spelling out negations and orders.
	alternativesPerFlow = 8
)

// TooManyFlowsError says that a logical flow would exceed the limit of flows.
type TooManyFlowsError struct{ Limit int }

func (e *TooManyFlowsError) Error() string {
	return fmt.Sprintf("the match would take more than %d flows", e.Limit)
}

// errExpand says that sets have to be spelled out for a match to be reduced.
var errExpand = errors.New("sets share their field with other tests")

// normaliser reduces a simplified expression without conditions to an OR of ANDs
// of clauses, a clause being a comparison or an OR of comparisons of one symbol.
type normaliser struct {
	work, limit int
	made        int // comparisons that simplify has made
	err         error
	expand      []*setRef // with errExpand: these
}

func newNormaliser(limit int) *normaliser {
	return &normaliser{work: limit * workPerFlow, limit: limit}
}

// spend takes k off the work that is left. Once nothing is left, results don't
// matter: n.err is set.
func (n *normaliser) spend(k int) bool {
	if n.work -= k; n.work < 0 {
		n.tooMany()
	}
	return n.err == nil
}

// fitsMemory makes it an error to have more than so many alternatives.
func (n *normaliser) fitsMemory(alternatives int) bool {
	if alternatives > n.limit*alternativesPerFlow {
		n.tooMany()
	}
	return n.err == nil
}

func (n *normaliser) tooMany() {
	if n.err == nil {
		n.err = &TooManyFlowsError{Limit: n.limit}
	}
}

// needMembers notes that the sets in e can't stay symbolic.
func (n *normaliser) needMembers(e *Expr) *Expr {
	switch e.kind {
	case exprSet:
		if !slices.Contains(n.expand, e.set) {
			n.expand = append(n.expand, e.set)
		}
		if n.err == nil {
			n.err = errExpand
		}
	case exprAnd, exprOr:
		for _, s := range e.subs {
			n.needMembers(s)
		}
	}
	return exprFalse
}

// normalise returns the reduced form of e: a Boolean, a clause, an AND of
// clauses on different symbols, or an OR of these.
func (n *normaliser) normalise(e *Expr) (*Expr, error) {
	switch e.kind {
	case exprAnd:
		e = n.and(e)
	case exprOr:
		e = n.or(e)
	}
	return e, n.err
}

// and reduces an AND. Clauses that are about several symbols, or about one that
// can't be a dimension, are multiplied out one by one.
func (n *normaliser) and(e *Expr) *Expr {
	e = n.gather(e)
	if e.kind != exprAnd || n.err != nil {
		return e
	}
	for i, s := range e.subs {
		if s.kind != exprOr {
			continue
		}
		if sym := uniqueSymbol(s); sym != nil && !sym.MustCrossproduct {
			continue
		}
		return n.or(n.distribute(e.subs, i))
	}
	return e
}

// distribute is the OR of the terms with term i, an OR, replaced by each of its
// operands.
func (n *normaliser) distribute(terms []*Expr, i int) *Expr {
	out := make([]*Expr, len(terms[i].subs))
	for k, alt := range terms[i].subs {
		if !n.spend(len(terms)) {
			return exprFalse
		}
		if alt.kind == exprSet && !alt.spread {
			c := *alt
			c.spread = true
			alt = &c
		}
		subs := make([]*Expr, 0, len(terms)+1)
		for j, t := range terms {
			if j != i {
				subs = append(subs, t)
			} else if alt.kind == exprAnd {
				subs = append(subs, alt.subs...)
			} else {
				subs = append(subs, alt)
			}
		}
		out[k] = &Expr{kind: exprAnd, subs: subs}
	}
	return &Expr{kind: exprOr, subs: out}
}

// or reduces the operands of an OR.
func (n *normaliser) or(e *Expr) *Expr {
	subs := make([]*Expr, 0, len(e.subs))
	for _, s := range e.subs {
		if s.kind == exprAnd {
			s = n.and(s)
		}
		if !n.spend(1) {
			return exprFalse
		}
		switch {
		case s.kind == exprBool && s.yes:
			return s
		case s.kind == exprBool:
		case s.kind == exprOr:
			subs = append(subs, s.subs...)
		default:
			subs = append(subs, s)
		}
		if !n.fitsMemory(len(subs)) {
			return exprFalse
		}
	}
	return fix(exprOr, subs)
}

// gather brings the terms of an AND that are about the same symbol together and
// reduces each group to one clause. Groups come out by name of the symbol, then
// the clauses on several symbols, shorter ones first.
func (n *normaliser) gather(e *Expr) *Expr {
	type term struct {
		e   *Expr
		sym *Symbol
	}
	terms := make([]term, len(e.subs))
	for i, s := range e.subs {
		terms[i] = term{s, uniqueSymbol(s)}
	}
	slices.SortStableFunc(terms, func(a, b term) int {
		switch {
		case a.sym == nil && b.sym == nil:
			if a.e.kind != b.e.kind {
				return int(a.e.kind) - int(b.e.kind)
			}
			return len(a.e.subs) - len(b.e.subs)
		case a.sym == nil:
			return 1
		case b.sym == nil:
			return -1
		case a.sym != b.sym:
			return strings.Compare(a.sym.Name, b.sym.Name)
		}
		return int(sortKind(a.e)) - int(sortKind(b.e))
	})
	n.spend(len(terms))
	var out []*Expr
	for i := 0; i < len(terms); {
		sym := terms[i].sym
		if sym == nil {
			out = append(out, terms[i].e)
			i++
			continue
		}
		j := i + 1
		for j < len(terms) && terms[j].sym == sym {
			j++
		}
		group := make([]*Expr, 0, j-i)
		for _, t := range terms[i:j] {
			group = append(group, t.e)
		}
		i = j
		c := n.crush(combine(exprAnd, group...), sym)
		if c.kind != exprBool {
			out = append(out, c)
		} else if !c.yes {
			return exprFalse
		}
	}
	if len(out) == 0 {
		return exprTrue
	}
	return combine(exprAnd, out...)
}

// sortKind is the kind of e among clauses: a set is an OR.
func sortKind(e *Expr) exprKind {
	if e.kind == exprSet && !e.spread {
		return exprOr
	}
	return e.kind
}
