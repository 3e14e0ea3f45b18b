package binding

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

const (
	ifaceIDKey        = "iface-id"
	ifaceIDVersionKey = "iface-id-ver"
	encapIPKey        = "encap-ip"
	// InstalledKey marks an interface whose flows the switch has acknowledged.
	InstalledKey = "ovn-installed"
)

// Interface is an interface of the integration bridge that carries a logical
// port.
type Interface struct {
	UUID      ovsdb.UUID
	Name      string
	LPort     string // iface-id
	OFPort    uint32
	EncapIP   string
	Version   string // iface-id-ver
	MTU       int64
	Type      string
	Installed bool
}

// sameForFlows tells whether two values differ only in what flows do not see.
func (i *Interface) sameForFlows(j *Interface) bool {
	a, b := *i, *j
	a.Installed, b.Installed = false, false
	return a == b
}

// plugged is the interfaces of the bridge that carry logical ports. It follows the rows
// of interfaces, ports and the bridge one by one: most interfaces of a bridge are
// tunnels.
//
// Invariants, between two calls of followInterfaces:
//  1. carriers are the interfaces of the bridge with an iface-id and an OpenFlow port,
//     rivals the same by iface-id, in the order of their names.
//  2. byPort has one of each list in rivals.
type plugged struct {
	bridge   ovsdb.UUID
	carriers map[ovsdb.UUID]*Interface
	rivals   map[string][]*Interface
	byPort   map[string]*Interface
}

func newPlugged() plugged {
	return plugged{
		carriers: map[ovsdb.UUID]*Interface{}, rivals: map[string][]*Interface{}, byPort: map[string]*Interface{},
	}
}

// followInterfaces looks at the interfaces whose rows changed, at all of them when it is
// another bridge, and marks the logical ports whose interface is another now.
func (d *Duty) followInterfaces() {
	var br ovsdb.UUID
	if d.in.Bridge != nil {
		br = d.in.Bridge.UUID
	}
	again := map[ovsdb.UUID]bool{}
	if p := &d.plugged; br != p.bridge {
		p.bridge = br
		for _, i := range d.in.Local.Interfaces(d.in.Bridge) {
			again[i.UUID] = true
		}
		for id := range p.carriers {
			again[id] = true
		}
	} else if c := d.in.LocalChanges; c != nil {
		for port := range d.in.Local.Touched(c) {
			for _, id := range port.Interfaces {
				again[id] = true
			}
		}
		for i := range c.Interface {
			if old := c.Interface[i].Old; old != nil {
				again[old.UUID] = true
			}
		}
	}
	d.lookAtInterfaces(again)
}

// lookAtInterfaces reads interfaces anew and decides who carries their logical ports.
func (d *Duty) lookAtInterfaces(again map[ovsdb.UUID]bool) {
	ports := map[string]bool{}
	for id := range again {
		d.plugged.look(d.in.Local, d.in.Bridge, id, ports)
	}
	for _, lport := range slices.Sorted(maps.Keys(ports)) {
		old := d.plugged.byPort[lport]
		now := d.plugged.choose(lport, d.log)
		if old == nil && now == nil || old != nil && now != nil && *old == *now {
			continue
		}
		if old == nil || now == nil {
			d.delta.Scope = true
		}
		d.mark(lport)
		d.markChildren(lport)
	}
}

// look reads one interface, and adds to ports the logical ports for which that may mean
// another carrier.
func (p *plugged) look(l *replica.Local, br *vswitchdb.Bridge, id ovsdb.UUID, ports map[string]bool) {
	old := p.carriers[id]
	now := read(l, br, l.Interface.Get(id))
	if old == nil && now == nil || old != nil && now != nil && *old == *now {
		return
	}
	if old != nil {
		ports[old.LPort] = true
		delete(p.carriers, id)
		if list := slices.DeleteFunc(p.rivals[old.LPort], func(i *Interface) bool { return i == old }); len(list) > 0 {
			p.rivals[old.LPort] = list
		} else {
			delete(p.rivals, old.LPort)
		}
	}
	if now != nil {
		ports[now.LPort] = true
		p.carriers[id] = now
		list := p.rivals[now.LPort]
		at, _ := slices.BinarySearchFunc(list, now.Name, func(i *Interface, name string) int { return strings.Compare(i.Name, name) })
		p.rivals[now.LPort] = slices.Insert(list, at, now)
	}
}

// read returns an interface of the bridge that carries a logical port, nil for others.
func read(l *replica.Local, br *vswitchdb.Bridge, i *vswitchdb.Interface) *Interface {
	if i == nil {
		return nil
	}
	lport, ok := i.ExternalIDs.Lookup(ifaceIDKey)
	onBridge := func(p *vswitchdb.Port) bool { return replica.Has(br, p) }
	if !ok || i.Ofport.Value() <= 0 || !slices.ContainsFunc(l.PortsByInterface.Get(i.UUID), onBridge) {
		return nil
	}
	return &Interface{
		UUID: i.UUID, Name: i.Name, LPort: lport, OFPort: uint32(i.Ofport.Value()),
		EncapIP: i.ExternalIDs.Get(encapIPKey), Version: i.ExternalIDs.Get(ifaceIDVersionKey),
		MTU: i.MTU.Value(), Type: i.Type, Installed: replica.True(i.ExternalIDs, InstalledKey),
	}
}

// choose decides who carries a logical port. Of several interfaces with one iface-id
// the one already chosen stays, or the first by name wins; the others take over when
// it goes.
func (p *plugged) choose(lport string, log *slog.Logger) *Interface {
	list := p.rivals[lport]
	if len(list) == 0 {
		delete(p.byPort, lport)
		return nil
	}
	chosen := list[0]
	if old := p.byPort[lport]; old != nil {
		if i := slices.IndexFunc(list, func(i *Interface) bool { return i.UUID == old.UUID }); i >= 0 {
			chosen = list[i]
		}
	}
	for _, i := range list {
		if i != chosen {
			log.Warn(fmt.Sprintf("Invalid configuration: iface-id is configured on interfaces : [%s] and [%s]. "+
				"Ignoring the configuration on interface [%s]", chosen.Name, i.Name, i.Name))
		}
	}
	p.byPort[lport] = chosen
	return chosen
}
