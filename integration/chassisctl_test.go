package integration_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestChassisctl uses every command against a running chassis.
func TestChassisctl(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{})
	if c.Reference() {
		return // it knows none of what is asked
	}
	hv1, hv2 := c.AddChassis("hv1"), c.AddChassis("hv2")
	g1, g2 := busy(c, hv1, hv2)
	reach(g1, g2)
	c.WaitHV()
	run := func(args ...string) string {
		t.Helper()
		out, err := hv1.Chassisctl(args...)
		if err != nil {
			t.Errorf("chassisctl %q: %v\n%s", args, err, out)
		}
		return out
	}
	says := func(out string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !regexp.MustCompile(w).MatchString(out) {
				t.Errorf("no %q in\n%s", w, out)
			}
		}
	}
	says(run("verify"), `^chassis hv1: the switch is as it should be: \d{3,} flows`)
	says(run("diff"), `^chassis hv1: the switch is as it should be: \d{3,} flows`)
	says(run("status"), `chassis +hv1`, `southbound +tcp:172\.30\.0\.1:6642 +connected, complete`, `switch +unix:.* connected, OpenFlow`,
		`p1 +v1-g1 +up`, `sw0`, `geneve +172\.31\.0\.12 +hv2`, `\d+ +p1\n`, `\d+ flows, \d+ groups +in `, `translations +\d+`)

	// Flows, groups and meters in the words of ovs-ofctl.
	wanted := map[string]bool{}
	for _, line := range strings.Split(run("verify", "--dump"), "\n") {
		wanted[line] = true
	}
	var acl, clause string
	for _, line := range append(integration.WithoutLearned(hv1.DumpFlows()), hv1.DumpGroups()...) {
		if !wanted[line] {
			t.Errorf("not in the dump: %s", line)
		}
		if strings.Contains(line, "tp_dst=99") {
			acl = line
		}
		if strings.Contains(line, "actions=conjunction(") {
			clause = line
		}
	}
	cookie := regexp.MustCompile(`cookie=(0x[0-9a-f]+)`).FindStringSubmatch(acl)[1]
	for _, what := range []string{cookie, strings.TrimPrefix(cookie, "0x"), acl} {
		says(run("explain", what), `Logical_Flow [0-9a-f-]{36}`, `stage +ls_in_acl_eval \(ingress table \d+, OpenFlow table \d+\)`,
			`datapath +sw0 \(key \d+\), logical-switch [0-9a-f-]{36}`, `tcp\.dst == 99`, `northbound +row whose UUID begins with [0-9a-f]{8}`,
			`made by +northd\.c:\d+`)
	}
	// It carries no cookie: only the agent knows the rows.
	says(run("explain", clause), `ip4\.src == \$src && ip4\.dst == \$dst`)
	says(run("compile", "--datapath=sw0", "--table=9", "--match=inport == @all && ip4.src == $src", "--actions=drop;"),
		`table=17, priority=100,.*nw_src=10\.0\.0\.9.*metadata=0x|metadata=0x.*nw_src=10\.0\.0\.9`)

	for _, bad := range [][]string{
		{"explain", "0xffffffff"}, {"explain", "nonsense"}, {"explain", "table=3,priority=3,actions=drop"},
		{"compile", "--datapath=nowhere", "--match=ip4"}, {"compile", "--match=ip4 =="}, {"--ctl=/nowhere", "status"},
	} {
		if out, err := hv1.Chassisctl(bad...); err == nil || !strings.Contains(err.Error(), "exit status 2") {
			t.Errorf("chassisctl %q: error %v\n%s", bad, err, out)
		}
	}
}

// TestChassisctlFinds: what is not as it should be is told apart by who is to blame.
func TestChassisctlFinds(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{})
	if c.Reference() {
		return
	}
	hv1, hv2 := c.AddChassis("hv1"), c.AddChassis("hv2")
	busy(c, hv1, hv2)
	c.WaitHV()
	if _, err := hv1.Agent.Ctl("debug/pause"); err != nil {
		t.Fatal(err)
	}
	// The databases go on, the agent does not: it wants what is there, and not what
	// should be.
	c.NB("acl-add all from-lport 800 'inport == @all && udp.dst == 7' drop")
	c.Sync()
	if out, err := hv1.Chassisctl("diff"); err != nil {
		t.Errorf("diff: %v\n%s", err, out)
	}
	out, err := hv1.Chassisctl("verify", "--wait=0s")
	if err == nil || !strings.Contains(err.Error(), "exit status 1") || !strings.Contains(out, "missing flow") || !strings.Contains(out, "udp.dst == 7") {
		t.Errorf("verify: %v\n%s", err, out)
	}
	if _, err := hv1.Agent.Ctl("debug/resume"); err != nil {
		t.Fatal(err)
	}
	c.WaitHV()
	if out, err := hv1.Chassisctl("verify"); err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
}
