package ovsdb_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/ovsdb/ovsdbtest"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// saved takes a snapshot of the replica.
func (r *replica) saved() []byte {
	r.t.Helper()
	if r.mark == nil {
		r.t.Fatal("nothing to go on from")
	}
	var b bytes.Buffer
	if err := ovsdb.WriteSnapshot(&b, sbdb.Model(), ovsdb.SnapshotHead{Mark: r.mark}, r.db.Freeze()); err != nil {
		r.t.Fatal(err)
	}
	return b.Bytes()
}

// restored is a session that goes on from a snapshot, and the sequence number of
// its conditions.
func restored(t testing.TB, cfg ovsdb.Config, snapshot []byte) (*replica, uint64) {
	t.Helper()
	remotes := cfg.Remotes
	cfg.Remotes = nil
	r := southbound(t, cfg)
	head, u, err := ovsdb.ReadSnapshot(snapshot, sbdb.Model(), anyHead)
	if err != nil {
		t.Fatal(err)
	}
	r.db.Apply(u)
	seq := r.Resume(head.Mark)
	r.SetRemotes(remotes)
	r.Reconnect()
	return r, seq
}

// TestResumeFromSnapshot: a session of another process, so to speak, gets only what
// happened in between, under the conditions of the snapshot, and may change them.
func TestResumeFromSnapshot(t *testing.T) {
	srv := ovsdbtest.StartCluster(t, ovsdbtest.SouthboundNewest(t), 1)[0]
	writer := southbound(t, ovsdb.Config{Remotes: []string{srv.Unix}})
	writer.connected()
	tx := ovsdb.NewTxn("")
	dp1, ids := insertSwitch(tx, 1, "a1", "a2", "a3")
	dp2, _ := insertSwitch(tx, 2, "b1", "b2")
	for i := range 300 {
		sbdb.InsertAddressSet(tx).SetName(fmt.Sprint("as", i))
	}
	writer.must(tx)

	first := southbound(t, ovsdb.Config{
		Remotes: []string{srv.Unix}, Conditions: ovsdb.Conditions{"Port_Binding": {ovsdb.WhereUUID("datapath", dp1)}},
	})
	first.connected()
	if first.db.PortBinding.Len() != 3 {
		t.Fatalf("%d ports", first.db.PortBinding.Len())
	}
	// Marks follow every update.
	tx = ovsdb.NewTxn("")
	sbdb.UpdatePortBinding(tx, ids[0]).SetType("patch")
	writer.must(tx)
	first.until("patch", func() bool { return first.db.PortBinding.Get(ids[0]).Type == "patch" })
	snapshot := first.saved()

	tx = ovsdb.NewTxn("")
	sbdb.UpdatePortBinding(tx, ids[1]).SetType("patch")
	sbdb.DeletePortBinding(tx, ids[2])
	sbdb.InsertAddressSet(tx).SetName("new")
	writer.must(tx)
	r, seq := restored(t, ovsdb.Config{Remotes: []string{srv.Unix}}, snapshot)
	r.until("resumption", func() bool { return r.cond == seq })
	if st := r.State(); st.Resyncs != 0 || st.Method != "monitor_cond_since" {
		t.Errorf("everything was sent: %+v", st)
	}
	if n := len(r.net.PortBinding); n != 2 || r.db.PortBinding.Len() != 2 || len(r.net.AddressSet) != 1 || r.db.AddressSet.Len() != 301 {
		t.Errorf("%d changed ports of %d, %d sets of %d", n, r.db.PortBinding.Len(), len(r.net.AddressSet), r.db.AddressSet.Len())
	}
	// Conditions that were set before it connected come after those of the snapshot.
	r.net = new(sbdb.Changes)
	wide := r.SetConditions(ovsdb.Conditions{"Port_Binding": {ovsdb.WhereUUID("datapath", dp1), ovsdb.WhereUUID("datapath", dp2)}})
	r.until("conditions", func() bool { return r.cond == wide })
	if n := len(r.net.PortBinding); n != 2 || r.db.PortBinding.Len() != 4 {
		t.Errorf("%d changed ports of %d", n, r.db.PortBinding.Len())
	}

	// More transactions than servers keep: everything is sent, and nothing else is
	// different.
	snapshot = r.saved()
	var set ovsdb.UUID
	for a := range r.db.AddressSet.All() {
		set = a.UUID
	}
	for i := range 110 {
		tx = ovsdb.NewTxn("")
		sbdb.UpdateAddressSet(tx, set).SetName(fmt.Sprint("renamed", i))
		writer.must(tx)
	}
	late, seq := restored(t, ovsdb.Config{Remotes: []string{srv.Unix}}, snapshot)
	late.until("contents", func() bool { return late.cond == seq })
	if st := late.State(); st.Resyncs != 1 || late.db.PortBinding.Len() != 4 || late.db.AddressSet.Len() != 301 {
		t.Errorf("%d ports, %d sets, %+v", late.db.PortBinding.Len(), late.db.AddressSet.Len(), st)
	}
	if n := len(late.net.PortBinding) + len(late.net.AddressSet); n != 1 {
		t.Errorf("%d changes", n)
	}
}

