package neighbor

import (
	"iter"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/learned"
	"github.com/ovn-chassis/ovn-chassis/controller/portkey"
	"github.com/ovn-chassis/ovn-chassis/controller/rowlimit"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

var (
	dp, lrp, crp, row = ovsdb.UUID{1}, ovsdb.UUID{2}, ovsdb.UUID{3}, ovsdb.UUID{4}
	ip                = netip.MustParseAddr("10.0.0.9")
	macA              = pinctrl.MAC{2, 0, 0, 0, 0, 0xa}
)

func full[R any](id ovsdb.UUID, r *R) []ovsdb.RowUpdate[R] {
	return []ovsdb.RowUpdate[R]{{ID: id, Kind: ovsdb.RowFull, Row: r}}
}

func router(db *sbdb.DB) *sbdb.Changes {
	return db.Apply(&sbdb.Update{
		DatapathBinding: full(dp, &sbdb.DatapathBinding{UUID: dp, TunnelKey: 7}),
		PortBinding: append(full(lrp, &sbdb.PortBinding{UUID: lrp, Datapath: dp, TunnelKey: 1, LogicalPort: "lrp", Type: "patch"}),
			full(crp, &sbdb.PortBinding{UUID: crp, Datapath: dp, TunnelKey: 2, LogicalPort: "cr-lrp", Type: "chassisredirect",
				Options: ovsdb.NewMap("distributed-port", "lrp")})...),
	})
}

func binding(id ovsdb.UUID, mac string) []ovsdb.RowUpdate[sbdb.MACBinding] {
	return full(id, &sbdb.MACBinding{UUID: id, Datapath: dp, LogicalPort: "lrp", IP: "10.0.0.9", MAC: mac})
}

func TestIndexFollowsTheReplica(t *testing.T) {
	db, x := sbdb.NewDB(), NewIndex()
	if x.Update(router(db)) {
		t.Error("ports alone make nothing known")
	}
	expect := func(port uint32, want string) {
		t.Helper()
		m, ok := x.Neighbor(pinctrl.Neighbor{Datapath: 7, Port: port, IP: ip})
		if got := m.String(); ok != (want != "") || ok && got != want {
			t.Errorf("port %d: neighbour %s, known %v; want %q", port, got, ok, want)
		}
	}
	expect(1, "")
	if !x.Update(db.Apply(&sbdb.Update{MACBinding: binding(row, "02:00:00:00:00:0a")})) {
		t.Error("a new binding makes an address known")
	}
	expect(1, "02:00:00:00:00:0a")
	expect(2, "02:00:00:00:00:0a") // by way of the distributed port
	expect(3, "")
	x.Update(db.Apply(&sbdb.Update{MACBinding: binding(row, "02:00:00:00:00:0b")}))
	expect(1, "02:00:00:00:00:0b")
	// A row replaced by another within one update.
	x.Update(db.Apply(&sbdb.Update{MACBinding: append(binding(ovsdb.UUID{5}, "02:00:00:00:00:0c"),
		ovsdb.RowUpdate[sbdb.MACBinding]{ID: row, Kind: ovsdb.RowDelete})}))
	expect(1, "02:00:00:00:00:0c")
	x.Update(db.Apply(&sbdb.Update{MACBinding: []ovsdb.RowUpdate[sbdb.MACBinding]{{ID: ovsdb.UUID{5}, Kind: ovsdb.RowDelete}}}))
	expect(1, "")
	x.Update(db.Apply(&sbdb.Update{MACBinding: binding(row, "not a MAC")}))
	expect(1, "")
}

func TestRouterPorts(t *testing.T) {
	db, x := sbdb.NewDB(), NewIndex()
	x.Update(router(db))
	sw := ovsdb.UUID{20}
	port := func(id byte, dp ovsdb.UUID, key int64, name, typ, peer string) *sbdb.PortBinding {
		return &sbdb.PortBinding{UUID: ovsdb.UUID{21, id}, Datapath: dp, TunnelKey: key, LogicalPort: name, Type: typ,
			Options: ovsdb.NewMap("peer", peer)}
	}
	u := &sbdb.Update{}
	u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: dp, TunnelKey: 7, ExternalIDs: ovsdb.NewMap("logical-router", "x")})
	u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: sw, TunnelKey: 8, ExternalIDs: ovsdb.NewMap("logical-switch", "x")})
	u.PutPortBinding(port(0, dp, 5, "lr-sw", "patch", "sw-lr"))
	u.PutPortBinding(port(1, sw, 1, "sw-lr", "patch", "lr-sw"))
	u.PutPortBinding(port(2, sw, 2, "vm", "", ""))
	u.PutPortBinding(port(3, sw, 3, "odd", "patch", "vm"))
	x.Update(db.Apply(u))
	for in, want := range map[pinctrl.PortKey]pinctrl.PortKey{
		{Datapath: 7, Port: 5}: {Datapath: 7, Port: 5}, {Datapath: 7, Port: 2}: {Datapath: 7, Port: 1},
		{Datapath: 8, Port: 1}: {Datapath: 7, Port: 5}, {Datapath: 8, Port: 2}: {}, {Datapath: 8, Port: 3}: {},
		{Datapath: 8, Port: 9}: {}, {Datapath: 9, Port: 1}: {},
	} {
		if got, ok := x.Router(in); ok != (want != pinctrl.PortKey{}) || ok && got != want {
			t.Errorf("router port of %v: %v, %v; want %v", in, got, ok, want)
		}
	}
	var q Queue
	x.Pending = q.Pending
	q.Put(pinctrl.Neighbor{Datapath: 7, Port: 5, IP: ip}, macA)
	if m, ok := x.Neighbor(pinctrl.Neighbor{Datapath: 7, Port: 5, IP: ip}); !ok || m != macA {
		t.Error("what is being written is not known")
	}
}

