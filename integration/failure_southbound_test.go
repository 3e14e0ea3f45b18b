package integration_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/ovsdb/ovsdbtest"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// took logs how long something took: the figures of docs/failure.md.
func took(t *testing.T, what string, begin time.Time) {
	t.Helper()
	t.Logf("measured: %s after %v", what, time.Since(begin).Round(10*time.Millisecond))
}

// blockAndAllow has the NB database block what g1 sends to g2's port and allow it
// again, and waits for both to be carried out.
func installed(t *testing.T, ch *integration.Chassis, text string, want bool) {
	t.Helper()
	integration.WaitFor(t, 20*time.Second, text, func() error {
		if got := strings.Contains(strings.Join(ch.DumpFlows(), "\n"), text); got != want {
			return fmt.Errorf("installed: %v", got)
		}
		return nil
	})
}

// acl is the northbound script for an ACL that no packet of the tests meets, and a
// part of its flow.
func acl(n int) (script, flow string) {
	return fmt.Sprintf("acl-add sw0 to-lport %d 'ip4.src == 10.7.7.%d' allow", 1200+n, n), fmt.Sprintf("nw_src=10.7.7.%d", n)
}

// changed makes a change in the northbound database and waits for its flow.
func changed(t *testing.T, c *integration.Cluster, ch *integration.Chassis, n int) {
	t.Helper()
	script, flow := acl(n)
	c.NB(script)
	installed(t, ch, flow, true)
}

// TestSouthboundCluster kills the leader of three southbound servers, then a second
// one, so that no majority is left: no packet is lost, and changes go on as soon as
// the cluster takes them.
func TestSouthboundCluster(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{Members: 3, NoVerify: true})
	hv1, hv2 := c.AddChassis("hv1"), c.AddChassis("hv2")
	g1, g2 := busy(c, hv1, hv2)
	// By hand, as northd takes its time to find a new leader.
	c.StopNorthd()
	change := func(address string) {
		t.Helper()
		c.SB("add", "Address_Set", "src", "addresses", address)
		installed(t, hv1, "nw_src="+address, true)
	}
	steady(t, g1, g2, 0, func() {
		first := c.Leader()
		begin := time.Now()
		first.Kill()
		c.Leader()
		took(t, "leader killed: another one leads", begin)
		begin = time.Now()
		change("10.8.8.1")
		took(t, "another one leads: a change installed", begin)
		second := c.Leader()
		second.Kill()
		logged(t, c, hv1, "it has lost its cluster")
		reach(g1, g2)
		begin = time.Now()
		first.Start()
		c.Leader()
		took(t, "majority again: a leader", begin)
		begin = time.Now()
		change("10.8.8.2")
		took(t, "majority again and a leader: a change installed", begin)
	})
}

// TestSouthboundStale: a server that was set back is refused, until an operator says
// that it is to be believed.
func TestSouthboundStale(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{Members: 1, NoVerify: true})
	if c.Reference() {
		return
	}
	hv1, hv2 := c.AddChassis("hv1"), c.AddChassis("hv2")
	g1, g2 := busy(c, hv1, hv2)
	member := c.Members()[0]
	member.Kill()
	old, err := os.ReadFile(member.File())
	if err != nil {
		t.Fatal(err)
	}
	member.Start()
	changed(t, c, hv1, 1)
	c.WaitHV()
	c.StopNorthd()
	_, flow := acl(1)
	steady(t, g1, g2, 0, func() {
		member.Kill()
		if err := os.WriteFile(member.File(), old, 0o644); err != nil {
			t.Fatal(err)
		}
		member.Start()
		logged(t, c, hv1, "it is behind, at raft index")
		installed(t, hv1, flow, true)
		begin := time.Now()
		for _, ch := range c.Chassis {
			if out, err := ch.Agent.Ctl("sb-cluster-state-reset"); err != nil {
				t.Fatalf("%v %s", err, out)
			}
		}
		installed(t, hv1, flow, false)
		took(t, "sb-cluster-state-reset: its contents installed", begin)
		c.StartNorthd()
		installed(t, hv1, flow, true)
	})
}

