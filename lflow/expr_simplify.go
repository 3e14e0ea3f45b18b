package lflow

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// simplify turns every comparison into tests for equality under a mask.
func (n *normaliser) simplify(e *Expr) *Expr {
	switch e.kind {
	case exprCmp:
		if e.sym.IsString() {
			return e
		}
		switch e.rel {
		case relEQ:
			if e.mask.IsZero() {
				return exprTrue
			}
			return e
		case relNE:
			return n.simplifyNE(e)
		}
		return n.simplifyOrder(e)
	case exprAnd, exprOr:
		subs := make([]*Expr, 0, len(e.subs))
		for _, s := range e.subs {
			if s = n.simplify(s); n.err != nil {
				return exprFalse
			}
			if s.kind == e.kind {
				subs = append(subs, s.subs...)
			} else {
				subs = append(subs, s)
			}
		}
		return fix(e.kind, subs)
	}
	return e
}

func equals(sym *Symbol, value, mask openflow.U128) *Expr {
	return &Expr{kind: exprCmp, sym: sym, value: value, mask: mask}
}

// simplifyNE spells "differs from value" out as: the lowest bit that differs is
// bit i, for each bit i of the mask, the bits above being those of value.
func (n *normaliser) simplifyNE(e *Expr) *Expr {
	if n.made += e.mask.OnesCount(); !n.fitsMemory(n.made) {
		return exprFalse
	}
	var subs []*Expr
	for i := range e.sym.Width {
		if e.mask.Bit(i) == 0 {
			continue
		}
		from := openflow.MaskN(i).Not()
		bit := openflow.U64(1).Shl(i)
		subs = append(subs, equals(e.sym, e.value.And(from).Xor(bit), e.mask.And(from)))
	}
	return fix(exprOr, subs)
}

// simplifyOrder spells an order out as prefixes: x > value if x has a one at a
// zero of value and agrees with it above; x < value, a zero at a one.
func (n *normaliser) simplifyOrder(e *Expr) *Expr {
	ofs, bits := bitRange(e.mask)
	if n.made += bits; !n.fitsMemory(n.made) {
		return exprFalse
	}
	less := e.rel == relLT || e.rel == relLE
	orEqual := e.rel == relLE || e.rel == relGE
	// The bits of value whose flip leads to where x must be.
	flips := e.value
	if !less {
		flips = e.value.Xor(e.mask)
	}
	if e.isExtreme(less) {
		if orEqual {
			return exprTrue
		}
		return n.simplifyNE(e)
	}
	var subs []*Expr
	if orEqual {
		eq := *e
		eq.rel = relEQ
		subs = append(subs, &eq)
	}
	for i := ofs; i < ofs+bits; i++ {
		if flips.Bit(i) == 0 {
			continue
		}
		from := openflow.MaskN(i).Not()
		prefix := *e
		prefix.rel = relEQ
		prefix.value = e.value.Xor(openflow.U64(1).Shl(i)).And(from)
		prefix.mask = e.mask.And(from)
		subs = append(subs, &prefix)
	}
	return fix(exprOr, subs)
}

// isExtreme tells whether the bound is the greatest value there is, for "less",
// or the least: then <= or >= is always true, and < or > is just !=.
func (e *Expr) isExtreme(less bool) bool {
	if less {
		return e.value == e.mask
	}
	return e.value.IsZero()
}
