package neighbor

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/portkey"
	"github.com/ovn-chassis/ovn-chassis/controller/rowlimit"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Bounds of the queue.
const (
	// maxQueued is how many learned addresses wait to be written.
	maxQueued = 1000
	// maxTries is how many transactions may fail to bring an address in.
	maxTries = 8
	// Times between two tries.
	minBackoff = 250 * time.Millisecond
	maxBackoff = 10 * time.Second
	// writeInterval is the time between two transactions with learned addresses, so
	// that a storm of packets is no storm of transactions.
	writeInterval = 25 * time.Millisecond
)

// Queue holds what was learned until the replica shows it. A later address of the
// same neighbour replaces an earlier one.
type Queue struct {
	// Wake is called after something was put in.
	Wake func()

	mu      sync.Mutex // guards what follows
	learned map[pinctrl.Neighbor]*learned
	dropped uint64
	// nextWrite is when the next transaction may take addresses.
	nextWrite time.Time
}

type learned struct {
	mac   pinctrl.MAC
	tries int
	due   time.Time // of the next try
}

// Put is called by the packet-in loop; it does not block.
func (q *Queue) Put(n pinctrl.Neighbor, m pinctrl.MAC) {
	if !q.TryPut(n, m) {
		q.mu.Lock()
		q.dropped++
		q.mu.Unlock()
		return
	}
	if q.Wake != nil {
		q.Wake()
	}
}

// TryPut is Put without waking anybody; it reports whether there was room.
func (q *Queue) TryPut(n pinctrl.Neighbor, m pinctrl.MAC) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.learned == nil {
		q.learned = map[pinctrl.Neighbor]*learned{}
	}
	if old, ok := q.learned[n]; ok {
		if old.mac != m {
			*old = learned{mac: m}
		}
		return true
	}
	if len(q.learned) >= maxQueued {
		return false
	}
	q.learned[n] = &learned{mac: m}
	return true
}

// Pending finds an address that waits to be written.
func (q *Queue) Pending(n pinctrl.Neighbor) (pinctrl.MAC, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l, ok := q.learned[n]; ok {
		return l.mac, true
	}
	return pinctrl.MAC{}, false
}

// Dropped is how many addresses found no room, or could not be written.
func (q *Queue) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Len is how many addresses wait.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.learned)
}

// NextTimer is when something is to be written, zero if nothing is.
func (q *Queue) NextTimer() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	var next time.Time
	for _, l := range q.learned {
		if next.IsZero() || l.due.Before(next) {
			next = l.due
		}
	}
	if !next.IsZero() && next.Before(q.nextWrite) {
		next = q.nextWrite
	}
	return next
}

// Tables are the look-ups that Write makes in the replica.
type Tables struct {
	// Bound is for the table MAC_Binding, by datapath; nil is no bound.
	Bound *rowlimit.Table[ovsdb.UUID, sbdb.MACBinding]

	ports      *portkey.Ports
	binding    *ovsdb.Index[[2]string, sbdb.MACBinding]
	ByDatapath *ovsdb.Index[ovsdb.UUID, sbdb.MACBinding]
}

// NewTables adds the look-ups to a replica.
func NewTables(db *sbdb.DB, ports *portkey.Ports) *Tables {
	return &Tables{
		ports: ports,
		binding: ovsdb.AddIndex(db.MACBinding, func(r *sbdb.MACBinding) ([2]string, bool) {
			return [2]string{r.LogicalPort, r.IP}, true
		}),
		ByDatapath: ovsdb.AddIndex(db.MACBinding, func(r *sbdb.MACBinding) (ovsdb.UUID, bool) { return r.Datapath, true }),
	}
}

// Find returns the row of a neighbour, nil if there is none.
func (t *Tables) Find(n pinctrl.Neighbor) *sbdb.MACBinding {
	pb := t.ports.Port(pinctrl.PortKey{Datapath: n.Datapath, Port: n.Port})
	if pb == nil {
		return nil
	}
	return t.binding.One([2]string{learnsAs(pb), n.IP.String()})
}

// Write adds to tx what was learned and the replica does not show yet; without a
// transaction it stays in the queue. What does not come into the replica is tried
// again, each time later.
func (q *Queue) Write(t *Tables, tx *ovsdb.Txn, now time.Time, log *slog.Logger) {
	if tx == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.learned) == 0 || now.Before(q.nextWrite) {
		return
	}
	w := t.writer(tx, now)
	before := tx.Len()
	for n, l := range q.learned {
		pb := t.ports.Port(pinctrl.PortKey{Datapath: n.Datapath, Port: n.Port})
		if pb == nil {
			log.Warn("unknown logical port", "datapath", n.Datapath, "port", n.Port)
			delete(q.learned, n)
			continue
		}
		old := t.binding.One([2]string{learnsAs(pb), n.IP.String()})
		switch {
		case old != nil && old.MAC == l.mac.String():
			delete(q.learned, n)
			continue
		case now.Before(l.due):
			continue
		case l.tries == maxTries:
			log.Warn("an address was not written", "port", pb.LogicalPort, "ip", n.IP.String(), "mac", l.mac.String(), "tries", l.tries)
			delete(q.learned, n)
			q.dropped++
			continue
		case !w.put(pb, old, n.IP, l.mac):
			delete(q.learned, n)
			continue
		}
		l.due = now.Add(min(minBackoff<<l.tries, maxBackoff))
		l.tries++
	}
	if tx.Len() != before {
		q.nextWrite = now.Add(writeInterval)
	}
}

// writer adds rows of MAC_Binding to one transaction.
type writer struct {
	tx    *ovsdb.Txn
	now   time.Time
	bound *rowlimit.Round[ovsdb.UUID, sbdb.MACBinding]
}

func (t *Tables) writer(tx *ovsdb.Txn, now time.Time) *writer {
	w := &writer{tx: tx, now: now}
	if t.Bound != nil {
		w.bound = t.Bound.Begin(tx, now)
	}
	return w
}

// put brings a row in line; it reports whether there is room for it.
func (w *writer) put(pb *sbdb.PortBinding, old *sbdb.MACBinding, ip netip.Addr, m pinctrl.MAC) bool {
	stamp := w.now.UnixMilli()
	if old != nil {
		sbdb.UpdateMACBinding(w.tx, old.UUID).SetMAC(m.String()).SetTimestamp(stamp)
		return true
	}
	if w.bound != nil && !w.bound.Room(pb.Datapath) {
		return false
	}
	sbdb.InsertMACBinding(w.tx).SetLogicalPort(learnsAs(pb)).SetIP(ip.String()).SetMAC(m.String()).
		SetDatapath(pb.Datapath).SetTimestamp(stamp)
	return true
}
