package integration_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestFromScratchNotices: the check at the end of every test is able to fail. A flow
// is deleted, one is added, a bucket of a group changed, each behind the agent's back.
func TestFromScratchNotices(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{})
	if c.Reference() {
		return
	}
	hv1, hv2 := c.AddChassis("hv1"), c.AddChassis("hv2")
	g1, g2 := busy(c, hv1, hv2)
	reach(g1, g2)
	c.WaitHV()
	scratch := func() string {
		t.Helper()
		report, err := hv1.FromScratch()
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if report := scratch(); report != "" {
		t.Fatalf("before anything is changed:\n%s", report)
	}
	// The agent must not repair what this test breaks.
	if err := hv1.Agent.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	flows, groups := hv1.DumpFlows(), hv1.DumpGroups()
	var acl string
	for _, line := range flows {
		if strings.Contains(line, "tp_dst=99") {
			acl = line
		}
	}
	match, _, _ := strings.Cut(strings.Join(strings.Split(acl, ", ")[1:], ","), " actions=")
	group := groups[0]
	id, _, _ := strings.Cut(group, ",")
	for _, broken := range []struct {
		what        string
		do, restore []string
		reported    []string
	}{
		{"a flow deleted", []string{"--strict", "del-flows", "br-int", match}, []string{"add-flow", "br-int", acl},
			[]string{"only from scratch", "missing flow", "tp_dst=99", "tcp.dst == 99"}},
		{"a flow added", []string{"add-flow", "br-int", "table=250,priority=3,actions=drop"},
			[]string{"--strict", "del-flows", "br-int", "table=250,priority=3"}, []string{"only on the switch", "extra flow", "table=250"}},
		{"a flow changed", []string{"--strict", "mod-flows", "br-int", match + ",actions=drop"}, []string{"add-flow", "br-int", acl},
			[]string{"only on the switch", "differs flow", "tcp.dst == 99"}},
		{"a group emptied", []string{"mod-group", "br-int", id + ",type=select,selection_method=dp_hash"},
			[]string{"mod-group", "br-int", group}, []string{"missing group", "extra group", id}},
	} {
		hv1.OFCtl(broken.do...)
		report := scratch()
		for _, want := range broken.reported {
			if !strings.Contains(report, want) {
				t.Errorf("%s: no %q in the report:\n%s", broken.what, want, report)
			}
		}
		hv1.OFCtl(broken.restore...)
		if report := scratch(); report != "" {
			t.Errorf("%s, and restored:\n%s", broken.what, report)
		}
	}
	if err := hv1.Agent.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}
