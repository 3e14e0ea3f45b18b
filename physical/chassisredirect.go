package physical

import (
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// redirectHere tells whether this chassis acts for a chassisredirect port. Before
// the southbound database says so, the BFD sessions of its group do.
func (b *portBuild) redirectHere() bool {
	if b.here(b.pb.Chassis) {
		return true
	}
	return !b.pb.HAChassisGroup.IsZero() && b.v.HAActive(b.pb.HAChassisGroup)
}

// redirectLocal continues with the distributed port for which the chassisredirect
// port stands. Packets that cannot are dropped here rather than by default, so
// that they count.
func (b *portBuild) redirectLocal() {
	b.out.matchOutport(b.dp.Key, b.key)
	a := b.out.actions()
	name := b.pb.Options.Get("distributed-port")
	switch port, ok := b.v.Port(name); {
	case !ok:
		b.problem("no Port_Binding of its distributed-port %q", name)
	case port.Datapath() != b.pb.Datapath:
		b.problem("its distributed-port %q is in another datapath", name)
	default:
		load(a, pipeline.RegOutport, uint64(port.Key()))
		zonesOf(b.v, port).load(a)
		// It may leave by the tunnel by which it came.
		forgetInPort(a)
		a.Resubmit(pipeline.TableCheckLoopback)
	}
	b.out.add(b.origin, pipeline.TableLocalOutput, 100)
}

// redirectBridged sends packets for a chassisredirect port to its chassis through
// the physical network of the switch that the distributed port connects to,
// options:redirect-type=bridged: with the router's address as source, the
// switches outside learn nothing wrong.
func (b *portBuild) redirectBridged() {
	if b.typ != PortChassisRedirect || len(b.pb.MAC) == 0 {
		return
	}
	mac, ok := firstEth(b.pb.MAC[0])
	if !ok {
		return
	}
	distributed := b.pb.Options.Get("distributed-port")
	for _, peer := range b.v.Peers(b.pb.Datapath) {
		if peer.Local != distributed {
			continue
		}
		port, ok := b.v.Port(peer.Remote)
		if !ok {
			continue
		}
		network, ok := b.v.Datapath(port.Datapath())
		if !ok || !network.Local {
			return
		}
		localnet, ok := b.v.Localnet(network.UUID)
		if !ok {
			return
		}
		b.out.matchOutport(b.dp.Key, b.key)
		a := b.out.actions()
		load(a, openflow.FieldEthSrc, uint64(mac))
		load(a, pipeline.RegDatapath, uint64(network.Key))
		load(a, pipeline.RegOutport, uint64(localnet.Key()))
		a.Resubmit(pipeline.TableLogToPhy)
		b.out.add(b.origin, pipeline.TableLocalOutput, 100)
		return
	}
}

// haMembers are the chassis of the port's HA_Chassis_Group, the preferred one
// first.
func (b *portBuild) haMembers() []HAMember {
	if b.pb.HAChassisGroup.IsZero() {
		return nil
	}
	return slices.SortedFunc(slices.Values(b.v.HAGroup(b.pb.HAChassisGroup)), compareHAMembers)
}

// maxBundleMembers is what the switch takes (OVS, BUNDLE_MAX_MEMBERS).
const maxBundleMembers = 2048

// remoteHA tunnels packets to the first chassis of the port's group that answers
// BFD. The switch itself watches the tunnels and needs no agent to fail over.
func (b *portBuild) remoteHA(members []HAMember) {
	var reach []Tunnel
	for _, m := range members {
		if tunnels := b.v.Tunnels(m.Chassis); len(tunnels) > 0 {
			reach = append(reach, tunnels[0])
		}
	}
	if len(reach) == 0 {
		b.problem("no tunnel to any chassis of its HA_Chassis_Group %s", b.pb.HAChassisGroup)
		return
	}
	bundle := openflow.BundleSpec{Algorithm: openflow.BundleActiveBackup, Fields: openflow.BundleHashEthSrc}
	for _, t := range reach {
		if t.Type != reach[0].Type {
			b.problem("chassis of its HA_Chassis_Group %s use different encapsulations", b.pb.HAChassisGroup)
			return
		}
		if len(bundle.Members) == maxBundleMembers {
			b.problem("its HA_Chassis_Group %s has more than %d chassis", b.pb.HAChassisGroup, maxBundleMembers)
			break
		}
		bundle.Members = append(bundle.Members, uint16(t.OFPort))
	}
	if !canCarry(b.v, reach[0].Type) {
		return
	}
	b.out.matchOutport(b.dp.Key, b.key)
	a := b.out.actions()
	encapsulate(b.v, a, reach[0].Type, b.dp.Key, b.key, b.typ == PortVTEP)
	a.Bundle(bundle)
	b.out.add(b.origin, pipeline.TableRemoteOutput, 100)
}

// compareHAMembers orders by priority, the highest first. Equal ones need an order
// on which all chassis agree: by name, the last first.
func compareHAMembers(x, y HAMember) int {
	if x.Priority != y.Priority {
		if x.Priority > y.Priority {
			return -1
		}
		return 1
	}
	return strings.Compare(y.Name, x.Name)
}
