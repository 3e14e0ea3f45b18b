package pinctrl

import (
	"slices"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Bounds of what waits for an address.
const (
	maxNeighbors  = 1000 // next hops that packets wait for; the first that came gives way
	packetsEach   = 4    // packets for each; the oldest gives way
	bufferTimeout = 10 * time.Second
	bufferCheck   = 20 * time.Millisecond
)

// buffer holds packets whose next hop is being asked for.
//
// Invariants:
//  1. It has at most maxNeighbors entries, each with at most packetsEach packets.
//  2. An entry is dropped bufferTimeout after the last packet for it.
//  3. order holds the entries, the first that came first, and others that have gone.
type buffer struct {
	waiting   map[Neighbor]*waiting
	order     []*waiting
	questions questions
}

type waiting struct {
	neighbor Neighbor
	packets  []*openflow.Resume
	expires  time.Time
}

func newBuffer() buffer { return buffer{waiting: map[Neighbor]*waiting{}, questions: newQuestions()} }

// hold keeps a packet until n is known and tells whether to ask for it now.
func (l *Loop) hold(n Neighbor, in *openflow.PacketIn) (ask bool) {
	n = l.canonical(n)
	if mac, ok := l.lookup(n); ok {
		// It was learned while the packet was on its way here.
		l.resume(in.Resume(), mac)
		return false
	}
	now := l.cfg.Now()
	if len(in.Continuation) > 0 {
		w := l.buffer.entry(l, n)
		if len(w.packets) == packetsEach {
			w.packets = slices.Delete(w.packets, 0, 1)
			l.stats.bufferDropped.Add(1)
		}
		w.packets = append(w.packets, in.Resume().Clone())
		w.expires = now.Add(bufferTimeout)
		l.stats.buffered.Add(1)
	}
	q := &l.buffer.questions
	if q.recent(n, now, requestInterval) {
		l.stats.requestsWithheld.Add(1)
		return false
	}
	if !q.note(n, now) {
		l.stats.requestsWithheld.Add(1)
		l.stats.drop(opcode(in), dropFull)
		return false
	}
	l.stats.requests.Add(1)
	return true
}

// entry is the entry of n. If there is no room the one that has waited longest
// gives way: a scan of addresses that nobody has must not keep others from being
// resolved.
func (b *buffer) entry(l *Loop, n Neighbor) *waiting {
	if w := b.waiting[n]; w != nil {
		return w
	}
	for len(b.waiting) >= maxNeighbors {
		first := b.order[0]
		b.order = b.order[1:]
		if b.waiting[first.neighbor] == first {
			l.stats.bufferDropped.Add(uint64(len(first.packets)))
			delete(b.waiting, first.neighbor)
		}
	}
	if len(b.order) >= 2*maxNeighbors {
		b.order = slices.DeleteFunc(b.order, func(w *waiting) bool { return b.waiting[w.neighbor] != w })
	}
	w := &waiting{neighbor: n}
	b.waiting[n] = w
	b.order = append(b.order, w)
	return w
}

// release lets go on what waited for an address that is known now, and drops what
// has waited for too long.
func (l *Loop) release() {
	if len(l.buffer.waiting) == 0 {
		return
	}
	now := l.cfg.Now()
	for n, w := range l.buffer.waiting {
		if mac, ok := l.lookup(n); ok {
			for _, p := range w.packets {
				l.resume(p, mac)
			}
			delete(l.buffer.waiting, n)
		} else if now.After(w.expires) {
			l.stats.bufferDropped.Add(uint64(len(w.packets)))
			delete(l.buffer.waiting, n)
		}
	}
}

// resume lets a packet continue to the neighbour with that MAC.
func (l *Loop) resume(p *openflow.Resume, mac MAC) {
	if len(p.Packet) < ethLen || len(p.Continuation) == 0 {
		return
	}
	copy(p.Packet[0:6], mac[:])
	if _, err := l.conn.Send(p); err != nil {
		l.log.Debug("resuming a packet", "err", err)
	}
}

// releaseTo lets go on what waited for an address that was learned here. The
// database, which has it later, would tell the same.
func (l *Loop) releaseTo(n Neighbor, mac MAC) {
	w := l.buffer.waiting[n]
	if w == nil {
		return
	}
	for _, p := range w.packets {
		l.resume(p, mac)
	}
	delete(l.buffer.waiting, n)
}
