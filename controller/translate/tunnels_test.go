package translate

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/physical"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// TestTunnelsExchangeNumbers: an OpenFlow port that was one chassis' and is another's
// now keeps its flows, whoever is told of first.
func TestTunnelsExchangeNumbers(t *testing.T) {
	set := func(tr *Translator, chassis string, ofports ...uint32) {
		var list []physical.Tunnel
		for _, n := range ofports {
			tunnel := physical.Tunnel{OFPort: n, Chassis: chassis, RemoteIP: "10.0.0." + chassis}
			if chassis == "2" {
				tunnel.Type = physical.VXLAN
			}
			list = append(list, tunnel)
		}
		tr.SetTunnels(chassis, list)
	}
	made := func() *Translator {
		tr := New(sbdb.NewDB(), Options{})
		tr.SetGeneveField(openflow.FieldTunMetadata0, true)
		return tr
	}
	for _, x := range []struct {
		name string
		then func(*Translator)
		one  []uint32 // in the end
		two  []uint32
	}{
		{"exchanged", func(tr *Translator) { set(tr, "1", 6); set(tr, "2", 5) }, []uint32{6}, []uint32{5}},
		{"taken over, the old one first", func(tr *Translator) { set(tr, "1"); set(tr, "2", 6, 5) }, nil, []uint32{6, 5}},
		{"taken over, the new one first", func(tr *Translator) { set(tr, "2", 6, 5); set(tr, "1") }, nil, []uint32{6, 5}},
	} {
		tr := made()
		installed := map[string]int{}
		run := func(tr *Translator) {
			r := tr.Run()
			for _, f := range r.Removed {
				installed[fmt.Sprint(f.Match, f.Priority, f.Table)]--
			}
			for _, f := range r.Added {
				installed[fmt.Sprint(f.Match, f.Priority, f.Table)]++
			}
		}
		set(tr, "1", 5)
		set(tr, "2", 6)
		run(tr)
		x.then(tr)
		run(tr)
		var have, want []string
		for f, n := range installed {
			if n != 0 {
				have = append(have, fmt.Sprint(f, n))
			}
		}
		fresh := made()
		set(fresh, "1", x.one...)
		set(fresh, "2", x.two...)
		for _, f := range fresh.Run().Added {
			want = append(want, fmt.Sprint(f.Match, f.Priority, f.Table)+"1")
		}
		slices.Sort(have)
		slices.Sort(want)
		if !slices.Equal(have, want) {
			t.Errorf("%s: %d flows, want %d", x.name, len(have), len(want))
		}
	}
}
