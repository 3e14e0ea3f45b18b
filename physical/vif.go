package physical

import (
	"fmt"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// attached builds the flows of a port that has an OpenFlow port here: virtual
// interface, container, mirror, localport, localnet, l2gateway.
func (b *portBuild) attached(at attachment, localnet Port) {
	z := zonesOf(b.v, b.port)
	b.localFlows(z, at.parent)
	b.activation(at.ofport, z)
	// A mirror's interface is also a port of its own, by which it receives.
	if b.typ != PortMirror {
		b.fromPort(at, z)
	}
	if b.typ == PortLocalnet {
		b.fromChassisMACs(at, z)
	}
	b.toPort(at, localnet)
	switch b.typ {
	case PortLocalnet:
		b.toChassisMAC(at)
		b.localnetLeaks()
	case PortLocalport:
		// There is one on every chassis: what it sends stays here.
		b.out.matchInport(b.dp.Key, b.key)
		b.out.actions().Resubmit(pipeline.TableLocalOutput)
		b.out.add(b.origin, pipeline.TableRemoteOutput, 150)
	}
}

// fromPort takes packets from the OpenFlow port into the ingress pipeline.
func (b *portBuild) fromPort(at attachment, z zones) {
	network := b.typ == PortLocalnet || b.typ == PortL2Gateway
	id := b.encapID()
	enter := func(a *openflow.ActionBuilder) {
		enterIngress(a, b.dp.Key, b.key, z)
		loadEncapID(a, id)
		if b.typ == PortLocalport {
			setFlag(a, pipeline.FlagLocalportBit)
		}
		a.Resubmit(pipeline.TableIngress)
	}

	m := b.out.match()
	m.SetU(openflow.FieldInPort, uint64(at.ofport))
	a := b.out.actions()
	if at.tag != 0 || network {
		if at.nested {
			// Containers behind one interface may talk to each other.
			setFlag(a, pipeline.FlagNestedContainerBit)
		}
		// A port that passes tags through and has none of its own leaves alone what
		// it gets.
		if at.tag != 0 || !parseBool(b.pb.Options.Get("vlan-passthru")) {
			matchVLAN(m, at.tag)
			a.PopVLAN()
		}
	}
	enter(a)
	priority := uint16(100)
	if at.tag != 0 {
		priority = 150
	}
	b.out.add(b.origin, pipeline.TablePhyToLog, priority)

	if network && at.tag == 0 {
		// The above are priority tags; packets without any tag are more usual.
		m := b.out.match()
		m.SetU(openflow.FieldInPort, uint64(at.ofport))
		matchUntagged(m)
		enter(b.out.actions())
		b.out.add(b.origin, pipeline.TablePhyToLog, 100)
	}
}

// toPort delivers packets.
func (b *portBuild) toPort(at attachment, localnet Port) {
	b.out.matchOutport(b.dp.Key, b.key)
	a := b.out.actions()
	b.outputTagged(a, at, localnet)
	b.out.add(b.origin, pipeline.TableLogToPhy, 100)
}

// outputTagged outputs the packet with the tag it needs and takes that off again:
// when flooding, other ports get the same packet next.
func (b *portBuild) outputTagged(a *openflow.ActionBuilder, at attachment, localnet Port) {
	if at.tag != 0 {
		a.PushVLAN(b.vlanEthType(localnet))
		a.SetVLANVID(at.tag)
	}
	a.Output(at.ofport)
	if at.tag != 0 {
		a.PopVLAN()
	}
}

// vlanEthType is the kind of tag that the datapath's physical network wants,
// options:ethtype of the localnet port. Two misspellings have come into use.
func (b *portBuild) vlanEthType(localnet Port) uint16 {
	if localnet.row == nil {
		return ethTypeQ
	}
	switch t := localnet.Option("ethtype"); strings.ToLower(t) {
	case "802.1ad", "802.11ad":
		return ethTypeAD
	case "", "802.1q", "802.11q":
	default:
		b.problem("unknown ethtype %q of localnet port %s", t, localnet.Name())
	}
	return ethTypeQ
}

// encapID is the number of the encapsulation address that column encap asks for,
// the default one's if it is none of ours.
func (b *portBuild) encapID() int {
	encap, ok := b.encap()
	if !ok {
		return 0
	}
	for i, ip := range b.v.EncapIPs() {
		if ip == encap.IP {
			return i
		}
	}
	return 0
}

// problem notes what could not be translated of the row.
func (b *portBuild) problem(format string, args ...any) {
	b.out.problem(fmt.Errorf("Port_Binding %s (%s): %w", b.pb.UUID, b.pb.LogicalPort, fmt.Errorf(format, args...)))
}
