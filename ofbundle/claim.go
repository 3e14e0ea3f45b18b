package ofbundle

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Who wins an identity depends on the set of claims alone: allow over drop over
// conjunction, then the lowest Owner, then whatever else differs, so that the
// order in which claims came and went never shows.

// compareClaims orders claims, the winner first.
func compareClaims(a, b *openflow.Flow) int {
	if c := cmp.Compare(a.Kind, b.Kind); c != 0 {
		return c
	}
	if c := bytes.Compare(a.Owner[:], b.Owner[:]); c != 0 {
		return c
	}
	return cmp.Or(
		cmp.Compare(a.Cookie, b.Cookie),
		cmp.Compare(a.Actions, b.Actions),
		cmp.Compare(a.Symbols, b.Symbols))
}

// addClaim adds f, numbers in its match in place, to the claims of its identity.
func (t *table) addClaim(f *openflow.Flow) {
	e := t.index.find(f)
	if e == nil {
		e = t.index.add(f)
	}
	switch {
	case e.claim == nil:
		e.claim = f
		t.desired++
	case e.several:
		t.many[e] = append(t.many[e], f)
	default:
		e.several = true
		t.many[e] = []*openflow.Flow{e.claim, f}
	}
	t.touch(e)
	t.noteTargets(f)
}

// removeClaim takes f, or a claim that equals it, away: flows made for a member of
// a set are made again to be removed. It reports whether it was there.
func (t *table) removeClaim(f *openflow.Flow) bool {
	e := t.index.find(f)
	if e == nil {
		return false
	}
	if !e.several {
		if e.claim == nil || e.claim != f && *e.claim != *f {
			return false
		}
		// The entry must be findable until the plan removes it: if nothing is
		// installed, nothing else carries its identity.
		if e.installed == nil {
			t.forget(e)
			t.desired--
			e.claim = nil
			t.index.remove(e)
			return true
		}
		e.claim = nil
		t.desired--
		t.touch(e)
		return true
	}
	l := t.many[e]
	i := slices.Index(l, f)
	if i < 0 {
		i = slices.IndexFunc(l, func(g *openflow.Flow) bool { return *g == *f })
	}
	if i < 0 {
		return false
	}
	l = slices.Delete(l, i, i+1)
	e.claim = l[0]
	if len(l) == 1 {
		e.several = false
		delete(t.many, e)
	} else {
		t.many[e] = l
	}
	t.touch(e)
	return true
}

// winner is the claim that counts, nil if there is none. If it is a conjunction,
// all claims are.
func (t *table) winner(e *entry) *openflow.Flow {
	if !e.several {
		return e.claim
	}
	return slices.MinFunc(t.many[e], compareClaims)
}

func (t *table) claims(e *entry) []*openflow.Flow {
	switch {
	case e.several:
		return t.many[e]
	case e.claim != nil:
		return []*openflow.Flow{e.claim}
	}
	return nil
}

// touch makes the next plan look at e.
func (t *table) touch(e *entry) {
	if !e.dirty {
		e.dirty = true
		t.dirty = append(t.dirty, e)
	}
}

// forget drops what is remembered about e outside the index.
func (t *table) forget(e *entry) {
	if e.refused {
		delete(t.refused, e)
		e.refused = false
	}
}

// clause is one conjunction action.
type clause struct {
	id   uint32
	k, n uint8
}

// mergeClauses is the action list of an identity that only conjunctions claim:
// the clauses of all of them, sorted, each once.
func (t *table) mergeClauses(e *entry) openflow.Actions {
	t.clauses = t.clauses[:0]
	add := func(f *openflow.Flow) {
		for s := range f.Symbols.All() {
			if s.Kind == openflow.SymConjClause {
				c := t.conjs[conjKey{f.Owner, s.DP, s.N}]
				t.clauses = append(t.clauses, clause{id: c.id, k: s.Clause, n: s.NClauses})
			}
		}
	}
	if e.several {
		for _, f := range t.many[e] {
			add(f)
		}
	} else {
		add(e.claim)
	}
	slices.SortFunc(t.clauses, func(a, b clause) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.k, b.k), cmp.Compare(a.n, b.n))
	})
	t.clauses = slices.Compact(t.clauses)
	t.build.Reset()
	for _, c := range t.clauses {
		t.build.Conjunction(c.id, c.k, c.n)
	}
	return t.build.Actions()
}
