package main

import "testing"

// TestGarbagePercent: large heaps have their share, small ones a floor in bytes.
func TestGarbagePercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 50, 1 << 20: 400, 12 << 20: 200, 24 << 20: 100, 48 << 20: 50, 1 << 30: 50} {
		if got := garbagePercent(live); got != want {
			t.Errorf("%d bytes in use: %d %%, want %d", live, got, want)
		}
	}
}
