package ofbundle

import "testing"

// TestIndexGivesUpRoom: what is left is found, in no more buckets than it needs.
func TestIndexGivesUpRoom(t *testing.T) {
	flows := benchFlows(10_000)
	x := newIndex()
	for _, f := range flows {
		x.add(f).claim = f
	}
	left := len(flows)
	for _, c := range []struct{ left, buckets int }{{5000, 16384}, {1000, 2048}, {200, 512}, {0, leastBuckets}} {
		for ; left > c.left; left-- {
			x.remove(x.find(flows[left-1]))
		}
		x.shrink()
		if len(x.buckets) != c.buckets || x.n != left {
			t.Errorf("%d buckets for %d entries, want %d", len(x.buckets), x.n, c.buckets)
		}
		for i, f := range flows {
			if e := x.find(f); (e != nil) != (i < left) {
				t.Fatalf("flow %d of %d: %v", i, left, e)
			}
		}
	}
}
