package pinctrl

import (
	"sync/atomic"
	"time"

	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// opcodes is how many there are to count.
const opcodes = int(pipeline.OpRouterQuery) + 1

type counters struct {
	in                         [opcodes]atomic.Uint64
	drops                      dropCounters
	overflowed, abandoned      atomic.Uint64
	waits                      [len(WaitBounds) + 1]atomic.Uint64
	waitedFor                  atomic.Uint64 // ns
	unknown, malformed         atomic.Uint64
	refused, panics            atomic.Uint64
	buffered, bufferDropped    atomic.Uint64
	learned, learnDropped      atomic.Uint64
	requests, requestsWithheld atomic.Uint64
	probed, questionsHeard     atomic.Uint64
	untracked                  atomic.Uint64
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

// WaitBounds are the upper bounds of the counts of Stats.Waits but the last.
var WaitBounds = [...]time.Duration{100 * time.Microsecond, time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond,
	20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, time.Second}

// waited counts how long a message was in the queue.
func (c *counters) waited(d time.Duration) {
	i := 0
	for i < len(WaitBounds) && d > WaitBounds[i] {
		i++
	}
	c.waits[i].Add(1)
	c.waitedFor.Add(uint64(max(d, 0)))
}

// Stats counts since New.
type Stats struct {
	// Received and Dropped count packet-ins by the logical action that sent them.
	// Dropped are those that a handler, or the lack of one, gave up: see Drops for
	// the reasons, and for others.
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
	Probed            uint64 // of neighbours about to expire
	QuestionsHeard    uint64 // of routers on other chassis
	Untracked         uint64 // answers that nobody asked for, not learned
	Announced         uint64 // gratuitous ARP and RARP packets sent
	Solicited         uint64 // ARP requests and neighbour solicitations for next hops
	Advertised        uint64 // periodic router advertisements
	Queries           uint64 // IGMP and MLD queries
	Bridged           uint64 // Ethernet addresses learned for switches
	Overflowed        uint64 // messages that found no room in the queue
	Abandoned         uint64 // messages that waited when the connection ended
	// Waits count messages by the time they were in the queue, up to each of
	// WaitBounds and longer. Waited is the sum of that time.
	Waits  [len(WaitBounds) + 1]uint64
	Waited time.Duration
	// QueuedBytes and QueuedPorts are what waits now.
	QueuedBytes, QueuedPorts int
	Connected                bool
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
		Probed: c.probed.Load(), QuestionsHeard: c.questionsHeard.Load(), Untracked: c.untracked.Load(),
		Announced: c.announced.Load(), Bridged: c.bridged.Load(),
		Solicited: c.solicited.Load(), Advertised: c.advertised.Load(), Queries: c.queries.Load(),
	}
	s.Overflowed, s.Abandoned = c.overflowed.Load(), c.abandoned.Load()
	for i := range c.waits {
		s.Waits[i] = c.waits[i].Load()
	}
	s.Waited = time.Duration(c.waitedFor.Load())
	s.QueuedBytes, s.QueuedPorts = l.queue.waiting()
	s.Connected = l.connected.Load()
	for op, name := range actionNames {
		s.Received[name] = c.in[op].Load()
		for _, why := range []dropReason{dropShort, dropInvalid, dropPanic, dropUnsent, dropUnhandled} {
			s.Dropped[name] += c.drops[op][why].Load()
		}
	}
	return s
}
