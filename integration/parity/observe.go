package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/compare"
	"github.com/ovn-chassis/ovn-chassis/integration/topology"
)

// observeBoth builds the topology, observes the reference agent and an agent of
// the given kind on it, and compares.
//
// On contents of an older release the reference is that release's own agent. What
// differs is accepted where the reference of 26.03 does the same as ours with the
// same contents: then the language changed, not its meaning here.
func observeBoth(t integration.T, topo *topology.Topology, kind integration.AgentKind) *compare.Result {
	snapshot := makeSnapshot(t, topo)
	theirs := observe(t, topo, snapshot, integration.Reference, nil, nil)
	ours := observe(t, topo, snapshot, kind, theirs.Tunnels, nil)
	if topo.Stack == nil || topo.Stack(t).Major == integration.Sid(t).Major {
		return compare.Compare(theirs, ours)
	}
	newer := *topo
	newer.Newest = true
	return compare.CompareReleases(theirs, observe(t, &newer, snapshot, integration.Reference, theirs.Tunnels, nil), ours)
}

// observeVersions compares what our agent installs on a bridge that speaks
// OpenFlow 1.4 only with what it installs by OpenFlow 1.5.
func observeVersions(t integration.T, topo *topology.Topology) *compare.Result {
	snapshot := makeSnapshot(t, topo)
	newer := observe(t, topo, snapshot, integration.Ours, nil, nil)
	older := *topo
	older.OpenFlow14 = true
	return compare.CompareVersions(newer, observe(t, &older, snapshot, integration.Ours, newer.Tunnels, nil))
}

// makeSnapshot has northd translate the topology, with the reference agent as
// the local chassis, and returns the path of the southbound database when nothing
// more happens.
func makeSnapshot(t integration.T, topo *topology.Topology) string {
	if topo.Snapshot != "" {
		return topo.Snapshot
	}
	c, ch := topo.Build(t, integration.Reference)
	c.StopNorthd()
	addLogicalFlows(c, topo.LogicalFlows)
	ch.Agent.Kill()
	c.StopSouthbound()
	return c.SouthboundFile()
}

// addLogicalFlows adds a logical flow for each line, which northd would remove if
// it still ran. Each has a priority of its own, so that none hides another.
func addLogicalFlows(c *integration.Cluster, lines []string) {
	if len(lines) == 0 {
		return
	}
	datapath := strings.Fields(c.SB("--bare", "--columns=_uuid", "find", "Datapath_Binding"))[0]
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	var args []string
	for i, line := range lines {
		match, actions, ok := strings.Cut(line, " => ")
		if !ok {
			actions = "next;"
		}
		args = append(args, "--", "create", "Logical_Flow", "logical_datapath="+datapath, "pipeline=ingress",
			"table_id=7", fmt.Sprintf("priority=%d", 1000+i), `match="`+escape.Replace(match)+`"`, `actions="`+escape.Replace(actions)+`"`)
	}
	c.SB(args...)
}

// observe starts an agent on a copy of the snapshot in which the local chassis
// has claimed nothing yet, and dumps the switch when the agent says it has
// installed everything. tunnels are those that another agent made of it. tamper,
// if not nil, may spoil the switch before the dump, for the test of this program.
func observe(t integration.T, topo *topology.Topology, snapshot string, kind integration.AgentKind, tunnels []compare.TunnelPort, tamper func(*integration.Chassis)) *compare.Observation {
	opt := topo.Options(t)
	opt.Agent, opt.Southbound, opt.NoNorthd = kind, snapshot, true
	c := integration.NewCluster(t, opt)
	chassis := c.SB("--bare", "--columns=_uuid", "find", "Chassis", "name="+topo.Local)
	var undo []string
	for _, uuid := range strings.Fields(c.SB("--bare", "--columns=_uuid", "find", "Port_Binding", "chassis="+chassis)) {
		undo = append(undo, "--", "clear", "Port_Binding", uuid, "chassis", "encap", "--", "set", "Port_Binding", uuid, "up=false")
	}
	if len(undo) > 0 {
		c.SB(undo...)
	}
	patience := time.Minute
	ch := topo.AddChassis(c)
	if topo.Snapshot != "" {
		patience = 3 * time.Minute
		// Over TCP the server drops a client that is busy for ten seconds.
		ch.VSCtl("set", "Open_vSwitch", ".", "external_ids:ovn-remote=unix:"+c.SouthboundSocket())
	}
	compare.PlantTunnels(ch, tunnels)
	ch.StartAgent()
	if err := c.WaitSettled(ch, patience); err != nil {
		t.Fatalf("%s: %s agent does not settle: %v\n%s", topo.Name, kind, err, ch.Agent.Tail(40))
	}
	for _, p := range topo.Ports {
		if _, err := c.Output("ovn-sbctl", "--timeout=20", "wait-until", "Port_Binding", p.LPort, "up=true"); err != nil {
			t.Fatalf("%s: %s agent does not bring %s up\n%s", topo.Name, kind, p.LPort, ch.Agent.Tail(40))
		}
	}
	if err := c.WaitSettled(ch, patience); err != nil {
		t.Fatalf("%s: %s agent does not settle again: %v\n%s", topo.Name, kind, err, ch.Agent.Tail(40))
	}
	if tamper != nil {
		tamper(ch)
	}
	if topo.OpenFlow14 {
		// Both are read in the same words, those of OpenFlow 1.5.
		ch.Agent.Kill()
		ch.VSCtl("clear", "Bridge", "br-int", "protocols")
	}
	o := compare.Observe(t, c, ch)
	ch.Agent.Kill()
	ch.KillSwitch()
	c.StopSouthbound()
	return o
}
