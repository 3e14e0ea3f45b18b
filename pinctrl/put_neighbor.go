package pinctrl

import (
	"math/rand/v2"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// What is learned from a multicast packet is learned by every chassis at once;
// each waits a random time, so that all but the first find it in the database.
const maxLearnDelay = 50 * time.Millisecond

// maxDelayed bounds how many learned addresses wait.
const maxDelayed = 1000

// handlePutARP is put_arp(P, A, E) and handlePutND put_nd: the sender of the
// packet has the address that the register holds.
func (l *Loop) handlePutARP(in *openflow.PacketIn, _ []byte) error {
	return l.put(in, Neighbor{IP: ipv4(register(in.Metadata, openflow.FieldReg0))})
}

func (l *Loop) handlePutND(in *openflow.PacketIn, _ []byte) error {
	return l.put(in, Neighbor{IP: ipv6(register(in.Metadata, openflow.FieldXXReg0))})
}

func (l *Loop) put(in *openflow.PacketIn, n Neighbor) error {
	p, err := parse(in.Packet)
	if err != nil {
		return err
	}
	n.Datapath = uint32(register(in.Metadata, pipeline.RegDatapath).Lo)
	n.Port = uint32(register(in.Metadata, pipeline.RegInport).Lo)
	q := &l.buffer.questions
	if q.tracking.Load() && p.answers() && !q.recent(l.canonical(n), l.cfg.Now(), answerWindow) {
		l.stats.untracked.Add(1)
		return nil
	}
	if !p.dst.multicast() {
		// Only one chassis sees it.
		l.learn(n, p.src)
		return nil
	}
	if len(l.delayed.at) >= maxDelayed {
		l.stats.learnDropped.Add(1)
		l.stats.drop(opcode(in), dropFull)
		return nil
	}
	due := l.cfg.Now().Add(rand.N(maxLearnDelay) + time.Millisecond)
	if old, ok := l.delayed.at[n]; ok {
		due = old.due
	}
	l.delayed.at[n] = delayed{p.src, due}
	return nil
}

// delayedLearning is what waits to be learned.
type delayedLearning struct{ at map[Neighbor]delayed }

type delayed struct {
	mac MAC
	due time.Time
}

func newDelayedLearning() delayedLearning { return delayedLearning{map[Neighbor]delayed{}} }

// learnDue learns what has waited long enough.
func (l *Loop) learnDue() {
	now := l.cfg.Now()
	for n, d := range l.delayed.at {
		if now.Before(d.due) {
			continue
		}
		delete(l.delayed.at, n)
		l.learn(n, d.mac)
	}
}

// learn passes an address on, unless it is known already. What waits for it goes on
// at once: whether and when the database takes it does not matter here.
func (l *Loop) learn(n Neighbor, mac MAC) {
	if known, ok := l.lookup(n); ok && known == mac {
		return
	}
	l.stats.learned.Add(1)
	if l.cfg.Learned != nil {
		l.cfg.Learned(n, mac)
	}
	l.releaseTo(n, mac)
}

func (l *Loop) lookup(n Neighbor) (MAC, bool) {
	s := l.snapshot.Load()
	if s == nil {
		return MAC{}, false
	}
	return (*s).Neighbor(n)
}
