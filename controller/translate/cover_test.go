package translate

import (
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/ovn-chassis/ovn-chassis/lflow"
	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// dumbCover tells which members no other member contains, by comparing all pairs.
func dumbCover(count map[lflow.Member]int) map[lflow.Member]bool {
	visible := map[lflow.Member]bool{}
	for m := range count {
		hidden := false
		for n := range count {
			if n != m && n.Mask.And(m.Mask) == n.Mask && m.Value.And(n.Mask) == n.Value {
				hidden = true
			}
		}
		if !hidden {
			visible[m] = true
		}
	}
	return visible
}

// The differences that the index emits must add up to what a comparison of all
// pairs gives.
func TestCoverAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCover()
		count := map[lflow.Member]int{}
		seen := map[lflow.Member]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			mask := rapid.SampledFrom([]uint64{0xff, 0xf0, 0xc0, 0x0f, 0x80, 0x33}).Draw(t, "mask")
			m := lflow.Member{
				Value: openflow.U64(rapid.Uint64Range(0, 255).Draw(t, "value") & mask),
				Mask:  openflow.U64(mask),
			}
			var d coverDelta
			if count[m] > 0 && rapid.Bool().Draw(t, "remove") {
				c.remove(m, &d)
				if count[m]--; count[m] == 0 {
					delete(count, m)
				}
			} else {
				c.add(m, &d)
				count[m]++
			}
			for _, m := range d.removed {
				if !seen[m] {
					t.Fatalf("%v removed, but it was not visible", m)
				}
				delete(seen, m)
			}
			for _, m := range d.added {
				if seen[m] {
					t.Fatalf("%v added, but it was visible", m)
				}
				seen[m] = true
			}
			want := dumbCover(count)
			if !maps.Equal(seen, want) {
				t.Fatalf("visible %v, want %v", seen, want)
			}
			all := map[lflow.Member]bool{}
			c.all(func(m lflow.Member) bool { all[m] = true; return true })
			if !maps.Equal(all, want) || c.visible() != len(want) {
				t.Fatalf("all %v (%d), want %v", all, c.visible(), want)
			}
		}
	})
}
