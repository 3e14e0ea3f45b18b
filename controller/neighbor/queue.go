package neighbor

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/portkey"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// maxQueued bounds how many learned addresses wait to be written.
const maxQueued = 1000

// Queue holds what was learned until a transaction can take it. A later address
// of the same neighbour replaces an earlier one.
type Queue struct {
	// Wake is called after something was put in.
	Wake func()

	mu      sync.Mutex // guards what follows
	learned map[pinctrl.Neighbor]pinctrl.MAC
	dropped uint64
}

// Put is called by the packet-in loop; it does not block.
func (q *Queue) Put(n pinctrl.Neighbor, m pinctrl.MAC) {
	q.mu.Lock()
	if q.learned == nil {
		q.learned = map[pinctrl.Neighbor]pinctrl.MAC{}
	}
	if _, ok := q.learned[n]; !ok && len(q.learned) >= maxQueued {
		q.dropped++
		q.mu.Unlock()
		return
	}
	q.learned[n] = m
	q.mu.Unlock()
	if q.Wake != nil {
		q.Wake()
	}
}

// Dropped is how many addresses found no room.
func (q *Queue) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Tables are the look-ups that Write makes in the replica.
type Tables struct {
	ports   *portkey.Ports
	binding *ovsdb.Index[[2]string, sbdb.MACBinding]
}

// NewTables adds the look-ups to a replica.
func NewTables(db *sbdb.DB, ports *portkey.Ports) *Tables {
	return &Tables{
		ports: ports,
		binding: ovsdb.AddIndex(db.MACBinding, func(r *sbdb.MACBinding) ([2]string, bool) {
			return [2]string{r.LogicalPort, r.IP}, true
		}),
	}
}

// Write adds what was learned to tx; without one it stays in the queue.
func (q *Queue) Write(t *Tables, tx *ovsdb.Txn, now time.Time, log *slog.Logger) {
	if tx == nil {
		return
	}
	q.mu.Lock()
	learned := q.learned
	q.learned = nil
	q.mu.Unlock()
	for n, m := range learned {
		t.write(n, m, tx, now, log)
	}
}

func (t *Tables) write(n pinctrl.Neighbor, m pinctrl.MAC, tx *ovsdb.Txn, now time.Time, log *slog.Logger) {
	pb := t.ports.Port(pinctrl.PortKey{Datapath: n.Datapath, Port: n.Port})
	if pb == nil {
		log.Warn("unknown logical port", "datapath", n.Datapath, "port", n.Port)
		return
	}
	t.Put(pb, n.IP, m, true, tx, now)
}

// Put brings the MAC_Binding of a router port in line with an address. One that
// is not there is added only if add is set.
func (t *Tables) Put(pb *sbdb.PortBinding, addr netip.Addr, m pinctrl.MAC, add bool, tx *ovsdb.Txn, now time.Time) {
	stamp := now.UnixMilli()
	ip := addr.String()
	if old := t.binding.One([2]string{pb.LogicalPort, ip}); old != nil {
		if old.MAC != m.String() {
			sbdb.UpdateMACBinding(tx, old.UUID).SetMAC(m.String()).SetTimestamp(stamp)
		}
		return
	}
	if !add {
		return
	}
	sbdb.InsertMACBinding(tx).SetLogicalPort(pb.LogicalPort).SetIP(ip).SetMAC(m.String()).
		SetDatapath(pb.Datapath).SetTimestamp(stamp)
}
