package pinctrl

import (
	"sync/atomic"

	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// opcodes is how many there are to count.
const opcodes = int(pipeline.OpDHCPRelayRespChk) + 1

type counters struct {
	in, dropped                [opcodes]atomic.Uint64
	unknown, malformed         atomic.Uint64
	refused, panics            atomic.Uint64
	buffered, bufferDropped    atomic.Uint64
	learned, learnDropped      atomic.Uint64
	requests, requestsWithheld atomic.Uint64
	announced, bridged         atomic.Uint64
	solicited, advertised      atomic.Uint64
	queries                    atomic.Uint64
	replies                    replyCounters
}

func (c *counters) received(op pipeline.Opcode) {
	if int(op) < opcodes {
		c.in[op].Add(1)
	} else {
		c.unknown.Add(1)
	}
}

func (c *counters) drop(op pipeline.Opcode) {
	if int(op) < opcodes {
		c.dropped[op].Add(1)
	}
}

// Stats counts since New.
type Stats struct {
	// Received and Dropped count packet-ins by the logical action that sent them.
	Received, Dropped map[string]uint64
	Unknown           uint64 // opcodes that no action has
	Malformed         uint64 // messages that could not be decoded
	Refused           uint64 // errors of the switch
	Panics            uint64 // contained in a handler
	Buffered          uint64 // packets that waited for an address
	BufferDropped     uint64 // of these, dropped for lack of room or an answer
	Learned           uint64 // addresses learned
	LearnDropped      uint64 // for lack of room
	Requests          uint64 // ARP requests and neighbour solicitations sent
	RequestsWithheld  uint64 // because one was sent less than a second before
	Announced         uint64 // gratuitous ARP and RARP packets sent
	Solicited         uint64 // ARP requests and neighbour solicitations for next hops
	Advertised        uint64 // periodic router advertisements
	Queries           uint64 // IGMP and MLD queries
	Bridged           uint64 // Ethernet addresses learned for switches
}

// Stats returns the counters. It may be called from any goroutine.
func (l *Loop) Stats() Stats {
	c := &l.stats
	s := Stats{
		Received: map[string]uint64{}, Dropped: map[string]uint64{},
		Unknown: c.unknown.Load(), Malformed: c.malformed.Load(), Refused: c.refused.Load(), Panics: c.panics.Load(),
		Buffered: c.buffered.Load(), BufferDropped: c.bufferDropped.Load(),
		Learned: c.learned.Load(), LearnDropped: c.learnDropped.Load(),
		Requests: c.requests.Load(), RequestsWithheld: c.requestsWithheld.Load(),
		Announced: c.announced.Load(), Bridged: c.bridged.Load(),
		Solicited: c.solicited.Load(), Advertised: c.advertised.Load(), Queries: c.queries.Load(),
	}
	for op, name := range actionNames {
		s.Received[name] = c.in[op].Load()
		s.Dropped[name] = c.dropped[op].Load()
	}
	return s
}
