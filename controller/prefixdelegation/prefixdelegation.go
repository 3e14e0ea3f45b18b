// Package prefixdelegation is the duty that has router ports ask for IPv6 prefixes,
// and writes those they were given (RFC 8415 section 6.3).
//
//	Port_Binding.options ipv6_prefix_delegation, ipv6_prefix ─► pinctrl.Delegation
//	pinctrl.Delegated ─Put─► Port_Binding.options ipv6_ra_pd_list
//
// A port with ipv6_prefix_delegation is the one that the delegating router is behind.
// It is asked for a prefix for each port with ipv6_prefix of the same router, on the
// chassis where the first one is resident.
package prefixdelegation

import (
	"fmt"
	"hash/fnv"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ovn-chassis/ovn-chassis/controller/portaddr"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Options of Port_Binding, ovn-nb(5).
const (
	delegationKey = "ipv6_prefix_delegation"
	prefixKey     = "ipv6_prefix"
	listKey       = "ipv6_ra_pd_list" // IAID:PREFIX/LENGTH
)

// Client is the packet-in loop.
type Client interface {
	Delegate(map[string]*pinctrl.Delegation)
}

// Inputs are what a round looks at.
type Inputs struct {
	SB      *replica.SB
	Chassis ovsdb.UUID // zero while unknown
	Changes *sbdb.Changes
}

// Duty is the state between rounds.
type Duty struct {
	// Wake is called when there is something to write.
	Wake func()

	log *slog.Logger
	// outward are, at true, the ports to ask behind; inward those that want a prefix,
	// by router.
	outward *ovsdb.Index[bool, sbdb.PortBinding]
	inward  *ovsdb.Index[ovsdb.UUID, sbdb.PortBinding]
	chassis ovsdb.UUID
	asked   map[string]pinctrl.Delegation
	// ports are others that decide: peers, and chassisredirect ports.
	ports map[string]bool
	// given are the prefixes of ports that ask, unwritten those whose row may say
	// otherwise.
	given     map[string]pinctrl.Delegated
	unwritten map[string]bool

	mu   sync.Mutex // guards what follows
	news map[string]pinctrl.Delegated
}

// New returns a duty for a replica, to which it adds indexes.
func New(db *sbdb.DB, log *slog.Logger) *Duty {
	return &Duty{
		log: log,
		outward: ovsdb.AddIndex(db.PortBinding, func(p *sbdb.PortBinding) (bool, bool) {
			return true, replica.True(p.Options, delegationKey)
		}),
		inward: ovsdb.AddIndex(db.PortBinding, func(p *sbdb.PortBinding) (ovsdb.UUID, bool) {
			return p.Datapath, replica.True(p.Options, prefixKey)
		}),
		asked: map[string]pinctrl.Delegation{}, ports: map[string]bool{},
		given: map[string]pinctrl.Delegated{}, unwritten: map[string]bool{}, news: map[string]pinctrl.Delegated{},
	}
}

// Put is called by the packet-in loop when a port was given a prefix; it does not
// block.
func (d *Duty) Put(port string, p pinctrl.Delegated) {
	d.mu.Lock()
	d.news[port] = p
	d.mu.Unlock()
	if d.Wake != nil {
		d.Wake()
	}
}

// Run looks at what changed, tells the packet-in loop what to ask for, and writes to
// tx what was given; without one the latter waits.
func (d *Duty) Run(in Inputs, c Client, tx *ovsdb.Txn) {
	if d.touched(in) {
		d.configure(in, c)
	}
	d.mu.Lock()
	news := d.news
	if len(news) > 0 {
		d.news = map[string]pinctrl.Delegated{}
	}
	d.mu.Unlock()
	for port, p := range news {
		if _, asked := d.asked[port]; asked {
			d.given[port], d.unwritten[port] = p, true
		}
	}
	if tx != nil {
		d.write(in, tx)
	}
}

func (d *Duty) touched(in Inputs) bool {
	if d.chassis != in.Chassis {
		d.chassis = in.Chassis
		return true
	}
	c := in.Changes
	if c == nil {
		return false
	}
	for i := range c.PortBinding {
		for _, p := range []*sbdb.PortBinding{c.PortBinding[i].Old, c.PortBinding[i].New} {
			if p != nil && (d.ports[p.LogicalPort] || replica.True(p.Options, delegationKey) || replica.True(p.Options, prefixKey)) {
				return true
			}
		}
	}
	return len(c.DatapathBinding) > 0 && len(d.asked) > 0
}

func (d *Duty) configure(in Inputs, c Client) {
	clear(d.ports)
	now := map[string]pinctrl.Delegation{}
	out := slices.Clone(d.outward.Get(true))
	// Several of one router: the first that is resident.
	slices.SortFunc(out, func(a, b *sbdb.PortBinding) int { return strings.Compare(a.LogicalPort, b.LogicalPort) })
	for _, p := range out {
		d.ports["cr-"+p.LogicalPort], d.ports[p.Options.Get("peer")] = true, true
		base, ok := d.base(in, p)
		if !ok {
			continue
		}
		for _, inner := range d.inward.Get(p.Datapath) {
			if _, has := now[inner.LogicalPort]; has || inner.Type == "chassisredirect" {
				continue
			}
			if a, valid := portaddr.Parse(strings.Join(inner.MAC, " ")); valid {
				one := base
				one.Client = a.MAC
				one.IAID, one.Prefix = had(inner)
				now[inner.LogicalPort] = one
			} else {
				d.log.Warn("no prefix asked for: the port has no Ethernet address", "port", inner.LogicalPort)
			}
		}
	}
	changes := map[string]*pinctrl.Delegation{}
	for port := range d.asked {
		if _, still := now[port]; !still {
			changes[port] = nil
			delete(d.given, port)
			delete(d.unwritten, port)
		}
	}
	for port, one := range now {
		if old, was := d.asked[port]; !was || old != one {
			changes[port] = &one
		}
		// northd writes all options at once and may have overwritten this one.
		if _, has := d.given[port]; has {
			d.unwritten[port] = true
		}
	}
	d.asked = now
	if len(changes) > 0 {
		c.Delegate(changes)
	}
}

// base is how a port asks, if it is resident here.
func (d *Duty) base(in Inputs, p *sbdb.PortBinding) (b pinctrl.Delegation, ok bool) {
	if d.chassis.IsZero() {
		return b, false
	}
	if p.Type != "l3gateway" || p.Chassis != d.chassis {
		if cr := in.SB.PortByName.One("cr-" + p.LogicalPort); cr == nil || cr.Chassis != d.chassis {
			return b, false
		}
	}
	peer := in.SB.PortByName.One(p.Options.Get("peer"))
	if peer == nil {
		return b, false
	}
	dp := in.SB.DatapathBinding.Get(peer.Datapath)
	if dp == nil {
		return b, false
	}
	b.In = pinctrl.PortKey{Datapath: uint32(dp.TunnelKey), Port: uint32(peer.TunnelKey)}
	for _, s := range p.MAC {
		a, valid := portaddr.Parse(s)
		if !valid {
			continue
		}
		if b.MAC, b.From = a.MAC, a.First(netip.IPv6Unspecified()); b.From.IsValid() {
			return b, true
		}
		b.From = portaddr.LinkLocal(a.MAC)
	}
	return b, b.From.IsValid()
}

// had is the association of a port and the prefix it had before. A new one has a
// number that is the same after every restart (RFC 8415 section 12).
func had(p *sbdb.PortBinding) (iaid uint32, prefix netip.Prefix) {
	id, text, _ := strings.Cut(p.Options.Get(listKey), ":")
	n, err := strconv.ParseUint(id, 10, 32)
	if prefix, e := netip.ParsePrefix(text); err == nil && e == nil && prefix.Addr().Is6() {
		return uint32(n), prefix
	}
	h := fnv.New32a()
	h.Write([]byte(p.LogicalPort))
	return h.Sum32(), netip.Prefix{}
}

// write adds the prefixes that rows do not say. A row is looked at again until it
// says so.
func (d *Duty) write(in Inputs, tx *ovsdb.Txn) {
	for port := range d.unwritten {
		row, p := in.SB.PortByName.One(port), d.given[port]
		want := fmt.Sprintf("%d:%s", p.IAID, p.Prefix)
		if row == nil || row.Options.Get(listKey) == want {
			delete(d.unwritten, port)
			continue
		}
		sbdb.UpdatePortBinding(tx, row.UUID).MutateOptionsPut(ovsdb.NewMap(listKey, want))
	}
}
