package physical

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// A distributed router has the same Ethernet address on every chassis. The
// switches of a physical network would not know where it is, so there each
// chassis sends with an address of its own in place of the router's, and every
// chassis puts the router's back when it receives one of those
// (ovn-chassis-mac-mappings).

// chassisMACConjID is the conjunction of "from a chassis' address" (BuildChassisMACs)
// and "from a localnet port" (fromChassisMACs).
const chassisMACConjID = 100

// Clauses of that conjunction, counted from 0.
const (
	chassisMACClauses  = 2
	clauseChassisMAC   = 0
	clauseLocalnetPort = 1
)

// fromChassisMACs puts the router's address back as source.
func (b *portBuild) fromChassisMACs(at attachment, z zones) {
	start := len(b.out.List)
	for _, peer := range b.v.Peers(b.pb.Datapath) {
		router, mac, ok := b.routerPort(peer.Remote)
		if !ok {
			return
		}
		o := origin{cookie: uint64(router.UUID().First32()), owner: b.pb.UUID}
		received := func() *openflow.MatchBuilder {
			m := b.out.match()
			m.SetU(openflow.FieldInPort, uint64(at.ofport))
			if at.tag != 0 {
				matchVLAN(m, at.tag)
			} else {
				matchUntagged(m)
			}
			return m
		}
		received().SetU(openflow.FieldConjID, chassisMACConjID)
		a := b.out.actions()
		if at.tag != 0 {
			a.PopVLAN()
		}
		enterIngress(a, b.dp.Key, b.key, z)
		loadEncapID(a, 0)
		load(a, openflow.FieldEthSrc, uint64(mac))
		a.Resubmit(pipeline.TableIngress)
		b.out.add(o, pipeline.TablePhyToLog, 180)

		received()
		b.out.actions().Conjunction(chassisMACConjID, clauseLocalnetPort, chassisMACClauses)
		b.out.add(o, pipeline.TablePhyToLog, 180)
	}
	// With several routers on the switch there is no telling which of them a
	// packet comes from: the first is taken.
	b.out.unique(start)
}

// toChassisMAC puts this chassis' address in place of a router's, unless the
// router's port is at home here and nowhere else.
func (b *portBuild) toChassisMAC(at attachment) {
	network := b.pb.Options.Get("network_name")
	if network == "" {
		b.problem("no network_name")
		return
	}
	own, ok := mappedMAC(b.v.MACMappings(b.v.Self().UUID), network)
	if !ok {
		return
	}
	start := len(b.out.List)
	for _, peer := range b.v.Peers(b.pb.Datapath) {
		redirect, ok := b.v.Port("cr-" + peer.Remote)
		if ok && b.here(b.v.Residence(redirect.UUID()).Chassis) {
			continue
		}
		_, mac, ok := b.routerPort(peer.Remote)
		if !ok {
			break
		}
		m := b.out.matchOutport(b.dp.Key, b.key)
		m.SetU(openflow.FieldEthSrc, uint64(mac))
		a := b.out.actions()
		load(a, openflow.FieldEthSrc, uint64(own))
		if at.tag != 0 {
			a.PushVLAN(b.vlanEthType(b.port))
			a.SetVLANVID(at.tag)
		}
		a.Output(at.ofport)
		// When flooding, other ports get the same packet next.
		load(a, openflow.FieldEthSrc, uint64(mac))
		if at.tag != 0 {
			a.PopVLAN()
		}
		b.out.add(b.origin, pipeline.TableLogToPhy, 150)
	}
	b.out.unique(start)
}

// routerPort is the router port by that name and its Ethernet address.
func (b *portBuild) routerPort(name string) (Port, ethAddr, bool) {
	p, ok := b.v.Port(name)
	if !ok || len(p.MAC()) == 0 {
		return Port{}, 0, false
	}
	mac, _, ok := scanEth(p.MAC()[0])
	if !ok {
		b.problem("router port %s has no valid Ethernet address: %q", name, p.MAC()[0])
	}
	return p, mac, ok
}

// localnetLeaks keeps local traffic from the physical network.
func (b *portBuild) localnetLeaks() {
	dropFlags := func(flags, mask uint32) {
		matchFlags(b.out.matchOutport(b.dp.Key, b.key), flags, mask)
		b.out.drop(b.v, pipeline.TableCheckLoopback)
		b.out.add(b.origin, pipeline.TableCheckLoopback, 160)
	}
	dropFlags(pipeline.FlagLocalport, pipeline.FlagLocalport)
	dropFlags(pipeline.FlagLocalOnly, pipeline.FlagLocalOnly|pipeline.FlagOverrideLocalOnly)

	// But external ports that this chassis answers for are reached that way.
	start := len(b.out.List)
	for _, name := range b.v.ExternalPorts(b.pb.Datapath) {
		external, ok := b.v.Port(name)
		if !ok || !b.here(b.v.Residence(external.UUID()).Chassis) {
			continue
		}
		for _, s := range external.MAC() {
			mac, _, ok := scanEth(s)
			if !ok {
				b.problem("external port %s has no valid Ethernet address: %q", name, s)
				continue
			}
			m := b.out.matchOutport(b.dp.Key, b.key)
			matchFlags(m, pipeline.FlagLocalport, pipeline.FlagLocalport)
			m.SetU(openflow.FieldEthDst, uint64(mac))
			a := b.out.actions()
			clearLogicalRegs(a)
			a.Resubmit(pipeline.TableEgress)
			b.out.add(b.origin, pipeline.TableCheckLoopback, 170)
		}
	}
	b.out.unique(start)
}
