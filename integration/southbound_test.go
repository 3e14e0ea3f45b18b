package integration_test

import (
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestSouthboundLost: without the southbound database packets flow on; when it
// comes back, so do changes.
func TestSouthboundLost(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	g1, g2 := busy(c, hv1, hv2)
	before := hv1.DumpFlows()
	steady(t, g1, g2, 0, func() {
		c.StopSouthbound()
		reach(g1, g2)
		if after := hv1.DumpFlows(); len(after) != len(before) {
			t.Errorf("%d flows without the database, %d before", len(after), len(before))
		}
		c.StartSouthbound()
		c.WaitHV()
	})
	c.NB(port(0, 3))
	g3 := hv2.AddGuest(guest(0, 3))
	c.WaitUp("p3")
	c.WaitHV()
	reach(g3, g1)
}

// TestStartedWithoutSouthbound: an agent restarted while the database is away
// leaves the switch as it is until it knows better.
func TestStartedWithoutSouthbound(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	g1, g2 := busy(c, hv1, hv2)
	c.StopSouthbound()
	hv1.Agent.Kill()
	steady(t, g1, g2, 0, func() {
		hv1.StartAgent()
		reach(g1, g2)
	})
	c.StartSouthbound()
	c.WaitHV()
	reach(g1, g2)
}

// TestMalformedRows: rows that make no sense are named in the log and skipped;
// everything else stays and goes on.
func TestMalformedRows(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	g1, g2 := busy(c, hv1, hv2)
	// northd would remove what it did not make.
	c.StopNorthd()
	datapath := strings.Fields(c.SB("--bare", "--columns=_uuid", "find", "Datapath_Binding"))[0]
	bad := []struct{ match, actions string }{
		{"ip4.src == ", "drop;"},
		{"ip4.src == $nosuchset", "next;"},
		{`inport == "nosuchport" && ((ip4`, "next;"},
		{"ip4.nosuchfield == 1", "next;"},
		{"tcp.dst == 99999999", "next;"},
		{"1", "nosuchaction(reg0 = 1);"},
		{"1", "next(pipeline=ingress, table=999);"},
		{"1", "reg0 = ;"},
		{"1", "ct_lb_mark(backends=nonsense);"},
		{strings.Repeat("(", 5000), "next;"},
		{"\x01\x02", "next;"},
	}
	var rows []string
	steady(t, g1, g2, 0, func() {
		for _, b := range bad {
			row := c.SB("create", "Logical_Flow", "logical_datapath="+datapath, "pipeline=ingress",
				"table_id=5", "priority=1", "match="+quoted(b.match), "actions="+quoted(b.actions))
			rows = append(rows, row)
		}
		for _, script := range []string{
			"create Port_Binding logical_port=odd tunnel_key=777 type=nosuchtype datapath=" + datapath,
			"create Port_Binding logical_port=halfpatch tunnel_key=778 type=patch datapath=" + datapath,
			"create Port_Binding logical_port=badmac tunnel_key=779 mac=nonsense datapath=" + datapath,
			`create MAC_Binding logical_port=nosuchport ip=nonsense mac=alsononsense datapath=` + datapath,
			`create Multicast_Group name=empty tunnel_key=40000 datapath=` + datapath,
			`create Address_Set name=nonsense addresses="not-an-address,10.0.0.300"`,
			`create Static_MAC_Binding logical_port=p1 ip=x mac=y override_dynamic_mac=true datapath=` + datapath,
		} {
			if out, err := c.Output("ovn-sbctl", strings.Fields(strings.ReplaceAll(script, `"`, ""))...); err != nil {
				t.Logf("%s: %v %s", script, err, out)
			}
		}
		for _, ch := range c.Chassis {
			if err := c.WaitSettled(ch, settleTimeout); err != nil {
				t.Errorf("%s does not settle: %v", ch.Name, err)
			}
		}
	})
	for i, row := range rows {
		logged(t, c, hv1, row)
		if t.Failed() {
			t.Fatalf("not named: %q %q", bad[i].match, bad[i].actions)
		}
	}
	// Life goes on.
	c.StartNorthd()
	c.NB(port(0, 3))
	g3 := hv1.AddGuest(guest(0, 3))
	c.WaitUp("p3")
	c.WaitHV()
	reach(g3, g2)
}

// quoted is a string of OVSDB's syntax.
func quoted(s string) string {
	r := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\x01", `\u0001`, "\x02", `\u0002`)
	return `"` + r.Replace(s) + `"`
}
