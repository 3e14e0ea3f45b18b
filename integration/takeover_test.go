package integration_test

import (
	"testing"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestTakeOver puts our agent in the place of the reference while packets flow,
// and the reference back in ours.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{Agent: integration.Reference})
	hv1, hv2 := c.AddChassis("hv1"), c.AddChassis("hv2")
	g1, g2 := busy(c, hv1, hv2)
	events := hv1.Monitor()
	steady(t, g1, g2, 0, func() {
		hv1.Agent.Exit(true)
		hv1.StartAgentOf(integration.Default)
		c.WaitHV()
		reach(g2, g1)
	})
	hv1.OFCtl("add-flow", "br-int", "table=250,actions=drop")
	seen := events.WaitFor("table=250")
	hv1.OFCtl("del-flows", "br-int", "table=250")
	// What the reference left is taken as installed, whatever ids it gave to
	// groups and conjunctions.
	if hv1.Agent.Kind == integration.Ours {
		for _, line := range seen {
			t.Errorf("seen by the flow monitor: %s", line)
		}
	}
	// The reference, when it starts, takes all flows out for a moment.
	hv1.Agent.Exit(true)
	hv1.StartAgentOf(integration.Reference)
	c.WaitHV()
	reach(g1, g2)
	reach(g2, g1)
}
