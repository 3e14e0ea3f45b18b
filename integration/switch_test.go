package integration_test

import (
	"testing"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestSwitch: guests of one switch, on the same chassis and on different ones;
// ports and the switch removed and made again.
func TestSwitch(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB("ls-add sw0\n" + port(0, 1) + port(0, 2) + port(0, 3))
	g1, g2, g3 := hv1.AddGuest(guest(0, 1)), hv1.AddGuest(guest(0, 2)), hv2.AddGuest(guest(0, 3))
	c.WaitUp("p1", "p2", "p3")
	c.WaitHV()
	reach(g1, g2)
	reach(g1, g3)
	reach(g3, g2)

	// The interface goes and comes back.
	steady(t, g1, g2, 0, func() {
		g3.Detach()
		c.NB("wait-until", "Logical_Switch_Port", "p3", "up=false")
		cut(g1, g3)
		g3.Attach()
		c.WaitUp("p3")
		reach(g1, g3)
	})

	// The logical port goes and comes back.
	steady(t, g1, g2, 0, func() {
		c.NB("lsp-del p3")
		c.WaitHV()
		cut(g1, g3)
		c.NB(port(0, 3))
		c.WaitUp("p3")
		c.WaitHV()
		reach(g1, g3)
	})

	// The whole switch goes and comes back.
	c.NB("ls-del sw0")
	c.WaitHV()
	cut(g1, g2)
	c.NB("ls-add sw0\n" + port(0, 1) + port(0, 2) + port(0, 3))
	c.WaitUp("p1", "p2", "p3")
	c.WaitHV()
	reach(g1, g2)
	reach(g1, g3)
}

// TestUnknownAddress: a guest with an address northd does not know, flooded to.
func TestUnknownAddress(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB("ls-add sw0\n" + port(0, 1) + "lsp-add sw0 p2\nlsp-set-addresses p2 unknown\n")
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(0, 2))
	c.WaitUp("p1", "p2")
	c.WaitHV()
	reach(g1, g2)
	c.NB("lsp-del p2")
	c.WaitHV()
	cut(g1, g2)
	c.NB("lsp-add sw0 p2\nlsp-set-addresses p2 unknown")
	c.WaitUp("p2")
	c.WaitHV()
	reach(g1, g2)
}

// TestPortSecurity: a guest that uses another's address is not heard.
func TestPortSecurity(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB("ls-add sw0\n" + port(0, 1) + port(0, 2))
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(0, 2))
	c.WaitUp("p1", "p2")
	c.WaitHV()
	reach(g1, g2)
	c.NB(`lsp-set-port-security p1 "00:00:00:00:01:01 10.0.0.77 fd00::77"`)
	c.WaitHV()
	cut(g1, g2)
	c.NB(`lsp-set-port-security p1 "00:00:00:00:01:01 10.0.0.1 fd00::1"`)
	c.WaitHV()
	reach(g1, g2)
	c.NB("lsp-set-port-security p1")
	c.WaitHV()
	reach(g1, g2)
}
