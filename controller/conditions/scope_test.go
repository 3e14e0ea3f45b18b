package conditions

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// TestScope: step by step a scope computes what Compute does, and tells what is
// selected more.
func TestScope(t *testing.T) {
	us := &sbdb.Chassis{UUID: ovsdb.NewUUID(), Name: "hv1"}
	again := *us
	d1, d2 := Datapath{ovsdb.NewUUID(), 1}, Datapath{ovsdb.NewUUID(), 2}
	var s Scope
	for _, x := range []struct {
		name  string
		in    Inputs
		wider bool
		ports []string
		same  bool
	}{
		{name: "first", in: Inputs{}, wider: true},
		{name: "chassis known", in: Inputs{Chassis: us}, wider: true},
		{name: "chassis row replaced", in: Inputs{Chassis: &again}, same: true},
		{name: "ports", in: Inputs{Chassis: us, Interfaces: []string{"p1", "p3"}}, ports: []string{"p1", "p3"}},
		{name: "datapath", in: Inputs{Chassis: us, Interfaces: []string{"p1", "p3"}, Datapaths: []Datapath{d1, d2}}, wider: true},
		{name: "other order", in: Inputs{Chassis: us, Interfaces: []string{"p1", "p3"}, Datapaths: []Datapath{d2, d1}}, same: true},
		{name: "a port more", in: Inputs{Chassis: us, Interfaces: []string{"p1", "p2", "p3"}, Datapaths: []Datapath{d1, d2}}, ports: []string{"p2"}},
		{name: "a port less", in: Inputs{Chassis: us, Interfaces: []string{"p1", "p2"}, Datapaths: []Datapath{d1, d2}}},
		{name: "a port for another", in: Inputs{Chassis: us, Interfaces: []string{"p1", "p3"}, Datapaths: []Datapath{d1, d2}}, ports: []string{"p3"}},
		{name: "a datapath less", in: Inputs{Chassis: us, Interfaces: []string{"p1", "p3"}, Datapaths: []Datapath{d2}}},
		{name: "another key", in: Inputs{Chassis: us, Interfaces: []string{"p1", "p3"}, Datapaths: []Datapath{{d2.UUID, 3}}}, wider: true},
		{name: "all", in: Inputs{MonitorAll: true, Chassis: us, Interfaces: []string{"p1", "p3"}, Datapaths: []Datapath{{d2.UUID, 3}}}, wider: true},
		{name: "not all", in: Inputs{Chassis: us, Interfaces: []string{"p1", "p3"}, Datapaths: []Datapath{{d2.UUID, 3}}}, wider: true},
		{name: "another chassis", in: Inputs{Chassis: &sbdb.Chassis{UUID: ovsdb.NewUUID(), Name: "hv1"}}, wider: true},
	} {
		wider, ports, same := s.adds(x.in)
		if wider != x.wider || !slices.Equal(ports, x.ports) || same != x.same {
			t.Errorf("%s: wider %v, ports %v, same %v; want %v, %v, %v", x.name, wider, ports, same, x.wider, x.ports, x.same)
		}
		got, want := s.compute(x.in), Compute(x.in)
		if !maps.EqualFunc(got, want, sameClauses) {
			t.Errorf("%s: %v, want %v", x.name, got, want)
		}
	}
}

func sameClauses(a, b ovsdb.Where) bool {
	text := func(w ovsdb.Where) []string {
		var out []string
		for _, c := range w {
			out = append(out, c.Column+c.Function+c.Value)
		}
		slices.Sort(out)
		return out
	}
	return (a == nil) == (b == nil) && slices.Equal(text(a), text(b))
}

