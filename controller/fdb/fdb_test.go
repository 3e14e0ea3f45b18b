package fdb

import (
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/learned"
	"github.com/ovn-chassis/ovn-chassis/controller/portkey"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

var mac = pinctrl.MAC{2, 0, 0, 0, 0, 0xa}

func TestWrite(t *testing.T) {
	db := sbdb.NewDB()
	tables := NewTables(db, portkey.New(db))
	dp, vif, ln := ovsdb.UUID{1}, ovsdb.UUID{2}, ovsdb.UUID{3}
	u := &sbdb.Update{}
	u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: dp, TunnelKey: 7})
	u.PutPortBinding(&sbdb.PortBinding{UUID: vif, Datapath: dp, TunnelKey: 1, LogicalPort: "vif"})
	u.PutPortBinding(&sbdb.PortBinding{UUID: ln, Datapath: dp, TunnelKey: 2, LogicalPort: "ln", Type: "localnet"})
	db.Apply(u)
	var q Queue
	now := time.UnixMilli(5)
	write := func() string {
		tx := ovsdb.NewTxn("")
		q.Write(tables, tx, now)
		now = now.Add(learned.WriteInterval)
		return tx.String()
	}
	q.Put(pinctrl.PortKey{Datapath: 7, Port: 2}, mac)
	q.Write(tables, nil, time.UnixMilli(5))
	got := write()
	for _, want := range []string{"insert", "FDB", mac.String(), `"port_key":2`, `"dp_key":7`, `"timestamp":5`} {
		if !strings.Contains(got, want) {
			t.Errorf("transaction %s lacks %q", got, want)
		}
	}
	if got := write(); strings.Contains(got, "insert") {
		t.Errorf("tried again at once: %s", got)
	}
	now = now.Add(learned.MinBackoff)
	if got := write(); !strings.Contains(got, "insert") {
		t.Errorf("not tried again after a transaction that came to nothing: %s", got)
	}
	row := &sbdb.FDB{UUID: ovsdb.UUID{9}, DPKey: 7, MAC: mac.String(), PortKey: 2}
	put := func(r *sbdb.FDB) {
		u := &sbdb.Update{}
		u.PutFDB(r)
		db.Apply(u)
	}
	put(row)
	if got := write(); strings.Contains(got, "FDB") || q.Len() != 0 {
		t.Errorf("what is there is written again: %s", got)
	}
	// It moves to an interface, which takes it from the localnet port…
	q.Put(pinctrl.PortKey{Datapath: 7, Port: 1}, mac)
	if got := write(); !strings.Contains(got, "update") || !strings.Contains(got, `"port_key":1`) {
		t.Errorf("a moved address is not updated: %s", got)
	}
	put(&sbdb.FDB{UUID: ovsdb.UUID{9}, DPKey: 7, MAC: mac.String(), PortKey: 1})
	write()
	// …but not the other way round.
	q.Put(pinctrl.PortKey{Datapath: 7, Port: 2}, mac)
	if got := write(); strings.Contains(got, `"update"`) || q.Len() != 0 {
		t.Errorf("the localnet port takes an address from an interface: %s", got)
	}
}

func TestBounds(t *testing.T) {
	db := sbdb.NewDB()
	tables := NewTables(db, portkey.New(db))
	var q Queue
	for i := range 2 * learned.MaxQueued {
		q.Put(pinctrl.PortKey{Datapath: uint32(i)}, mac)
	}
	if q.Len() != learned.MaxQueued || q.Dropped() != learned.MaxQueued {
		t.Errorf("%d wait, %d dropped", q.Len(), q.Dropped())
	}
	now := time.UnixMilli(5)
	for range learned.MaxTries + 1 {
		q.Write(tables, ovsdb.NewTxn(""), now)
		now = now.Add(learned.MaxBackoff)
	}
	if q.Len() != 0 || q.Dropped() != 2*learned.MaxQueued {
		t.Errorf("after all tries %d wait, %d dropped", q.Len(), q.Dropped())
	}
}
