package integration_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestBundles: a proxy between agent and switch sees every flow-mod and group-mod
// inside a bundle, and one commit for one change.
func TestBundles(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{})
	hv1, hv2 := c.AddBareChassis("hv1"), c.AddChassis("hv2")
	proxy := hv1.ProxySwitch()
	hv1.StartAgent()
	g1, g2 := busy(c, hv1, hv2)
	mods, commits := counts(t, c, proxy)
	if mods == 0 || commits == 0 {
		t.Errorf("%d flow-mods and group-mods in bundles, %d commits", mods, commits)
	}
	for _, change := range []string{
		"add Address_Set src addresses 10.0.0.77",
		"remove Address_Set src addresses 10.0.0.77",
		"acl-add all from-lport 800 'inport == @all && udp.dst == 7' drop",
		"acl-del all from-lport 800 'inport == @all && udp.dst == 7'",
		"pg-set-ports all p1",
		"lb-del lb4",
		"lb-add lb4 172.20.0.1:80 10.0.0.1:8080,10.0.1.2:8080 tcp\nls-lb-add sw0 lb4",
	} {
		c.NB(change)
		c.WaitHV()
		mods, commits := counts(t, c, proxy)
		if commits != 1 && !c.Reference() {
			t.Errorf("%s: %d commits of %d flow-mods and group-mods, want one", change, commits, mods)
		}
	}
	reach(g1, g2)
}

// counts reads what the proxy recorded since the last time.
func counts(t *testing.T, c *integration.Cluster, proxy *integration.SwitchProxy) (mods, commits int) {
	t.Helper()
	for _, m := range proxy.Messages() {
		if m.Commits() {
			commits++
		}
		if typ := m.Type(); (typ == integration.TypeFlowMod || typ == integration.TypeGroupMod) && !c.Reference() {
			t.Errorf("message of type %d, cookie %#x, outside a bundle", typ, m.Cookie())
		}
		if inner, ok := m.Inner(); ok {
			if typ := inner.Type(); typ == integration.TypeFlowMod || typ == integration.TypeGroupMod {
				mods++
			}
		}
	}
	return mods, commits
}

// TestRefused: of two flows that the switch refuses, one when it is added to the
// bundle and one when the bundle is committed, both are named with their logical
// flow, and everything else is installed.
func TestRefused(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{})
	if c.Reference() {
		// It takes a refused bundle for a broken switch.
		return
	}
	hv1, hv2 := c.AddBareChassis("hv1"), c.AddChassis("hv2")
	c.NB("ls-add sw0\n" + port(0, 1) + port(0, 2) + `
acl-add sw0 to-lport 1111 'ip4.src == 10.7.7.1' allow
acl-add sw0 to-lport 1222 'ip4.dst == 10.7.7.3' allow
`)
	proxy := hv1.ProxySwitch()
	proxy.Change(func(m integration.Message) {
		inner, ok := m.Inner()
		if !ok || inner.Type() != integration.TypeFlowMod {
			return
		}
		const tableOffset, flagsOffset = 24, 45 // in ofp_flow_mod of OpenFlow 1.5; low byte of flags
		switch {
		case bytes.Contains(inner.Data, []byte{10, 7, 7, 1}):
			inner.Data[tableOffset] = 254 // the switch's own: no permission
		case bytes.Contains(inner.Data, []byte{10, 7, 7, 2}):
			// Look for overlaps. Only a flow of an earlier bundle counts.
			inner.Data[flagsOffset] |= 2
		}
	})
	hv1.StartAgent()
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(0, 2))
	c.WaitUp("p1", "p2")
	c.WaitHV()
	reach(g1, g2)
	c.NB(`
acl-add sw0 to-lport 1222 'ip4.src == 10.7.7.2' allow
acl-add sw0 to-lport 1333 'ip4.src == 10.7.7.4' allow
`)
	c.WaitHV()
	reach(g1, g2)
	flows := strings.Join(hv1.DumpFlows(), "\n")
	for part, want := range map[string]bool{"10.7.7.1": false, "10.7.7.2": false, "10.7.7.3": true, "10.7.7.4": true} {
		if got := strings.Contains(flows, "="+part+" "); got != want {
			t.Errorf("flow with %s installed: %v, want %v", part, got, want)
		}
		if want {
			continue
		}
		// Named with its logical flow.
		for line := range strings.Lines(c.SB("--format=csv", "--no-headings", "--columns=_uuid,match", "list", "Logical_Flow")) {
			if uuid, match, _ := strings.Cut(line, ","); strings.Contains(match, part) {
				logged(t, c, hv1, uuid)
			}
		}
	}
}
