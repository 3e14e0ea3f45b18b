package translate

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ovn-chassis/ovn-chassis/engine"
	"github.com/ovn-chassis/ovn-chassis/lflow"
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// setRegistry keeps an index for every union of address sets, or of port groups,
// that a match compares a field with.
type setRegistry struct {
	// mu guards what building units adds to: indexes are made when a unit first
	// asks for them.
	mu     sync.Mutex
	byKey  map[lflow.SetKey]*setIndex
	byName map[setName][]*setIndex

	// portGroups lists the Port_Group rows that name a port; portKey is the tunnel
	// key by which a port counts as a member, absent while it does not.
	portGroups map[string]map[string]struct{}
	portKey    map[string]uint32

	sweepAt int
}

// setName is the name of an Address_Set or, for ports, of a Port_Group row.
type setName struct {
	kind lflow.SetKind
	name string
}

func newSetRegistry() setRegistry {
	return setRegistry{
		byKey:      map[lflow.SetKey]*setIndex{},
		byName:     map[setName][]*setIndex{},
		portGroups: map[string]map[string]struct{}{},
		portKey:    map[string]uint32{},
		sweepAt:    64,
	}
}

// setIndex is one union of sets.
//
// Invariants:
//  1. members holds every member of every set of the union that exists, and the
//     constants.
//  2. The engine's set id holds exactly the distinct ones.
type setIndex struct {
	key     lflow.SetKey
	id      engine.SetID
	names   []string // of rows
	exists  map[string]bool
	misfits map[string]int // members too wide for the field, by row
	members members
	shape   lflow.Shape
	size    int // of members, when it was last told
}

func shapeInput(k lflow.SetKey) engine.Input  { return setInput(kindSetShape, k) }
func memberInput(k lflow.SetKey) engine.Input { return setInput(kindSetMembers, k) }

func setInput(kind uint8, k lflow.SetKey) engine.Input {
	return engine.Input{Kind: kind, S: k.Text, N: uint64(k.DP)<<16 | uint64(k.Width)<<8 | uint64(k.Kind)}
}

// portGroupRow is the name of the Port_Group row for a group on a datapath.
func portGroupRow(dp uint32, group string) string { return fmt.Sprintf("%d_%s", dp, group) }

// index returns the index of k, made when it is not there yet. It is called while
// units are built, from several goroutines.
func (t *Translator) index(k lflow.SetKey) *setIndex {
	s := &t.sets
	s.mu.Lock()
	defer s.mu.Unlock()
	if x, ok := s.byKey[k]; ok {
		return x
	}
	x := &setIndex{
		key: k, id: t.eng.NewSet(), members: members{},
		exists: map[string]bool{}, misfits: map[string]int{},
	}
	names, constants := k.Parts()
	var d memberDelta
	for _, m := range constants {
		x.members.add(m, &d)
	}
	for _, name := range names {
		if k.Kind == lflow.SetPorts {
			name = portGroupRow(k.DP, name)
		}
		x.names = append(x.names, name)
		if k.Kind == lflow.SetPorts {
			if row := t.portGroupByName.One(name); row != nil {
				x.exists[name] = true
				for _, p := range row.Ports {
					if key, ok := s.portKey[p]; ok {
						x.members.add(portMember(key), &d)
					}
				}
			}
		} else if row := t.addressSetByName.One(name); row != nil {
			x.exists[name] = true
			for _, a := range row.Addresses {
				x.addText(name, a, &d)
			}
		}
		n := setName{k.Kind, name}
		s.byName[n] = append(s.byName[n], x)
	}
	for m := range x.members {
		t.eng.SetAdd(x.id, m)
	}
	x.shape, x.size = x.findShape(), len(x.members)
	s.byKey[k] = x
	return x
}

func portMember(key uint32) lflow.Member {
	return lflow.Member{Value: openflow.U64(uint64(key)), Mask: openflow.MaskN(32)}
}

func (x *setIndex) addText(row, text string, d *memberDelta) {
	if c, ok := lflow.ParseMember(text); ok {
		if m, fits := c.Member(int(x.key.Width)); fits {
			x.members.add(m, d)
		} else {
			x.misfits[row]++
		}
	}
}

