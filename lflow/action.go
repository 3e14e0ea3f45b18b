package lflow

import (
	"encoding/hex"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// action is one parsed logical action, ovn-sb(5) "Logical_Flow", column actions.
// Actions are immutable once parsed and encode the same way each time.
type action interface {
	// encode appends the OpenFlow actions that do what the action says.
	encode(c *encodeCtx, b *openflow.ActionBuilder)
	// needs is what encode reads besides the text and stage of the logical flow.
	needs() need
}

// need is a set of things that make an encoding differ between placements of one
// logical flow's text.
type need uint8

const (
	needPorts    need = 1 << iota // keys or places of named ports
	needDatapath                  // the datapath's key, type or zones
	needOwner                     // the UUID of the logical flow
)

// actionList is a parsed sequence of actions.
type actionList struct {
	actions []action
	need    need
	// noMeters leaves meters out of controller actions: the switch has none.
	noMeters bool
}

func (l *actionList) add(a action) {
	l.actions = append(l.actions, a)
	l.need |= a.needs()
}

// portsOrDatapathDependent tells whether the encoding may differ between
// datapaths, logical flows of the same text and states of the ports. If not, the
// same bytes serve every placement.
func (l *actionList) portsOrDatapathDependent() bool { return l.need != 0 }

// encode appends the OpenFlow actions of l.
func (l *actionList) encode(c *encodeCtx, b *openflow.ActionBuilder) error {
	c.err, c.noMeters = nil, l.noMeters
	c.run(l, b)
	return c.err
}

// encodeCtx is where a list of actions is being placed.
type encodeCtx struct {
	View     View
	Datapath Datapath
	Owner    [16]byte // UUID of the logical flow
	Meter    string   // meter of the flow's controller actions, "" for none

	noMeters bool  // the switch has none
	err      error // first thing that could not be encoded
	scratch  []*openflow.ActionBuilder
	nesting  int
}

func (c *encodeCtx) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// cookie identifies the logical flow to ovn-detrace: the first 32 bits of its
// UUID.
func (c *encodeCtx) cookie() uint32 {
	o := &c.Owner
	return uint32(o[0])<<24 | uint32(o[1])<<16 | uint32(o[2])<<8 | uint32(o[3])
}

// appendUUID writes the logical flow's UUID as text.
func (c *encodeCtx) appendUUID(dst []byte) []byte {
	for i, end := range [...]int{4, 6, 8, 10, 16} {
		start := 0
		if i > 0 {
			dst = append(dst, '-')
			start = 2 + 2*i
		}
		dst = hex.AppendEncode(dst, c.Owner[start:end])
	}
	return dst
}

// port is the key of a port or multicast group of the datapath.
func (c *encodeCtx) port(name string) (uint32, bool) {
	if name == "none" {
		return 0, true
	}
	return c.View.Port(c.Datapath.Key, name)
}

// ctZone is where the datapath keeps the zone that connections belong to: on a
// switch that of the logical port, on a router that of DNAT.
func (c *encodeCtx) ctZone() openflow.Subfield {
	if c.Datapath.Switch {
		return portZone
	}
	return dnatZone
}

// natZone is like ctZone where the action names DNAT or SNAT.
func (c *encodeCtx) natZone(snat bool) openflow.Subfield {
	switch {
	case c.Datapath.Switch:
		return portZone
	case snat:
		return snatZone
	}
	return dnatZone
}

var (
	portZone = openflow.Bits(pipeline.RegCtZone, pipeline.CtZoneOfs, pipeline.CtZoneBits)
	dnatZone = openflow.Bits(pipeline.RegDNATZone, pipeline.CtZoneOfs, pipeline.CtZoneBits)
	snatZone = openflow.Bits(pipeline.RegSNATZone, pipeline.CtZoneOfs, pipeline.CtZoneBits)
)

// flagBit is one bit of the logical flags.
func flagBit(n int) openflow.Subfield { return openflow.Bits(pipeline.RegFlags, n, 1) }

// nested returns an empty builder for actions inside of others. Pass it to
// release when done.
func (c *encodeCtx) nested() *openflow.ActionBuilder {
	if c.nesting == len(c.scratch) {
		c.scratch = append(c.scratch, new(openflow.ActionBuilder))
	}
	b := c.scratch[c.nesting]
	c.nesting++
	b.Reset()
	return b
}

func (c *encodeCtx) release() { c.nesting-- }

// stageTable is the OpenFlow table of a logical one.
func stageTable(ingress bool, table int) uint8 {
	if ingress {
		return uint8(pipeline.TableIngress + table)
	}
	return uint8(pipeline.TableEgress + table)
}
