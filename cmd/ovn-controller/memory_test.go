package main

import "testing"

// TestGarbagePercent: large heaps have their share, less of it during the start, small
// ones a floor in bytes.
func TestGarbagePercent(t *testing.T) {
	for live, want := range map[uint64][2]int{
		0: {50, 75}, 1 << 20: {400, 400}, 12 << 20: {200, 200}, 24 << 20: {100, 100}, 48 << 20: {50, 75}, 1 << 30: {50, 75},
	} {
		if got := [2]int{garbagePercent(live, false), garbagePercent(live, true)}; got != want {
			t.Errorf("%d bytes in use: %d %%, want %d", live, got, want)
		}
	}
}

// TestWorthCollecting: little garbage is left for later.
func TestWorthCollecting(t *testing.T) {
	const mb = 1 << 20
	for _, x := range []struct {
		live, heap uint64
		want       bool
	}{
		{300 * mb, 300 * mb, false}, {300 * mb, 329 * mb, false}, {300 * mb, 331 * mb, true},
		{300 * mb, 200 * mb, false},
		{24 * mb, 28 * mb, false}, {24 * mb, 30 * mb, true},
	} {
		if got := worthCollecting(x.live, x.heap); got != x.want {
			t.Errorf("%d MB in use, %d MB now: %v", x.live/mb, x.heap/mb, got)
		}
	}
}

// TestWorthReturning: what a long series of changes took does not stay for good, and
// what a few take is not asked for again and again.
func TestWorthReturning(t *testing.T) {
	const mb = 1 << 20
	for _, x := range []struct {
		live, heap, free uint64
		want             bool
	}{
		{300 * mb, 330 * mb, 100 * mb, false}, {300 * mb, 330 * mb, 130 * mb, true}, {300 * mb, 460 * mb, 0, true},
		{300 * mb, 310 * mb, 150 * mb, true}, {300 * mb, 200 * mb, 50 * mb, false}, {30 * mb, 54 * mb, 20 * mb, false},
	} {
		if got := worthReturning(x.live, x.heap, x.free); got != x.want {
			t.Errorf("%d MB in use, %d MB now, %d MB free: %v", x.live/mb, x.heap/mb, x.free/mb, got)
		}
	}
}
