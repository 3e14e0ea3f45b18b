package pinctrl

import (
	"sync/atomic"
	"time"
)

// Bounds of the questions that are remembered.
const (
	requestInterval = time.Second // between two questions for one next hop
	// answerWindow is how long an answer is awaited.
	answerWindow = 10 * time.Second
	maxQuestions = 8192
)

// questions are the ARP requests and neighbour solicitations that routers sent of
// late: there is at most one a second for each next hop, and with tracking on only
// what answers one is learned.
//
// Invariants:
//  1. order holds what was asked, the earliest first, among them an entry with the
//     time that at has for each of its keys.
//  2. at has at most maxQuestions entries.
type questions struct {
	at    map[Neighbor]time.Time
	order []inquiry
	// tracking may be set from any goroutine.
	tracking *atomic.Bool
}

type inquiry struct {
	about Neighbor
	at    time.Time
}

func newQuestions() questions {
	return questions{at: map[Neighbor]time.Time{}, tracking: new(atomic.Bool)}
}

// recent tells whether n was asked for within the last d.
func (q *questions) recent(n Neighbor, now time.Time, d time.Duration) bool {
	at, ok := q.at[n]
	return ok && now.Sub(at) < d
}

// note remembers that n is asked for now. It reports whether there was room: that
// all of maxQuestions were asked for within the last second is a storm.
func (q *questions) note(n Neighbor, now time.Time) bool {
	q.forget(now, answerWindow)
	if _, ok := q.at[n]; !ok && len(q.at) >= maxQuestions {
		if q.forget(now, requestInterval); len(q.at) >= maxQuestions {
			return false
		}
	}
	q.at[n] = now
	q.order = append(q.order, inquiry{n, now})
	return true
}

// forget drops questions older than age, of more than answerWindow all, of less
// only as many as make room for one.
func (q *questions) forget(now time.Time, age time.Duration) {
	for len(q.order) > 0 {
		first := q.order[0]
		if now.Sub(first.at) < age || age < answerWindow && len(q.at) < maxQuestions {
			return
		}
		q.order = q.order[1:]
		if q.at[first.about].Equal(first.at) {
			delete(q.at, first.about)
		}
	}
	q.order = nil
}

// SetTracking has addresses learned from answers only if a router asked
// (ovn-mac-binding-tracking). It may be called from any goroutine.
func (l *Loop) SetTracking(on bool) { l.buffer.questions.tracking.Store(on) }

// canonical names a neighbour by the port that learns it: a chassisredirect port
// stands for a distributed one.
func (l *Loop) canonical(n Neighbor) Neighbor {
	if l.cfg.Router != nil {
		if p, ok := l.cfg.Router(PortKey{n.Datapath, n.Port}); ok {
			n.Datapath, n.Port = p.Datapath, p.Port
		}
	}
	return n
}

// asked notes that a router asks for a next hop.
func (l *Loop) asked(out PortKey, s Solicitation) {
	l.buffer.questions.note(l.canonical(Neighbor{out.Datapath, out.Port, s.NextHop}), l.cfg.Now())
}
