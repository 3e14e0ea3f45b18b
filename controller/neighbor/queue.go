package neighbor

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/learned"
	"github.com/ovn-chassis/ovn-chassis/controller/portkey"
	"github.com/ovn-chassis/ovn-chassis/controller/rowlimit"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Queue holds what was learned until the replica shows it.
type Queue struct {
	learned.Queue[pinctrl.Neighbor, pinctrl.MAC, place]
}

// place is the port that a neighbour was learned behind, and its row if it has one.
type place struct {
	port *sbdb.PortBinding
	row  *sbdb.MACBinding
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
func (t *Tables) Find(n pinctrl.Neighbor) *sbdb.MACBinding { return t.place(n).row }

func (t *Tables) place(n pinctrl.Neighbor) place {
	pb := t.ports.Port(pinctrl.PortKey{Datapath: n.Datapath, Port: n.Port})
	if pb == nil {
		return place{}
	}
	return place{pb, t.binding.One([2]string{learnsAs(pb), n.IP.String()})}
}

// Write adds to tx what was learned and the replica does not show yet; without a
// transaction it stays in the queue.
func (q *Queue) Write(t *Tables, tx *ovsdb.Txn, now time.Time, log *slog.Logger) {
	q.Queue.Write(tx, now, func() learned.Round[pinctrl.Neighbor, pinctrl.MAC, place] {
		return &round{Tables: t, writer: t.writer(tx, now), log: log}
	})
}

// round is what one transaction does with what was learned.
type round struct {
	*Tables
	*writer
	log *slog.Logger
}

func (r *round) Look(n pinctrl.Neighbor, m pinctrl.MAC) (at place, done bool) {
	at = r.place(n)
	if at.port == nil {
		r.log.Warn("unknown logical port", "datapath", n.Datapath, "port", n.Port)
		return at, true
	}
	return at, at.row != nil && at.row.MAC == m.String()
}

func (r *round) Write(n pinctrl.Neighbor, m pinctrl.MAC, at place) bool {
	return r.put(at.port, at.row, n.IP, m)
}

func (r *round) GaveUp(n pinctrl.Neighbor, m pinctrl.MAC, at place, tries int) {
	r.log.Warn("an address was not written", "port", at.port.LogicalPort, "ip", n.IP.String(), "mac", m.String(), "tries", tries)
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
