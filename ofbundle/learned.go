package ofbundle

import (
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// target is where a learn action puts flows, and with which cookie. Flows that
// have both are the switch's own.
type target struct {
	table  uint8
	cookie uint64
}

// learnTargets collects the targets of all learn actions, wanted and installed.
func (t *table) learnTargets() map[target]struct{} {
	out := map[target]struct{}{}
	add := func(f *openflow.Flow) {
		if f == nil || !mayLearn(f.Actions) {
			return
		}
		openflow.LearnTargets(f.Actions, func(table uint8, cookie uint64) {
			out[target{table, cookie}] = struct{}{}
		})
	}
	for e := range t.index.all() {
		add(e.installed)
		if e.claim != e.installed {
			add(e.claim)
		}
		if e.several {
			for _, f := range t.many[e] {
				add(f)
			}
		}
	}
	return out
}

// noteTargets adds the targets of a new claim.
func (t *table) noteTargets(f *openflow.Flow) {
	if mayLearn(f.Actions) {
		openflow.LearnTargets(f.Actions, func(table uint8, cookie uint64) {
			t.targets[target{table, cookie}] = struct{}{}
		})
	}
}

// mayLearn is a cheap test that lets nearly every flow pass by: the vendor and
// subtype of the two learn actions must occur.
func mayLearn(a openflow.Actions) bool {
	return strings.Contains(string(a), "\x00\x00\x23\x20\x00\x10") ||
		strings.Contains(string(a), "\x00\x00\x23\x20\x00\x2d")
}

// dropLearned forgets installed flows that nobody wants and that a learn action
// made, or that are set aside for others.
func (t *table) dropLearned() {
	t.learned = 0
	t.targets = t.learnTargets()
	for e := range t.index.all() {
		if e.claim != nil || e.installed == nil {
			continue
		}
		_, learned := t.targets[target{e.installed.Table, e.installed.Cookie}]
		if learned {
			t.learned++
		}
		if learned || t.aside.Flow(e.installed) {
			t.setInstalled(e, nil)
			e.dirty = true // not in the index any more, so never to be listed
			t.index.remove(e)
		}
	}
}
