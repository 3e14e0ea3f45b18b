package compare

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// LocalRows describes what an agent made of the chassis' Open vSwitch database, a
// line for each bridge, port, interface, mirror, QoS and queue, and limited zone.
// Left out are times, numbers that an agent is free to choose, and what the switch
// itself reports.
func LocalRows(t integration.T, ch *integration.Chassis) []string {
	l := &local{ports: map[string]string{}, queues: map[string]string{}, qos: map[string]string{}}
	for _, r := range table(t, ch, "Queue", "_uuid", "external_ids", "other_config") {
		l.queues[id(r["_uuid"])] = "{" + pairs(r.strings("external_ids")) + " " + pairs(r.strings("other_config")) + "}"
		l.add("Queue", l.queues[id(r["_uuid"])])
	}
	for _, r := range table(t, ch, "QoS", "_uuid", "type", "external_ids", "other_config", "queues") {
		queues := r.references("queues")
		for k, q := range queues {
			queues[k] = l.queues[q]
		}
		text := fmt.Sprintf("%v %s %s queues=%s", r["type"], pairs(r.strings("external_ids")), pairs(r.strings("other_config")), pairs(queues))
		l.qos[id(r["_uuid"])] = text
		l.add("QoS", text)
	}
	for _, r := range table(t, ch, "Port", "_uuid", "name", "external_ids", "qos") {
		name := fmt.Sprint(r["name"])
		l.ports[id(r["_uuid"])] = name
		l.add("Port", name, pairs(r.strings("external_ids")), "qos="+l.qos[id(r["qos"])])
	}
	for _, r := range table(t, ch, "Interface", "name", "type", "options", "external_ids", "other_config", "bfd", "mtu_request") {
		ids := r.strings("external_ids")
		delete(ids, "ovn-installed-ts")
		l.add("Interface", fmt.Sprint(r["name"], " ", r["type"]), pairs(r.strings("options")), pairs(ids), pairs(r.strings("other_config")),
			"bfd="+pairs(r.strings("bfd")), "mtu="+fmt.Sprint(r["mtu_request"]))
	}
	for _, r := range table(t, ch, "Mirror", "name", "external_ids", "output_port", "select_src_port", "select_dst_port") {
		l.add("Mirror", fmt.Sprint(r["name"]), pairs(r.strings("external_ids")), "to="+l.portNames(r["output_port"]),
			"from-lport="+l.portNames(r["select_src_port"]), "to-lport="+l.portNames(r["select_dst_port"]))
	}
	zones := map[string]string{} // names by number
	for _, r := range table(t, ch, "Bridge", "name", "external_ids", "other_config", "fail_mode", "datapath_type", "ports", "mirrors") {
		ids := r.strings("external_ids")
		for k, v := range ids {
			name, zone := strings.CutPrefix(k, "ct-zone-")
			if zone {
				zones[v] = name
				ids[k] = "N"
			}
		}
		for _, k := range []string{"ovn-nb-cfg", "ovn-nb-cfg-ts", "ovn-startup-ts"} {
			delete(ids, k)
		}
		config := r.strings("other_config")
		if config["hwaddr"] != "" {
			config["hwaddr"] = "random"
		}
		mirrors, _ := ovsdbSet(r["mirrors"])
		l.add("Bridge", fmt.Sprint(r["name"]), pairs(ids), pairs(config), fmt.Sprint(r["fail_mode"], " ", r["datapath_type"]),
			"ports="+l.portNames(r["ports"]), fmt.Sprint("mirrors=", len(mirrors)))
	}
	limits := map[string]string{}
	for _, r := range table(t, ch, "CT_Zone", "_uuid", "limit") {
		limits[id(r["_uuid"])] = fmt.Sprint(r["limit"])
	}
	for _, r := range table(t, ch, "Datapath", "ct_zones") {
		for zone, row := range r.references("ct_zones") {
			name := zones[zone]
			if name == "" {
				name = "zone " + zone
			}
			l.add("CT_Zone", name, "limit="+limits[row])
		}
	}
	for _, r := range table(t, ch, "Open_vSwitch", "other_config") {
		l.add("Open_vSwitch", pairs(r.strings("other_config")))
	}
	sort.Strings(l.lines)
	return l.lines
}

type local struct {
	lines              []string
	ports, qos, queues map[string]string // descriptions by UUID
}

func (l *local) add(words ...string) { l.lines = append(l.lines, strings.Join(words, " ")) }

func (l *local) portNames(v any) string {
	refs, _ := ovsdbSet(v)
	names := make([]string, 0, len(refs))
	for _, ref := range refs {
		names = append(names, l.ports[id(ref)])
	}
	sort.Strings(names)
	return "[" + strings.Join(names, " ") + "]"
}

// id is the UUID that a value refers to, "" for none.
func id(v any) string {
	if ref, ok := v.([]any); ok && len(ref) == 2 && ref[0] == "uuid" {
		return fmt.Sprint(ref[1])
	}
	return ""
}

// ovsdbSet returns the members of a set, of which one may stand alone (RFC 7047,
// section 5.1).
func ovsdbSet(v any) ([]any, bool) {
	if set, ok := v.([]any); ok && len(set) == 2 && set[0] == "set" {
		members, ok := set[1].([]any)
		return members, ok
	}
	return []any{v}, true
}

// references returns a column that is a map to rows.
func (r row) references(column string) map[string]string {
	m := map[string]string{}
	if v, ok := r[column].([]any); ok && len(v) == 2 && v[0] == "map" {
		for _, pair := range v[1].([]any) {
			kv := pair.([]any)
			m[fmt.Sprint(kv[0])] = id(kv[1])
		}
	}
	return m
}

func pairs(m map[string]string) string {
	out := make([]string, 0, len(m))
	for k, v := range m {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return "{" + strings.Join(out, " ") + "}"
}
