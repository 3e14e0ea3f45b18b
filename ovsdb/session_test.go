package ovsdb_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/ovsdb/ovsdbtest"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// replica is a southbound session with the DB it feeds, as the loop would hold it.
type replica struct {
	*ovsdb.Session[sbdb.Update]
	t       testing.TB
	db      *sbdb.DB
	net     *sbdb.Changes // since the last reset
	cond    uint64
	mark    *ovsdb.Mark
	results []*ovsdb.Result
	states  []ovsdb.State
	events  int
	closed  bool
}

func southbound(t testing.TB, cfg ovsdb.Config) *replica {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.MinBackoff == 0 {
		cfg.MinBackoff, cfg.MaxBackoff = 20*time.Millisecond, 160*time.Millisecond
	}
	r := &replica{Session: ovsdb.NewSession(sbdb.Model(), cfg), t: t, db: sbdb.NewDB(), net: new(sbdb.Changes)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return r
}

// until applies events until ok says so.
func (r *replica) until(what string, ok func() bool) {
	r.t.Helper()
	timeout := time.After(15 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond) // for conditions that no event announces
	defer tick.Stop()
	for !ok() {
		select {
		case e, more := <-r.Updates():
			if !more {
				r.closed = true
				r.t.Fatalf("%s: the stream ended", what)
			}
			r.apply(e)
		case <-tick.C:
		case <-timeout:
			r.t.Fatalf("%s: did not happen; state %+v", what, r.State())
		}
	}
}

func (r *replica) apply(e ovsdb.Event[sbdb.Update]) {
	r.events++
	if e.Update != nil || e.Conditions != 0 {
		r.mark = e.Mark
	}
	if e.Update != nil {
		c := r.db.Apply(e.Update)
		for _, err := range c.Errors {
			r.t.Error(err)
		}
		r.net.Merge(c)
	}
	if e.Conditions != 0 {
		r.cond = e.Conditions
	}
	if e.Result != nil {
		r.results = append(r.results, e.Result)
	}
	if e.State != nil {
		r.states = append(r.states, *e.State)
	}
}

func (r *replica) connected() {
	r.t.Helper()
	n := r.State().Connections
	r.until("connecting", func() bool {
		return len(r.states) > 0 && r.states[len(r.states)-1].Connected && r.State().Connections >= max(n, 1)
	})
}

func (r *replica) transact(tx *ovsdb.Txn) ovsdb.Result {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return r.Transact(ctx, tx)
}

func (r *replica) must(tx *ovsdb.Txn) ovsdb.Result {
	r.t.Helper()
	res := r.transact(tx)
	if res.Err != nil {
		r.t.Fatal(res.Err)
	}
	return res
}

// insertSwitch adds a datapath and ports on it.
func insertSwitch(tx *ovsdb.Txn, key int64, ports ...string) (dp ovsdb.UUID, ids []ovsdb.UUID) {
	dp = sbdb.InsertDatapathBinding(tx).SetTunnelKey(key).UUID()
	for i, p := range ports {
		id := sbdb.InsertPortBinding(tx).SetDatapath(dp).SetLogicalPort(p).SetTunnelKey(int64(i + 1)).
			SetMAC([]string{"0a:00:00:00:00:01 10.0.0.1", "unknown"}).SetOptions(ovsdb.NewMap("a", "1", "b", "x \"quoted\" \\ ü")).UUID()
		ids = append(ids, id)
	}
	return dp, ids
}

func TestReplica(t *testing.T) {
	for _, schema := range []struct{ name, path string }{
		{"newest", ovsdbtest.SouthboundNewest(t)},
		{"host", ovsdbtest.SouthboundHost},
	} {
		t.Run(schema.name, func(t *testing.T) {
			srv := ovsdbtest.Start(t, schema.path)
			r := southbound(t, ovsdb.Config{Remotes: []string{srv.Unix}})
			r.connected()
			if st := r.State(); st.Method != "monitor_cond_since" || st.Model != "standalone" || st.SchemaVersion == "" {
				t.Errorf("state %+v", st)
			}
			byName := ovsdb.AddIndex(r.db.PortBinding, func(p *sbdb.PortBinding) (string, bool) { return p.LogicalPort, true })

			tx := ovsdb.NewTxn("a switch")
			dp, ids := insertSwitch(tx, 7, "lp1", "lp2")
			r.must(tx)
			r.until("ports", func() bool { return r.db.PortBinding.Len() == 2 })
			p := byName.One("lp1")
			if p == nil || p.UUID != ids[0] || p.Datapath != dp || p.TunnelKey != 1 || p.Options.Get("b") != "x \"quoted\" \\ ü" ||
				len(p.MAC) != 2 || !p.Chassis.IsZero() || p.Up.IsSet() {
				t.Fatalf("row %+v", p)
			}

			// Differences of sets, maps and optional values.
			tx = ovsdb.NewTxn("changes")
			sbdb.UpdatePortBinding(tx, ids[0]).SetUp(true).MutateMACDelete("unknown").MutateMACInsert("z", "b").
				MutateOptionsDelete("a").MutateOptionsInsert(ovsdb.NewMap("c", "3"))
			sbdb.UpdatePortBinding(tx, ids[1]).MutateOptionsPut(ovsdb.NewMap("a", "2", "d", "4")).SetMAC(nil)
			r.must(tx)
			r.until("changes", func() bool { return r.db.PortBinding.Get(ids[0]).Up.IsSet() })
			p = r.db.PortBinding.Get(ids[0])
			if fmt.Sprint(p.MAC) != "[0a:00:00:00:00:01 10.0.0.1 b z]" || !p.Options.Equal(ovsdb.NewMap("b", "x \"quoted\" \\ ü", "c", "3")) || !p.Up.Value() {
				t.Errorf("row %+v", p)
			}
			p = r.db.PortBinding.Get(ids[1])
			if p.MAC != nil || !p.Options.Equal(ovsdb.NewMap("a", "2", "b", "x \"quoted\" \\ ü", "d", "4")) {
				t.Errorf("row %+v", p)
			}

			// A column that the older schema lacks is left out, counted, and said to be
			// absent.
			has := r.db.HasColumn("Port_Binding", "mirror_port")
			if want := schema.name == "newest"; has != want || r.db.Has("ECMP_Nexthop") != want {
				t.Errorf("HasColumn says %v", has)
			}
			tx = ovsdb.NewTxn("a new column")
			sbdb.UpdatePortBinding(tx, ids[0]).SetMirrorPort("m").SetUp(false)
			if res := r.must(tx); (res.Dropped == 0) != has {
				t.Errorf("dropped %d", res.Dropped)
			}
			r.until("down", func() bool { return !r.db.PortBinding.Get(ids[0]).Up.Value() })

			tx = ovsdb.NewTxn("gone")
			sbdb.DeletePortBinding(tx, ids[1])
			sbdb.DeletePortBinding(tx, ovsdb.NewUUID())
			if res := r.must(tx); len(res.Gone()) != 1 {
				t.Errorf("results %+v", res.Ops)
			}
			r.until("deletion", func() bool { return r.db.PortBinding.Get(ids[1]) == nil })
			if byName.One("lp2") != nil {
				t.Error("the index still has lp2")
			}
		})
	}
}

func TestTransactionErrors(t *testing.T) {
	srv := ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t))
	r := southbound(t, ovsdb.Config{Remotes: []string{srv.Unix}})
	r.connected()
	tx := ovsdb.NewTxn("")
	dp, ids := insertSwitch(tx, 1, "lp1")
	r.must(tx)
	r.until("port", func() bool { return r.db.PortBinding.Len() == 1 })
	row := r.db.PortBinding.Get(ids[0])

	for _, c := range []struct {
		name  string
		kind  ovsdb.ErrorKind
		build func(*ovsdb.Txn)
	}{
		{"verify", ovsdb.Conflict, func(tx *ovsdb.Txn) {
			old := *row
			old.TunnelKey = 99
			sbdb.VerifyPortBinding(tx, &old, sbdb.PortBindingColTunnelKey|sbdb.PortBindingColChassis)
			sbdb.UpdatePortBinding(tx, row.UUID).SetUp(true)
		}},
		{"verify existence", ovsdb.Conflict, func(tx *ovsdb.Txn) {
			sbdb.VerifyPortBinding(tx, &sbdb.PortBinding{UUID: ovsdb.NewUUID()}, 0)
			sbdb.UpdatePortBinding(tx, row.UUID).SetUp(true)
		}},
		{"verify absence", ovsdb.Conflict, func(tx *ovsdb.Txn) {
			sbdb.VerifyNoPortBinding(tx, row, sbdb.PortBindingColLogicalPort)
			sbdb.UpdatePortBinding(tx, row.UUID).SetUp(true)
		}},
		{"index", ovsdb.Constraint, func(tx *ovsdb.Txn) { insertSwitch(tx, 1) }},
		{"reference", ovsdb.Referential, func(tx *ovsdb.Txn) {
			sbdb.UpdatePortBinding(tx, row.UUID).SetDatapath(ovsdb.NewUUID())
		}},
		{"referred", ovsdb.Referential, func(tx *ovsdb.Txn) { sbdb.DeleteDatapathBinding(tx, dp) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			tx := ovsdb.NewTxn(c.name)
			c.build(tx)
			res := r.transact(tx)
			if !ovsdb.IsKind(res.Err, c.kind) || !ovsdb.Retriable(res.Err) {
				t.Errorf("error %v (%T)", res.Err, res.Err)
			}
		})
	}
	t.Run("verified", func(t *testing.T) {
		tx := ovsdb.NewTxn("")
		sbdb.VerifyPortBinding(tx, row, ovsdb.AllColumns)
		sbdb.VerifyNoPortBinding(tx, &sbdb.PortBinding{LogicalPort: "other"}, sbdb.PortBindingColLogicalPort)
		sbdb.UpdatePortBinding(tx, row.UUID).SetUp(true)
		r.Submit(tx)
		r.until("result", func() bool { return len(r.results) == 1 })
		if r.results[0].Err != nil || !r.db.PortBinding.Get(ids[0]).Up.Value() {
			t.Errorf("result %+v, row %+v: the change must come before the result", r.results[0], r.db.PortBinding.Get(ids[0]))
		}
	})
	t.Run("named", func(t *testing.T) {
		tx := ovsdb.NewTxn("")
		sbdb.UpdatePortBinding(tx, row.UUID).SetTunnelKey(1 << 40)
		res := r.transact(tx)
		var e *ovsdb.Error
		if !errors.As(res.Err, &e) || e.Op == nil || e.Op.ID != row.UUID || !strings.Contains(e.Error(), "Port_Binding") {
			t.Errorf("error %v", res.Err)
		}
	})
	t.Run("not connected", func(t *testing.T) {
		srv.Stop()
		r.until("loss", func() bool { return !r.State().Connected && !r.states[len(r.states)-1].Connected })
		tx := ovsdb.NewTxn("")
		sbdb.DeletePortBinding(tx, row.UUID)
		if res := r.transact(tx); !errors.Is(res.Err, ovsdb.ErrNotConnected) {
			t.Errorf("error %v", res.Err)
		}
	})
}