func (x *setIndex) removeText(row, text string, d *memberDelta) {
	if c, ok := lflow.ParseMember(text); ok {
		if m, fits := c.Member(int(x.key.Width)); fits {
			x.members.remove(m, d)
		} else if x.misfits[row]--; x.misfits[row] == 0 {
			delete(x.misfits, row)
		}
	}
}

func (x *setIndex) findShape() lflow.Shape {
	for _, n := range x.names {
		if !x.exists[n] {
			return lflow.Shape{Kind: lflow.ShapeMissing, Name: n}
		}
	}
	for _, n := range x.names {
		if x.misfits[n] > 0 {
			return lflow.Shape{Kind: lflow.ShapeMisfit, Name: n}
		}
	}
	if _, ok := x.members[lflow.Member{}]; ok {
		return lflow.Shape{Kind: lflow.ShapeOne} // 0.0.0.0/0 tests nothing
	}
	switch len(x.members) {
	case 0:
		return lflow.Shape{Kind: lflow.ShapeNone}
	case 1:
		s := lflow.Shape{Kind: lflow.ShapeOne}
		for s.Member = range x.members {
		}
		return s
	}
	return lflow.Shape{Kind: lflow.ShapeMany}
}

// changed tells the engine what a difference of the members means.
func (x *setIndex) changed(t *Translator, d *memberDelta) {
	for _, m := range d.removed {
		t.eng.SetRemove(x.id, m)
	}
	for _, m := range d.added {
		t.eng.SetAdd(x.id, m)
	}
	if len(d.added)+len(d.removed) > 0 {
		t.dirty(memberInput(x.key))
	}
	if size := len(x.members); size != x.size {
		t.dirty(sizeInput(x.key))
		if sizeClass(size) != sizeClass(x.size) {
			t.dirty(classInput(x.key))
		}
		x.size = size
	}
	if shape := x.findShape(); shape != x.shape {
		x.shape = shape
		t.dirty(shapeInput(x.key))
	}
}

// addressSetChanged brings the indexes on an Address_Set from one version of the
// row to the next; either may be nil.
func (t *Translator) addressSetChanged(old, now *sbdb.AddressSet) {
	if old != nil && now != nil && old.Name != now.Name {
		t.addressSetChanged(old, nil)
		old = nil
	}
	var name string
	var before, after []string
	if old != nil {
		name, before = old.Name, old.Addresses
	}
	if now != nil {
		name, after = now.Name, now.Addresses
	}
	indexes := t.sets.byName[setName{lflow.SetAddresses, name}]
	if len(indexes) == 0 {
		return
	}
	var gone, come []string
	diffSorted(before, after,
		func(a string) { gone = append(gone, a) },
		func(a string) { come = append(come, a) })
	for _, x := range indexes {
		var d memberDelta
		x.exists[name] = now != nil
		for _, a := range gone {
			x.removeText(name, a, &d)
		}
		for _, a := range come {
			x.addText(name, a, &d)
		}
		d.net()
		x.changed(t, &d)
	}
}

// portGroupChanged is addressSetChanged for a Port_Group.
func (t *Translator) portGroupChanged(old, now *sbdb.PortGroup) {
	if old != nil && now != nil && old.Name != now.Name {
		t.portGroupChanged(old, nil)
		old = nil
	}
	var name string
	var before, after []string
	if old != nil {
		name, before = old.Name, old.Ports
	}
	if now != nil {
		name, after = now.Name, now.Ports
	}
	var gone, come []uint32
	diffSorted(before, after, func(p string) {
		if groups := t.sets.portGroups[p]; groups != nil {
			delete(groups, name)
			if len(groups) == 0 {
				delete(t.sets.portGroups, p)
			}
		}
		if key, ok := t.sets.portKey[p]; ok {
			gone = append(gone, key)
		}
	}, func(p string) {
		groups := t.sets.portGroups[p]
		if groups == nil {
			groups = map[string]struct{}{}
			t.sets.portGroups[p] = groups
		}
		groups[name] = struct{}{}
		if key, ok := t.sets.portKey[p]; ok {
			come = append(come, key)
		}
	})
	for _, x := range t.sets.byName[setName{lflow.SetPorts, name}] {
		var d memberDelta
		x.exists[name] = now != nil
		for _, k := range gone {
			x.members.remove(portMember(k), &d)
		}
		for _, k := range come {
			x.members.add(portMember(k), &d)
		}
		d.net()
		x.changed(t, &d)
	}
}

