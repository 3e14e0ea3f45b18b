package translate

import (
	"fmt"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// balanced is a load balancer of n local switches.
type balanced struct {
	db *sbdb.DB
	t  *Translator
	id ovsdb.UUID
}

func newBalanced(n int) *balanced {
	b := &balanced{db: sbdb.NewDB(), id: id('L', 0)}
	u := &sbdb.Update{}
	group := &sbdb.LogicalDPGroup{UUID: id('g', 0)}
	for i := range n {
		dp := ovsdb.UUID{'d', byte(i >> 8), byte(i), 1, 7: byte(i)}
		group.Datapaths = append(group.Datapaths, dp)
		u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: dp, TunnelKey: int64(i + 1),
			ExternalIDs: ovsdb.NewMap("logical-switch", "s")})
	}
	u.PutLogicalDPGroup(group)
	b.db.Apply(u)
	b.t = New(b.db, Options{})
	for _, dp := range group.Datapaths {
		b.t.SetLocalDatapath(dp, &LocalDatapath{})
	}
	return b
}

// set makes the load balancer one of these addresses and backends. It returns the number
// of units built and the flows in table 68 and 70 that came or went.
func (b *balanced) set(vips ...string) (built, backends, snat int) {
	u := &sbdb.Update{}
	u.PutLoadBalancer(&sbdb.LoadBalancer{UUID: b.id, Name: "lb", LSDatapathGroup: id('g', 0),
		Protocol: ovsdb.Some("tcp"), VIPs: ovsdb.NewMap(vips...),
		Options: ovsdb.NewMap("hairpin_snat_ip", "169.254.169.5")})
	b.t.Apply(b.db.Apply(u))
	r := b.t.Run()
	for _, f := range append(r.Added, r.Removed...) {
		switch f.Table {
		case 68:
			backends++
		case 70:
			snat++
		}
	}
	return r.Built, backends, snat
}

// TestBackend: a backend more is one flow and one unit, also if the load balancer has a
// flow for each of many switches.
func TestBackend(t *testing.T) {
	const n = 20
	b := newBalanced(n)
	b.set("10.0.0.1:80", "10.1.0.1:80")
	for _, c := range []struct {
		what                  string
		vips                  []string
		built, backends, snat int
	}{
		{"a backend", []string{"10.0.0.1:80", "10.1.0.1:80,10.1.0.2:80"}, 1, 1, 0},
		{"an address", []string{"10.0.0.1:80", "10.1.0.1:80,10.1.0.2:80", "10.0.0.2:80", "10.1.0.1:80"}, 2, 1, n},
		{"one backend for another", []string{"10.0.0.1:80", "10.1.0.1:80,10.1.0.3:80", "10.0.0.2:80", "10.1.0.1:80"}, 1, 2, 0},
		{"nonsense", []string{"10.0.0.1:80", "10.1.0.1:80,10.1.0.3:80", "10.0.0.2:80", "nonsense"}, 2, 1, n},
		{"sense again", []string{"10.0.0.1:80", "10.1.0.1:80,10.1.0.3:80", "10.0.0.2:80", "10.1.0.1:80"}, 2, 1, n},
		{"no backends", []string{"10.0.0.1:80", "", "10.0.0.2:80", "10.1.0.1:80"}, 1, 2, 0},
	} {
		if built, backends, snat := b.set(c.vips...); built != c.built || backends != c.backends || snat != c.snat {
			t.Errorf("%s: %d units, %d and %d flows; want %d, %d and %d", c.what, built, backends, snat, c.built, c.backends, c.snat)
		}
	}
}

// BenchmarkBackend adds a backend and takes it away. Nothing depends on the number of
// switches that have the load balancer.
func BenchmarkBackend(b *testing.B) {
	for _, n := range []int{10, 250} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newBalanced(n)
			w.set("10.0.0.1:80", "10.1.0.1:80")
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				backends := "10.1.0.1:80"
				if i%2 == 0 {
					backends += ",10.1.0.2:80"
				}
				if _, n, _ := w.set("10.0.0.1:80", backends); n != 1 {
					b.Fatalf("a backend is %d flows", n)
				}
			}
		})
	}
}
