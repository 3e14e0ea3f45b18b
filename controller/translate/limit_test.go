package translate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/lflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// limitWorld is a local switch with one logical flow and the address set "as".
type limitWorld struct {
	*system
	w *world
}

func newLimitWorld(match string) *limitWorld {
	l := &limitWorld{system: newSystem(Options{Workers: 1}), w: newWorld()}
	dp := id('d', 0)
	l.w.dps[0] = &sbdb.DatapathBinding{UUID: dp, TunnelKey: 1, ExternalIDs: ovsdb.NewMap("logical-switch", "x")}
	l.w.localDPs[0] = true
	l.w.flows[0] = &sbdb.LogicalFlow{UUID: id('f', 0), LogicalDatapath: dp, Pipeline: "ingress", TableID: 1, Priority: 10,
		Match: match, Actions: "next;"}
	return l
}

// run gives the set n members and the limit a value, and returns how many flows the
// logical flow has then and what is said about it.
func (l *limitWorld) run(t *testing.T, n, limit int) (flows, built int, err *FlowLimitError) {
	t.Helper()
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
	}
	slices.Sort(list)
	l.w.addresses[0] = &sbdb.AddressSet{UUID: id('a', 0), Name: "as", Addresses: list}
	l.w.maxFlows = limit
	l.follow(l.w)
	r := l.t.Run()
	for _, f := range r.Removed {
		l.present[*f]--
	}
	for _, f := range r.Added {
		l.present[*f]++
	}
	for f, k := range l.present {
		if f.Owner == id('f', 0) {
			flows += k
		}
	}
	for _, e := range r.Errors {
		if e.UUID != id('f', 0) || e.Table != "Logical_Flow" || !errors.As(e.Err, &err) {
			t.Errorf("error %v", e)
		}
	}
	return flows, r.Built, err
}

// TestFlowLimitOfSets: members count, exactly, and what is over the limit comes
// back when it no longer is.
func TestFlowLimitOfSets(t *testing.T) {
	l := newLimitWorld("ip4.src == $as")
	for _, c := range []struct {
		members, limit, flows int
		over                  bool
	}{
		{100, 100, 100, false}, {101, 100, 0, true}, {102, 100, 0, true}, {100, 100, 100, false},
		{99, 100, 99, false}, {99, 98, 0, true}, {99, 0, 99, false}, {2, 1, 0, true}, {1, 1, 1, false},
	} {
		flows, _, err := l.run(t, c.members, c.limit)
		if flows != c.flows || (err != nil) != c.over {
			t.Errorf("%d members, limit %d: %d flows, want %d; error %v", c.members, c.limit, flows, c.flows, err)
		}
		if err != nil && (err.Count != c.members || err.Limit != c.limit || !err.Refused || !strings.Contains(err.Error(), `"ip4.src == $as"`)) {
			t.Errorf("%d members: %v", c.members, err)
		}
	}
}

// TestFlowLimitCost: far from the limit a member more does not have the flow placed
// again.
func TestFlowLimitCost(t *testing.T) {
	l := newLimitWorld("ip4.src == $as")
	l.run(t, 1000, 5000)
	if flows, built, _ := l.run(t, 1001, 5000); flows != 1001 || built != 0 {
		t.Errorf("%d flows, %d units built", flows, built)
	}
}

// TestFlowLimitDefault: without a limit of its own a chassis installs a large set,
// and says so.
func TestFlowLimitDefault(t *testing.T) {
	l := newLimitWorld("ip4.src == $as")
	flows, _, err := l.run(t, lflow.DefaultMaxFlows+1, 0)
	if flows != lflow.DefaultMaxFlows+1 || err == nil || err.Refused || err.Count != flows {
		t.Errorf("%d flows, error %v", flows, err)
	}
}

// TestFlowLimitOfProducts: of a product only that it is too large is known.
func TestFlowLimitOfProducts(t *testing.T) {
	const match = "ip4.src == {10.0.0.1, 10.0.0.2, 10.0.0.3} && tcp.dst != {1, 2, 3, 4, 5}"
	l := newLimitWorld(match)
	if flows, _, err := l.run(t, 2, 4); flows != 0 || err == nil || !err.Refused || err.Limit != 4 || err.Match != match {
		t.Errorf("%d flows, error %v", flows, err)
	}
	if flows, _, err := l.run(t, 2, 0); flows == 0 || err != nil {
		t.Errorf("%d flows, error %v", flows, err)
	}
}