func TestConditions(t *testing.T) {
	srv := ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t))
	r := southbound(t, ovsdb.Config{
		Remotes:    []string{srv.Unix},
		Conditions: ovsdb.Conditions{"Port_Binding": {ovsdb.WhereString("logical_port", "lp1")}, "SB_Global": {}},
	})
	r.connected()
	if r.cond != 1 {
		t.Errorf("conditions in effect: %d", r.cond)
	}
	tx := ovsdb.NewTxn("")
	var ports []string
	for i := range 50 {
		ports = append(ports, fmt.Sprint("lp", i))
	}
	dp, _ := insertSwitch(tx, 1, ports...)
	sbdb.InsertSBGlobal(tx).SetNbCfg(4)
	r.must(tx)
	r.until("lp1", func() bool { return r.db.PortBinding.Len() == 1 })
	if r.db.SBGlobal.Len() != 0 {
		t.Error("an empty condition selects rows")
	}
	seq := r.SetConditions(ovsdb.Conditions{"Port_Binding": {ovsdb.WhereUUID("datapath", dp)}, "SB_Global": nil})
	r.until("wider", func() bool { return r.cond >= seq })
	if n := r.db.PortBinding.Len(); n != 50 || r.db.SBGlobal.Len() != 1 {
		t.Errorf("the conditions are in effect, but there are %d rows", n)
	}
	if again := r.SetConditions(ovsdb.Conditions{"Port_Binding": {ovsdb.WhereUUID("datapath", dp)}, "SB_Global": nil}); again != seq {
		t.Errorf("the same conditions got another number")
	}
	// Many changes at once end with the last one.
	for i := range 20 {
		seq = r.SetConditions(ovsdb.Conditions{"Port_Binding": {
			ovsdb.WhereString("logical_port", fmt.Sprint("lp", i)), {Column: "no_such_column", Function: "==", Value: "1"}}})
	}
	r.until("narrower", func() bool { return r.cond >= seq })
	if r.db.PortBinding.Len() != 1 {
		t.Errorf("%d rows", r.db.PortBinding.Len())
	}
	// Conditions survive a reconnection and are its first ones.
	srv.Stop()
	r.until("loss", func() bool { return !r.State().Connected })
	seq = r.SetConditions(ovsdb.Conditions{"Port_Binding": {ovsdb.WhereString("logical_port", "lp3"), ovsdb.WhereString("logical_port", "lp4")}})
	r.net = new(sbdb.Changes)
	srv.Run()
	r.until("reconnection", func() bool { return r.cond >= seq })
	if r.db.PortBinding.Len() != 2 || len(r.net.PortBinding) != 3 {
		t.Errorf("%d rows, %d changes", r.db.PortBinding.Len(), len(r.net.PortBinding))
	}
}

