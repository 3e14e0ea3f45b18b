// Package servicemonitor is the duty that has services behind ports of this chassis
// probed (table Service_Monitor, ovn-sb(5)) and writes whether they are online.
//
//	Service_Monitor, Port_Binding ─► dirty rows ─► pinctrl.Service, by key
//	pinctrl ─Put─► outcomes ─► Service_Monitor.status
//
// The status is that of the chassis which has the port; the others leave the row
// alone. Nothing is written before the first outcome, so that a restart does not
// take a service away.
package servicemonitor

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/portaddr"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Defaults of Service_Monitor.options, ovn-sb(5).
const (
	defaultInterval = 5 // seconds
	defaultTimeout  = 3 // seconds
	defaultCount    = 1
)

// Values of Service_Monitor.status and type.
const (
	online  = "online"
	offline = "offline"

	typeNetworkFunction = "network-function"
	typeSwitchPort      = "logical-switch-port"
)

// Prober is the packet-in loop.
type Prober interface {
	Probe(map[pinctrl.ServiceKey]*pinctrl.Service)
}

// Inputs are what a round looks at.
type Inputs struct {
	SB      *replica.SB
	Chassis ovsdb.UUID // zero while unknown
	Changes *sbdb.Changes
}

// Duty is the state between rounds.
type Duty struct {
	// Wake is called when there is something to write.
	Wake func()

	log     *slog.Logger
	byPort  *ovsdb.Index[string, sbdb.ServiceMonitor]
	byInput *ovsdb.Index[string, sbdb.ServiceMonitor]
	chassis ovsdb.UUID
	// probed are the rows whose services are probed here, rows the way back, sorted:
	// nothing keeps two rows from naming one service. The first says how.
	probed map[ovsdb.UUID]target
	rows   map[pinctrl.ServiceKey][]ovsdb.UUID
	// status is what is known of services, unwritten the rows that may say otherwise.
	status    map[pinctrl.ServiceKey]bool
	unwritten map[ovsdb.UUID]bool

	mu       sync.Mutex // guards what follows
	outcomes map[pinctrl.ServiceKey]bool
}

// target is what a row asks for.
type target struct {
	key     pinctrl.ServiceKey
	service pinctrl.Service
}

// New returns a duty for a replica, to which it adds indexes.
func New(db *sbdb.DB, log *slog.Logger) *Duty {
	return &Duty{
		log:     log,
		byPort:  ovsdb.AddIndex(db.ServiceMonitor, func(r *sbdb.ServiceMonitor) (string, bool) { return r.LogicalPort, true }),
		byInput: ovsdb.AddIndex(db.ServiceMonitor, func(r *sbdb.ServiceMonitor) (string, bool) { return r.LogicalInputPort, r.LogicalInputPort != "" }),
		probed:  map[ovsdb.UUID]target{}, rows: map[pinctrl.ServiceKey][]ovsdb.UUID{},
		status: map[pinctrl.ServiceKey]bool{}, unwritten: map[ovsdb.UUID]bool{},
		outcomes: map[pinctrl.ServiceKey]bool{},
	}
}

// Put is called by the packet-in loop when a service came online or went offline;
// it does not block. What is kept is bounded by the services that are probed.
func (d *Duty) Put(k pinctrl.ServiceKey, online bool) {
	d.mu.Lock()
	d.outcomes[k] = online
	d.mu.Unlock()
	if d.Wake != nil {
		d.Wake()
	}
}

// Run looks at what changed, tells the packet-in loop what to probe, and writes
// what has been found out to tx; without one the latter waits.
func (d *Duty) Run(in Inputs, p Prober, tx *ovsdb.Txn) {
	if dirty := d.dirty(in); len(dirty) > 0 {
		if changes := d.evaluate(in, dirty); len(changes) > 0 {
			p.Probe(changes)
		}
	}
	d.mu.Lock()
	outcomes := d.outcomes
	if len(outcomes) > 0 {
		d.outcomes = map[pinctrl.ServiceKey]bool{}
	}
	d.mu.Unlock()
	for k, up := range outcomes {
		for _, id := range d.rows[k] {
			d.status[k] = up
			d.unwritten[id] = true
		}
	}
	if tx != nil {
		d.write(in, tx)
	}
}

