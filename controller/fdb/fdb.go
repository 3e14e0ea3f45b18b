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
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Bounds of the queue.
const (
	maxQueued = 1000
	// maxTries is how many transactions may fail to bring an address in.
	maxTries = 3
)

// address is an Ethernet address on a switch.
type address struct {
	datapath uint32
	mac      pinctrl.MAC
}

type learned struct {
	port  uint32
	tries int
}

// Queue holds addresses until the replica shows them. A later port of the same
// address replaces an earlier one.
type Queue struct {
	// Wake is called after something was put in.
	Wake func()

	mu      sync.Mutex // guards what follows
	waiting map[address]*learned
	dropped uint64
}

// Put is called by the packet-in loop; it does not block.
func (q *Queue) Put(p pinctrl.PortKey, m pinctrl.MAC) {
	q.mu.Lock()
	if q.waiting == nil {
		q.waiting = map[address]*learned{}
	}
	k := address{p.Datapath, m}
	if _, ok := q.waiting[k]; !ok && len(q.waiting) >= maxQueued {
		q.dropped++
		q.mu.Unlock()
		return
	}
	q.waiting[k] = &learned{port: p.Port}
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

// Tables are the look-ups that Write makes in the replica.
type Tables struct {
	ports *portkey.Ports
	rows  *ovsdb.Index[rowKey, sbdb.FDB]
}

type rowKey struct {
	datapath int64
	mac      string
}

// NewTables adds the look-ups to a replica.
func NewTables(db *sbdb.DB, ports *portkey.Ports) *Tables {
	return &Tables{ports: ports, rows: ovsdb.AddIndex(db.FDB, func(r *sbdb.FDB) (rowKey, bool) {
		return rowKey{r.DPKey, r.MAC}, true
	})}
}

// Write adds to tx what the replica does not show yet; without a transaction it
// stays in the queue.
func (q *Queue) Write(t *Tables, tx *ovsdb.Txn, now time.Time) {
	if tx == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for a, l := range q.waiting {
		if t.write(a, l, tx, now) {
			delete(q.waiting, a)
		} else if l.tries++; l.tries > maxTries {
			delete(q.waiting, a)
			q.dropped++
		}
	}
}

// write reports whether the replica shows the address where it is.
func (t *Tables) write(a address, l *learned, tx *ovsdb.Txn, now time.Time) (settled bool) {
	mac := a.mac.String()
	row := t.rows.One(rowKey{int64(a.datapath), mac})
	if row == nil {
		sbdb.InsertFDB(tx).SetDPKey(int64(a.datapath)).SetMAC(mac).SetPortKey(int64(l.port)).SetTimestamp(now.UnixMilli())
		return false
	}
	if row.PortKey == int64(l.port) {
		return true
	}
	if to := t.ports.Port(pinctrl.PortKey{Datapath: a.datapath, Port: l.port}); to != nil && to.Type == "localnet" {
		// Behind the localnet port there is everything that another chassis has sent
		// there: it must not take an address from the interface that has it, be it one
		// that is just being written.
		sbdb.VerifyFDB(tx, row, sbdb.FDBColPortKey)
		from := t.ports.Port(pinctrl.PortKey{Datapath: a.datapath, Port: uint32(row.PortKey)})
		if from != nil && from.Type == "" {
			return true
		}
	}
	sbdb.UpdateFDB(tx, row.UUID).SetPortKey(int64(l.port)).SetTimestamp(now.UnixMilli())
	return false
}
