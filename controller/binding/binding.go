// Package binding decides which logical ports live on this chassis, claims and
// releases them in the southbound database, and derives from them what else is
// local: datapaths, related ports, residency, users of conntrack zones.
//
//	Port_Binding, Interface, HA state ──► verdict per port (pure)
//	                                         ├──► claims and releases (Txn)
//	                                         ├──► datapaths (flood through peers)
//	                                         └──► Delta for the translation
//
// Only ports touched by a change are judged again: the port itself, ports whose
// interface it provides, ports of an HA group whose members or tunnels changed.
// The flood runs again when its starting points or a link changed; its cost is
// that of the links, not of the ports.
package binding

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// Inputs are what a round of the duty looks at.
type Inputs struct {
	SB      *replica.SB
	Local   *replica.Local
	Bridge  *vswitchdb.Bridge
	Chassis *sbdb.Chassis
	// UpTunnels are the chassis that BFD reports up.
	UpTunnels map[string]bool
	Now       time.Time
	// MayRelease is false until the southbound contents are complete.
	MayRelease bool

	// SBChanges and LocalChanges happened since the last round; nil for none.
	SBChanges    *sbdb.Changes
	LocalChanges *vswitchdb.Changes
}

// Delta is what changed for the translation. A nil value takes the entry away.
type Delta struct {
	Datapaths  map[ovsdb.UUID]*LocalDatapath
	Interfaces map[string]*Interface
	// Related is in order: a port whose keys changed is taken away, then added.
	Related  []RelatedChange
	Resident map[string]bool
	// Bound tells of ports bound here through an interface, their own or a parent's.
	Bound map[string]bool
	// Zones says that the users of conntrack zones changed.
	Zones bool
	// Scope says that the interfaces' or the datapaths' set changed, and with it
	// what is to be monitored.
	Scope bool
}

// RelatedChange says that a port became related to this chassis or ceased to be.
type RelatedChange struct {
	LPort   string
	Key     PortKey
	Related bool
}

// Duty is the state between rounds.
type Duty struct {
	log *slog.Logger
	in  Inputs

	ifaces        map[string]*Interface
	bridge        ovsdb.UUID
	chassis       *sbdb.Chassis
	upTunnels     map[string]bool
	verdicts      map[string]verdict
	dirty         map[string]bool
	pending       map[string]bool // ports whose row is not in line yet
	claimedAt     map[string]time.Time
	postponed     map[string]time.Time
	leaving       map[string]time.Time     // until when ports without interface keep their row
	returned      map[string]bool          // ports whose interface came back before that, this round
	lingering     map[ovsdb.UUID]time.Time // until when datapaths without ports stay local
	refusedLogged map[string]bool
	unknownLogged map[string]bool

	boundHere map[string]bool // ports bound through an interface
	zoned     map[string]bool // ports that want a conntrack zone
	roots     map[ovsdb.UUID]int
	datapaths map[ovsdb.UUID]*LocalDatapath
	topology  bool // the flood is to run again

	delta Delta
}

// New returns a duty that has seen nothing.
func New(log *slog.Logger) *Duty {
	return &Duty{
		log: log, ifaces: map[string]*Interface{}, verdicts: map[string]verdict{}, dirty: map[string]bool{},
		pending: map[string]bool{}, claimedAt: map[string]time.Time{}, postponed: map[string]time.Time{},
		leaving: map[string]time.Time{}, returned: map[string]bool{}, lingering: map[ovsdb.UUID]time.Time{},
		refusedLogged: map[string]bool{}, unknownLogged: map[string]bool{}, boundHere: map[string]bool{}, zoned: map[string]bool{}, roots: map[ovsdb.UUID]int{},
		datapaths: map[ovsdb.UUID]*LocalDatapath{},
	}
}

