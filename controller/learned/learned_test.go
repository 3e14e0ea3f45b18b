package learned

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// twin is a Round whose replica is a map.
type twin struct {
	t       *testing.T
	tx      *ovsdb.Txn
	replica map[string]int
	no      bool // there is no room
	// meanwhile is what the packet-in loop does during a write.
	meanwhile func()
	did       []string
}

func (r *twin) Look(k string, v int) (found int, done bool) {
	found = r.replica[k]
	return found, found == v
}

func (r *twin) Write(k string, v, found int) bool {
	if found != r.replica[k] {
		r.t.Errorf("%s: %d was found, %d is passed on", k, r.replica[k], found)
	}
	if r.meanwhile != nil {
		r.meanwhile()
	}
	if r.no {
		return false
	}
	sbdb.InsertFDB(r.tx)
	r.did = append(r.did, fmt.Sprint(k, v))
	return true
}

func (r *twin) GaveUp(k string, v, _, tries int) {
	r.did = append(r.did, fmt.Sprint("gave up ", k, v, " after ", tries))
}

// TestQueue follows the queue through writes at given times, in milliseconds.
func TestQueue(t *testing.T) {
	for _, c := range []struct{ name, steps, did string }{
		{"written", "put a 1, write 0", "a1"},
		{"not twice at once", "put a 1, write 0, write 100", "a1"},
		{"again when it is not shown", "put a 1, write 0, write 250, write 750", "a1 a1 a1"},
		{"each time later", "put a 1, write 0, write 249, write 250, write 749", "a1 a1"},
		{"not again when it is shown", "put a 1, write 0, shown a 1, write 250, write 600", "a1"},
		{"shown before it is due", "put a 1, write 0, shown a 1, write 100, shown a 2, write 300", "a1"},
		{"another value is written soon", "put a 1, write 0, put a 2, write 100", "a1 a2"},
		{"the same value is not", "put a 1, write 0, put a 1, write 100", "a1"},
		{"the latest value counts", "put a 1, put a 2, write 0", "a2"},
		{"not without a transaction", "put a 1, none 0, write 100", "a1"},
		{"not soon after another", "put a 1, write 0, put b 1, write 24", "a1"},
		{"a moment after another", "put a 1, write 0, put b 1, write 25", "a1 b1"},
		{"no room", "put a 1, full, write 0, write 9000", ""},
		{"not soon after there was no room", "put a 1, full, write 0, room, put b 1, write 24", ""},
		{"a moment after there was no room", "put a 1, full, write 0, room, put b 1, write 25", "b1"},
		{"given up", "put a 1, write 0, write 10000, write 20000, write 30000, write 40000, write 50000, write 60000, write 70000, write 80000, write 90000",
			strings.Repeat("a1 ", MaxTries) + "gave up a1 after 8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var q Queue[string, int, int]
			r := &twin{t: t, replica: map[string]int{}}
			for step := range strings.SplitSeq(c.steps, ", ") {
				var what, key string
				var n int
				f := strings.Fields(step)
				what = f[0]
				if len(f) > 1 {
					_, _ = fmt.Sscan(f[len(f)-1], &n)
					key = f[1]
				}
				switch what {
				case "put":
					q.Put(key, n)
				case "shown":
					r.replica[key] = n
				case "full", "room":
					r.no = what == "full"
				case "write", "none":
					r.tx = ovsdb.NewTxn("")
					tx := r.tx
					if what == "none" {
						tx = nil
					}
					q.Write(tx, time.UnixMilli(1_000_000+int64(n)), func() Round[string, int, int] { return r })
				}
			}
			if got := strings.Join(r.did, " "); got != c.did {
				t.Errorf("%s: %s, want %s", c.steps, got, c.did)
			}
		})
	}
}

// TestBounds: what finds no room is counted, wakes nobody, and neither takes the place
// of what waits nor keeps a new value from it.
func TestBounds(t *testing.T) {
	woken := 0
	q := Queue[string, int, int]{Wake: func() { woken++ }}
	for i := range MaxQueued + 3 {
		q.Put(fmt.Sprint(i), 1)
	}
	if q.Len() != MaxQueued || q.Dropped() != 3 || woken != 1 {
		t.Errorf("%d wait, %d dropped, %d times somebody was woken", q.Len(), q.Dropped(), woken)
	}
	q.Put("7", 2)
	if v, ok := q.Pending("7"); !ok || v != 2 {
		t.Errorf("pending: %d, %v", v, ok)
	}
	if _, ok := q.Pending(fmt.Sprint(MaxQueued)); ok {
		t.Error("what found no room is pending")
	}
}

// TestPutMeanwhile: what is put in during a write does not wait for it, replaces what is
// being written, and wakes for the next one.
func TestPutMeanwhile(t *testing.T) {
	woken := 0
	q := Queue[string, int, int]{Wake: func() { woken++ }}
	r := &twin{t: t, replica: map[string]int{}}
	now := time.UnixMilli(1_000_000)
	write := func() {
		r.tx = ovsdb.NewTxn("")
		q.Write(r.tx, now, func() Round[string, int, int] { return r })
	}
	q.Put("a", 1)
	r.meanwhile = func() { q.Put("a", 2); q.Put("b", 1) }
	write()
	r.meanwhile = nil
	if woken != 2 {
		t.Errorf("somebody was woken %d times", woken)
	}
	if v, _ := q.Pending("a"); v != 2 {
		t.Errorf("%d is pending", v)
	}
	now = now.Add(WriteInterval)
	write()
	slices.Sort(r.did)
	if got := strings.Join(r.did, " "); got != "a1 a2 b1" {
		t.Errorf("written: %s", got)
	}
}

// TestNextTimer: when something is due, but not before the next transaction may go.
func TestNextTimer(t *testing.T) {
	var q Queue[string, int, int]
	r := &twin{t: t, replica: map[string]int{}}
	now := time.UnixMilli(1_000_000)
	write := func() {
		r.tx = ovsdb.NewTxn("")
		q.Write(r.tx, now, func() Round[string, int, int] { return r })
	}
	if at := q.NextTimer(); !at.IsZero() {
		t.Errorf("empty, due at %v", at)
	}
	for i := range 10 {
		q.Put(fmt.Sprint("a", i), 1)
		r.replica[fmt.Sprint("a", i)] = 0
	}
	write()
	if at := q.NextTimer(); !at.Equal(now.Add(MinBackoff)) {
		t.Errorf("tried, due %v later", at.Sub(now))
	}
	q.Put("b", 1)
	if at := q.NextTimer(); !at.Equal(now.Add(WriteInterval)) {
		t.Errorf("another one, due %v later", at.Sub(now))
	}
	for k := range r.replica {
		r.replica[k] = 1
	}
	r.replica["b"] = 1
	now = now.Add(WriteInterval)
	write()
	if at := q.NextTimer(); !at.IsZero() {
		t.Errorf("all shown, due at %v", at)
	}
	q.Put("c", 1)
	if at := q.NextTimer(); at.IsZero() || at.After(now) {
		t.Errorf("a third one alone, due at %v", at)
	}
}
