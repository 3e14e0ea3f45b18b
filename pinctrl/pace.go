package pinctrl

import "time"

// How long Run waits at most for what is due with time: soon while something is under
// way that may be due any time, else until what is known to be next. The longest is a
// net under it all.
const (
	paceSoon    = bufferCheck
	paceLongest = time.Second
)

// ordered tells Run that something may be due that was not known before. It may be
// called from any goroutine.
func (l *Loop) ordered() { poke(l.orders) }

// pace is how long to wait before due is called again. Called with handling held,
// after due.
func (l *Loop) pace(now time.Time) time.Duration {
	l.unhurried = false
	if l.keeps() || l.neighborProbesWait() || l.serving() {
		return paceSoon
	}
	wait := paceLongest
	for _, next := range []time.Time{
		l.senders.announcements.next, l.senders.solicitations.next, l.senders.advertisements.next,
	} {
		if !next.IsZero() {
			wait = min(wait, next.Sub(now))
		}
	}
	l.multicast.mu.Lock()
	if len(l.multicast.switches) > 0 {
		wait = min(wait, multicastCheck-now.Sub(l.multicast.checked))
	}
	l.multicast.mu.Unlock()
	l.unhurried = wait > paceSoon
	return max(wait, 0)
}

// keeps tells whether packets handled before left something to be done later. Called
// with handling held.
func (l *Loop) keeps() bool {
	return len(l.buffer.waiting)+len(l.delayed.at)+len(l.bridged.at) > 0
}

// hurry has Run look soon if packets just handled left something to be done. Called
// with handling held.
func (l *Loop) hurry() {
	if l.unhurried && l.keeps() {
		l.unhurried = false
		l.ordered()
	}
}

func (l *Loop) neighborProbesWait() bool {
	p := l.senders.neighborProbes
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.list) > 0
}

// serving tells whether there are sessions and clients that have many times each.
func (l *Loop) serving() bool {
	n := 0
	l.prober.mu.Lock()
	n += len(l.prober.services)
	l.prober.mu.Unlock()
	l.bfd.mu.Lock()
	n += len(l.bfd.sessions)
	l.bfd.mu.Unlock()
	l.delegations.mu.Lock()
	n += len(l.delegations.clients)
	l.delegations.mu.Unlock()
	return n > 0
}
