package conditions

import (
	"maps"
	"slices"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// shrinkDelay is how long conditions that select less are put off: the server takes
// some milliseconds to look at its rows again, with the release of the port whose
// interface is gone waiting behind.
const shrinkDelay = time.Second

// Wait says what is to wait for conditions to be in effect.
type Wait int

const (
	// Nothing: they select less.
	Nothing Wait = iota
	// All: what says that all contents are carried out. The conditions bring rows, but
	// none that ports with an interface here would miss.
	All
	// AllAndPorts: ports, too.
	AllAndPorts
)

// Scope is Compute for inputs that change a little at a time. A port more is two
// clauses of one table, while a datapath has one in each of ten: those are kept as
// long as the datapaths are the same. A list of datapaths that was given is not to be
// changed; the same one again is not looked at.
type Scope struct {
	in   Inputs     // of the last conditions, Datapaths in order
	raw  []Datapath // those datapaths as they were given
	base ovsdb.Conditions
	due  time.Time
}

// Due is when conditions that were put off are to be sent, zero when there are none.
func (s *Scope) Due() time.Time { return s.due }

// Next returns the conditions for in, and what waits for them, if they are to be sent
// now. known tells of rows of ports that are here already.
func (s *Scope) Next(in Inputs, known func(lport string) bool, now time.Time) (c ovsdb.Conditions, wait Wait, send bool) {
	wider, ports, same := s.adds(in)
	switch {
	case wider:
		wait = AllAndPorts
	case len(ports) > 0:
		wait = All
		if slices.ContainsFunc(ports, func(lport string) bool { return !known(lport) }) {
			wait = AllAndPorts
		}
	case same:
		s.due = time.Time{}
		return nil, Nothing, false
	case s.due.IsZero():
		s.due = now.Add(shrinkDelay)
		return nil, Nothing, false
	case now.Before(s.due):
		return nil, Nothing, false
	}
	s.due = time.Time{}
	return s.compute(in), wait, true
}

// adds tells what the conditions for in select that the last ones do not: wider if
// it is more than rows of ports, and the logical ports that are new. same says that
// nothing is selected less, either.
func (s *Scope) adds(in Inputs) (wider bool, ports []string, same bool) {
	if s.base == nil || s.in.MonitorAll != in.MonitorAll || !sameChassis(s.in.Chassis, in.Chassis) {
		return true, nil, false
	}
	for _, d := range s.unlessSame(in.Datapaths) {
		if _, has := slices.BinarySearchFunc(s.in.Datapaths, d, compareDatapaths); !has {
			return true, nil, false
		}
	}
	for _, lport := range in.Interfaces {
		if _, has := slices.BinarySearch(s.in.Interfaces, lport); !has {
			ports = append(ports, lport)
		}
	}
	return false, ports, len(in.Datapaths) == len(s.in.Datapaths) && slices.Equal(in.Interfaces, s.in.Interfaces)
}

// unlessSame is a list of datapaths, or nothing if it is the very list of the last
// conditions: one with an interface more, most often.
func (s *Scope) unlessSame(list []Datapath) []Datapath {
	if sameList(list, s.raw) {
		return nil
	}
	return list
}

// sameList tells whether two lists are one.
func sameList(a, b []Datapath) bool { return len(a) > 0 && len(a) == len(b) && &a[0] == &b[0] }

func compareDatapaths(a, b Datapath) int {
	if c := a.UUID.Compare(b.UUID); c != 0 || a.Key == b.Key {
		return c
	}
	if a.Key < b.Key {
		return -1
	}
	return 1
}

func sameChassis(a, b *sbdb.Chassis) bool {
	return a == b || a != nil && b != nil && a.UUID == b.UUID && a.Name == b.Name
}

// compute is what Compute returns. Interfaces of in are in order.
func (s *Scope) compute(in Inputs) ovsdb.Conditions {
	if sameList(in.Datapaths, s.raw) {
		in.Datapaths = s.in.Datapaths
	} else {
		s.raw = in.Datapaths
		in.Datapaths = slices.SortedFunc(slices.Values(in.Datapaths), compareDatapaths)
	}
	if s.base == nil || s.in.MonitorAll != in.MonitorAll || !sameChassis(s.in.Chassis, in.Chassis) ||
		!sameList(s.in.Datapaths, in.Datapaths) && !slices.Equal(s.in.Datapaths, in.Datapaths) {
		s.base = Compute(Inputs{MonitorAll: in.MonitorAll, Chassis: in.Chassis, Datapaths: in.Datapaths})
	}
	s.in = in
	if in.MonitorAll {
		return s.base
	}
	c := maps.Clone(s.base)
	c[sbdb.TablePortBinding] = append(slices.Clip(s.base[sbdb.TablePortBinding]), ofInterfaces(in.Interfaces)...)
	return c
}
