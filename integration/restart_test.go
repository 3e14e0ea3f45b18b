package integration_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// busy sets up a network with a bit of everything that leaves state in the
// switch: routed, ACLs with conjunctions, groups of load balancers.
func busy(c *integration.Cluster, hv1, hv2 *integration.Chassis) (g1, g2 *integration.Guest) {
	c.NB(routed + port(0, 1) + port(1, 2) + `
pg-add all p1 p2
create Address_Set name=src addresses="10.0.0.1,10.0.0.9"
create Address_Set name=dst addresses="10.0.1.2,10.0.1.8"
acl-add all from-lport 1000 'inport == @all && ip4.src == $src && ip4.dst == $dst' allow-related
acl-add all from-lport 900 'inport == @all && tcp.dst == 99' drop
lb-add lb4 172.20.0.1:80 10.0.0.1:8080,10.0.1.2:8080 tcp
ls-lb-add sw0 lb4
ls-lb-add sw1 lb4
`)
	g1, g2 = hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(1, 2))
	c.WaitUp("p1", "p2")
	c.WaitHV()
	reach(g1, g2)
	return g1, g2
}

// TestKilledAndRestarted: after kill -9 and a start with nothing changed the
// switch has not seen a single change: no event of a flow monitor, every flow and
// group older than the agent, connections known as before, in the default zone, too,
// which a gateway router shares with the host.
func TestKilledAndRestarted(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	g1, g2 := busy(c, hv1, hv2)
	c.NB(`
lr-add gw0
set Logical_Router gw0 options:chassis=hv1 options:snat-ct-zone=0
lrp-add gw0 gw0-sw0 00:00:00:00:ff:09 10.0.0.250/24
lsp-add sw0 sw0-gw0
lsp-set-type sw0-gw0 router
lsp-set-addresses sw0-gw0 router
lsp-set-options sw0-gw0 router-port=gw0-sw0
`)
	c.WaitHV()
	if zone := hv1.VSCtl("get", "Bridge", "br-int", "external_ids:ct-zone-gw0_snat"); strings.Trim(zone, "\"\n") != "0" {
		t.Fatalf("zone of gw0 is %s", zone)
	}
	// UDP from 192.0.2.1 to 192.0.2.2, ports 1 and 9.
	hv1.OFCtl("packet-out", "br-int", "in_port=local,packet=0200000000020200000000010800"+
		"4500001c000000004011f6cd"+"c0000201c0000202"+"0001000900080000,actions=ct(commit,zone=0)")
	tracked := func() bool {
		return strings.Contains(hv1.AppCtl("dpctl/dump-conntrack", "zone=0"), "src=192.0.2.1,")
	}
	if !tracked() {
		t.Fatalf("no connection in the default zone:\n%s", hv1.AppCtl("dpctl/dump-conntrack"))
	}
	events := hv1.Monitor()
	steady(t, g1, g2, 0, func() {
		hv1.Agent.Kill()
		hv1.StartAgent()
		c.WaitHV()
	})
	// Made and removed again, to see that the monitor reports at all.
	hv1.OFCtl("add-flow", "br-int", "table=250,cookie=0x77777777,actions=drop")
	seen := events.WaitFor("table=250")
	hv1.OFCtl("del-flows", "br-int", "table=250")
	if c.Reference() {
		// It takes all flows out and puts them back, which shows that this test
		// would notice.
		if len(seen) == 0 {
			t.Error("the flow monitor reports nothing")
		}
		return
	}
	for _, line := range seen {
		t.Errorf("seen by the flow monitor: %s", line)
	}
	if !tracked() {
		t.Error("the connections of the default zone were forgotten")
	}
	lifetime := time.Since(hv1.Agent.Started)
	for _, dump := range []string{"dump-flows", "dump-groups"} {
		args := []string{dump, "br-int"}
		if dump == "dump-groups" {
			args[0] = "dump-group-stats"
		}
		ages := durations(t, hv1.OFCtl(args...))
		if len(ages) == 0 {
			t.Errorf("%s shows no duration", dump)
		}
		for line, age := range ages {
			if age < lifetime {
				t.Errorf("younger than the agent (%v): %s", lifetime, line)
			}
		}
	}
}

var duration = regexp.MustCompile(`duration=([0-9.]+)s`)

