package pinctrl

import (
	"slices"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Bounds of what waits for an address.
const (
	maxNeighbors    = 1000 // next hops that packets wait for
	packetsEach     = 4    // packets for each; the oldest gives way
	bufferTimeout   = 10 * time.Second
	bufferCheck     = 20 * time.Millisecond
	requestInterval = time.Second // between two requests for one next hop
)

// buffer holds packets whose next hop is being asked for.
//
// Invariants:
//  1. It has at most maxNeighbors entries, each with at most packetsEach packets.
//  2. An entry is dropped bufferTimeout after the last packet for it.
type buffer struct {
	waiting map[Neighbor]*waiting
}

type waiting struct {
	packets []*openflow.Resume
	asked   time.Time // when the last request was sent
	expires time.Time
}

func newBuffer() buffer { return buffer{map[Neighbor]*waiting{}} }

// hold keeps a packet until n is known and tells whether to ask for it now.
func (l *Loop) hold(n Neighbor, in *openflow.PacketIn) (ask bool) {
	if mac, ok := l.lookup(n); ok {
		// It was learned while the packet was on its way here.
		l.resume(in.Resume(), mac)
		return false
	}
	now := l.cfg.Now()
	w := l.buffer.waiting[n]
	if w == nil {
		if len(l.buffer.waiting) >= maxNeighbors {
			l.stats.bufferDropped.Add(1)
			l.stats.requestsWithheld.Add(1)
			l.stats.drop(opcode(in), dropFull)
			return false
		}
		w = &waiting{}
		l.buffer.waiting[n] = w
	}
	if in.Continuation != nil {
		if len(w.packets) == packetsEach {
			w.packets = slices.Delete(w.packets, 0, 1)
			l.stats.bufferDropped.Add(1)
		}
		w.packets = append(w.packets, in.Resume().Clone())
		l.stats.buffered.Add(1)
	}
	w.expires = now.Add(bufferTimeout)
	if !w.asked.IsZero() && now.Sub(w.asked) < requestInterval {
		l.stats.requestsWithheld.Add(1)
		return false
	}
	w.asked = now
	l.stats.requests.Add(1)
	return true
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
