// Package vport is the duty that binds virtual ports: a virtual address that
// several guests may take (VRRP, say) belongs to the one that announced it last.
//
//	packet-in loop ─Put─► Queue ─► Write ─► Port_Binding.chassis, virtual_parent
//
// Two guests that both think it theirs would have their chassis take turns at the
// speed of their announcements. So a claim begins a back-off of one second, kept
// in the row for all chassis to see, and each announcement during it makes it
// longer.
package vport

import (
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/portkey"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

const (
	maxQueued = 1000
	// maxTries is how many transactions may fail to bring a binding in.
	maxTries = 3

	backoffStep = time.Second
	maxBackoff  = 10 * time.Second
)

// Options of the Port_Binding, in milliseconds: since when and how long claims
// are put off.
const (
	lastClaimKey = "vport-last-claim"
	backoffKey   = "vport-backoff"
)

// sighting is a virtual port seen behind a parent.
type sighting struct {
	parent uint32
	tries  int
}

// Queue holds sightings until the replica shows their outcome. A later parent of
// the same port replaces an earlier one.
type Queue struct {
	// Wake is called after something was put in.
	Wake func()

	mu      sync.Mutex // guards what follows
	waiting map[pinctrl.PortKey]*sighting
	dropped uint64
}

// Put is called by the packet-in loop; it does not block.
func (q *Queue) Put(port, parent pinctrl.PortKey) {
	q.mu.Lock()
	if q.waiting == nil {
		q.waiting = map[pinctrl.PortKey]*sighting{}
	}
	if _, ok := q.waiting[port]; !ok && len(q.waiting) >= maxQueued {
		q.dropped++
		q.mu.Unlock()
		return
	}
	q.waiting[port] = &sighting{parent: parent.Port}
	q.mu.Unlock()
	if q.Wake != nil {
		q.Wake()
	}
}

// Dropped is how many sightings found no room, or could not be written.
func (q *Queue) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Write adds claims to tx; without one they stay in the queue.
func (q *Queue) Write(ports *portkey.Ports, chassis *sbdb.Chassis, tx *ovsdb.Txn, now time.Time, log *slog.Logger) {
	if tx == nil || chassis == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for k, s := range q.waiting {
		pb, parent := ports.Port(k), ports.Port(pinctrl.PortKey{Datapath: k.Datapath, Port: s.parent})
		if pb == nil {
			log.Warn("unknown logical port", "datapath", k.Datapath, "port", k.Port)
		}
		if pb == nil || parent == nil || pb.Type != "virtual" || claim(pb, parent, chassis, tx, now, log) {
			delete(q.waiting, k)
		} else if s.tries++; s.tries > maxTries {
			delete(q.waiting, k)
			q.dropped++
		}
	}
}

// claim reports whether the matter is settled: the row shows the parent, or the
// claim is put off until the port is seen again.
func claim(pb, parent *sbdb.PortBinding, chassis *sbdb.Chassis, tx *ovsdb.Txn, now time.Time, log *slog.Logger) (settled bool) {
	if pb.Chassis == chassis.UUID && pb.VirtualParent.Value() == parent.LogicalPort {
		return true
	}
	last, wait := millis(pb.Options, lastClaimKey), millis(pb.Options, backoffKey)
	sbdb.VerifyPortBinding(tx, pb, sbdb.PortBindingColOptions)
	w := sbdb.UpdatePortBinding(tx, pb.UUID)
	if now.UnixMilli() < last+wait {
		next := min(wait+backoffStep.Milliseconds(), maxBackoff.Milliseconds())
		log.Info(fmt.Sprintf("Postponing virtual lport %s claim by %d ms", pb.LogicalPort, next))
		w.MutateOptionsPut(ovsdb.NewMap(backoffKey, strconv.FormatInt(next, 10)))
		return true
	}
	log.Info(fmt.Sprintf("Claiming virtual lport %s for this chassis with the virtual parent %s", pb.LogicalPort, parent.LogicalPort))
	w.SetChassis(chassis.UUID).SetVirtualParent(parent.LogicalPort).MutateOptionsPut(ovsdb.NewMap(
		lastClaimKey, strconv.FormatInt(now.UnixMilli(), 10), backoffKey, strconv.FormatInt(backoffStep.Milliseconds(), 10)))
	return false
}

// millis reads a number of milliseconds, 0 when it is none.
func millis(m ovsdb.Map, key string) int64 {
	n, err := strconv.ParseInt(m.Get(key), 10, 64)
	if err != nil || n < 0 || n > 1<<53 {
		return 0
	}
	return n
}
