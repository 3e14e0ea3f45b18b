// Package qos keeps the queues of logical ports that have rates (ovn-nb(5), options
// qos_min_rate, qos_max_rate and qos_burst) on the interface by which their traffic
// leaves for the physical network: a QoS row of type linux-htb on that port, with a
// Queue for each logical port, to which the port's flows direct its packets.
//
// Rows are known by their marks: the QoS row by external_ids:ovn_qos, a Queue by
// external_ids:ovn_port, which names the logical port. A QoS row without the mark
// is the operator's and left alone.
package qos

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

const (
	qosType   = "linux-htb"
	qosKey    = "ovn_qos"
	portKey   = "ovn_port"
	egressKey = "ovn-egress-iface"
	// maxRate, in bits per second, is the most that the kernel's 32-bit rate in bytes
	// can say. The link speed takes its place where the driver knows it.
	maxRate = (1<<32 - 1) * 8
)

// Inputs are what the queues are made of.
type Inputs struct {
	SB     *replica.SB
	Local  *replica.Local
	Config config.Config
	Bridge *vswitchdb.Bridge
	// Here tells whether a port is bound here through an interface, its own or a
	// parent's, or is a localnet port of a local datapath.
	Here func(*sbdb.PortBinding) bool
	// MayDelete is false until the southbound contents are complete.
	MayDelete bool
}

// queue is one wanted Queue.
type queue struct {
	lport  string
	id     int64
	config ovsdb.Map // rates as the database says them
}

// Run brings the queues in line and adds to tx what differs.
func Run(in Inputs, tx *ovsdb.Txn) {
	if tx == nil || in.Bridge == nil || in.SB.PortsQueued.Len() == 0 && in.Local.QoS.Len() == 0 {
		return
	}
	r := &run{Inputs: in, tx: tx, byPort: map[ovsdb.UUID][]queue{}}
	r.collect()
	var ports []*vswitchdb.Port
	ports = append(ports, in.Local.PortsWithQoS.Get(true)...)
	for id := range r.byPort {
		if p := in.Local.Port.Get(id); p != nil && p.QoS.IsZero() {
			ports = append(ports, p)
		}
	}
	slices.SortFunc(ports, func(a, b *vswitchdb.Port) int { return strings.Compare(a.Name, b.Name) })
	used := map[ovsdb.UUID]bool{}
	for _, p := range ports {
		q := in.Local.QoS.Get(p.QoS)
		if q != nil {
			if used[q.UUID] {
				continue // shared by several ports: an operator's doing
			}
			used[q.UUID] = true
		}
		r.port(p, q)
	}
	orphans := slices.Collect(in.Local.QoS.All())
	slices.SortFunc(orphans, func(a, b *vswitchdb.QoS) int { return a.UUID.Compare(b.UUID) })
	for _, q := range orphans {
		if !used[q.UUID] {
			r.orphan(q)
		}
	}
}

type run struct {
	Inputs
	tx     *ovsdb.Txn
	byPort map[ovsdb.UUID][]queue // wanted, by the Port row
	others map[string]bool        // logical ports on bridges of other agents
}

// collect works out which queue should be where.
func (r *run) collect() {
	egress := map[string]ovsdb.UUID{} // Port rows by network
	mappings, _ := config.ParseBridgeMappings(r.Config.BridgeMappings)
	for _, m := range mappings {
		if p := egressPort(r.Local, r.Local.BridgeByName.One(m.Bridge)); p != nil {
			egress[m.Network] = p.UUID
		}
	}
	for _, pb := range r.SB.PortsQueued.Get(true) {
		q, ok := queueOf(pb)
		if !ok || !r.Here(pb) {
			continue
		}
		if port, ok := egress[pb.Options.Get("qos_physical_network")]; ok {
			r.byPort[port] = append(r.byPort[port], q)
		}
	}
	for _, list := range r.byPort {
		slices.SortFunc(list, func(a, b queue) int { return cmp.Compare(a.id, b.id) })
	}
}

