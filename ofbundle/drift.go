package ofbundle

import (
	"maps"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// lastOwned is the last table of OVN's pipeline. Flows that nobody wants are
// removed up to it whenever they are found, and in all tables on connecting.
const lastOwned = pipeline.TableLearnRemoteFDB

// drift is what a look at the switch found that is not as it was left.
type drift struct {
	flows  []flowDrift
	groups []idDrift
	meters []idDrift
}

type driftKind uint8

const (
	driftMissing driftKind = iota
	driftChanged
	driftForeign
)

func (k driftKind) String() string { return [...]string{"missing", "changed", "foreign"}[k] }

type flowDrift struct {
	kind driftKind
	e    *entry
	was  *openflow.Flow // nil if foreign
	is   *openflow.Flow // nil if missing
}

type idDrift struct {
	kind driftKind
	id   uint32
	name string
}

func (d *drift) empty() bool { return len(d.flows)+len(d.groups)+len(d.meters) == 0 }

// lost says that a group or a meter is gone: the switch deletes the flows that
// use it as well.
func (d *drift) lost() bool {
	gone := func(x idDrift) bool { return x.kind == driftMissing }
	return slices.ContainsFunc(d.groups, gone) || slices.ContainsFunc(d.meters, gone)
}

// stray says that f, which nobody wants and nobody installed, is to be removed.
func (t *table) stray(f *openflow.Flow) bool {
	if f.Table > lastOwned || t.aside.Flow(f) {
		return false
	}
	_, learned := t.targets[target{f.Table, f.Cookie}]
	return !learned
}

// concerns says whether an event about f can be drift.
func (t *table) concerns(f *openflow.Flow, removed bool) bool {
	if e := t.index.find(f); e != nil {
		return true
	}
	return !removed && t.stray(f)
}

// lookAtSlice takes note of all that the switch holds of one slice. It reports false if
// flows of a part are missing there: they may have another cookie now, so that the
// whole table is to be looked at.
func (t *table) lookAtSlice(x slice, flows []dumpFlow, d *drift) (all bool) {
	seen := 0
	for i := range flows {
		if t.lookAtFlow(flows[i].flow, &flows[i], d) != nil {
			seen++
		}
	}
	if seen == t.installedIn.of(x) || x.many {
		return seen == t.installedIn.of(x)
	}
	there := make(map[*entry]struct{}, seen)
	for i := range flows {
		if e := t.index.find(flows[i].flow); e != nil {
			there[e] = struct{}{}
		}
	}
	for e := range t.index.all() {
		if e.installed == nil || !x.has(e.installed) {
			continue
		}
		if _, ok := there[e]; !ok {
			t.lookAtFlow(e.installed, nil, d)
		}
	}
	return true
}

// lookAtFlow takes note of what the switch holds for one identity; is is nil for
// nothing. It returns the entry, nil if the identity is none of ours.
func (t *table) lookAtFlow(id *openflow.Flow, is *dumpFlow, d *drift) *entry {
	e := t.index.find(id)
	switch {
	case is == nil:
		if e == nil || e.installed == nil {
			return e
		}
		was := e.installed
		t.setInstalled(e, nil)
		if e.claim == nil {
			// It was about to be removed.
			t.forget(e)
			t.index.remove(e)
			return nil
		}
		t.touch(e)
		d.flows = append(d.flows, flowDrift{kind: driftMissing, e: e, was: was})
	case e == nil:
		if !t.stray(is.flow) {
			return nil
		}
		e = t.index.add(is.flow)
		t.hold(e, is)
		d.flows = append(d.flows, flowDrift{kind: driftForeign, e: e, is: is.flow})
	case e.installed == nil:
		t.hold(e, is)
		d.flows = append(d.flows, flowDrift{kind: driftForeign, e: e, is: is.flow})
	case e.foreign != is.foreign || e.installed.Cookie != is.flow.Cookie || e.installed.Actions != is.flow.Actions:
		was := e.installed
		t.hold(e, is)
		d.flows = append(d.flows, flowDrift{kind: driftChanged, e: e, was: was, is: is.flow})
	}
	return e
}

func (t *table) hold(e *entry, is *dumpFlow) {
	t.setInstalled(e, is.flow)
	e.foreign = is.foreign
	t.touch(e)
}

// lookAtGroups takes note of all groups that the switch holds.
func (t *table) lookAtGroups(groups map[uint32]string, d *drift) {
	g := &t.groups
	var byID map[uint32]*group
	note := func(kind driftKind, id uint32, content string) {
		d.groups = append(d.groups, idDrift{kind, id, groupName(content)})
		if byID == nil {
			byID = map[uint32]*group{}
			for _, x := range g.byContent {
				byID[x.id] = x
			}
		}
		if x := byID[id]; x != nil {
			g.dirty[x] = struct{}{}
		} else if kind == driftMissing {
			g.ids.free(id)
		} else {
			g.strays[id] = struct{}{}
		}
	}
	for id, was := range g.installed {
		if is, ok := groups[id]; !ok {
			delete(g.installed, id)
			note(driftMissing, id, was)
		} else if is != was {
			g.installed[id] = is
			note(driftChanged, id, was)
		}
	}
	for id, is := range groups {
		if _, ok := g.installed[id]; !ok && !t.aside.Group(id) {
			g.installed[id] = is
			g.ids.take(id)
			note(driftForeign, id, is)
		}
	}
	slices.SortFunc(d.groups, compareIDDrift)
}

// lookAtMeters takes note of all meters that the switch holds.
func (t *table) lookAtMeters(meters map[uint32]openflow.MeterSpec, d *drift) {
	m := &t.meters
	names := map[uint32]string{}
	for name, x := range m.byName {
		names[x.id] = name
	}
	note := func(kind driftKind, id uint32) {
		d.meters = append(d.meters, idDrift{kind, id, names[id]})
		m.dirty = true
	}
	for id, was := range maps.Clone(m.installed) {
		if is, ok := meters[id]; !ok {
			delete(m.installed, id)
			if _, wanted := names[id]; !wanted {
				m.ids.free(id)
			}
			note(driftMissing, id)
		} else if !sameMeter(is, was) {
			m.installed[id] = is
			note(driftChanged, id)
		}
	}
	for id, is := range meters {
		if _, ok := m.installed[id]; !ok && !t.aside.Meter(id) {
			m.installed[id] = is
			m.ids.take(id)
			note(driftForeign, id)
		}
	}
	slices.SortFunc(d.meters, compareIDDrift)
}

func compareIDDrift(a, b idDrift) int { return int(int64(a.id) - int64(b.id)) }