func durations(t *testing.T, dump string) map[string]time.Duration {
	t.Helper()
	m := map[string]time.Duration{}
	for line := range strings.Lines(dump) {
		if d := duration.FindStringSubmatch(line); d != nil {
			s, err := strconv.ParseFloat(d[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			m[line] = time.Duration(s * float64(time.Second))
		}
	}
	return m
}

// TestExit: a clean exit leaves nothing of the chassis in the southbound database, and
// in the local one no tunnels; exit --restart leaves all of it, and packets flow on.
func TestExit(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	g1, g2 := busy(c, hv1, hv2)
	steady(t, g1, g2, 0, func() {
		hv1.Agent.Exit(true)
		if c.SB("--bare", "--columns=_uuid", "find", "Chassis", "name=hv1") == "" {
			t.Error("exit --restart removed the chassis")
		}
		hv1.StartAgent()
		c.WaitHV()
	})
	left := func() map[string]string {
		find := func(table, column, where string) string {
			return c.SB("--bare", "--columns="+column, "find", table, where)
		}
		return map[string]string{
			"chassis":     find("Chassis", "_uuid", "name=hv1"),
			"private row": find("Chassis_Private", "_uuid", "name=hv1"),
			"encap":       find("Encap", "_uuid", "chassis_name=hv1"),
			"p1 bound to": find("Port_Binding", "chassis", "logical_port=p1"),
			"tunnel":      hv1.VSCtl("--bare", "--columns=name", "find", "Interface", "type=geneve"),
			"index":       hv1.VSCtl("--if-exists", "get", "Open_vSwitch", ".", "other_config:ovn-chassis-idx-hv1"),
		}
	}
	for what, row := range left() {
		if row == "" {
			t.Errorf("no %s before the exit", what)
		}
	}
	hv1.Agent.Exit(false)
	for what, row := range left() {
		if row != "" {
			t.Errorf("exit left: %s %s", what, row)
		}
	}
	hv1.StartAgent()
	c.WaitUp("p1")
	c.WaitHV()
	reach(g1, g2)
}

// TestSwitchRestarted: ovs-vswitchd loses all flows when it is killed; the agent
// gives them back.
func TestSwitchRestarted(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	g1, g2 := busy(c, hv1, hv2)
	before := hv1.DumpFlows()
	hv1.KillSwitch()
	hv1.StartSwitch()
	hv1.RestoreUnderlay()
	integration.WaitFor(t, 20*time.Second, "flows again", func() error {
		out, err := hv1.Output("ovs-ofctl", "-O", "OpenFlow15", "dump-flows", "br-int")
		if n := strings.Count(out, " actions="); err == nil && n != len(before) {
			return fmt.Errorf("%d flows, %d before", n, len(before))
		}
		return err
	})
	reach(g1, g2)
}

// TestBridgeDeleted: br-int is deleted under the agent, which makes it again.
func TestBridgeDeleted(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	g1, g2 := busy(c, hv1, hv2)
	hv1.VSCtl("del-br", "br-int")
	integration.WaitFor(t, 20*time.Second, "br-int again", func() error {
		_, err := hv1.Output("ovs-vsctl", "br-exists", "br-int")
		return err
	})
	if mode := hv1.VSCtl("get", "Bridge", "br-int", "fail_mode"); mode != "secure" {
		t.Errorf("fail mode of the new br-int: %s", mode)
	}
	g1.Attach()
	c.WaitUp("p1")
	reach(g1, g2)
}

// TestBridgeMissing: an agent that finds no br-int makes it.
func TestBridgeMissing(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{})
	hv1 := c.AddBareChassis("hv1")
	hv1.VSCtl("del-br", "br-int")
	hv1.StartAgent()
	integration.WaitFor(t, 20*time.Second, "br-int", func() error {
		_, err := hv1.Output("ovs-vsctl", "br-exists", "br-int")
		return err
	})
	c.WaitHV()
	if got := hv1.VSCtl("get", "Bridge", "br-int", "fail_mode"); got != "secure" {
		t.Errorf("fail mode: %s", got)
	}
	if got := hv1.VSCtl("get", "Bridge", "br-int", "datapath_type"); got != "netdev" {
		t.Errorf("datapath type: %s", got)
	}
}
