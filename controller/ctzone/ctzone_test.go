package ctzone

import (
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

func users(names ...string) map[string]User {
	out := map[string]User{}
	for _, n := range names {
		name, req, _ := strings.Cut(n, "=")
		u := User{Limit: NoLimit}
		if n, err := strconv.ParseUint(req, 10, 16); err == nil {
			u.Requested = ovsdb.Some(uint16(n))
		}
		out[name] = u
	}
	return out
}

func (s *State) flushAll() []uint16 {
	f := s.Flushes()
	for _, n := range f {
		s.Flushed(n)
	}
	return f
}

func newState() *State {
	s := New(slog.New(slog.DiscardHandler))
	s.Restore(ovsdb.Map{}, func(ovsdb.UUID) string { return "" })
	return s
}

func TestFlushBeforeDatabase(t *testing.T) {
	w := replicatest.New(t)
	w.Do("open o")
	w.Do("bridge br-int")
	s := newState()
	write := func() string {
		tx := ovsdb.NewTxn("")
		s.Write(w.Local.BridgeByName.One("br-int"), w.Local.Datapath.Get(w.ID("dpath", "system")), w.Local.DB, tx)
		return w.Print(tx)
	}
	s.Update(users("p1"), 1, 100)
	if got := write(); got != "" {
		t.Errorf("written before the flush:\n%s", got)
	}
	if f := s.Flushes(); !slices.Equal(f, []uint16{1}) {
		t.Fatalf("flushes %v", f)
	}
	if got := write(); got != "" {
		t.Errorf("written before the flush was done:\n%s", got)
	}
	s.Flushed(1)
	if got, want := write(), "mutate Bridge br-int external_ids delete [ct-zone-p1] external_ids insert {ct-zone-p1:1}\n"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	w.Do("bridge br-int ext:ct-zone-p1=1 ext:other=1")
	if got := write(); got != "" {
		t.Errorf("written twice:\n%s", got)
	}
	s.Update(users(), 1, 100)
	if got := write(); got != "" {
		t.Errorf("removed before the flush:\n%s", got)
	}
	if f := s.flushAll(); !slices.Equal(f, []uint16{1}) {
		t.Errorf("flushes %v", f)
	}
	if got, want := write(), "mutate Bridge br-int external_ids delete [ct-zone-p1]\n"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	// A bridge made anew is told everything again.
	s.Update(users("p2"), 1, 100)
	s.flushAll()
	write()
	w.Do("bridge br-int ext:ct-zone-p2=1")
	write()
	w.Do("bridge br-int")
	if got := write(); !strings.Contains(got, "{ct-zone-p2:1}") {
		t.Errorf("after the bridge was recreated:\n%s", got)
	}
	// Limits become rows of the datapath, and go with the zone.
	s.Update(map[string]User{"p2": {Limit: 5}}, 1, 100)
	if got := write(); !strings.Contains(got, "insert CT_Zone new1 limit=5\n") || !strings.Contains(got, "ct_zones insert {1:new1}") {
		t.Errorf("limit:\n%s", got)
	}
}

// TestLimits: the limit of a zone is a row, and goes with the zone or the wish for it;
// rows that others made are left alone.
func TestLimits(t *testing.T) {
	w := replicatest.New(t)
	w.Do("open o")
	w.Do("bridge br-int")
	dp := w.ID("dpath", "system")
	rows := func(limits map[int64]int64) {
		zones := map[int64]ovsdb.UUID{9: w.ID("ctzone", "9")}
		for n, limit := range limits {
			zones[n] = w.ID("ctzone", strconv.Itoa(int(n)))
			w.Local.Apply(&vswitchdb.Update{CTZone: []ovsdb.RowUpdate[vswitchdb.CTZone]{{
				ID: zones[n], Kind: ovsdb.RowFull, Row: &vswitchdb.CTZone{UUID: zones[n], Limit: ovsdb.Some(limit)},
			}}})
		}
		w.Local.Apply(&vswitchdb.Update{Datapath: []ovsdb.RowUpdate[vswitchdb.Datapath]{{
			ID: dp, Kind: ovsdb.RowFull, Row: &vswitchdb.Datapath{UUID: dp, CTZones: ovsdb.MapFrom(zones)},
		}}})
	}
	s := newState()
	user := func(n int64) func(string) (User, bool) {
		return func(string) (User, bool) { return User{Limit: n}, true }
	}
	s.Update(map[string]User{"a": {Limit: 5}, "b": {Limit: NoLimit}}, 1, 100)
	s.flushAll()
	for _, x := range []struct {
		change func()
		want   string
	}{
		{func() { rows(nil) }, "insert CT_Zone new1 limit=5\nmutate Datapath system ct_zones delete [1] ct_zones insert {1:new1}\n"},
		{func() { rows(map[int64]int64{1: 5}) }, ""},
		{func() { s.Change(map[string]bool{"a": true}, user(6)) }, "update CT_Zone 1 limit=6\n"},
		{func() { rows(map[int64]int64{1: 6}) }, ""},
		{func() { s.Change(map[string]bool{"a": true}, user(NoLimit)) }, "mutate Datapath system ct_zones delete [1]\n"},
		{func() { rows(nil) }, ""},
		{func() { s.Change(map[string]bool{"b": true}, user(7)); rows(map[int64]int64{2: 7}) }, ""},
		{func() {
			s.Change(map[string]bool{"b": true}, func(string) (User, bool) { return User{}, false })
			s.flushAll()
		}, "mutate Datapath system ct_zones delete [2]\n"},
	} {
		x.change()
		tx := ovsdb.NewTxn("")
		s.Write(w.Local.BridgeByName.One("br-int"), w.Local.Datapath.Get(dp), w.Local.DB, tx)
		got := slices.DeleteFunc(strings.SplitAfter(w.Print(tx), "\n"), func(l string) bool { return strings.HasPrefix(l, "mutate Bridge") })
		if strings.Join(got, "") != x.want {
			t.Errorf("written %q, want %q", got, x.want)
		}
	}
}

func TestRestore(t *testing.T) {
	const id = "00000000-0000-0000-0000-00000000000a"
	s := New(slog.New(slog.DiscardHandler))
	s.Restore(ovsdb.NewMap("ct-zone-p1", "7", "ct-zone-p2", "7", "ct-zone-p3", "x", "ct-zone-"+id+"_dnat", "9", "other", "1"),
		func(u ovsdb.UUID) string {
			if u.String() == id {
				return "r0"
			}
			return ""
		})
	if f := s.Flushes(); len(f) != 0 {
		t.Errorf("restoring flushes %v", f)
	}
	if got := s.List(); got != "p1 7\nr0_dnat 9\n" {
		t.Errorf("restored:\n%s", got)
	}
	s.Update(users("p1", "p2", "r0_dnat"), 1, 100)
	if got := s.List(); got != "p1 7\np2 1\nr0_dnat 9\n" {
		t.Errorf("after update:\n%s", got)
	}
	if f := s.Flushes(); !slices.Equal(f, []uint16{1}) {
		t.Errorf("only the new zone is flushed: %v", f)
	}
}

// TestRestoreRequested: a number that users ask for is theirs after a restart as it was
// before, be it the default zone, which belongs to the host too, or that of several
// users: nothing is flushed.
func TestRestoreRequested(t *testing.T) {
	s := New(slog.New(slog.DiscardHandler))
	s.Restore(ovsdb.NewMap("ct-zone-a_snat", "0", "ct-zone-b_snat", "0", "ct-zone-c_snat", "7", "ct-zone-d_snat", "7", "ct-zone-e_snat", "7"),
		func(ovsdb.UUID) string { return "" })
	now := users("a_snat=0", "b_snat=0", "c_snat=7", "d_snat=7", "e_snat=8")
	s.Update(now, 1, 100)
	if got := s.List(); got != "a_snat 0\nb_snat 0\nc_snat 7\nd_snat 7\ne_snat 8\n" {
		t.Errorf("zones:\n%s", got)
	}
	if f := s.Flushes(); !slices.Equal(f, []uint16{8}) {
		t.Errorf("flushes %v, want that of what is new", f)
	}
	// What was restored is of use once.
	s.Update(users("a_snat=0", "c_snat=7"), 1, 100)
	s.flushAll()
	s.Update(now, 1, 100)
	if f := s.Flushes(); !slices.Contains(f, 0) || !slices.Contains(f, 7) {
		t.Errorf("flushes %v, want those of users that came", f)
	}
}

func TestRequestedZone(t *testing.T) {
	s := newState()
	s.Update(users("a", "b", "r0_snat"), 1, 100)
	s.flushAll()
	s.Changes()
	s.Update(users("a", "b", "r0_snat=1"), 1, 100)
	if s.Zone("r0_snat") != 1 || s.Zone("a") == 1 || s.Zone("a") == 0 {
		t.Errorf("zones:\n%s", s.List())
	}
	ch := s.Changes()
	if ch["r0_snat"] != 1 || ch["a"] != s.Zone("a") || len(ch) != 2 {
		t.Errorf("changes %v", ch)
	}
	f := s.Flushes()
	slices.Sort(f)
	if len(f) != len(slices.Compact(slices.Clone(f))) {
		t.Errorf("a zone is flushed twice: %v", f)
	}
	// Two routers may ask for the same.
	s.Update(users("a", "b", "r0_snat=1", "r1_snat=1"), 1, 100)
	if s.Zone("r1_snat") != 1 || s.Zone("r0_snat") != 1 {
		t.Errorf("shared:\n%s", s.List())
	}
	// The default zone can be asked for, too.
	s.Update(users("a", "b", "r0_snat=0", "r1_snat=1"), 1, 100)
	if s.Zone("r0_snat") != 0 || !strings.Contains(s.List(), "r0_snat 0\n") {
		t.Errorf("zone 0:\n%s", s.List())
	}
	// The range moves everybody who did not ask.
	s.Update(users("a", "b", "r0_snat=1"), 50, 60)
	if z := s.Zone("a"); z < 50 || z > 60 || s.Zone("r0_snat") != 1 {
		t.Errorf("range:\n%s", s.List())
	}
}

func TestExhausted(t *testing.T) {
	s := newState()
	s.Update(users("a", "b", "c"), 10, 11)
	if s.List() != "a 10\nb 11\n" {
		t.Errorf("%s", s.List())
	}
}

// TestInvariants: whatever users come and go, numbers are unique, in range, kept
// by those who stay, and each change of hands is flushed once.
func TestInvariants(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f"}
	rapid.Check(t, func(t *rapid.T) {
		s := newState()
		for range rapid.IntRange(1, 12).Draw(t, "rounds") {
			now := map[string]User{}
			for _, n := range rapid.SliceOfDistinct(rapid.SampledFrom(names), func(n string) string { return n }).Draw(t, "users") {
				now[n] = User{Limit: NoLimit}
			}
			before := maps.Clone(s.current)
			s.Update(now, 1, 20)
			flushed := map[uint16]int{}
			for _, n := range s.Flushes() {
				flushed[n]++
			}
			seen := map[uint16]string{}
			for n := range now {
				z := s.Zone(n)
				if z < 1 || z > 20 || seen[z] != "" {
					t.Fatalf("zone %d of %s, also %q", z, n, seen[z])
				}
				seen[z] = n
				if old, had := before[n]; had && old.number != z {
					t.Fatalf("%s moved from %d to %d", n, old.number, z)
				} else if !had && flushed[z] != 1 {
					t.Fatalf("new zone %d flushed %d times", z, flushed[z])
				}
			}
			for n, z := range before {
				if _, stays := now[n]; !stays && flushed[z.number] != 1 {
					t.Fatalf("zone %d taken from %s flushed %d times", z.number, n, flushed[z.number])
				}
			}
			if len(s.current) != len(now) {
				t.Fatalf("%d zones for %d users", len(s.current), len(now))
			}
		}
	})
}

// TestMarksOfOthers: a zone that somebody took off the bridge, or changed there, is
// written again; other external_ids of the bridge are none of its business.
func TestMarksOfOthers(t *testing.T) {
	w := replicatest.New(t)
	w.Do("bridge br-int ext:ct-zone-p1=1")
	s := New(slog.New(slog.DiscardHandler))
	s.Restore(w.Local.BridgeByName.One("br-int").ExternalIDs, func(ovsdb.UUID) string { return "" })
	write := func() string {
		tx := ovsdb.NewTxn("")
		s.Write(w.Local.BridgeByName.One("br-int"), nil, w.Local.DB, tx)
		return w.Print(tx)
	}
	for _, x := range []struct {
		bridge  string
		written bool
	}{
		{"bridge br-int ext:ct-zone-p1=1", false},
		{"bridge br-int ext:ct-zone-p1=1 ext:ovn-nb-cfg=7", false},
		{"bridge br-int ext:ovn-nb-cfg=7", true},
		{"bridge br-int ext:ct-zone-p1=1 ext:ovn-nb-cfg=8", false},
		{"bridge br-int ext:ct-zone-p1=2 ext:ovn-nb-cfg=8", true},
		{"bridge br-int ext:ct-zone-p1=1 ext:ct-zone-p2=2", true},
	} {
		w.Do(x.bridge)
		if got := write(); (got != "") != x.written {
			t.Errorf("%s: written %q", x.bridge, got)
		}
	}
}
