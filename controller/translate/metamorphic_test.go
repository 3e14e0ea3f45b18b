package translate

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run the metamorphic test with this seed only")
	seedsFlag = flag.Int("seeds", 40, "number of seeds of the metamorphic test")
)

// fromScratch translates w with everything new.
func fromScratch(w *world) (map[openflow.Flow]int, error) {
	s := newSystem(Options{Workers: 1})
	s.follow(w)
	err := s.run()
	return s.present, err
}

// compare demands that what s adds up to is what translating w from scratch gives.
func (s *system) compare(w *world) error {
	if err := s.run(); err != nil {
		return err
	}
	want, err := fromScratch(w)
	if err != nil {
		return err
	}
	if maps.Equal(s.present, want) {
		return nil
	}
	var b strings.Builder
	show := func(sign string, a, b2 map[openflow.Flow]int) {
		n := 0
		for f, k := range a {
			if b2[f] < k {
				if n++; n <= 5 {
					fmt.Fprintf(&b, "%s table=%d,priority=%d,%s actions=%s (owner %c%d)\n", sign, f.Table, f.Priority, f.Match, f.Actions, f.Owner[0], f.Owner[1]-1)
				}
			}
		}
	}
	show("only incremental:", s.present, want)
	show("only from scratch:", want, s.present)
	return fmt.Errorf("incremental result differs from the result from scratch:\n%s", b.String())
}

// history is a series of worlds, each one random change after the one before.
func history(seed uint64, steps int) []*world {
	r := rand.New(rand.NewPCG(seed, 1))
	w := newWorld()
	for range 500 {
		w.step(r) // so that there is something to change
	}
	if seed%2 == 0 {
		w.settle()
	}
	list := []*world{w.clone()}
	for range steps {
		for range 1 + r.IntN(3) {
			w.step(r)
		}
		list = append(list, w.clone())
	}
	return list
}

func (w *world) clone() *world {
	c := *w
	c.dps, c.groups, c.ports, c.multicast = maps.Clone(w.dps), maps.Clone(w.groups), maps.Clone(w.ports), maps.Clone(w.multicast)
	c.flows, c.addresses, c.pgs, c.chassis = maps.Clone(w.flows), maps.Clone(w.addresses), maps.Clone(w.pgs), maps.Clone(w.chassis)
	c.encaps, c.ha, c.haGroups, c.macs = maps.Clone(w.encaps), maps.Clone(w.ha), maps.Clone(w.haGroups), maps.Clone(w.macs)
	c.statics, c.fdb, c.lbs, c.templates = maps.Clone(w.statics), maps.Clone(w.fdb), maps.Clone(w.lbs), maps.Clone(w.templates)
	c.dhcp, c.dhcpv6, c.global = maps.Clone(w.dhcp), maps.Clone(w.dhcpv6), maps.Clone(w.global)
	c.networks, c.localDPs, c.interfaces, c.bound = maps.Clone(w.networks), maps.Clone(w.localDPs), maps.Clone(w.interfaces), maps.Clone(w.bound)
	c.patches, c.zones, c.natZones, c.tunnels = maps.Clone(w.patches), maps.Clone(w.zones), maps.Clone(w.natZones), maps.Clone(w.tunnels)
	c.haActive, c.related, c.activated, c.collectors = maps.Clone(w.haActive), maps.Clone(w.related), maps.Clone(w.activated), maps.Clone(w.collectors)
	return &c
}

