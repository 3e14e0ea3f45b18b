package pinctrl

import (
	"sync"
	"time"
)

// firstSend is how long after it became known something is sent first, unless it is
// told to begin before, and the first interval.
const firstSend = time.Second

// repeat is the times of something that is sent again and again: first after a
// second or at once, then after 1, 2, 4… seconds up to a longest time.
type repeat struct {
	due     time.Time // zero: never again
	backoff time.Duration
}

func newRepeat(now time.Time) repeat { return repeat{now.Add(firstSend), firstSend} }

// sent moves to the next time. Unless forever is set it ends with the interval
// that reaches longest.
func (r *repeat) sent(now time.Time, p repeatPolicy) {
	r.due = time.Time{}
	if p.forever || r.backoff < p.longest {
		r.due = now.Add(r.backoff)
	}
	r.backoff = min(2*r.backoff, p.longest)
}

type repeatPolicy struct {
	longest time.Duration
	forever bool
}

// repeater sends each of a set of things again and again.
//
// Invariants:
//  1. next is not after the due time of any entry that has one.
//  2. orders holds at most one order a thing.
type repeater[K comparable] struct {
	orders *repeatOrders[K]
	at     map[K]*repeat
	next   time.Time // zero: nothing is due ever
	policy repeatPolicy
}

// repeatOrders is what other goroutines want of a repeater.
type repeatOrders[K comparable] struct {
	mu      sync.Mutex // guards what follows
	changes map[K]bool
	begun   []K
	policy  repeatPolicy
}

func newRepeater[K comparable](p repeatPolicy) repeater[K] {
	return repeater[K]{orders: &repeatOrders[K]{changes: map[K]bool{}, policy: p}, at: map[K]*repeat{}, policy: p}
}

// change orders things to be sent, or no longer. One that is removed and added
// starts over.
func (o *repeatOrders[K]) change(removed, added []K) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, k := range removed {
		o.changes[k] = false
	}
	for _, k := range added {
		o.changes[k] = true
	}
}

// begin has things that are ordered sent at once: their times count from now.
func (o *repeatOrders[K]) begin(things []K) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.begun = append(o.begun, things...)
}

// setPolicy changes the times; everything starts over.
func (o *repeatOrders[K]) setPolicy(p repeatPolicy) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.policy = p
}

// follow takes in what was ordered since the last turn.
func (r *repeater[K]) follow(now time.Time) {
	r.orders.mu.Lock()
	defer r.orders.mu.Unlock()
	if r.policy != r.orders.policy {
		r.policy = r.orders.policy
		for _, e := range r.at {
			*e = newRepeat(now)
		}
		r.wakeAt(now.Add(firstSend))
	}
	if len(r.orders.changes) > 0 {
		for k, wanted := range r.orders.changes {
			if !wanted {
				delete(r.at, k)
				continue
			}
			e := newRepeat(now)
			r.at[k] = &e
		}
		clear(r.orders.changes)
		r.wakeAt(now.Add(firstSend))
	}
	for _, k := range r.orders.begun {
		if e := r.at[k]; e != nil {
			*e = repeat{now, firstSend}
			r.wakeAt(now)
		}
	}
	r.orders.begun = nil
}

func (r *repeater[K]) wakeAt(t time.Time) {
	if r.next.IsZero() || t.Before(r.next) {
		r.next = t
	}
}

// turn sends what is due, at most sendTick things.
func (r *repeater[K]) turn(now time.Time, send func(K) error) error {
	r.follow(now)
	if r.next.IsZero() || now.Before(r.next) {
		return nil
	}
	r.next = time.Time{}
	sent := 0
	for k, e := range r.at {
		if e.due.IsZero() {
			continue
		}
		if !now.Before(e.due) && sent < sendTick {
			sent++
			if err := send(k); err != nil {
				r.next = now
				return err
			}
			e.sent(now, r.policy)
		}
		if !e.due.IsZero() {
			r.wakeAt(e.due)
		}
	}
	return nil
}
