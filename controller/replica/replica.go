// Package replica wraps the replicas of the two databases with the indexes and
// look-ups that several duties share.
package replica

import (
	"iter"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// EncapKey is what is unique about an Encap row.
type EncapKey struct{ Type, IP string }

// SB is the southbound replica.
type SB struct {
	*sbdb.DB

	PortByName      *ovsdb.Index[string, sbdb.PortBinding]
	PortsByDatapath *ovsdb.Index[ovsdb.UUID, sbdb.PortBinding]
	PortsByType     *ovsdb.Index[string, sbdb.PortBinding]
	PortsByHAGroup  *ovsdb.Index[ovsdb.UUID, sbdb.PortBinding]
	// PortsByParent finds container, mirror and virtual ports by the port whose
	// interface they use.
	PortsByParent *ovsdb.Index[string, sbdb.PortBinding]
	// PortsMirrored and PortsQueued hold, at true, the few ports with mirrors and with
	// a queue of their own.
	PortsMirrored *ovsdb.Index[bool, sbdb.PortBinding]
	PortsQueued   *ovsdb.Index[bool, sbdb.PortBinding]
	ChassisByName *ovsdb.Index[string, sbdb.Chassis]
	PrivateByName *ovsdb.Index[string, sbdb.ChassisPrivate]
	EncapByKey    *ovsdb.Index[EncapKey, sbdb.Encap]
}

// NewSB returns a replica on db with its indexes.
func NewSB(db *sbdb.DB) *SB {
	return &SB{
		DB:              db,
		PortByName:      ovsdb.AddIndex(db.PortBinding, func(p *sbdb.PortBinding) (string, bool) { return p.LogicalPort, true }),
		PortsByDatapath: ovsdb.AddIndex(db.PortBinding, func(p *sbdb.PortBinding) (ovsdb.UUID, bool) { return p.Datapath, true }),
		PortsByType:     ovsdb.AddIndex(db.PortBinding, func(p *sbdb.PortBinding) (string, bool) { return p.Type, p.Type != "" }),
		PortsByHAGroup: ovsdb.AddIndex(db.PortBinding, func(p *sbdb.PortBinding) (ovsdb.UUID, bool) {
			return p.HAChassisGroup, !p.HAChassisGroup.IsZero()
		}),
		PortsByParent: ovsdb.AddIndex(db.PortBinding, func(p *sbdb.PortBinding) (string, bool) {
			parent := ParentOf(p)
			return parent, parent != ""
		}),
		PortsMirrored: ovsdb.AddIndex(db.PortBinding, func(p *sbdb.PortBinding) (bool, bool) { return true, len(p.MirrorRules) > 0 }),
		PortsQueued: ovsdb.AddIndex(db.PortBinding, func(p *sbdb.PortBinding) (bool, bool) {
			_, has := p.Options.Lookup(QueueIDKey)
			return true, has
		}),
		ChassisByName: ovsdb.AddIndex(db.Chassis, func(c *sbdb.Chassis) (string, bool) { return c.Name, true }),
		PrivateByName: ovsdb.AddIndex(db.ChassisPrivate, func(c *sbdb.ChassisPrivate) (string, bool) { return c.Name, true }),
		EncapByKey:    ovsdb.AddIndex(db.Encap, func(e *sbdb.Encap) (EncapKey, bool) { return EncapKey{e.Type, e.IP}, true }),
	}
}

// QueueIDKey is the option by which northd gives a port with rates a queue.
const QueueIDKey = "qdisc_queue_id"

// ParentOf is the port whose interface a container, mirror or virtual port uses, ""
// for other ports.
func ParentOf(p *sbdb.PortBinding) string {
	switch p.Type {
	case "":
		return p.ParentPort.Value()
	case "mirror":
		return p.MirrorPort.Value()
	case "virtual":
		return p.VirtualParent.Value()
	}
	return ""
}

// Global returns the row of SB_Global, nil before it is known.
func (s *SB) Global() *sbdb.SBGlobal {
	for g := range s.SBGlobal.All() {
		return g
	}
	return nil
}

// Encaps returns the Encap rows of a chassis, in the order of their UUIDs.
func (s *SB) Encaps(c *sbdb.Chassis) []*sbdb.Encap {
	out := make([]*sbdb.Encap, 0, len(c.Encaps))
	for _, id := range c.Encaps {
		if e := s.Encap.Get(id); e != nil {
			out = append(out, e)
		}
	}
	return out
}

// ChassisName returns the name of a chassis, "" when it is unset or unknown.
func (s *SB) ChassisName(id ovsdb.UUID) string {
	if c := s.Chassis.Get(id); c != nil {
		return c.Name
	}
	return ""
}

// DatapathName is the name the northbound database knows the datapath by, "" when
// it has none.
func DatapathName(dp *sbdb.DatapathBinding) string { return dp.ExternalIDs.Get("name") }

// IsSwitch tells a logical switch from a router. Before the column "type" there
// was, the presence of an external id said so.
func IsSwitch(dp *sbdb.DatapathBinding) bool {
	if t := dp.Type.Value(); t != "" {
		return t == "logical-switch"
	}
	_, ok := dp.ExternalIDs.Lookup("logical-switch")
	return ok
}

// mirrorSinkKey names an interface that mirrored packets are to go to.
const mirrorSinkKey = "mirror-id"

// Local is the replica of the local Open vSwitch database.
type Local struct {
	*vswitchdb.DB

	BridgeByName    *ovsdb.Index[string, vswitchdb.Bridge]
	PortByName      *ovsdb.Index[string, vswitchdb.Port]
	InterfaceByName *ovsdb.Index[string, vswitchdb.Interface]
	// PortsByInterface finds the port that an interface belongs to.
	PortsByInterface *ovsdb.Index[ovsdb.UUID, vswitchdb.Port]
	// PortsWithQoS holds, at true, the few ports with queues.
	PortsWithQoS *ovsdb.Index[bool, vswitchdb.Port]
	// MirrorSinks finds interfaces by the name that mirrors know them by.
	MirrorSinks *ovsdb.Index[string, vswitchdb.Interface]
}

// NewLocal returns a replica on db with its indexes.
func NewLocal(db *vswitchdb.DB) *Local {
	return &Local{
		DB:              db,
		BridgeByName:    ovsdb.AddIndex(db.Bridge, func(b *vswitchdb.Bridge) (string, bool) { return b.Name, true }),
		PortByName:      ovsdb.AddIndex(db.Port, func(p *vswitchdb.Port) (string, bool) { return p.Name, true }),
		InterfaceByName: ovsdb.AddIndex(db.Interface, func(i *vswitchdb.Interface) (string, bool) { return i.Name, true }),

		PortsByInterface: ovsdb.AddListIndex(db.Port, func(p *vswitchdb.Port) []ovsdb.UUID { return p.Interfaces }),
		PortsWithQoS:     ovsdb.AddIndex(db.Port, func(p *vswitchdb.Port) (bool, bool) { return true, !p.QoS.IsZero() }),
		MirrorSinks:      ovsdb.AddIndex(db.Interface, func(i *vswitchdb.Interface) (string, bool) { return i.ExternalIDs.Lookup(mirrorSinkKey) }),
	}
}

// Root returns the row of Open_vSwitch, nil in an empty database.
func (l *Local) Root() *vswitchdb.OpenVSwitch {
	for r := range l.OpenVSwitch.All() {
		return r
	}
	return nil
}

// Ports iterates over the ports of a bridge, in the order of their UUIDs, its own
// left out.
func (l *Local) Ports(br *vswitchdb.Bridge) iter.Seq[*vswitchdb.Port] {
	return func(yield func(*vswitchdb.Port) bool) {
		if br == nil {
			return
		}
		for _, id := range br.Ports {
			if p := l.Port.Get(id); p != nil && p.Name != br.Name && !yield(p) {
				return
			}
		}
	}
}

// Has tells whether a port is one of a bridge's, its own left out.
func Has(br *vswitchdb.Bridge, p *vswitchdb.Port) bool {
	if br == nil || p.Name == br.Name {
		return false
	}
	_, ok := slices.BinarySearchFunc(br.Ports, p.UUID, ovsdb.UUID.Compare)
	return ok
}

// Touched iterates over the ports that changes of the local database are about, as
// they were and as they are, with the columns of their interfaces that changed: all
// when the port itself came, went or changed, or is on another bridge now. A port may
// come several times. Bridges that came or went are not looked into.
func (l *Local) Touched(c *vswitchdb.Changes) iter.Seq2[*vswitchdb.Port, ovsdb.ColumnSet] {
	return func(yield func(*vswitchdb.Port, ovsdb.ColumnSet) bool) {
		for i := range c.Port {
			for _, p := range []*vswitchdb.Port{c.Port[i].Old, c.Port[i].New} {
				if p != nil && !yield(p, ovsdb.AllColumns) {
					return
				}
			}
		}
		for i := range c.Interface {
			row := c.Interface[i].New
			if row == nil {
				row = c.Interface[i].Old
			}
			for _, p := range l.PortsByInterface.Get(row.UUID) {
				if !yield(p, c.Interface[i].Cols) {
					return
				}
			}
		}
		for i := range c.Bridge {
			b := &c.Bridge[i]
			if b.Old == nil || b.New == nil || !b.Cols.Has(vswitchdb.BridgeColPorts) {
				continue
			}
			for id := range inOne(b.Old.Ports, b.New.Ports) {
				if p := l.Port.Get(id); p != nil && !yield(p, ovsdb.AllColumns) {
					return
				}
			}
		}
	}
}

// inOne iterates over what only one of two sorted lists has.
func inOne(a, b []ovsdb.UUID) iter.Seq[ovsdb.UUID] {
	return func(yield func(ovsdb.UUID) bool) {
		for len(a)+len(b) > 0 {
			switch {
			case len(b) == 0 || len(a) > 0 && a[0].Compare(b[0]) < 0:
				if !yield(a[0]) {
					return
				}
				a = a[1:]
			case len(a) == 0 || a[0] != b[0]:
				if !yield(b[0]) {
					return
				}
				b = b[1:]
			default:
				a, b = a[1:], b[1:]
			}
		}
	}
}

// Interfaces iterates over the interfaces of a bridge with their ports.
func (l *Local) Interfaces(br *vswitchdb.Bridge) iter.Seq2[*vswitchdb.Port, *vswitchdb.Interface] {
	return func(yield func(*vswitchdb.Port, *vswitchdb.Interface) bool) {
		for p := range l.Ports(br) {
			for _, id := range p.Interfaces {
				if i := l.Interface.Get(id); i != nil && !yield(p, i) {
					return
				}
			}
		}
	}
}

// True tells whether a map holds "true" at the key, as OVS reads booleans that
// default to false.
func True(m ovsdb.Map, key string) bool { return m.Get(key) == "true" }
