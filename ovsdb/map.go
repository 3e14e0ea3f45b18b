package ovsdb

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"
)

// Pair is one element of a MapOf.
type Pair[K cmp.Ordered, V comparable] struct {
	Key   K
	Value V
}

// MapOf is the value of a map column: an immutable map, sorted by key. The zero
// MapOf is empty. Copies share their contents.
type MapOf[K cmp.Ordered, V comparable] struct {
	pairs []Pair[K, V]
}

// Map is the map of strings to strings that most map columns hold.
type Map = MapOf[string, string]

// NewMap makes a Map of keys and values that alternate. A last key without a
// value gets "".
func NewMap(keysAndValues ...string) Map {
	var pairs []Pair[string, string]
	for i := 0; i < len(keysAndValues); i += 2 {
		p := Pair[string, string]{Key: keysAndValues[i]}
		if i+1 < len(keysAndValues) {
			p.Value = keysAndValues[i+1]
		}
		pairs = append(pairs, p)
	}
	return MapOfPairs(pairs)
}

// MapFrom makes a MapOf from a Go map.
func MapFrom[K cmp.Ordered, V comparable](m map[K]V) MapOf[K, V] {
	pairs := make([]Pair[K, V], 0, len(m))
	for k, v := range m {
		pairs = append(pairs, Pair[K, V]{k, v})
	}
	return MapOfPairs(pairs)
}

// MapOfPairs makes a MapOf of pairs, which it takes over. Of several pairs with
// the same key the last counts.
func MapOfPairs[K cmp.Ordered, V comparable](pairs []Pair[K, V]) MapOf[K, V] {
	strictly := true
	for i := 1; i < len(pairs); i++ {
		if pairs[i-1].Key >= pairs[i].Key {
			strictly = false
			break
		}
	}
	if !strictly {
		slices.SortStableFunc(pairs, func(a, b Pair[K, V]) int { return cmp.Compare(a.Key, b.Key) })
		n := 0
		for i := range pairs {
			if i+1 < len(pairs) && pairs[i+1].Key == pairs[i].Key {
				continue
			}
			pairs[n] = pairs[i]
			n++
		}
		pairs = pairs[:n]
	}
	if len(pairs) == 0 {
		pairs = nil
	}
	return MapOf[K, V]{pairs}
}

// Lookup returns the value of k and whether there is one.
func (m MapOf[K, V]) Lookup(k K) (V, bool) {
	i := 0
	if len(m.pairs) > 8 {
		i = sort.Search(len(m.pairs), func(i int) bool { return m.pairs[i].Key >= k })
	} else {
		for i < len(m.pairs) && m.pairs[i].Key < k {
			i++
		}
	}
	if i < len(m.pairs) && m.pairs[i].Key == k {
		return m.pairs[i].Value, true
	}
	var none V
	return none, false
}

// Get returns the value of k, zero when there is none.
func (m MapOf[K, V]) Get(k K) V {
	v, _ := m.Lookup(k)
	return v
}

// Len returns the number of pairs.
func (m MapOf[K, V]) Len() int { return len(m.pairs) }

// All iterates over the pairs in order of their keys.
func (m MapOf[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, p := range m.pairs {
			if !yield(p.Key, p.Value) {
				return
			}
		}
	}
}

// String returns the pairs as ovs-vsctl prints them.
func (m MapOf[K, V]) String() string {
	var b strings.Builder
	for i, p := range m.pairs {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%v=%v", p.Key, p.Value)
	}
	return "{" + b.String() + "}"
}

// Equal tells whether m and n hold the same pairs.
func (m MapOf[K, V]) Equal(n MapOf[K, V]) bool { return slices.Equal(m.pairs, n.pairs) }

// Differing iterates, in order, over the keys that only one of m and n has, or that
// they map to different values.
func (m MapOf[K, V]) Differing(n MapOf[K, V]) iter.Seq[K] {
	return func(yield func(K) bool) {
		a, b := m.pairs, n.pairs
		for len(a)+len(b) > 0 {
			var key K
			switch {
			case len(b) == 0 || len(a) > 0 && a[0].Key < b[0].Key:
				key, a = a[0].Key, a[1:]
			case len(a) == 0 || b[0].Key < a[0].Key:
				key, b = b[0].Key, b[1:]
			default:
				same := a[0].Value == b[0].Value
				key, a, b = a[0].Key, a[1:], b[1:]
				if same {
					continue
				}
			}
			if !yield(key) {
				return
			}
		}
	}
}

// With returns m with k set to v.
func (m MapOf[K, V]) With(k K, v V) MapOf[K, V] {
	return MapOfPairs(append(slices.Clone(m.pairs), Pair[K, V]{k, v}))
}

// Without returns m without the given keys.
func (m MapOf[K, V]) Without(keys ...K) MapOf[K, V] {
	var pairs []Pair[K, V]
	for _, p := range m.pairs {
		if !slices.Contains(keys, p.Key) {
			pairs = append(pairs, p)
		}
	}
	return MapOf[K, V]{pairs}
}

// Patched returns m after the difference diff, as ovsdb-server(7) section 4.1.14
// defines it: a pair that m holds is deleted, a key that m maps to another value
// is changed, any other pair is added.
func (m MapOf[K, V]) Patched(diff MapOf[K, V]) MapOf[K, V] {
	out := make([]Pair[K, V], 0, len(m.pairs)+len(diff.pairs))
	i, j := 0, 0
	for i < len(m.pairs) && j < len(diff.pairs) {
		a, d := m.pairs[i], diff.pairs[j]
		switch {
		case a.Key < d.Key:
			out = append(out, a)
			i++
		case a.Key > d.Key:
			out = append(out, d)
			j++
		default:
			if a.Value != d.Value {
				out = append(out, d)
			}
			i++
			j++
		}
	}
	out = append(out, m.pairs[i:]...)
	out = append(out, diff.pairs[j:]...)
	if len(out) == 0 {
		out = nil
	}
	return MapOf[K, V]{out}
}

// PatchSet returns the sorted set old after the difference diff, sorted too: elements
// of diff that old holds are deleted, others are added. The arguments stay as they are.
// Few elements of old are looked at when diff is short: those of a large set of strings
// are all over the memory.
func PatchSet[T any](old, diff []T, compare func(a, b T) int) []T {
	out := make([]T, 0, len(old)+len(diff))
	for _, d := range diff {
		at, there := gallop(old, d, compare)
		out = append(out, old[:at]...)
		if there {
			at++
		} else {
			out = append(out, d)
		}
		old = old[at:]
	}
	out = append(out, old...)
	if len(out) == 0 {
		return nil
	}
	return out
}

// gallop is slices.BinarySearchFunc for what is probably near the beginning.
func gallop[T any](sorted []T, x T, compare func(a, b T) int) (int, bool) {
	end := 1
	for end < len(sorted) && compare(sorted[end], x) < 0 {
		end *= 2
	}
	begin := end / 2
	at, there := slices.BinarySearchFunc(sorted[begin:min(end+1, len(sorted))], x, compare)
	return begin + at, there
}

// PatchStrings, PatchInts and PatchUUIDs are PatchSet for the element types of
// set columns.
func PatchStrings(old, diff []string) []string { return PatchSet(old, diff, strings.Compare) }

// PatchInts is PatchSet for integers.
func PatchInts(old, diff []int64) []int64 { return PatchSet(old, diff, cmp.Compare[int64]) }

// PatchUUIDs is PatchSet for references.
func PatchUUIDs(old, diff []UUID) []UUID { return PatchSet(old, diff, UUID.Compare) }
