package ofbundle

import (
	"slices"
	"time"
)

// BundleRecord is one bundle that the switch has committed.
type BundleRecord struct {
	Seq    uint64 // of the last Commit in it
	Start  time.Time
	Took   time.Duration // until the commit was acknowledged
	Flows  int           // flow-mods
	Groups int           // group-mods
}

// historyLen is how many bundles are remembered.
const historyLen = 16

// noteBundle remembers a committed bundle.
func (w *Writer) noteBundle(ops []op, start time.Time) {
	r := BundleRecord{Seq: w.seq, Start: start, Took: time.Since(start)}
	for i := range ops {
		if ops[i].e != nil {
			r.Flows++
		} else {
			r.Groups++
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.recent) == historyLen {
		w.recent = slices.Delete(w.recent, 0, 1)
	}
	w.recent = append(w.recent, r)
}

// Recent returns the last bundles, the oldest first.
func (w *Writer) Recent() []BundleRecord {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.recent)
}
