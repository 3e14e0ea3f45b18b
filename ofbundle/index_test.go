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

// TestCommitGivesUpRoom: after a commit that takes most flows away the index has the
// room it needs.
func TestCommitGivesUpRoom(t *testing.T) {
	const left = 100
	s := startSwitch(t)
	a := startAgent(t, Config{Target: s.target()})
	a.connected()
	a.Enable()
	flows := benchFlows(3000)
	a.Update(nil, flows)
	a.commit()
	a.Update(flows[left:], nil)
	a.commit()
	a.stop() // the index is the Writer's own
	if x := &a.state.index; x.n != left || len(x.buckets) > 4*left {
		t.Errorf("%d buckets for %d entries; %d flows are left", len(x.buckets), x.n, left)
	}
}
