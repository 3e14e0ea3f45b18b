package pinctrl

import (
	"fmt"
	"runtime/debug"
	"time"
)

// sendTick bounds how many packets one sender sends in a row, so that answers to
// packet-ins never wait for more than that. With bufferCheck between two rows a
// sender has 3,200 packets a second.
const sendTick = 64

// senders send by themselves, each at its times.
type senders struct {
	announcer announcer
}

func newSenders() senders { return senders{announcer: newAnnouncer()} }

// sendDue lets each sender send what is due. A panic costs its sender one turn.
func (l *Loop) sendDue() {
	now := l.cfg.Now()
	l.turn("announcements", now, l.senders.announcer.send)
}

func (l *Loop) turn(name string, now time.Time, send func(*Loop, time.Time) error) {
	defer func() {
		if p := recover(); p != nil {
			l.stats.panics.Add(1)
			l.log.Error("sender", "name", name, "err", fmt.Sprintf("panic: %v; %s", p, debug.Stack()))
		}
	}()
	if err := send(l, now); err != nil {
		l.log.Debug("sender", "name", name, "err", err)
	}
}

// repeat is the times of something that is sent again and again: first after a
// second, then after 1, 2, 4… seconds up to a longest time.
type repeat struct {
	due     time.Time // zero: never again
	backoff time.Duration
}

// firstSend is how long after it became known something is sent first, and the
// first interval.
const firstSend = time.Second

func newRepeat(now time.Time) repeat { return repeat{now.Add(firstSend), firstSend} }

// sent moves to the next time. Unless forever is set it ends with the interval
// that reaches longest.
func (r *repeat) sent(now time.Time, longest time.Duration, forever bool) {
	r.due = time.Time{}
	if forever || r.backoff < longest {
		r.due = now.Add(r.backoff)
	}
	r.backoff = min(2*r.backoff, longest)
}
