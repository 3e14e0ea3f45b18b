package ofbundle

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// model is a switch as plain as can be: it executes operations one by one and
// objects to what a real one would refuse, or would do silently by deleting
// flows along with their group.
type model struct {
	flows  map[string]openflow.Flow // by identity
	groups map[uint32]string
	meters map[uint32]openflow.MeterSpec
	refuse func(*op) bool
	ops    int
}

func newModel() *model {
	return &model{flows: map[string]openflow.Flow{}, groups: map[uint32]string{}, meters: map[uint32]openflow.MeterSpec{}}
}

func identity(f *openflow.Flow) string {
	return fmt.Sprintf("table=%d,priority=%d,%x", f.Table, f.Priority, string(f.Match))
}

// groupsOf lists the numbers of groups in top-level group actions.
func groupsOf(a openflow.Actions) []uint32 {
	var out []uint32
	for b := []byte(a); len(b) >= 8; b = b[int(b[2])<<8|int(b[3]):] {
		if b[0] == 0 && b[1] == 22 {
			out = append(out, uint32(b[4])<<24|uint32(b[5])<<16|uint32(b[6])<<8|uint32(b[7]))
		}
	}
	return out
}

// execute runs a plan as the session does, with refusals one by one.
func (m *model) execute(t *table, p *plan) error {
	for i := range p.meters.before {
		x := &p.meters.before[i]
		if _, there := m.meters[x.ID]; there != (x.Command == openflow.MeterModify) {
			return fmt.Errorf("meter %d: command %d, there %v", x.ID, x.Command, there)
		}
		m.meters[x.ID] = x.Spec
		t.meters.applied(x)
	}
	s := &session{w: New(Config{})}
	s.w.state = t
	ops := p.ops
	if m.refuse != nil {
		bad := map[int]error{}
		for i := range ops {
			if m.refuse(&ops[i]) {
				bad[i] = fmt.Errorf("refused by the model")
			}
		}
		ops = s.without(ops, bad)
	}
	last := opGroupPurge
	for i := range ops {
		o := &ops[i]
		if k := min(max(o.kind, opFlowAdd), opFlowDelete); o.kind < last && k != o.kind {
			return fmt.Errorf("%v after %v", o.kind, last)
		}
		last = max(last, o.kind)
		if err := m.apply(o); err != nil {
			return fmt.Errorf("%v: %w", o.kind, err)
		}
		t.applied(o)
		m.ops++
	}
	for i := range p.meters.after {
		x := &p.meters.after[i]
		if x.Command != openflow.MeterDelete {
			return fmt.Errorf("meter command %d after the bundle", x.Command)
		}
		delete(m.meters, x.ID)
		t.meters.applied(x)
	}
	m.ops += len(p.meters.before) + len(p.meters.after)
	return nil
}

func (m *model) apply(o *op) error {
	switch o.kind {
	case opGroupAdd:
		if _, there := m.groups[o.gid]; there {
			return fmt.Errorf("group %d exists", o.gid)
		}
		m.groups[o.gid] = o.g.content
	case opGroupModify:
		if _, there := m.groups[o.gid]; !there {
			return fmt.Errorf("group %d does not exist", o.gid)
		}
		m.groups[o.gid] = o.g.content
	case opGroupDelete:
		for id, f := range m.flows {
			if slices.Contains(groupsOf(f.Actions), o.gid) {
				return fmt.Errorf("group %d is used by %s", o.gid, id)
			}
		}
		delete(m.groups, o.gid)
	case opFlowAdd, opFlowModify:
		for _, g := range groupsOf(o.flow.Actions) {
			if _, there := m.groups[g]; !there {
				return fmt.Errorf("flow uses group %d, which does not exist", g)
			}
		}
		have, there := m.flows[identity(o.flow)]
		if o.kind == opFlowModify && (!there || have.Cookie != o.flow.Cookie || have.Actions == o.flow.Actions) {
			return fmt.Errorf("modification of %+v to %+v", have, o.flow)
		}
		m.flows[identity(o.flow)] = *o.flow
	case opFlowDelete:
		if _, there := m.flows[identity(o.flow)]; !there {
			return fmt.Errorf("flow does not exist")
		}
		delete(m.flows, identity(o.flow))
	}
	return nil
}

