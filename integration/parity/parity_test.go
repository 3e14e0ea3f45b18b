package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/compare"
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
			reference := observe(t, topo, snapshot, integration.Reference, nil)
			again := observe(t, topo, snapshot, integration.Reference, nil)
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

func spoil(t *testing.T, topo *Topology, snapshot string, reference *compare.Observation, what string,
	tamper func(*integration.Chassis), noticed func(*compare.Result) bool) {
	t.Helper()
	if r := compare.Compare(reference, observe(t, topo, snapshot, integration.Reference, tamper)); !noticed(r) {
		t.Errorf("%s is not noticed: %d same, %d only ours, %d only theirs, %d differ\n%s", what, r.Same, len(r.OnlyOurs), len(r.OnlyTheirs), len(r.Differ), r.Report(3))
	}
}
