package ofbundle

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Desired is what br-int should hold: winners only, with the numbers that stand
// for groups, meters and conjunctions in place.
type Desired struct {
	Flows  []DesiredFlow
	Groups map[uint32]string // canonical content
	Meters map[uint32]DesiredMeter
	// Conjunctions are in order of owner, datapath and N.
	Conjunctions []Conjunction
	// Aside is what others may keep beside them.
	Aside Aside
}

// Conjunction is the number that stands for conjunction N of a row on a datapath.
type Conjunction struct {
	Owner    [16]byte
	Datapath uint32
	N        uint16
	ID       uint32
}

func (t *table) conjunctions() []Conjunction {
	out := make([]Conjunction, 0, len(t.conjIDs))
	for id, k := range t.conjIDs {
		out = append(out, Conjunction{k.owner, k.dp, k.n, id})
	}
	slices.SortFunc(out, func(a, b Conjunction) int {
		return compareConjKeys(conjKey{a.Owner, a.Datapath, a.N}, conjKey{b.Owner, b.Datapath, b.N})
	})
	return out
}

// DesiredFlow is one flow and the rows it comes from.
type DesiredFlow struct {
	Flow openflow.Flow
	// Owners are the rows that claim the flow's identity, the winner's first. Of
	// a conjunction all are winners.
	Owners [][16]byte
	// Refused: the switch does not take it, so it is not there.
	Refused bool
}

// DesiredMeter is one meter. Undefined ones are names that nothing defines: there
// is no meter of that number.
type DesiredMeter struct {
	Name      string
	Spec      openflow.MeterSpec
	Undefined bool
}

// ErrNotReady is what Desired returns while there is nothing to compare: no
// connection, so that numbers are not known, or no Commit.
var ErrNotReady = errors.New("flows are not complete, or no connection to the switch")

// question is asked of Run's goroutine.
type question struct {
	reply chan *Desired // gets nil for ErrNotReady
}

// Desired returns what the switch should hold after the last Commit that was
// carried out. It waits for a bundle in flight.
func (w *Writer) Desired(ctx context.Context) (*Desired, error) {
	q := question{reply: make(chan *Desired, 1)}
	w.mu.Lock()
	w.inbox.questions = append(w.inbox.questions, q)
	w.mu.Unlock()
	w.poke()
	select {
	case d := <-q.reply:
		if d == nil {
			return nil, ErrNotReady
		}
		return d, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// answerQuestions answers what was asked; planned says whether everything wanted
// has its number.
func (w *Writer) answerQuestions(planned bool) {
	if len(w.questions) == 0 {
		return
	}
	var d *Desired
	if planned {
		d = w.state.wanted()
	}
	for _, q := range w.questions {
		q.reply <- d
	}
	w.questions = nil
}

// wanted copies what is wanted, numbers in place.
func (t *table) wanted() *Desired {
	d := &Desired{
		Flows:  make([]DesiredFlow, 0, t.desired),
		Groups: make(map[uint32]string, len(t.groups.byContent)),
		Meters: make(map[uint32]DesiredMeter, len(t.meters.byName)),
		Aside:  t.aside,

		Conjunctions: t.conjunctions(),
	}
	for e := range t.index.all() {
		w := t.winner(e)
		if w == nil {
			continue
		}
		f := *w
		f.Symbols = ""
		switch {
		case w.Kind == openflow.FlowConjunction:
			f.Cookie, f.Actions = 0, t.mergeClauses(e)
		case w.Symbols != "":
			f.Actions, _ = t.actions(w)
		}
		d.Flows = append(d.Flows, DesiredFlow{Flow: f, Owners: owners(w, t.claims(e)), Refused: e.refused})
	}
	for _, g := range t.groups.byContent {
		if g.refs > 0 && g.refused == nil {
			d.Groups[g.id] = g.told
		}
	}
	for name, m := range maps.All(t.meters.byName) {
		if m.refs == 0 {
			continue
		}
		spec, err := t.meters.spec(name)
		d.Meters[m.id] = DesiredMeter{Name: name, Spec: spec, Undefined: err != nil}
	}
	return d
}

func owners(winner *openflow.Flow, claims []*openflow.Flow) [][16]byte {
	out := [][16]byte{winner.Owner}
	for _, c := range claims {
		known := false
		for _, o := range out {
			known = known || o == c.Owner
		}
		if !known {
			out = append(out, c.Owner)
		}
	}
	return out
}

// Number gives the symbols of flows the numbers they would get on a switch that
// holds nothing.
func Number(flows []*openflow.Flow) *Desired {
	t := newTable()
	for _, f := range flows {
		t.add(f)
	}
	t.number()
	return t.wanted()
}
