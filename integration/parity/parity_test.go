package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/compare"
	"github.com/ovn-chassis/ovn-chassis/integration/topology"
)

func TestMain(m *testing.M) { integration.Main(m) }

// TestReference shows that the reference agent equals itself and that whatever is
// spoilt on one side is reported.
func TestReference(t *testing.T) {
	topologies, err := loadTopologies("topologies", regexp.MustCompile("^(acl|loadbalancer)$"))
	if err != nil {
		t.Fatal(err)
	}
	for _, topo := range topologies {
		t.Run(topo.Name, func(t *testing.T) {
			t.Parallel()
			snapshot := makeSnapshot(t, topo)
			reference := observe(t, topo, snapshot, integration.Reference, nil, nil)
			again := observe(t, topo, snapshot, integration.Reference, nil, nil)
			if r := compare.Compare(reference, again); !r.Equal() {
				t.Errorf("the reference differs from itself:\n%s", r.Report(10))
			}
			if topo.Name == "acl" {
				spoil(t, topo, snapshot, reference, "a flow's actions", func(ch *integration.Chassis) {
					ch.OFCtl("mod-flows", "br-int", "table=8,actions=drop")
				}, func(r *compare.Result) bool { return len(r.Differ) > 0 })
				spoil(t, topo, snapshot, reference, "a flow more", func(ch *integration.Chassis) {
					ch.OFCtl("add-flow", "br-int", "table=46,priority=7,reg15=0x7 actions=drop")
				}, func(r *compare.Result) bool { return len(r.OnlyOurs) == 1 && len(r.OnlyTheirs) == 0 })
				spoil(t, topo, snapshot, reference, "table 0 emptied", func(ch *integration.Chassis) {
					ch.OFCtl("del-flows", "br-int", "table=0")
				}, func(r *compare.Result) bool { return len(r.OnlyTheirs) > 0 && len(r.OnlyOurs) == 0 })
			} else {
				spoil(t, topo, snapshot, reference, "a group's bucket", func(ch *integration.Chassis) {
					id, _, _ := strings.Cut(ch.DumpGroups()[0], ",")
					ch.OFCtl("mod-group", "br-int", id+",type=select,selection_method=dp_hash,bucket=actions=drop")
				}, func(r *compare.Result) bool { return len(r.OnlyOurs) > 0 && len(r.OnlyTheirs) > 0 || len(r.Differ) > 0 })
			}
		})
	}
}

func spoil(t *testing.T, topo *topology.Topology, snapshot string, reference *compare.Observation, what string,
	tamper func(*integration.Chassis), noticed func(*compare.Result) bool) {
	t.Helper()
	if r := compare.Compare(reference, observe(t, topo, snapshot, integration.Reference, nil, tamper)); !noticed(r) {
		t.Errorf("%s is not noticed: %d same, %d only ours, %d only theirs, %d differ\n%s", what, r.Same, len(r.OnlyOurs), len(r.OnlyTheirs), len(r.Differ), r.Report(3))
	}
}

// TestParity compares our agent with the reference on every topology, at the start
// and after each of its changes: what make parity does. With the race detector,
// which makes the agent some ten times slower, it takes one topology of four.
func TestParity(t *testing.T) {
	topologies, err := loadTopologies("topologies", regexp.MustCompile(""))
	if err != nil {
		t.Fatal(err)
	}
	if len(topologies) < 40 {
		t.Fatalf("only %d topologies", len(topologies))
	}
	for i, topo := range topologies {
		if integration.Race && i%4 != 0 {
			continue
		}
		t.Run(topo.Name, func(t *testing.T) {
			t.Parallel()
			if !topo.Alive() {
				if r := observeBoth(t, topo, integration.Ours); !r.Equal() {
					t.Errorf("%d same\n%s", r.Same, r.Report(5))
				}
				return
			}
			live(t, topo, integration.Ours, func(step string, r *compare.Result) {
				if !r.Equal() {
					t.Errorf("%s: %d same\n%s", step, r.Same, r.Report(5))
				}
			})
		})
	}
}

// TestFlowCounts: for no match may our agent need more flows than the reference.
func TestFlowCounts(t *testing.T) {
	t.Parallel()
	topologies, err := loadTopologies("topologies", regexp.MustCompile("^matches$"))
	if err != nil {
		t.Fatal(err)
	}
	topo := topologies[0]
	if len(topo.LogicalFlows) < 30 {
		t.Fatalf("only %d matches", len(topo.LogicalFlows))
	}
	snapshot := makeSnapshot(t, topo)
	theirs, ours := observe(t, topo, snapshot, integration.Reference, nil, nil), observe(t, topo, snapshot, integration.Default, nil, nil)
	byTheirs, byOurs := countByMatch(theirs), countByMatch(ours)
	sumOurs, sumTheirs := 0, 0
	for i, match := range topo.LogicalFlows {
		o, r := byOurs[1000+i], byTheirs[1000+i]
		sumOurs, sumTheirs = sumOurs+o, sumTheirs+r
		if o > r || o == 0 && r > 0 {
			t.Errorf("%d flows, the reference has %d: %s", o, r, match)
		}
	}
	t.Logf("%d matches: %d flows, the reference has %d", len(topo.LogicalFlows), sumOurs, sumTheirs)
	if sumTheirs == 0 {
		t.Error("the reference has no flows")
	}
}

// countByMatch counts flows by the priority that addLogicalFlows gives each match.
func countByMatch(o *compare.Observation) map[int]int {
	count := map[int]int{}
	for _, line := range o.Flows {
		// Logical ingress table 7 is OpenFlow table 15.
		var priority int
		if _, rest, ok := strings.Cut(line, " table=15, priority="); ok {
			if _, err := fmt.Sscanf(rest, "%d", &priority); err == nil {
				count[priority]++
			}
		}
	}
	return count
}