func TestWrite(t *testing.T) {
	db := sbdb.NewDB()
	tables := NewTables(db, portkey.New(db))
	router(db)
	var q Queue
	woken := 0
	q.Wake = func() { woken++ }
	n := pinctrl.Neighbor{Datapath: 7, Port: 1, IP: ip}
	log := slog.New(slog.DiscardHandler)
	now := time.UnixMilli(5)
	write := func() string {
		tx := ovsdb.NewTxn("")
		q.Write(tables, tx, now, log)
		now = now.Add(learned.WriteInterval)
		return tx.String()
	}
	q.Put(n, macA)
	if woken != 1 {
		t.Error("nobody was told")
	}
	q.Write(tables, nil, now, log) // must keep it
	got := write()
	for _, want := range []string{"insert", "MAC_Binding", "lrp", "10.0.0.9", macA.String(), "5"} {
		if !strings.Contains(got, want) {
			t.Errorf("transaction %s lacks %q", got, want)
		}
	}
	// What came of the transaction is not known: it is tried again, but not at once.
	if got := write(); strings.Contains(got, "MAC_Binding") {
		t.Errorf("tried again at once: %s", got)
	}
	if next := q.NextTimer(); !next.Equal(time.UnixMilli(5).Add(learned.MinBackoff)) {
		t.Errorf("next try at %v", next)
	}
	now = q.NextTimer()
	if got := write(); !strings.Contains(got, "insert") {
		t.Errorf("not tried again after a transaction that came to nothing: %s", got)
	}
	db.Apply(&sbdb.Update{MACBinding: binding(row, macA.String())})
	q.Put(n, macA)
	if got := write(); strings.Contains(got, "MAC_Binding") || q.Len() != 0 {
		t.Errorf("what is there is written again: %s", got)
	}
	q.Put(n, pinctrl.MAC{2, 0, 0, 0, 0, 0xb})
	if got := write(); !strings.Contains(got, "update") || !strings.Contains(got, "02:00:00:00:00:0b") {
		t.Errorf("a moved address is not updated: %s", got)
	}
	q.Put(pinctrl.Neighbor{Datapath: 7, Port: 99, IP: ip}, macA)
	if got := write(); strings.Contains(got, "MAC_Binding") {
		t.Errorf("written for a port that is not there: %s", got)
	}
	for i := range 2 * learned.MaxQueued {
		q.Put(pinctrl.Neighbor{Datapath: 7, Port: uint32(i), IP: ip}, macA)
	}
	if q.Len() != learned.MaxQueued {
		t.Errorf("%d are queued", q.Len())
	}
}

// A transaction that never succeeds is not tried for ever, and a storm of addresses
// is no storm of transactions.
func TestTriesAreBounded(t *testing.T) {
	db := sbdb.NewDB()
	tables := NewTables(db, portkey.New(db))
	router(db)
	var q Queue
	log := slog.New(slog.DiscardHandler)
	start := time.Unix(1000, 0)
	writes := 0
	for now := start; now.Before(start.Add(2 * time.Minute)); now = now.Add(time.Millisecond) {
		if now.Before(start.Add(time.Second)) {
			for range 10 {
				q.Put(pinctrl.Neighbor{Datapath: 7, Port: 1, IP: netip.AddrFrom4([4]byte{10, 0, byte(writes), 1})}, macA)
			}
		}
		tx := ovsdb.NewTxn("")
		if q.Write(tables, tx, now, log); tx.Len() > 0 {
			writes++
		}
		if now.Equal(start.Add(time.Second)) && writes > int(time.Second/learned.WriteInterval)+1 {
			t.Errorf("%d transactions in a second", writes)
		}
	}
	if q.Len() != 0 || q.Dropped() == 0 {
		t.Errorf("%d wait for ever, %d dropped", q.Len(), q.Dropped())
	}
}

// At the limit the least recently used row goes in the same transaction.
func TestLimit(t *testing.T) {
	db := sbdb.NewDB()
	tables := NewTables(db, portkey.New(db))
	router(db)
	u := &sbdb.Update{}
	for i := range 3 {
		u.PutMACBinding(&sbdb.MACBinding{UUID: ovsdb.UUID{10, byte(i)}, Datapath: dp, LogicalPort: "lrp",
			IP: netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}).String(), MAC: macA.String(), Timestamp: int64(100 - i)})
	}
	db.Apply(u)
	tables.Bound = &rowlimit.Table[ovsdb.UUID, sbdb.MACBinding]{
		Limits: rowlimit.Limits{Datapath: 3}, Rows: tables.ByDatapath.Get,
		Row: db.MACBinding.Get, ID: func(r *sbdb.MACBinding) ovsdb.UUID { return r.UUID },
		Local: func() iter.Seq[rowlimit.Datapath[ovsdb.UUID]] {
			return slices.Values([]rowlimit.Datapath[ovsdb.UUID]{{Key: dp, Name: "lr"}})
		},
		Used:   func(r *sbdb.MACBinding) int64 { return r.Timestamp },
		Delete: func(tx *ovsdb.Txn, r *sbdb.MACBinding) { sbdb.DeleteMACBinding(tx, r.UUID) },
	}
	var q Queue
	q.Put(pinctrl.Neighbor{Datapath: 7, Port: 1, IP: ip}, macA)
	tx := ovsdb.NewTxn("")
	q.Write(tables, tx, time.Unix(1000, 0), slog.New(slog.DiscardHandler))
	got := tx.String()
	if !strings.Contains(got, "insert") || !strings.Contains(got, "delete") || !strings.Contains(got, ovsdb.UUID{10, 2}.String()) {
		t.Errorf("transaction %s", got)
	}
}
