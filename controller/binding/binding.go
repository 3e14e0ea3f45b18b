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
// The flood goes on from there when its starting points or a link changed (forest),
// and interfaces are looked at one by one as their rows change (plugged).
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
	// Zones names those who may want another conntrack zone than before, or none: see
	// Duty.ZoneUser.
	Zones map[string]bool
	// Scope says that what is to be monitored changed: the chassis, the set of
	// interfaces, or that of datapaths. Networks says that the latter did.
	Scope    bool
	Networks bool
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

	plugged       plugged
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
	names     map[string][]ovsdb.UUID // local datapaths by name, in order
	forest    *forest
	edits     edits // what the forest has not followed yet

	delta Delta
}

// New returns a duty that has seen nothing.
func New(log *slog.Logger) *Duty {
	return &Duty{
		log: log, plugged: newPlugged(), verdicts: map[string]verdict{}, dirty: map[string]bool{},
		pending: map[string]bool{}, claimedAt: map[string]time.Time{}, postponed: map[string]time.Time{},
		leaving: map[string]time.Time{}, returned: map[string]bool{}, lingering: map[ovsdb.UUID]time.Time{},
		refusedLogged: map[string]bool{}, unknownLogged: map[string]bool{}, boundHere: map[string]bool{}, zoned: map[string]bool{}, roots: map[ovsdb.UUID]int{},
		datapaths: map[ovsdb.UUID]*LocalDatapath{}, names: map[string][]ovsdb.UUID{}, forest: newForest(maxDepth), edits: newEdits(),
	}
}

// Run judges what changed and adds claims and releases to tx; with tx nil they
// wait for a later round.
func (d *Duty) Run(in Inputs, tx *ovsdb.Txn) Delta {
	d.in = in
	clear(d.returned)
	d.delta = Delta{
		Datapaths: map[ovsdb.UUID]*LocalDatapath{}, Interfaces: map[string]*Interface{},
		Resident: map[string]bool{}, Bound: map[string]bool{}, Zones: map[string]bool{},
	}
	d.followInterfaces()
	d.noteChanges()
	if in.Chassis == nil {
		d.forget()
		return d.delta
	}
	d.judge()
	if !d.edits.empty() {
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
	d.edits.all = true
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
	d.noteGroups(c)
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
		d.forest.note(p, &d.edits)
	}
}

// noteGroups marks what depends on the members of HA groups. Which of a group is first
// is nothing to the links.
func (d *Duty) noteGroups(c *sbdb.Changes) {
	if len(c.HAChassisGroup)+len(c.HAChassis) == 0 {
		return
	}
	d.markHA()
	for i := range c.HAChassis {
		if x := &c.HAChassis[i]; x.Old == nil || x.New == nil || x.Cols.Has(sbdb.HAChassisColChassis) {
			d.edits.all = true
		}
	}
	for i := range c.HAChassisGroup {
		if x := &c.HAChassisGroup[i]; x.Old == nil || x.New == nil || x.Cols.Has(sbdb.HAChassisGroupColHAChassis) {
			d.edits.all = true
		}
	}
}

func (d *Duty) noteDatapath(c *ovsdb.Change[sbdb.DatapathBinding]) {
	row := c.New
	if row == nil {
		row = c.Old
	}
	d.edits.datapaths[row.UUID] = true
	if c.Old == nil || c.New == nil || replica.IsSwitch(c.Old) != replica.IsSwitch(c.New) {
		d.edits.converted[row.UUID] = true
	}
	keyed := c.Old == nil || c.New != nil && c.Cols.Has(sbdb.DatapathBindingColTunnelKey)
	limited := limitText(c.Old) != limitText(c.New)
	if !keyed && !limited {
		return
	}
	for _, p := range d.in.SB.PortsByDatapath.Get(row.UUID) {
		if keyed {
			d.mark(p.LogicalPort)
		}
		if limited && d.zoned[p.LogicalPort] {
			d.delta.Zones[p.LogicalPort] = true
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
		Inputs: d.in, ifaces: d.plugged.byPort,
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
	if old.zone != now.zone || old.zoneLimit != now.zoneLimit || old.datapath != now.datapath {
		if old.zone || now.zone {
			d.delta.Zones[lport] = true
		}
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
		d.edits.roots[v.datapath] = true
	}
}

// isRoot tells whether a datapath is local by itself, and not for a link.
func (d *Duty) isRoot(id ovsdb.UUID) bool {
	_, lingers := d.lingering[id]
	return lingers || d.roots[id] > 0
}

// refreshDatapaths has the forest follow what changed and notes which datapaths came,
// went or changed.
func (d *Duty) refreshDatapaths() {
	for id := range d.edits.roots {
		if d.roots[id] > 0 {
			delete(d.lingering, id)
		}
	}
	f := d.forest
	f.sb, f.us, f.log, f.isRoot = d.in.SB, d.in.Chassis.UUID, func(s string) { d.log.Warn(s) }, d.isRoot
	if d.edits.all || !f.refresh(&d.edits) {
		f = d.growForest()
	}
	d.edits.clear()
	for id := range f.touched {
		d.publish(id, f.nodes[id])
	}
	clear(f.touched)
}

// growForest floods from scratch.
func (d *Duty) growForest() *forest {
	f := newForest(d.forest.limit)
	f.sb, f.us, f.log, f.isRoot = d.forest.sb, d.forest.us, d.forest.log, d.isRoot
	roots := slices.Collect(maps.Keys(d.roots))
	for id := range d.lingering {
		if d.roots[id] == 0 {
			roots = append(roots, id)
		}
	}
	f.grow(roots)
	if f.deep {
		f.log("datapaths nested too deep")
	}
	for id := range d.datapaths {
		f.touched[id] = true
	}
	// A refresh that was given up has been at what is published.
	for id := range d.forest.touched {
		if n := f.nodes[id]; n != nil {
			n.changed = true
		}
	}
	d.forest = f
	return f
}

// publish makes known what became of a datapath, nil if it is not local.
func (d *Duty) publish(id ovsdb.UUID, n *node) {
	old := d.datapaths[id]
	var now *LocalDatapath
	switch {
	case n == nil && old == nil:
		return
	case n == nil:
		delete(d.datapaths, id)
	case old != nil && old.Row == n.row:
		// What a node once published shares its peers with it.
		changed := n.changed || !n.published && !slices.Equal(old.Peers, n.peers)
		old.Peers = n.peers
		n.published, n.changed = true, false
		if !changed {
			return
		}
		now = old
	default:
		now = localDatapath(n.row, n.peers)
		n.published, n.changed = true, false
		d.datapaths[id] = now
	}
	d.delta.Datapaths[id] = now
	if now == old {
		return
	}
	if old == nil || now == nil {
		d.delta.Scope, d.delta.Networks = true, true
		d.markLocalnets(id)
	} else if old.Key != now.Key {
		d.delta.Scope, d.delta.Networks = true, true
	}
	d.rename(id, old, -1)
	d.rename(id, now, 1)
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
	for id, dp := range d.datapaths {
		d.delta.Datapaths[id] = nil
		d.delta.Scope, d.delta.Networks = true, true
		d.rename(id, dp, -1)
	}
	clear(d.datapaths)
	d.forest = newForest(d.forest.limit)
	d.edits.clear()
	d.edits.all = true
	clear(d.pending)
	clear(d.dirty)
	clear(d.leaving)
	clear(d.lingering)
	d.chassis = nil
}
