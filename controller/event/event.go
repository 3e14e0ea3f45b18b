// Package event is the duty that writes what the packet-in loop has to tell the
// management system into the southbound table Controller_Event, where it stays
// until that has dealt with it.
//
//	packet-in loop ─Put─► Queue ─► Write ─► Controller_Event
package event

import (
	"sync"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

const (
	maxQueued = 1000
	// maxTries is how many transactions may fail to bring an event in.
	maxTries = 3

	emptyLBBackends = "empty_lb_backends"
)

// Queue holds events until the replica shows them.
type Queue struct {
	// Wake is called after something was put in.
	Wake func()

	mu      sync.Mutex // guards what follows
	waiting map[pinctrl.EmptyLoadBalancer]int
	dropped uint64

	seq int64 // of the event written last; owned by Write
}

// Put is called by the packet-in loop; it does not block.
func (q *Queue) Put(e pinctrl.EmptyLoadBalancer) {
	q.mu.Lock()
	if q.waiting == nil {
		q.waiting = map[pinctrl.EmptyLoadBalancer]int{}
	}
	if _, ok := q.waiting[e]; ok {
		q.mu.Unlock()
		return
	}
	if len(q.waiting) >= maxQueued {
		q.dropped++
		q.mu.Unlock()
		return
	}
	q.waiting[e] = 0
	q.mu.Unlock()
	if q.Wake != nil {
		q.Wake()
	}
}

// Dropped is how many events found no room, or could not be written.
func (q *Queue) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Write adds events to tx that this chassis has no row of; without a transaction
// they wait.
func (q *Queue) Write(db *sbdb.DB, chassis *sbdb.Chassis, tx *ovsdb.Txn) {
	if tx == nil || chassis == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return
	}
	known := map[pinctrl.EmptyLoadBalancer]bool{}
	for r := range db.ControllerEvent.All() {
		if r.EventType == emptyLBBackends && r.Chassis == chassis.UUID {
			known[pinctrl.EmptyLoadBalancer{
				VIP: r.EventInfo.Get("vip"), Protocol: r.EventInfo.Get("protocol"), LoadBalancer: r.EventInfo.Get("load_balancer"),
			}] = true
		}
	}
	for e, tries := range q.waiting {
		if known[e] {
			delete(q.waiting, e)
			continue
		}
		if tries == maxTries {
			delete(q.waiting, e)
			q.dropped++
			continue
		}
		q.waiting[e]++
		q.seq++
		sbdb.InsertControllerEvent(tx).SetEventType(emptyLBBackends).SetSeqNum(q.seq).SetChassis(chassis.UUID).
			SetEventInfo(ovsdb.NewMap("vip", e.VIP, "protocol", e.Protocol, "load_balancer", e.LoadBalancer))
	}
}
