package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/explain"
	"github.com/ovn-chassis/ovn-chassis/lflow"
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// world is what a logical flow is compiled in: what was given on the command line,
// and, if there is one, the southbound database seen from a datapath. All ports of
// the command line are local; of the database's all are taken to be, so that a flow
// shows what it becomes where its port is.
type world struct {
	ports     map[string]uint32
	resident  map[string]bool
	sets      map[string][]string
	groups    map[string][]string // ports by name
	templates map[string]string

	db      *explain.Southbound
	dp      ovsdb.UUID
	chassis string

	// asked are ports that nobody defined and that got a number nevertheless.
	asked []string
}

func newWorld() *world {
	return &world{
		ports: map[string]uint32{}, resident: map[string]bool{}, sets: map[string][]string{}, groups: map[string][]string{},
		templates: map[string]string{},
	}
}

// inventedKey is the first tunnel key given to ports that nobody defined.
const inventedKey = 101

func (w *world) Port(dp uint32, name string) (uint32, bool) {
	if key, ok := w.ports[name]; ok {
		return key, true
	}
	if w.db != nil {
		for p := range w.db.PortBinding.All() {
			if p.LogicalPort == name && p.Datapath == w.dp {
				return uint32(p.TunnelKey), true
			}
		}
		for m := range w.db.MulticastGroup.All() {
			if m.Name == name && m.Datapath == w.dp {
				return uint32(m.TunnelKey), true
			}
		}
		return 0, false
	}
	key := uint32(inventedKey + len(w.asked))
	w.ports[name] = key
	w.asked = append(w.asked, name)
	return key, true
}

func (w *world) Resident(port string) bool {
	if w.resident[port] {
		return true
	}
	if w.db == nil {
		return false
	}
	for p := range w.db.PortBinding.All() {
		if p.LogicalPort == port {
			c := w.db.Chassis.Get(p.Chassis)
			return c != nil && c.Name == w.chassis
		}
	}
	return false
}

func (w *world) LocalPort(dp, key uint32) bool                    { return true }
func (w *world) LocalPortByName(port string) bool                 { return w.Resident(port) }
func (w *world) TunnelOfport(port string) (ofport uint32, _ bool) { return 0, false }

func (w *world) AddressSetShape(k lflow.SetKey) lflow.Shape      { return w.shape(k) }
func (w *world) AddressSetMembers(k lflow.SetKey) []lflow.Member { return w.members(k) }
func (w *world) PortGroupShape(k lflow.SetKey) lflow.Shape       { return w.shape(k) }
func (w *world) PortGroupMembers(k lflow.SetKey) []lflow.Member  { return w.members(k) }

// addresses are those of an address set.
func (w *world) addresses(name string) ([]string, bool) {
	if list, ok := w.sets[name]; ok {
		return list, true
	}
	if w.db != nil {
		for s := range w.db.AddressSet.All() {
			if s.Name == name {
				return s.Addresses, true
			}
		}
	}
	return nil, false
}

// groupPorts are the ports of a port group on a datapath.
func (w *world) groupPorts(dp uint32, name string) ([]string, bool) {
	if list, ok := w.groups[name]; ok {
		return list, true
	}
	if w.db != nil {
		// northd makes a row of each group for each datapath.
		for g := range w.db.PortGroup.All() {
			if g.Name == fmt.Sprintf("%d_%s", dp, name) {
				return g.Ports, true
			}
		}
	}
	return nil, false
}

func (w *world) shape(k lflow.SetKey) lflow.Shape {
	names, _ := k.Parts()
	for _, name := range names {
		if k.Kind == lflow.SetPorts {
			if _, ok := w.groupPorts(k.DP, name); !ok {
				return lflow.Shape{Kind: lflow.ShapeMissing, Name: name}
			}
			continue
		}
		list, ok := w.addresses(name)
		if !ok {
			return lflow.Shape{Kind: lflow.ShapeMissing, Name: name}
		}
		for _, text := range list {
			c, ok := lflow.ParseMember(text)
			if _, fits := c.Member(int(k.Width)); ok && !fits {
				return lflow.Shape{Kind: lflow.ShapeMisfit, Name: name}
			}
		}
	}
	switch m := w.members(k); len(m) {
	case 0:
		return lflow.Shape{Kind: lflow.ShapeNone}
	case 1:
		return lflow.Shape{Kind: lflow.ShapeOne, Member: m[0]}
	}
	return lflow.Shape{Kind: lflow.ShapeMany}
}

func (w *world) members(k lflow.SetKey) []lflow.Member {
	names, members := k.Parts()
	for _, name := range names {
		if k.Kind == lflow.SetPorts {
			ports, _ := w.groupPorts(k.DP, name)
			for _, p := range ports {
				if key, ok := w.Port(k.DP, p); ok {
					members = append(members, lflow.Member{Value: openflow.U64(uint64(key)), Mask: openflow.MaskN(32)})
				}
			}
			continue
		}
		list, _ := w.addresses(name)
		for _, text := range list {
			if c, ok := lflow.ParseMember(text); ok {
				if m, fits := c.Member(int(k.Width)); fits {
					members = append(members, m)
				}
			}
		}
	}
	return lflow.Distinct(members)
}

func (w *world) Template(name string) (string, bool) {
	if v, ok := w.templates[name]; ok {
		return v, true
	}
	if w.db != nil {
		for r := range w.db.ChassisTemplateVar.All() {
			if r.Chassis == w.chassis {
				return r.Variables.Lookup(name)
			}
		}
	}
	return "", false
}

func (w *world) DHCPOption(name string) (lflow.DHCPOption, bool) {
	if w.db != nil {
		for o := range w.db.DHCPOptions.All() {
			if o.Name == name {
				return lflow.DHCPOption{Code: uint8(o.Code), Type: o.Type}, true
			}
		}
	}
	return lflow.DHCPOption{}, false
}

func (w *world) DHCPv6Option(name string) (lflow.DHCPOption, bool) {
	if w.db != nil {
		for o := range w.db.DHCPv6Options.All() {
			if o.Name == name {
				return lflow.DHCPOption{Code: uint8(o.Code), Type: o.Type}, true
			}
		}
	}
	return lflow.DHCPOption{}, false
}

// Collector and Flag answer for a switch and a northd that can do everything.
func (w *world) Collector(uint32) bool     { return true }
func (w *world) Flag(f lflow.EnvFlag) bool { return true }

// split reads NAME=VALUE.
func split(what, text string) (name, value string, err error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return "", "", fmt.Errorf("--%s %q: want NAME=VALUE", what, text)
	}
	return name, value, nil
}

// list splits at commas and blanks.
func list(text string) []string {
	return slices.DeleteFunc(strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }),
		func(s string) bool { return s == "" })
}

func portKey(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 0, 32)
	if err != nil {
		return 0, fmt.Errorf("tunnel key %q: %w", text, err)
	}
	return uint32(n), nil
}
