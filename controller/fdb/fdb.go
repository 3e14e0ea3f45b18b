// Package fdb is the duty between the packet-in loop and the southbound table FDB:
// what switches learn of Ethernet addresses behind ports whose addresses are
// unknown.
//
//	packet-in loop ─Put─► Queue ─► Write ─► FDB
package fdb

import (
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/learned"
	"github.com/ovn-chassis/ovn-chassis/controller/portkey"
	"github.com/ovn-chassis/ovn-chassis/controller/rowlimit"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// address is an Ethernet address on a switch.
type address struct {
	datapath uint32
	mac      pinctrl.MAC
}

// Queue holds addresses, with the key of the port they are behind, until the replica
// shows them.
type Queue struct {
	learned.Queue[address, uint32, *sbdb.FDB]
}

// Put is called by the packet-in loop; it does not block.
func (q *Queue) Put(p pinctrl.PortKey, m pinctrl.MAC) {
	q.Queue.Put(address{p.Datapath, m}, p.Port)
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
// stays in the queue.
func (q *Queue) Write(t *Tables, tx *ovsdb.Txn, now time.Time) {
	q.Queue.Write(tx, now, func() learned.Round[address, uint32, *sbdb.FDB] {
		r := &round{Tables: t, tx: tx, now: now}
		if t.Bound != nil {
			r.bound = t.Bound.Begin(tx, now)
		}
		return r
	})
}

// round adds rows of FDB to one transaction.
type round struct {
	*Tables
	tx    *ovsdb.Txn
	now   time.Time
	bound *rowlimit.Round[int64, sbdb.FDB]
}

func (r *round) Look(a address, port uint32) (row *sbdb.FDB, done bool) {
	row = r.Find(a.datapath, a.mac)
	return row, row != nil && row.PortKey == int64(port)
}

func (r *round) GaveUp(address, uint32, *sbdb.FDB, int) {}

// Write brings the row of an address in line; it reports whether it has.
func (r *round) Write(a address, port uint32, row *sbdb.FDB) bool {
	if row == nil {
		if r.bound != nil && !r.bound.Room(int64(a.datapath)) {
			return false
		}
		sbdb.InsertFDB(r.tx).SetDPKey(int64(a.datapath)).SetMAC(a.mac.String()).SetPortKey(int64(port)).SetTimestamp(r.now.UnixMilli())
		return true
	}
	if to := r.ports.Port(pinctrl.PortKey{Datapath: a.datapath, Port: port}); to != nil && to.Type == "localnet" {
		// Behind the localnet port there is everything that another chassis has sent
		// there: it must not take an address from the interface that has it, be it one
		// that is just being written.
		from := r.ports.Port(pinctrl.PortKey{Datapath: a.datapath, Port: uint32(row.PortKey)})
		if from != nil && from.Type == "" {
			return false
		}
		sbdb.VerifyFDB(r.tx, row, sbdb.FDBColPortKey)
	}
	sbdb.UpdateFDB(r.tx, row.UUID).SetPortKey(int64(port)).SetTimestamp(r.now.UnixMilli())
	return true
}
