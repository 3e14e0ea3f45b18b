// Package neighbor is the duty between the packet-in loop and the southbound
// table MAC_Binding: what logical routers learn is written there, and what is
// there lets packets go on that wait for it.
//
//	packet-in loop ─Learned─► Queue ─► Write ─► MAC_Binding
//	      ▲                                        │
//	      └──────────── Index ◄────Update──────────┘
package neighbor

import (
	"net/netip"
	"sync"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Index finds the neighbours of logical ports by the keys that packets carry. It
// follows the replica change by change; Neighbor may be called from any goroutine
// meanwhile.
type Index struct {
	// Pending finds what was learned and is not in the replica yet; nil finds nothing.
	Pending func(pinctrl.Neighbor) (pinctrl.MAC, bool)

	mu        sync.RWMutex // guards what follows
	datapaths map[uint32]ovsdb.UUID
	rows      map[ovsdb.UUID]*sbdb.DatapathBinding
	ports     map[portKey]string // logical_port, or for chassisredirect ports that of the distributed port
	links     map[string]link    // patch and l3gateway ports by logical_port
	macs      map[portIP]mac
}

// link is a port between a switch and a router.
type link struct {
	at   portKey
	peer string
}

type portKey struct {
	datapath ovsdb.UUID
	key      uint32
}

type portIP struct {
	port string
	ip   netip.Addr
}

type mac struct {
	addr pinctrl.MAC
	// row is the MAC_Binding, so that its successor is not deleted with it.
	row ovsdb.UUID
}

// NewIndex returns an empty Index.
func NewIndex() *Index {
	return &Index{
		datapaths: map[uint32]ovsdb.UUID{}, rows: map[ovsdb.UUID]*sbdb.DatapathBinding{},
		ports: map[portKey]string{}, links: map[string]link{}, macs: map[portIP]mac{},
	}
}

// Neighbor implements pinctrl.Snapshot.
func (x *Index) Neighbor(n pinctrl.Neighbor) (pinctrl.MAC, bool) {
	if x.Pending != nil {
		if m, ok := x.Pending(n); ok {
			return m, true
		}
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	dp, ok := x.datapaths[n.Datapath]
	if !ok {
		return pinctrl.MAC{}, false
	}
	m, ok := x.macs[portIP{x.ports[portKey{dp, n.Port}], n.IP}]
	return m.addr, ok
}

// Router is the router port behind a port: the distributed port that a
// chassisredirect port stands for, a router's port itself, or the peer of a switch's
// port. Guests' ports have none.
func (x *Index) Router(p pinctrl.PortKey) (pinctrl.PortKey, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	dp, ok := x.datapaths[p.Datapath]
	if !ok {
		return p, false
	}
	l, ok := x.links[x.ports[portKey{dp, p.Port}]]
	if ok && replica.IsSwitch(x.rows[dp]) {
		l, ok = x.links[l.peer]
	}
	row := x.rows[l.at.datapath]
	if !ok || row == nil || replica.IsSwitch(row) {
		return p, false
	}
	return pinctrl.PortKey{Datapath: uint32(row.TunnelKey), Port: l.at.key}, true
}

// Update follows an update of the replica. It reports whether addresses became
// known that packets may wait for.
func (x *Index) Update(ch *sbdb.Changes) bool {
	if len(ch.DatapathBinding)+len(ch.PortBinding)+len(ch.MACBinding) == 0 {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range ch.DatapathBinding {
		if c.Old != nil && x.datapaths[uint32(c.Old.TunnelKey)] == c.Old.UUID {
			delete(x.datapaths, uint32(c.Old.TunnelKey))
			delete(x.rows, c.Old.UUID)
		}
	}
	for _, c := range ch.DatapathBinding {
		if c.New != nil {
			x.datapaths[uint32(c.New.TunnelKey)] = c.New.UUID
			x.rows[c.New.UUID] = c.New
		}
	}
	for _, c := range ch.PortBinding {
		if p := c.Old; p != nil {
			delete(x.ports, portKey{p.Datapath, uint32(p.TunnelKey)})
			delete(x.links, p.LogicalPort)
		}
	}
	for _, c := range ch.PortBinding {
		if p := c.New; p != nil {
			k := portKey{p.Datapath, uint32(p.TunnelKey)}
			x.ports[k] = learnsAs(p)
			if p.Type == "patch" || p.Type == "l3gateway" {
				x.links[p.LogicalPort] = link{k, p.Options.Get("peer")}
			}
		}
	}
	for _, c := range ch.MACBinding {
		if k, m, ok := parse(c.Old); ok && x.macs[k].row == m.row {
			delete(x.macs, k)
		}
	}
	known := false
	for _, c := range ch.MACBinding {
		if k, m, ok := parse(c.New); ok {
			x.macs[k] = m
			known = true
		}
	}
	return known
}

// learnsAs is the port whose neighbours p uses: a chassisredirect port stands for
// a distributed one.
func learnsAs(p *sbdb.PortBinding) string {
	if p.Type == "chassisredirect" {
		return p.Options.Get("distributed-port")
	}
	return p.LogicalPort
}

func parse(r *sbdb.MACBinding) (k portIP, m mac, ok bool) {
	if r == nil {
		return k, m, false
	}
	ip, err := netip.ParseAddr(r.IP)
	if err != nil {
		return k, m, false
	}
	addr, err := pinctrl.ParseMAC(r.MAC)
	return portIP{r.LogicalPort, ip}, mac{addr, r.UUID}, err == nil
}
