package ofbundle

import (
	"fmt"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// valid checks the invariants written on table, entry, groupTable and
// meterTable. It may be called between a plan that was applied and the next.
func (t *table) valid() error {
	desired, installed, several, n := 0, 0, 0, 0
	conjs := map[conjKey]int{}
	groups, meters := map[string]int{}, map[string]int{}
	countSymbols := func(f *openflow.Flow) {
		for s := range f.Symbols.All() {
			switch s.Kind {
			case openflow.SymGroup:
				groups[s.Content]++
			case openflow.SymMeter:
				meters[s.Content]++
			default:
				conjs[conjKey{f.Owner, s.DP, s.N}]++
			}
		}
	}
	for e := range t.index.all() {
		n++
		if e.claim == nil && e.installed == nil {
			return fmt.Errorf("an entry with neither claim nor flow")
		}
		claims := t.claims(e)
		for _, f := range claims {
			if !sameIdentity(f, e.id()) {
				return fmt.Errorf("claim %v in the entry of %v", f, e.id())
			}
			countSymbols(f)
		}
		if t.index.find(e.id()) != e {
			return fmt.Errorf("%v not found", e.id())
		}
		if e.several != (len(claims) > 1) {
			return fmt.Errorf("%d claims, several is %v", len(claims), e.several)
		}
		if e.several {
			several++
		}
		if e.claim != nil {
			desired++
		}
		if e.installed != nil {
			installed++
		}
		if _, ok := t.refused[e]; ok != e.refused {
			return fmt.Errorf("%v: refused is %v", e.id(), e.refused)
		}
		if e.dirty != slices.Contains(t.dirty, e) {
			return fmt.Errorf("%v: dirty is %v", e.id(), e.dirty)
		}
	}
	if n != t.index.n || desired != t.desired || installed != t.installed || several != len(t.many) {
		return fmt.Errorf("counted %d %d %d %d, have %d %d %d %d",
			n, desired, installed, several, t.index.n, t.desired, t.installed, len(t.many))
	}
	for f := range t.pending {
		countSymbols(f)
	}
	return t.validSymbols(conjs, groups, meters)
}

func (t *table) validSymbols(conjs map[conjKey]int, groups, meters map[string]int) error {
	if len(conjs) != len(t.conjs) {
		return fmt.Errorf("%d conjunctions in claims, %d known", len(conjs), len(t.conjs))
	}
	numbered := 0
	for k, c := range t.conjs {
		if c.refs != conjs[k] {
			return fmt.Errorf("conjunction %v: %d references, counted %d", k, c.refs, conjs[k])
		}
		if c.id != 0 {
			numbered++
			if t.conjIDs[c.id] != k {
				return fmt.Errorf("number %d is not that of %v", c.id, k)
			}
		}
	}
	if numbered != len(t.conjIDs) {
		return fmt.Errorf("%d conjunctions numbered, %d numbers taken", numbered, len(t.conjIDs))
	}
	ids := map[uint32]bool{}
	for content, g := range t.groups.byContent {
		if g.refs != groups[content] {
			return fmt.Errorf("group %d: %d references, counted %d", g.id, g.refs, groups[content])
		}
		if g.id == 0 {
			continue
		}
		if ids[g.id] {
			return fmt.Errorf("group number %d twice", g.id)
		}
		ids[g.id] = true
	}
	for id := range t.groups.installed {
		ids[id] = true
	}
	for id := range t.groups.ids.used {
		if !ids[id] {
			return fmt.Errorf("group number %d is taken by nothing", id)
		}
	}
	for name, m := range t.meters.byName {
		if m.refs != meters[name] {
			return fmt.Errorf("meter %s: %d references, counted %d", name, m.refs, meters[name])
		}
	}
	return nil
}