// A server that is restarted or a connection that is lost must not look like the
// deletion and insertion of everything.
func TestReconnectIsADifference(t *testing.T) {
	srv := ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t))
	r := southbound(t, ovsdb.Config{Remotes: []string{srv.Unix}})
	r.connected()
	tx := ovsdb.NewTxn("")
	_, ids := insertSwitch(tx, 1, "lp1", "lp2", "lp3")
	r.must(tx)
	r.until("ports", func() bool { return r.db.PortBinding.Len() == 3 })
	before := r.db.PortBinding.Get(ids[0])

	srv.Stop()
	r.until("loss", func() bool { return !r.states[len(r.states)-1].Connected })
	if r.db.PortBinding.Len() != 3 {
		t.Error("losing the server lost rows")
	}
	// What happens meanwhile is found on return.
	srv.Run()
	srv.Transact("OVN_Southbound",
		fmt.Sprintf(`{"op":"delete","table":"Port_Binding","where":[["_uuid","==",["uuid","%s"]]]}`, ids[1]),
		fmt.Sprintf(`{"op":"update","table":"Port_Binding","where":[["_uuid","==",["uuid","%s"]]],"row":{"type":"patch"}}`, ids[2]))
	r.net = new(sbdb.Changes)
	r.until("return", func() bool { return r.db.PortBinding.Len() == 2 && r.db.PortBinding.Get(ids[2]).Type == "patch" })
	if r.db.PortBinding.Get(ids[0]) != before {
		t.Error("a row that is the same was replaced")
	}
	if len(r.net.PortBinding) != 2 || len(r.net.DatapathBinding) != 0 {
		t.Errorf("changes %+v", r.net.PortBinding)
	}
	for _, c := range r.net.PortBinding {
		if c.New != nil && c.Cols != sbdb.PortBindingColType {
			t.Errorf("columns %b", c.Cols)
		}
	}
}

