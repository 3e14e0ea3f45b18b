package ofbundle

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Groups, meters and conjunctions are counted by the claims that refer to them,
// winners and losers alike, and numbered when a plan first needs them.

// conjKey is a conjunction's identity.
type conjKey struct {
	owner [16]byte
	dp    uint32
	n     uint16
}

func compareConjKeys(a, b conjKey) int {
	if c := bytes.Compare(a.owner[:], b.owner[:]); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.dp, b.dp), cmp.Compare(a.n, b.n))
}

type conj struct {
	id   uint32 // 0: not numbered yet
	refs int
}

// acquire counts f's symbols.
func (t *table) acquire(f *openflow.Flow) {
	for s := range f.Symbols.All() {
		switch s.Kind {
		case openflow.SymGroup:
			t.groups.acquire(s.Content)
		case openflow.SymMeter:
			t.meters.acquire(s.Content)
		case openflow.SymConjMatch, openflow.SymConjClause:
			k := conjKey{f.Owner, s.DP, s.N}
			c := t.conjs[k]
			if c == nil {
				c = &conj{}
				t.conjs[k] = c
				t.newConjs[k] = struct{}{}
			}
			c.refs++
		}
	}
}

// release takes f's symbols off the count. A conjunction's number is free at
// once: flows with the old meaning leave in the bundle that brings the new.
func (t *table) release(f *openflow.Flow) {
	for s := range f.Symbols.All() {
		switch s.Kind {
		case openflow.SymGroup:
			t.groups.release(s.Content)
		case openflow.SymMeter:
			t.meters.release(s.Content)
		case openflow.SymConjMatch, openflow.SymConjClause:
			k := conjKey{f.Owner, s.DP, s.N}
			c := t.conjs[k]
			c.refs--
			if c.refs == 0 {
				delete(t.conjs, k)
				delete(t.newConjs, k)
				if c.id != 0 {
					delete(t.conjIDs, c.id)
				}
			}
		}
	}
}

// number gives every new symbol its number, taking over the switch's where it
// can, and makes claims of the flows that waited for one.
func (t *table) number() {
	if len(t.newConjs) > 0 {
		if t.full {
			t.adoptConjs()
		}
		keys := slices.SortedFunc(maps.Keys(t.newConjs), compareConjKeys)
		for _, k := range keys {
			t.numberConj(k, t.freeConjID(k))
		}
	}
	for f := range t.pending {
		t.resolvePending(f)
	}
	if len(t.pending) > 64 {
		// Walking a map costs what it once held.
		t.pending = map[*openflow.Flow]struct{}{}
	} else {
		clear(t.pending)
	}
	t.groups.number(t.full)
	if t.full {
		t.adoptMeters()
	}
	t.meters.number()
}

func (t *table) numberConj(k conjKey, id uint32) {
	t.conjs[k].id = id
	t.conjIDs[id] = k
	delete(t.newConjs, k)
}

// freeConjID starts from the owner's first 32 bits, as the C agent does, so that
// numbers depend on the rows and collide rarely.
func (t *table) freeConjID(k conjKey) uint32 {
	id := binary.BigEndian.Uint32(k.owner[:]) + uint32(k.n)
	for ; ; id++ {
		if _, used := t.conjIDs[id]; !used && id != 0 {
			return id
		}
	}
}

// resolvePending puts the number into a match and claims the result.
func (t *table) resolvePending(f *openflow.Flow) {
	c := *f
	for s := range f.Symbols.All() {
		if s.Kind == openflow.SymConjMatch {
			c.Match = c.Match.PatchU32(s.Offset, t.conjs[conjKey{f.Owner, s.DP, s.N}].id)
		}
	}
	t.resolved[f] = &c
	t.addClaim(&c)
}

// actions is the claim's action list with numbers in place. missing names a
// group that the switch has refused.
func (t *table) actions(f *openflow.Flow) (a openflow.Actions, missing *group) {
	a = f.Actions
	for s := range f.Symbols.All() {
		switch s.Kind {
		case openflow.SymGroup:
			g := t.groups.byContent[s.Content]
			if g.refused != nil {
				missing = g
			}
			a = a.PatchU32(s.Offset, g.id)
		case openflow.SymMeter:
			a = a.PatchU32(s.Offset, t.meters.byName[s.Content].id)
		}
	}
	return a, missing
}

// idPool gives out the lowest free number from 1 up.
type idPool struct {
	used map[uint32]struct{}
	hint uint32 // all below are used
	// reserved numbers are never given out; nil for none.
	reserved func(uint32) bool
}

func newIDPool() idPool { return idPool{used: map[uint32]struct{}{}, hint: 1} }

func (p *idPool) take(id uint32) { p.used[id] = struct{}{} }

func (p *idPool) free(id uint32) {
	delete(p.used, id)
	if id != 0 && id < p.hint {
		p.hint = id
	}
}

func (p *idPool) next() uint32 {
	for {
		if _, ok := p.used[p.hint]; !ok && (p.reserved == nil || !p.reserved(p.hint)) {
			p.take(p.hint)
			return p.hint
		}
		p.hint++
	}
}