// dirty are the rows that a round has to look at.
func (d *Duty) dirty(in Inputs) map[ovsdb.UUID]bool {
	out := map[ovsdb.UUID]bool{}
	c := in.Changes
	if d.chassis != in.Chassis || c != nil && rekeyed(c) {
		d.chassis = in.Chassis
		for r := range in.SB.ServiceMonitor.All() {
			out[r.UUID] = true
		}
	}
	if c == nil {
		return out
	}
	for i := range c.ServiceMonitor {
		for _, r := range []*sbdb.ServiceMonitor{c.ServiceMonitor[i].Old, c.ServiceMonitor[i].New} {
			if r != nil {
				out[r.UUID] = true
			}
		}
	}
	for i := range c.PortBinding {
		for _, pb := range []*sbdb.PortBinding{c.PortBinding[i].Old, c.PortBinding[i].New} {
			if pb == nil {
				continue
			}
			for _, x := range []*ovsdb.Index[string, sbdb.ServiceMonitor]{d.byPort, d.byInput} {
				for _, r := range x.Get(pb.LogicalPort) {
					out[r.UUID] = true
				}
			}
		}
	}
	return out
}

// rekeyed tells whether a datapath has another key.
func rekeyed(c *sbdb.Changes) bool {
	for i := range c.DatapathBinding {
		if o, n := c.DatapathBinding[i].Old, c.DatapathBinding[i].New; o != nil && n != nil && o.TunnelKey != n.TunnelKey {
			return true
		}
	}
	return false
}

// evaluate returns what changes for the packet-in loop.
func (d *Duty) evaluate(in Inputs, dirty map[ovsdb.UUID]bool) map[pinctrl.ServiceKey]*pinctrl.Service {
	touched := map[pinctrl.ServiceKey]bool{}
	for id := range dirty {
		if old, was := d.probed[id]; was {
			touched[old.key] = true
			d.rows[old.key] = slices.DeleteFunc(d.rows[old.key], func(x ovsdb.UUID) bool { return x == id })
			delete(d.probed, id)
		}
		delete(d.unwritten, id)
		row := in.SB.ServiceMonitor.Get(id)
		if row == nil {
			continue
		}
		t, ok, err := d.target(in, row)
		if err != nil {
			d.log.Warn("service not probed", "table", sbdb.TableServiceMonitor, "row", id.String(), "err", err)
		}
		if !ok {
			continue
		}
		touched[t.key] = true
		d.probed[id] = t
		i, _ := slices.BinarySearchFunc(d.rows[t.key], id, ovsdb.UUID.Compare)
		d.rows[t.key] = slices.Insert(d.rows[t.key], i, id)
		// Somebody may have written another status.
		d.unwritten[id] = true
	}
	changes := map[pinctrl.ServiceKey]*pinctrl.Service{}
	for k := range touched {
		rows := d.rows[k]
		if len(rows) == 0 {
			delete(d.rows, k)
			delete(d.status, k)
			changes[k] = nil
			continue
		}
		service := d.probed[rows[0]].service
		changes[k] = &service
	}
	return changes
}