// TestSouthboundReplaced: the server comes back with an empty database, which
// northd fills: the chassis registers again, and everything is as before. One agent
// sees the database as it is filled; the other, which is away meanwhile, as a whole.
func TestSouthboundReplaced(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{})
	hv1, hv2 := c.AddChassis("hv1"), c.AddChassis("hv2")
	g1, g2 := busy(c, hv1, hv2)
	before := hv1.DumpFlows()
	l := g1.PingLoop(g2.IP(4), 10*time.Millisecond)
	begin := time.Now()
	if err := hv1.Agent.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	c.ReplaceSouthbound()
	integration.WaitFor(t, 20*time.Second, "northd's part", func() error {
		out, err := c.Output("ovn-sbctl", "--bare", "--columns=name", "list", "Port_Group")
		if err == nil && out == "" {
			err = fmt.Errorf("no port groups")
		}
		return err
	})
	if err := hv1.Agent.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	integration.WaitFor(t, 20*time.Second, "the chassis again", func() error {
		out, err := c.Output("ovn-sbctl", "--bare", "--columns=name", "list", "Chassis")
		if n := len(strings.Fields(out)); err != nil || n != 2 {
			return fmt.Errorf("%d chassis, %v", n, err)
		}
		return nil
	})
	c.WaitHV()
	reach(g1, g2)
	took(t, "another database: the guests reach each other", begin)
	t.Logf("measured: another database: %v", l.Stop())
	integration.WaitFor(t, 10*time.Second, "the flows of before", func() error {
		return sameShape(hv1.DumpFlows(), before)
	})
}

// numbers are what another database gives anew: keys, cookies, groups, tunnel ports.
var numbers = regexp.MustCompile(`0x[0-9a-f]+|group:[0-9]+|(?:output:|in_port=)[0-9]+|conj(?:_id=|unction\()[0-9]+`)

// neighbors are the tables of addresses, which come with what agents hear.
var neighbors = regexp.MustCompile(fmt.Sprintf(`\btable=(%d|%d|%d),`, pipeline.TableMACBinding, pipeline.TableMACLookup, pipeline.TableMACCacheUse))

// sameShape compares flows but for such numbers, those of neighbours left out, and names
// one that is on one side only.
func sameShape(is, was []string) error {
	count := map[string]int{}
	for i, lines := range [][]string{is, was} {
		for _, line := range lines {
			if neighbors.MatchString(line) {
				continue
			}
			count[numbers.ReplaceAllString(line, "N")] += 1 - 2*i
		}
	}
	var only []string
	for line, n := range count {
		if n != 0 {
			only = append(only, fmt.Sprintf("%+d %s", n, line))
		}
	}
	if len(only) == 0 {
		return nil
	}
	slices.Sort(only)
	return fmt.Errorf("%d flows, %d before; %d differ, as does %s", len(is), len(was), len(only), only[0])
}

// TestSouthboundReadOnly: flows follow a database that takes no changes, and what
// could not be written is written when it does again.
func TestSouthboundReadOnly(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{Probe: 5 * time.Second, NoVerify: true})
	hv1, hv2, hv3 := c.AddChassis("hv1"), c.AddChassis("hv2"), c.AddChassis("hv3")
	g1, g2 := busy(c, hv1, hv2)
	// On a chassis of its own: where a port is claimed a busy machine now and then
	// loses a packet or two, for a reason not found.
	g3 := hv3.AddGuest(guest(0, 3))
	steady(t, g1, g2, 0, func() {
		// The server looks at the setting when it makes the listener.
		again := func(how string) {
			c.SB("del-connection")
			c.SB("set-connection", how, "ptcp:6642:0.0.0.0")
		}
		again("read-only")
		c.NB(port(0, 3))
		c.Sync()
		logged(t, c, hv3, "OVNSB database is read-only, writes wait")
		changed(t, c, hv1, 1)
		begin := time.Now()
		again("read-write")
		c.WaitUp("p3")
		took(t, "writable again: the port is up", begin)
		reach(g3, g1)
	})
}

