package main

import (
	"strings"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/compare"
)

// live runs an agent of the given kind through the changes of a topology. At the
// start and after each change, what it has is compared with what the reference
// makes, started from nothing, of a copy of the same databases: the reference's
// own running result depends on its history.
func live(t integration.T, topo *Topology, kind integration.AgentKind, report func(step string, r *compare.Result)) {
	c, ch := build(t, topo, kind)
	look := func(step string) {
		theirs := compare.Fresh(t, c, ch, integration.Reference)
		report(step, compare.Compare(theirs, compare.Observe(t, c, ch)))
	}
	look("start")
	for _, change := range topo.Changes {
		change.apply(t, c, ch)
		c.WaitHV()
		c.WaitHV()
		look(change.Name)
	}
}

func (change Change) apply(t integration.T, c *integration.Cluster, ch *integration.Chassis) {
	var northbound []string
	flush := func() {
		if len(northbound) > 0 {
			c.NB(strings.Join(northbound, "\n"))
			c.Sync()
			northbound = nil
		}
	}
	for _, line := range change.Lines {
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "vsctl":
			flush()
			ch.VSCtl(rest)
		case "sbctl":
			flush()
			c.SB(rest)
		case "sbctl-where":
			flush()
			words := strings.Fields(rest)
			for _, uuid := range rowsWhere(c, words[0], words[1]) {
				c.SB(append([]string{"set", words[0], uuid}, words[2:]...)...)
			}
		case "sbctl-encap":
			flush()
			lport, ip, _ := strings.Cut(rest, " ")
			for _, uuid := range rowsWhere(c, "Encap", "ip="+ip) {
				c.SB("set", "Port_Binding", lport, "encap="+uuid)
			}
		case "plug":
			flush()
			p, err := parsePort(rest)
			if err != nil {
				t.Fatalf("change %s: %v", change.Name, err)
			}
			ch.AddDummy(p.LPort, p.OFPort, p.Columns...)
			c.SB("wait-until", "Port_Binding", p.LPort, "up=true")
		case "unplug":
			flush()
			ch.DelDummy(rest)
			c.SB("wait-until", "Port_Binding", rest, "chassis=[]")
		case "bind":
			flush()
			lport, chassis, _ := strings.Cut(rest, " ")
			bindRemote(c, lport, chassis)
		default:
			northbound = append(northbound, line)
		}
	}
	flush()
}

// rowsWhere returns the UUIDs of the southbound rows for which a condition holds.
func rowsWhere(c *integration.Cluster, table, condition string) []string {
	return strings.Fields(c.SB("--bare", "--columns=_uuid", "find", table, condition))
}
