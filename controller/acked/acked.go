// Package acked holds things back until the flows they depend on are in the switch.
//
//	Add ──► fresh ──Stamp(seq)──► stamped ──Acked(seq)──► what may be done now
package acked

// Queue is such things, in the order in which they were added. The zero value is
// empty. It belongs to one goroutine.
type Queue[T any] struct {
	// fresh are those whose flows have no commit's number yet, stamped those whose
	// flows the switch has not acknowledged, in the order of commits.
	fresh   []T
	stamped []stamped[T]
}

type stamped[T any] struct {
	seq  uint64
	list []T
}

// Add adds things whose flows belong to a commit to come.
func (q *Queue[T]) Add(things ...T) { q.fresh = append(q.fresh, things...) }

// Forget drops what has no commit's number yet.
func (q *Queue[T]) Forget() { q.fresh = nil }

// Stamp says that the flows for what was added so far are those of commit seq.
func (q *Queue[T]) Stamp(seq uint64) {
	if len(q.fresh) > 0 {
		q.stamped = append(q.stamped, stamped[T]{seq, q.fresh})
		q.fresh = nil
	}
}

// Acked takes out, and returns, what may be done now that the switch has acknowledged
// commits up to seq.
func (q *Queue[T]) Acked(seq uint64) []T {
	var out []T
	for len(q.stamped) > 0 && q.stamped[0].seq <= seq {
		out = append(out, q.stamped[0].list...)
		q.stamped = q.stamped[1:]
	}
	return out
}
