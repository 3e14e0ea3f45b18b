package ovsdb

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestDiffering: what Differing finds by walking both maps side by side is what
// comparing key by key finds.
func TestDiffering(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maps1 := rapid.MapOf(rapid.IntRange(0, 9), rapid.IntRange(0, 2))
		a, b := maps1.Draw(t, "a"), maps1.Draw(t, "b")
		want := []int{}
		for k := range 10 {
			x, inA := a[k]
			y, inB := b[k]
			if inA != inB || x != y {
				want = append(want, k)
			}
		}
		got := slices.AppendSeq([]int{}, MapFrom(a).Differing(MapFrom(b)))
		if !slices.Equal(got, want) {
			t.Fatalf("%v and %v differ in %v, found %v", a, b, want, got)
		}
	})
}
