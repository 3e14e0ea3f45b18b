// Package announce decides which addresses the physical networks are told of by
// gratuitous ARP and RARP: those of interfaces, of NAT and of routers that this
// chassis hosts on switches with a localnet port.
//
//	Port_Binding ─┐                                 ┌─► pinctrl: announcements
//	local datapaths ─► dirty ports ─► judged again ─┼─► Stamp(seq) ─► Acked(seq): begin now
//	bridge mappings ─┘                              └─► MAC_Binding of routers on the
//	                                                    same switch, as if they had heard
//
// Only ports that a change touches are looked at again.
//
// Announcing begins when the switch has acknowledged the flows for what is announced:
// sooner, packets would be drawn to where they are dropped; later, the bridges on the
// way, the one of this chassis among them, go on sending them to where the address was.
package announce

import (
	"log/slog"
	"maps"
	"net/netip"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/controller/acked"
	"github.com/ovn-chassis/ovn-chassis/controller/binding"
	"github.com/ovn-chassis/ovn-chassis/controller/neighbor"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Inputs are what a round looks at.
type Inputs struct {
	SB      *replica.SB
	Chassis ovsdb.UUID // zero while unknown
	// Datapaths are the local ones.
	Datapaths func(ovsdb.UUID) *binding.LocalDatapath
	// Networks are the physical networks with a bridge here.
	Networks map[string]bool

	Changes *sbdb.Changes
	// Changed are local datapaths that came, changed or went.
	Changed []ovsdb.UUID
}

// Duty is the state between rounds.
type Duty struct {
	log      *slog.Logger
	in       Inputs
	chassis  ovsdb.UUID
	networks map[string]bool
	dirty    map[string]bool
	// announced are the announcements by port, which is on datapath.
	announced map[string]*entry
	// dependents are the ports whose announcements depend on whether another one is
	// resident.
	dependents map[string]map[string]bool
	// lessons are announced addresses that routers on the switch are to learn.
	lessons map[lesson]bool
	// Queue has the announcements that wait for their flows to be in the switch. Some
	// may have been removed since.
	acked.Queue[pinctrl.Announcement]
	// plugged are the datapaths with a mapped network; empty before a round asks.
	plugged map[ovsdb.UUID]bool
}

type entry struct {
	datapath  ovsdb.UUID
	list      []pinctrl.Announcement
	residents []string
}

// lesson is an address behind a port of a switch.
type lesson struct {
	datapath ovsdb.UUID
	port     string
	mac      pinctrl.MAC
	ip       netip.Addr
}

// New returns a duty that has seen nothing.
func New(log *slog.Logger) *Duty {
	return &Duty{
		log: log, dirty: map[string]bool{}, announced: map[string]*entry{}, dependents: map[string]map[string]bool{},
		lessons: map[lesson]bool{},
	}
}

// Run looks at what changed and returns the announcements that are no longer, or
// newly, to be made.
func (d *Duty) Run(in Inputs) (removed, added []pinctrl.Announcement) {
	d.in, d.plugged = in, map[ovsdb.UUID]bool{}
	d.note()
	for lport := range d.dirty {
		old := d.announced[lport]
		now := d.judge(lport)
		d.replace(lport, old, now)
		var before, after []pinctrl.Announcement
		if old != nil {
			before = old.list
		}
		if now != nil {
			after = now.list
		}
		for _, a := range before {
			if !slices.Contains(after, a) {
				removed = append(removed, a)
			}
		}
		for _, a := range after {
			if !slices.Contains(before, a) {
				added = append(added, a)
			}
			if a.IP.IsValid() {
				d.lessons[lesson{now.datapath, lport, a.MAC, a.IP}] = true
			}
		}
	}
	clear(d.dirty)
	d.Add(added...)
	return removed, added
}

// note marks the ports that have to be judged again.
func (d *Duty) note() {
	if d.chassis != d.in.Chassis || !maps.Equal(d.networks, d.in.Networks) {
		d.chassis, d.networks = d.in.Chassis, maps.Clone(d.in.Networks)
		for lport := range d.announced {
			d.dirty[lport] = true
		}
		for _, ln := range d.in.SB.PortsByType.Get("localnet") {
			d.markDatapath(ln.Datapath)
		}
	}
	for _, id := range d.in.Changed {
		d.markDatapath(id)
	}
	c := d.in.Changes
	if c == nil {
		return
	}
	for i := range c.PortBinding {
		for _, p := range []*sbdb.PortBinding{c.PortBinding[i].Old, c.PortBinding[i].New} {
			if p == nil {
				continue
			}
			d.dirty[p.LogicalPort] = true
			for lport := range d.dependents[p.LogicalPort] {
				d.dirty[lport] = true
			}
			if p.Type == "localnet" {
				d.markDatapath(p.Datapath)
			}
			if peer := p.Options.Get("peer"); peer != "" {
				d.dirty[peer] = true
			}
		}
	}
	for i := range c.DatapathBinding {
		// A router's external_ids silence the ports of switches that face it.
		if row := c.DatapathBinding[i].New; row != nil && !replica.IsSwitch(row) {
			for _, p := range d.in.SB.PortsByDatapath.Get(row.UUID) {
				if peer := p.Options.Get("peer"); peer != "" {
					d.dirty[peer] = true
				}
			}
		}
	}
}

// markDatapath marks the ports of a datapath, and those that were on it.
func (d *Duty) markDatapath(id ovsdb.UUID) {
	for _, p := range d.in.SB.PortsByDatapath.Get(id) {
		d.dirty[p.LogicalPort] = true
	}
	for lport, e := range d.announced {
		if e.datapath == id {
			d.dirty[lport] = true
		}
	}
}

// judge returns what is to be announced of a port, nil if it has no part in this.
func (d *Duty) judge(lport string) *entry {
	p := d.in.SB.PortByName.One(lport)
	if p == nil || d.chassis.IsZero() || !d.onNetwork(p.Datapath) || !d.enabled(p) {
		return nil
	}
	dp := d.in.SB.DatapathBinding.Get(p.Datapath)
	if dp == nil {
		return nil
	}
	e := &entry{datapath: p.Datapath}
	in := pinctrl.PortKey{Datapath: uint32(dp.TunnelKey), Port: uint32(p.TunnelKey)}
	switch {
	case p.Type == "" && p.Chassis == d.chassis:
		for _, s := range p.MAC {
			if a, err := parseAddresses(s); err == nil {
				e.add(in, a, 1)
				break
			}
		}
	case p.Type == "l3gateway" && p.Chassis == d.chassis, p.Type == "patch":
		for _, s := range natAddresses(p) {
			a, err := parseAddresses(s)
			if err != nil {
				d.log.Info("invalid address", "port", lport, "err", err)
				continue
			}
			if a.resident == "" && p.Type == "patch" {
				continue // it is everywhere, and so nowhere
			}
			if a.resident != "" {
				e.residents = append(e.residents, a.resident)
				if r := d.in.SB.PortByName.One(a.resident); r == nil || r.Chassis != d.chassis {
					continue
				}
			}
			e.add(in, a, len(a.ips))
		}
	default:
		return nil
	}
	return e
}

// natAddresses are the strings of nat_addresses, or, from an older northd, of the
// option.
func natAddresses(p *sbdb.PortBinding) []string {
	if len(p.NatAddresses) > 0 {
		return p.NatAddresses
	}
	if s := p.Options.Get("nat-addresses"); s != "" {
		return []string{s}
	}
	return nil
}

// add announces the first n IPv4 addresses, or where there is none the MAC alone.
func (e *entry) add(in pinctrl.PortKey, a addresses, n int) {
	put := func(x pinctrl.Announcement) {
		if !slices.Contains(e.list, x) {
			e.list = append(e.list, x)
		}
	}
	if len(a.ips) == 0 {
		put(pinctrl.Announcement{In: in, MAC: a.mac})
	}
	for _, ip := range a.ips[:min(n, len(a.ips))] {
		put(pinctrl.Announcement{In: in, MAC: a.mac, IP: ip})
	}
}

// onNetwork tells whether a datapath is local and has a port on a physical
// network that this chassis is plugged into.
func (d *Duty) onNetwork(id ovsdb.UUID) bool {
	if d.in.Datapaths(id) == nil {
		return false
	}
	if len(d.plugged) == 0 {
		d.plugged[ovsdb.UUID{}] = false // looked up
		for _, ln := range d.in.SB.PortsByType.Get("localnet") {
			if d.networks[ln.Options.Get("network_name")] {
				d.plugged[ln.Datapath] = true
			}
		}
	}
	return d.plugged[id]
}

// enabled: neither the port nor the router it faces is silenced.
func (d *Duty) enabled(p *sbdb.PortBinding) bool {
	const silence = "disable_garp_rarp"
	if replica.True(p.Options, silence) {
		return false
	}
	if peer := binding.Peer(d.in.SB, p); peer != nil {
		if dp := d.in.SB.DatapathBinding.Get(peer.Datapath); dp != nil && replica.True(dp.ExternalIDs, silence) {
			return false
		}
	}
	return true
}

func (d *Duty) replace(lport string, old, now *entry) {
	if old != nil {
		for _, r := range old.residents {
			delete(d.dependents[r], lport)
			if len(d.dependents[r]) == 0 {
				delete(d.dependents, r)
			}
		}
	}
	if now == nil {
		delete(d.announced, lport)
		return
	}
	d.announced[lport] = now
	for _, r := range now.residents {
		if d.dependents[r] == nil {
			d.dependents[r] = map[string]bool{}
		}
		d.dependents[r][lport] = true
	}
}

// Write has the routers on the same switches learn what was announced, which they
// would from the packet if they were hosts: with always_learn_from_arp_request off
// they only correct what they know. What finds no room in the queue waits.
func (d *Duty) Write(q *neighbor.Queue, t *neighbor.Tables) {
	for n := range d.lessons {
		if !d.teach(n, q, t) {
			return
		}
		delete(d.lessons, n)
	}
}

// teach reports whether there was room for a lesson.
func (d *Duty) teach(n lesson, q *neighbor.Queue, t *neighbor.Tables) bool {
	dp := d.in.Datapaths(n.datapath)
	if dp == nil {
		return true
	}
	for _, peer := range dp.Peers {
		router := d.in.SB.PortByName.One(peer.Remote)
		if peer.Local == n.port || router == nil {
			continue
		}
		row := d.in.SB.DatapathBinding.Get(router.Datapath)
		if row == nil {
			continue
		}
		pupil := pinctrl.Neighbor{Datapath: uint32(row.TunnelKey), Port: uint32(router.TunnelKey), IP: n.ip}
		if t.Find(pupil) == nil && row.ExternalIDs.Get("always_learn_from_arp_request") == "false" {
			continue
		}
		if !q.TryPut(pupil, n.mac) {
			return false
		}
	}
	return true
}
