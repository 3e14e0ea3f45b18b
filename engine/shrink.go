package engine

import (
	"maps"
	"slices"
)

// leastRoom is the number of places for units below which giving some up is not
// worth it.
const leastRoom = 64

// shrink gives up the room that units, inputs and sets no longer need, once three of
// four units are gone: neither slices nor maps get smaller by themselves, and what
// is small and stays where it is keeps the pages around it from being given back.
// It costs what there once was, and as many units had to be removed before.
//
// It is called at the end of Run, when nothing but the engine itself knows a unit by
// its number.
func (e *Engine[F, R, M]) shrink() {
	if len(e.units) < e.leastRoom || e.alive > len(e.units)/4 {
		return
	}
	inputs := e.shrinkInputs()
	unitIDs := make([]uint32, len(e.units)) // by the old number
	units := make([]unit[F, R], 0, e.alive)
	for old := range e.units {
		u := &e.units[old]
		if !u.alive {
			continue
		}
		id := uint32(len(units))
		unitIDs[old] = id
		reads := make([]uint32, len(u.reads))
		for i, in := range u.reads {
			reads[i] = inputs[in]
			r := &e.readers[reads[i]]
			r.units = append(r.units, id)
		}
		units = append(units, unit[F, R]{key: u.key, alive: true, reads: reads,
			flows: slices.Clone(u.flows), rows: slices.Clone(u.rows)})
	}
	e.unitIDs = fitting(e.unitIDs)
	for u, old := range e.unitIDs {
		e.unitIDs[u] = unitIDs[old]
	}
	familyIDs := e.shrinkFamilies(unitIDs)
	for i := range e.sets {
		s := &e.sets[i]
		if !s.alive {
			continue
		}
		rows := make(map[uint32]int, len(s.rows))
		for old, n := range s.rows {
			rows[unitIDs[old]] = n
		}
		families := make(map[uint32]struct{}, len(s.families))
		for old := range s.families {
			families[familyIDs[old]] = struct{}{}
		}
		s.rows, s.families = rows, families
	}
	e.units, e.freeUnit = units, nil
	e.freeInput = nil
	e.dirty, e.ids = nil, nil
}

// shrinkFamilies closes the gaps between families, whose children are known by their
// old numbers. It returns the new number of each by its old one.
func (e *Engine[F, R, M]) shrinkFamilies(unitIDs []uint32) []uint32 {
	ids := make([]uint32, len(e.families))
	families := make([]family, 0, len(e.familyIDs))
	familyIDs := make(map[Unit]uint32, len(e.familyIDs))
	for f, old := range e.familyIDs {
		ids[old] = uint32(len(families))
		familyIDs[f] = ids[old]
		x := e.families[old]
		x.children = slices.Clone(x.children)
		for i := range x.children {
			x.children[i].id = unitIDs[x.children[i].id]
		}
		families = append(families, x)
	}
	e.families, e.familyIDs, e.freeFamily = families, familyIDs, nil
	return ids
}

// shrinkInputs forgets the inputs that no unit reads. It returns the new number of
// each that stays, by its old one; their order remains. The readers are left to fill
// in.
func (e *Engine[F, R, M]) shrinkInputs() []uint32 {
	const unread = ^uint32(0)
	ids := slices.Repeat([]uint32{unread}, len(e.readers))
	for i := range e.units {
		for _, in := range e.units[i].reads {
			ids[in] = 0
		}
	}
	n := uint32(0)
	for i := range ids {
		if ids[i] != unread {
			ids[i] = n
			n++
		}
	}
	inputs := make(map[Input]uint32, n)
	for in, old := range e.inputs {
		if ids[old] != unread {
			inputs[in] = ids[old]
		}
	}
	e.inputs, e.readers = inputs, make([]readers, n)
	return ids
}

// fitting is a copy of m with the room it needs; maps.Clone keeps that of m.
func fitting[K comparable, V any](m map[K]V) map[K]V {
	c := make(map[K]V, len(m))
	maps.Copy(c, m)
	return c
}
