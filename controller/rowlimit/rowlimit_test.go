package rowlimit

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

type row struct {
	id   ovsdb.UUID
	dp   string
	used int64
}

// world is a table without a database: what Delete takes out is gone at once, as
// after the transaction.
type world struct {
	Table[string, row]
	rows map[string][]*row
	byID map[ovsdb.UUID]*row
	now  time.Time
	// looked is how many rows were looked at.
	looked int
}

func (w *world) add(dp string, used int64) {
	r := &row{dp: dp, used: used}
	binary.BigEndian.PutUint64(r.id[:], uint64(len(w.byID)+1))
	w.rows[dp], w.byID[r.id] = append(w.rows[dp], r), r
}

func newWorld(l Limits, sizes map[string]int) *world {
	w := &world{rows: map[string][]*row{}, byID: map[ovsdb.UUID]*row{}, now: time.Unix(1000, 0)}
	for dp, n := range sizes {
		for i := range n {
			w.add(dp, int64(i))
		}
		slices.Reverse(w.rows[dp])
	}
	w.Table = Table[string, row]{
		Limits: l,
		Rows:   func(k string) []*row { return w.rows[k] },
		Row: func(id ovsdb.UUID) *row {
			if r := w.byID[id]; r != nil && slices.Contains(w.rows[r.dp], r) {
				return r
			}
			return nil
		},
		ID: func(r *row) ovsdb.UUID { return r.id },
		Local: func() iter.Seq[Datapath[string]] {
			return func(yield func(Datapath[string]) bool) {
				for k := range w.rows {
					if !yield(Datapath[string]{k, k}) {
						return
					}
				}
			}
		},
		Used: func(r *row) int64 { w.looked++; return r.used },
		Delete: func(_ *ovsdb.Txn, r *row) {
			w.rows[r.dp] = slices.DeleteFunc(slices.Clone(w.rows[r.dp]), func(x *row) bool { return x == r })
		},
	}
	return w
}

// claim asks for room for n rows in one transaction and tells how many got it.
func (w *world) claim(dp string, n int, used int64) (got int) {
	r := w.Begin(nil, w.now)
	for range n {
		if r.Room(dp) {
			got++
		}
	}
	for range got {
		w.add(dp, used)
	}
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

// TestMayPress: no row makes Pressed true that MayPress does not notice on its datapath,
// and rows far from every limit are not noticed, however many datapaths there are.
func TestMayPress(t *testing.T) {
	for _, l := range []Limits{
		{}, {Datapath: 10}, {Chassis: 25}, {Datapath: 10, Chassis: 25}, {Datapath: 10, Named: map[string]int{"b": 4}},
	} {
		w := newWorld(l, map[string]int{"a": 0, "b": 0, "c": 0})
		for n := 1; n <= 30; n++ {
			was := w.Pressed()
			dp := []string{"a", "b", "c"}[n%3]
			w.add(dp, 0)
			if may := w.MayPress(dp, n); !may && !was && w.Pressed() {
				t.Errorf("%+v: row %d makes it pressed, and nobody looks", l, n)
			} else if may && n < 5 && len(l.Named) == 0 {
				t.Errorf("%+v: row %d is looked at", l, n)
			}
		}
	}
}

// BenchmarkPressed is the look at all datapaths that MayPress saves.
func BenchmarkPressed(b *testing.B) {
	for _, n := range []int{10, 250} {
		sizes := map[string]int{}
		for i := range n {
			sizes[fmt.Sprint("dp", i)] = 1
		}
		w := newWorld(Limits{Datapath: 1000}, sizes)
		b.Run(fmt.Sprintf("all of %d", n), func(b *testing.B) {
			for b.Loop() {
				w.Pressed()
			}
		})
		b.Run(fmt.Sprintf("one of %d", n), func(b *testing.B) {
			for b.Loop() {
				w.MayPress("dp5", n)
			}
		})
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

// TestLookedAt: what gives way is known for a while, rows that are refused are not
// looked at, and those used meanwhile do not give way.
func TestLookedAt(t *testing.T) {
	const rows = 4 * candidates
	w := newWorld(Limits{Datapath: rows}, map[string]int{"a": rows})
	gone := map[int64]bool{}
	del := w.Delete
	w.Delete = func(tx *ovsdb.Txn, r *row) {
		gone[r.used] = true
		del(tx, r)
	}
	// The oldest but the first ten of a hundred, which are in use again after a while.
	step := func(n int) {
		for range n {
			w.claim("a", 3, 1_000_000)
			w.now = w.now.Add(time.Second / evictionRate)
		}
	}
	step(30)
	for _, r := range w.rows["a"] {
		if r.used >= 200 && r.used < 210 {
			r.used = 2_000_000
		}
	}
	w.looked = 0
	step(400)
	if w.looked > 600 {
		t.Errorf("%d rows were looked at for 400 that gave way", w.looked)
	}
	evicted, _ := w.Counts()
	for n := range int64(evicted) + 10 {
		if inUse := n >= 200 && n < 210; gone[n] == inUse {
			t.Errorf("row used at %d: gave way %v", n, gone[n])
		}
	}
	// And so on, beyond what one look found.
	step(2 * candidates)
	evicted, _ = w.Counts()
	for n := range int64(evicted) + 10 {
		if inUse := n >= 200 && n < 210; gone[n] == inUse {
			t.Fatalf("row used at %d: gave way %v", n, gone[n])
		}
	}
}

// TestTransactionFails: rows that were to give way and are still there do so the next
// time, and in one transaction each row only once.
func TestTransactionFails(t *testing.T) {
	w := newWorld(Limits{Datapath: 10}, map[string]int{"a": 10})
	var given [2][]int64
	for i := range given {
		w.Delete = func(_ *ovsdb.Txn, r *row) { given[i] = append(given[i], r.used) }
		r := w.Begin(nil, w.now)
		for range 3 {
			if !r.Room("a") {
				t.Error("no room")
			}
		}
	}
	if want := []int64{0, 1, 2}; !slices.Equal(given[0], want) || !slices.Equal(given[1], want) {
		t.Errorf("rows that gave way: %v", given)
	}
}

// BenchmarkFull claims addresses that find no room or push others out.
func BenchmarkFull(b *testing.B) {
	const rows = 50_000
	for _, c := range []struct {
		name string
		step time.Duration
	}{{"refused", 0}, {"gives way", time.Second / evictionRate}} {
		b.Run(c.name, func(b *testing.B) {
			w := newWorld(Limits{Datapath: rows}, map[string]int{"a": rows})
			w.Row = func(id ovsdb.UUID) *row { return w.byID[id] }
			w.Delete = func(_ *ovsdb.Txn, r *row) { r.used = w.now.UnixNano() } // as if another came
			b.ReportAllocs()
			for b.Loop() {
				w.Begin(nil, w.now).Room("a")
				w.now = w.now.Add(c.step)
			}
		})
	}
}