// paths are ways through a history that must all end in what its last world gives
// from scratch.
var paths = map[string]func(s *system, h []*world) error{
	"split": func(s *system, h []*world) error {
		for i, w := range h {
			s.follow(w)
			if err := s.compare(w); err != nil {
				return fmt.Errorf("after change %d: %w", i, err)
			}
		}
		return nil
	},
	// Changes collapse while a run is under way.
	"squashed": func(s *system, h []*world) error {
		for i, w := range h {
			s.follow(w)
			if i%5 == 4 || i == len(h)-1 {
				if err := s.compare(w); err != nil {
					return fmt.Errorf("after change %d: %w", i, err)
				}
			}
		}
		return nil
	},
	"reversed": func(s *system, h []*world) error {
		for i := range h {
			w := h[len(h)-1-i]
			s.follow(w)
			if err := s.compare(w); err != nil {
				return fmt.Errorf("after going back %d changes: %w", i, err)
			}
		}
		return nil
	},
	// Every change is undone and made again before anything is translated.
	"duplicated": func(s *system, h []*world) error {
		for i, w := range h {
			s.follow(w)
			if i > 0 {
				s.follow(h[i-1])
				s.follow(w)
			}
			if err := s.compare(w); err != nil {
				return fmt.Errorf("after change %d: %w", i, err)
			}
		}
		return nil
	},
	// Tables are emptied in an order that leaves references to nothing.
	"teardown": func(s *system, h []*world) error {
		w := h[len(h)-1].clone()
		s.follow(w)
		if err := s.compare(w); err != nil {
			return err
		}
		steps := []func(){
			func() { clear(w.dps) }, func() { clear(w.ports) }, func() { clear(w.addresses) }, func() { clear(w.pgs) },
			func() { clear(w.groups) }, func() { clear(w.chassis) }, func() { clear(w.haGroups) }, func() { clear(w.ha) },
			func() { clear(w.encaps) }, func() { clear(w.multicast) }, func() { clear(w.templates) }, func() { clear(w.tunnels) },
			func() { clear(w.localDPs) }, func() { clear(w.flows) }, func() { clear(w.lbs) }, func() { clear(w.macs) },
			func() { clear(w.statics) }, func() { clear(w.fdb) },
		}
		r := rand.New(rand.NewPCG(uint64(len(w.flows)), uint64(len(w.ports))))
		r.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
		for i, step := range steps {
			step()
			s.follow(w)
			if err := s.compare(w); err != nil {
				return fmt.Errorf("teardown step %d: %w", i, err)
			}
		}
		return nil
	},
}

func TestMetamorphic(t *testing.T) {
	first, last := uint64(1), uint64(*seedsFlag)
	if *seedFlag != 0 {
		first, last = *seedFlag, *seedFlag
	}
	names := slices.Sorted(maps.Keys(paths))
	for seed := first; seed <= last; seed++ {
		h := history(seed, 25)
		for _, name := range names {
			s := newSystem(Options{Workers: 2})
			if err := paths[name](s, h); err != nil {
				t.Fatalf("%s: %v\nreplay: go test ./controller/translate -run TestMetamorphic -seed %d", name, err, seed)
			}
		}
	}
}

// mutations lists the kinds of reads whose record is taken out, one at a time, and
// the number of seeds within which the metamorphic test must notice.
//
// Kinds that are not here are recorded but cannot make a difference that stays:
// what is said of each in input.go is read together with another input that
// changes whenever it does.
func mutations() map[uint8]string {
	return map[uint8]string{
		kindSelf: "self", kindEncapIPs: "encap IPs", kindGeneve: "Geneve", kindFlowTunnels: "flow tunnels",
		kindDropSampling: "drop sampling", kindLocalnetLearn: "localnet learning", kindOption: "option",
		kindDatapath: "datapath", kindDatapathKey: "datapath by key", kindGroup: "datapath group",
		kindGroupLocal: "datapath group local", kindLocalnet: "localnet", kindPeers: "peers",
		kindExternalPorts: "external ports", kindMultichassis: "multichassis ports", kindPortName: "port by name",
		kindPort: "port", kindPortKey: "port by key", kindLogicalPort: "logical port", kindResidence: "residence",
		kindResident: "resident", kindActivated: "activated", kindInterface: "interface", kindMTU: "MTU", kindVIF: "VIF",
		kindBound: "bound", kindPatchPort: "patch port", kindZone: "zone", kindNATZones: "NAT zones", kindChassis: "chassis",
		kindChassisName: "chassis by name", kindRemoteChassis: "remote chassis", kindEncap: "encap", kindTunnels: "tunnels",
		kindAllTunnels: "all tunnels", kindHAGroup: "HA group", kindHAChassis: "HA chassis", kindHAActive: "HA active",
		kindTemplate: "template", kindRelated: "related", kindSetShape: "set shape", kindSetMembers: "set members",
		kindSetClass: "set class", kindSetSize: "set size",
		kindDHCPOption: "DHCP option", kindDHCPv6Option: "DHCPv6 option", kindCollector: "collector", kindFeature: "feature",
	}
}

// TestForgottenReads takes the record of one kind of read out and demands that the
// metamorphic test fails.
func TestForgottenReads(t *testing.T) {
	const seeds = 400
	for kind, name := range mutations() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= seeds; seed++ {
				h := history(seed, 25)
				s := newSystem(Options{Workers: 1, Forget: func(k uint8) bool { return k == kind }})
				if paths["split"](s, h) != nil {
					return
				}
			}
			t.Errorf("reads of kind %q are not recorded, and %d seeds do not notice", name, seeds)
		})
	}
}
