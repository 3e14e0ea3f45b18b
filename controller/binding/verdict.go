package binding

import (
	"github.com/ovn-chassis/ovn-chassis/controller/hachassis"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// verdict is what one Port_Binding is to this chassis: a pure function of its
// row, the rows it refers to, and the interfaces of the bridge.
type verdict struct {
	uuid     ovsdb.UUID
	datapath ovsdb.UUID
	key      PortKey
	kind     Kind

	// role is how the port is to be bound here; Barred when it is not.
	role Role
	// refused: there is an interface but the port was requested elsewhere.
	refused bool
	// iface carries the port, or its parent; nil for ports without interfaces.
	iface *Interface
	// carries: iface is the port's own, so flows may use its OpenFlow port.
	carries bool
	// related: flows that name the port are of use here.
	related bool
	// root: the port makes its datapath local.
	root bool
	// zone: the port wants a conntrack zone.
	zone bool
	// zoneLimit is the port's option for the zone's limit.
	zoneLimit string
	// resident: is_chassis_resident() holds.
	resident bool
}

func (v verdict) bound() bool { return v.role != Barred && v.iface != nil }

// view is what a verdict depends on.
type view struct {
	Inputs
	ifaces     map[string]*Interface
	isLocal    func(ovsdb.UUID) bool
	postponed  func(lport string) bool
	dpKey      func(ovsdb.UUID) uint32
	unknownLog func(*sbdb.PortBinding)
}

func (v *view) decide(p *sbdb.PortBinding) verdict {
	us := v.Chassis
	r := verdict{
		uuid: p.UUID, datapath: p.Datapath, kind: KindOf(p),
		key: PortKey{v.dpKey(p.Datapath), uint32(p.TunnelKey)},
	}
	r.resident = p.Chassis == us.UUID
	r.zoneLimit = p.Options.Get("ct-zone-limit")
	switch r.kind {
	case VIF:
		v.decideVIF(p, &r)
	case Container, Mirror:
		v.decideContainer(p, &r)
	case Virtual:
		v.decideVirtual(p, &r)
	case Localport:
		if i := v.ifaces[p.LogicalPort]; i != nil {
			r.iface, r.carries, r.related, r.zone = i, true, true, true
		}
	case Patch:
		r.related = true
		r.zone = p.Options.Get("enable_router_port_acl") == "true"
		if p.RequestedChassis == us.UUID {
			r.role = Main
		}
	case VTEP, Remote:
		r.related = true
	case L2Gateway:
		v.decideOwned(&r, p.Options.Get("l2gateway-chassis") == us.Name)
	case L3Gateway:
		v.decideOwned(&r, p.Options.Get("l3gateway-chassis") == us.Name)
	case ChassisRedirect, External:
		v.decideHA(p, &r)
	case Localnet:
		r.related = v.isLocal(p.Datapath)
		r.zone = r.related
	default:
		v.unknownLog(p)
	}
	return r
}

func (v *view) decideVIF(p *sbdb.PortBinding, r *verdict) {
	i := v.ifaces[p.LogicalPort]
	// The version lets an operator recreate a port under its old name without an
	// interface of the old one answering.
	if want, ok := p.Options.Lookup(ifaceIDVersionKey); i == nil || ok && want != i.Version {
		return
	}
	r.iface = i
	v.bindThroughInterface(r, RoleOf(p, v.Chassis))
	r.carries = r.role != Barred
}

func (v *view) bindThroughInterface(r *verdict, role Role) {
	if role == Barred {
		// A guest that is about to move here: its network is made ready, so that only
		// its own port is left to do when it may come.
		r.refused, r.root = true, true
		return
	}
	r.role = role
	r.related, r.root, r.zone = true, true, true
}

// parentOf returns the verdict on the port whose interface p uses; ok is false
// unless that is a VIF bound here.
func (v *view) parentOf(name string) (p *sbdb.PortBinding, r verdict, ok bool) {
	if name == "" {
		return nil, verdict{}, false
	}
	p = v.SB.PortByName.One(name)
	if p == nil || KindOf(p) != VIF {
		return nil, verdict{}, false
	}
	r.kind = VIF
	v.decideVIF(p, &r)
	return p, r, r.iface != nil
}

func (v *view) decideContainer(p *sbdb.PortBinding, r *verdict) {
	name := p.ParentPort.Value()
	if r.kind == Mirror {
		name = p.MirrorPort.Value()
	}
	_, parent, ok := v.parentOf(name)
	if !ok {
		return
	}
	r.iface = parent.iface
	role := parent.role
	if v.postponed(name) {
		return
	}
	if RoleOf(p, v.Chassis) == Barred {
		role = Barred
	}
	v.bindThroughInterface(r, role)
}

func (v *view) decideVirtual(p *sbdb.PortBinding, r *verdict) {
	// The packet-in loop names the parent when it sees the virtual address there.
	row, parent, ok := v.parentOf(p.VirtualParent.Value())
	if !ok || parent.role == Barred || row.Chassis != v.Chassis.UUID && !refersTo(row.AdditionalChassis, v.Chassis.UUID) {
		return
	}
	r.iface = parent.iface
	v.bindThroughInterface(r, Main)
}

// decideOwned is for ports that a chassis owns by name or by being active.
func (v *view) decideOwned(r *verdict, ours bool) {
	if ours {
		r.role, r.related, r.root, r.zone = Main, true, true, true
	}
}

func (v *view) decideHA(p *sbdb.PortBinding, r *verdict) {
	g := v.SB.HAChassisGroup.Get(p.HAChassisGroup)
	member := hachassis.Contains(v.SB, g, v.Chassis.UUID)
	active := member && hachassis.Active(v.SB, g, v.Chassis.UUID, v.UpTunnels)
	v.decideOwned(r, active)
	if member {
		// A standby has the datapath's flows ready for the moment it takes over.
		r.related, r.root = true, true
	}
	if r.kind == ChassisRedirect {
		r.resident = active
	}
}
