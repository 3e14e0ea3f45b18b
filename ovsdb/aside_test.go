package ovsdb_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/ovsdb/ovsdbtest"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// asideBed is a database whose ports' column up may be written and nothing else, and
// somebody who writes as the loop does.
type asideBed struct {
	*replica
	t     *testing.T
	srv   *ovsdbtest.Server
	aside ovsdb.Aside
	now   time.Time
	sent  int
}

func newAsideBed(t *testing.T) (b *asideBed, dp ovsdb.UUID, ports []ovsdb.UUID) {
	ca := ovsdbtest.NewAuthority(t, "ca")
	ca.Issue("server")
	ca.Issue("hv1")
	srv := ovsdbtest.New(t, "--remote=db:OVN_Southbound,SB_Global,connections", "--private-key="+ca.Path("server.key"),
		"--certificate="+ca.Path("server.pem"), "--ca-cert="+ca.Path("ca.pem"))
	srv.Tool("create", srv.Database, ovsdbtest.SouthboundNewest(t))
	srv.Run()
	port := ovsdbtest.FreePort(t)
	srv.Transact("OVN_Southbound",
		`{"op":"insert","table":"SB_Global","row":{"connections":["named-uuid","c"]}}`,
		fmt.Sprintf(`{"op":"insert","table":"Connection","uuid-name":"c","row":{"target":"pssl:%d:127.0.0.1","role":"ovn-controller"}}`, port),
		`{"op":"insert","table":"RBAC_Role","row":{"name":"ovn-controller","permissions":["map",[["Port_Binding",["named-uuid","p"]],["FDB",["named-uuid","f"]]]]}}`,
		`{"op":"insert","table":"RBAC_Permission","uuid-name":"p","row":{"table":"Port_Binding","authorization":"","update":["set",["up"]]}}`,
		`{"op":"insert","table":"RBAC_Permission","uuid-name":"f","row":{"table":"FDB","authorization":"","insert_delete":true}}`)
	admin := southbound(t, ovsdb.Config{Remotes: []string{srv.Unix}})
	admin.connected()
	tx := ovsdb.NewTxn("")
	dp, ports = insertSwitch(tx, 1, "lp0", "lp1", "lp2", "lp3", "lp4")
	admin.must(tx)
	b = &asideBed{t: t, srv: srv, now: time.Unix(1_700_000_000, 0),
		replica: southbound(t, ovsdb.Config{Remotes: []string{fmt.Sprintf("ssl:127.0.0.1:%d", port)}, TLS: files(ca, "hv1")})}
	b.connected()
	b.until("ports", func() bool { return b.db.PortBinding.Len() == 5 })
	return b, dp, ports
}

// write sends a transaction and what is left of it until it is committed or nothing
// is left, and returns what was refused on the way.
func (b *asideBed) write(tx *ovsdb.Txn) (refused []ovsdb.Refusal) {
	b.t.Helper()
	b.sent = 0
	tx = b.aside.Filter(tx, b.now)
	if tx == nil {
		return nil
	}
	for queue := []*ovsdb.Txn{tx}; len(queue) > 0; {
		res := b.transact(queue[0])
		b.sent++
		next, r := b.aside.Sort(&res, b.now)
		if res.Err != nil && next == nil && r == nil {
			b.t.Fatalf("not sorted out: %v", res.Err)
		}
		queue = append(next, queue[1:]...)
		refused = append(refused, r...)
	}
	return refused
}

func up(tx *ovsdb.Txn, ids ...ovsdb.UUID) {
	for _, id := range ids {
		sbdb.UpdatePortBinding(tx, id).SetUp(true)
	}
}

