package physical

import (
	"fmt"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// A network function is a pair of ports, linked by options:nf-linked-port,
// between which a box inspects packets that logical flows send there. When the
// box is on another chassis than the packet's source, its other port must send
// the packet back by the tunnel that it came by: the logical destination knows
// nothing of the detour. The tunnel's port number travels in RegTunPort, and is
// kept in ct_label in the zone of the port that received the packet.

// ctTunPort is ct_label's part that holds the tunnel's port.
var ctTunPort = openflow.Bits(openflow.FieldCtLabel, pipeline.CtTunIfIDOfs, pipeline.CtTunIfIDBits)

// networkFunctionRegs makes the loop check of a datapath with network functions
// keep the tunnel's port for the egress pipeline.
func networkFunctionRegs(out *Flows, dp Datapath) {
	out.matchDatapath(dp.Key)
	a := out.actions()
	for i := range pipeline.LogicalRegs {
		if r := openflow.FieldReg0 + openflow.Field(i); r != pipeline.RegTunPort {
			load(a, r, 0)
		}
	}
	loadBits(a, pipeline.RegTunPort, 0, pipeline.TunPortOfs, 0)
	a.Resubmit(pipeline.TableEgress)
	out.add(fromRow(dp.UUID), pipeline.TableCheckLoopback, 1)
}

// networkFunctionReturn sends what comes out of either port of the pair back by
// tunnel.
func (b *portBuild) networkFunctionReturn() {
	linked, err := b.linkedPort()
	if err != nil {
		b.out.problem(err)
		return
	}
	zone, linkedZone := b.v.Zone(b.pb.LogicalPort), b.v.Zone(linked.Name())
	if zone == 0 || linkedZone == 0 || !canCarry(b.v, Geneve) {
		return
	}
	b.returnByTunnel(b.port, linkedZone)
	b.returnByTunnel(linked, zone)
}

func (b *portBuild) linkedPort() (Port, error) {
	name := b.pb.Options.Get("nf-linked-port")
	linked, ok := b.v.Port(name)
	switch {
	case !ok:
		return Port{}, fmt.Errorf("Port_Binding %s (%s): no Port_Binding of its nf-linked-port %q", b.pb.UUID, b.pb.LogicalPort, name)
	case linked.row.Type != b.pb.Type:
		return Port{}, fmt.Errorf("Port_Binding %s (%s): its nf-linked-port %q is of another type", b.pb.UUID, b.pb.LogicalPort, name)
	case linked.Option("nf-linked-port") != b.pb.LogicalPort:
		return Port{}, fmt.Errorf("Port_Binding %s (%s): its nf-linked-port %q is not linked to it", b.pb.UUID, b.pb.LogicalPort, name)
	}
	return linked, nil
}

// returnByTunnel is for packets that come out of port p; received is the zone of
// the port by which they went in.
func (b *portBuild) returnByTunnel(p Port, received uint16) {
	o := fromRow(p.UUID())
	dp, ok := b.v.Datapath(p.Datapath())
	if !ok {
		return
	}
	matchIn := func(recirculated uint32) *openflow.MatchBuilder {
		m := b.out.matchInport(dp.Key, p.Key())
		matchFlags(m, recirculated, pipeline.FlagRecirc)
		return m
	}

	// First look the connection up where it was committed.
	m := matchIn(0)
	m.SetU(openflow.FieldEthType, ethTypeIPv4)
	a := b.out.actions()
	setFlag(a, pipeline.FlagRecircBit)
	loadBits(a, pipeline.RegCtZone, pipeline.CtZoneOfs, pipeline.CtZoneBits, uint64(received))
	a.Ct(openflow.CtSpec{
		ZoneSrc:  openflow.Bits(pipeline.RegCtZone, pipeline.CtZoneOfs, pipeline.CtZoneBits),
		Table:    pipeline.TableLocalOutput,
		HasTable: true,
	})
	b.out.add(o, pipeline.TableLocalOutput, 110)

	for _, t := range b.v.AllTunnels() {
		back := func(priority uint16) {
			option, _ := b.v.GeneveField()
			a := b.out.actions()
			loadBits(a, openflow.FieldTunID, 0, tunIDBits, uint64(dp.Key))
			move(a, pipeline.RegOutport, 0, option, 0, geneveOptionBits)
			loadBits(a, option, pipeline.GeneveInportOfs, pipeline.GeneveInportBits, uint64(p.Key()))
			a.Output(t.OFPort)
			b.out.add(o, pipeline.TableLocalOutput, priority)
		}
		// It may answer by the port that received, say with a reset. The connection
		// is not known in the other's zone then, and the register has it.
		m := matchIn(pipeline.FlagRecirc)
		m.SetMasked(openflow.FieldCtState, u128(openflow.CsInv), u128(openflow.CsInv))
		m.SetSub(openflow.Bits(pipeline.RegTunPort, pipeline.TunPortOfs, pipeline.TunPortBits), uint64(t.OFPort))
		back(110)

		matchIn(pipeline.FlagRecirc).SetSub(ctTunPort, uint64(t.OFPort))
		back(109)
	}
}
