package physical

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// Neighbours that a transit router asks for may be in any availability zone:
// logical action flood_remote sends requests to all chassis of other zones, and
// what they answer enters the ingress pipeline, unlike other packets from tunnels.

// BuildFlood builds the flow that sends to the chassis of other zones.
func BuildFlood(v View, out *Flows) {
	a := out.actions()
	var last TunnelType
	first := true
	for _, chassis := range v.RemoteChassis() {
		tunnels := v.Tunnels(chassis)
		if len(tunnels) == 0 || !canCarry(v, tunnels[0].Type) {
			continue
		}
		t := tunnels[0] // one is enough to reach the chassis
		if first || t.Type != last {
			floodEncapsulate(v, a, t.Type)
		}
		first, last = false, t.Type
		a.Output(t.OFPort)
	}
	if first {
		return
	}
	// Not what came from there.
	matchFlags(out.match(), 0, pipeline.FlagRxFromTunnel)
	out.add(fromNothing, pipeline.TableFloodRemoteChassis, 100)
}

// floodEncapsulate is encapsulate with the in-port and no out-port: the other
// side has to find that.
func floodEncapsulate(v View, a *openflow.ActionBuilder, t TunnelType) {
	if t == VXLAN {
		move(a, pipeline.RegInport, 0, openflow.FieldTunID, pipeline.VXLANOutportOfs, pipeline.VXLANOutportBits)
		move(a, pipeline.RegDatapath, 0, openflow.FieldTunID, pipeline.VXLANDatapathOfs, pipeline.VXLANDatapathBits)
		return
	}
	option, _ := v.GeneveField()
	move(a, pipeline.RegDatapath, 0, openflow.FieldTunID, 0, tunIDBits)
	loadBits(a, option, 0, geneveOptionBits, 0)
	move(a, pipeline.RegInport, 0, option, pipeline.GeneveInportOfs, pipeline.GeneveInportBits)
}

// floodIngress takes answers from a chassis of another zone into the ingress
// pipeline.
func floodIngress(v View, t Tunnel, out *Flows) {
	chassis, ok := v.ChassisByName(t.Chassis)
	if !ok || !chassis.Remote {
		return
	}
	o := origin{cookie: uint64(chassis.UUID.First32())}
	a := out.actions()
	setFlag(a, pipeline.FlagRxFromTunnelBit)
	decapsulate(v, a, t.Type, t.OFPort)
	a.Resubmit(pipeline.TableIngress)
	if t.Type == VXLAN {
		// It does not say where the packet came in, so one cannot tell such answers
		// from packets that are for a port here.
		a.Resubmit(pipeline.TableLocalOutput)
	}
	answer := func() *openflow.MatchBuilder {
		m := out.match()
		m.SetU(openflow.FieldInPort, uint64(t.OFPort))
		if t.Type == Geneve {
			option, _ := v.GeneveField()
			m.SetSub(openflow.Bits(option, pipeline.GeneveOutportOfs, pipeline.GeneveOutportBits), 0)
		}
		return m
	}
	m := answer()
	m.SetU(openflow.FieldEthType, ethTypeARP)
	m.SetU(openflow.FieldARPOp, arpReply)
	out.add(o, pipeline.TablePhyToLog, 120)
	m = answer()
	matchICMPv6(m, icmp6NeighborAdvert)
	m.SetU(openflow.FieldICMPv6Code, 0)
	out.add(o, pipeline.TablePhyToLog, 120)
}
