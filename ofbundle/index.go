package ofbundle

import (
	"hash/maphash"
	"iter"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// entry is everything known about one identity (table, priority, match).
//
// Invariants:
//  1. claim or installed is set, or the entry is dirty; a clean entry with
//     neither is not in the index.
//  2. All claims and installed have the entry's identity, numbers in place.
//  3. several is set exactly if the table holds more than one claim for it.
type entry struct {
	// claim is the one claim, or any of several.
	claim *openflow.Flow
	// installed is what the switch holds, numbers in place; nil for nothing. If
	// the claim has no symbols it is the claim itself, so that a flow is stored
	// once.
	installed *openflow.Flow
	next      *entry
	hash      uint32
	dirty     bool // in table.dirty
	several   bool // claims are in table.many
	foreign   bool // installed has timeouts, flags or instructions we never send
	refused   bool // in table.refused
}

// id is the flow that carries the entry's identity.
func (e *entry) id() *openflow.Flow {
	if e.installed != nil {
		return e.installed
	}
	return e.claim
}

// index finds entries by identity. It is a chained hash table: an entry costs
// its own 32 bytes and 8 to 16 of bucket, where a Go map keyed by identity costs
// over 80.
type index struct {
	buckets []*entry
	n       int
	seed    maphash.Seed
}

const leastBuckets = 64

func newIndex() index {
	return index{buckets: make([]*entry, leastBuckets), seed: maphash.MakeSeed()}
}

func sameIdentity(a, b *openflow.Flow) bool {
	return a.Table == b.Table && a.Priority == b.Priority && a.Match == b.Match
}

func (x *index) hash(f *openflow.Flow) uint32 {
	h := maphash.String(x.seed, string(f.Match))
	h ^= (uint64(f.Priority)<<8 | uint64(f.Table)) * 0x9e3779b97f4a7c15
	return uint32(h ^ h>>32)
}

// find returns the entry of f's identity, or nil.
func (x *index) find(f *openflow.Flow) *entry {
	h := x.hash(f)
	for e := x.buckets[h&uint32(len(x.buckets)-1)]; e != nil; e = e.next {
		if e.hash == h {
			// An entry being withdrawn may carry no flow for a moment.
			if id := e.id(); id != nil && sameIdentity(id, f) {
				return e
			}
		}
	}
	return nil
}

// add puts in a new entry for an identity that is not there.
func (x *index) add(f *openflow.Flow) *entry {
	if x.n >= len(x.buckets) {
		x.grow()
	}
	e := &entry{hash: x.hash(f)}
	b := &x.buckets[e.hash&uint32(len(x.buckets)-1)]
	e.next, *b = *b, e
	x.n++
	return e
}

func (x *index) remove(e *entry) {
	p := &x.buckets[e.hash&uint32(len(x.buckets)-1)]
	for *p != e {
		p = &(*p).next
	}
	*p, e.next = e.next, nil
	x.n--
}

func (x *index) grow() { x.resize(2 * len(x.buckets)) }

// shrink gives up buckets when most are empty. Nobody may walk the index meanwhile.
func (x *index) shrink() {
	if x.n >= len(x.buckets)/8 || len(x.buckets) == leastBuckets {
		return
	}
	n := leastBuckets
	for n < 2*x.n {
		n *= 2
	}
	x.resize(n)
}

func (x *index) resize(n int) {
	old := x.buckets
	x.buckets = make([]*entry, n)
	mask := uint32(len(x.buckets) - 1)
	for _, e := range old {
		for e != nil {
			next := e.next
			b := &x.buckets[e.hash&mask]
			e.next, *b = *b, e
			e = next
		}
	}
}

// all yields every entry; the one yielded may be removed.
func (x *index) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, e := range x.buckets {
			for e != nil {
				next := e.next
				if !yield(e) {
					return
				}
				e = next
			}
		}
	}
}
