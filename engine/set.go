package engine

import (
	"cmp"
	"slices"
)

// NewSet makes an empty set.
func (e *Engine[F, R, M]) NewSet() SetID {
	var id SetID
	if n := len(e.freeSet); n > 0 {
		id, e.freeSet = e.freeSet[n-1], e.freeSet[:n-1]
	} else {
		id = SetID(len(e.sets))
		e.sets = append(e.sets, set[M]{})
	}
	e.sets[id] = set[M]{
		alive:    true,
		members:  map[M]struct{}{},
		delta:    map[M]bool{},
		rows:     map[uint32]int{},
		families: map[uint32]struct{}{},
	}
	return id
}

// FreeSet gives up a set that no row and no family uses; it reports whether it did.
// It may be called only right after Run, when nothing refers to a set's past.
func (e *Engine[F, R, M]) FreeSet(id SetID) bool {
	s := &e.sets[id]
	if !s.alive || s.changed || len(s.rows) > 0 || len(s.families) > 0 {
		return false
	}
	e.sets[id] = set[M]{}
	e.freeSet = append(e.freeSet, id)
	return true
}

// SetAdd adds m to a set: one flow more in each row, one child more in each family.
func (e *Engine[F, R, M]) SetAdd(id SetID, m M) {
	s := &e.sets[id]
	if _, ok := s.members[m]; ok {
		return
	}
	s.members[m] = struct{}{}
	e.note(id, m, true)
	for f := range s.families {
		e.addChild(&e.families[f], m)
	}
}

// SetRemove removes m from a set.
func (e *Engine[F, R, M]) SetRemove(id SetID, m M) {
	s := &e.sets[id]
	if _, ok := s.members[m]; !ok {
		return
	}
	delete(s.members, m)
	e.note(id, m, false)
	for f := range s.families {
		e.removeChild(&e.families[f], m)
	}
}

// SetMembers returns the present members, in no order. The map is the engine's:
// it must not be changed nor kept.
func (e *Engine[F, R, M]) SetMembers(id SetID) map[M]struct{} { return e.sets[id].members }

// note records a difference with the last Run; what is added and removed again
// leaves none.
func (e *Engine[F, R, M]) note(id SetID, m M, added bool) {
	s := &e.sets[id]
	if was, ok := s.delta[m]; ok && was != added {
		delete(s.delta, m)
	} else {
		s.delta[m] = added
	}
	if !s.changed {
		s.changed = true
		e.changed = append(e.changed, id)
	}
}

func (f *family) find(n uint64) (int, bool) {
	return slices.BinarySearchFunc(f.children, n, func(c child, n uint64) int { return cmp.Compare(c.n, n) })
}

func (f *family) unit(n uint64) Unit {
	u := f.key
	u.N = n
	return u
}

func (e *Engine[F, R, M]) addChild(f *family, m M) {
	n := e.cfg.ChildN(m)
	if i, there := f.find(n); !there {
		f.children = slices.Insert(f.children, i, child{n, e.newUnit(f.unit(n))})
	}
}

func (e *Engine[F, R, M]) removeChild(f *family, m M) {
	if i, there := f.find(e.cfg.ChildN(m)); there {
		e.dropUnit(f.children[i].id)
		f.children = slices.Delete(f.children, i, i+1)
	}
}

// AddFamily keeps one child of f for each member of a set.
func (e *Engine[F, R, M]) AddFamily(f Unit, id SetID) {
	if n, ok := e.familyIDs[f]; ok {
		if e.families[n].set != id {
			e.moveFamily(n, id)
		}
		return
	}
	var n uint32
	if free := len(e.freeFamily); free > 0 {
		n, e.freeFamily = e.freeFamily[free-1], e.freeFamily[:free-1]
	} else {
		n = uint32(len(e.families))
		e.families = append(e.families, family{})
	}
	s := &e.sets[id]
	x := family{key: f, set: id, children: make([]child, 0, len(s.members))}
	for m := range s.members {
		x.children = append(x.children, child{n: e.cfg.ChildN(m)})
	}
	slices.SortFunc(x.children, func(a, b child) int { return cmp.Compare(a.n, b.n) })
	for i := range x.children {
		x.children[i].id = e.newUnit(x.unit(x.children[i].n))
	}
	e.families[n] = x
	e.familyIDs[f] = n
	s.families[n] = struct{}{}
}

