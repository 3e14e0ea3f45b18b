package physical

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// patchFlows let packets that leave by the port go on in the ingress pipeline of
// its peer. They do so in a clone, because the peer's pipeline must not see, and
// must not change, anything of this one's.
func (b *portBuild) patchFlows() {
	peer, ok := b.peer()
	if !ok {
		return
	}
	b.localFlows(zonesOf(b.v, b.port), Port{})

	b.out.matchOutport(b.dp.Key, b.key)
	peerDP, _ := b.v.Datapath(peer.Datapath())
	peerZones := zonesOf(b.v, peer)
	b.out.actions().Clone(func(a *openflow.ActionBuilder) {
		a.CtClear()
		load(a, pipeline.RegDNATZone, 0)
		load(a, pipeline.RegSNATZone, 0)
		loadBits(a, pipeline.RegCtZone, pipeline.CtZoneOfs, pipeline.CtZoneBits, 0)
		enterIngress(a, peerDP.Key, peer.Key(), peerZones)
		load(a, pipeline.RegFlags, 0)
		load(a, pipeline.RegOutport, 0)
		clearLogicalRegs(a)
		a.Resubmit(pipeline.TableIngress)
	})
	b.out.add(b.origin, pipeline.TableLogToPhy, 100)
}

// peer is the port that options:peer names, if that names this one, too.
func (b *portBuild) peer() (Port, bool) {
	name := b.pb.Options.Get("peer")
	if name == "" {
		return Port{}, false
	}
	peer, ok := b.v.Port(name)
	if !ok || peer.Option("peer") != b.pb.LogicalPort {
		return Port{}, false
	}
	switch peer.Type() {
	case PortPatch, PortL3Gateway:
		return peer, true
	}
	return Port{}, false
}