// queueOf is the queue that the options of a port ask for.
func queueOf(pb *sbdb.PortBinding) (queue, bool) {
	number := func(key string) uint64 {
		n, err := strconv.ParseUint(pb.Options.Get(key), 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	id, lo, hi, burst := number(replica.QueueIDKey), number("qos_min_rate"), number("qos_max_rate"), number("qos_burst")
	if id == 0 || id > 1<<32-1 || lo == 0 && hi == 0 && burst == 0 {
		return queue{}, false
	}
	text := func(n uint64) string { return strconv.FormatUint(n, 10) }
	return queue{
		lport: pb.LogicalPort, id: int64(id),
		config: ovsdb.NewMap("min-rate", text(lo), "max-rate", text(hi), "burst", text(burst)),
	}, true
}

// egressPort is the port by which traffic leaves the bridge of a physical network:
// the first with an interface of the system, or marked, that is no guest's.
func egressPort(l *replica.Local, br *vswitchdb.Bridge) *vswitchdb.Port {
	if br == nil {
		return nil
	}
	for _, id := range br.Ports {
		p := l.Port.Get(id)
		if p == nil {
			continue
		}
		for _, id := range p.Interfaces {
			i := l.Interface.Get(id)
			if i == nil {
				continue
			}
			if _, guest := i.ExternalIDs.Lookup("iface-id"); guest {
				continue
			}
			if i.Type == "" || i.Type == "system" || replica.True(i.ExternalIDs, egressKey) {
				return p
			}
		}
	}
	return nil
}

// port brings the QoS row of a port in line; q is nil if it has none.
func (r *run) port(p *vswitchdb.Port, q *vswitchdb.QoS) {
	wanted := r.byPort[p.UUID]
	if q != nil && !replica.True(q.ExternalIDs, qosKey) {
		// An operator's, maybe with queues of a version that did not mark the row.
		r.removeQueues(q, func(_ int64, lport string) bool {
			return slices.ContainsFunc(wanted, func(w queue) bool { return w.lport == lport })
		})
		return
	}
	var id ovsdb.UUID
	if q != nil {
		id = q.UUID
	} else if len(wanted) > 0 {
		id = vswitchdb.InsertQoS(r.tx).SetType(qosType).SetOtherConfig(ovsdb.NewMap("max-rate", r.linkRate(p))).
			SetExternalIDs(ovsdb.NewMap(qosKey, "true")).UUID()
		vswitchdb.UpdatePort(r.tx, p.UUID).SetQoS(id)
	}
	for _, w := range wanted {
		r.ensure(id, q, w)
	}
	if q == nil {
		return
	}
	keep := func(id int64, lport string) bool {
		return slices.ContainsFunc(wanted, func(w queue) bool { return w.id == id && w.lport == lport })
	}
	if !r.removeQueues(q, keep) || len(wanted) > 0 {
		return
	}
	vswitchdb.UpdatePort(r.tx, p.UUID).SetQoS(ovsdb.UUID{})
	vswitchdb.DeleteQoS(r.tx, q.UUID)
}

// ensure keeps, changes or creates a queue.
func (r *run) ensure(id ovsdb.UUID, q *vswitchdb.QoS, w queue) {
	if q != nil {
		if at, ok := q.Queues.Lookup(w.id); ok {
			if row := r.Local.Queue.Get(at); row != nil && row.ExternalIDs.Get(portKey) == w.lport {
				if !row.OtherConfig.Equal(w.config) {
					vswitchdb.VerifyQueue(r.tx, row, vswitchdb.QueueColOtherConfig)
					vswitchdb.UpdateQueue(r.tx, row.UUID).SetOtherConfig(w.config)
				}
				return
			}
		}
	}
	row := vswitchdb.InsertQueue(r.tx).SetOtherConfig(w.config).SetExternalIDs(ovsdb.NewMap(portKey, w.lport)).UUID()
	vswitchdb.UpdateQoS(r.tx, id).MutateQueuesPut(ovsdb.MapFrom(map[int64]ovsdb.UUID{w.id: row}))
}

// removeQueues takes the agent's queues off a QoS row, those to keep apart, and
// reports whether it then has none.
func (r *run) removeQueues(q *vswitchdb.QoS, keep func(id int64, lport string) bool) (empty bool) {
	if !r.MayDelete {
		return false
	}
	left := 0
	var gone []int64
	for id, at := range q.Queues.All() {
		lport := ""
		if row := r.Local.Queue.Get(at); row != nil {
			lport = row.ExternalIDs.Get(portKey)
		}
		if lport == "" || r.elsewhere(lport) || keep(id, lport) {
			left++
			continue
		}
		if !r.replaced(q, id) {
			gone = append(gone, id)
		}
		vswitchdb.DeleteQueue(r.tx, at)
	}
	if len(gone) > 0 {
		vswitchdb.UpdateQoS(r.tx, q.UUID).MutateQueuesDelete(gone...)
	}
	return left == 0
}

// replaced tells whether the number is given to another port in this transaction.
func (r *run) replaced(q *vswitchdb.QoS, id int64) bool {
	for p, list := range r.byPort {
		if row := r.Local.Port.Get(p); row != nil && row.QoS == q.UUID {
			return slices.ContainsFunc(list, func(w queue) bool { return w.id == id })
		}
	}
	return false
}

// elsewhere tells whether the logical port lives on a bridge of another agent of
// this host, which then keeps the queue.
func (r *run) elsewhere(lport string) bool {
	if r.others == nil {
		r.others = map[string]bool{}
		for br := range r.Local.Bridge.All() {
			if br.UUID == r.Bridge.UUID {
				continue
			}
			for p, i := range r.Local.Interfaces(br) {
				r.others[i.ExternalIDs.Get("iface-id")] = true
				if i.Type == "patch" && !r.ourPatch(i) {
					r.others[p.ExternalIDs.Get("ovn-localnet-port")] = true
				}
			}
		}
	}
	return r.others[lport]
}

// ourPatch: the other end is on the integration bridge.
func (r *run) ourPatch(i *vswitchdb.Interface) bool {
	peer := r.Local.PortByName.One(i.Options.Get("peer"))
	return peer != nil && slices.Contains(r.Bridge.Ports, peer.UUID)
}

// orphan removes what is left of an agent's QoS row that no port uses.
func (r *run) orphan(q *vswitchdb.QoS) {
	if r.removeQueues(q, func(int64, string) bool { return false }) && r.MayDelete && replica.True(q.ExternalIDs, qosKey) {
		vswitchdb.DeleteQoS(r.tx, q.UUID)
	}
}

// linkRate is the rate of the port's interface. Drivers of virtual interfaces say
// 10 Gbit/s whatever is behind them.
func (r *run) linkRate(p *vswitchdb.Port) string {
	for _, id := range p.Interfaces {
		i := r.Local.Interface.Get(id)
		if i == nil {
			continue
		}
		if d := i.Status.Get("driver_name"); d == "veth" || d == "tap" {
			break
		}
		if n, ok := i.LinkSpeed.Get(); ok {
			return strconv.FormatInt(n, 10)
		}
	}
	return strconv.FormatInt(maxRate, 10)
}
