package integration_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// same compares two dumps line by line.
func same(want, now string) error {
	if now == want {
		return nil
	}
	lines := func(s string) map[string]bool {
		m := map[string]bool{}
		for line := range strings.Lines(s) {
			m[line] = true
		}
		return m
	}
	was, is := lines(want), lines(now)
	var b strings.Builder
	for line := range was {
		if !is[line] {
			b.WriteString("\n- " + line)
		}
	}
	for line := range is {
		if !was[line] {
			b.WriteString("\n+ " + line)
		}
	}
	return fmt.Errorf("the switch differs:%s", b.String())
}

// TestDriftRepaired: what others do to br-int is undone within 2 s, and repairs
// lose no packet of those that the damage did not concern.
func TestDriftRepaired(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	if c.Reference() {
		t.Log("the C agent repairs nothing")
		return
	}
	g1, g2 := busy(c, hv1, hv2)
	whole := func() string {
		return strings.Join(hv1.DumpFlows(), "\n") + hv1.OFCtl("dump-groups", "br-int") + hv1.OFCtl("dump-meters", "br-int")
	}
	// Nothing else is under way.
	want := whole()
	integration.WaitFor(t, 10*time.Second, "quiet", func() error {
		now := whole()
		defer func() { want = now }()
		if now != want {
			return fmt.Errorf("flows still change")
		}
		return nil
	})
	repaired := func(what string, damage func()) {
		t.Helper()
		begin := time.Now()
		damage()
		integration.WaitFor(t, 10*time.Second, what+" repaired", func() error {
			return same(want, whole())
		})
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("%s: repaired after %v", what, took)
		}
	}
	steady(t, g1, g2, 0, func() {
		for round := range 5 {
			// These match nothing that is sent meanwhile.
			repaired("an ACL's clauses", func() { hv1.OFCtl("del-flows", "br-int", "tcp,nw_dst=172.20.0.1") })
			repaired("a flow added", func() {
				hv1.OFCtl("add-flow", "br-int", fmt.Sprintf("table=8,priority=1,cookie=0x%x,reg0=0x77,actions=drop", 0x7000+round))
			})
			repaired("groups", func() { hv1.OFCtl("del-groups", "br-int") })
			repaired("a group added", func() { hv1.OFCtl("add-group", "br-int", "group_id=77,type=all,bucket=actions=drop") })
			repaired("a meter added", func() { hv1.OFCtl("add-meter", "br-int", "meter=77,kbps,band=type=drop,rate=5") })
			repaired("replies of the gateway", func() { hv1.OFCtl("del-flows", "br-int", "icmp,icmp_type=8,nw_dst=10.0.0.254") })
		}
	})
	repaired("everything", func() { hv1.OFCtl("del-flows", "br-int") })
	reach(g1, g2)
	text, err := os.ReadFile(hv1.Agent.Log)
	if err != nil {
		t.Fatal(err)
	}
	log := string(text)
	for _, part := range []string{"drift: flow missing", "logical flow", "drift: flow foreign", "drift: group missing", "drift: meter foreign"} {
		if !strings.Contains(log, part) {
			t.Errorf("no %q in the log", part)
		}
	}
	// Set aside, a flow stays where another goes.
	hv1.VSCtl("set", "Open_vSwitch", ".", `external_ids:ovn-chassis-set-aside="table=20,cookie=0x7700/0xff00"`)
	flow := func(cookie string) string {
		return "table=8,priority=1,reg0=0x" + cookie + ",cookie=0x" + cookie + ",actions=drop"
	}
	integration.WaitFor(t, 10*time.Second, "a flow set aside", func() error {
		hv1.OFCtl("add-flow", "br-int", flow("7701"))
		hv1.OFCtl("add-flow", "br-int", flow("6601"))
		integration.WaitFor(t, 5*time.Second, "the other to go", func() error {
			if strings.Contains(hv1.OFCtl("dump-flows", "br-int"), "cookie=0x6601") {
				return fmt.Errorf("still there")
			}
			return nil
		})
		if !strings.Contains(hv1.OFCtl("dump-flows", "br-int"), "cookie=0x7701") {
			return fmt.Errorf("removed")
		}
		return nil
	})
	hv1.OFCtl("del-flows", "br-int", "cookie=0x7701/-1")
}
