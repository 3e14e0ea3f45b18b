package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// local is the name of the chassis both agents take in turn.
const local = "hv1"

// Observation is what one agent made of the southbound contents.
type Observation struct {
	integration.Dump
	// Zones maps a conntrack zone's number to what it is for.
	Zones map[string]string
	// Requested holds the zones whose number was asked for.
	Requested map[string]bool
	// OFPorts maps OpenFlow port numbers that nobody asked for to the peer or
	// name of the port.
	OFPorts map[string]string
	// LogicalFlows maps the first 32 bits of a row's UUID, as in cookies, to a
	// description of the row.
	LogicalFlows map[string]string
	// Bindings is the southbound view of what the agent claimed.
	Bindings []string
}

// observeBoth builds the topology and observes the reference agent and an agent
// of the given kind on it.
func observeBoth(t integration.T, topo *Topology, kind integration.AgentKind) (theirs, ours *Observation) {
	snapshot := makeSnapshot(t, topo)
	return observe(t, topo, snapshot, integration.Reference, nil), observe(t, topo, snapshot, kind, nil)
}

// makeSnapshot has northd translate the topology, with the reference agent as
// the local chassis, and returns the path of the southbound database when nothing
// more happens.
func makeSnapshot(t integration.T, topo *Topology) string {
	c := integration.NewCluster(t, integration.Options{Dummy: true, Agent: integration.Reference})
	ch := addChassis(c, topo)
	ch.StartAgent()
	c.SB("wait-until", "Chassis", local)
	// A chassis that lacks a feature makes northd do without it everywhere.
	features := c.SB("get", "Chassis", local, "other_config")
	for _, r := range topo.Remotes {
		c.SB("chassis-add", r.Name, "geneve", r.Encap, "--", "set", "Chassis", r.Name, "other_config="+features,
			"hostname="+r.Name)
	}
	c.NB(topo.Northbound)
	c.Sync()
	for _, r := range topo.Remotes {
		for _, lport := range r.Ports {
			c.SB("lsp-bind", lport, r.Name, "--", "set", "Port_Binding", lport, "up=true")
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
	c.StopNorthd()
	ch.Agent.Kill()
	c.StopSouthbound()
	return c.SouthboundFile()
}

func addChassis(c *integration.Cluster, topo *Topology) *integration.Chassis {
	ch := c.AddBareChassis(local)
	if topo.Chassis != "" {
		ch.VSCtl(topo.Chassis)
	}
	for _, p := range topo.Ports {
		ch.AddDummy(p.LPort, p.OFPort)
	}
	return ch
}

// observe starts an agent on a copy of the snapshot in which the local chassis
// has claimed nothing yet, and dumps the switch when the agent says it has
// installed everything. tamper, if not nil, may spoil the switch before the
// dump, for the test of this program.
func observe(t integration.T, topo *Topology, snapshot string, kind integration.AgentKind, tamper func(*integration.Chassis)) *Observation {
	c := integration.NewCluster(t, integration.Options{Dummy: true, Agent: kind, Southbound: snapshot, NoNorthd: true})
	chassis := c.SB("--bare", "--columns=_uuid", "find", "Chassis", "name="+local)
	for _, uuid := range strings.Fields(c.SB("--bare", "--columns=_uuid", "find", "Port_Binding", "chassis="+chassis)) {
		c.SB("clear", "Port_Binding", uuid, "chassis", "encap", "--", "set", "Port_Binding", uuid, "up=false")
	}
	ch := addChassis(c, topo)
	ch.StartAgent()
	if err := c.WaitSettled(ch, time.Minute); err != nil {
		t.Fatalf("%s: %s agent does not settle: %v\n%s", topo.Name, kind, err, ch.Agent.Tail(40))
	}
	for _, p := range topo.Ports {
		if _, err := c.Output("ovn-sbctl", "--timeout=20", "wait-until", "Port_Binding", p.LPort, "up=true"); err != nil {
			t.Fatalf("%s: %s agent does not bring %s up\n%s", topo.Name, kind, p.LPort, ch.Agent.Tail(40))
		}
	}
	if err := c.WaitSettled(ch, time.Minute); err != nil {
		t.Fatalf("%s: %s agent does not settle again: %v\n%s", topo.Name, kind, err, ch.Agent.Tail(40))
	}
	if tamper != nil {
		tamper(ch)
	}
	o := &Observation{Dump: ch.Dump(), LogicalFlows: describeRows(t, c), Requested: map[string]bool{}}
	o.readSwitch(t, ch, topo)
	for _, r := range decodeTable(t, c.SB("--format=json", "--columns=external_ids", "list", "Datapath_Binding")) {
		if zone := r.strings("external_ids")["snat-ct-zone"]; zone != "" {
			o.Requested[zone] = true
		}
	}
	o.Bindings = strings.Split(c.SB("--format=csv", "--no-headings",
		"--columns=logical_port,chassis,up,additional_chassis,requested_chassis", "list", "Port_Binding"), "\n")
	slices.Sort(o.Bindings)
	ch.Agent.Kill()
	ch.KillSwitch()
	c.StopSouthbound()
	return o
}

// readSwitch reads the numbers the agent chose from the local database.
func (o *Observation) readSwitch(t integration.T, ch *integration.Chassis, topo *Topology) {
	o.Zones, o.OFPorts = map[string]string{}, map[string]string{}
	var ids map[string]string
	for _, row := range table(t, ch, "Bridge", "name", "external_ids") {
		if row["name"] == "br-int" {
			ids = row.strings("external_ids")
		}
	}
	for key, value := range ids {
		if name, ok := strings.CutPrefix(key, "ct-zone-"); ok {
			o.Zones[value] = name
		}
	}
	given := map[string]bool{}
	for _, p := range topo.Ports {
		given[fmt.Sprint(p.OFPort)] = true
	}
	for _, row := range table(t, ch, "Interface", "name", "ofport", "type", "options") {
		number := fmt.Sprint(row["ofport"])
		if given[number] || number == "65534" {
			continue
		}
		options := row.strings("options")
		switch row["type"] {
		case "geneve", "vxlan", "stt":
			o.OFPorts[number] = fmt.Sprintf("<%v to %s>", row["type"], options["remote_ip"])
		default:
			o.OFPorts[number] = fmt.Sprintf("<%v>", row["name"])
		}
	}
}

type row map[string]any

// strings returns a column that is a map of strings.
func (r row) strings(column string) map[string]string {
	m := map[string]string{}
	if v, ok := r[column].([]any); ok && len(v) == 2 && v[0] == "map" {
		for _, pair := range v[1].([]any) {
			kv := pair.([]any)
			m[fmt.Sprint(kv[0])] = fmt.Sprint(kv[1])
		}
	}
	return m
}

func table(t integration.T, ch *integration.Chassis, name string, columns ...string) []row {
	out := ch.VSCtl("--format=json", "--columns="+strings.Join(columns, ","), "list", name)
	return decodeTable(t, out)
}

func decodeTable(t integration.T, out string) []row {
	var doc struct {
		Headings []string
		Data     [][]any
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("decode table: %v: %.200s", err, out)
	}
	var rows []row
	for _, data := range doc.Data {
		r := row{}
		for i, v := range data {
			r[doc.Headings[i]] = v
		}
		rows = append(rows, r)
	}
	return rows
}

// describeRows describes the rows that cookies can stand for.
func describeRows(t integration.T, c *integration.Cluster) map[string]string {
	m := map[string]string{}
	for name, columns := range map[string]string{
		"Logical_Flow":    "_uuid,pipeline,table_id,priority,match,actions,external_ids",
		"Port_Binding":    "_uuid,type,logical_port",
		"Multicast_Group": "_uuid,name",
		"MAC_Binding":     "_uuid,logical_port,ip,mac",
		"Load_Balancer":   "_uuid,name",
		"Chassis":         "_uuid,name",
	} {
		for _, r := range decodeTable(t, c.SB("--format=json", "--columns="+columns, "list", name)) {
			uuid := fmt.Sprint(r["_uuid"].([]any)[1])
			cookie, _, _ := strings.Cut(uuid, "-")
			delete(r, "_uuid")
			text := name
			if ids := r.strings("external_ids"); ids["stage-name"] != "" {
				text += " " + ids["stage-name"]
			}
			delete(r, "external_ids")
			for _, column := range strings.Split(columns, ",") {
				if v, ok := r[column]; ok {
					text += fmt.Sprintf(" %s=%v", column, v)
				}
			}
			m[strings.TrimLeft(cookie, "0")] = text
		}
	}
	return m
}

// write puts the normalised dumps of both sides into files to diff.
func (r *Result) write(dir, name string) error {
	for side, lines := range map[string][]string{"theirs": r.theirs, "ours": r.ours} {
		if err := writeLines(filepath.Join(dir, name+"."+side), lines); err != nil {
			return err
		}
	}
	return nil
}