func TestLocalDatabase(t *testing.T) {
	for _, schema := range []string{ovsdbtest.VSwitchNewest(t), ovsdbtest.VSwitchHost} {
		srv := ovsdbtest.Start(t, schema)
		s := ovsdb.NewSession(vswitchdb.Model(), ovsdb.Config{
			Remotes: []string{srv.Unix},
			Logger:  slog.New(slog.DiscardHandler),
			Tables: map[string][]string{
				"Open_vSwitch": {"external_ids", "bridges"},
				"Bridge":       {"name", "ports", "fail_mode"},
				"Port":         nil,
				"Interface":    {"name", "external_ids", "ofport", "link_state"},
				"Datapath":     {"ct_zones", "capabilities"},
				"No_Such":      {"x"},
			},
		})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); s.Run(ctx) }()
		db := vswitchdb.NewDB()
		out, err := exec.Command("/usr/bin/ovs-vsctl", "--no-wait", "--db="+srv.Unix, "init", "--",
			"set", "Open_vSwitch", ".", "external_ids:system-id=hv1", "--", "add-br", "br-int", "--",
			"add-port", "br-int", "p1", "--", "set", "Interface", "p1", "external_ids:iface-id=lp1").CombinedOutput()
		if err != nil {
			t.Fatalf("ovs-vsctl: %v\n%s", err, out)
		}
		timeout := time.After(10 * time.Second)
		for db.Interface.Len() < 2 {
			select {
			case e := <-s.Updates():
				if e.Update != nil {
					db.Apply(e.Update)
				}
			case <-timeout:
				t.Fatal("no interfaces")
			}
		}
		var root *vswitchdb.OpenVSwitch
		for r := range db.OpenVSwitch.All() {
			root = r
		}
		if root.ExternalIDs.Get("system-id") != "hv1" || len(root.Bridges) != 1 || root.OVSVersion.IsSet() {
			t.Errorf("row %+v", root)
		}
		for i := range db.Interface.All() {
			if i.Name == "p1" && i.ExternalIDs.Get("iface-id") != "lp1" {
				t.Errorf("row %+v", i)
			}
		}
		if db.SFlow.Len() != 0 || db.Bridge.Get(root.Bridges[0]).Name != "br-int" {
			t.Error("bridge")
		}
		cancel()
		<-done
	}
}

func TestMain(m *testing.M) {
	os.Setenv("OVS_SYSLOG_METHOD", "null")
	goleak.VerifyTestMain(m)
}
