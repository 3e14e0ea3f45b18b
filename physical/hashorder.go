package physical

import (
	"iter"
	"math/bits"
	"slices"
)

// hashTable holds values by name and gives them in the order in which Open
// vSwitch's hash tables would. Any order does for sending to several chassis, and
// any tunnel of several does; with this one the flows are those of the C agent,
// and a change of agent changes none.
//
// The table has a power of two of buckets, at most two entries to a bucket on
// average; a new entry goes to the front of its bucket; growing, it takes bucket
// after bucket from the front.
type hashTable[V any] struct {
	buckets [][]hashEntry[V] // each from front to back
	n       int
}

type hashEntry[V any] struct {
	name  string
	hash  uint32
	value V
}

func (t *hashTable[V]) has(name string) bool {
	if t.n == 0 {
		return false
	}
	return slices.ContainsFunc(*t.bucket(hashName(name)), func(e hashEntry[V]) bool { return e.name == name })
}

// add adds an entry, beside any that has the same name.
func (t *hashTable[V]) add(name string, value V) {
	if t.buckets == nil {
		t.buckets = make([][]hashEntry[V], 1)
	}
	e := hashEntry[V]{name, hashName(name), value}
	b := t.bucket(e.hash)
	*b = slices.Insert(*b, 0, e)
	t.n++
	if t.n/2 >= len(t.buckets) {
		t.grow()
	}
}

func (t *hashTable[V]) bucket(hash uint32) *[]hashEntry[V] {
	return &t.buckets[int(hash)&(len(t.buckets)-1)]
}

func (t *hashTable[V]) grow() {
	// At least four buckets, once there is more than one.
	size := max(4, 1<<bits.Len(uint(t.n/2)))
	if size <= len(t.buckets) {
		return
	}
	old := t.buckets
	t.buckets = make([][]hashEntry[V], size)
	for _, bucket := range old {
		for _, e := range bucket {
			b := t.bucket(e.hash)
			*b = slices.Insert(*b, 0, e)
		}
	}
}

func (t *hashTable[V]) all() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, bucket := range t.buckets {
			for _, e := range bucket {
				if !yield(e.name, e.value) {
					return
				}
			}
		}
	}
}

// hashName is MurmurHash3 (32 bits, little-endian, seed 0), except that the rest
// of less than four bytes is mixed in like a whole word.
func hashName(s string) uint32 {
	var hash uint32
	add := func(word uint32) {
		if word != 0 {
			hash ^= bits.RotateLeft32(word*0xcc9e2d51, 15) * 0x1b873593
		}
		hash = bits.RotateLeft32(hash, 13)*5 + 0xe6546b64
	}
	for i := 0; i < len(s); i += 4 {
		var word uint32
		for j := range min(4, len(s)-i) {
			word |= uint32(s[i+j]) << (8 * j)
		}
		add(word)
	}
	hash ^= uint32(len(s))
	hash ^= hash >> 16
	hash *= 0x85ebca6b
	hash ^= hash >> 13
	hash *= 0xc2b2ae35
	return hash ^ hash>>16
}

// OrderTunnels puts tunnels, given in the order of the UUIDs of their rows of
// table Port, into the order in which a View lists them: the first to a chassis is
// the one that is taken where any will do.
func OrderTunnels(tunnels []Tunnel) []Tunnel {
	var t hashTable[Tunnel]
	for _, tunnel := range tunnels {
		t.add(tunnel.Chassis, tunnel)
	}
	ordered := make([]Tunnel, 0, len(tunnels))
	for _, tunnel := range t.all() {
		ordered = append(ordered, tunnel)
	}
	return ordered
}
