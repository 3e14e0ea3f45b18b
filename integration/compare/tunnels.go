package compare

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TunnelPort is a tunnel port that an agent made.
type TunnelPort struct {
	port  string // UUID of its row of table Port
	name  string
	id    string // external_ids:ovn-chassis-id, CHASSIS@REMOTE%LOCAL
	iface row
}

// readTunnels returns the tunnel ports of a chassis.
func readTunnels(t integration.T, ch *integration.Chassis) []TunnelPort {
	ifaces := map[string]row{}
	for _, r := range table(t, ch, "Interface", "name", "type", "options") {
		ifaces[fmt.Sprint(r["name"])] = r
	}
	var tunnels []TunnelPort
	for _, r := range table(t, ch, "Port", "_uuid", "name", "external_ids") {
		if id := r.strings("external_ids")["ovn-chassis-id"]; id != "" {
			name := fmt.Sprint(r["name"])
			tunnels = append(tunnels, TunnelPort{port: fmt.Sprint(r["_uuid"].([]any)[1]), name: name, id: id, iface: ifaces[name]})
		}
	}
	return tunnels
}

// PlantTunnels gives a chassis the tunnel ports that another agent made where
// there are several to one chassis. Where any of them will do the reference takes
// one by the UUIDs of their rows, which are random; here they are the same. An
// agent keeps the tunnels it finds if they are right.
func PlantTunnels(ch *integration.Chassis, tunnels []TunnelPort) {
	chassis := func(p TunnelPort) string {
		name, _, _ := strings.Cut(p.id, "@")
		return name
	}
	count := map[string]int{}
	for _, p := range tunnels {
		count[chassis(p)]++
	}
	tunnels = slices.DeleteFunc(slices.Clone(tunnels), func(p TunnelPort) bool { return count[chassis(p)] < 2 })
	if len(tunnels) == 0 {
		return
	}
	var operations, ports []any
	for i, p := range tunnels {
		iface := fmt.Sprintf("iface%d", i)
		operations = append(operations,
			map[string]any{"op": "insert", "table": "Interface", "uuid-name": iface, "row": p.iface},
			map[string]any{"op": "insert", "table": "Port", "uuid": p.port, "row": map[string]any{
				"name": p.name, "interfaces": []any{"named-uuid", iface},
				"external_ids": []any{"map", []any{[]any{"ovn-chassis-id", p.id}}}}})
		ports = append(ports, []any{"uuid", p.port})
	}
	ch.TransactLocal(append(operations, map[string]any{"op": "mutate", "table": "Bridge",
		"where":     []any{[]any{"name", "==", "br-int"}},
		"mutations": []any{[]any{"ports", "insert", []any{"set", ports}}}})...)
}
