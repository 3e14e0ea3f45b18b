// Package verify tells whether a switch holds what it should: what an agent
// started now, from nothing, would make of the databases, with the numbers that
// the switch already uses wherever they stand for the same content.
//
//	databases ─► loop.RunObserver ─► ofbundle.Desired  ─┐
//	                                                    ├─► Compare ─► differences
//	switch ────► ofbundle.Read ────► ofbundle.Contents ─┘
//
// It also compares what a running agent says it wants with the switch: the agent
// sends its Desired through the control socket.
package verify

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/ofbundle"
	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Kind says in what way something differs.
type Kind string

// Kinds of differences.
const (
	Missing Kind = "missing" // wanted and not there
	Extra   Kind = "extra"   // there and not wanted
	Differs Kind = "differs" // there with other contents
	Refused Kind = "refused" // wanted, and the switch does not take it
)

// Difference is one flow, group or meter that is not as it should be.
type Difference struct {
	Kind       Kind
	What       string // flow, group or meter
	Want, Have string // text as ovs-ofctl prints it; "" if there is none
	// Owners are the rows that want it.
	Owners [][16]byte
}

// Result is a comparison.
type Result struct {
	Same        int
	Learned     int // flows that the switch made itself, not compared
	Differences []Difference
}

// Equal tells whether the switch is as it should be.
func (r *Result) Equal() bool { return len(r.Differences) == 0 }

// identity is what a switch knows a flow by.
type identity struct {
	table    uint8
	priority uint16
	match    openflow.Match
}

func identityOf(f *openflow.Flow) identity { return identity{f.Table, f.Priority, f.Match} }

// Compare compares a switch with what it should hold. Flows that the switch made by
// a learn action are left out.
func Compare(want *ofbundle.Desired, have *ofbundle.Contents) *Result {
	r := &Result{}
	r.flows(want, have)
	r.groups(want, have)
	r.meters(want, have)
	return r
}

func (r *Result) add(d Difference) { r.Differences = append(r.Differences, d) }

func (r *Result) flows(want *ofbundle.Desired, have *ofbundle.Contents) {
	wanted := make(map[identity]*ofbundle.DesiredFlow, len(want.Flows))
	for i := range want.Flows {
		f := &want.Flows[i]
		wanted[identityOf(&f.Flow)] = f
	}
	learn := learnTargets(want, have)
	seen := make(map[identity]bool, len(have.Flows))
	for i := range have.Flows {
		h := &have.Flows[i]
		id := identityOf(&h.Flow)
		w := wanted[id]
		switch {
		case w == nil && learn[target{h.Flow.Table, h.Flow.Cookie}]:
			r.Learned++
			continue
		case w == nil && want.Aside.Flow(&h.Flow):
			continue
		case w == nil:
			r.add(Difference{Kind: Extra, What: "flow", Have: foreignText(h)})
			continue
		}
		seen[id] = true
		if w.Flow.Cookie == h.Flow.Cookie && w.Flow.Actions == h.Flow.Actions && !h.Foreign {
			r.Same++
			continue
		}
		r.add(Difference{Kind: Differs, What: "flow", Want: FlowText(&w.Flow), Have: foreignText(h), Owners: w.Owners})
	}
	for i := range want.Flows {
		w := &want.Flows[i]
		if seen[identityOf(&w.Flow)] {
			continue
		}
		kind := Missing
		if w.Refused {
			kind = Refused
		}
		r.add(Difference{Kind: kind, What: "flow", Want: FlowText(&w.Flow), Owners: w.Owners})
	}
	slices.SortStableFunc(r.Differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Want, b.Want), cmp.Compare(a.Have, b.Have))
	})
}

// target is where a learn action puts flows and with which cookie.
type target struct {
	table  uint8
	cookie uint64
}

func learnTargets(want *ofbundle.Desired, have *ofbundle.Contents) map[target]bool {
	out := map[target]bool{}
	add := func(table uint8, cookie uint64) { out[target{table, cookie}] = true }
	for i := range want.Flows {
		openflow.LearnTargets(want.Flows[i].Flow.Actions, add)
	}
	for i := range have.Flows {
		openflow.LearnTargets(have.Flows[i].Flow.Actions, add)
	}
	return out
}

func (r *Result) groups(want *ofbundle.Desired, have *ofbundle.Contents) {
	for _, id := range slices.Sorted(maps.Keys(want.Groups)) {
		w := want.Groups[id]
		h, there := have.Groups[id]
		switch {
		case !there:
			r.add(Difference{Kind: Missing, What: "group", Want: GroupText(id, w)})
		case h != w:
			r.add(Difference{Kind: Differs, What: "group", Want: GroupText(id, w), Have: GroupText(id, h)})
		default:
			r.Same++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(have.Groups)) {
		if _, wanted := want.Groups[id]; !wanted && !want.Aside.Group(id) {
			r.add(Difference{Kind: Extra, What: "group", Have: GroupText(id, have.Groups[id])})
		}
	}
}

func (r *Result) meters(want *ofbundle.Desired, have *ofbundle.Contents) {
	for _, id := range slices.Sorted(maps.Keys(want.Meters)) {
		w := want.Meters[id]
		if w.Undefined {
			continue
		}
		h, there := have.Meters[id]
		switch {
		case !there:
			r.add(Difference{Kind: Missing, What: "meter", Want: MeterText(id, w.Spec) + " (" + w.Name + ")"})
		case MeterText(id, h) != MeterText(id, w.Spec):
			r.add(Difference{Kind: Differs, What: "meter", Want: MeterText(id, w.Spec) + " (" + w.Name + ")", Have: MeterText(id, h)})
		default:
			r.Same++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(have.Meters)) {
		if w, wanted := want.Meters[id]; (!wanted || w.Undefined) && !want.Aside.Meter(id) {
			r.add(Difference{Kind: Extra, What: "meter", Have: MeterText(id, have.Meters[id])})
		}
	}
}

// Report lists the differences, at most limit of each kind, with the rows that
// describe names.
func (r *Result) Report(limit int, describe func(owner [16]byte) string) string {
	var b strings.Builder
	shown := map[Kind]int{}
	for _, d := range r.Differences {
		shown[d.Kind]++
		if limit > 0 && shown[d.Kind] > limit {
			continue
		}
		fmt.Fprintf(&b, "%s %s\n", d.Kind, d.What)
		for _, side := range []struct{ name, text string }{{"want", d.Want}, {"have", d.Have}} {
			if side.text != "" {
				fmt.Fprintf(&b, "    %s: %s\n", side.name, side.text)
			}
		}
		for _, o := range d.Owners {
			if o != ([16]byte{}) && describe != nil {
				fmt.Fprintf(&b, "    from: %s\n", describe(o))
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(shown)) {
		if n := shown[k]; limit > 0 && n > limit {
			fmt.Fprintf(&b, "… %d more %s\n", n-limit, k)
		}
	}
	return b.String()
}

// Sort orders flows as dumps are easiest to compare: by table, priority
// descending, match.
func Sort(flows []ofbundle.DesiredFlow) {
	slices.SortFunc(flows, func(a, b ofbundle.DesiredFlow) int {
		return cmp.Or(cmp.Compare(a.Flow.Table, b.Flow.Table), cmp.Compare(b.Flow.Priority, a.Flow.Priority),
			bytes.Compare([]byte(a.Flow.Match), []byte(b.Flow.Match)))
	})
}
