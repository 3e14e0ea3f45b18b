package ofbundle

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Numbers that the switch already uses are taken over after a restart, so that
// nothing has to be sent. Groups are recognised by content (group.go). A meter
// is recognised by the flows that use it. A conjunction is recognised by the
// flow that matches its number: same table, priority and cookie, same match but
// for the number, same actions; where that leaves a choice, by its clauses.

// conjFlowKey is a flow that matches a conjunction's number, without the number.
type conjFlowKey struct {
	table    uint8
	priority uint16
	cookie   uint64
	match    openflow.Match
}

// candidate is one number under which the switch may know a conjunction.
type candidate struct {
	id      uint32
	actions openflow.Actions
}

func (t *table) adoptConjs() {
	held := t.heldConjFlows()
	cands := map[conjKey][]uint32{}
	seen := map[conjKey]bool{}
	for f := range t.pending {
		for s := range f.Symbols.All() {
			if s.Kind != openflow.SymConjMatch {
				continue
			}
			k := conjKey{f.Owner, s.DP, s.N}
			if _, isNew := t.newConjs[k]; !isNew {
				continue
			}
			var ids []uint32
			for _, c := range held[conjFlowKey{f.Table, f.Priority, f.Cookie, f.Match}] {
				if _, used := t.conjIDs[c.id]; !used && sameButNumbers(f, f.Actions, c.actions) {
					ids = append(ids, c.id)
				}
			}
			if seen[k] {
				ids = intersect(cands[k], ids)
			}
			seen[k] = true
			cands[k] = ids
		}
	}
	if slices.ContainsFunc(slices.Collect(maps.Keys(t.newConjs)), func(k conjKey) bool {
		return !seen[k] || len(cands[k]) > 1
	}) {
		t.narrowByClauses(cands, seen)
	}
	t.chooseConjs(cands)
}

// heldConjFlows finds the installed flows that match a conjunction's number.
func (t *table) heldConjFlows() map[conjFlowKey][]candidate {
	held := map[conjFlowKey][]candidate{}
	for e := range t.index.all() {
		f := e.installed
		if f == nil {
			continue
		}
		v, _, ok := f.Match.Get(openflow.FieldConjID)
		if !ok {
			continue
		}
		off, ok := f.Match.ValueOffset(openflow.FieldConjID)
		if !ok {
			continue
		}
		k := conjFlowKey{f.Table, f.Priority, f.Cookie, f.Match.PatchU32(off, 0)}
		held[k] = append(held[k], candidate{id: uint32(v.Lo), actions: f.Actions})
	}
	return held
}

// narrowByClauses keeps, of each new conjunction's candidates, those that occur
// in all its clauses on the switch. A conjunction that no wanted flow matches has
// its clauses only.
func (t *table) narrowByClauses(cands map[conjKey][]uint32, seen map[conjKey]bool) {
	for e := range t.index.all() {
		if e.installed == nil || e.claim == nil {
			continue
		}
		var installed []clause
		for _, f := range t.claims(e) {
			if f.Kind != openflow.FlowConjunction {
				continue
			}
			for s := range f.Symbols.All() {
				k := conjKey{f.Owner, s.DP, s.N}
				if _, isNew := t.newConjs[k]; !isNew || s.Kind != openflow.SymConjClause {
					continue
				}
				if seen[k] && len(cands[k]) < 2 {
					continue
				}
				if installed == nil {
					installed = parseClauses(e.installed.Actions)
				}
				var ids []uint32
				for _, c := range installed {
					if _, used := t.conjIDs[c.id]; !used && c.k == s.Clause && c.n == s.NClauses {
						ids = append(ids, c.id)
					}
				}
				if seen[k] {
					ids = intersect(cands[k], ids)
					if len(ids) == 0 {
						// A clause that changed says nothing.
						continue
					}
				}
				seen[k] = true
				cands[k] = ids
			}
		}
	}
}

// chooseConjs assigns what leaves no choice first, then the lowest number to the
// lowest conjunction.
func (t *table) chooseConjs(cands map[conjKey][]uint32) {
	keys := slices.SortedFunc(maps.Keys(cands), func(a, b conjKey) int {
		return cmp.Or(cmp.Compare(len(cands[a]), len(cands[b])), compareConjKeys(a, b))
	})
	for _, k := range keys {
		slices.Sort(cands[k])
		for _, id := range cands[k] {
			if _, used := t.conjIDs[id]; !used && id != 0 {
				t.numberConj(k, id)
				break
			}
		}
	}
}

func intersect(a, b []uint32) []uint32 {
	return slices.DeleteFunc(slices.Clone(a), func(id uint32) bool { return !slices.Contains(b, id) })
}

// conjAction is the start of a conjunction action: experimenter, 16 bytes,
// Nicira, subtype 34. Then come clause, number of clauses and id.
var conjAction = []byte{0xff, 0xff, 0, 16, 0, 0, 0x23, 0x20, 0, 34}

// parseClauses reads an action list of conjunctions; others yield nothing.
func parseClauses(a openflow.Actions) []clause {
	var out []clause
	for b := []byte(a); len(b) >= 16 && bytes.HasPrefix(b, conjAction); b = b[16:] {
		out = append(out, clause{id: binary.BigEndian.Uint32(b[12:]), k: b[10], n: b[11]})
	}
	return out
}

// sameButNumbers compares action lists of which a has f's symbols.
func sameButNumbers(f *openflow.Flow, a, b openflow.Actions) bool {
	if len(a) != len(b) {
		return false
	}
	for s := range f.Symbols.All() {
		if s.Kind == openflow.SymGroup || s.Kind == openflow.SymMeter {
			a, b = a.PatchU32(s.Offset, 0), b.PatchU32(s.Offset, 0)
		}
	}
	return a == b
}

// adoptMeters gives new meters the numbers that the installed flows of the same
// identity, cookie and actions carry in their place.
func (t *table) adoptMeters() {
	want := map[string]*meter{}
	for _, m := range t.meters.fresh {
		if m.id == 0 && m.refs > 0 {
			want[m.name] = m
		}
	}
	if len(want) == 0 {
		return
	}
	held := map[string]uint32{}
	for e := range t.index.all() {
		if e.installed == nil {
			continue
		}
		f := t.winner(e)
		if f == nil || f.Symbols == "" || f.Cookie != e.installed.Cookie || !sameButNumbers(f, f.Actions, e.installed.Actions) {
			continue
		}
		for s := range f.Symbols.All() {
			if s.Kind != openflow.SymMeter || want[s.Content] == nil {
				continue
			}
			id := binary.BigEndian.Uint32([]byte(e.installed.Actions[s.Offset : s.Offset+4]))
			if have, ok := held[s.Content]; id != 0 && id <= openflow.MeterMax && (!ok || id < have) {
				held[s.Content] = id
			}
		}
	}
	taken := map[uint32]bool{}
	for _, m := range t.meters.byName {
		taken[m.id] = true
	}
	for _, name := range slices.Sorted(maps.Keys(held)) {
		if id := held[name]; !taken[id] {
			taken[id] = true
			want[name].id = id
			t.meters.ids.take(id)
		}
	}
}
