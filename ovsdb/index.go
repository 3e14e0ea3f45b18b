package ovsdb

import "slices"

// indexOf is an Index whatever the type of its key.
type indexOf[R any] interface {
	update([]Change[R])
}

// Index finds the rows of a table by keys made of their columns. The table keeps
// it up to date.
//
// Invariants:
//  1. A row is in the buckets of its keys, once in each, and in no other.
//  2. A bucket is sorted by UUID and never empty.
type Index[K comparable, R any] struct {
	table   *Table[R]
	key     func(*R) (K, bool) // of an index with one key for a row
	keys    func(*R) []K       // of one with several
	buckets map[K][]*R
	room    int // buckets that the map has had room for
}

// AddIndex adds an index to a table. key returns a row's key, false for a row that
// is not to be found; it must depend on the row's columns only. Indexes are added
// before the table is read concurrently.
func AddIndex[K comparable, R any](t *Table[R], key func(*R) (K, bool)) *Index[K, R] {
	return addIndex(&Index[K, R]{table: t, key: key, buckets: map[K][]*R{}})
}

// AddListIndex is AddIndex for rows that are to be found by several keys, as by each
// of the rows that a column refers to. They are to be few, and different.
func AddListIndex[K comparable, R any](t *Table[R], keys func(*R) []K) *Index[K, R] {
	return addIndex(&Index[K, R]{table: t, keys: keys, buckets: map[K][]*R{}})
}

func addIndex[K comparable, R any](x *Index[K, R]) *Index[K, R] {
	t := x.table
	changes := make([]Change[R], 0, len(t.rows))
	for _, r := range t.rows {
		changes = append(changes, Change[R]{New: r})
	}
	x.update(changes)
	t.indexes = append(t.indexes, x)
	return x
}

// Get returns the rows with the key, sorted by UUID. The slice belongs to the
// index and is valid until the table's next Apply.
func (x *Index[K, R]) Get(k K) []*R { return x.buckets[k] }

// One returns the first row with the key by UUID, nil when there is none. It is
// meant for keys that the schema declares unique.
func (x *Index[K, R]) One(k K) *R {
	if b := x.buckets[k]; len(b) > 0 {
		return b[0]
	}
	return nil
}

// Len returns the number of different keys.
func (x *Index[K, R]) Len() int { return len(x.buckets) }

// update works bucket by bucket, so that a bucket costs one pass however many of
// its rows changed.
func (x *Index[K, R]) update(changes []Change[R]) {
	gone, added := map[K][]*R{}, map[K][]*R{}
	for _, c := range changes {
		if x.keys != nil {
			x.updateList(c, gone, added)
			continue
		}
		var from, to K
		var had, has bool
		if c.Old != nil {
			from, had = x.key(c.Old)
		}
		if c.New != nil {
			to, has = x.key(c.New)
		}
		if had && has && from == to && x.replace(from, c) {
			continue
		}
		if had {
			gone[from] = append(gone[from], c.Old)
		}
		if has {
			added[to] = append(added[to], c.New)
		}
	}
	for k, rows := range gone {
		x.store(k, x.without(x.buckets[k], rows))
	}
	for k, rows := range added {
		x.store(k, x.with(x.buckets[k], rows))
	}
	x.buckets = fitting(x.buckets, &x.room)
}

// updateList is the part of one change in an index with several keys.
func (x *Index[K, R]) updateList(c Change[R], gone, added map[K][]*R) {
	var from, to []K
	if c.Old != nil {
		from = x.keys(c.Old)
	}
	if c.New != nil {
		to = x.keys(c.New)
	}
	for _, k := range from {
		if !slices.Contains(to, k) {
			gone[k] = append(gone[k], c.Old)
		}
	}
	for _, k := range to {
		if !slices.Contains(from, k) || !x.replace(k, c) {
			added[k] = append(added[k], c.New)
		}
	}
}

// replace puts the new version of a row into the place of the old one, if that is in
// the bucket.
func (x *Index[K, R]) replace(k K, c Change[R]) bool {
	b := x.buckets[k]
	i, ok := x.search(b, *x.table.kind.ID(c.Old))
	if ok {
		b[i] = c.New
	}
	return ok
}

// without takes rows out of a bucket. What stays moves in blocks, and few rows are
// looked at however large the bucket is.
func (x *Index[K, R]) without(b, rows []*R) []*R {
	at := make([]int, 0, len(rows))
	for _, r := range rows {
		if i, ok := x.search(b, *x.table.kind.ID(r)); ok {
			at = append(at, i)
		}
	}
	slices.Sort(at)
	for n, i := range at {
		end := len(b)
		if n+1 < len(at) {
			end = at[n+1]
		}
		// at[n]-n rows are in place, the block behind the gap follows them.
		copy(b[i-n:], b[i+1:end])
	}
	clear(b[len(b)-len(at):])
	return b[:len(b)-len(at)]
}

// with puts rows into a bucket that has none of them, in the same way.
func (x *Index[K, R]) with(b, rows []*R) []*R {
	slices.SortFunc(rows, x.compare)
	n := len(b)
	b = append(b, rows...)
	for i := len(rows) - 1; i >= 0; i-- {
		at, _ := x.search(b[:n], *x.table.kind.ID(rows[i]))
		copy(b[at+i+1:], b[at:n])
		b[at+i] = rows[i]
		n = at
	}
	return b
}

func (x *Index[K, R]) store(k K, b []*R) {
	if len(b) == 0 {
		delete(x.buckets, k)
		return
	}
	x.buckets[k] = b
}

func (x *Index[K, R]) search(b []*R, id UUID) (int, bool) {
	return slices.BinarySearchFunc(b, id, func(r *R, id UUID) int { return x.table.kind.ID(r).Compare(id) })
}

func (x *Index[K, R]) compare(a, b *R) int {
	return x.table.kind.ID(a).Compare(*x.table.kind.ID(b))
}

// keysOf are the keys of a row.
func (x *Index[K, R]) keysOf(r *R) []K {
	if x.keys != nil {
		return x.keys(r)
	}
	if k, ok := x.key(r); ok {
		return []K{k}
	}
	return nil
}

// valid checks the invariants against the table.
func (x *Index[K, R]) valid() bool {
	n := 0
	for k, b := range x.buckets {
		for i, r := range b {
			if !slices.Contains(x.keysOf(r), k) || x.table.Get(*x.table.kind.ID(r)) != r {
				return false
			}
			if i > 0 && x.compare(b[i-1], r) >= 0 {
				return false
			}
		}
		if len(b) == 0 {
			return false
		}
		n += len(b)
	}
	for _, r := range x.table.rows {
		n -= len(x.keysOf(r))
	}
	return n == 0
}
