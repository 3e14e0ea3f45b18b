package engine

import (
	"sync/atomic"
	"testing"
	"time"
)

// TestYield: while others need the processors half of the workers build, and they
// build everything.
func TestYield(t *testing.T) {
	for _, yield := range []bool{false, true} {
		var now, most, built atomic.Int64
		e := New(Config[int, int, int]{
			Build: func(Unit, *Reads, *Output[int, int]) error {
				n := now.Add(1)
				for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
				}
				time.Sleep(100 * time.Microsecond)
				now.Add(-1)
				built.Add(1)
				return nil
			},
			Workers: 4,
			Yield:   func() bool { return yield },
		})
		const units = 40 * chunk
		for i := range units {
			e.AddUnit(Unit{Kind: 1, N: uint64(i)})
		}
		e.Run()
		if built.Load() != units {
			t.Errorf("yielding %v: %d units were built, want %d", yield, built.Load(), units)
		}
		if half := most.Load() <= 2; half != yield {
			t.Errorf("yielding %v: %d were built at a time", yield, most.Load())
		}
	}
}