// TestWhatWaits: rows of datapaths and of unknown ports are waited for by ports,
// others by those who speak for all contents; less is asked for later, if at all.
func TestWhatWaits(t *testing.T) {
	us := &sbdb.Chassis{UUID: ovsdb.NewUUID(), Name: "hv1"}
	d := Datapath{ovsdb.NewUUID(), 1}
	known := func(lport string) bool { return lport[0] == 'k' }
	now := time.Unix(9, 0)
	var s Scope
	for _, x := range []struct {
		name  string
		after time.Duration
		ports []string
		dps   []Datapath
		send  bool
		wait  Wait
		due   time.Duration // from now on, 0 for never
	}{
		{name: "first", send: true, wait: AllAndPorts},
		{name: "unknown port", ports: []string{"u1"}, send: true, wait: AllAndPorts},
		{name: "its datapath", ports: []string{"u1"}, dps: []Datapath{d}, send: true, wait: AllAndPorts},
		{name: "nothing", ports: []string{"u1"}, dps: []Datapath{d}},
		{name: "known port", ports: []string{"k1", "u1"}, dps: []Datapath{d}, send: true, wait: All},
		{name: "a port gone", ports: []string{"u1"}, dps: []Datapath{d}, due: shrinkDelay},
		{name: "still gone", after: shrinkDelay / 2, ports: []string{"u1"}, dps: []Datapath{d}, due: shrinkDelay / 2},
		{name: "back", ports: []string{"k1", "u1"}, dps: []Datapath{d}},
		{name: "gone again", ports: []string{"u1"}, dps: []Datapath{d}, due: shrinkDelay},
		{name: "its time has come", after: shrinkDelay, ports: []string{"u1"}, dps: []Datapath{d}, send: true, wait: Nothing},
		{name: "the datapath gone", ports: []string{"u1"}, due: shrinkDelay},
		{name: "another port", ports: []string{"k2", "u1"}, send: true, wait: All},
	} {
		now = now.Add(x.after)
		_, wait, send := s.Next(Inputs{Chassis: us, Interfaces: x.ports, Datapaths: x.dps}, known, now)
		if send != x.send || wait != x.wait {
			t.Errorf("%s: send %v, wait %d; want %v, %d", x.name, send, wait, x.send, x.wait)
		}
		if due := s.Due(); due.IsZero() != (x.due == 0) || x.due != 0 && due.Sub(now) != x.due {
			t.Errorf("%s: due %v, want after %v", x.name, due, x.due)
		}
	}
}

// TestSameList: a list of datapaths that is given again is as one with the same contents,
// whatever else changes, and another of the same length is not taken for it.
func TestSameList(t *testing.T) {
	us := &sbdb.Chassis{UUID: ovsdb.NewUUID(), Name: "hv1"}
	now := time.Unix(1000, 0)
	one, other := datapaths(3, 1, 2), datapaths(4, 1, 2)
	var s, fresh Scope
	var k, kFresh Kept
	exists := func(ovsdb.UUID) bool { return true }
	known := func(string) bool { return true }
	for i, x := range []struct {
		list  []Datapath
		ports []string
		all   bool
	}{
		{one, nil, false}, {one, []string{"p1"}, false}, {one, nil, false}, {one, nil, true}, {one, []string{"p1"}, false}, {other, []string{"p1"}, false},
		{other, nil, false}, {one, []string{"p2"}, false}, {one[:2], []string{"p2"}, false}, {one, []string{"p2"}, false},
	} {
		now = now.Add(20 * time.Second)
		in := Inputs{Chassis: us, Interfaces: x.ports, MonitorAll: x.all}
		again := in
		in.Datapaths, again.Datapaths = k.Datapaths(x.list, exists, now), kFresh.Datapaths(slices.Clone(x.list), exists, now)
		if !slices.Equal(in.Datapaths, again.Datapaths) {
			t.Errorf("%d: monitored are %v, want %v", i, in.Datapaths, again.Datapaths)
		}
		got, wait, send := s.Next(in, known, now)
		want, wantWait, wantSend := fresh.Next(again, known, now)
		if wait != wantWait || send != wantSend || !maps.EqualFunc(got, want, sameClauses) {
			t.Errorf("%d: %v, wait %v, send %v; want %v, %v, %v", i, got, wait, send, want, wantWait, wantSend)
		}
	}
}

// BenchmarkInterface: an interface takes another's place on a chassis with so many local
// datapaths. What is left of their number is the list of clauses, which is copied.
func BenchmarkInterface(b *testing.B) {
	for _, n := range []int{50, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			var local []Datapath
			for i := range n {
				local = append(local, Datapath{ovsdb.NewUUID(), int64(i + 1)})
			}
			us := &sbdb.Chassis{UUID: ovsdb.NewUUID(), Name: "hv1"}
			var s Scope
			var k Kept
			now := time.Unix(1000, 0)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				now = now.Add(2 * shrinkDelay)
				in := Inputs{Chassis: us, Interfaces: []string{strconv.Itoa(i)}}
				in.Datapaths = k.Datapaths(local, func(ovsdb.UUID) bool { return true }, now)
				s.Next(in, func(string) bool { return true }, now)
			}
		})
	}
}
