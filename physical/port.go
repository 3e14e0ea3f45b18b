package physical

import (
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// portBuild is one Port_Binding being translated.
type portBuild struct {
	v      View
	out    *Flows
	pb     *sbdb.PortBinding
	port   Port
	typ    PortType
	origin origin
	dp     Datapath
	key    uint32
	isNF   bool // the port of a network function
}

// BuildPort builds the flows of one Port_Binding: by what port packets come in and go
// out if it is here, to which chassis they go if it is not, and its port
// security.
func BuildPort(v View, pb *sbdb.PortBinding, out *Flows) {
	dp, ok := v.Datapath(pb.Datapath)
	if !ok {
		return
	}
	b := &portBuild{
		v: v, out: out, pb: pb, port: PortOf(pb), typ: portType(pb),
		origin: fromRow(pb.UUID), dp: dp, key: uint32(pb.TunnelKey),
		isNF: parseBool(pb.Options.Get("is-nf")),
	}
	if b.typ == PortVTEP {
		b.rampFlows()
	}
	if b.here(pb.Chassis) {
		b.portSecurity()
	}
	if dp.Local {
		b.build()
	}
}

func (b *portBuild) build() {
	if b.typ == PortVIF {
		b.icmpZones()
	}
	switch {
	case b.typ == PortPatch || b.typ == PortL3Gateway && b.here(b.pb.Chassis):
		b.patchFlows()
		return
	case b.typ == PortChassisRedirect && b.redirectHere():
		b.redirectLocal()
		return
	}

	at, ok := b.attachment()
	if !ok {
		return
	}
	localnet, hasLocalnet := b.v.Localnet(b.pb.Datapath)
	members := b.haMembers()
	if at.ofport != 0 {
		b.attached(at, localnet)
		if b.isNF && hasLocalnet {
			b.networkFunctionReturn()
		}
	} else if hasLocalnet && len(b.pb.AdditionalChassis) == 0 && !b.isNF {
		// The physical network knows the way, unless told not to rely on it. With
		// several chassis for one port it would deliver to one of them only.
		if b.v.PatchOFPort(localnet.Name()) == 0 {
			return
		}
		if !b.v.AlwaysTunnel() {
			b.viaLocalnet(localnet)
			b.forceTunnels()
			return
		}
		members = nil
	}

	// A port that is here may have other chassis, too.
	switch {
	case strings.EqualFold(b.pb.Options.Get("redirect-type"), "bridged"):
		b.redirectBridged()
	case at.ofport == 0 && len(members) >= 2:
		b.remoteHA(members)
	default:
		b.remote()
	}
}

// here tells whether a column chassis refers to this chassis.
func (b *portBuild) here(chassis ovsdb.UUID) bool {
	return !chassis.IsZero() && chassis == b.v.Self().UUID
}

// icmpZones gives ICMP errors that come back from a tunnel the zones of the port
// whose packet was too large; see tunnelErrors.
func (b *portBuild) icmpZones() {
	b.out.matchInport(b.dp.Key, b.key)
	a := b.out.actions()
	zonesOf(b.v, b.port).load(a)
	a.Resubmit(pipeline.TableIngress)
	b.out.add(b.origin, pipeline.TableCtZoneLookup, 100)
}

// viaLocalnet sends packets for a port elsewhere to the physical network.
func (b *portBuild) viaLocalnet(localnet Port) {
	b.out.matchOutport(b.dp.Key, b.key)
	a := b.out.actions()
	load(a, pipeline.RegOutport, uint64(localnet.Key()))
	a.Resubmit(pipeline.TableLocalOutput)
	b.out.add(b.origin, pipeline.TableLocalOutput, 100)
}

// attachment is how a port is connected to br-int here.
type attachment struct {
	ofport uint32
	tag    uint16 // VLAN of a container, localnet or l2gateway port, 0 if none
	// nested: behind another port's interface, parent.
	nested bool
	parent Port
}

// attachment finds how the port is connected; ofport is 0 if it is not. It is not
// ok for a container without tag.
func (b *portBuild) attachment() (at attachment, ok bool) {
	parent := b.pb.ParentPort.Or("")
	switch {
	case parent != "" || b.typ == PortMirror:
		tag, tagged := b.pb.Tag.Get()
		if b.typ == PortMirror {
			parent = b.pb.MirrorPort.Or("")
			tag = 0
		} else if !tagged {
			return attachment{}, false
		}
		at.ofport = b.v.OFPort(parent)
		if at.ofport == 0 {
			return attachment{}, true
		}
		at.tag = uint16(tag)
		at.nested = true
		if at.parent, ok = b.v.Port(parent); !ok || !ownsInterface(at.parent.Type()) || !b.mayBeHere(at.parent.row) {
			at.ofport = 0
		}
	case b.typ == PortLocalnet || b.typ == PortL2Gateway:
		at.ofport = b.v.PatchOFPort(b.pb.LogicalPort)
		if at.ofport != 0 {
			at.tag = uint16(b.pb.Tag.Or(0))
		}
	case ownsInterface(b.typ):
		at.ofport = b.v.OFPort(b.pb.LogicalPort)
		if at.ofport != 0 && !b.mayBeHere(b.pb) {
			at.ofport = 0
		}
	}
	return at, true
}

// ownsInterface tells whether ports of type t are bound to an interface by its
// iface-id. On others the same iface-id has no effect.
func ownsInterface(t PortType) bool { return t == PortVIF || t == PortLocalport }

// mayBeHere tells whether the port is meant to be bound here, as main or as
// additional chassis (options:requested-chassis). It may have an interface here
// all the same, while it is being migrated.
func (b *portBuild) mayBeHere(row *sbdb.PortBinding) bool {
	self := b.v.Self()
	if row.RequestedChassis == self.UUID || slices.Contains(row.RequestedAdditionalChassis, self.UUID) {
		return true
	}
	requested := row.Options.Get("requested-chassis")
	if requested == "" {
		return true
	}
	for name := range strings.SplitSeq(requested, ",") {
		if name != "" && (name == self.Name || name == self.Hostname) {
			return true
		}
	}
	return false
}

func (b *portBuild) additionalHere() bool {
	return slices.Contains(b.pb.AdditionalChassis, b.v.Self().UUID)
}
