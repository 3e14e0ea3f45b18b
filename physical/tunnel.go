package physical

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// BuildTunnelPort builds the flows of a tunnel port of br-int: packets that come from
// it have been through the ingress pipeline already and go straight to output.
// Flow-based tunnel ports are built likewise, with Chassis "".
func BuildTunnelPort(v View, t Tunnel, out *Flows) {
	if !canCarry(v, t.Type) {
		return
	}
	out.match().SetU(openflow.FieldInPort, uint64(t.OFPort))
	a := out.actions()
	decapsulate(v, a, t.Type, t.OFPort)
	a.Resubmit(pipeline.TableLocalOutput)
	out.add(fromNothing, pipeline.TablePhyToLog, 100)

	if !t.Ramp {
		tunnelErrors(v, t, out)
		if t.Queries {
			routerQueries(v, t, out)
		}
	}
	if t.Chassis == "" {
		return
	}
	if t.Type == VXLAN {
		vxlanMulticasts(t, out)
	}
	floodIngress(v, t, out)
}

// tunnelErrors is for ICMP errors that come out of a tunnel because a packet was
// too large for the path. They are made by the kernel of this very chassis and
// still carry what the packet was sent with, so they go to the sender; its zones
// are not known from the packet (see icmpZones).
func tunnelErrors(v View, t Tunnel, out *Flows) {
	a := out.actions()
	decapsulate(v, a, t.Type, t.OFPort)
	a.Resubmit(pipeline.TableLocalOutput)
	setFlag(a, pipeline.FlagRxFromTunnelBit)
	a.Resubmit(pipeline.TableCtZoneLookup)

	m := out.match()
	m.SetU(openflow.FieldInPort, uint64(t.OFPort))
	m.SetU(openflow.FieldEthType, ethTypeIPv4)
	m.SetU(openflow.FieldIPProto, protoICMP)
	m.SetU(openflow.FieldICMPv4Type, icmp4Unreachable)
	m.SetU(openflow.FieldICMPv4Code, icmp4FragNeeded)
	out.add(fromNothing, pipeline.TablePhyToLog, 120)

	m = out.match()
	m.SetU(openflow.FieldInPort, uint64(t.OFPort))
	matchICMPv6(m, icmp6PacketTooBig)
	m.SetU(openflow.FieldICMPv6Code, 0)
	out.add(fromNothing, pipeline.TablePhyToLog, 120)
}

// routerQueries gives the packet-in loop a copy of each ARP request and neighbour
// solicitation that comes out of a Geneve tunnel: the answer to one that a router on
// another chassis asked comes in here, and is to be told from one that nobody asked
// for. VXLAN does not say where the packet came in, and so not who asks.
func routerQueries(v View, t Tunnel, out *Flows) {
	if t.Type != Geneve {
		return
	}
	a := out.actions()
	decapsulate(v, a, t.Type, t.OFPort)
	a.Controller(openflow.ControllerSpec{
		Reason: reasonAction, UserData: packetInData(pipeline.OpRouterQuery, ""),
	})
	a.Resubmit(pipeline.TableLocalOutput)

	m := out.match()
	m.SetU(openflow.FieldInPort, uint64(t.OFPort))
	m.SetU(openflow.FieldEthType, ethTypeARP)
	m.SetU(openflow.FieldARPOp, arpRequest)
	out.add(fromNothing, pipeline.TablePhyToLog, 115)

	m = out.match()
	m.SetU(openflow.FieldInPort, uint64(t.OFPort))
	matchICMPv6(m, icmp6Solicitation)
	m.SetU(openflow.FieldICMPv6Code, 0)
	out.add(fromNothing, pipeline.TablePhyToLog, 115)
}

// vxlanMulticasts restores keys of multicast groups, see vxlanOutport.
func vxlanMulticasts(t Tunnel, out *Flows) {
	m := out.match()
	m.SetU(openflow.FieldInPort, uint64(t.OFPort))
	m.SetSub(openflow.Bits(openflow.FieldTunID, pipeline.VXLANOutportOfs+pipeline.VXLANOutportBits-1, 1), 1)
	a := out.actions()
	loadBits(a, pipeline.RegOutport, 15, 1, 1) // 32768, MinMulticastKey
	move(a, openflow.FieldTunID, pipeline.VXLANOutportOfs, pipeline.RegOutport, 0, pipeline.VXLANOutportBits-1)
	move(a, openflow.FieldTunID, pipeline.VXLANDatapathOfs, pipeline.RegDatapath, 0, pipeline.VXLANDatapathBits)
	a.Resubmit(pipeline.TableLocalOutput)
	out.add(fromNothing, pipeline.TablePhyToLog, 105)
}

// rampFlows take packets that a VTEP gateway sends, whose VNI is the datapath
// alone, into the ingress pipeline by this port.
func (b *portBuild) rampFlows() {
	if b.pb.Chassis.IsZero() {
		return
	}
	for _, t := range b.v.Tunnels(b.pb.Chassis) {
		if t.Type != VXLAN {
			continue
		}
		m := b.out.match()
		m.SetU(openflow.FieldInPort, uint64(t.OFPort))
		m.SetU(openflow.FieldTunID, uint64(b.dp.Key))
		a := b.out.actions()
		move(a, openflow.FieldTunID, 0, pipeline.RegDatapath, 0, tunIDBits)
		loadBits(a, pipeline.RegInport, 0, pipeline.GeneveInportBits, uint64(b.key))
		setFlag(a, pipeline.FlagRcvFromRampBit)
		a.Resubmit(pipeline.TableIngress)
		b.out.add(b.origin, pipeline.TablePhyToLog, 110)
	}
}
