package pinctrl

import (
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// Bounds of what waits for its handler. Messages up to slotSize take slotSize.
const (
	slotSize = 2 << 10
	// queueBytes is for all ports together: 4,096 packets of ordinary size. Each
	// port has a turn in a round, so that is also how many turns of others a packet
	// can wait for: at 5 µs for each, 20 ms.
	queueBytes = 8 << 20
	// portBytes is for one port: 512 packets of ordinary size.
	portBytes = 1 << 20
	// freeSlots is how many slots are kept for messages to come.
	freeSlots = 512
)

// origin is what shares a queue: packets that came in by one port of the switch and
// are at one logical port. Guests behind one router port are told apart by the
// first, ports behind one tunnel by the second. What is no packet-in has the zero
// origin.
type origin struct {
	PortKey
	in uint32
}

// queue is where packets wait, fair among origins and bounded in all.
//
// Invariants:
//  1. bytes is the sum over all ports and at most queueBytes.
//  2. A port holds at most portBytes, and when it came beyond one message, at most
//     half of what was free: however many ports are in a hurry, there is room for
//     one more.
//  3. Every port in the map waits for its turn, once.
//  4. Messages of one origin leave in the order they came.
type queue struct {
	mu    sync.Mutex // guards what follows
	ports map[origin]*portQueue
	// The port whose turn is next, and the one whose turn is last.
	first, last *portQueue
	bytes       int
	// To be used again.
	free      *slot
	nFree     int
	freePorts *portQueue

	// ready has a token if there may be something in the queue.
	ready chan struct{}
}

type portQueue struct {
	origin     origin
	head, tail *slot
	bytes      int
	next       *portQueue
}

// slot is a message that waits.
type slot struct {
	frame []byte
	came  time.Time
	next  *slot
}

func (s *slot) cost() int { return max(slotSize, cap(s.frame)) }

func newQueue() *queue {
	return &queue{ports: map[origin]*portQueue{}, ready: make(chan struct{}, 1)}
}

// originOf tells whose a message is and which action sent it; ok is false if it is
// no packet-in.
func originOf(frame []byte) (o origin, op pipeline.Opcode, ok bool) {
	md, u, ok := openflow.PeekPacketIn(frame)
	if !ok {
		return origin{}, 0, false
	}
	o.Datapath = uint32(register(md, pipeline.RegDatapath).Lo)
	o.Port = uint32(register(md, pipeline.RegInport).Lo)
	o.in = uint32(register(md, openflow.FieldInPortOXM).Lo)
	if len(u) >= opcodeLen {
		op = pipeline.Opcode(uint32(u[0])<<24 | uint32(u[1])<<16 | uint32(u[2])<<8 | uint32(u[3]))
	}
	return o, op, true
}

// put copies a message into the queue of its origin; false if there is no room.
func (q *queue) put(o origin, frame []byte, now time.Time) bool {
	need := max(slotSize, len(frame))
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.ports[o]
	if q.bytes+need > queueBytes || p != nil && p.bytes+need > min(portBytes, (queueBytes-q.bytes)/2) {
		return false
	}
	if p == nil {
		p = q.newPort(o)
	}
	s := q.newSlot(need)
	s.frame, s.came = append(s.frame[:0], frame...), now
	if p.tail == nil {
		p.head = s
	} else {
		p.tail.next = s
	}
	p.tail = s
	p.bytes += s.cost()
	q.bytes += s.cost()
	return true
}

// take moves up to n messages to out, one of each port in turn.
func (q *queue) take(out []*slot, n int) []*slot {
	q.mu.Lock()
	defer q.mu.Unlock()
	for ; n > 0 && q.first != nil; n-- {
		p := q.first
		s := p.head
		p.head, s.next = s.next, nil
		p.bytes -= s.cost()
		q.bytes -= s.cost()
		out = append(out, s)
		q.first = p.next
		p.next = nil
		if q.first == nil {
			q.last = nil
		}
		if p.head != nil {
			q.append(p)
			continue
		}
		p.tail = nil
		delete(q.ports, p.origin)
		p.next, q.freePorts = q.freePorts, p
	}
	return out
}

// recycle gives back what take gave; nothing may refer to the messages any more.
// It reports whether others wait.
func (q *queue) recycle(done []*slot) (more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range done {
		if q.nFree < freeSlots && cap(s.frame) == slotSize {
			s.next, q.free = q.free, s
			q.nFree++
		}
	}
	return q.first != nil
}

// clear throws away what waits and returns how much that was.
func (q *queue) clear() (n int) {
	for {
		s := q.take(nil, 1024)
		if len(s) == 0 {
			return n
		}
		q.recycle(s)
		n += len(s)
	}
}

// waiting is how many bytes and ports wait.
func (q *queue) waiting() (bytes, ports int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes, len(q.ports)
}

func (q *queue) newPort(o origin) *portQueue {
	p := q.freePorts
	if p == nil {
		p = &portQueue{}
	} else {
		q.freePorts = p.next
	}
	*p = portQueue{origin: o}
	q.ports[o] = p
	q.append(p)
	return p
}

// append has a port wait for its turn.
func (q *queue) append(p *portQueue) {
	if q.last == nil {
		q.first = p
	} else {
		q.last.next = p
	}
	q.last = p
}

func (q *queue) newSlot(size int) *slot {
	if size > slotSize {
		return &slot{frame: make([]byte, 0, size)}
	}
	s := q.free
	if s == nil {
		return &slot{frame: make([]byte, 0, slotSize)}
	}
	q.free, s.next = s.next, nil
	q.nFree--
	return s
}
