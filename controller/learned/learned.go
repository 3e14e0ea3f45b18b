// Package learned holds what packets taught until the replica of the southbound
// database shows it.
//
//	packet-in loop ─Put─► Queue ─Write─► transaction
//	                        ▲               │ did not come into the replica:
//	                        └───────────────┘ again, each time later
package learned

import (
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// Bounds of a queue.
const (
	MaxQueued = 1000
	// MaxTries is how many transactions may fail to bring something in.
	MaxTries = 8
	// Times between two tries.
	MinBackoff = 250 * time.Millisecond
	MaxBackoff = 10 * time.Second
	// WriteInterval is the time between two transactions with what was learned, so that
	// a storm of packets is no storm of transactions.
	WriteInterval = 25 * time.Millisecond
)

// Queue holds values by key. A later value of the same key replaces an earlier one. R is
// what the replica has of a value. The zero value is empty.
type Queue[K, V comparable, R any] struct {
	// Wake is called after something was put in, once until Write looks at it.
	Wake func()

	mu      sync.Mutex // guards what follows
	waiting map[K]*entry[V]
	dropped uint64
	woken   bool
	// nextWrite is when what waits may be looked at again.
	nextWrite time.Time
	batch     []attempt[K, V] // of one Write, which is called by one goroutine
}

type entry[V comparable] struct {
	value V
	tries int
	due   time.Time // of the next try
}

// Put is called by the packet-in loop; it does not block.
func (q *Queue[K, V, R]) Put(k K, v V) {
	q.mu.Lock()
	wake := false
	if q.put(k, v) {
		wake = !q.woken && q.Wake != nil
		q.woken = true
	} else {
		q.dropped++
	}
	q.mu.Unlock()
	if wake {
		q.Wake()
	}
}

// TryPut is Put without waking anybody; it reports whether there was room.
func (q *Queue[K, V, R]) TryPut(k K, v V) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.put(k, v)
}

func (q *Queue[K, V, R]) put(k K, v V) bool {
	if q.waiting == nil {
		q.waiting = map[K]*entry[V]{}
	}
	if old, ok := q.waiting[k]; ok {
		if old.value != v {
			*old = entry[V]{value: v}
		}
		return true
	}
	if len(q.waiting) >= MaxQueued {
		return false
	}
	q.waiting[k] = &entry[V]{value: v}
	return true
}

// Pending finds a value that waits to be written.
func (q *Queue[K, V, R]) Pending(k K) (v V, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e, ok := q.waiting[k]; ok {
		return e.value, true
	}
	return v, false
}

// Dropped is how much found no room, or could not be written.
func (q *Queue[K, V, R]) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Len is how much waits.
func (q *Queue[K, V, R]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// NextTimer is when something is to be written, zero if nothing is. What has not been
// tried is due at once, or when the next transaction may take something.
func (q *Queue[K, V, R]) NextTimer() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return time.Time{}
	}
	var next time.Time
	first := true
	for _, e := range q.waiting {
		if first || e.due.Before(next) {
			next, first = e.due, false
		}
	}
	if next.Before(q.nextWrite) {
		return q.nextWrite
	}
	return next
}

// Round is what one Write does with what waits.
type Round[K, V comparable, R any] interface {
	// Look finds what the replica has; done tells whether there is nothing to write any
	// more: the replica shows the value, or there is no place for it.
	Look(K, V) (found R, done bool)
	// Write adds the value to the transaction; it reports whether it has.
	Write(K, V, R) bool
	// GaveUp is told of what was tried so many times in vain.
	GaveUp(k K, v V, found R, tries int)
}

// Write adds to tx what the replica does not show yet; without a transaction it stays
// in the queue. What does not come into the replica is tried again, each time later.
// begin is called if there may be something to write. The packet-in loop does not wait
// for it.
func (q *Queue[K, V, R]) Write(tx *ovsdb.Txn, now time.Time, begin func() Round[K, V, R]) {
	if tx == nil {
		return
	}
	batch := q.take(now)
	if len(batch) == 0 {
		return
	}
	r := begin()
	for i := range batch {
		b := &batch[i]
		found, done := r.Look(b.key, b.was.value)
		switch {
		case done:
			b.leaves = true
		case now.Before(b.was.due):
		case b.was.tries == MaxTries:
			r.GaveUp(b.key, b.was.value, found, b.was.tries)
			b.leaves, b.dropped = true, true
		case !r.Write(b.key, b.was.value, found):
			b.leaves, b.tried = true, true
		default:
			b.tried = true
		}
	}
	q.settle(batch, now)
}

// attempt is what became of something that waits: it leaves the queue, as one that is
// lost or not, and was written or found no room.
type attempt[K, V comparable] struct {
	key                    K
	was                    entry[V]
	leaves, dropped, tried bool
}

// take returns a copy of what waits when it is time for a transaction.
func (q *Queue[K, V, R]) take(now time.Time) []attempt[K, V] {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 || now.Before(q.nextWrite) {
		return nil
	}
	q.woken = false
	batch := q.batch[:0]
	for k, e := range q.waiting {
		batch = append(batch, attempt[K, V]{key: k, was: *e})
	}
	q.batch = batch
	return batch
}

// settle notes what became of it, but for values that another has replaced meanwhile.
func (q *Queue[K, V, R]) settle(batch []attempt[K, V], now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range batch {
		b := &batch[i]
		if b.dropped {
			q.dropped++
		}
		if b.tried {
			q.nextWrite = now.Add(WriteInterval)
		}
		e := q.waiting[b.key]
		switch {
		case e == nil || *e != b.was:
		case b.leaves:
			delete(q.waiting, b.key)
		case b.tried:
			e.due = now.Add(min(MinBackoff<<e.tries, MaxBackoff))
			e.tries++
		}
	}
}
