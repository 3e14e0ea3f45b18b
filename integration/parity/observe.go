package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/compare"
)

// observeBoth builds the topology, observes the reference agent and an agent of
// the given kind on it, and compares.
//
// On contents of an older release the reference is that release's own agent. What
// differs is accepted where the reference of 26.03 does the same as ours with the
// same contents: then the language changed, not its meaning here.
func observeBoth(t integration.T, topo *Topology, kind integration.AgentKind) *compare.Result {
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
func observeVersions(t integration.T, topo *Topology) *compare.Result {
	snapshot := makeSnapshot(t, topo)
	newer := observe(t, topo, snapshot, integration.Ours, nil, nil)
	older := *topo
	older.OpenFlow14 = true
	return compare.CompareVersions(newer, observe(t, &older, snapshot, integration.Ours, newer.Tunnels, nil))
}

// makeSnapshot has northd translate the topology, with the reference agent as
// the local chassis, and returns the path of the southbound database when nothing
// more happens.
func makeSnapshot(t integration.T, topo *Topology) string {
	if topo.Snapshot != "" {
		return topo.Snapshot
	}
	c, ch := build(t, topo, integration.Reference)
	c.StopNorthd()
	addLogicalFlows(c, topo.LogicalFlows)
	ch.Agent.Kill()
	c.StopSouthbound()
	return c.SouthboundFile()
}

// build makes the topology with northd and an agent, and waits until all is
// settled.
func build(t integration.T, topo *Topology, kind integration.AgentKind) (*integration.Cluster, *integration.Chassis) {
	opt := topo.options(t)
	opt.Agent = kind
	c := integration.NewCluster(t, opt)
	ch := addChassis(c, topo)
	ch.StartAgent()
	c.SB("wait-until", "Chassis", topo.Local)
	// A chassis that lacks a feature makes northd do without it everywhere.
	features := c.SB("get", "Chassis", topo.Local, "other_config")
	for _, r := range topo.Remotes {
		c.SB("chassis-add", r.Name, r.Types, r.Encap, "--", "set", "Chassis", r.Name, "other_config="+features,
			"hostname="+r.Name)
	}
	c.NB(topo.northbound())
	c.Sync()
	for _, r := range topo.Remotes {
		for _, lport := range r.Ports {
			bindRemote(c, lport, r.Name)
		}
	}
	if topo.Southbound != "" {
		c.SB(topo.Southbound)
	}
	for _, p := range topo.Ports {
		c.SB("wait-until", "Port_Binding", p.LPort, "chassis!=[]", "up=true")
	}
	// The second time northd has seen what the agent wrote before the first.
	c.WaitHV()
	c.WaitHV()
	return c, ch
}

// bindRemote binds a logical port to another chassis, as the agent there would.
func bindRemote(c *integration.Cluster, lport, chassis string) {
	c.SB("lsp-bind", lport, chassis, "--", "set", "Port_Binding", lport, "up=true")
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

func addChassis(c *integration.Cluster, topo *Topology) *integration.Chassis {
	ch := c.AddBareChassis(topo.Local)
	if topo.Chassis != "" {
		ch.VSCtl(topo.Chassis)
	}
	if topo.OpenFlow14 {
		ch.VSCtl("set", "Bridge", "br-int", "protocols=OpenFlow14")
	}
	for _, p := range topo.Ports {
		ch.AddDummy(p.LPort, p.OFPort, p.Columns...)
	}
	return ch
}

// observe starts an agent on a copy of the snapshot in which the local chassis
// has claimed nothing yet, and dumps the switch when the agent says it has
// installed everything. tunnels are those that another agent made of it. tamper,
// if not nil, may spoil the switch before the dump, for the test of this program.
func observe(t integration.T, topo *Topology, snapshot string, kind integration.AgentKind, tunnels []compare.TunnelPort, tamper func(*integration.Chassis)) *compare.Observation {
	opt := topo.options(t)
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
	ch := addChassis(c, topo)
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
