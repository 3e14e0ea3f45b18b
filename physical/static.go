package physical

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// BuildStatic builds the flows that exist once and whatever the southbound database
// holds: what each table does with packets that nothing else matches, and the
// tables that serve logical actions with no row behind them.
func BuildStatic(v View, out *Flows) {
	for _, table := range []uint8{pipeline.TablePhyToLog, pipeline.TableLocalOutput, pipeline.TableLogToPhy} {
		out.match()
		out.drop(v, table)
		out.add(fromNothing, table, 0)
	}
	for _, next := range []struct{ from, to uint8 }{
		{pipeline.TableOutputLargePktDetect, pipeline.TableRemoteOutput},
		{pipeline.TableOutputLargePktProcess, pipeline.TableRemoteOutput},
		{pipeline.TableRemoteOutput, pipeline.TableRemoteVtepOutput},
		{pipeline.TableRemoteVtepOutput, pipeline.TableLocalOutput},
		{pipeline.TableSaveInport, pipeline.TableLogToPhy},
		{pipeline.TableCtZoneLookup, pipeline.TableIngress},
	} {
		out.match()
		out.actions().Resubmit(next.to)
		out.add(fromNothing, next.from, 0)
	}
	staticLocalOnly(out)
	staticLoads(out)

	out.match()
	a := out.actions()
	clearLogicalRegs(a)
	a.Resubmit(pipeline.TableEgress)
	out.add(fromNothing, pipeline.TableCheckLoopback, 0)

	// Nothing learned: no port.
	out.match()
	load(out.actions(), pipeline.RegOutport, 0)
	out.add(fromNothing, pipeline.TableGetFDB, 0)
	out.match()
	load(out.actions(), pipeline.RegRemoteOutport, 0)
	out.add(fromNothing, pipeline.TableGetRemoteFDB, 0)
}

// staticLocalOnly keeps packets from other chassis that must not go there.
func staticLocalOnly(out *Flows) {
	local := func(table uint8, priority uint16, flags, mask uint32) {
		matchFlags(out.match(), flags, mask)
		out.actions().Resubmit(pipeline.TableLocalOutput)
		out.add(fromNothing, table, priority)
	}
	// The ICMP error that answers a packet too large goes back where it came from.
	local(pipeline.TableOutputLargePktProcess, 10, pipeline.FlagAllowLoopback, pipeline.FlagAllowLoopback)
	// A VTEP gateway has sent its packet to all chassis itself.
	local(pipeline.TableRemoteOutput, 150, pipeline.FlagRcvFromRamp, pipeline.FlagRcvFromRamp|pipeline.FlagAllowLoopback)
	local(pipeline.TableRemoteOutput, 150, pipeline.FlagLocalOnly, pipeline.FlagLocalOnly)
}

// staticLoads serves ct_nw_dst(), ct_ip6_dst(), ct_tp_dst(), ct_proto() and
// ct_state_save().
func staticLoads(out *Flows) {
	type direction struct {
		state uint64
		// copies is how often the value is loaded. Once would do; the C agent
		// repeats it for new connections, and equal flows survive a change of agent.
		copies int
	}
	established := direction{openflow.CsTrk | openflow.CsEst, 1}
	fresh := direction{openflow.CsTrk | openflow.CsNew, 2}
	for _, l := range []struct {
		table   uint8
		field   openflow.Field
		bits    int
		ethType uint64
	}{
		{pipeline.TableCtOrigNwDstLoad, openflow.FieldCtNwDst, 32, ethTypeIPv4},
		{pipeline.TableCtOrigIP6DstLoad, openflow.FieldCtIPv6Dst, 128, ethTypeIPv6},
		{pipeline.TableCtOrigTpDstLoad, openflow.FieldCtTpDst, 16, 0},
		{pipeline.TableCtOrigProtoLoad, openflow.FieldCtNwProto, 8, 0},
	} {
		for _, d := range []direction{established, fresh} {
			m := out.match()
			m.SetMasked(openflow.FieldCtState, u128(d.state), u128(d.state))
			if l.ethType != 0 {
				m.SetU(openflow.FieldEthType, l.ethType)
			}
			a := out.actions()
			for range d.copies {
				move(a, l.field, 0, pipeline.RegResult, 0, l.bits)
			}
			out.add(fromNothing, l.table, 100)
		}
	}

	out.match()
	move(out.actions(), openflow.FieldCtState, 0, pipeline.RegCtSavedState, 0, 8)
	out.add(fromNothing, pipeline.TableCtStateSave, 65534)
	m := out.match()
	m.SetMasked(openflow.FieldCtState, u128(0), u128(openflow.CsTrk))
	loadBits(out.actions(), pipeline.RegCtSavedState, 0, 8, 0)
	out.add(fromNothing, pipeline.TableCtStateSave, 65535)
}
