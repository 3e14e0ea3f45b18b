// Package bridge keeps the integration bridge as the agent needs it: present, in
// secure fail mode, of the configured datapath type, with classifier prefixes on
// all flow tables, and the global settings that go with it
// (ovs-vswitchd.conf.db(5)).
package bridge

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

const flowTables = 255

// prefixes are tracked in every flow table so that wildcards of addresses stay
// narrow, by how many the server allows. Sorted, as sets are.
var prefixes = map[int][]string{
	3: {"ip_dst", "ip_src", "ipv6_src"},
	4: {"ip_dst", "ip_src", "ipv6_dst", "ipv6_src"},
}

// maxPrefixes is how many prefixes a Flow_Table of the server may hold: three,
// and four with schema 8.8.0.
func maxPrefixes(schema *ovsdb.ServerSchema) int {
	if schema == nil || schema.Tables["Flow_Table"] == nil {
		return 0
	}
	var major, minor int
	if _, err := fmt.Sscanf(schema.Version, "%d.%d", &major, &minor); err != nil {
		return 3
	}
	if major > 8 || major == 8 && minor >= 8 {
		return 4
	}
	return 3
}

// State is what the duty found.
type State struct {
	// Bridge is nil while it does not exist in the replica.
	Bridge *vswitchdb.Bridge
	// Datapath is the row of the bridge's datapath type, nil while there is none.
	Datapath *vswitchdb.Datapath
}

// Run looks at the local database and adds to tx what is missing. With tx nil it
// only looks.
func Run(l *replica.Local, cfg config.Config, tx *ovsdb.Txn, log *slog.Logger) State {
	root := l.Root()
	if root == nil {
		return State{}
	}
	br := l.BridgeByName.One(cfg.Bridge)
	s := State{Bridge: br}
	dpType := cfg.BridgeDatapathType
	if dpType == "" && br != nil {
		dpType = br.DatapathType
	}
	if dpType == "" {
		dpType = config.DefaultDatapath
	}
	if id, ok := root.Datapaths.Lookup(dpType); ok {
		s.Datapath = l.Datapath.Get(id)
	}
	if tx == nil {
		return s
	}
	ensureGlobals(root, cfg, tx)
	if br == nil {
		create(root, cfg, dpType, tx)
	} else {
		adjust(br, dpType, tx, log)
		setPrefixes(l, br, tx, log)
	}
	if s.Datapath == nil && l.HasColumn("Open_vSwitch", "datapaths") {
		if _, ok := root.Datapaths.Lookup(dpType); !ok {
			tx.AddComment(fmt.Sprintf("ovn-controller: creating bridge datapath '%s'", dpType))
			vswitchdb.VerifyOpenVSwitch(tx, root, vswitchdb.OpenVSwitchColDatapaths)
			id := vswitchdb.InsertDatapath(tx).UUID()
			vswitchdb.UpdateOpenVSwitch(tx, root.UUID).
				MutateDatapathsInsert(ovsdb.MapFrom(map[string]ovsdb.UUID{dpType: id}))
		}
	}
	return s
}

func ensureGlobals(root *vswitchdb.OpenVSwitch, cfg config.Config, tx *ovsdb.Txn) {
	// ACLs may match inside doubly tagged packets, for which OVS must parse all tags.
	if root.OtherConfig.Get("vlan-limit") != "0" {
		vswitchdb.UpdateOpenVSwitch(tx, root.UUID).MutateOtherConfigPut(ovsdb.NewMap("vlan-limit", "0"))
	}
	if cfg.FlowRestoreMarked {
		if replica.True(root.OtherConfig, "flow-restore-wait") {
			vswitchdb.UpdateOpenVSwitch(tx, root.UUID).MutateOtherConfigDelete("flow-restore-wait")
		}
		vswitchdb.UpdateOpenVSwitch(tx, root.UUID).MutateExternalIDsDelete("ovn-managed-flow-restore-wait")
	}
}

func create(root *vswitchdb.OpenVSwitch, cfg config.Config, dpType string, tx *ovsdb.Txn) {
	name := cfg.Bridge
	tx.AddComment(fmt.Sprintf("ovn-controller: creating integration bridge '%s'", name))
	vswitchdb.VerifyOpenVSwitch(tx, root, vswitchdb.OpenVSwitchColBridges)
	iface := vswitchdb.InsertInterface(tx).SetName(name).SetType("internal").UUID()
	port := vswitchdb.InsertPort(tx).SetName(name).SetInterfaces([]ovsdb.UUID{iface}).UUID()
	br := vswitchdb.InsertBridge(tx).SetName(name).SetPorts([]ovsdb.UUID{port}).
		SetFailMode("secure").SetDatapathType(dpType).
		// With a hardware address of its own the bridge keeps its datapath id when
		// the first port is added; otherwise the switch would drop all connections.
		SetOtherConfig(ovsdb.NewMap("disable-in-band", "true", "hwaddr", randomMAC().String())).UUID()
	vswitchdb.UpdateOpenVSwitch(tx, root.UUID).MutateBridgesInsert(br)
}

func randomMAC() net.HardwareAddr {
	v := rand.Uint64()
	mac := net.HardwareAddr{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24), byte(v >> 32), byte(v >> 40)}
	mac[0] = mac[0]&^1 | 2 // unicast, locally administered
	return mac
}

func adjust(br *vswitchdb.Bridge, dpType string, tx *ovsdb.Txn, log *slog.Logger) {
	if br.DatapathType != dpType {
		vswitchdb.UpdateBridge(tx, br.UUID).SetDatapathType(dpType)
	}
	if br.FailMode.Value() != "secure" {
		vswitchdb.UpdateBridge(tx, br.UUID).SetFailMode("secure")
		log.Warn("Integration bridge fail-mode changed to 'secure'.")
	}
}

func setPrefixes(l *replica.Local, br *vswitchdb.Bridge, tx *ovsdb.Txn, log *slog.Logger) {
	n := maxPrefixes(l.Schema())
	if n == 0 {
		return
	}
	want := prefixes[n]
	shared := ovsdb.UUID{}
	same := br.FlowTables.Len() == flowTables
	for _, id := range br.FlowTables.All() {
		if shared.IsZero() {
			shared = id
		}
		same = same && id == shared
	}
	if ft := l.FlowTable.Get(shared); same && ft != nil {
		if len(ft.Prefixes) == n {
			return
		}
		vswitchdb.UpdateFlowTable(tx, ft.UUID).SetPrefixes(want)
	} else {
		id := vswitchdb.InsertFlowTable(tx).SetPrefixes(want).UUID()
		all := make(map[int64]ovsdb.UUID, flowTables)
		for t := range int64(flowTables) {
			all[t] = id
		}
		vswitchdb.UpdateBridge(tx, br.UUID).SetFlowTables(ovsdb.MapFrom(all))
	}
	log.Info("Setting flow table prefixes: " + strings.Join(want, ", ") + ".")
}
