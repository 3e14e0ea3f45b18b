package integration_test

import (
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

const settleTimeout = 30 * time.Second

// TestOldRelease runs against OVN 23.03 and OVS 3.1: a southbound schema without
// the columns and tables that came later, and northd's flows of that time.
func TestOldRelease(t *testing.T) {
	host := integration.Host(t)
	c, hv1, hv2 := start(t, integration.Options{Stack: host})
	g1, g2 := busy(c, hv1, hv2)
	reach(g1, g2)
	both := map[string]bool{}
	for _, g := range []*integration.Guest{g1, g2} {
		g.Serve("tcp", ":8080")
	}
	for range 100 {
		both[g1.Gets("tcp", "172.20.0.1:80").Server] = true
	}
	if len(both) != 2 {
		t.Errorf("backends that answered: %v", both)
	}
	g1.Blocked("10.0.1.99")
	c.NB("acl-add sw1 to-lport 2000 'outport == \"p2\" && ip' drop")
	c.WaitHV()
	cut(g1, g2)
	c.NB("acl-del sw1")
	c.WaitHV()
	reach(g1, g2)
}

// TestOldSwitch runs the newest OVN over the oldest OVS.
func TestOldSwitch(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{Switch: integration.Host(t)})
	g1, g2 := busy(c, hv1, hv2)
	reach(g2, g1)
}
