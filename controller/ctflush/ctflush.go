// Package ctflush decides which connections the switch has to forget because what
// they were made for is gone: those to a backend that a load balancer with
// ct_flush no longer has, those that a deleted ACL allowed (ACL_ID), those whose
// answers go to the old MAC address of a next hop (ECMP_Nexthop).
//
//	SB changes ──► Run ──Add──► acked.Queue ──Acked(seq)──► CtFlush
//
// Forgotten is only after the switch has acknowledged the flows without it: sooner,
// the next packet would make the same connection again.
package ctflush

import (
	"net"

	"github.com/ovn-chassis/ovn-chassis/controller/acked"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/physical"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Bits of ct_label, ovn-architecture(7): where the MAC address of a symmetric route
// begins, and the id of an ACL.
const (
	labelNextHop = 32
	labelACL     = 80
)

// Inputs are what a round looks at.
type Inputs struct {
	SB      *replica.SB
	Chassis string // name, of whose template variables are used
	Changes *sbdb.Changes
	// Relocated says that the local datapaths or their zones changed.
	Relocated bool
	IsLocal   func(datapath ovsdb.UUID) bool
	// Zone is the number of a zone by name, 0 for none.
	Zone func(name string) uint16
	// Settled is false until the southbound contents are complete: what goes before
	// that had not been here.
	Settled bool
	// Tuples and Labels say what the switch can tell connections apart by.
	Tuples, Labels bool
}

type tuple struct {
	physical.VIPBackend
	proto uint8
}

type nextHop struct {
	ip, mac string
	zone    uint16
}

// Duty is the state between rounds.
//
// Invariant: backends[t] is how many lists of balancers hold t, at least 1.
type Duty struct {
	balancers map[ovsdb.UUID][]tuple
	backends  map[tuple]int
	nextHops  map[nextHop]bool
	// Queue has what the switch is to forget once it has the flows without it.
	acked.Queue[openflow.CtFlush]
}

// New returns a duty that has seen nothing.
func New() *Duty {
	return &Duty{balancers: map[ovsdb.UUID][]tuple{}, backends: map[tuple]int{}, nextHops: map[nextHop]bool{}}
}

// Run follows the replica and notes what is gone since the last round.
func (d *Duty) Run(in Inputs) {
	d.followBalancers(in)
	d.followACLs(in)
	d.followNextHops(in)
	if !in.Settled {
		d.Forget()
	}
}

func (d *Duty) followBalancers(in Inputs) {
	dirty := map[ovsdb.UUID]bool{}
	all := in.Relocated
	if c := in.Changes; c != nil {
		for i := range c.LoadBalancer {
			for _, lb := range []*sbdb.LoadBalancer{c.LoadBalancer[i].Old, c.LoadBalancer[i].New} {
				if lb != nil {
					dirty[lb.UUID] = true
				}
			}
		}
		all = all || len(c.LogicalDPGroup)+len(c.ChassisTemplateVar) > 0
	}
	if all {
		for lb := range in.SB.LoadBalancer.All() {
			if _, known := d.balancers[lb.UUID]; known || flushes(lb) {
				dirty[lb.UUID] = true
			}
		}
	}
	if len(dirty) == 0 {
		return
	}
	template := templates(in)
	var gone []tuple
	for id := range dirty {
		var now []tuple
		if lb := in.SB.LoadBalancer.Get(id); lb != nil && flushes(lb) && d.isLocal(in, lb) {
			now = tuplesOf(lb, template)
		}
		// Counted up before down: a backend that moves between rows stays.
		for _, t := range now {
			d.backends[t]++
		}
		gone = append(gone, d.balancers[id]...)
		if len(now) > 0 {
			d.balancers[id] = now
		} else {
			delete(d.balancers, id)
		}
	}
	for _, t := range gone {
		if d.backends[t]--; d.backends[t] > 0 {
			continue
		}
		delete(d.backends, t)
		if in.Tuples {
			d.Add(openflow.CtFlush{
				Proto: t.proto,
				Orig:  openflow.CtTuple{Dst: t.VIP.Addr(), DstPort: t.VIP.Port()},
				Reply: openflow.CtTuple{Src: t.Backend.Addr(), SrcPort: t.Backend.Port()},
			})
		}
	}
}

// flushes tells whether connections to backends that go are to be forgotten.
func flushes(lb *sbdb.LoadBalancer) bool { return replica.True(lb.Options, "ct_flush") }

func (d *Duty) isLocal(in Inputs, lb *sbdb.LoadBalancer) bool {
	for _, dp := range lb.Datapaths {
		if in.IsLocal(dp) {
			return true
		}
	}
	for _, id := range []ovsdb.UUID{lb.DatapathGroup, lb.LSDatapathGroup, lb.LRDatapathGroup} {
		if g := in.SB.LogicalDPGroup.Get(id); g != nil {
			for _, dp := range g.Datapaths {
				if in.IsLocal(dp) {
					return true
				}
			}
		}
	}
	return false
}

func templates(in Inputs) func(string) (string, bool) {
	for row := range in.SB.ChassisTemplateVar.All() {
		if row.Chassis == in.Chassis {
			return row.Variables.Lookup
		}
	}
	return func(string) (string, bool) { return "", false }
}

func tuplesOf(lb *sbdb.LoadBalancer, template func(string) (string, bool)) []tuple {
	const tcp, udp, sctp = 6, 17, 132
	proto := uint8(tcp)
	switch lb.Protocol.Or("") {
	case "udp":
		proto = udp
	case "sctp":
		proto = sctp
	}
	var out []tuple
	for _, b := range physical.Backends(lb, template) {
		out = append(out, tuple{b, proto})
	}
	return out
}

func (d *Duty) followACLs(in Inputs) {
	if in.Changes == nil || !in.Labels {
		return
	}
	for i := range in.Changes.ACLID {
		if c := &in.Changes.ACLID[i]; c.Old != nil && c.New == nil {
			d.Add(openflow.CtFlush{
				Label:     openflow.U128{Lo: uint64(c.Old.ID) & 0xffff}.Shl(labelACL),
				LabelMask: openflow.U128{Lo: 0xffff}.Shl(labelACL),
			})
		}
	}
}

func (d *Duty) followNextHops(in Inputs) {
	if !in.Relocated && (in.Changes == nil || len(in.Changes.ECMPNexthop)+len(in.Changes.DatapathBinding) == 0) {
		return
	}
	now := map[nextHop]bool{}
	for row := range in.SB.ECMPNexthop.All() {
		dp := in.SB.DatapathBinding.Get(row.Datapath)
		if row.MAC == "" || dp == nil || !in.IsLocal(dp.UUID) {
			continue
		}
		if zone := in.Zone(replica.DatapathName(dp) + "_dnat"); zone != 0 {
			now[nextHop{row.Nexthop, row.MAC, zone}] = true
		}
	}
	for h := range d.nextHops {
		mac, err := net.ParseMAC(h.mac)
		if now[h] || err != nil || len(mac) != 6 || !in.Labels {
			continue
		}
		var v uint64
		for _, b := range mac {
			v = v<<8 | uint64(b)
		}
		d.Add(openflow.CtFlush{
			Zone: h.zone, HasZone: true,
			Label:     openflow.U128{Lo: v}.Shl(labelNextHop),
			LabelMask: openflow.U128{Lo: 1<<48 - 1}.Shl(labelNextHop),
		})
	}
	d.nextHops = now
}
