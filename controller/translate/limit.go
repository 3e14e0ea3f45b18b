package translate

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/ovn-chassis/ovn-chassis/engine"
	"github.com/ovn-chassis/ovn-chassis/lflow"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// FlowLimitError says that a logical flow takes more flows on a datapath than the
// limit.
type FlowLimitError struct {
	Match string
	// Count is how many flows it would take; 0 if counting was given up beyond
	// the limit.
	Count, Limit int
	// Refused: it yields no flow. Otherwise it was only counted: its sets are so
	// large, and no limit is configured.
	Refused bool
}

func (e *FlowLimitError) Error() string {
	const most = 200
	match := e.Match
	if len(match) > most {
		match = match[:most] + "…"
	}
	count := fmt.Sprint(e.Count)
	if e.Count == 0 {
		count = fmt.Sprintf("more than %d", e.Limit)
	}
	fate := "installed nevertheless, for its sets are so large"
	if e.Refused {
		fate = "it is left out"
	}
	return fmt.Sprintf("match %q takes %s flows on one datapath, the limit is %d: %s", match, count, e.Limit, fate)
}

// SetMaxFlows limits the flows that one logical flow may yield on one datapath, sets
// counted by their members; 0 is the default, lflow.DefaultMaxFlows, beyond which a
// product of several lists is left out and a flow with large sets is only reported.
func (t *Translator) SetMaxFlows(n int) {
	if n != t.maxFlows {
		t.maxFlows = n
		t.Recompute()
	}
}

func (t *Translator) compiler() lflow.Compiler { return lflow.Compiler{MaxFlows: t.maxFlows} }

// sizeClass is the number of binary digits of a set's size: it changes seldom.
func sizeClass(size int) int { return bits.Len(uint(size)) }

func classInput(k lflow.SetKey) engine.Input { return setInput(kindSetClass, k) }
func sizeInput(k lflow.SetKey) engine.Input  { return setInput(kindSetSize, k) }

// checkLimit counts the flows of what a logical flow was placed to. How large a set
// is to the last member is read only where it decides, so that a member more does
// not have every flow with the set placed again.
func (t *Translator) checkLimit(r *sbdb.LogicalFlow, v *view, out *lflow.Output) error {
	if len(out.Rows) == 0 {
		return nil
	}
	limit := t.maxFlows
	if limit <= 0 {
		limit = lflow.DefaultMaxFlows
	}
	most := len(out.Flows)
	for i := range out.Rows {
		k := out.Rows[i].Set
		v.r.Read(classInput(k))
		most += 1<<sizeClass(len(t.index(k).members)) - 1
	}
	if most <= limit {
		return nil
	}
	count := len(out.Flows)
	for i := range out.Rows {
		k := out.Rows[i].Set
		v.r.Read(sizeInput(k))
		count += len(t.index(k).members)
	}
	if count <= limit {
		return nil
	}
	return &FlowLimitError{Match: r.Match, Count: count, Limit: limit, Refused: t.maxFlows > 0}
}

// nameLimit puts the match into the error of a compilation that was given up.
func nameLimit(r *sbdb.LogicalFlow, err error) error {
	var many *lflow.TooManyFlowsError
	if errors.As(err, &many) {
		return &FlowLimitError{Match: r.Match, Limit: many.Limit, Refused: true}
	}
	return err
}
