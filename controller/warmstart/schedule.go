package warmstart

import "time"

// When snapshots are written. Servers keep 100 transactions: a snapshot older than
// that is of no use, so after many changes it is written again sooner than after few.
// At a clean exit one is written in any case.
const (
	// first is how long after the contents have settled.
	first = 5 * time.Second
	// many changes are written after soon, fewer after late.
	many = 40
	soon = 30 * time.Second
	late = 5 * time.Minute
	// share of the time at most is spent writing: one part in so many.
	share = 300
	// failed is how long after an attempt that came to nothing.
	failed = 10 * time.Minute
)

// Schedule says when a snapshot is to be written. The zero Schedule waits for Settled.
type Schedule struct {
	settled bool
	changes int       // since the last one was begun
	after   time.Time // not before, with many changes
	latest  time.Time // with any
}

// Settled notes that the contents are complete for the first time.
func (s *Schedule) Settled(now time.Time) {
	if !s.settled {
		s.settled = true
		s.changes++
		s.after, s.latest = now.Add(first), now.Add(first)
	}
}

// Resumed notes that what the server sent were changes to the snapshot on disk: one
// need not be written for the contents' sake.
func (s *Schedule) Resumed(now time.Time) {
	s.settled = true
	s.after, s.latest = now.Add(soon), now.Add(late)
}

// Changed notes an update of the replica.
func (s *Schedule) Changed() { s.changes++ }

// Stale tells whether anything has changed since the last one was begun.
func (s *Schedule) Stale() bool { return s.changes > 0 }

// Next is when a snapshot is to be written, zero for not until something changes.
func (s *Schedule) Next() time.Time {
	switch {
	case !s.settled || s.changes == 0:
		return time.Time{}
	case s.changes >= many:
		return s.after
	}
	return s.latest
}

// Begin notes that one is being written.
func (s *Schedule) Begin() { s.changes = 0 }

// Done notes how long it took to write one, or that it came to nothing.
func (s *Schedule) Done(now time.Time, took time.Duration, err error) {
	if err != nil {
		s.changes++
		s.after, s.latest = now.Add(failed), now.Add(failed)
		return
	}
	s.after = now.Add(max(soon, share*took))
	s.latest = now.Add(max(late, share*took))
}