// target is what a row asks of this chassis; ok is false if nothing.
func (d *Duty) target(in Inputs, row *sbdb.ServiceMonitor) (t target, ok bool, err error) {
	port := in.SB.PortByName.One(row.LogicalPort)
	if port == nil || row.Remote || !d.here(port) || !port.Up.Or(true) {
		return t, false, nil
	}
	dp := in.SB.DatapathBinding.Get(port.Datapath)
	if dp == nil {
		return t, false, nil
	}
	t.key.At = pinctrl.PortKey{Datapath: uint32(dp.TunnelKey), Port: uint32(port.TunnelKey)}
	t.service.Out = t.key.At.Port
	if t.key.Protocol, err = protocol(row); err != nil {
		return t, false, err
	}
	if t.key.Protocol != pinctrl.ServiceICMP {
		t.key.Port = uint16(row.Port)
	}
	if t.key.IP, err = address(row.IP); err != nil {
		return t, false, err
	}
	if t.service.From, err = address(row.SrcIP); err != nil {
		return t, false, err
	}
	if t.key.IP.Is4() != t.service.From.Is4() {
		return t, false, fmt.Errorf("%s cannot be probed from %s", row.IP, row.SrcIP)
	}
	if t.service.FromMAC, err = pinctrl.ParseMAC(row.SrcMAC); err != nil {
		return t, false, err
	}
	if row.Type.Value() == typeNetworkFunction {
		input := in.SB.PortByName.One(row.LogicalInputPort)
		if input == nil || !d.here(input) {
			return t, false, nil
		}
		t.service.Out = uint32(input.TunnelKey)
		if t.service.MAC, err = pinctrl.ParseMAC(row.MAC); err != nil {
			return t, false, err
		}
	} else if t.service.MAC, ok = ethernet(port, t.key.IP); !ok {
		return t, false, fmt.Errorf("port %s has no Ethernet address for %s", row.LogicalPort, row.IP)
	}
	t.service.Interval, t.service.Timeout = seconds(row, "interval", defaultInterval), seconds(row, "timeout", defaultTimeout)
	t.service.Success, t.service.Failure = number(row, "success_count", defaultCount), number(row, "failure_count", defaultCount)
	return t, true, nil
}

func (d *Duty) here(p *sbdb.PortBinding) bool { return !d.chassis.IsZero() && p.Chassis == d.chassis }

// protocol is what a row wants to be probed by, if its type may be.
func protocol(row *sbdb.ServiceMonitor) (pinctrl.ServiceProtocol, error) {
	p := pinctrl.ServiceTCP
	switch row.Protocol.Value() {
	case "udp":
		p = pinctrl.ServiceUDP
	case "icmp":
		p = pinctrl.ServiceICMP
	}
	ok := true
	switch row.Type.Value() {
	case typeSwitchPort:
	case typeNetworkFunction:
		ok = p == pinctrl.ServiceICMP
	default:
		ok = p != pinctrl.ServiceICMP
	}
	if !ok {
		return p, fmt.Errorf("type %q is not probed by %q", row.Type.Value(), row.Protocol.Value())
	}
	return p, nil
}

// ethernet is the address that a port has the IP address with or, where its
// addresses name none, the first.
func ethernet(p *sbdb.PortBinding, ip netip.Addr) (pinctrl.MAC, bool) {
	for _, s := range p.MAC {
		a, ok := portaddr.Parse(s)
		if !ok {
			continue
		}
		if len(a.IPs) == 0 {
			return a.MAC, true
		}
		for _, has := range a.IPs {
			if has == ip {
				return a.MAC, true
			}
		}
	}
	return pinctrl.MAC{}, false
}

func address(s string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(s)
	if err == nil && ip.Zone() != "" {
		err = fmt.Errorf("%q has a zone", s)
	}
	return ip.Unmap(), err
}

// maxSeconds bounds intervals, so that a duration holds them.
const maxSeconds = 1 << 31

// seconds reads an option, at least one second.
func seconds(row *sbdb.ServiceMonitor, key string, otherwise int) time.Duration {
	return time.Duration(min(max(number(row, key, otherwise), 1), maxSeconds)) * time.Second
}

func number(row *sbdb.ServiceMonitor, key string, otherwise int) int {
	n, err := strconv.Atoi(row.Options.Get(key))
	if err != nil {
		return otherwise
	}
	return n
}

// write adds what rows do not say yet. A row is looked at again until it says so.
func (d *Duty) write(in Inputs, tx *ovsdb.Txn) {
	for id := range d.unwritten {
		row := in.SB.ServiceMonitor.Get(id)
		up, known := d.status[d.probed[id].key]
		want := offline
		if up {
			want = online
		}
		if row == nil || !known || row.Status.Value() == want {
			delete(d.unwritten, id)
			continue
		}
		sbdb.UpdateServiceMonitor(tx, id).SetStatus(want)
	}
}