// Run judges what changed and adds claims and releases to tx; with tx nil they
// wait for a later round.
func (d *Duty) Run(in Inputs, tx *ovsdb.Txn) Delta {
	d.in = in
	clear(d.returned)
	d.delta = Delta{
		Datapaths: map[ovsdb.UUID]*LocalDatapath{}, Interfaces: map[string]*Interface{},
		Resident: map[string]bool{}, Bound: map[string]bool{},
	}
	d.scanInterfaces()
	d.noteChanges()
	if in.Chassis == nil {
		d.forget()
		return d.delta
	}
	d.judge()
	if d.topology {
		d.topology = false
		d.refreshDatapaths()
		d.judge() // localnet ports of datapaths that came or went
	}
	// Ports of their own interface first: a container waits for a parent that is
	// postponed.
	d.settle(tx, func(v verdict) bool { return v.carries })
	d.judge()
	d.settle(tx, func(v verdict) bool { return !v.carries })
	return d.delta
}

// Pending tells whether some row is not in line yet because it could not be
// written.
func (d *Duty) Pending() bool { return len(d.pending) > 0 }

// NextTimer is when something that was put off is due: a claim, a release, the end
// of a datapath. It is zero when there is nothing.
func (d *Duty) NextTimer() time.Time {
	var next time.Time
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, t := range d.postponed {
		sooner(t)
	}
	for _, t := range d.leaving {
		sooner(t)
	}
	for _, t := range d.lingering {
		sooner(t)
	}
	return next
}

func (d *Duty) mark(lport string) {
	if lport != "" {
		d.dirty[lport] = true
	}
}

func (d *Duty) markChildren(lport string) {
	for _, c := range d.in.SB.PortsByParent.Get(lport) {
		d.mark(c.LogicalPort)
	}
}

func (d *Duty) markAll() {
	for p := range d.in.SB.PortBinding.All() {
		d.mark(p.LogicalPort)
	}
	for lport := range d.verdicts {
		d.mark(lport)
	}
	d.topology = true
}

// scanInterfaces lists the bridge's interfaces again when the local database
// changed, and marks the ports of those that differ.
func (d *Duty) scanInterfaces() {
	var br ovsdb.UUID
	if d.in.Bridge != nil {
		br = d.in.Bridge.UUID
	}
	c := d.in.LocalChanges
	if br == d.bridge && (c == nil || len(c.Port)+len(c.Interface) == 0 && !portsChanged(c.Bridge)) {
		return
	}
	d.bridge = br
	now := scan(d.in.Local, d.in.Bridge, d.ifaces, d.log)
	for lport, i := range now {
		old := d.ifaces[lport]
		if old == nil {
			d.delta.Scope = true
		}
		if old == nil || *old != *i {
			d.mark(lport)
			d.markChildren(lport)
		}
	}
	for lport := range d.ifaces {
		if now[lport] == nil {
			d.delta.Scope, d.delta.Zones = true, true
			d.mark(lport)
			d.markChildren(lport)
		}
	}
	d.ifaces = now
}

// noteChanges marks the ports that changes of the southbound database, of the own
// chassis and of tunnels touch.
func (d *Duty) noteChanges() {
	if old := d.chassis; old != d.in.Chassis {
		d.chassis = d.in.Chassis
		if old == nil || d.in.Chassis == nil || old.UUID != d.in.Chassis.UUID || old.Name != d.in.Chassis.Name ||
			old.Hostname != d.in.Chassis.Hostname || !slices.Equal(old.Encaps, d.in.Chassis.Encaps) {
			d.markAll()
			d.delta.Scope = true
		}
	}
	if !maps.Equal(d.upTunnels, d.in.UpTunnels) {
		d.upTunnels = d.in.UpTunnels
		d.markHA()
	}
	for lport, until := range d.postponed {
		if !d.in.Now.Before(until) {
			d.mark(lport)
			d.markChildren(lport)
		}
	}
	d.endPatience()
	c := d.in.SBChanges
	if c == nil {
		return
	}
	for i := range c.PortBinding {
		d.notePort(&c.PortBinding[i])
	}
	if len(c.HAChassisGroup)+len(c.HAChassis) > 0 {
		d.markHA()
		d.topology = true
	}
	for i := range c.Chassis {
		// Members of HA groups are ordered by name, and exist only with their chassis.
		if c.Chassis[i].Old == nil || c.Chassis[i].New == nil {
			d.markHA()
			break
		}
	}
	if len(c.Encap) > 0 {
		for lport, v := range d.verdicts {
			if v.iface != nil && v.iface.EncapIP != "" {
				d.mark(lport)
			}
		}
	}
	for i := range c.DatapathBinding {
		d.noteDatapath(&c.DatapathBinding[i])
	}
}

