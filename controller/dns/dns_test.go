package dns

import (
	"testing"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

var _ pinctrl.Names = (*Index)(nil)

func id(b byte) ovsdb.UUID { return ovsdb.UUID{0: b} }

func row(b byte, records ovsdb.Map, options ovsdb.Map, dps ...ovsdb.UUID) *sbdb.DNS {
	return &sbdb.DNS{UUID: id(b), Records: records, Options: options, Datapaths: dps}
}

func TestIndex(t *testing.T) {
	x := NewIndex()
	lookup := func(dp uint64, name, want string, owned bool) {
		t.Helper()
		r, ok := x.DNS(dp, name)
		if r.Data != want || ok != (want != "") || r.Owned != owned {
			t.Errorf("%s on %d is %+v, want %q", name, dp, r, want)
		}
	}
	one, two := &sbdb.DatapathBinding{UUID: id(1), TunnelKey: 10}, &sbdb.DatapathBinding{UUID: id(2), TunnelKey: 20}
	early := row(101, ovsdb.NewMap("vm", "10.0.0.1"), ovsdb.NewMap("ovn-owned", "true"), one.UUID)
	late := row(102, ovsdb.NewMap("vm", "10.0.0.2", "db", "fd00::3"), ovsdb.Map{}, one.UUID, two.UUID)
	x.Update(&sbdb.Changes{DNS: []ovsdb.Change[sbdb.DNS]{{New: late}}})
	lookup(10, "vm", "", false) // its datapath is not known yet
	x.Update(&sbdb.Changes{
		DatapathBinding: []ovsdb.Change[sbdb.DatapathBinding]{{New: one}, {New: two}},
		DNS:             []ovsdb.Change[sbdb.DNS]{{New: early}},
	})
	lookup(10, "vm", "10.0.0.1", true)
	lookup(10, "db", "fd00::3", false)
	lookup(20, "vm", "10.0.0.2", false)
	lookup(20, "VM", "", false) // the packet-in loop asks in lower case

	moved := row(102, ovsdb.NewMap("vm", "10.0.0.9"), ovsdb.Map{}, two.UUID)
	x.Update(&sbdb.Changes{DNS: []ovsdb.Change[sbdb.DNS]{{Old: late, New: moved}, {Old: early}}})
	lookup(10, "vm", "", false)
	lookup(10, "db", "", false)
	lookup(20, "vm", "10.0.0.9", false)

	// A key that goes from one datapath to another in one update.
	x.Update(&sbdb.Changes{DatapathBinding: []ovsdb.Change[sbdb.DatapathBinding]{
		{Old: one, New: &sbdb.DatapathBinding{UUID: id(1), TunnelKey: 20}}, {Old: two, New: &sbdb.DatapathBinding{UUID: id(2), TunnelKey: 10}}}})
	lookup(10, "vm", "10.0.0.9", false)
	lookup(20, "vm", "", false)

	x.Update(&sbdb.Changes{DNS: []ovsdb.Change[sbdb.DNS]{{Old: moved}}})
	if len(x.rows) != 0 {
		t.Errorf("left behind: %v", x.rows)
	}
}
