package compare

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// Observation is what one agent made of the southbound contents.
type Observation struct {
	integration.Dump
	// Zones maps a conntrack zone's number to what it is for.
	Zones map[string]string
	// Requested holds the zones whose number was asked for.
	Requested map[string]bool
	// OFPorts maps OpenFlow port numbers to the logical port, the peer or the
	// name of the port.
	OFPorts map[string]string
	// LogicalFlows maps the first 32 bits of a row's UUID, as in cookies, to a
	// description of the row.
	LogicalFlows map[string]string
	// Tunnels are the tunnel ports the agent made.
	Tunnels []TunnelPort
	// Known, if not nil, are the cookies of the MAC_Binding and FDB rows that both
	// agents can know: others were learned since the database was copied.
	Known map[string]bool
	// Layout, if not nil, is that of an older release; with it only the logical
	// tables are compared.
	Layout *Layout
	// Bindings is the southbound view of what the agent claimed.
	Bindings []string
}

// Observe reads what an agent installed on a chassis and what it chose.
func Observe(t integration.T, c *integration.Cluster, ch *integration.Chassis) *Observation {
	o := &Observation{Dump: ch.Dump(), LogicalFlows: describeRows(t, c),
		Zones: map[string]string{}, Requested: map[string]bool{}, OFPorts: map[string]string{}}
	if ch.Agent.Kind == integration.Reference {
		o.Layout = layouts[c.Release()]
	}
	o.readSwitch(t, ch)
	o.Tunnels = readTunnels(t, ch)
	for _, r := range decodeTable(t, c.SB("--format=json", "--columns=external_ids", "list", "Datapath_Binding")) {
		if zone := r.strings("external_ids")["snat-ct-zone"]; zone != "" {
			o.Requested[zone] = true
		}
	}
	o.Bindings = strings.Split(c.SB("--format=csv", "--no-headings",
		"--columns=logical_port,chassis,up,additional_chassis,requested_chassis", "list", "Port_Binding"), "\n")
	slices.Sort(o.Bindings)
	return o
}

// readSwitch reads the numbers the agent chose from the local database.
func (o *Observation) readSwitch(t integration.T, ch *integration.Chassis) {
	for _, row := range table(t, ch, "Bridge", "name", "external_ids") {
		if row["name"] != "br-int" {
			continue
		}
		for key, value := range row.strings("external_ids") {
			if name, ok := strings.CutPrefix(key, "ct-zone-"); ok {
				o.Zones[value] = name
			}
		}
	}
	// Other bridges have ports of the same numbers.
	here := strings.Fields(ch.VSCtl("list-ifaces", "br-int"))
	for _, row := range table(t, ch, "Interface", "name", "ofport", "type", "options", "external_ids") {
		var name string
		switch row["type"] {
		case "geneve", "vxlan", "stt":
			options := row.strings("options")
			name = fmt.Sprintf("<%v from %s to %s>", row["type"], options["local_ip"], options["remote_ip"])
		default:
			name = fmt.Sprintf("<%v>", row["name"])
			if lport := row.strings("external_ids")["iface-id"]; lport != "" {
				name = "<port " + lport + ">"
			}
		}
		if slices.Contains(here, fmt.Sprint(row["name"])) {
			o.OFPorts[fmt.Sprint(row["ofport"])] = name
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
		"FDB":             "_uuid,dp_key,port_key,mac",
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