func (d *Duty) notePort(c *ovsdb.Change[sbdb.PortBinding]) {
	for _, p := range []*sbdb.PortBinding{c.Old, c.New} {
		if p == nil {
			continue
		}
		d.mark(p.LogicalPort)
		d.markChildren(p.LogicalPort)
		switch p.Type {
		case "patch", "l3gateway", "chassisredirect":
			d.topology = true
		}
	}
}

func (d *Duty) noteDatapath(c *ovsdb.Change[sbdb.DatapathBinding]) {
	row := c.New
	if row == nil {
		row = c.Old
	}
	if d.roots[row.UUID] > 0 || d.datapaths[row.UUID] != nil {
		d.topology = true
	}
	if c.Old != nil && c.New != nil && c.Cols.Has(sbdb.DatapathBindingColTunnelKey) || c.Old == nil {
		for _, p := range d.in.SB.PortsByDatapath.Get(row.UUID) {
			d.mark(p.LogicalPort)
		}
	}
}

func (d *Duty) markHA() {
	for _, typ := range []string{"chassisredirect", "external"} {
		for _, p := range d.in.SB.PortsByType.Get(typ) {
			d.mark(p.LogicalPort)
		}
	}
}

func (d *Duty) view() *view {
	return &view{
		Inputs: d.in, ifaces: d.ifaces,
		isLocal:   func(id ovsdb.UUID) bool { return d.datapaths[id] != nil },
		postponed: func(lport string) bool { _, ok := d.postponed[lport]; return ok },
		dpKey: func(id ovsdb.UUID) uint32 {
			if row := d.in.SB.DatapathBinding.Get(id); row != nil {
				return uint32(row.TunnelKey)
			}
			return 0
		},
		unknownLog: func(p *sbdb.PortBinding) {
			if !d.unknownLogged[p.Type] {
				d.unknownLogged[p.Type] = true
				d.log.Warn(fmt.Sprintf("Unknown port binding type [%s] for port binding [%s]. "+
					"Does the ovn-controller need an update ?", p.Type, p.LogicalPort))
			}
		},
	}
}

// judge decides every marked port and keeps what is derived from the verdicts.
func (d *Duty) judge() {
	v := d.view()
	for lport := range d.dirty {
		delete(d.dirty, lport)
		old, had := d.verdicts[lport]
		p := d.in.SB.PortByName.One(lport)
		if p == nil {
			if had {
				d.replace(lport, old, verdict{})
				delete(d.verdicts, lport)
			}
			d.gone(lport)
			continue
		}
		now := v.decide(p)
		d.replace(lport, old, now)
		d.verdicts[lport] = now
		d.pending[lport] = true
	}
}

// gone forgets a port that has no row; its interface, if any, waits for one.
func (d *Duty) gone(lport string) {
	delete(d.pending, lport)
	delete(d.postponed, lport)
	delete(d.refusedLogged, lport)
	delete(d.claimedAt, lport)
	delete(d.leaving, lport)
}

