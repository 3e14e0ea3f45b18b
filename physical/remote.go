package physical

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// remote tunnels packets to the chassis that the port is bound to.
func (b *portBuild) remote() {
	if b.pb.Chassis.IsZero() && len(b.pb.AdditionalChassis) == 0 {
		return
	}
	if ft := b.v.FlowTunnels(); ft.Enabled {
		b.remoteByFlow(ft)
		return
	}
	// One flow for each address that the sending port may want to be sent from.
	for id, local := range b.v.EncapIPs() {
		tunnels := b.tunnels(local)
		if len(tunnels) == 0 {
			continue
		}
		m := b.out.matchOutport(b.dp.Key, b.key)
		m.SetSub(openflow.Bits(pipeline.RegEncapID, pipeline.EncapIDOfs, pipeline.EncapIDBits), uint64(id))
		a := b.out.actions()
		if b.typ == PortVTEP {
			forgetInPort(a) // for replies to ARP that came from there
		}
		send := func() {
			b.sendTo(a, tunnels)
			a.Resubmit(pipeline.TableRemoteVtepOutput)
		}
		if b.isNF {
			withoutInPort(a, send)
		} else {
			send()
		}
		b.out.add(b.origin, pipeline.TableRemoteOutput, 100)
	}
}

// sendTo outputs the packet, which is for this port, to each tunnel.
func (b *portBuild) sendTo(a *openflow.ActionBuilder, tunnels []Tunnel) {
	for _, t := range tunnels {
		encapsulate(b.v, a, t.Type, b.dp.Key, b.key, b.typ == PortVTEP)
		a.Output(t.OFPort)
	}
}

// encap is the row that column encap refers to.
func (b *portBuild) encap() (Encap, bool) {
	if b.pb.Encap.IsZero() {
		return Encap{}, false
	}
	return b.v.Encap(b.pb.Encap)
}

// tunnels finds a tunnel to each other chassis of the port: to the address that
// column encap names and from the local one, "" for any, or else the first.
func (b *portBuild) tunnels(local string) []Tunnel {
	var found []Tunnel
	add := func(chassis ovsdb.UUID, remote string) {
		all := b.v.Tunnels(chassis)
		if len(all) == 0 {
			b.problem("no tunnel to its chassis %s", chassis)
			return
		}
		t := all[0]
		for _, c := range all {
			if (remote == "" || remote == c.RemoteIP) && (local == "" || c.LocalIP == "" || local == c.LocalIP) {
				t = c
				break
			}
		}
		if canCarry(b.v, t.Type) {
			found = append(found, t)
		}
	}
	self := b.v.Self().UUID
	if !b.pb.Chassis.IsZero() && b.pb.Chassis != self {
		encap, _ := b.encap()
		add(b.pb.Chassis, encap.IP)
	}
	for _, chassis := range b.pb.AdditionalChassis {
		if chassis == self {
			continue
		}
		add(chassis, b.additionalEncap())
	}
	return found
}

// additionalEncap is the address that a copy of a packet for an additional
// chassis is sent to, "" for any.
func (b *portBuild) additionalEncap() string {
	name := b.v.Self().Name
	for _, uuid := range b.pb.AdditionalEncap {
		if encap, ok := b.v.Encap(uuid); ok && encap.ChassisName == name {
			return encap.IP
		}
	}
	return ""
}

// remoteByFlow is remote for tunnel ports that leave the addresses to the flow.
func (b *portBuild) remoteByFlow(ft FlowTunnels) {
	if b.pb.Chassis.IsZero() || b.here(b.pb.Chassis) {
		return
	}
	typ, ok := commonTunnelType(b.v, b.pb.Chassis)
	if !ok {
		b.problem("no type of tunnel in common with its chassis %s", b.pb.Chassis)
		return
	}
	var remote string
	if encap, ok := b.encap(); ok && encap.Type == typ.String() {
		remote = encap.IP
	} else {
		remote = defaultEncapIP(b.v, b.pb.Chassis, typ)
	}
	if remote == "" || ft.ofport(typ) == 0 || !canCarry(b.v, typ) {
		return
	}
	for id, local := range b.v.EncapIPs() {
		m := b.out.matchOutport(b.dp.Key, b.key)
		m.SetSub(openflow.Bits(pipeline.RegEncapID, pipeline.EncapIDOfs, pipeline.EncapIDBits), uint64(id))
		a := b.out.actions()
		if b.typ == PortVTEP {
			forgetInPort(a)
		}
		encapsulate(b.v, a, typ, b.dp.Key, b.key, b.typ == PortVTEP)
		tunnelAddrs(a, local, remote)
		a.Output(ft.ofport(typ))
		a.Resubmit(pipeline.TableLocalOutput)
		b.out.add(b.origin, pipeline.TableRemoteOutput, 100)
	}
}

// tunnelAddrs sets the addresses of the tunnel that the packet will take.
func tunnelAddrs(a *openflow.ActionBuilder, local, remote string) {
	set := func(s string, v4, v6 openflow.Field) {
		addr, ok := parseAddr(s)
		switch {
		case !ok:
		case addr.Is4():
			a.SetField(v4, addrValue(addr))
		default:
			a.SetField(v6, addrValue(addr))
		}
	}
	set(local, openflow.FieldTunSrc, openflow.FieldTunIPv6Src)
	set(remote, openflow.FieldTunDst, openflow.FieldTunIPv6Dst)
}

// commonTunnelType is what this chassis and another have both, Geneve if
// possible.
func commonTunnelType(v View, chassis ovsdb.UUID) (TunnelType, bool) {
	var types [2][2]bool
	for i, c := range []ovsdb.UUID{v.Self().UUID, chassis} {
		for _, e := range v.ChassisEncaps(c) {
			types[i][Geneve] = types[i][Geneve] || e.Type == Geneve.String()
			types[i][VXLAN] = types[i][VXLAN] || e.Type == VXLAN.String()
		}
	}
	for _, t := range []TunnelType{Geneve, VXLAN} {
		if types[0][t] && types[1][t] {
			return t, true
		}
	}
	return 0, false
}

// defaultEncapIP is where a chassis wants to be reached, "" if it cannot be by
// this type of tunnel.
func defaultEncapIP(v View, chassis ovsdb.UUID, typ TunnelType) string {
	first := ""
	for _, e := range v.ChassisEncaps(chassis) {
		if e.Type != typ.String() {
			continue
		}
		if e.Default {
			return e.IP
		}
		if first == "" {
			first = e.IP
		}
	}
	return first
}

// String is the type as in column type of table Encap.
func (t TunnelType) String() string {
	if t == VXLAN {
		return "vxlan"
	}
	return "geneve"
}
