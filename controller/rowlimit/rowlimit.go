// Package rowlimit keeps southbound tables that packets fill within bounds: a host
// that claims a hundred thousand addresses must not grow them past a limit, nor push
// out at once what others have learned.
//
//	insert wanted ─► Room ─► room ─────────────────────────► insert
//	                   └──► full ─► the least recently used ─► delete, insert
//	                                at most 20 a second a datapath, else refused
package rowlimit

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// How many rows of one datapath may give way: established addresses outlive a flood
// of claims for a while, and the flood is no flood of transactions.
const (
	evictionRate  = 20 // a second
	evictionBurst = 64
	// maxAtOnce is how many rows give way to one, when the limit was lowered.
	maxAtOnce = 8
	// candidates are how many rows a look at all of a datapath finds that may give way,
	// enough for most of a minute.
	candidates = 1024
)

// Limits are numbers of rows; 0 is no limit.
type Limits struct {
	// Datapath is the limit on each datapath but those in Named, by the name that the
	// northbound database knows them by.
	Datapath int
	Named    map[string]int
	// Chassis is the limit on all local datapaths together.
	Chassis int
}

// ParseDatapathLimits reads N[,NAME=N...].
func ParseDatapathLimits(s string) (all int, named map[string]int, err error) {
	for i, word := range strings.Split(s, ",") {
		name, n, isNamed := strings.Cut(strings.TrimSpace(word), "=")
		if !isNamed {
			n = name
		}
		v, err := strconv.ParseUint(n, 10, 31)
		if err != nil || isNamed && name == "" || !isNamed && i > 0 {
			return 0, nil, fmt.Errorf("%q is neither a number of rows nor DATAPATH=NUMBER", word)
		}
		if !isNamed {
			all = int(v)
			continue
		}
		if named == nil {
			named = map[string]int{}
		}
		named[name] = int(v)
	}
	return all, named, nil
}

// Datapath is a local datapath.
type Datapath[K comparable] struct {
	Key  K
	Name string
}

// Table bounds a table whose rows R are on datapaths K.
type Table[K comparable, R any] struct {
	Limits Limits
	// Rows are those on a datapath, Row is one of them, nil when it is gone, and ID
	// what it is known by.
	Rows func(K) []*R
	Row  func(ovsdb.UUID) *R
	ID   func(*R) ovsdb.UUID
	// Local are the datapaths of this chassis.
	Local func() iter.Seq[Datapath[K]]
	// Used is when a row was last in use, in any unit. It does not go back.
	Used func(*R) int64
	// Delete takes a row out.
	Delete func(*ovsdb.Txn, *R)

	datapaths        map[K]*leaving
	evicted, refused uint64
}

// leaving is what gives way on a datapath.
type leaving struct {
	allowed *rate.Limiter
	// next were the least recently used rows when all were looked at, the most recently
	// used of them first. What was not among them, or came since, was used later: while
	// one of them is as it was, it is the least recently used.
	next []candidate
}

type candidate struct {
	row  ovsdb.UUID
	used int64
}

// Counts are how many rows gave way, and how many found no room.
func (t *Table[K, R]) Counts() (evicted, refused uint64) { return t.evicted, t.refused }

// Pressed tells whether some limit is three quarters exhausted.
func (t *Table[K, R]) Pressed() bool {
	total := 0
	for dp := range t.Local() {
		n := len(t.Rows(dp.Key))
		total += n
		if limit := t.limit(dp.Name); limit != 0 && n >= limit-limit/4 {
			return true
		}
	}
	return t.Limits.Chassis != 0 && total >= t.Limits.Chassis-t.Limits.Chassis/4
}

// MayPress tells, by what there is on one datapath alone, whether a row that came to it
// may have made Pressed true. all is the number of rows on all datapaths, local or not.
func (t *Table[K, R]) MayPress(k K, all int) bool {
	l := &t.Limits
	return len(l.Named) > 0 || l.Datapath != 0 && len(t.Rows(k)) >= l.Datapath-l.Datapath/4 ||
		l.Chassis != 0 && all >= l.Chassis-l.Chassis/4
}

func (t *Table[K, R]) limit(name string) int {
	if n, ok := t.Limits.Named[name]; ok {
		return n
	}
	return t.Limits.Datapath
}

