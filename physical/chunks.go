package physical

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// maxChunk is the most bytes of actions that one flow gets: a flow-mod has to fit
// 64 KiB together with its match and, in a bundle, another header. There is room
// left for one more step, whose longest kind takes 200 bytes or so.
const maxChunk = 0xffff - 1024

// chunkOfs is where RegOutport numbers the flows of a group whose actions do not
// fit one: above the key, where all packets but those on their way through such a
// chain have 0.
const chunkOfs = 16

// actionChunks collects the actions of a multicast group, in steps, and splits
// them between steps into flows that hand the packet on to one another: all have
// the same table, and all but the first match their number in RegOutport.
type actionChunks struct {
	table uint8
	key   uint32
	a     openflow.ActionBuilder
	done  []openflow.Actions
}

func newActionChunks(table uint8, key uint32) *actionChunks {
	return &actionChunks{table: table, key: key}
}

func (c *actionChunks) empty() bool { return c.a.Len() == 0 }

// step adds actions that belong together.
func (c *actionChunks) step(add func(*openflow.ActionBuilder)) {
	if c.a.Len() > maxChunk {
		load(&c.a, pipeline.RegOutport, uint64(c.outport(len(c.done)+1)))
		c.a.Resubmit(c.table)
		c.done = append(c.done, c.a.Actions())
		c.a.Reset()
	}
	add(&c.a)
}

// last adds the last step.
func (c *actionChunks) last(add func(*openflow.ActionBuilder)) {
	c.step(add)
	c.done = append(c.done, c.a.Actions())
}

// outport is what RegOutport holds in flow i of the chain.
func (c *actionChunks) outport(i int) uint32 { return uint32(i)<<chunkOfs | c.key }

// emit makes the flows of c.
func (b *groupBuild) emit(c *actionChunks, priority uint16, narrow func(*openflow.MatchBuilder)) {
	for i, actions := range c.done {
		narrow(b.out.matchOutport(b.dp.Key, c.outport(i)))
		b.out.addActions(fromRow(b.group.UUID), c.table, priority, actions)
	}
}
