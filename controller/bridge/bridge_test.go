package bridge

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

func TestBridge(t *testing.T) {
	w := replicatest.New(t)
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	run := func(keys ...string) (State, string) {
		cfg, _ := config.Parse(ovsdb.NewMap(keys...), config.Identity{})
		tx := ovsdb.NewTxn("")
		s := Run(w.Local, cfg, tx, logger)
		return s, w.Print(tx)
	}
	if s, got := run(); got != "" || s.Bridge != nil {
		t.Errorf("an empty database: %+v %s", s, got)
	}
	w.Do("open o")
	s, got := run("ovn-bridge-datapath-type", "netdev")
	for _, want := range []string{
		"mutate Open_vSwitch o other_config delete [vlan-limit] other_config insert {vlan-limit:0}\n",
		"wait Open_vSwitch o bridges=[]\n", "name=br-int type=internal\n", "datapath_type=netdev fail_mode=secure name=br-int",
		"disable-in-band:true hwaddr:", "mutate Open_vSwitch o bridges insert [", "insert Datapath", "datapaths insert {netdev:",
		`comment "ovn-controller: creating integration bridge 'br-int'`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("creation lacks %q:\n%s", want, got)
		}
	}
	if s.Bridge != nil {
		t.Errorf("%+v", s)
	}
	w.Do("open o oc:vlan-limit=0 oc:flow-restore-wait=true")
	w.Do("bridge br-int dptype=system fail=standalone")
	s, got = run("ovn-bridge-datapath-type", "netdev", "ovn-managed-flow-restore-wait", "true")
	for _, want := range []string{
		"update Bridge br-int datapath_type=netdev\n", "update Bridge br-int fail_mode=secure\n",
		"other_config delete [flow-restore-wait]", "external_ids delete [ovn-managed-flow-restore-wait]",
		"insert Flow_Table new", "prefixes=[ip_dst ip_src ipv6_dst ipv6_src]", "update Bridge br-int flow_tables={0:new",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("adjustment lacks %q:\n%s", want, got)
		}
	}
	if s.Bridge == nil || strings.Count(got, "254:new") != 1 || strings.Contains(got, "255:new") {
		t.Errorf("%+v %s", s, got)
	}
	if !strings.Contains(log.String(), "Integration bridge fail-mode changed to 'secure'.") {
		t.Errorf("log: %s", log.String())
	}
	if s, _ = run(); s.Datapath == nil {
		t.Error("the datapath of type system is not found")
	}
}

func TestSettledBridge(t *testing.T) {
	w := replicatest.New(t)
	w.Do("open o oc:vlan-limit=0")
	w.Do("bridge br-int dptype=system fail=secure")
	br := *w.Local.BridgeByName.One("br-int")
	ft := vswitchdb.FlowTable{UUID: w.ID("ft", "all"), Prefixes: prefixes[4]}
	all := map[int64]ovsdb.UUID{}
	for i := range int64(flowTables) {
		all[i] = ft.UUID
	}
	br.FlowTables = ovsdb.MapFrom(all)
	w.Local.Apply(&vswitchdb.Update{
		FlowTable: []ovsdb.RowUpdate[vswitchdb.FlowTable]{{ID: ft.UUID, Kind: ovsdb.RowFull, Row: &ft}},
		Bridge:    []ovsdb.RowUpdate[vswitchdb.Bridge]{{ID: br.UUID, Kind: ovsdb.RowFull, Row: &br}},
	})
	cfg, _ := config.Parse(ovsdb.Map{}, config.Identity{})
	tx := ovsdb.NewTxn("")
	Run(w.Local, cfg, tx, slog.New(slog.DiscardHandler))
	if tx.Len() != 0 {
		t.Errorf("nothing is missing, yet:\n%s", w.Print(tx))
	}
}

func TestPrefixLimit(t *testing.T) {
	for version, want := range map[string]int{"8.3.1": 3, "8.8.0": 4, "9.0.0": 4, "x": 3} {
		schema := &ovsdb.ServerSchema{Version: version, Tables: map[string]map[string]bool{"Flow_Table": {}}}
		if got := maxPrefixes(schema); got != want {
			t.Errorf("%s: %d, want %d", version, got, want)
		}
	}
	if maxPrefixes(nil) != 0 {
		t.Error("without a schema")
	}
}
