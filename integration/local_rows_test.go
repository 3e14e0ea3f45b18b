package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/compare"
)

// pair is one chassis under the reference and one under our agent, each in a
// cluster of its own, to which the same happens.
type pair struct {
	t            *testing.T
	theirs, ours *integration.Cluster
	before       []string
}

func newPair(t *testing.T, prepare func(*integration.Chassis)) *pair {
	t.Helper()
	t.Parallel()
	p := &pair{t: t}
	for _, kind := range []integration.AgentKind{integration.Reference, integration.Ours} {
		c := integration.NewCluster(t, integration.Options{Agent: kind, Dummy: true})
		ch := c.AddBareChassis("hv1")
		if prepare != nil {
			prepare(ch)
		}
		ch.StartAgentOf(kind)
		if kind == integration.Reference {
			p.theirs = c
		} else {
			p.ours = c
		}
	}
	return p
}

// step changes both worlds and waits until the reference has made something new of
// it, or with same set nothing, and ours the same.
func (p *pair) step(what string, same bool, change func(*integration.Cluster, *integration.Chassis)) {
	p.t.Helper()
	for _, c := range []*integration.Cluster{p.theirs, p.ours} {
		change(c, c.Chassis[0])
		c.WaitHV()
	}
	var theirs []string
	err := func() error { return nil }
	if !same {
		err = func() error {
			if slices.Equal(theirs, p.before) {
				return fmt.Errorf("the reference did nothing: %s", strings.Join(theirs, "\n"))
			}
			return nil
		}
	}
	integration.WaitFor(p.t, 20*time.Second, what, func() error {
		theirs = compare.LocalRows(p.t, p.theirs.Chassis[0])
		if e := err(); e != nil {
			return e
		}
		ours := compare.LocalRows(p.t, p.ours.Chassis[0])
		if d := lineDiff(theirs, ours); d != "" {
			return fmt.Errorf("- reference, + ours:\n%s", d)
		}
		return nil
	})
	p.before = theirs
}

// lineDiff names the lines of two sorted lists that only one has.
func lineDiff(a, b []string) string {
	var out strings.Builder
	for _, line := range a {
		if !slices.Contains(b, line) {
			out.WriteString("- " + line + "\n")
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			out.WriteString("+ " + line + "\n")
		}
	}
	if out.Len() == 0 && len(a) != len(b) {
		return fmt.Sprintf("%d lines and %d", len(a), len(b))
	}
	return out.String()
}

func nb(script string) func(*integration.Cluster, *integration.Chassis) {
	return func(c *integration.Cluster, _ *integration.Chassis) { c.NB(script) }
}

// TestMirrorRows: what both agents write for mirrors of ports here.
func TestMirrorRows(t *testing.T) {
	p := newPair(t, nil)
	p.step("ports", false, func(c *integration.Cluster, ch *integration.Chassis) {
		c.NB("ls-add sw0\nlsp-add sw0 p1\nlsp-add sw0 p2\nlsp-add sw0 sink")
		ch.AddDummy("p1", 1)
		ch.AddDummy("p2", 2)
		c.WaitUp("p1", "p2")
	})
	p.step("gre from one port", false, nb("mirror-add m0 gre 5 from-lport 192.0.2.9\nlsp-attach-mirror p1 m0"))
	p.step("the other port too", false, nb("lsp-attach-mirror p2 m0"))
	p.step("erspan over IPv6", false, nb("mirror-add m1 erspan 7 both fd00::9\nlsp-attach-mirror p1 m1"))
	p.step("local without its sink", true, nb("mirror-add m2 local both tap0\nlsp-attach-mirror p1 m2"))
	p.step("sink", false, func(c *integration.Cluster, ch *integration.Chassis) {
		ch.AddDummy("sink", 3, "external_ids:mirror-id=tap0")
		c.WaitUp("sink")
	})
	p.step("filter and index", false, func(c *integration.Cluster, _ *integration.Chassis) {
		for _, id := range strings.Fields(c.NB("--bare", "--columns=_uuid", "find", "Mirror", "name=m0")) {
			c.NB("set", "Mirror", id, "filter=both", "index=6")
		}
	})
	p.step("port unplugged", false, func(_ *integration.Cluster, ch *integration.Chassis) { ch.DelDummy("p2") })
	p.step("detached", false, nb("lsp-detach-mirror p1 m0"))
	p.step("all deleted", false, nb("mirror-del"))
}

