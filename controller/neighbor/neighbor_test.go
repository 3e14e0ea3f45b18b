package neighbor

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/portkey"
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

func TestWrite(t *testing.T) {
	db := sbdb.NewDB()
	tables := NewTables(db, portkey.New(db))
	router(db)
	var q Queue
	woken := 0
	q.Wake = func() { woken++ }
	n := pinctrl.Neighbor{Datapath: 7, Port: 1, IP: ip}
	write := func() string {
		tx := ovsdb.NewTxn("")
		q.Write(tables, tx, time.UnixMilli(5), slog.New(slog.DiscardHandler))
		return tx.String()
	}
	q.Put(n, macA)
	if woken != 1 {
		t.Error("nobody was told")
	}
	q.Write(tables, nil, time.UnixMilli(5), slog.New(slog.DiscardHandler)) // must keep it
	got := write()
	for _, want := range []string{"insert", "MAC_Binding", "lrp", "10.0.0.9", macA.String(), "5"} {
		if !strings.Contains(got, want) {
			t.Errorf("transaction %s lacks %q", got, want)
		}
	}
	db.Apply(&sbdb.Update{MACBinding: binding(row, macA.String())})
	q.Put(n, macA)
	if got := write(); strings.Contains(got, "MAC_Binding") {
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
	for i := range 2 * maxQueued {
		q.Put(pinctrl.Neighbor{Datapath: 7, Port: uint32(i), IP: ip}, macA)
	}
	if len(q.learned) != maxQueued || q.Dropped() != maxQueued {
		t.Errorf("%d are queued and %d dropped", len(q.learned), q.Dropped())
	}
}
