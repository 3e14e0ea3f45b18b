// Package fdb is the duty between the packet-in loop and the southbound table FDB:
// what switches learn of Ethernet addresses behind ports whose addresses are
// unknown.
//
//	packet-in loop ─Put─► Queue ─► Write ─► FDB
package fdb

import (
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

// address is an Ethernet address on a switch.
type address struct {
	datapath uint32
	mac      pinctrl.MAC
}

type learned struct {
	port  uint32
	tries int
	due   time.Time // of the next try
}

// Queue holds addresses until the replica shows them. A later port of the same
// address replaces an earlier one.
type Queue struct {
	// Wake is called after something was put in.
	Wake func()

	mu      sync.Mutex // guards what follows
	waiting map[address]*learned
	dropped uint64
	// nextWrite is when the next transaction may take addresses.
	nextWrite time.Time
}

// Put is called by the packet-in loop; it does not block.
func (q *Queue) Put(p pinctrl.PortKey, m pinctrl.MAC) {
	q.mu.Lock()
	if q.waiting == nil {
		q.waiting = map[address]*learned{}
	}
	k := address{p.Datapath, m}
	old, ok := q.waiting[k]
	switch {
	case ok && old.port == p.Port:
	case !ok && len(q.waiting) >= maxQueued:
		q.dropped++
		q.mu.Unlock()
		return
	default:
		q.waiting[k] = &learned{port: p.Port}
	}
	q.mu.Unlock()
	if q.Wake != nil {
		q.Wake()
	}
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
	return len(q.waiting)
}

// NextTimer is when something is to be written, zero if nothing is.
func (q *Queue) NextTimer() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	var next time.Time
	for _, l := range q.waiting {
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
	// Bound is for the table FDB, by tunnel key of the datapath; nil is no bound.
	Bound *rowlimit.Table[int64, sbdb.FDB]

	ByDatapath *ovsdb.Index[int64, sbdb.FDB]

	ports *portkey.Ports
	rows  *ovsdb.Index[rowKey, sbdb.FDB]
}

type rowKey struct {
	datapath int64
	mac      string
}

// NewTables adds the look-ups to a replica.
func NewTables(db *sbdb.DB, ports *portkey.Ports) *Tables {
	return &Tables{
		ports: ports,
		rows: ovsdb.AddIndex(db.FDB, func(r *sbdb.FDB) (rowKey, bool) {
			return rowKey{r.DPKey, r.MAC}, true
		}),
		ByDatapath: ovsdb.AddIndex(db.FDB, func(r *sbdb.FDB) (int64, bool) { return r.DPKey, true }),
	}
}

// Find returns the row of an address on a switch, nil if there is none.
func (t *Tables) Find(datapath uint32, m pinctrl.MAC) *sbdb.FDB {
	return t.rows.One(rowKey{int64(datapath), m.String()})
}

// Write adds to tx what the replica does not show yet; without a transaction it
// stays in the queue. What does not come into the replica is tried again, each time
// later.
func (q *Queue) Write(t *Tables, tx *ovsdb.Txn, now time.Time) {
	if tx == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 || now.Before(q.nextWrite) {
		return
	}
	var bound *rowlimit.Round[int64, sbdb.FDB]
	if t.Bound != nil {
		bound = t.Bound.Begin(tx, now)
	}
	before := tx.Len()
	for a, l := range q.waiting {
		row := t.Find(a.datapath, a.mac)
		switch {
		case row != nil && row.PortKey == int64(l.port):
			delete(q.waiting, a)
			continue
		case now.Before(l.due):
			continue
		case l.tries == maxTries:
			delete(q.waiting, a)
			q.dropped++
			continue
		case row == nil && bound != nil && !bound.Room(int64(a.datapath)):
			delete(q.waiting, a)
			continue
		case !t.write(a, l, row, tx, now):
			delete(q.waiting, a)
			continue
		}
		l.due = now.Add(min(minBackoff<<l.tries, maxBackoff))
		l.tries++
	}
	if tx.Len() != before {
		q.nextWrite = now.Add(writeInterval)
	}
}

// write brings the row of an address in line; it reports whether it has.
func (t *Tables) write(a address, l *learned, row *sbdb.FDB, tx *ovsdb.Txn, now time.Time) bool {
	if row == nil {
		sbdb.InsertFDB(tx).SetDPKey(int64(a.datapath)).SetMAC(a.mac.String()).SetPortKey(int64(l.port)).SetTimestamp(now.UnixMilli())
		return true
	}
	if to := t.ports.Port(pinctrl.PortKey{Datapath: a.datapath, Port: l.port}); to != nil && to.Type == "localnet" {
		// Behind the localnet port there is everything that another chassis has sent
		// there: it must not take an address from the interface that has it, be it one
		// that is just being written.
		from := t.ports.Port(pinctrl.PortKey{Datapath: a.datapath, Port: uint32(row.PortKey)})
		if from != nil && from.Type == "" {
			return false
		}
		sbdb.VerifyFDB(tx, row, sbdb.FDBColPortKey)
	}
	sbdb.UpdateFDB(tx, row.UUID).SetPortKey(int64(l.port)).SetTimestamp(now.UnixMilli())
	return true
}