// refreshGroupPort sets the key by which a port counts as a member of its groups:
// its tunnel key if it is related to this chassis.
func (t *Translator) refreshGroupPort(port string) {
	s := &t.sets
	old, had := s.portKey[port]
	var now uint32
	has := false
	if t.relatedNames[port] {
		if pb := t.portByName.One(port); pb != nil {
			now, has = uint32(pb.TunnelKey), true
		}
	}
	if had == has && old == now {
		return
	}
	if has {
		s.portKey[port] = now
	} else {
		delete(s.portKey, port)
	}
	for group := range s.portGroups[port] {
		for _, x := range s.byName[setName{lflow.SetPorts, group}] {
			var d memberDelta
			if had {
				x.members.remove(portMember(old), &d)
			}
			if has {
				x.members.add(portMember(now), &d)
			}
			d.net()
			x.changed(t, &d)
		}
	}
}

// sweep gives up indexes that nothing uses any more. It looks only when there
// are twice as many as after the last look.
func (s *setRegistry) sweep(t *Translator) {
	if len(s.byKey) < s.sweepAt {
		return
	}
	for k, x := range s.byKey {
		if t.eng.IsRead(shapeInput(k)) || t.eng.IsRead(memberInput(k)) || t.eng.IsRead(classInput(k)) || t.eng.IsRead(sizeInput(k)) || !t.eng.FreeSet(x.id) {
			continue
		}
		delete(s.byKey, k)
		for _, name := range x.names {
			n := setName{k.Kind, name}
			s.byName[n] = slices.DeleteFunc(s.byName[n], func(y *setIndex) bool { return y == x })
			if len(s.byName[n]) == 0 {
				delete(s.byName, n)
			}
		}
	}
	s.sweepAt = max(64, 2*len(s.byKey))
}

