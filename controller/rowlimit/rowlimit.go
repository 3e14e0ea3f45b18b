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
	// Rows are those on a datapath.
	Rows func(K) []*R
	// Local are the datapaths of this chassis.
	Local func() iter.Seq[Datapath[K]]
	// Used is when a row was last in use, in any unit.
	Used func(*R) int64
	// Delete takes a row out.
	Delete func(*ovsdb.Txn, *R)

	evictions        map[K]*rate.Limiter
	evicted, refused uint64
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
	// count is how many rows there will be; order those that may give way, the least
	// recently used first.
	count map[K]int
	order map[K][]*R
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
	r.limit, r.count, r.order = map[K]int{}, map[K]int{}, map[K][]*R{}
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
	order, ok := r.order[k]
	if !ok {
		order = slices.Clone(r.t.Rows(k))
		used := make(map[*R]int64, len(order))
		for _, row := range order {
			used[row] = r.t.Used(row)
		}
		slices.SortFunc(order, func(a, b *R) int { return cmp.Compare(used[a], used[b]) })
	}
	l := r.t.evictions[k]
	if l == nil {
		if r.t.evictions == nil {
			r.t.evictions = map[K]*rate.Limiter{}
		}
		maps.DeleteFunc(r.t.evictions, func(_ K, l *rate.Limiter) bool { return l.TokensAt(r.now) >= evictionBurst })
		l = rate.NewLimiter(evictionRate, evictionBurst)
		r.t.evictions[k] = l
	}
	done := 0
	for ; done < min(n, maxAtOnce) && len(order) > 0 && l.AllowN(r.now, 1); done++ {
		r.t.Delete(r.tx, order[0])
		order = order[1:]
	}
	r.order[k] = order
	r.count[k] -= done
	r.total -= done
	r.t.evicted += uint64(done)
	return done > 0
}
