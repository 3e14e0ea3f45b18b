// Package nexthop decides which next hops of symmetric routes (ECMP_Nexthop) this
// chassis asks for: those behind ports of gateway routers that it hosts.
package nexthop

import (
	"net/netip"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Inputs are what a round looks at.
type Inputs struct {
	SB      *replica.SB
	Chassis ovsdb.UUID // zero while unknown
	Changes *sbdb.Changes
}

// Duty is the state between rounds.
type Duty struct {
	chassis ovsdb.UUID
	asked   map[pinctrl.Solicitation]bool
}

// New returns a duty that has seen nothing.
func New() *Duty { return &Duty{asked: map[pinctrl.Solicitation]bool{}} }

// Run returns the next hops that are no longer, or newly, to be asked for. The
// table is short: it is looked through whenever it, or a gateway port, changed.
func (d *Duty) Run(in Inputs) (removed, added []pinctrl.Solicitation) {
	if !d.touched(in) {
		return nil, nil
	}
	d.chassis = in.Chassis
	now := map[pinctrl.Solicitation]bool{}
	for row := range in.SB.ECMPNexthop.All() {
		s, ok := d.solicitation(in.SB, row)
		if !ok || now[s] {
			continue
		}
		now[s] = true
		if !d.asked[s] {
			added = append(added, s)
		}
	}
	for s := range d.asked {
		if !now[s] {
			removed = append(removed, s)
		}
	}
	d.asked = now
	return removed, added
}

func (d *Duty) touched(in Inputs) bool {
	if d.chassis != in.Chassis {
		return true
	}
	c := in.Changes
	if c == nil {
		return false
	}
	if len(c.ECMPNexthop) > 0 || len(c.DatapathBinding) > 0 {
		return true
	}
	for i := range c.PortBinding {
		for _, p := range []*sbdb.PortBinding{c.PortBinding[i].Old, c.PortBinding[i].New} {
			if p != nil && p.Type == "l3gateway" {
				return true
			}
		}
	}
	return false
}

func (d *Duty) solicitation(sb *replica.SB, row *sbdb.ECMPNexthop) (s pinctrl.Solicitation, ok bool) {
	p := sb.PortBinding.Get(row.Port)
	if p == nil || p.Type != "l3gateway" || d.chassis.IsZero() || p.Chassis != d.chassis || len(p.MAC) == 0 {
		return s, false
	}
	dp := sb.DatapathBinding.Get(p.Datapath)
	hop, err := netip.ParseAddr(row.Nexthop)
	words := strings.Fields(p.MAC[0])
	if dp == nil || err != nil || hop.Zone() != "" || len(words) == 0 {
		return s, false
	}
	mac, err := pinctrl.ParseMAC(words[0])
	if err != nil {
		return s, false
	}
	s = pinctrl.Solicitation{
		Out: pinctrl.PortKey{Datapath: uint32(dp.TunnelKey), Port: uint32(p.TunnelKey)}, MAC: mac, NextHop: hop,
	}
	for _, w := range words[1:] {
		ip, _, _ := strings.Cut(w, "/")
		if from, err := netip.ParseAddr(ip); err == nil && from.Is4() == hop.Is4() {
			s.From = from
			return s, true
		}
	}
	return s, false
}