// TestQueueRows: what both agents write for ports with rates.
func TestQueueRows(t *testing.T) {
	p := newPair(t, func(ch *integration.Chassis) {
		ch.VSCtl(`
add-br br-ex
set Bridge br-ex datapath_type=dummy
add-port br-ex eth9
set Interface eth9 type=dummy external_ids:ovn-egress-iface=true
set Open_vSwitch . external_ids:ovn-bridge-mappings=phys:br-ex`)
	})
	p.step("ports", false, func(c *integration.Cluster, ch *integration.Chassis) {
		c.NB("ls-add sw0\nlsp-add sw0 p1\nlsp-add sw0 p2\nlsp-add-localnet-port sw0 ln phys")
		ch.AddDummy("p1", 1)
		ch.AddDummy("p2", 2)
		c.WaitUp("p1", "p2")
	})
	p.step("one rate", false, nb("set Logical_Switch_Port p1 options:qos_min_rate=200000"))
	p.step("more rates", false, nb("set Logical_Switch_Port p1 options:qos_max_rate=350000 options:qos_burst=3000000\n"+
		"set Logical_Switch_Port p2 options:qos_max_rate=500000"))
	p.step("of the network itself", false, nb("set Logical_Switch_Port ln options:qos_max_rate=900000"))
	p.step("unplugged", false, func(_ *integration.Cluster, ch *integration.Chassis) { ch.DelDummy("p2") })
	p.step("rates removed", false, nb("remove Logical_Switch_Port p1 options qos_min_rate\n"+
		"remove Logical_Switch_Port p1 options qos_max_rate\nremove Logical_Switch_Port p1 options qos_burst"))
	p.step("network's removed", false, nb("remove Logical_Switch_Port ln options qos_max_rate"))
}

// TestZoneLimits: what both agents write for switches, routers and ports that limit
// the connections of their zones.
func TestZoneLimits(t *testing.T) {
	p := newPair(t, nil)
	p.step("ports", false, func(c *integration.Cluster, ch *integration.Chassis) {
		c.NB("ls-add sw0\nlr-add lr0\nlrp-add lr0 lr0-sw0 00:00:00:00:ff:01 10.0.0.254/24\n" +
			"lsp-add-router-port sw0 sw0-lr0 lr0-sw0\nlsp-add sw0 p1\nlsp-add sw0 p2")
		ch.AddDummy("p1", 1)
		ch.AddDummy("p2", 2)
		c.WaitUp("p1", "p2")
	})
	p.step("of the switch, and with it of its ports", false, nb("set Logical_Switch sw0 other_config:ct-zone-limit=1000"))
	p.step("of the router", false, nb("set Logical_Router lr0 options:ct-zone-limit=5"))
	p.step("of one port", false, nb("set Logical_Switch_Port p1 options:ct-zone-limit=7"))
	p.step("none at all may be held", false, nb("set Logical_Switch_Port p2 options:ct-zone-limit=0"))
	p.step("as of no port", false, nb("remove Logical_Switch_Port p2 options ct-zone-limit"))
	p.step("out of range", false, nb("set Logical_Switch_Port p1 options:ct-zone-limit=4294967296"))
	p.step("in range", false, nb("set Logical_Switch_Port p1 options:ct-zone-limit=4294967295"))
	p.step("port gone", false, func(_ *integration.Cluster, ch *integration.Chassis) { ch.DelDummy("p1") })
	p.step("removed", false, nb("remove Logical_Switch sw0 other_config ct-zone-limit\nremove Logical_Router lr0 options ct-zone-limit"))
}
