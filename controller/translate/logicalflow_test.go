package translate

import (
	"fmt"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// TestProgramOfItsTranslator: what one translator compiled another does not use, though it
// has the same rows.
func TestProgramOfItsTranslator(t *testing.T) {
	w := newBalanced(1)
	u := &sbdb.Update{}
	u.PutLogicalFlow(&sbdb.LogicalFlow{UUID: id('f', 0), LogicalDPGroup: id('g', 0), Pipeline: "ingress", TableID: 3,
		Match: "tcp.dst == {1, 2} && tcp.src == {3, 4}", Actions: "next;"})
	w.db.Apply(u)
	flows := func(limit int) int {
		one := New(w.db, Options{Workers: 1})
		for d := range w.db.DatapathBinding.All() {
			one.SetLocalDatapath(d.UUID, &LocalDatapath{})
		}
		one.SetMaxFlows(limit)
		n := 0
		for _, f := range one.Run().Added {
			if f.Owner == id('f', 0) {
				n++
			}
		}
		return n
	}
	for range 10 {
		if all, none := flows(0), flows(1); all == 0 || none != 0 {
			t.Fatalf("%d flows without a limit, %d beyond it", all, none)
		}
	}
}

// BenchmarkFlowOfAllSwitches changes the priority of a logical flow of 250 local switches:
// 250 flows go and 250 come, whatever other flows there are.
func BenchmarkFlowOfAllSwitches(b *testing.B) {
	const switches = 250
	for _, others := range []int{20, 400} {
		b.Run(fmt.Sprintf("among %d units", switches*(others+1)), func(b *testing.B) {
			w := newBalanced(switches)
			flow := func(i, priority int) *sbdb.LogicalFlow {
				return &sbdb.LogicalFlow{UUID: ovsdb.UUID{'f', byte(i >> 8), byte(i), 1, 7: byte(i)}, LogicalDPGroup: id('g', 0),
					Pipeline: "ingress", TableID: 3, Priority: int64(priority),
					Match:   fmt.Sprintf("ip4.dst == 10.%d.%d.1 && tcp.dst == 80", i>>8, i&255),
					Actions: fmt.Sprintf("reg1 = 10.%d.%d.2; next;", i>>8, i&255)}
			}
			put := func(flows ...*sbdb.LogicalFlow) (removed, added int) {
				u := &sbdb.Update{}
				for _, f := range flows {
					u.PutLogicalFlow(f)
				}
				w.t.Apply(w.db.Apply(u))
				r := w.t.Run()
				return len(r.Removed), len(r.Added)
			}
			for i := range others {
				put(flow(i+1, 100))
			}
			put(flow(0, 100))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if removed, added := put(flow(0, 101+i%2)); removed != switches || added != switches {
					b.Fatalf("%d flows gone, %d come", removed, added)
				}
			}
		})
	}
}
