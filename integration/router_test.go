package integration_test

import (
	"testing"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestRouter: guests of two switches behind one router, on the same chassis and on
// different ones; a router port and the router removed and made again.
func TestRouter(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + port(1, 2) + port(1, 3))
	g1, g2, g3 := hv1.AddGuest(guest(0, 1)), hv1.AddGuest(guest(1, 2)), hv2.AddGuest(guest(1, 3))
	c.WaitUp("p1", "p2", "p3")
	c.WaitHV()
	reach(g1, g2)
	reach(g1, g3)
	reach(g3, g1)
	g1.Reaches("10.0.0.254")
	g1.Reaches("fd00::fe")
	g1.Reaches("10.0.1.254")

	steady(t, g2, g3, 0, func() {
		c.NB("lrp-del lr0-sw0\nlsp-del sw0-lr0")
		c.WaitHV()
		cut(g1, g3)
		c.NB(attached("lr0", "sw0", "00:00:00:00:ff:01", "10.0.0.254/24 fd00:0::fe/64"))
		c.WaitHV()
		reach(g1, g3)
	})

	c.NB("lr-del lr0\nlsp-del sw0-lr0\nlsp-del sw1-lr0")
	c.WaitHV()
	cut(g1, g2)
	reach(g2, g3)
	c.NB("lr-add lr0\n" + attached("lr0", "sw0", "00:00:00:00:ff:01", "10.0.0.254/24 fd00:0::fe/64") +
		attached("lr0", "sw1", "00:00:00:00:ff:02", "10.0.1.254/24 fd00:1::fe/64"))
	c.WaitHV()
	reach(g1, g2)
	reach(g1, g3)
}

// TestResolvedNextHop: a guest whose address only ARP and neighbour discovery
// tell the router.
func TestResolvedNextHop(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + "lsp-add sw1 p2\nlsp-set-addresses p2 unknown\n")
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(1, 2))
	c.WaitUp("p1", "p2")
	c.WaitHV()
	reach(g1, g2)
	if c.SB("--bare", "--columns=_uuid", "find", "MAC_Binding", "ip=10.0.1.2") == "" {
		t.Error("no MAC_Binding for 10.0.1.2")
	}
	if c.SB("--bare", "--columns=_uuid", "find", "MAC_Binding", `ip="fd00:1::2"`) == "" {
		t.Error("no MAC_Binding for fd00:1::2")
	}
}