// moveFamily leaves alone the children that both sets have in common.
func (e *Engine[F, R, M]) moveFamily(n uint32, to SetID) {
	f := &e.families[n]
	a, b := &e.sets[f.set], &e.sets[to]
	delete(a.families, n)
	b.families[n] = struct{}{}
	f.set = to
	for m := range a.members {
		if _, ok := b.members[m]; !ok {
			e.removeChild(f, m)
		}
	}
	for m := range b.members {
		e.addChild(f, m)
	}
}

// RemoveFamily removes f with all its children.
func (e *Engine[F, R, M]) RemoveFamily(f Unit) {
	n, ok := e.familyIDs[f]
	if !ok {
		return
	}
	delete(e.familyIDs, f)
	x := &e.families[n]
	delete(e.sets[x.set].families, n)
	for _, c := range x.children {
		e.dropUnit(c.id)
	}
	*x = family{}
	e.freeFamily = append(e.freeFamily, n)
}

// DirtyFamily has all children of f built by the next Run.
func (e *Engine[F, R, M]) DirtyFamily(f Unit) {
	if n, ok := e.familyIDs[f]; ok {
		for _, c := range e.families[n].children {
			e.markDirty(c.id)
		}
	}
}

// FamilySet returns the set that f has a child for each member of.
func (e *Engine[F, R, M]) FamilySet(f Unit) (SetID, bool) {
	n, ok := e.familyIDs[f]
	if !ok {
		return 0, false
	}
	return e.families[n].set, true
}

// diffRows replaces the rows of a unit that was just built. Rows that stay are
// brought from the old members of their set to the new ones.
func (e *Engine[F, R, M]) diffRows(res *Result[F], id uint32, rows []Row[R]) {
	u := &e.units[id]
	old := u.rows
	u.rows = slices.Clip(rows)
	if len(old) == 0 && len(rows) == 0 {
		return
	}
	have := make(map[Row[R]]int, len(old))
	for _, r := range old {
		have[r]++
		e.dropRow(id, r.Set)
	}
	for _, r := range rows {
		e.sets[r.Set].rows[id]++
		if have[r] > 0 {
			have[r]--
			e.expandDelta(res, r)
			continue
		}
		for m := range e.sets[r.Set].members {
			res.Added = append(res.Added, e.cfg.Expand(r.Row, m))
			res.Expanded++
		}
	}
	for r, n := range have {
		for range n {
			res.Removed = e.expandOld(res.Removed, r)
		}
	}
}

// dropRow takes one row of a unit off a set.
func (e *Engine[F, R, M]) dropRow(id uint32, s SetID) {
	rows := e.sets[s].rows
	if rows[id]--; rows[id] <= 0 {
		delete(rows, id)
	}
}

// expandOld appends the flows that a row had with the members of the last Run.
func (e *Engine[F, R, M]) expandOld(flows []*F, r Row[R]) []*F {
	s := &e.sets[r.Set]
	for m := range s.members {
		if !s.delta[m] {
			flows = append(flows, e.cfg.Expand(r.Row, m))
		}
	}
	for m, added := range s.delta {
		if !added {
			flows = append(flows, e.cfg.Expand(r.Row, m))
		}
	}
	return flows
}

// expandDelta emits what the changed members of a set mean for one row.
func (e *Engine[F, R, M]) expandDelta(res *Result[F], r Row[R]) {
	for m, added := range e.sets[r.Set].delta {
		f := e.cfg.Expand(r.Row, m)
		if added {
			res.Added = append(res.Added, f)
		} else {
			res.Removed = append(res.Removed, f)
		}
		res.Expanded++
	}
}

// settle emits the difference of a changed set for the rows of units that were
// not built in this Run, and ends the difference.
func (e *Engine[F, R, M]) settle(res *Result[F], id SetID) {
	s := &e.sets[id]
	if !s.alive {
		return
	}
	if len(s.delta) > 0 {
		for u := range s.rows {
			if e.units[u].dirty {
				continue
			}
			for _, r := range e.units[u].rows {
				if r.Set == id {
					e.expandDelta(res, r)
				}
			}
		}
		if len(s.delta) > 64 {
			// Walking a map costs what it once held.
			s.delta = map[M]bool{}
		} else {
			clear(s.delta)
		}
	}
	s.changed = false
}
