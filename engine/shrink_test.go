package engine

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// TestRoomIsGivenUp: when most units have gone, so has the room they took, and what
// is left is found under its new number: by what it reads, by its sets, by name.
func TestRoomIsGivenUp(t *testing.T) {
	w := newToy(nil)
	w.set("s")
	w.set("t")
	unit := func(i int) Unit { return Unit{Kind: toyKindRule, N: uint64(i)} }
	family := Unit{Kind: toyKindFamily, ID: [16]byte{1}}
	const many, left = 1000, 100
	run := func() {
		t.Helper()
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		if err := w.eng.valid(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range many {
		own := fmt.Sprint("own", i)
		w.values[own], w.values[fmt.Sprint("of ten", i%10)] = i, 1
		w.rules[unit(i)] = toyRule{names: []string{own, fmt.Sprint("of ten", i%10)}, set: "s"}
		w.eng.AddUnit(unit(i))
	}
	// Its number goes to the one behind it.
	first := Unit{Kind: toyKindFamily, ID: [16]byte{2}}
	w.family[first], w.rules[first] = "t", toyRule{names: []string{"own1"}}
	w.eng.AddFamily(first, w.set("t"))
	w.family[family], w.rules[family] = "t", toyRule{names: []string{"own1"}}
	w.eng.AddFamily(family, w.set("t"))
	for _, set := range []string{"s", "t"} {
		for m := range 3 {
			w.member[set][m] = true
			w.eng.SetAdd(w.set(set), m)
		}
	}
	run()
	delete(w.family, first)
	w.eng.RemoveFamily(first)
	for i := range many {
		if i%10 != 0 {
			delete(w.rules, unit(i))
			w.eng.RemoveUnit(unit(i))
		}
	}
	run()
	if n := len(w.eng.units); n != left+3 {
		t.Errorf("room for %d units, there are %d", n, left+3)
	}
	// Those of the units that are left, what all of these read, and the family's.
	if n, want := len(w.eng.readers), left+1+1; n != want || len(w.eng.inputs) != want {
		t.Errorf("room for %d inputs, %d inputs, want %d", n, len(w.eng.inputs), want)
	}

	w.values["of ten0"] = 7
	w.eng.Dirty(Input{Kind: toyInputValue, S: "of ten0"})
	w.member["s"][9] = true
	w.eng.SetAdd(w.set("s"), 9)
	run()
	w.values["own500"], w.values["own1"] = 11, 12
	w.eng.Dirty(Input{Kind: toyInputValue, S: "own500"})
	w.eng.Dirty(Input{Kind: toyInputValue, S: "own1"})
	delete(w.member["t"], 0)
	w.eng.SetRemove(w.set("t"), 0)
	run()
	w.rules[unit(1)] = toyRule{names: []string{"own1", "of ten1"}, set: "t"}
	w.eng.AddUnit(unit(1))
	delete(w.rules, unit(10))
	w.eng.RemoveUnit(unit(10))
	delete(w.family, family)
	w.eng.RemoveFamily(family)
	run()
}

// valid checks the invariants of an Engine after Run.
func (e *Engine[F, R, M]) valid() error {
	known := map[uint32]Unit{}
	for u, id := range e.unitIDs {
		known[id] = u
	}
	for f, n := range e.familyIDs {
		x := &e.families[n]
		s := &e.sets[x.set]
		if _, ok := s.families[n]; !ok || x.key != f || len(x.children) != len(s.members) {
			return fmt.Errorf("family %v has %d children as %v of a set of %d (%v)", f, len(x.children), x.key, len(s.members), ok)
		}
		for m := range s.members {
			i, ok := x.find(e.cfg.ChildN(m))
			if !ok {
				return fmt.Errorf("family %v has no child for %v", f, m)
			}
			known[x.children[i].id] = x.unit(x.children[i].n)
		}
	}
	alive := 0
	for id := range e.units {
		u := &e.units[id]
		if !u.alive {
			continue
		}
		alive++
		if as, ok := known[uint32(id)]; !ok || as != u.key {
			return fmt.Errorf("unit %v is known as %v (%v)", u.key, as, ok)
		}
		if !slices.IsSorted(u.reads) {
			return fmt.Errorf("unit %v reads %v", u.key, u.reads)
		}
		for _, in := range u.reads {
			if !slices.Contains(e.readers[in].units, uint32(id)) {
				return fmt.Errorf("unit %v is not among the readers of what it reads", u.key)
			}
		}
	}
	if alive != len(known) || alive != e.Len() {
		return fmt.Errorf("%d units are alive, %d known, %d counted", alive, len(known), e.Len())
	}
	for s := range e.sets {
		want := map[uint32]int{}
		for id := range e.units {
			for _, r := range e.units[id].rows {
				if r.Set == SetID(s) {
					want[uint32(id)]++
				}
			}
		}
		if got := e.sets[s].rows; e.sets[s].alive && !maps.Equal(got, want) {
			return fmt.Errorf("set %d has rows of units %v, want %v", s, got, want)
		}
	}
	return nil
}
