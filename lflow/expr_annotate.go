package lflow

// annotate adds the prerequisites of the symbols in e, and replaces predicates
// and parts of symbols by what they stand for. A subexpression that is all about
// one symbol has that symbol's prerequisites added once, outside, so that it can
// still be a dimension of a conjunctive match.
func annotate(e *Expr) *Expr { return annotateWith(e, true) }

func annotateWith(e *Expr, prereqs bool) *Expr {
	switch e.kind {
	case exprCmp:
		return annotateCmp(e, prereqs)
	case exprSet:
		// A set is an OR of comparisons of its symbol.
		n := *e
		if e.sym.Parent != nil {
			n.sym = e.sym.Parent
		}
		if prereqs && e.sym.Prereqs != nil {
			return combine(exprAnd, &n, e.sym.Prereqs)
		}
		return &n
	case exprAnd, exprOr:
		return annotateJunction(e, prereqs)
	}
	return e
}

func annotateJunction(e *Expr, prereqs bool) *Expr {
	var outside *Expr
	if prereqs {
		if sym := uniqueSymbol(e); sym != nil {
			outside = sym.Prereqs
			prereqs = false
		}
	}
	subs := make([]*Expr, len(e.subs))
	for i, s := range e.subs {
		if s.kind == exprSet && e.kind == exprOr && prereqs && s.sym.Prereqs != nil {
			// Each member is a disjunct of its own here.
			n := *s
			n.spread = true
			s = &n
		}
		subs[i] = annotateWith(s, prereqs)
	}
	return combine(exprAnd, combine(e.kind, subs...), outside)
}

func annotateCmp(e *Expr, prereqs bool) *Expr {
	sym := e.sym
	out := e
	switch {
	case sym.Parent != nil:
		n := *e
		n.sym = sym.Parent
		n.value = e.value.Shl(sym.ParentOfs)
		n.mask = e.mask.Shl(sym.ParentOfs)
		out = &n
	case sym.Predicate != nil:
		out = sym.Predicate
		if (e.value.Bit(0) == 1) == (e.rel == relNE) {
			out = negate(out)
		}
	}
	if prereqs {
		return combine(exprAnd, out, sym.Prereqs)
	}
	return out
}
