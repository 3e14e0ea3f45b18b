package topology

import (
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// Change is one step in the life of a topology.
type Change struct {
	Name  string
	Lines []string
}

// Northbound tells whether the change is one northbound transaction and no more.
func (change Change) Northbound() bool {
	return !slices.ContainsFunc(change.Lines, func(line string) bool {
		verb, _, _ := strings.Cut(line, " ")
		return slices.Contains([]string{"vsctl", "sbctl", "sbctl-where", "sbctl-encap", "plug", "unplug", "bind", "at"}, verb)
	})
}

// Apply makes the change and waits until ovn-northd has translated it, and the agent
// of ch has bound what is plugged and unplugged.
func (change Change) Apply(t integration.T, c *integration.Cluster, ch *integration.Chassis) {
	var northbound []string
	flush := func() {
		if len(northbound) > 0 {
			c.NB(strings.Join(northbound, "\n"))
			c.Sync()
			northbound = nil
		}
	}
	local := ch
	for _, line := range change.Lines {
		verb, rest, _ := strings.Cut(line, " ")
		ch := local
		if verb == "at" {
			name, line, _ := strings.Cut(rest, " ")
			i := slices.IndexFunc(c.Chassis, func(ch *integration.Chassis) bool { return ch.Name == name })
			if i < 0 {
				t.Fatalf("change %s: no chassis %s", change.Name, name)
			}
			ch = c.Chassis[i]
			verb, rest, _ = strings.Cut(line, " ")
		}
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
