// Package hachassis answers who of an HA_Chassis_Group is active, from priorities
// and the BFD state of tunnels, and keeps BFD switched on where that answer needs
// it (ovn-architecture(7), "High Availability for Distributed Gateways").
package hachassis

import (
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Member is a chassis of a group.
type Member struct {
	Chassis  ovsdb.UUID
	Name     string
	Priority int64
}

// Ordered returns the members of a group that have a chassis, best first: by
// priority, then by name, both descending.
func Ordered(sb *replica.SB, g *sbdb.HAChassisGroup) []Member {
	if g == nil {
		return nil
	}
	var out []Member
	for _, id := range g.HAChassis {
		m := sb.HAChassis.Get(id)
		if m == nil {
			continue
		}
		if c := sb.Chassis.Get(m.Chassis); c != nil {
			out = append(out, Member{Chassis: c.UUID, Name: c.Name, Priority: m.Priority})
		}
	}
	slices.SortFunc(out, func(a, b Member) int {
		if a.Priority != b.Priority {
			return int(b.Priority - a.Priority)
		}
		return strings.Compare(b.Name, a.Name)
	})
	return out
}

// Contains tells whether the chassis is a member.
func Contains(sb *replica.SB, g *sbdb.HAChassisGroup, chassis ovsdb.UUID) bool {
	return slices.ContainsFunc(Ordered(sb, g), func(m Member) bool { return m.Chassis == chassis })
}

// Active tells whether the chassis is the active member of the group. up holds
// the names of the chassis whose tunnels BFD reports up.
func Active(sb *replica.SB, g *sbdb.HAChassisGroup, chassis ovsdb.UUID, up map[string]bool) bool {
	members := Ordered(sb, g)
	if g == nil || !slices.ContainsFunc(members, func(m Member) bool { return m.Chassis == chassis }) {
		return false
	}
	if len(g.HAChassis) == 1 || len(members) == 1 {
		// Nobody else could be: no BFD needed.
		return true
	}
	if len(up) == 0 {
		// Cut off from everybody: somebody else is active.
		return false
	}
	alive := slices.DeleteFunc(members, func(m Member) bool { return m.Chassis != chassis && !up[m.Name] })
	if len(alive) == 1 {
		// All other members are down, or this one is cut off: those who send traffic
		// to the group can tell.
		return slices.ContainsFunc(g.RefChassis, func(id ovsdb.UUID) bool { return up[sb.ChassisName(id)] })
	}
	return alive[0].Chassis == chassis
}

// First tells whether the chassis is the member of highest priority.
func First(sb *replica.SB, g *sbdb.HAChassisGroup, chassis ovsdb.UUID) bool {
	m := Ordered(sb, g)
	return len(m) > 0 && m[0].Chassis == chassis
}
