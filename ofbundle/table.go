package ofbundle

import (
	"maps"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// table is the pure core: what is wanted, what the switch holds, and the numbers
// that stand for symbols. It does no I/O; plan says what to send, applied and
// setAside say what came of it.
//
// Invariants (see valid):
//  1. Those of entry, for all entries.
//  2. desired and installed count the entries that have the one and the other.
//  3. many has an entry's claims exactly if there are two or more.
//  4. Every symbol of every claim and of every pending flow is counted in its
//     group, meter or conjunction, and nothing else is.
//  5. No two groups, meters or conjunctions have the same number, and none that
//     is numbered has 0.
type table struct {
	index index
	many  map[*entry][]*openflow.Flow
	dirty []*entry
	// desired counts the entries with a claim, installed those on the switch.
	desired, installed int
	installedIn        flowCounts

	// refused maps an entry to what was refused for it.
	refused map[*entry]*openflow.Flow

	groups  groupTable
	meters  meterTable
	conjs   map[conjKey]*conj
	conjIDs map[uint32]conjKey // numbers in use
	// unnumbered conjunctions, and flows whose match waits for a number.
	newConjs map[conjKey]struct{}
	pending  map[*openflow.Flow]struct{}
	// resolved maps a flow that matches a conjunction's number to the copy that
	// has it, which is what claims.
	resolved map[*openflow.Flow]*openflow.Flow

	// full: the next plan must compare everything, because the installed side
	// was just read.
	full bool
	// purgeGroups: the next plan starts by deleting all groups, because what is
	// there is not known.
	purgeGroups bool
	// learned counts the flows found by the last full plan that the switch made.
	learned int
	// targets has those of all learn actions since the last full plan: flows
	// outlive the action that made them.
	targets map[target]struct{}
	aside   Aside

	clauses []clause               // scratch
	build   openflow.ActionBuilder // scratch
}

func newTable() *table {
	return &table{
		index:    newIndex(),
		many:     map[*entry][]*openflow.Flow{},
		refused:  map[*entry]*openflow.Flow{},
		groups:   newGroupTable(),
		meters:   newMeterTable(),
		conjs:    map[conjKey]*conj{},
		conjIDs:  map[uint32]conjKey{},
		newConjs: map[conjKey]struct{}{},
		pending:  map[*openflow.Flow]struct{}{},
		resolved: map[*openflow.Flow]*openflow.Flow{},
		targets:  map[target]struct{}{},
	}
}

// setReserved changes what others may keep.
func (t *table) setReserved(a Aside) {
	t.aside = a
	t.groups.ids.reserved, t.meters.ids.reserved = a.Group, a.Meter
	// What was read back before may not be wanted there any more.
	wanted := map[uint32]bool{}
	for _, g := range t.groups.byContent {
		wanted[g.id] = true
	}
	for id := range t.groups.installed {
		if a.Group(id) && !wanted[id] {
			delete(t.groups.installed, id)
			t.groups.ids.free(id)
		}
	}
	clear(wanted)
	for _, m := range t.meters.byName {
		wanted[m.id] = true
	}
	for id := range t.meters.installed {
		if a.Meter(id) && !wanted[id] {
			delete(t.meters.installed, id)
			t.meters.ids.free(id)
		}
	}
}

// add takes a new claim in.
func (t *table) add(f *openflow.Flow) {
	if f.Symbols == "" {
		t.addClaim(f)
		return
	}
	t.acquire(f)
	if hasConjMatch(f) {
		t.pending[f] = struct{}{}
		return
	}
	t.addClaim(f)
}

// remove takes a claim away, and reports whether it was there.
func (t *table) remove(f *openflow.Flow) bool {
	if f.Symbols == "" {
		return t.removeClaim(f)
	}
	if _, ok := t.pending[f]; ok {
		delete(t.pending, f)
		t.release(f)
		return true
	}
	claim := f
	if hasConjMatch(f) {
		if claim = t.resolved[f]; claim == nil {
			return false
		}
		delete(t.resolved, f)
	}
	if !t.removeClaim(claim) {
		return false
	}
	t.release(f)
	return true
}

func hasConjMatch(f *openflow.Flow) bool {
	for s := range f.Symbols.All() {
		if s.Kind == openflow.SymConjMatch {
			return true
		}
	}
	return false
}

// load replaces the installed side by what the switch holds now.
func (t *table) load(d *dump) {
	for e := range t.index.all() {
		t.forget(e)
		t.setInstalled(e, nil)
		if e.claim == nil {
			t.index.remove(e)
			e.dirty = true // never to be put on the list again
		}
	}
	t.dirty = t.dirty[:0]
	// Deleting groups deletes the flows that use them.
	t.purgeGroups = d.groups == nil
	for i := range d.flows {
		f := d.flows[i].flow
		if t.purgeGroups && openflow.UsesGroup(f.Actions) {
			continue
		}
		e := t.index.find(f)
		if e == nil {
			e = t.index.add(f)
		}
		t.setInstalled(e, f)
		e.foreign = d.flows[i].foreign
	}
	for e := range t.index.all() {
		e.dirty = false
	}
	maps.DeleteFunc(d.groups, func(id uint32, _ string) bool { return t.aside.Group(id) })
	maps.DeleteFunc(d.meters, func(id uint32, _ openflow.MeterSpec) bool { return t.aside.Meter(id) })
	t.groups.load(d.groups, d.plain)
	t.meters.load(d.meters)
	t.full = true
}

// setInstalled takes note of what the switch holds for e now.
func (t *table) setInstalled(e *entry, f *openflow.Flow) {
	if e.installed != nil {
		t.installed--
		t.installedIn.add(e.installed, -1)
	}
	if f != nil {
		t.installed++
		t.installedIn.add(f, 1)
	}
	e.installed, e.foreign = f, false
}

// dump is what a switch holds, read on connecting.
type dump struct {
	flows  []dumpFlow
	groups map[uint32]string // canonical content; nil if they could not be read
	// plain says that the switch takes no selection methods: it speaks OpenFlow 1.4.
	plain  bool
	meters map[uint32]openflow.MeterSpec
}

type dumpFlow struct {
	flow    *openflow.Flow
	foreign bool // see entry
}
