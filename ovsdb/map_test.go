package ovsdb

import (
	"cmp"
	"fmt"
	"maps"
	"runtime"
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

// TestPatchSet: a patched set is the symmetric difference of both, sorted, and the
// arguments stay as they are.
func TestPatchSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sets := rapid.MapOf(rapid.IntRange(0, 40), rapid.Just(true))
		a, b := sets.Draw(t, "old"), sets.Draw(t, "diff")
		sorted := func(m map[int]bool) []int { return slices.Sorted(maps.Keys(m)) }
		old, diff := sorted(a), sorted(b)
		var want []int
		for k := range 41 {
			if a[k] != b[k] {
				want = append(want, k)
			}
		}
		if got := PatchSet(old, diff, cmp.Compare[int]); !slices.Equal(got, want) {
			t.Fatalf("%v patched by %v is %v, want %v", old, diff, got, want)
		}
		if !slices.Equal(old, sorted(a)) || !slices.Equal(diff, sorted(b)) {
			t.Fatal("an argument was changed")
		}
	})
}

// BenchmarkPatchSet adds one element to sets of two sizes, whose strings are as far
// from each other as those of rows that came one by one.
func BenchmarkPatchSet(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			old := make([]string, n)
			var between [][]byte
			for i := range old {
				old[i] = fmt.Sprintf("10.241.%03d.%03d", i/250, i%250)
				between = append(between, make([]byte, 1<<12))
			}
			diff := []string{fmt.Sprintf("10.241.%03d.x", n/500)}
			b.ReportAllocs()
			for b.Loop() {
				if len(PatchStrings(old, diff)) != n+1 {
					b.Fatal("one more")
				}
			}
			runtime.KeepAlive(between)
		})
	}
}
