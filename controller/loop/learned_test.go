package loop

import (
	"testing"

	"github.com/ovn-chassis/ovn-chassis/controller/rowlimit"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// TestMayPress: all datapaths are looked at for a row that fills the table of its own, for
// one that goes while some table is nearly full, and for datapaths that come or change; for
// others not.
func TestMayPress(t *testing.T) {
	l := New(Options{})
	l.packets.tables.Bound.Limits = rowlimit.Limits{Datapath: 8}
	l.packets.fdbTables.Bound.Limits = rowlimit.Limits{Datapath: 8}
	after := func(fill func(u *sbdb.Update)) bool {
		u := &sbdb.Update{}
		fill(u)
		l.sbChanges = l.sb.Apply(u)
		return l.mayPress()
	}
	id := func(table, n byte) ovsdb.UUID { return ovsdb.UUID{table, n} }
	for n := byte(1); n <= 8; n++ {
		full := n >= 6
		if got := after(func(u *sbdb.Update) {
			u.PutMACBinding(&sbdb.MACBinding{UUID: id('M', n), Datapath: id('d', 0)})
			u.PutMACBinding(&sbdb.MACBinding{UUID: id('N', n), Datapath: id('d', n)})
		}); got != full {
			t.Errorf("MAC_Binding %d: %v", n, got)
		}
		if got := after(func(u *sbdb.Update) { u.PutFDB(&sbdb.FDB{UUID: id('F', n), DPKey: 1}) }); got != full {
			t.Errorf("FDB %d: %v", n, got)
		}
	}
	gone := func(u *sbdb.Update) {
		u.DeleteMACBinding(id('M', byte(len(l.packets.tables.ByDatapath.Get(id('d', 0))))))
	}
	if after(gone) {
		t.Error("a row that goes is looked at though no table is nearly full")
	}
	l.packets.learned.pressed = true
	if !after(gone) {
		t.Error("a row that goes from a table that is nearly full is not looked at")
	}
	l.packets.learned.pressed = false
	if !after(func(u *sbdb.Update) { u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: id('d', 0), TunnelKey: 1}) }) {
		t.Error("a datapath that changes is not looked at")
	}
	l.sbChanges = nil
	l.packets.changed = []ovsdb.UUID{id('d', 0)}
	if !l.mayPress() {
		t.Error("a datapath that becomes local is not looked at")
	}
}
