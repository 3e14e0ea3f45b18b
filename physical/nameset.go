package physical

import (
	"iter"
	"math/bits"
	"slices"
)

// nameSet is a set of names in the order in which Open vSwitch's hash tables
// would give them. Any order does for sending to several chassis; with this one
// the flows are those of the C agent, and a change of agent changes none.
//
// The table has a power of two of buckets, at most two names to a bucket on
// average; a new name goes to the front of its bucket; growing, it takes bucket
// after bucket from the front.
type nameSet struct {
	buckets [][]hashedName // each from front to back
	n       int
}

type hashedName struct {
	name string
	hash uint32
}

func (s *nameSet) add(name string) {
	h := hashedName{name, hashName(name)}
	if s.buckets == nil {
		s.buckets = make([][]hashedName, 1)
	}
	b := s.bucket(h)
	if slices.Contains(*b, h) {
		return
	}
	*b = slices.Insert(*b, 0, h)
	s.n++
	if s.n/2 >= len(s.buckets) {
		s.grow()
	}
}

func (s *nameSet) bucket(h hashedName) *[]hashedName {
	return &s.buckets[int(h.hash)&(len(s.buckets)-1)]
}

func (s *nameSet) grow() {
	// At least four buckets, once there is more than one.
	size := max(4, 1<<bits.Len(uint(s.n/2)))
	if size <= len(s.buckets) {
		return
	}
	old := s.buckets
	s.buckets = make([][]hashedName, size)
	for _, bucket := range old {
		for _, h := range bucket {
			b := s.bucket(h)
			*b = slices.Insert(*b, 0, h)
		}
	}
}

func (s *nameSet) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, bucket := range s.buckets {
			for _, h := range bucket {
				if !yield(h.name) {
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
