package translate

import (
	"fmt"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// TestRowsMadeAnew: rows with which others of the same names are replaced in one update,
// as when the server comes back with another database, are what counts afterwards.
func TestRowsMadeAnew(t *testing.T) {
	contents := func(generation int) *sbdb.Update {
		u := &sbdb.Update{}
		u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: id('d', 0), TunnelKey: 1, ExternalIDs: ovsdb.NewMap("logical-switch", "x")})
		for i, match := range []string{"ip4.src == $as0", "ip4.src == {$as0, $as1}", "inport == @pg0", "inport == {@pg0, @pg1}"} {
			u.PutLogicalFlow(&sbdb.LogicalFlow{UUID: id('f', i), LogicalDatapath: id('d', 0), Pipeline: "ingress", TableID: 1,
				Priority: 10, Match: match, Actions: "next;"})
		}
		for i := range 2 {
			n := 2*generation + i
			u.PutPortBinding(&sbdb.PortBinding{UUID: id('p', n), Datapath: id('d', 0), TunnelKey: int64(n + 1), LogicalPort: portName(i)})
			u.PutAddressSet(&sbdb.AddressSet{UUID: id('a', n), Name: fmt.Sprint("as", i), Addresses: []string{fmt.Sprint("10.0.0.", i), "10.0.0.9"}})
			u.PutPortGroup(&sbdb.PortGroup{UUID: id('P', n), Name: portGroupRow(1, fmt.Sprint("pg", i)), Ports: []string{"lp0", "lp1"}})
		}
		return u
	}
	system := func(updates ...*sbdb.Update) *system {
		s := newSystem(Options{Workers: 1})
		for i, u := range updates {
			s.t.Apply(s.db.Apply(u))
			if i == 0 {
				s.t.SetLocalDatapath(id('d', 0), &LocalDatapath{})
				for p := range 2 {
					s.t.SetRelated(portName(p), 1, uint32(p+1), true)
				}
			}
			if err := s.run(); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	again := contents(1)
	again.Replace = true
	want, got := system(contents(1)).present, system(contents(0), again).present
	if len(want) == 0 {
		t.Fatal("no flows")
	}
	for f := range want {
		if got[f] == 0 {
			t.Errorf("no flow table=%d,%s actions=%s", f.Table, f.Match, f.Actions)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d flows, want %d", len(got), len(want))
	}
}