// lines collects log lines.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) has(part string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), part)
}

// TestResumeElsewhere: what fits neither server nor session is not asked for.
func TestResumeElsewhere(t *testing.T) {
	schema := ovsdbtest.SouthboundNewest(t)
	srv, other := ovsdbtest.StartCluster(t, schema, 1)[0], ovsdbtest.StartCluster(t, schema, 1)[0]
	tables := map[string][]string{"SB_Global": nil, "Address_Set": {"name"}}
	w := southbound(t, ovsdb.Config{Remotes: []string{srv.Unix}, Tables: tables})
	w.connected()
	tx := ovsdb.NewTxn("")
	sbdb.InsertAddressSet(tx).SetName("as")
	w.must(tx)
	w.until("row", func() bool { return w.db.AddressSet.Len() == 1 && w.mark != nil })
	snapshot := w.saved()
	old := *w.mark
	old.SchemaVersion = "20.0.0"
	var aged bytes.Buffer
	if err := ovsdb.WriteSnapshot(&aged, sbdb.Model(), ovsdb.SnapshotHead{Mark: &old}, w.db.Freeze()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what     string
		srv      *ovsdbtest.Server
		tables   map[string][]string
		snapshot []byte
		rows     int
	}{
		{"the cluster is", other, tables, snapshot, 0},
		{"other tables and columns", srv, map[string][]string{"SB_Global": nil, "Address_Set": {"name", "addresses"}}, snapshot, 1},
		{"it was 20.0.0", srv, tables, aged.Bytes(), 1},
	} {
		log := new(lines)
		r, seq := restored(t, ovsdb.Config{Remotes: []string{c.srv.Unix}, Tables: c.tables, Logger: slog.New(slog.NewTextHandler(log, nil))}, c.snapshot)
		r.until("contents", func() bool { return r.cond == seq })
		if r.State().Resyncs != 1 || !log.has("everything is fetched again") || !log.has(c.what) || r.db.AddressSet.Len() != c.rows {
			t.Errorf("%s: %d rows, %+v", c.what, r.db.AddressSet.Len(), r.State())
		}
	}
}

// TestMarks: there is no mark when there is nothing to go on from.
func TestMarks(t *testing.T) {
	alone := southbound(t, ovsdb.Config{Remotes: []string{ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t)).Unix}})
	alone.connected()
	if alone.mark != nil {
		t.Errorf("of a standalone server: %+v", alone.mark)
	}
	srv := ovsdbtest.StartCluster(t, laxSchema(t), 1)[0]
	p := ovsdbtest.StartProxy(t, srv.Unix)
	r := southbound(t, ovsdb.Config{Remotes: []string{p.Remote}, Conditions: ovsdb.Conditions{"Address_Set": {}}})
	r.connected()
	w := southbound(t, ovsdb.Config{Remotes: []string{srv.Unix}})
	w.connected()
	tx := ovsdb.NewTxn("")
	sbdb.InsertAddressSet(tx).SetName("as")
	sbdb.InsertPortGroup(tx).SetName("pg")
	w.must(tx)
	r.until("row", func() bool { return r.db.PortGroup.Len() == 1 })
	if r.mark == nil || r.mark.ClusterID.IsZero() || len(r.mark.Conditions) != 1 {
		t.Fatalf("mark %+v", r.mark)
	}
	// While conditions change, no update has a mark; afterwards it names the new ones.
	p.Set(ovsdbtest.Faults{Delay: 100 * time.Millisecond})
	n := r.cond
	r.SetConditions(ovsdb.Conditions{})
	r.until("rows", func() bool { return r.db.AddressSet.Len() == 1 })
	if r.cond == n && r.mark != nil {
		t.Errorf("mark before the conditions are in effect: %+v", r.mark)
	}
	p.Set(ovsdbtest.Faults{})
	r.until("conditions", func() bool { return r.cond > n })
	if r.mark == nil || len(r.mark.Conditions) != 0 || r.db.AddressSet.Len() != 1 {
		t.Errorf("mark %+v, %d sets", r.mark, r.db.AddressSet.Len())
	}
	// A row that is left out is missing in the replica, whatever the server thinks.
	srv.Transact("OVN_Southbound", `{"op":"insert","table":"Logical_Flow","row":{"pipeline":"ingress","table_id":99,"priority":1,"match":"1","actions":"drop;"}}`)
	r.until("bad row", func() bool { return r.State().BadRows == 1 })
	tx = ovsdb.NewTxn("")
	sbdb.InsertAddressSet(tx).SetName("as2")
	w.must(tx)
	r.until("row", func() bool { return r.db.AddressSet.Len() == 2 })
	if r.mark != nil {
		t.Errorf("mark of a replica with a gap: %+v", r.mark)
	}
}

// laxSchema is a schema whose logical flows may be in tables that do not exist.
func laxSchema(t *testing.T) string {
	b, err := os.ReadFile(ovsdbtest.SouthboundNewest(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "schema")
	b = bytes.Replace(b, []byte(`"maxInteger": 33`), []byte(`"maxInteger": 99`), 1)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