// dump is what reading back would give.
func (m *model) dump() *dump {
	d := &dump{groups: m.groups, meters: m.meters}
	for _, id := range slices.Sorted(maps.Keys(m.flows)) {
		f := m.flows[id]
		f.Owner, f.Symbols, f.Kind = [16]byte{}, "", 0
		d.flows = append(d.flows, dumpFlow{flow: &f})
	}
	return d
}

// twin is the dumb way to know what must be on the switch: all claims in a list.
type twin struct {
	claims []*openflow.Flow
	refuse func(*openflow.Flow) bool
}

// want gives each identity's flow as text in which numbers are replaced by what
// they stand for; conj says which conjunction a number on the switch means.
func (w *twin) want() map[string]string {
	byID := map[string][]*openflow.Flow{}
	for _, f := range w.claims {
		id := symbolicIdentity(f)
		byID[id] = append(byID[id], f)
	}
	out := map[string]string{}
	for id, l := range byID {
		slices.SortFunc(l, compareClaims)
		f := l[0]
		if w.refuse != nil && w.refuse(f) {
			continue
		}
		cookie, parts := f.Cookie, []string{}
		if f.Kind == openflow.FlowConjunction {
			cookie = 0
			for _, c := range l {
				for s := range c.Symbols.All() {
					parts = append(parts, fmt.Sprintf("conj %x/%d/%d %d/%d", c.Owner, s.DP, s.N, s.Clause, s.NClauses))
				}
			}
			slices.Sort(parts)
			parts = slices.Compact(parts)
		} else {
			parts = append(parts, fmt.Sprintf("%x", string(f.Actions)))
			for s := range f.Symbols.All() {
				if s.Kind == openflow.SymGroup || s.Kind == openflow.SymMeter {
					parts = append(parts, fmt.Sprintf("%d=%x", s.Offset, s.Content))
				}
			}
		}
		out[id] = fmt.Sprintf("cookie=%x %s", cookie, strings.Join(parts, ","))
	}
	return out
}

func symbolicIdentity(f *openflow.Flow) string {
	id := identity(f)
	for s := range f.Symbols.All() {
		if s.Kind == openflow.SymConjMatch {
			id += fmt.Sprintf(" conj %x/%d/%d", f.Owner, s.DP, s.N)
		}
	}
	return id
}

// have translates the model's flows back, by the numbers that t gave out and the
// claims that say where numbers are.
func (m *model) have(t *table, claims []*openflow.Flow) (map[string]string, error) {
	out := map[string]string{}
	byID := map[string]*openflow.Flow{}
	for _, f := range claims {
		r := f
		if hasConjMatch(f) {
			r = t.resolved[f]
		}
		if have, ok := byID[identity(r)]; !ok || compareClaims(f, have) < 0 {
			byID[identity(r)] = f
		}
	}
	for id, x := range m.flows {
		f := byID[id]
		if f == nil {
			return nil, fmt.Errorf("%s is on the switch and wanted by nobody", id)
		}
		var parts []string
		if f.Kind == openflow.FlowConjunction {
			for _, c := range parseClauses(x.Actions) {
				k, ok := t.conjIDs[c.id]
				if !ok {
					return nil, fmt.Errorf("conjunction %d has no meaning", c.id)
				}
				parts = append(parts, fmt.Sprintf("conj %x/%d/%d %d/%d", k.owner, k.dp, k.n, c.k, c.n))
			}
			slices.Sort(parts)
		} else {
			a := x.Actions
			var symbols []string
			for s := range f.Symbols.All() {
				if s.Kind != openflow.SymGroup && s.Kind != openflow.SymMeter {
					continue
				}
				n := u32At(a, s.Offset)
				a = a.PatchU32(s.Offset, 0)
				if s.Kind == openflow.SymGroup {
					symbols = append(symbols, fmt.Sprintf("%d=%x", s.Offset, m.groups[n]))
					continue
				}
				name := ""
				for _, mt := range t.meters.byName {
					if mt.id == n {
						name = mt.name
					}
				}
				symbols = append(symbols, fmt.Sprintf("%d=%x", s.Offset, name))
			}
			parts = append([]string{fmt.Sprintf("%x", string(a))}, symbols...)
		}
		out[symbolicIdentity(f)] = fmt.Sprintf("cookie=%x %s", x.Cookie, strings.Join(parts, ","))
	}
	return out, nil
}

func u32At(a openflow.Actions, off uint32) uint32 {
	return uint32(a[off])<<24 | uint32(a[off+1])<<16 | uint32(a[off+2])<<8 | uint32(a[off+3])
}
