package physical

import (
	"fmt"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// A packet for a multicast group goes
//
//	44  to the router ports and localports, which every chassis serves for its own
//	    packets only, and once to each other chassis with a member   (remote)
//	46  to the members that are here                                  (local)
//
// Packets from tunnels start at 46.

// groupBuild is one Multicast_Group being translated.
type groupBuild struct {
	v     View
	out   *Flows
	group *sbdb.MulticastGroup
	dp    Datapath
	key   uint32

	local, remote, ramp *actionChunks
	// chassis and vteps are where members are.
	chassis, vteps hashTable[ovsdb.UUID]
}

// BuildMulticastGroup builds the flows of one Multicast_Group.
func BuildMulticastGroup(v View, group *sbdb.MulticastGroup, out *Flows) {
	dp, ok := v.Datapath(group.Datapath)
	if !ok || !dp.Local {
		return
	}
	b := &groupBuild{v: v, out: out, group: group, dp: dp, key: uint32(group.TunnelKey)}
	b.local = newActionChunks(pipeline.TableLocalOutput, b.key)
	b.remote = newActionChunks(pipeline.TableRemoteOutput, b.key)
	b.ramp = newActionChunks(pipeline.TableRemoteOutput, b.key)
	for _, uuid := range group.Ports {
		port, ok := v.PortByUUID(uuid)
		if !ok {
			continue
		}
		if port.Datapath() != group.Datapath {
			out.problem(fmt.Errorf("Multicast_Group %s (%s): port %s is in another datapath", group.UUID, group.Name, port.Name()))
			continue
		}
		b.member(port)
	}
	b.flows()
}

// member adds what one port needs.
func (b *groupBuild) member(port Port) {
	v, typ := b.v, port.Type()
	switch typ {
	case PortPatch:
		if b.dp.Transit {
			// The chassis that routes is in another zone.
			b.deliver(port.Key(), v.Zone(port.Name()))
			return
		}
		deliverUnzoned(b.remote, port.Key())
		deliverUnzoned(b.ramp, port.Key())
		return
	case PortLocalport:
		deliverUnzoned(b.remote, port.Key())
		return
	}

	at := v.Residence(port.UUID())
	if typ == PortRemote {
		b.unicast(port, at)
		return
	}
	self := v.Self().UUID
	switch {
	case at.includes(self) && (typ == PortL3Gateway || v.HasVIF(port.interfaceName())):
		b.deliver(port.Key(), v.Zone(port.Name()))
	case (typ == PortLocalnet || typ == PortL2Gateway) && v.PatchOFPort(port.Name()) != 0:
		b.deliver(port.Key(), v.Zone(port.Name()))
	case typ == PortChassisRedirect && at.Chassis == self && !self.IsZero():
		name := port.Option("distributed-port")
		if distributed, ok := v.Port(name); ok && name != "" && distributed.Datapath() == port.Datapath() {
			b.deliver(distributed.Key(), v.Zone(port.Name()))
		}
	default:
		// The physical network reaches the others.
		if _, ok := v.Localnet(b.group.Datapath); ok {
			return
		}
		b.elsewhere(at.Chassis)
		for _, chassis := range at.Additional {
			b.elsewhere(chassis)
		}
	}
}

// includes tells whether the port is bound to chassis, mainly or additionally.
func (r Residence) includes(chassis ovsdb.UUID) bool {
	if r.Chassis == chassis && !chassis.IsZero() {
		return true
	}
	return slices.Contains(r.Additional, chassis)
}

// interfaceName is the iface-id of the interface that the port is behind.
func (p Port) interfaceName() string {
	if parent := p.row.ParentPort.Or(""); parent != "" {
		return parent
	}
	return p.Name()
}

// deliver continues with one member that is here.
func (b *groupBuild) deliver(key uint32, zone uint16) {
	b.local.step(func(a *openflow.ActionBuilder) {
		loadPortZone(a, zone)
		load(a, pipeline.RegOutport, uint64(key))
		a.Resubmit(pipeline.TableCheckLoopback)
	})
}

func deliverUnzoned(c *actionChunks, key uint32) {
	c.step(func(a *openflow.ActionBuilder) {
		load(a, pipeline.RegOutport, uint64(key))
		a.Resubmit(pipeline.TableCheckLoopback)
	})
}

// unicast sends to a port of type remote, in another availability zone, by its
// own key: groups differ there.
func (b *groupBuild) unicast(port Port, at Residence) {
	if at.Chassis.IsZero() {
		return
	}
	b.remote.step(func(a *openflow.ActionBuilder) {
		load(a, pipeline.RegOutport, uint64(port.Key()))
		tunnels := b.v.Tunnels(at.Chassis)
		if len(tunnels) > 0 && canCarry(b.v, tunnels[0].Type) {
			encapsulate(b.v, a, tunnels[0].Type, b.dp.Key, port.Key(), false)
			a.Output(tunnels[0].OFPort)
		}
	})
}

// elsewhere notes a chassis that has a member.
func (b *groupBuild) elsewhere(uuid ovsdb.UUID) {
	if uuid.IsZero() {
		return
	}
	chassis, ok := b.v.Chassis(uuid)
	if !ok {
		return
	}
	set := &b.chassis
	if chassis.VTEP {
		set = &b.vteps
	}
	if !set.has(chassis.Name) {
		set.add(chassis.Name, uuid)
	}
}

func (b *groupBuild) flows() {
	all := func(*openflow.MatchBuilder) {}
	setKey := func(a *openflow.ActionBuilder) { load(a, pipeline.RegOutport, uint64(b.key)) }
	if !b.local.empty() {
		b.local.last(setKey)
		b.emit(b.local, 100, all)
	}

	if !b.remote.empty() {
		b.remote.step(setKey)
	}
	b.fanOut(&b.chassis, false)
	b.fanOut(&b.vteps, true)
	if !b.remote.empty() {
		b.remote.last(func(a *openflow.ActionBuilder) { a.Resubmit(pipeline.TableRemoteVtepOutput) })
		b.emit(b.remote, 100, func(m *openflow.MatchBuilder) { matchFlags(m, 0, pipeline.FlagRcvFromRamp) })
	}

	// What a VTEP gateway sends it has sent to the other chassis, too. Of those
	// packets only what a router answers goes out again.
	if !b.ramp.empty() {
		b.ramp.last(func(a *openflow.ActionBuilder) {
			setKey(a)
			a.Resubmit(pipeline.TableRemoteVtepOutput)
		})
		const answer = pipeline.FlagRcvFromRamp | pipeline.FlagAllowLoopback
		b.emit(b.ramp, 120, func(m *openflow.MatchBuilder) { matchFlags(m, answer, answer) })
	}
}

// fanOut sends the packet once to each chassis. The metadata of the tunnel stays
// set from one output to the next and is written only where the type changes.
func (b *groupBuild) fanOut(set *hashTable[ovsdb.UUID], ramp bool) {
	ft := b.v.FlowTunnels()
	var local string
	if ft.Enabled {
		ips := b.v.EncapIPs()
		if len(ips) == 0 {
			return
		}
		local = ips[0]
	}
	var last TunnelType
	first := true
	for _, chassis := range set.all() {
		var typ TunnelType
		var ofport uint32
		var remote string
		if ft.Enabled {
			t, ok := commonTunnelType(b.v, chassis)
			if !ok {
				continue
			}
			typ, ofport, remote = t, ft.ofport(t), defaultEncapIP(b.v, chassis, t)
			if remote == "" || ofport == 0 {
				continue
			}
		} else {
			tunnels := b.v.Tunnels(chassis)
			if len(tunnels) == 0 {
				continue
			}
			typ, ofport = tunnels[0].Type, tunnels[0].OFPort
		}
		if !canCarry(b.v, typ) {
			continue
		}
		b.remote.step(func(a *openflow.ActionBuilder) {
			if first || typ != last {
				encapsulate(b.v, a, typ, b.dp.Key, b.key, ramp)
			}
			if ft.Enabled {
				tunnelAddrs(a, local, remote)
			}
			a.Output(ofport)
		})
		first, last = false, typ
	}
}
