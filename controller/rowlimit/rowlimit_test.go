package rowlimit

import (
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

type row struct {
	dp   string
	used int64
}

// world is a table without a database: what Delete takes out is gone at once, as
// after the transaction.
type world struct {
	Table[string, row]
	rows map[string][]*row
	now  time.Time
}

func newWorld(l Limits, sizes map[string]int) *world {
	w := &world{rows: map[string][]*row{}, now: time.Unix(1000, 0)}
	for dp, n := range sizes {
		for i := range n {
			w.rows[dp] = append(w.rows[dp], &row{dp, int64(i)})
		}
		slices.Reverse(w.rows[dp])
	}
	w.Table = Table[string, row]{
		Limits: l,
		Rows:   func(k string) []*row { return w.rows[k] },
		Local: func() iter.Seq[Datapath[string]] {
			return func(yield func(Datapath[string]) bool) {
				for k := range w.rows {
					if !yield(Datapath[string]{k, k}) {
						return
					}
				}
			}
		},
		Used: func(r *row) int64 { return r.used },
		Delete: func(_ *ovsdb.Txn, r *row) {
			w.rows[r.dp] = slices.DeleteFunc(slices.Clone(w.rows[r.dp]), func(x *row) bool { return x == r })
		},
	}
	return w
}

// claim asks for room for n rows in one transaction and tells how many got it.
func (w *world) claim(dp string, n int, used int64) (got int) {
	r := w.Begin(nil, w.now)
	var added []*row
	for range n {
		if r.Room(dp) {
			got++
			added = append(added, &row{dp, used})
		}
	}
	w.rows[dp] = append(slices.Clone(w.rows[dp]), added...)
	return got
}

func (w *world) oldest(dp string) int64 {
	oldest := int64(1 << 62)
	for _, r := range w.rows[dp] {
		oldest = min(oldest, r.used)
	}
	return oldest
}

func TestTheLeastRecentlyUsedGivesWay(t *testing.T) {
	w := newWorld(Limits{Datapath: 100}, map[string]int{"a": 98, "b": 100})
	if got := w.claim("a", 4, 500); got != 4 || len(w.rows["a"]) != 100 {
		t.Errorf("%d of 4 got room, %d rows", got, len(w.rows["a"]))
	}
	if o := w.oldest("a"); o != 2 {
		t.Errorf("the oldest left was used at %d, want 2", o)
	}
	if e, r := w.Counts(); e != 2 || r != 0 {
		t.Errorf("%d evicted, %d refused", e, r)
	}
	if len(w.rows["b"]) != 100 {
		t.Error("another datapath's rows gave way")
	}
}

// A flood of claims neither passes the limit nor takes everything at once.
func TestFlood(t *testing.T) {
	w := newWorld(Limits{Datapath: 1000}, map[string]int{"a": 900, "b": 10})
	got := 0
	for i := range 100 {
		got += w.claim("a", 1000, int64(10000+i))
		w.now = w.now.Add(10 * time.Millisecond)
		if n := len(w.rows["a"]); n > 1000 {
			t.Fatalf("%d rows, the limit is 1000", n)
		}
	}
	old := 0
	for _, r := range w.rows["a"] {
		if r.used < 10000 {
			old++
		}
	}
	if want := 900 - evictionBurst - evictionRate; old < want {
		t.Errorf("%d of 900 rows are left after a second of 100,000 claims, want %d", old, want)
	}
	if _, refused := w.Counts(); int(refused) != 100_000-got {
		t.Errorf("%d refused, want %d", refused, 100_000-got)
	}
	// Others have their own allowance.
	if w.claim("b", 5, 1) != 5 {
		t.Error("another datapath has no room")
	}
}

func TestChassisLimit(t *testing.T) {
	w := newWorld(Limits{Chassis: 100}, map[string]int{"a": 80, "b": 20})
	if got := w.claim("b", 3, 500); got != 3 || len(w.rows["a"]) != 77 || len(w.rows["b"]) != 23 {
		t.Errorf("%d of 3 got room; %d and %d rows", got, len(w.rows["a"]), len(w.rows["b"]))
	}
}

func TestNamedAndLowered(t *testing.T) {
	w := newWorld(Limits{Datapath: 1000, Named: map[string]int{"a": 10, "b": 0}}, map[string]int{"a": 30, "b": 2000})
	if w.claim("a", 1, 500); len(w.rows["a"]) != 30-maxAtOnce+1 {
		t.Errorf("%d rows", len(w.rows["a"]))
	}
	if w.claim("a", 10, 500); len(w.rows["a"]) != 10 {
		t.Errorf("%d rows, the limit is 10", len(w.rows["a"]))
	}
	if w.claim("b", 10, 500); len(w.rows["b"]) != 2010 {
		t.Errorf("%d rows, there is no limit", len(w.rows["b"]))
	}
}

func TestPressed(t *testing.T) {
	for _, c := range []struct {
		l     Limits
		sizes map[string]int
		want  bool
	}{
		{Limits{Datapath: 100}, map[string]int{"a": 74, "b": 74}, false},
		{Limits{Datapath: 100}, map[string]int{"a": 75}, true},
		{Limits{Chassis: 100}, map[string]int{"a": 40, "b": 35}, true},
		{Limits{}, map[string]int{"a": 1000}, false},
	} {
		if got := newWorld(c.l, c.sizes).Pressed(); got != c.want {
			t.Errorf("%+v with %v: %v", c.l, c.sizes, got)
		}
	}
}

func TestParseDatapathLimits(t *testing.T) {
	for in, want := range map[string]string{
		"100": "100 map[]", "0,lr0=5, sw=7": "0 map[lr0:5 sw:7]", "lr0=5": "0 map[lr0:5]",
		"": "error", "x": "error", "1,2": "error", "=5": "error", "lr0=x": "error", "-1": "error",
	} {
		all, named, err := ParseDatapathLimits(in)
		got := fmt.Sprint(all, " ", named)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
