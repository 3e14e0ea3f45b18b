package topology

import "github.com/ovn-chassis/ovn-chassis/integration"

// Build makes the topology with northd and an agent, and waits until all is
// settled.
func (topo *Topology) Build(t integration.T, kind integration.AgentKind) (*integration.Cluster, *integration.Chassis) {
	opt := topo.Options(t)
	opt.Agent = kind
	c := integration.NewCluster(t, opt)
	ch := topo.AddChassis(c)
	ch.StartAgent()
	topo.Populate(c)
	return c, ch
}

// Populate makes what is northbound and elsewhere, when the agent of the local
// chassis runs, and waits until all is settled.
func (topo *Topology) Populate(c *integration.Cluster) {
	c.SB("wait-until", "Chassis", topo.Local)
	// A chassis that lacks a feature makes northd do without it everywhere.
	features := c.SB("get", "Chassis", topo.Local, "other_config")
	for _, r := range topo.Remotes {
		c.SB("chassis-add", r.Name, r.Types, r.Encap, "--", "set", "Chassis", r.Name, "other_config="+features,
			"hostname="+r.Name)
	}
	c.NB(topo.northboundScript())
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
}

// bindRemote binds a logical port to another chassis, as the agent there would.
func bindRemote(c *integration.Cluster, lport, chassis string) {
	c.SB("lsp-bind", lport, chassis, "--", "set", "Port_Binding", lport, "up=true")
}

// AddChassis adds the local chassis, whose agent has not been started.
func (topo *Topology) AddChassis(c *integration.Cluster) *integration.Chassis {
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
