package compare

import (
	"fmt"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// Fresh observes an agent of the given kind that is started from nothing on a
// copy of the databases of ch: what ch's agent, which lived through every change,
// should have arrived at.
func Fresh(t integration.T, c *integration.Cluster, ch *integration.Chassis, kind integration.AgentKind) *Observation {
	opt := c.CopyOptions()
	opt.Agent = kind
	copied := integration.NewCluster(t, opt)
	twin := copied.AddBareChassis(ch.Name)
	for _, row := range table(t, ch, "Open_vSwitch", "external_ids") {
		args := []string{"set", "Open_vSwitch", "."}
		for k, v := range row.strings("external_ids") {
			if strings.HasPrefix(k, "ovn-remote") {
				continue // the copy has its own southbound server
			}
			args = append(args, fmt.Sprintf("external_ids:%s=%q", k, v))
		}
		for _, mapping := range strings.Split(row.strings("external_ids")["ovn-bridge-mappings"], ",") {
			if _, bridge, ok := strings.Cut(mapping, ":"); ok {
				twin.VSCtl("--", "--may-exist", "add-br", bridge, "--", "set", "Bridge", bridge, "datapath_type=dummy")
			}
		}
		args = append(args, "external_ids:ovn-bridge-datapath-type=dummy")
		twin.VSCtl(args...)
	}
	for _, row := range table(t, ch, "Interface", "name", "ofport", "mtu_request", "external_ids") {
		ids := row.strings("external_ids")
		number, ok := row["ofport"].(float64)
		if ids["iface-id"] == "" || !ok || number <= 0 {
			continue
		}
		var columns []string
		for k, v := range ids {
			if !strings.HasPrefix(k, "ovn-installed") {
				columns = append(columns, fmt.Sprintf("external_ids:%s=%q", k, v))
			}
		}
		if mtu, ok := row["mtu_request"].(float64); ok {
			columns = append(columns, fmt.Sprintf("mtu_request=%d", int(mtu)))
		}
		twin.AddDummy(ids["iface-id"], int(number), columns...)
	}
	for _, row := range table(t, ch, "Flow_Sample_Collector_Set", "id") {
		twin.VSCtl("--id=@br", "get", "Bridge", "br-int", "--", "create", "Flow_Sample_Collector_Set",
			"bridge=@br", fmt.Sprintf("id=%v", row["id"]))
	}
	PlantTunnels(twin, readTunnels(t, ch))
	before := learnedRows(t, copied)
	twin.StartAgent()
	if err := copied.WaitSettled(twin, time.Minute); err != nil {
		t.Fatalf("fresh agent on a copy of %s does not settle: %v\n%s", ch.Name, err, twin.Agent.Tail(30))
	}
	o := Observe(t, copied, twin)
	o.Known = before
	return o
}

// learnedTables are those to which agents write what they see and announce.
var learnedTables = []string{"MAC_Binding", "FDB"}

// learnedRows returns the cookies of the rows of learnedTables.
func learnedRows(t integration.T, c *integration.Cluster) map[string]bool {
	cookies := map[string]bool{}
	for _, name := range learnedTables {
		for _, r := range decodeTable(t, c.SB("--format=json", "--columns=_uuid", "list", name)) {
			cookie, _, _ := strings.Cut(fmt.Sprint(r["_uuid"].([]any)[1]), "-")
			cookies[strings.TrimLeft(cookie, "0")] = true
		}
	}
	return cookies
}
