package hachassis

import (
	"maps"

	"github.com/ovn-chassis/ovn-chassis/controller/encaps"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// Inputs are what decides on BFD.
type Inputs struct {
	Bridge    *vswitchdb.Bridge
	Chassis   *sbdb.Chassis
	FlowBased bool
	// MayDelete is false until the southbound contents are complete.
	MayDelete bool
}

// Duty follows the groups and the tunnels change by change.
type Duty struct {
	sb          *replica.SB
	local       *replica.Local
	tunnels     *encaps.Duty
	groups      *ovsdb.Index[ovsdb.UUID, sbdb.HAChassisGroup] // by member's row
	memberships *ovsdb.Index[ovsdb.UUID, sbdb.HAChassis]      // by chassis

	// Of BFD: what each group contributes, how many contribute a chassis as a member
	// or as one that refers, groups that changed, and chassis whose tunnels are to be
	// looked at.
	own     ovsdb.UUID
	parts   map[ovsdb.UUID]part
	members map[ovsdb.UUID]int
	refs    map[ovsdb.UUID]int
	changed map[ovsdb.UUID]bool
	bfdDue  map[string]bool

	// Chassis that BFD reports up, never changed once it is handed out, and those whose
	// tunnels changed.
	up    map[string]bool
	upDue map[string]bool

	// Groups that are active here, and those to be judged again.
	active   map[ovsdb.UUID]bool
	judge    map[ovsdb.UUID]bool
	judgeAll bool
}

// New returns a duty that finds tunnels by means of the other.
func New(sb *replica.SB, l *replica.Local, tunnels *encaps.Duty) *Duty {
	return &Duty{
		sb: sb, local: l, tunnels: tunnels,
		groups:      ovsdb.AddListIndex(sb.HAChassisGroup, func(g *sbdb.HAChassisGroup) []ovsdb.UUID { return g.HAChassis }),
		memberships: ovsdb.AddIndex(sb.HAChassis, func(m *sbdb.HAChassis) (ovsdb.UUID, bool) { return m.Chassis, !m.Chassis.IsZero() }),
		parts:       map[ovsdb.UUID]part{}, members: map[ovsdb.UUID]int{}, refs: map[ovsdb.UUID]int{},
		changed: map[ovsdb.UUID]bool{}, bfdDue: map[string]bool{}, upDue: map[string]bool{},
		active: map[ovsdb.UUID]bool{}, judge: map[ovsdb.UUID]bool{},
	}
}

// Note notes what changes of the southbound database concern.
func (d *Duty) Note(c *sbdb.Changes) {
	for i := range c.HAChassisGroup {
		for _, g := range []*sbdb.HAChassisGroup{c.HAChassisGroup[i].Old, c.HAChassisGroup[i].New} {
			if g != nil {
				d.groupChanged(g.UUID)
			}
		}
	}
	for i := range c.HAChassis {
		for _, m := range []*sbdb.HAChassis{c.HAChassis[i].Old, c.HAChassis[i].New} {
			if m == nil {
				continue
			}
			for _, g := range d.groups.Get(m.UUID) {
				d.groupChanged(g.UUID)
			}
		}
	}
	for i := range c.Chassis {
		if !c.Chassis[i].Cols.Has(sbdb.ChassisColName | sbdb.ChassisColOtherConfig) {
			continue
		}
		for _, row := range []*sbdb.Chassis{c.Chassis[i].Old, c.Chassis[i].New} {
			if row != nil {
				d.chassisChanged(row)
			}
		}
	}
}

func (d *Duty) groupChanged(id ovsdb.UUID) { d.changed[id], d.judge[id] = true, true }

// chassisChanged: members count only while their chassis is there, and are ordered by
// its name; those who refer to a group count by their names.
func (d *Duty) chassisChanged(c *sbdb.Chassis) {
	d.bfdDue[c.Name] = true
	d.judgeAll = d.judgeAll || d.up[c.Name]
	for _, m := range d.memberships.Get(c.UUID) {
		for _, g := range d.groups.Get(m.UUID) {
			d.groupChanged(g.UUID)
		}
	}
}

// TunnelChanged notes a change of a tunnel port to a chassis: of anything that decides
// on BFD, or only of what BFD reports.
func (d *Duty) TunnelChanged(chassis string, reportOnly bool) {
	d.upDue[chassis] = true
	if !reportOnly {
		d.bfdDue[chassis] = true
	}
}

// Up returns the chassis that BFD reports up: found anew, or where tunnels changed. The
// map is another one when they are others.
func (d *Duty) Up(br *vswitchdb.Bridge, all bool) map[string]bool {
	if all {
		d.up, d.judgeAll = d.upTunnels(br), true
		clear(d.upDue)
		return d.up
	}
	shared := true
	for chassis := range d.upDue {
		is := d.isUp(br, chassis)
		if is == d.up[chassis] {
			continue
		}
		if shared {
			d.up, d.judgeAll, shared = maps.Clone(d.up), true, false
			if d.up == nil {
				d.up = map[string]bool{}
			}
		}
		if is {
			d.up[chassis] = true
		} else {
			delete(d.up, chassis)
		}
	}
	clear(d.upDue)
	return d.up
}

// AllDown has nobody up, as when the switch is gone: until Up finds all anew.
func (d *Duty) AllDown() { d.up, d.judgeAll = nil, true }

// Active tells for which groups the chassis is the active member now, or no more; own is
// zero while it is unknown.
func (d *Duty) Active(own ovsdb.UUID, all bool, tell func(group ovsdb.UUID, active bool)) {
	if all || d.judgeAll {
		d.judgeAll = false
		for g := range d.sb.HAChassisGroup.All() {
			d.judge[g.UUID] = true
		}
		for id := range d.active {
			d.judge[id] = true
		}
	}
	for id := range d.judge {
		g := d.sb.HAChassisGroup.Get(id)
		is := g != nil && !own.IsZero() && Active(d.sb, g, own, d.up)
		if is == d.active[id] {
			continue
		}
		if is {
			d.active[id] = true
		} else {
			delete(d.active, id)
		}
		tell(id, is)
	}
	clear(d.judge)
}