// Round is the inserts of one transaction.
type Round[K comparable, R any] struct {
	t     *Table[K, R]
	tx    *ovsdb.Txn
	now   time.Time
	limit map[K]int
	count map[K]int // how many rows there will be
	taken map[K]int // candidates that give way in this round
	total int
	any   bool // the maps are filled
}

// Begin starts a round.
func (t *Table[K, R]) Begin(tx *ovsdb.Txn, now time.Time) *Round[K, R] {
	return &Round[K, R]{t: t, tx: tx, now: now}
}

func (r *Round[K, R]) fill() {
	if r.any {
		return
	}
	r.any = true
	r.limit, r.count, r.taken = map[K]int{}, map[K]int{}, map[K]int{}
	for dp := range r.t.Local() {
		r.limit[dp.Key] = r.t.limit(dp.Name)
		r.count[dp.Key] = len(r.t.Rows(dp.Key))
		r.total += r.count[dp.Key]
	}
}

// Room tells whether there is room for one more row on a datapath, after rows were
// deleted where that helps. It counts the new row.
func (r *Round[K, R]) Room(k K) bool {
	r.fill()
	if limit := r.limit[k]; limit != 0 && r.count[k] >= limit && !r.evict(k, r.count[k]-limit+1) {
		r.t.refused++
		return false
	}
	if limit := r.t.Limits.Chassis; limit != 0 && r.total >= limit {
		// The datapath with the most rows is the one that fills the table.
		largest, most := k, -1
		for other, n := range r.count {
			if n > most {
				largest, most = other, n
			}
		}
		if !r.evict(largest, r.total-limit+1) {
			r.t.refused++
			return false
		}
	}
	r.count[k]++
	r.total++
	return true
}

// evict deletes up to n of the least recently used rows of a datapath, and tells
// whether it did at least one.
func (r *Round[K, R]) evict(k K, n int) bool {
	t := r.t
	l := t.datapaths[k]
	if l == nil {
		if t.datapaths == nil {
			t.datapaths = map[K]*leaving{}
		}
		maps.DeleteFunc(t.datapaths, func(_ K, l *leaving) bool { return l.allowed.TokensAt(r.now) >= evictionBurst })
		l = &leaving{allowed: rate.NewLimiter(evictionRate, evictionBurst)}
		t.datapaths[k] = l
	}
	done := 0
	for ; done < min(n, maxAtOnce) && l.allowed.TokensAt(r.now) >= 1; done++ {
		row := r.leastUsed(k, l)
		if row == nil {
			break
		}
		l.allowed.AllowN(r.now, 1)
		t.Delete(r.tx, row)
	}
	r.count[k] -= done
	r.total -= done
	t.evicted += uint64(done)
	return done > 0
}

// leastUsed is the least recently used row of a datapath but for those that give way in
// this round already, nil when there is none. A candidate is one until it is gone or in
// use again: the transaction may fail.
func (r *Round[K, R]) leastUsed(k K, l *leaving) *R {
	t := r.t
	for fresh := false; ; {
		for {
			at := len(l.next) - 1 - r.taken[k]
			if at < 0 {
				break
			}
			c := l.next[at]
			if row := t.Row(c.row); row != nil && t.Used(row) == c.used {
				r.taken[k]++
				return row
			}
			l.next = slices.Delete(l.next, at, at+1)
		}
		if fresh || r.taken[k] > 0 {
			return nil // more than that do not give way in one round
		}
		l.next, fresh = t.oldest(k, l.next), true
	}
}

// oldest looks at all rows of a datapath for the least recently used ones.
func (t *Table[K, R]) oldest(k K, into []candidate) []candidate {
	// A heap with the most recently used on top, which a row that is older replaces.
	h := into[:0]
	for _, row := range t.Rows(k) {
		c := candidate{t.ID(row), t.Used(row)}
		switch {
		case len(h) < candidates:
			h = append(h, c)
			if len(h) == candidates {
				for i := len(h)/2 - 1; i >= 0; i-- {
					sink(h, i)
				}
			}
		case c.used < h[0].used:
			h[0] = c
			sink(h, 0)
		}
	}
	slices.SortFunc(h, func(a, b candidate) int { return cmp.Compare(b.used, a.used) })
	return h
}

// sink brings element i of a heap to its place.
func sink(h []candidate, i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1].used > h[child].used {
			child++
		}
		if h[i].used >= h[child].used {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