// One operation that is refused keeps no other from being committed; it is tried
// again later and later, and at once when its row has changed.
func TestAside(t *testing.T) {
	b, _, ports := newAsideBed(t)
	build := func(typ string) *ovsdb.Txn {
		tx := ovsdb.NewTxn("")
		sbdb.VerifyPortBinding(tx, b.db.PortBinding.Get(ports[0]), sbdb.PortBindingColTunnelKey)
		up(tx, ports[0])
		sbdb.UpdatePortBinding(tx, ports[1]).SetType(typ).SetUp(true)
		up(tx, ports[2], ports[3])
		return tx
	}
	refused := b.write(build("patch"))
	if len(refused) != 1 || refused[0].Row != ports[1] || refused[0].Table != "Port_Binding" || refused[0].Columns != "type,up" ||
		!ovsdb.IsKind(refused[0].Err, ovsdb.Permission) || b.sent != 2 {
		t.Fatalf("refused %+v after %d transactions", refused, b.sent)
	}
	b.until("the others", func() bool {
		return b.db.PortBinding.Get(ports[0]).Up.Value() && b.db.PortBinding.Get(ports[3]).Up.Value()
	})
	if b.db.PortBinding.Get(ports[1]).Up.Value() {
		t.Error("half of an operation was committed")
	}

	// Back-off: 1, 2, 4 … 64 s.
	delay := time.Second
	for range 9 {
		if b.aside.Next() != b.now.Add(delay) {
			t.Errorf("tried again after %v, want %v", b.aside.Next().Sub(b.now), delay)
		}
		b.now = b.now.Add(delay - time.Millisecond)
		if r := b.write(build("patch")); b.sent != 1 || len(r) != 0 || b.aside.Due(b.now) {
			t.Errorf("sent %d transactions within the delay of %v, refused %v", b.sent, delay, r)
		}
		b.now = b.now.Add(time.Millisecond)
		if !b.aside.Due(b.now) || b.aside.Due(b.now) || !b.aside.Next().IsZero() {
			t.Error("the end of the delay is to be reported once")
		}
		if r := b.write(build("patch")); len(r) != 1 || b.sent != 2 {
			t.Errorf("after the delay: sent %d, refused %v", b.sent, r)
		}
		delay = min(2*delay, 64*time.Second)
	}

	// The row changed, something else is wanted, the connection is another: soon, but
	// not at once.
	for _, c := range []struct {
		name string
		do   func()
		typ  string
	}{
		{"another row", func() {
			b.aside.Changed(func(string) iter.Seq[ovsdb.UUID] { return slices.Values([]ovsdb.UUID{ports[0]}) })
		}, ""},
		{"row", func() {
			b.aside.Changed(func(table string) iter.Seq[ovsdb.UUID] {
				if table != "Port_Binding" {
					t.Errorf("asked for the rows of %s", table)
				}
				return slices.Values([]ovsdb.UUID{ports[0], ports[1]})
			})
		}, "patch"},
		{"connection", b.aside.Reconnected, "patch"},
		{"wish", func() { b.write(build("l3gateway")) }, "l3gateway"},
	} {
		c.do()
		want := b.now.Add(time.Second)
		if c.typ == "" {
			want = b.now.Add(64 * time.Second)
		}
		if next := b.aside.Next(); next != want {
			t.Errorf("%s: tried again after %v, want %v", c.name, next.Sub(b.now), want.Sub(b.now))
		}
		if c.typ == "" {
			continue
		}
		b.now = want
		if r := b.write(build(c.typ)); len(r) != 1 {
			t.Errorf("%s: refused %v", c.name, r)
		}
	}

	// Allowed at last.
	b.srv.Transact("OVN_Southbound", `{"op":"update","table":"RBAC_Permission","where":[["table","==","Port_Binding"]],"row":{"update":["set",["up","type"]]}}`)
	b.now = b.now.Add(64 * time.Second)
	if r := b.write(build("l3gateway")); len(r) != 0 || b.aside.Len() != 0 {
		t.Errorf("refused %v, remembered %v", r, b.aside.List())
	}
}

// Insertions have a UUID and a time that differ with each try, and are known again.
func TestAsideInsertion(t *testing.T) {
	b, dp, ports := newAsideBed(t)
	build := func() *ovsdb.Txn {
		tx := ovsdb.NewTxn("")
		up(tx, ports[0])
		sbdb.InsertMACBinding(tx).SetLogicalPort("lp0").SetIP("10.0.0.9").SetMAC("0a:00:00:00:00:09").SetDatapath(dp).
			SetTimestamp(b.now.UnixMilli())
		id := sbdb.InsertEncap(tx).SetIP("192.0.2.1").SetType("geneve").SetChassisName("x").UUID()
		sbdb.InsertChassis(tx).SetName("x").SetEncaps([]ovsdb.UUID{id})
		sbdb.InsertFDB(tx).SetMAC(fmt.Sprintf("0a:00:00:00:00:%02x", b.now.UnixMilli()/200&0xff)).SetDPKey(1).SetPortKey(1)
		return tx
	}
	if r := b.write(build()); len(r) != 3 || b.sent != 4 {
		t.Errorf("sent %d, refused %v", b.sent, r)
	}
	for range 3 {
		b.now = b.now.Add(200 * time.Millisecond)
		if r := b.write(build()); len(r) != 0 {
			t.Errorf("taken for another: %v", r)
		}
	}
	b.now = b.now.Add(time.Second)
	if r := b.write(build()); len(r) != 3 || r[0].Times != 2 {
		t.Errorf("refused %v", r)
	}
	b.until("what is allowed", func() bool { return b.db.FDB.Len() == 5 && b.db.MACBinding.Len() == 0 })
}

