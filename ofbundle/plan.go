package ofbundle

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

type opKind uint8

// In the order in which they stand in a bundle: what flows refer to comes before
// them and goes after them.
const (
	opGroupPurge opKind = iota // all of them
	opGroupAdd
	opGroupModify
	opFlowAdd
	opFlowModify
	opFlowDelete
	opGroupDelete
)

func (k opKind) String() string {
	return [...]string{"delete all groups", "add group", "modify group", "add flow", "modify flow", "delete flow", "delete group"}[k]
}

// op is one change to the switch.
type op struct {
	kind opKind
	e    *entry         // of flow operations
	flow *openflow.Flow // with its numbers; of opFlowDelete what is deleted
	g    *group         // of group operations; nil to delete one nobody knows
	gid  uint32
}

// plan is what it takes to make the switch as wanted.
type plan struct {
	meters  meterPlan
	ops     []op
	refused []refusal // found without asking the switch
}

// refusal is an operation that must be left out.
type refusal struct {
	op  op
	err error
}

// errGroupRefused is why a flow of a refused group is not sent.
var errGroupRefused = errors.New("its group was refused")

// plan compares wanted and installed for what was touched since the last plan,
// or for everything if the installed side was just read.
func (t *table) plan() *plan {
	p := &plan{}
	t.number()
	p.meters = t.meters.plan()
	late := t.touchUsers(p.meters.added)
	t.planGroupAdds(p)
	if t.purgeGroups {
		p.ops = slices.Insert(p.ops, 0, op{kind: opGroupPurge, gid: openflow.GroupIDAll})
	}
	if t.full {
		t.dropLearned()
		p.ops = slices.Grow(p.ops, max(0, t.desired-t.installed))
		for e := range t.index.all() {
			t.planEntry(e, late[e], p)
		}
	} else {
		p.ops = slices.Grow(p.ops, len(t.dirty))
		for _, e := range t.dirty {
			t.planEntry(e, late[e], p)
		}
	}
	t.dirty = t.dirty[:0]
	if cap(t.dirty) > 1<<16 {
		t.dirty = nil
	}
	t.planGroupDeletes(p)
	t.full, t.purgeGroups = false, false
	return p
}

// touchUsers touches the flows on the switch that name a meter which comes only
// now: the switch ties a flow to a meter when the flow is added.
func (t *table) touchUsers(names []string) map[*entry]bool {
	if len(names) == 0 {
		return nil
	}
	late := map[*entry]bool{}
	for e := range t.index.all() {
		w := t.winner(e)
		if w == nil || w.Symbols == "" || (e.installed == nil && !e.refused) {
			continue
		}
		for s := range w.Symbols.All() {
			if s.Kind == openflow.SymMeter && slices.Contains(names, s.Content) {
				t.forget(e)
				t.touch(e)
				late[e] = true
			}
		}
	}
	return late
}

// planEntry adds what e needs to p. renew sends the flow even if it is there.
func (t *table) planEntry(e *entry, renew bool, p *plan) {
	e.dirty = false
	w := t.winner(e)
	if w == nil {
		t.forget(e)
		if e.installed != nil {
			p.ops = append(p.ops, op{kind: opFlowDelete, e: e, flow: e.installed})
		}
		return
	}
	cookie, actions, missing := w.Cookie, w.Actions, (*group)(nil)
	switch {
	case w.Kind == openflow.FlowConjunction:
		// Clauses of several rows may share the flow, so it carries no row's cookie.
		cookie, actions = 0, t.mergeClauses(e)
	case w.Symbols != "":
		actions, missing = t.actions(w)
	}
	if e.installed != nil && !e.foreign && !renew && missing == nil &&
		e.installed.Cookie == cookie && e.installed.Actions == actions {
		if cookie == w.Cookie && w.Symbols == "" {
			e.installed = w // share one copy
		}
		t.forget(e)
		return
	}
	if e.refused && missing == nil {
		if r := t.refused[e]; r.Cookie == cookie && r.Actions == actions {
			if e.installed != nil {
				p.ops = append(p.ops, op{kind: opFlowDelete, e: e, flow: e.installed})
			}
			return
		}
	}
	t.forget(e)
	want := w
	if w.Symbols != "" || cookie != w.Cookie {
		want = &openflow.Flow{Table: w.Table, Kind: w.Kind, Priority: w.Priority, Cookie: cookie,
			Owner: w.Owner, Match: w.Match, Actions: actions}
	}
	o := op{kind: opFlowAdd, e: e, flow: want}
	if e.installed != nil && !e.foreign && !renew && e.installed.Cookie == cookie {
		// Counters go on. A new cookie needs an addition: a modification keeps
		// the old one.
		o.kind = opFlowModify
	}
	switch {
	case missing != nil:
		p.refuse(t, o, fmt.Errorf("%w: %w", errGroupRefused, missing.refused))
	case !openflow.FitsBundle(want.Match, actions):
		p.refuse(t, o, fmt.Errorf("%d bytes of actions: %w", len(actions), openflow.ErrTooLong))
	default:
		p.ops = append(p.ops, o)
	}
}