// TestRoleBased runs the agent under the role that northd makes, by TLS with the
// chassis' name in the certificate: nothing is refused. Then a port's row is taken
// out of what the role may change: it is named in the log, and nothing else waits
// for it.
func TestRoleBased(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{Probe: 5 * time.Second, NoVerify: true})
	ca := ovsdbtest.NewAuthorityIn(t, c.Dir(), "ca")
	ca.Issue("server")
	ca.Issue("hv1")
	c.SB("set-ssl", ca.Path("server.key"), ca.Path("server.pem"), ca.Path("ca.pem"))
	c.SB("set-connection", "role=ovn-controller", "pssl:6643:0.0.0.0")
	hv1 := c.AddBareChassis("hv1")
	hv1.VSCtl("set", "Open_vSwitch", ".", "external_ids:ovn-remote=ssl:172.30.0.1:6643")
	hv1.StartAgent("--private-key="+ca.Path("hv1.key"), "--certificate="+ca.Path("hv1.pem"), "--ca-cert="+ca.Path("ca.pem"))
	c.NB("ls-add sw0\n" + port(0, 1) + port(0, 2) + port(0, 3))
	g1 := hv1.AddGuest(guest(0, 1))
	c.WaitUp("p1")
	c.WaitHV()
	if hv1.Agent.Logged("is refused") || hv1.Agent.Logged("transaction failed") {
		t.Errorf("refused with the role that northd makes:\n%s", hv1.Agent.Tail(20))
	}
	if c.Reference() {
		return // one refused row blocks all others
	}

	c.StopNorthd() // it would mend the role
	c.SB("set", "Port_Binding", "p3", "external_ids:owner=hv1")
	c.SB("set", "RBAC_Permission", rowOf(c, "RBAC_Permission", "table=Port_Binding"), `authorization="external_ids:owner"`)
	begin := time.Now()
	hv1.AddGuest(guest(0, 2))
	g3 := hv1.AddGuest(guest(0, 3))
	bound := func(lport string) {
		t.Helper()
		integration.WaitFor(t, 10*time.Second, lport+" bound and up", func() error {
			if c.SB("--bare", "--columns=_uuid", "find", "Port_Binding", "logical_port="+lport, "up=true", "chassis!=[]") == "" {
				return fmt.Errorf("not yet")
			}
			return nil
		})
	}
	bound("p3")
	took(t, "one port refused: the other is up", begin)
	reach(g1, g3)
	logged(t, c, hv1, "update of row "+rowOf(c, "Port_Binding", "logical_port=p2")+" in table Port_Binding is refused", "permission error")
	if rowOf(c, "Port_Binding", "logical_port=p2", "chassis=[]") == "" {
		t.Error("p2 is bound though its row must not be changed")
	}
	begin = time.Now()
	c.SB("set", "Port_Binding", "p2", "external_ids:owner=hv1")
	bound("p2")
	took(t, "the row may be changed: its port is up", begin)
}

// rowOf is the UUID of the row that conditions select.
func rowOf(c *integration.Cluster, table string, conditions ...string) string {
	return c.SB(append([]string{"--bare", "--columns=_uuid", "find", table}, conditions...)...)
}

// TestLongOutage: with the southbound database away, guests come to know nothing of
// it, the agent says so in its log and to those who ask, and comes back by itself.
func TestLongOutage(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{NoVerify: true})
	hv1, hv2 := c.AddBareChassis("hv1"), c.AddChassis("hv2")
	hv1.VSCtl("set", "Open_vSwitch", ".", "external_ids:ovn-remote-probe-interval=500")
	sb := hv1.ProxySouthbound()
	hv1.StartAgent()
	g1, g2 := busy(c, hv1, hv2)
	status := func(want string) {
		t.Helper()
		integration.WaitFor(t, 20*time.Second, "connection-status "+want, func() error {
			if out, err := hv1.Agent.Ctl("connection-status"); err != nil || strings.TrimSpace(out) != want {
				return fmt.Errorf("%v %s", err, out)
			}
			return nil
		})
	}
	steady(t, g1, g2, 0, func() {
		begin := time.Now()
		sb.Set(integration.Faults{Hold: true})
		status("not connected")
		took(t, "a silent server given up", begin)
		logged(t, c, hv1, "no answer to an inactivity probe")
		script, flow := acl(1)
		c.NB(script)
		c.Sync()
		begin = time.Now()
		sb.Set(integration.Faults{})
		installed(t, hv1, flow, true)
		took(t, "the server answers again: the change it had is installed", begin)
		status("connected")
	})
}
