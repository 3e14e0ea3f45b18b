package ofbundle

import (
	"maps"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// group is one content that is wanted or installed.
type group struct {
	content string // openflow.GroupSpec.Encode
	told    string // what the switch is told: content, or what remains of it
	id      uint32 // 0: not numbered yet
	refs    int
	// refused is the switch's reason for not taking it.
	refused error
}

// groupTable knows the groups that are wanted and those on the switch.
//
// A number is taken while a wanted group has it or the switch holds something
// under it: a group leaves the switch after the flows that used it, in the same
// bundle that brings new ones.
type groupTable struct {
	byContent map[string]*group
	installed map[uint32]string // content on the switch, by number
	ids       idPool
	fresh     []*group // acquired and perhaps not numbered
	dirty     map[*group]struct{}
	strays    map[uint32]struct{} // on the switch though nobody wants them
	plain     bool                // the switch takes no selection methods
}

func newGroupTable() groupTable {
	return groupTable{
		byContent: map[string]*group{},
		installed: map[uint32]string{},
		ids:       newIDPool(),
		dirty:     map[*group]struct{}{},
		strays:    map[uint32]struct{}{},
	}
}

// tell returns what a switch without selection methods, that is one that speaks
// OpenFlow 1.4, is told instead of content: the same buckets, chosen by the
// switch's own hash. A service balanced by another hash is better than none.
func (t *groupTable) tell(content string) string {
	if !t.plain {
		return content
	}
	spec, err := openflow.DecodeGroup([]byte(content))
	if err != nil || spec.Type != openflow.GroupSelect {
		return content
	}
	spec.SelectionMethod, spec.SelectionParam, spec.Fields = openflow.DefaultSelectionMethod, 0, nil
	return string(spec.Encode())
}

func (t *groupTable) acquire(content string) {
	g := t.byContent[content]
	if g == nil {
		g = &group{content: content, told: t.tell(content)}
		t.byContent[content] = g
		t.fresh = append(t.fresh, g)
	}
	if g.refs == 0 {
		t.dirty[g] = struct{}{}
	}
	g.refs++
}

func (t *groupTable) release(content string) {
	g := t.byContent[content]
	g.refs--
	if g.refs == 0 {
		t.dirty[g] = struct{}{}
	}
}

// load takes over what the switch holds, and whether it takes no selection methods.
// Wanted groups keep their numbers.
func (t *groupTable) load(installed map[uint32]string, plain bool) {
	t.plain = plain
	for id := range t.installed {
		t.ids.free(id)
	}
	t.installed = maps.Clone(installed)
	if t.installed == nil {
		t.installed = map[uint32]string{}
	}
	for id := range t.installed {
		t.ids.take(id)
	}
	clear(t.dirty)
	clear(t.strays)
	for content, g := range t.byContent {
		g.refused, g.told = nil, t.tell(content)
		if g.refs == 0 {
			if g.id != 0 {
				t.ids.free(g.id)
			}
			delete(t.byContent, content)
			continue
		}
		if g.id != 0 {
			t.ids.take(g.id)
		}
		t.dirty[g] = struct{}{}
	}
	for id := range t.installed {
		t.ids.take(id)
	}
}

// number gives new groups a number: the one under which the switch holds the
// same content, else the lowest free one, in the order of contents. Only a switch
// that was just read back, and one that others changed, holds what nobody has.
func (t *groupTable) number(readBack bool) {
	if len(t.fresh) == 0 {
		return
	}
	var held map[string][]uint32
	fresh := slices.DeleteFunc(t.fresh, func(g *group) bool { return g.id != 0 || g.refs == 0 })
	slices.SortFunc(fresh, func(a, b *group) int {
		if a.content < b.content {
			return -1
		}
		return 1
	})
	if len(fresh) > 0 && (readBack || len(t.strays) > 0) {
		held = t.unclaimed()
	}
	for _, g := range fresh {
		if ids := held[g.told]; len(ids) > 0 {
			g.id, held[g.told] = ids[0], ids[1:]
		}
	}
	for _, g := range fresh {
		if g.id == 0 {
			g.id = t.ids.next()
		}
	}
	t.fresh = nil
}

// unclaimed maps contents on the switch to the numbers that no wanted group has,
// the lowest first.
func (t *groupTable) unclaimed() map[string][]uint32 {
	taken := map[uint32]struct{}{}
	for _, g := range t.byContent {
		if g.id != 0 {
			taken[g.id] = struct{}{}
		}
	}
	held := map[string][]uint32{}
	for _, id := range slices.Sorted(maps.Keys(t.installed)) {
		if _, ok := taken[id]; !ok {
			held[t.installed[id]] = append(held[t.installed[id]], id)
		}
	}
	return held
}

// forget drops a group that is neither wanted nor on the switch.
func (t *groupTable) forget(g *group) {
	if _, there := t.installed[g.id]; g.refs > 0 || there {
		return
	}
	delete(t.byContent, g.content)
	if g.id != 0 {
		t.ids.free(g.id)
	}
}

func groupName(content string) string {
	spec, err := openflow.DecodeGroup([]byte(content))
	if err != nil {
		return err.Error()
	}
	return spec.String()
}
