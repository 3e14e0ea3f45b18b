package physical

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// localFlows are those of every port that packets can leave by on this chassis:
// output, loop check, hairpin. Parent is the port behind which a container's port
// is, or the zero Port.
func (b *portBuild) localFlows(z zones, parent Port) {
	out, dp, key := b.out, b.dp.Key, b.key

	out.matchOutport(dp, key)
	a := out.actions()
	z.load(a)
	a.Resubmit(pipeline.TableCheckLoopback)
	out.add(b.origin, pipeline.TableLocalOutput, 100)

	// Not back to where it came from, unless that is what is wanted.
	m := out.matchInport(dp, key)
	m.SetU(pipeline.RegOutport, uint64(key))
	matchFlags(m, 0, pipeline.FlagAllowLoopback)
	out.drop(b.v, pipeline.TableCheckLoopback)
	out.add(b.origin, pipeline.TableCheckLoopback, 100)

	if b.isNF {
		networkFunctionRegs(out, b.dp)
	}

	// The switch does not send a packet out of its in_port: take that away while
	// the packet hairpins. (0 would do as well, but not if it recirculates.)
	nested := parent.row != nil
	m = out.matchOutport(dp, key)
	if !nested {
		matchFlags(m, pipeline.FlagAllowLoopback, pipeline.FlagAllowLoopback)
	}
	a = out.actions()
	withoutInPort(a, func() { a.Resubmit(pipeline.TableLogToPhy) })
	out.add(b.origin, pipeline.TableSaveInport, 100)
	if nested {
		// From a container to the port that it shares.
		m = out.matchOutport(dp, parent.Key())
		matchFlags(m, pipeline.FlagNestedContainer, pipeline.FlagNestedContainer)
		out.add(origin{cookie: uint64(parent.UUID().First32()), owner: b.pb.UUID}, pipeline.TableSaveInport, 100)
	}
}

// withoutInPort adds actions that see no in_port.
func withoutInPort(a *openflow.ActionBuilder, actions func()) {
	a.Push(openflow.Whole(openflow.FieldInPort))
	forgetInPort(a)
	actions()
	a.Pop(openflow.Whole(openflow.FieldInPort))
}

// enterIngress loads where a packet is as it enters the ingress pipeline by port
// p: zones, datapath, in-port.
func enterIngress(a *openflow.ActionBuilder, dp, key uint32, z zones) {
	z.load(a)
	load(a, pipeline.RegDatapath, uint64(dp))
	load(a, pipeline.RegInport, uint64(key))
}

// loadEncapID loads the number of the encapsulation address that a port's packets
// are to be sent from.
func loadEncapID(a *openflow.ActionBuilder, id int) {
	loadBits(a, pipeline.RegEncapID, pipeline.EncapIDOfs, pipeline.EncapIDBits, uint64(id))
}