func (p *plan) refuse(t *table, o op, err error) {
	p.refused = append(p.refused, refusal{o, err})
	if r, ok := t.setAside(o, err); ok {
		p.ops = append(p.ops, r)
	}
}

func (t *table) planGroupAdds(p *plan) {
	for g := range t.groups.dirty {
		if g.refs == 0 || g.refused != nil {
			continue
		}
		held, there := t.groups.installed[g.id]
		if there && held == g.told {
			continue
		}
		o := op{kind: opGroupAdd, g: g, gid: g.id}
		if there {
			o.kind = opGroupModify
		}
		p.ops = append(p.ops, o)
	}
	slices.SortFunc(p.ops, func(a, b op) int { return int(int64(a.gid) - int64(b.gid)) })
}

func (t *table) planGroupDeletes(p *plan) {
	at := len(p.ops)
	drop := func(g *group, id uint32) {
		if _, there := t.groups.installed[id]; there {
			p.ops = append(p.ops, op{kind: opGroupDelete, g: g, gid: id})
		} else if g != nil {
			t.groups.forget(g)
		}
	}
	for g := range t.groups.dirty {
		if g.refs == 0 {
			drop(g, g.id)
		}
	}
	if t.full || len(t.groups.strays) > 0 {
		known := map[uint32]bool{}
		for _, g := range t.groups.byContent {
			known[g.id] = true
		}
		for id := range maps.Keys(t.groups.installed) {
			if !known[id] {
				drop(nil, id)
			}
		}
	}
	clear(t.groups.dirty)
	clear(t.groups.strays)
	slices.SortFunc(p.ops[at:], func(a, b op) int { return int(int64(a.gid) - int64(b.gid)) })
}

// applied takes note that the switch has executed o.
func (t *table) applied(o *op) {
	switch o.kind {
	case opFlowAdd, opFlowModify:
		t.setInstalled(o.e, o.flow)
	case opFlowDelete:
		t.setInstalled(o.e, nil)
		if o.e.claim == nil {
			t.forget(o.e)
			t.index.remove(o.e)
		}
	case opGroupAdd, opGroupModify:
		t.groups.installed[o.gid] = o.g.told
	case opGroupDelete:
		delete(t.groups.installed, o.gid)
		if o.g != nil {
			t.groups.forget(o.g)
		} else {
			t.groups.ids.free(o.gid)
		}
	}
}

// setAside takes note that o cannot be executed. A flow that should have replaced
// another leaves that other without a right to be there, so a deletion comes in
// its place.
func (t *table) setAside(o op, err error) (instead op, ok bool) {
	switch o.kind {
	case opFlowAdd, opFlowModify:
		o.e.refused = true
		t.refused[o.e] = o.flow
		if o.e.installed != nil {
			return op{kind: opFlowDelete, e: o.e, flow: o.e.installed}, true
		}
	case opGroupAdd, opGroupModify:
		o.g.refused = err
	}
	return op{}, false
}

// usesGroup says whether o installs a flow that refers to g.
func (t *table) usesGroup(o *op, g *group) bool {
	if o.kind != opFlowAdd && o.kind != opFlowModify {
		return false
	}
	for s := range t.winner(o.e).Symbols.All() {
		if s.Kind == openflow.SymGroup && s.Content == g.content {
			return true
		}
	}
	return false
}

// retryRefused makes the next plan try again what was set aside.
func (t *table) retryRefused() {
	for e := range maps.Clone(t.refused) {
		t.forget(e)
		t.touch(e)
	}
	for _, g := range t.groups.byContent {
		if g.refused != nil {
			g.refused = nil
			t.groups.dirty[g] = struct{}{}
		}
	}
}
