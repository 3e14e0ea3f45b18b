package lflow

import (
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// crush reduces an expression all about sym to a Boolean, a comparison, or an OR
// of comparisons.
func (n *normaliser) crush(e *Expr, sym *Symbol) *Expr {
	switch e.kind {
	case exprOr:
		return n.crushOr(e, sym)
	case exprAnd:
		if sym.IsString() {
			return n.crushPorts(e, sym)
		}
		return n.crushAnd(e, sym)
	}
	return e
}

func (n *normaliser) crushOr(e *Expr, sym *Symbol) *Expr {
	subs := make([]*Expr, 0, len(e.subs))
	for _, s := range e.subs {
		s = n.crush(s, sym)
		if s.kind == exprSet {
			return n.needMembers(e)
		}
		if s.kind == exprOr {
			subs = append(subs, s.subs...)
		} else {
			subs = append(subs, s)
		}
	}
	if !n.spend(len(subs)) {
		return exprFalse
	}
	out := fix(exprOr, subs)
	if out.kind != exprOr {
		return out
	}
	return fix(exprOr, n.distinct(out.subs, sym))
}

// distinct drops comparisons that repeat others and, unless one comes from an
// address set, those that another covers. Flows of address sets all stay: that
// is what lets one of them go when its address goes.
func (n *normaliser) distinct(cmps []*Expr, sym *Symbol) []*Expr {
	fromSet := false
	for _, c := range cmps {
		fromSet = fromSet || c.fromSet
	}
	cmps = slices.Clone(cmps)
	slices.SortFunc(cmps, compareCmps)
	kept := cmps[:0]
	for _, c := range cmps {
		if k := len(kept); k == 0 || compareCmps(kept[k-1], c) != 0 {
			kept = append(kept, c)
		} else if kept[k-1].fromSet {
			plain := *kept[k-1]
			plain.fromSet = false
			kept[k-1] = &plain
		}
	}
	if sym.IsString() || sym.Level != LevelOrdinal || fromSet {
		return kept
	}
	return n.uncovered(kept)
}

// uncovered drops comparisons that a wider one makes superfluous. They come
// sorted, wider ones first.
func (n *normaliser) uncovered(cmps []*Expr) []*Expr {
	seen := make(map[Member]struct{}, len(cmps))
	var masks []openflow.U128
	kept := make([]*Expr, 0, len(cmps))
next:
	for _, c := range cmps {
		if !n.spend(len(masks)/8 + 1) {
			return kept
		}
		for _, m := range masks {
			if m.And(c.mask) != m {
				continue
			}
			if _, ok := seen[Member{c.value.And(m), m}]; ok {
				continue next
			}
		}
		if len(masks) == 0 || masks[len(masks)-1] != c.mask && !slices.Contains(masks, c.mask) {
			masks = append(masks, c.mask)
		}
		seen[Member{c.value, c.mask}] = struct{}{}
		kept = append(kept, c)
	}
	return kept
}

// compareCmps orders comparisons of one symbol: ports by name, numbers by length
// of the mask, value, mask. It is 0 only for equal ones.
func compareCmps(a, b *Expr) int {
	switch {
	case a.sym.IsString() && a.keyed != b.keyed:
		return b2i(a.keyed) - b2i(b.keyed)
	case a.sym.IsString() && !a.keyed:
		return strings.Compare(a.port, b.port)
	}
	return compareMembers(Member{a.value, a.mask}, Member{b.value, b.mask})
}

// intersect is the test that both tests make together; ok is false if none can
// pass both.
func intersect(a, b Member) (m Member, ok bool) {
	if !a.Value.Xor(b.Value).And(a.Mask).And(b.Mask).IsZero() {
		return m, false
	}
	return Member{a.Value.Or(b.Value), a.Mask.Or(b.Mask)}, true
}

// crushAnd multiplies ANDs of comparisons and of ORs of comparisons of one
// number out.
func (n *normaliser) crushAnd(e *Expr, sym *Symbol) *Expr {
	var fixed Member // what the plain comparisons demand
	var ors []*Expr
	for _, s := range e.subs {
		c := n.crush(s, sym)
		switch c.kind {
		case exprSet:
			return n.needMembers(e)
		case exprBool:
			if !c.yes {
				return exprFalse
			}
		case exprOr:
			ors = append(ors, c)
		default:
			var ok bool
			if fixed, ok = intersect(fixed, Member{c.value, c.mask}); !ok {
				return exprFalse
			}
		}
	}
	for len(ors) > 0 {
		var product []*Expr
		if len(ors) == 1 {
			product = n.restrict(ors[0].subs, fixed)
			ors = nil
		} else {
			product = n.multiply(ors[0].subs, ors[1].subs, fixed, sym)
			ors = ors[2:]
		}
		if n.err != nil || len(product) == 0 {
			return exprFalse
		}
		if len(product) > 1 {
			product = n.distinct(product, sym)
		}
		if len(product) > 1 {
			or := &Expr{kind: exprOr, subs: product}
			if len(ors) == 0 {
				return or
			}
			ors = slices.Insert(ors, 0, or)
			fixed = Member{}
			continue
		}
		fixed = Member{product[0].value, product[0].mask}
		if len(ors) == 0 {
			return product[0]
		}
	}
	if fixed.Mask.IsZero() {
		return exprTrue
	}
	return equals(sym, fixed.Value, fixed.Mask)
}

// restrict is each of alts together with fixed, without those that contradict.
func (n *normaliser) restrict(alts []*Expr, fixed Member) []*Expr {
	n.spend(len(alts))
	out := make([]*Expr, 0, len(alts))
	for _, a := range alts {
		if m, ok := intersect(fixed, Member{a.value, a.mask}); ok {
			c := *a
			c.value, c.mask = m.Value, m.Mask
			out = append(out, &c)
		}
	}
	return out
}

// multiply is each pair of an a and a b together with fixed, without those that
// contradict.
func (n *normaliser) multiply(as, bs []*Expr, fixed Member, sym *Symbol) []*Expr {
	var out []*Expr
	for _, a := range as {
		fa, ok := intersect(fixed, Member{a.value, a.mask})
		if !ok {
			continue
		}
		// Most pairs contradict each other, and finding that out is cheap.
		if !n.spend(1 + len(bs)/32) {
			return nil
		}
		made := len(out)
		for _, b := range bs {
			if m, ok := intersect(fa, Member{b.value, b.mask}); ok {
				out = append(out, equals(sym, m.Value, m.Mask))
			}
		}
		if !n.spend(len(out)-made) || !n.fitsMemory(len(out)) {
			return nil
		}
	}
	return out
}

// crushPorts intersects ANDs of comparisons and of ORs of comparisons of one
// port.
func (n *normaliser) crushPorts(e *Expr, sym *Symbol) *Expr {
	var one *Expr
	var ors []*Expr
	for _, s := range e.subs {
		c := n.crush(s, sym)
		switch {
		case c.kind == exprSet:
			return n.needMembers(e)
		case c.kind == exprBool && !c.yes:
			return exprFalse
		case c.kind == exprBool:
		case c.kind == exprOr:
			ors = append(ors, c)
		case one == nil:
			one = c
		case compareCmps(one, c) != 0:
			return exprFalse
		}
	}
	alts := []*Expr{one}
	if one == nil {
		if len(ors) == 0 {
			return exprTrue
		}
		alts, ors = ors[0].subs, ors[1:]
	}
	for _, or := range ors {
		if !n.spend(len(alts) + len(or.subs)) {
			return exprFalse
		}
		// Both sides are sorted and distinct: distinct has seen them.
		var both []*Expr
		for _, a := range alts {
			if _, ok := slices.BinarySearchFunc(or.subs, a, compareCmps); ok {
				both = append(both, a)
			}
		}
		alts = both
	}
	return fix(exprOr, alts)
}
