package engine

import (
	"runtime"
	"testing"
)

// What a small change reads is recorded in memory that is used again, so that a
// series of them makes little garbage. Without it this is some 1.2
// million bytes; the race detector takes a quarter of the memory away.
func TestSmallChangeMakesLittleGarbage(t *testing.T) {
	const reads, most = 5000, 600000
	e := New(Config[int, int, int]{Workers: 1, Build: func(_ Unit, r *Reads, _ *Output[int, int]) error {
		for n := range uint64(reads) {
			r.Read(Input{N: n})
		}
		return nil
	}})
	e.AddUnit(Unit{})
	change := func() {
		e.Dirty(Input{N: 1})
		if n := e.Run().Built; n != 1 {
			t.Fatalf("%d units built", n)
		}
	}
	e.Run()
	change()
	var before, after runtime.MemStats
	const times = 100
	runtime.ReadMemStats(&before)
	for range times {
		change()
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / times; n > most {
		t.Errorf("a change of one unit with %d reads allocates %d bytes, at most %d expected", reads, n, most)
	}
}
