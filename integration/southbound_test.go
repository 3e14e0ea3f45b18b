package integration_test

import (
	"fmt"
	"slices"
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
		if after := hv1.DumpFlows(); !slices.Equal(after, before) {
			t.Errorf("%d flows without the database, %d others before", len(after), len(before))
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
	datapathOf := func(name string) string {
		return c.SB("--bare", "--columns=_uuid", "find", "Datapath_Binding", "external_ids:name="+name)
	}
	datapath, router := datapathOf("sw0"), datapathOf("lr0")
	flow := func(match, actions string) string {
		return fmt.Sprintf("create Logical_Flow logical_datapath=%s pipeline=ingress table_id=5 priority=1 'match=%s' 'actions=%s'",
			datapath, quoted(match), quoted(actions))
	}
	bad := []string{
		flow("ip4.src == ", "drop;"),
		flow("ip4.src == $nosuchset", "next;"),
		flow(`inport == "nosuchport" && ((ip4`, "next;"),
		flow("ip4.nosuchfield == 1", "next;"),
		flow("tcp.dst == 99999999", "next;"),
		flow("1", "nosuchaction(reg0 = 1);"),
		flow("1", "next(pipeline=ingress, table=999);"),
		flow("1", "reg0 = ;"),
		flow("1", "ct_lb_mark(backends=nonsense);"),
		flow(strings.Repeat("(", 5000), "next;"),
		flow("\x01\x02", "next;"),
		"create MAC_Binding logical_port=lr0-sw0 ip=nonsense mac=alsononsense datapath=" + router,
		"create Static_MAC_Binding logical_port=lr0-sw0 ip=x mac=y override_dynamic_mac=true datapath=" + router,
	}
	// In their midst, so that they are translated together: what makes sense, and a
	// set that has no member, as none of the words is one.
	others := []string{
		flow("ip4.src == 10.7.7.7", "next;"),
		flow("ip4.dst == $nonsense", "next;"),
		`create Address_Set name=nonsense addresses="not-an-address","10.0.0.300"`,
	}
	middle := len(bad) / 2
	var rows []string
	steady(t, g1, g2, 0, func() {
		rows = strings.Fields(c.SB(strings.Join(slices.Insert(slices.Clone(bad), middle, others...), "\n")))
		rows = slices.Delete(rows, middle, middle+len(others))
		installed(t, hv1, "nw_src=10.7.7.7", true)
		for _, script := range []string{
			"create Port_Binding logical_port=odd tunnel_key=777 type=nosuchtype datapath=" + datapath,
			"create Port_Binding logical_port=halfpatch tunnel_key=778 type=patch datapath=" + datapath,
			"create Port_Binding logical_port=badmac tunnel_key=779 mac=nonsense datapath=" + datapath,
			"create MAC_Binding logical_port=nosuchport ip=nonsense mac=alsononsense datapath=" + datapath,
			"create Multicast_Group name=empty tunnel_key=40000 datapath=" + datapath,
		} {
			if out, err := c.Output("ovn-sbctl", strings.Fields(script)...); err != nil {
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
			t.Fatalf("not named: %s", bad[i])
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