// diffSorted calls gone for what only a has and come for what only b has. Columns
// that are sets of strings are sorted.
func diffSorted(a, b []string, gone, come func(string)) {
	// What both begin and end with is mostly nearly all, and the same strings: that is
	// seen without reading them.
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	for len(a) > 0 || len(b) > 0 {
		var c int
		switch {
		case len(a) == 0:
			c = 1
		case len(b) == 0:
			c = -1
		default:
			c = strings.Compare(a[0], b[0])
		}
		switch {
		case c < 0:
			gone(a[0])
			a = a[1:]
		case c > 0:
			come(b[0])
			b = b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
}

// datapathSets keeps, for each Logical_DP_Group and each datapath by itself, the
// set of its local datapaths, of which logical flows have a child each.
type datapathSets struct {
	single map[ovsdb.UUID]engine.SetID
	group  map[ovsdb.UUID]engine.SetID
	// groupsOf lists the groups a datapath is in.
	groupsOf map[ovsdb.UUID]map[ovsdb.UUID]struct{}
	// gone lists rows that were deleted and whose sets are to be freed once no
	// logical flow refers to them.
	gone map[ovsdb.UUID]struct{}
}

func newDatapathSets() datapathSets {
	return datapathSets{
		single:   map[ovsdb.UUID]engine.SetID{},
		group:    map[ovsdb.UUID]engine.SetID{},
		groupsOf: map[ovsdb.UUID]map[ovsdb.UUID]struct{}{},
		gone:     map[ovsdb.UUID]struct{}{},
	}
}

func datapathMember(d *localDatapath) lflow.Member { return lflow.Member{Value: openflow.U64(d.n)} }

// datapathSets calls f for each set that a datapath belongs to.
func (t *Translator) datapathSets(d *localDatapath, f func(engine.SetID, lflow.Member)) {
	if id, ok := t.dpSets.single[d.UUID]; ok {
		f(id, datapathMember(d))
	}
	for g := range t.dpSets.groupsOf[d.UUID] {
		f(t.dpSets.group[g], datapathMember(d))
		t.dirtyGroup(g)
	}
}

func (t *Translator) dirtyGroup(g ovsdb.UUID) {
	t.dirty(inputID(kindGroup, g))
	t.dirty(inputID(kindGroupLocal, g))
}

// singleSet is the set of one datapath: it, while it is local.
func (t *Translator) singleSet(dp ovsdb.UUID) engine.SetID {
	id, ok := t.dpSets.single[dp]
	if !ok {
		id = t.eng.NewSet()
		t.dpSets.single[dp] = id
		if d := t.datapaths[dp]; d != nil {
			t.eng.SetAdd(id, datapathMember(d))
		}
	}
	return id
}

// groupSet is the set of the local datapaths of a Logical_DP_Group, whose row may
// not be there (yet).
func (t *Translator) groupSet(g ovsdb.UUID) engine.SetID {
	id, ok := t.dpSets.group[g]
	if !ok {
		id = t.eng.NewSet()
		t.dpSets.group[g] = id
	}
	return id
}

// groupMembers are the members of a group's set. They do not change while units are
// built, but the engine's list of sets does: see setRegistry.mu.
func (t *Translator) groupMembers(g ovsdb.UUID) map[lflow.Member]struct{} {
	id, ok := t.dpSets.group[g]
	if !ok {
		return nil
	}
	t.sets.mu.Lock()
	defer t.sets.mu.Unlock()
	return t.eng.SetMembers(id)
}

// groupChanged brings the set of a group from one version of its row to the next.
func (t *Translator) groupChanged(old, now *sbdb.LogicalDPGroup) {
	var g ovsdb.UUID
	var before, after []ovsdb.UUID
	if old != nil {
		g, before = old.UUID, old.Datapaths
	}
	if now != nil {
		g, after = now.UUID, now.Datapaths
	}
	id := t.groupSet(g)
	diffUUIDs(before, after, func(dp ovsdb.UUID) {
		delete(t.dpSets.groupsOf[dp], g)
		if len(t.dpSets.groupsOf[dp]) == 0 {
			delete(t.dpSets.groupsOf, dp)
		}
		if d := t.datapaths[dp]; d != nil {
			t.eng.SetRemove(id, datapathMember(d))
		}
	}, func(dp ovsdb.UUID) {
		if t.dpSets.groupsOf[dp] == nil {
			t.dpSets.groupsOf[dp] = map[ovsdb.UUID]struct{}{}
		}
		t.dpSets.groupsOf[dp][g] = struct{}{}
		if d := t.datapaths[dp]; d != nil {
			t.eng.SetAdd(id, datapathMember(d))
		}
	})
	t.dirtyGroup(g)
	if now == nil {
		t.dpSets.gone[g] = struct{}{}
	}
}

// sweep frees the sets of deleted rows that nothing refers to any more.
func (s *datapathSets) sweep(t *Translator) {
	for row := range s.gone {
		if t.db.LogicalDPGroup.Get(row) != nil || t.db.DatapathBinding.Get(row) != nil {
			delete(s.gone, row) // it came back
			continue
		}
		for _, sets := range []map[ovsdb.UUID]engine.SetID{s.group, s.single} {
			if id, ok := sets[row]; ok && t.eng.FreeSet(id) {
				delete(sets, row)
				delete(s.gone, row)
			}
		}
	}
}

func diffUUIDs(a, b []ovsdb.UUID, gone, come func(ovsdb.UUID)) {
	for len(a) > 0 || len(b) > 0 {
		var c int
		switch {
		case len(a) == 0:
			c = 1
		case len(b) == 0:
			c = -1
		default:
			c = a[0].Compare(b[0])
		}
		switch {
		case c < 0:
			gone(a[0])
			a = a[1:]
		case c > 0:
			come(b[0])
			b = b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
}