// The server finds some faults when it commits, and names the operation or the row: the
// next try is without it.
func TestAsideAtCommit(t *testing.T) {
	srv := ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t))
	b := &asideBed{t: t, srv: srv, now: time.Unix(1_700_000_000, 0), replica: southbound(t, ovsdb.Config{Remotes: []string{srv.Unix}})}
	b.connected()
	tx := ovsdb.NewTxn("")
	dp, ports := insertSwitch(tx, 1, "lp0", "lp1", "lp2")
	b.must(tx)
	b.until("ports", func() bool { return b.db.PortBinding.Len() == 3 })
	for name, bad := range map[string]func(*ovsdb.Txn){
		"key taken":      func(tx *ovsdb.Txn) { sbdb.UpdatePortBinding(tx, ports[1]).SetTunnelKey(1) },
		"name taken":     func(tx *ovsdb.Txn) { sbdb.InsertChassis(tx).SetName("c").SetEncaps(nil) },
		"no such row":    func(tx *ovsdb.Txn) { sbdb.UpdatePortBinding(tx, ports[1]).SetDatapath(ovsdb.NewUUID()) },
		"still referred": func(tx *ovsdb.Txn) { sbdb.DeleteDatapathBinding(tx, dp) },
		"out of range":   func(tx *ovsdb.Txn) { sbdb.UpdatePortBinding(tx, ports[1]).SetTunnelKey(1 << 40) },
	} {
		t.Run(name, func(t *testing.T) {
			b.aside = ovsdb.Aside{}
			reset := ovsdb.NewTxn("")
			for _, id := range ports {
				sbdb.UpdatePortBinding(reset, id).SetUp(false)
			}
			b.must(reset)
			tx := ovsdb.NewTxn("")
			up(tx, ports[0])
			bad(tx)
			up(tx, ports[2])
			if r := b.write(tx); len(r) != 1 || b.sent != 2 {
				t.Errorf("sent %d, refused %v", b.sent, r)
			}
			b.until("the others", func() bool {
				return b.db.PortBinding.Get(ports[0]).Up.Value() && b.db.PortBinding.Get(ports[2]).Up.Value()
			})
		})
	}
}

// A server that says neither operation nor row is asked about halves; what protects
// them is in both.
func TestAsideHalves(t *testing.T) {
	var a ovsdb.Aside
	tx := ovsdb.NewTxn("")
	row := sbdb.PortBinding{UUID: ovsdb.NewUUID(), LogicalPort: "lp"}
	sbdb.VerifyPortBinding(tx, &row, sbdb.PortBindingColLogicalPort)
	for range 5 {
		up(tx, ovsdb.NewUUID())
	}
	whole := &ovsdb.Error{Name: "constraint violation", Kind: ovsdb.Constraint, Details: "of some kind"}
	next, refused := a.Sort(&ovsdb.Result{Txn: tx, Err: whole}, time.Unix(0, 0))
	if len(next) != 2 || next[0].Len() != 3 || next[1].Len() != 4 || refused != nil {
		t.Fatalf("%v %v", next, refused)
	}
	for _, half := range next {
		if strings.Count(half.String(), `"op":"wait"`) != 1 {
			t.Errorf("without its protection: %v", half)
		}
	}
	// A protection that is at fault, or a server that cannot judge, concerns nobody.
	for _, err := range []error{
		&ovsdb.Error{Kind: ovsdb.Conflict, Name: "timed out"}, &ovsdb.Error{Kind: ovsdb.ReadOnly, Name: "not allowed"},
		&ovsdb.Error{Kind: ovsdb.Unavailable, Name: "not leader"}, ovsdb.ErrNotConnected, ovsdb.ErrUnknownOutcome, errors.New("x"),
	} {
		if next, refused := a.Sort(&ovsdb.Result{Txn: tx, Err: err}, time.Unix(0, 0)); next != nil || refused != nil || a.Len() != 0 {
			t.Errorf("%v: %v %v", err, next, refused)
		}
	}
}

// A thousand operations of one kind that are all refused are not tried one by one.
func TestAsideMany(t *testing.T) {
	b, _, ports := newAsideBed(t)
	tx := ovsdb.NewTxn("")
	// All of them are operations of their own on rows that are there.
	for i := range 200 {
		for _, id := range ports {
			sbdb.UpdatePortBinding(tx, id).SetType(fmt.Sprint(i))
		}
	}
	up(tx, ports[0])
	b.write(tx)
	if b.sent > 34 {
		t.Errorf("%d transactions", b.sent)
	}
	b.until("what is allowed", func() bool { return b.db.PortBinding.Get(ports[0]).Up.Value() })
}