func (d *Duty) replace(lport string, old, now verdict) {
	if old.root != now.root || old.root && old.datapath != now.datapath {
		d.countRoot(old, -1)
		d.countRoot(now, 1)
	}
	if old.related != now.related || old.related && old.key != now.key {
		if old.related {
			d.delta.Related = append(d.delta.Related, RelatedChange{lport, old.key, false})
		}
		if now.related {
			d.delta.Related = append(d.delta.Related, RelatedChange{lport, now.key, true})
		}
	}
	if old.iface != nil && now.iface == nil {
		// Whoever takes the interface away gives the port up: no dispute if it comes back.
		delete(d.claimedAt, lport)
		delete(d.postponed, lport)
		if d.lostInterface(old) {
			d.leaving[lport] = d.in.Now.Add(releaseDelay)
		}
	} else if now.iface != nil && d.leaves(lport) {
		delete(d.leaving, lport)
		d.returned[lport] = true
	}
	if wasBound, isBound := old.bound(), now.bound(); wasBound != isBound {
		d.delta.Bound[lport] = isBound
		setMember(d.boundHere, lport, isBound)
	}
	if old.resident != now.resident {
		d.delta.Resident[lport] = now.resident
	}
	if old.zone != now.zone || old.zoneLimit != now.zoneLimit {
		d.delta.Zones = true
		setMember(d.zoned, lport, now.zone)
	}
	var was, is *Interface
	if old.carries {
		was = old.iface
	}
	if now.carries {
		is = now.iface
	}
	if (was == nil) != (is == nil) || is != nil && !was.sameForFlows(is) {
		d.delta.Interfaces[lport] = is
	}
}

func setMember(m map[string]bool, k string, in bool) {
	if in {
		m[k] = true
	} else {
		delete(m, k)
	}
}

func (d *Duty) countRoot(v verdict, n int) {
	if !v.root {
		return
	}
	before := d.roots[v.datapath]
	if d.roots[v.datapath] += n; d.roots[v.datapath] == 0 {
		delete(d.roots, v.datapath)
		if d.lostInterface(v) {
			d.lingering[v.datapath] = d.in.Now.Add(lingerTime)
		}
	}
	if (before == 0) != (d.roots[v.datapath] == 0) {
		d.topology = true
	}
}

// refreshDatapaths floods again and notes which datapaths came, went or changed.
func (d *Duty) refreshDatapaths() {
	f := &flood{in: d.in, out: map[ovsdb.UUID]*LocalDatapath{}, log: func(s string) { d.log.Warn(s) }}
	for id := range d.roots {
		f.add(id, 0)
		delete(d.lingering, id)
	}
	for id := range d.lingering {
		f.add(id, 0)
	}
	sortPeers(f.out)
	before := d.datapaths
	d.datapaths = f.out
	for id, now := range f.out {
		old := before[id]
		if old == nil {
			d.delta.Scope, d.delta.Zones = true, true
			d.markLocalnets(id)
		} else if old.equal(now) {
			f.out[id] = old
			continue
		} else if old.Row != now.Row {
			d.delta.Zones = true
		}
		d.delta.Datapaths[id] = now
	}
	for id := range before {
		if f.out[id] == nil {
			d.delta.Scope, d.delta.Zones = true, true
			d.delta.Datapaths[id] = nil
			d.markLocalnets(id)
		}
	}
}

func (d *Duty) markLocalnets(dp ovsdb.UUID) {
	for _, p := range d.in.SB.PortsByDatapath.Get(dp) {
		if p.Type == "localnet" {
			d.mark(p.LogicalPort)
		}
	}
}

// settle brings rows of the chosen ports in line as far as tx allows.
func (d *Duty) settle(tx *ovsdb.Txn, choose func(verdict) bool) {
	ports := make([]string, 0, len(d.pending))
	for lport := range d.pending {
		if choose(d.verdicts[lport]) {
			ports = append(ports, lport)
		}
	}
	slices.Sort(ports)
	for _, lport := range ports {
		p := d.in.SB.PortByName.One(lport)
		if p == nil || d.write(p, d.verdicts[lport], tx) {
			delete(d.pending, lport)
		}
	}
	for lport, at := range d.claimedAt {
		if d.in.Now.Sub(at) >= disputeTime {
			delete(d.claimedAt, lport)
		}
	}
}

// forget takes everything back while the chassis is not registered.
func (d *Duty) forget() {
	for lport, v := range d.verdicts {
		d.replace(lport, v, verdict{})
		delete(d.verdicts, lport)
	}
	for id := range d.datapaths {
		d.delta.Datapaths[id] = nil
		d.delta.Scope, d.delta.Zones = true, true
	}
	clear(d.datapaths)
	clear(d.pending)
	clear(d.dirty)
	clear(d.leaving)
	clear(d.lingering)
	d.chassis = nil
}
