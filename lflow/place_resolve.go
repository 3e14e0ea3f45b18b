package lflow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// resolvedSet is what a set of the match turned out to be on this datapath.
type resolvedSet struct {
	key     SetKey
	shape   Shape
	expand  bool     // spell the members out
	members []Member // with expand and ShapeMany
}

// MissingSetError says that a match names an address set or port group that does
// not exist.
type MissingSetError struct{ Name string }

func (e *MissingSetError) Error() string { return "there is no set " + e.Name }

// MisfitError says that an address set holds an address that is too wide for the
// field it is compared with.
type MisfitError struct{ Set, Field string }

func (e *MisfitError) Error() string {
	return "set " + e.Set + " has a member too wide for field " + e.Field
}

// resolve evaluates conditions and sets and returns the reduced match, or nil if
// the conditions alone rule it out.
func (pl *placement) resolve() (*normal, error) {
	p := pl.p
	pl.conds = pl.conds[:0]
	for _, port := range p.conds {
		pl.conds = append(pl.conds, pl.v.Resident(port))
	}
	if len(p.conds) > 0 && p.ruledOut(p.match, pl.conds) {
		return nil, nil
	}
	cacheable := true
	for _, s := range p.leaves {
		r := resolvedSet{key: s.key(pl.dp.Key)}
		if s.isPorts() {
			r.shape = pl.v.PortGroupShape(r.key)
		} else {
			r.shape = pl.v.AddressSetShape(r.key)
		}
		switch r.shape.Kind {
		case ShapeMissing:
			return nil, &MissingSetError{r.shape.Name}
		case ShapeMisfit:
			return nil, &MisfitError{r.shape.Name, s.field.Symbol.Name}
		case ShapeMany:
			if !s.symbolic() || s.negated {
				pl.readMembers(s, &r)
				cacheable = false
			}
		}
		pl.sets = append(pl.sets, r)
	}
	cacheable = cacheable && len(p.named) == 0
	if !cacheable {
		return pl.reduceUncached(nil)
	}
	pl.outcome()
	p.mu.Lock()
	v := p.variants[string(pl.key)]
	p.mu.Unlock()
	if v == nil {
		e := pl.substitute(p.match)
		v = p.reduce(e, pl.conds)
		p.mu.Lock()
		if len(p.variants) < maxVariants {
			if p.variants == nil {
				p.variants = map[string]*variant{}
			}
			p.variants[string(pl.key)] = v
		}
		p.mu.Unlock()
	}
	if errors.Is(v.err, errExpand) {
		return pl.reduceUncached(v.expand)
	}
	return v.n, v.err
}

// outcome writes what conditions and sets turned out to be to pl.key.
func (pl *placement) outcome() {
	k := pl.key[:0]
	for _, c := range pl.conds {
		k = append(k, byte(b2i(c)))
	}
	for i := range pl.sets {
		s := &pl.sets[i].shape
		k = append(k, byte(s.Kind))
		if s.Kind == ShapeOne {
			for _, v := range [...]openflow.U128{s.Member.Value, s.Member.Mask} {
				k = binary.BigEndian.AppendUint64(k, v.Hi)
				k = binary.BigEndian.AppendUint64(k, v.Lo)
			}
		}
	}
	pl.key = k
}

func (pl *placement) readMembers(s *setRef, r *resolvedSet) {
	if s.isPorts() {
		r.members = pl.v.PortGroupMembers(r.key)
	} else {
		r.members = pl.v.AddressSetMembers(r.key)
	}
	r.expand = true
	pl.out.Expanded++
}

// reduceUncached reduces a match that depends on more than shapes. expand lists
// sets to spell out; more may turn out to have to be.
func (pl *placement) reduceUncached(expand []*setRef) (*normal, error) {
	for {
		for _, s := range expand {
			r := &pl.sets[s.index]
			if r.expand {
				return nil, fmt.Errorf("set %s was spelled out and still is one", r.key)
			}
			pl.readMembers(s, r)
		}
		v := pl.p.reduce(pl.substitute(pl.p.match), pl.conds)
		if !errors.Is(v.err, errExpand) {
			return v.n, v.err
		}
		expand = v.expand
	}
}

// ruledOut tells whether e is false whatever its comparisons are.
func (p *Program) ruledOut(e *Expr, conds []bool) bool {
	switch e.kind {
	case exprBool:
		return !e.yes
	case exprCond:
		return conds[slices.Index(p.conds, e.port)] == e.not
	case exprAnd:
		for _, s := range e.subs {
			if p.ruledOut(s, conds) {
				return true
			}
		}
	case exprOr:
		for _, s := range e.subs {
			if !p.ruledOut(s, conds) {
				return false
			}
		}
		return true
	}
	return false
}

// substitute replaces the sets in e by what they turned out to be, all but those
// that stay symbolic.
func (pl *placement) substitute(e *Expr) *Expr {
	switch e.kind {
	case exprAnd, exprOr:
		subs := make([]*Expr, len(e.subs))
		for i, s := range e.subs {
			subs[i] = pl.substitute(s)
		}
		return combine(e.kind, subs...)
	case exprCmp:
		return pl.keyed(e)
	case exprSet:
		return pl.spellOut(e)
	}
	return e
}

// keyed is a comparison with a named port as one with the port's key, where keys
// of port groups are compared too.
func (pl *placement) keyed(e *Expr) *Expr {
	if !e.sym.IsString() || e.keyed || !slices.Contains(pl.p.named, e.sym) {
		return e
	}
	var key uint32
	if e.port != "none" {
		var ok bool
		if key, ok = pl.v.Port(pl.dp.Key, e.port); !ok {
			return e // equal to no member
		}
	}
	c := *e
	c.keyed = true
	c.value, c.mask = openflow.U64(uint64(key)), openflow.MaskN(32)
	return &c
}

func (pl *placement) spellOut(e *Expr) *Expr {
	r := &pl.sets[e.set.index]
	members := r.members
	var one [1]Member
	switch {
	case r.shape.Kind == ShapeMany && !r.expand:
		return e
	case r.shape.Kind == ShapeOne:
		one[0] = r.shape.Member
		members = one[:]
	}
	k := exprOr
	if e.rel == relNE {
		k = exprAnd
	}
	cmps := make([]*Expr, 0, len(members)+len(e.set.others))
	for _, m := range members {
		c := newCmp(e.set.field, e.rel, &Constant{Value: m.Value, Mask: m.Mask, Masked: true})
		if e.sym.IsString() {
			c.keyed, c.value, c.mask = true, m.Value, openflow.MaskN(32)
		}
		c.fromSet = true
		cmps = append(cmps, c)
	}
	if !e.set.symbolic() { // else they are among the members
		for _, o := range e.set.others {
			c := *pl.keyed(o)
			c.rel = e.rel
			cmps = append(cmps, &c)
		}
	}
	if len(cmps) == 0 {
		return boolExpr(e.rel == relNE)
	}
	return combine(k, cmps...)
}
