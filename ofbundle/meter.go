package ofbundle

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// meter is one name that some claim refers to.
type meter struct {
	name string
	id   uint32 // 0: not numbered yet
	refs int
}

// meterTable knows the meters by name and those on the switch. A meter that
// nothing defines keeps its number, so that the flows that name it do not change
// when it comes.
type meterTable struct {
	byName    map[string]*meter
	defs      map[string]openflow.MeterSpec // SetMeters
	installed map[uint32]openflow.MeterSpec
	ids       idPool
	fresh     []*meter
	dirty     bool // definitions or references changed
}

func newMeterTable() meterTable {
	return meterTable{
		byName:    map[string]*meter{},
		installed: map[uint32]openflow.MeterSpec{},
		ids:       newIDPool(),
	}
}

func (t *meterTable) acquire(name string) {
	m := t.byName[name]
	if m == nil {
		m = &meter{name: name}
		t.byName[name] = m
		t.fresh = append(t.fresh, m)
	}
	m.refs++
	if m.refs == 1 {
		t.dirty = true
	}
}

func (t *meterTable) release(name string) {
	m := t.byName[name]
	m.refs--
	if m.refs == 0 {
		t.dirty = true
	}
}

func (t *meterTable) setDefs(defs map[string]openflow.MeterSpec) {
	t.defs = defs
	t.dirty = true
}

func (t *meterTable) load(installed map[uint32]openflow.MeterSpec) {
	for id := range t.installed {
		t.ids.free(id)
	}
	t.installed = maps.Clone(installed)
	if t.installed == nil {
		t.installed = map[uint32]openflow.MeterSpec{}
	}
	for id := range t.installed {
		t.ids.take(id)
	}
	for name, m := range t.byName {
		if m.refs == 0 {
			delete(t.byName, name)
		} else if m.id != 0 {
			t.ids.take(m.id)
		}
	}
	t.dirty = true
}

// number gives new meters the lowest free numbers, in the order of names.
func (t *meterTable) number() {
	fresh := slices.DeleteFunc(t.fresh, func(m *meter) bool { return m.id != 0 || m.refs == 0 })
	slices.SortFunc(fresh, func(a, b *meter) int { return strings.Compare(a.name, b.name) })
	for _, m := range fresh {
		m.id = t.ids.next()
	}
	t.fresh = nil
}

// spec is the definition of a name.
func (t *meterTable) spec(name string) (openflow.MeterSpec, error) {
	if strings.HasPrefix(name, stringMeterPrefix) {
		return parseStringMeter(name)
	}
	if s, ok := t.defs[name]; ok {
		return s, nil
	}
	return openflow.MeterSpec{}, fmt.Errorf("no row in table Meter has the name %q", name)
}

// meterPlan is what to send before and after a bundle.
type meterPlan struct {
	changed bool // names or numbers
	before  []openflow.MeterMod
	after   []openflow.MeterMod
	added   []string // names whose meter is in before as an addition
	unknown []error  // names that nothing defines
}

// plan compares the wanted meters with the switch's. There are few, so it looks
// at all of them whenever one changed.
func (t *meterTable) plan() meterPlan {
	var p meterPlan
	if !t.dirty {
		return p
	}
	t.dirty = false
	p.changed = true
	wanted := map[uint32]struct{}{}
	for _, name := range slices.Sorted(maps.Keys(t.byName)) {
		m := t.byName[name]
		if m.refs == 0 {
			// Its number stays taken until the switch's meter is gone.
			delete(t.byName, name)
			if _, there := t.installed[m.id]; !there {
				t.ids.free(m.id)
			}
			continue
		}
		wanted[m.id] = struct{}{}
		spec, err := t.spec(name)
		if err != nil {
			p.unknown = append(p.unknown, err)
			continue
		}
		have, there := t.installed[m.id]
		switch {
		case !there:
			p.before = append(p.before, openflow.MeterMod{Command: openflow.MeterAdd, ID: m.id, Spec: spec})
			p.added = append(p.added, name)
		case !sameMeter(have, spec):
			p.before = append(p.before, openflow.MeterMod{Command: openflow.MeterModify, ID: m.id, Spec: spec})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.installed)) {
		if _, ok := wanted[id]; !ok {
			p.after = append(p.after, openflow.MeterMod{Command: openflow.MeterDelete, ID: id})
		}
	}
	return p
}

// applied takes note that the switch has executed m.
func (t *meterTable) applied(m *openflow.MeterMod) {
	if m.Command == openflow.MeterDelete {
		delete(t.installed, m.ID)
		t.ids.free(m.ID)
		return
	}
	t.installed[m.ID] = m.Spec
}

// sameMeter compares meters; without the burst flag a burst size means nothing.
func sameMeter(a, b openflow.MeterSpec) bool {
	norm := func(s openflow.MeterSpec) openflow.MeterSpec {
		if s.Flags&openflow.MeterBurst != 0 {
			return s
		}
		s.Bands = slices.Clone(s.Bands)
		for i := range s.Bands {
			s.Bands[i].Burst = 0
		}
		return s
	}
	return norm(a).Equal(norm(b))
}

func (t *meterTable) list() []NamedID {
	out := make([]NamedID, 0, len(t.byName))
	for _, m := range t.byName {
		if m.id != 0 && m.refs > 0 {
			out = append(out, NamedID{Name: m.name, ID: m.id})
		}
	}
	sortNamed(out)
	return out
}

// stringMeterPrefix starts the name of a meter that the name itself defines, as
// the action set_meter makes them:
//
//	__string: uuid UUID kbps [burst] stats bands=type=drop rate=N [burst_size=N]
const stringMeterPrefix = "__string: "

func parseStringMeter(name string) (openflow.MeterSpec, error) {
	var s openflow.MeterSpec
	band := openflow.MeterBand{Type: openflow.MeterBandDrop}
	fields := strings.FieldsFunc(strings.TrimPrefix(name, stringMeterPrefix),
		func(r rune) bool { return r == ' ' || r == ',' })
	for i := 0; i < len(fields); i++ {
		key, value, _ := strings.Cut(strings.TrimPrefix(fields[i], "bands="), "=")
		number := func(to *uint32) error {
			n, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				return fmt.Errorf("meter %q: %s: %w", name, key, err)
			}
			*to = uint32(n)
			return nil
		}
		var err error
		switch key {
		case "uuid":
			i++
		case "kbps":
			s.Flags |= openflow.MeterKbps
		case "pktps":
			s.Flags |= openflow.MeterPktps
		case "burst":
			s.Flags |= openflow.MeterBurst
		case "stats":
			s.Flags |= openflow.MeterStats
		case "type":
			if value != "drop" {
				err = fmt.Errorf("meter %q: band of type %q", name, value)
			}
		case "rate":
			err = number(&band.Rate)
		case "burst_size":
			err = number(&band.Burst)
		default:
			err = fmt.Errorf("meter %q: %q means nothing here", name, fields[i])
		}
		if err != nil {
			return s, err
		}
	}
	s.Bands = []openflow.MeterBand{band}
	return s, nil
}
