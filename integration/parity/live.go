package main

import (
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/compare"
	"github.com/ovn-chassis/ovn-chassis/integration/topology"
)

// lingering is longer than our agent keeps the flows of a network whose last
// interface is gone.
const lingering = time.Second

// live runs an agent of the given kind through the changes of a topology. At the
// start and after each change, what it has is compared with what the reference
// makes, started from nothing, of a copy of the same databases: the reference's
// own running result depends on its history.
func live(t integration.T, topo *topology.Topology, kind integration.AgentKind, report func(step string, r *compare.Result)) {
	c, ch := topo.Build(t, kind)
	var changed time.Time
	look := func(step string) {
		theirs := compare.Fresh(t, c, ch, integration.Reference)
		time.Sleep(time.Until(changed.Add(lingering)))
		report(step, compare.Compare(theirs, compare.Observe(t, c, ch)))
	}
	look("start")
	for _, change := range topo.Changes {
		change.Apply(t, c, ch)
		changed = time.Now()
		c.WaitHV()
		c.WaitHV()
		look(change.Name)
	}
}
