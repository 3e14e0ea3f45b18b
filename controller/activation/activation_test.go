package activation

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/controller/portkey"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

func TestActivation(t *testing.T) {
	db := sbdb.NewDB()
	ports := portkey.New(db)
	us := &sbdb.Chassis{UUID: ovsdb.UUID{5}, Name: "hv1"}
	row := func(additional bool, options ...string) {
		p := &sbdb.PortBinding{UUID: ovsdb.UUID{2}, Datapath: ovsdb.UUID{1}, TunnelKey: 1, LogicalPort: "vm", Options: ovsdb.NewMap(options...)}
		if additional {
			p.AdditionalChassis = []ovsdb.UUID{us.UUID}
		}
		u := &sbdb.Update{}
		u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: ovsdb.UUID{1}, TunnelKey: 7})
		u.PutPortBinding(p)
		db.Apply(u)
	}
	var d Duty
	active := map[pinctrl.PortKey]bool{}
	run := func(tx *ovsdb.Txn) bool {
		return d.Run(ports, us, tx, func(p pinctrl.PortKey, on bool) { active[p] = on }, slog.New(slog.DiscardHandler))
	}
	key := pinctrl.PortKey{Datapath: 7, Port: 1}

	row(true, activatedKey, "hv0")
	d.Put(key)
	// At once, though nothing can be written.
	if !run(nil) || !active[key] {
		t.Fatal("not activated")
	}
	for range 2 {
		tx := ovsdb.NewTxn("")
		if run(tx) {
			t.Error("activated again")
		}
		if got := tx.String(); !strings.Contains(got, `["additional-chassis-activated","hv0,hv1"]`) {
			t.Errorf("transaction %s", got)
		}
	}
	row(true, activatedKey, "hv0,hv1")
	tx := ovsdb.NewTxn("")
	if !run(tx) || active[key] || tx.Len() != 0 {
		t.Errorf("kept though the row shows it: %s", tx.String())
	}

	// What is not here any more is nobody's business.
	row(true)
	d.Put(key)
	run(nil)
	row(false)
	if !run(nil) || active[key] {
		t.Error("still active after the port left")
	}
	d.Put(pinctrl.PortKey{Datapath: 7, Port: 99})
	if run(nil) || len(d.seen) != 0 {
		t.Error("an unknown port was activated")
	}
	for i := range 2 * maxPorts {
		d.Put(pinctrl.PortKey{Port: uint32(i)})
	}
	if len(d.seen) != maxPorts || d.Dropped() != maxPorts {
		t.Errorf("%d wait, %d dropped", len(d.seen), d.Dropped())
	}
}
