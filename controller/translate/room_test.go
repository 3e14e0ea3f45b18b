package translate

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// TestSetsAreGivenUp: when most logical flows have gone, so have the sets that only
// they compared with, though no new set has come since.
func TestSetsAreGivenUp(t *testing.T) {
	const most, left = 2000, 100
	numbered := func(table byte, n int) ovsdb.UUID {
		u := ovsdb.UUID{15: table}
		binary.BigEndian.PutUint32(u[:], uint32(n))
		return u
	}
	s := newSystem(Options{Workers: 1})
	w := newWorld()
	dp := id('d', 0)
	w.dps[0] = &sbdb.DatapathBinding{UUID: dp, TunnelKey: 1, ExternalIDs: ovsdb.NewMap("logical-switch", "x")}
	w.localDPs[0] = true
	s.follow(w)
	var come, gone sbdb.Update
	for i := range most {
		set := &sbdb.AddressSet{UUID: numbered('a', i), Name: fmt.Sprint("as", i), Addresses: []string{"10.0.0.1", "10.0.0.2"}}
		f := &sbdb.LogicalFlow{UUID: numbered('f', i), LogicalDatapath: dp, Pipeline: "ingress", TableID: 1, Priority: 10,
			Match: "ip4.src == $" + set.Name, Actions: "next;"}
		come.AddressSet = append(come.AddressSet, ovsdb.RowUpdate[sbdb.AddressSet]{ID: set.UUID, Row: set})
		come.LogicalFlow = append(come.LogicalFlow, ovsdb.RowUpdate[sbdb.LogicalFlow]{ID: f.UUID, Row: f})
		if i >= left {
			gone.LogicalFlow = append(gone.LogicalFlow, ovsdb.RowUpdate[sbdb.LogicalFlow]{ID: f.UUID, Kind: ovsdb.RowDelete})
		}
	}
	for _, c := range []struct {
		update *sbdb.Update
		n      int
	}{{&come, most}, {&gone, left}} {
		s.t.Apply(s.db.Apply(c.update))
		if err := s.run(); err != nil {
			t.Fatal(err)
		}
		if n := len(s.t.sets.byKey); n != c.n {
			t.Errorf("%d sets are kept for %d logical flows", n, c.n)
		}
		if n := len(s.t.programs.refs); n != c.n {
			t.Errorf("%d texts are kept for %d logical flows", n, c.n)
		}
	}
}
