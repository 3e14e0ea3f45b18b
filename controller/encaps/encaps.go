// Package encaps keeps the tunnel ports of the integration bridge: for each other
// chassis in a common transport zone, a port for each pair of remote and local
// addresses of the preferred tunnel type, or with flow-based tunnels one port for
// each type.
//
// A tunnel port is recognised by external_ids:ovn-chassis-id, which is
// "<chassis>@<remote ip>%<local ip>" ("<chassis>@<remote ip>" from old versions,
// "flow" when flow-based).
package encaps

import (
	"fmt"
	"hash/crc32"
	"iter"
	"log/slog"
	"maps"
	"math/bits"
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
	idKey       = "ovn-chassis-id"
	typeKey     = "ovn-tunnel-type"
	evpnKey     = "ovn-evpn-tunnel"
	flowBasedID = "flow"
	namePrefix  = "ovn"
	// maxCounters is how many counters names have: four hexadecimal digits.
	maxCounters = 1 << 16
)

// preference of tunnel types, best first.
var preference = []string{"geneve", "vxlan"}

// Inputs are what the tunnels are made of.
type Inputs struct {
	SB      *replica.SB
	Local   *replica.Local
	Config  config.Config
	Bridge  *vswitchdb.Bridge
	Chassis *sbdb.Chassis
	// Index is the agent's character in the names of ports.
	Index string
	// MayDelete is false until the southbound contents are complete.
	MayDelete bool
}

// tunnel is one wanted port.
type tunnel struct {
	id, oldID   string
	chassis     string // what the name is made of
	name        string // fixed name, "" to choose one
	typ         string
	options     ovsdb.Map
	otherConfig ovsdb.Map
	portIDs     ovsdb.Map
}

// Duty finds tunnel ports by the chassis at their other end, and remembers for which
// of them the ports are to be looked at.
type Duty struct {
	sb    *replica.SB
	local *replica.Local
	// tunnels are the marked ports by chassis, those shared by all at "".
	tunnels *ovsdb.Index[string, vswitchdb.Port]
	evpn    *ovsdb.Index[bool, vswitchdb.Port]
	// named are ports by what precedes the counter in their names.
	named    *ovsdb.Index[string, vswitchdb.Port]
	byEncap  *ovsdb.Index[ovsdb.UUID, sbdb.Chassis]
	due      map[string]bool
	evpnsDue bool
}

// New returns a duty with nothing to do.
func New(sb *replica.SB, l *replica.Local) *Duty {
	return &Duty{
		sb: sb, local: l, due: map[string]bool{},
		tunnels: ovsdb.AddIndex(l.Port, func(p *vswitchdb.Port) (string, bool) {
			id, ok := p.ExternalIDs.Lookup(idKey)
			chassis, _, _, _ := ParseID(id)
			return chassis, ok
		}),
		evpn: ovsdb.AddIndex(l.Port, func(p *vswitchdb.Port) (bool, bool) { return true, replica.True(p.ExternalIDs, evpnKey) }),
		named: ovsdb.AddIndex(l.Port, func(p *vswitchdb.Port) (string, bool) {
			i := strings.LastIndexByte(p.Name, '-')
			return p.Name[:i+1], i > 0 && strings.HasPrefix(p.Name, namePrefix)
		}),
		byEncap: ovsdb.AddListIndex(sb.Chassis, func(c *sbdb.Chassis) []ovsdb.UUID { return c.Encaps }),
	}
}

// Ports iterates over the ports of a bridge that are marked as tunnels to a chassis,
// "" for those shared by all, in the order of their UUIDs.
func (d *Duty) Ports(br *vswitchdb.Bridge, chassis string) iter.Seq[*vswitchdb.Port] {
	return func(yield func(*vswitchdb.Port) bool) {
		for _, p := range d.tunnels.Get(chassis) {
			if replica.Has(br, p) && !yield(p) {
				return
			}
		}
	}
}

// Peer tells whether a port is marked as a tunnel, and to which chassis: "" when it is
// shared by all.
func Peer(p *vswitchdb.Port) (chassis string, ok bool) {
	id, ok := p.ExternalIDs.Lookup(idKey)
	chassis, _, _, _ = ParseID(id)
	return chassis, ok
}

// Changed says that the tunnels to a chassis may not be what they are to be.
func (d *Duty) Changed(chassis string) { d.due[chassis] = true }

// PortChanged is Changed for a port that was or is marked.
func (d *Duty) PortChanged(p *vswitchdb.Port) {
	if chassis, ok := Peer(p); ok {
		d.due[chassis] = true
	}
	d.evpnsDue = d.evpnsDue || replica.True(p.ExternalIDs, evpnKey)
}

// IsDue tells whether the tunnels to a chassis are to be looked at.
func (d *Duty) IsDue(chassis string) bool { return d.due[chassis] }

// Users are the chassis with an Encap row.
func (d *Duty) Users(encap ovsdb.UUID) []*sbdb.Chassis { return d.byEncap.Get(encap) }

// Due tells whether there is something to look at.
func (d *Duty) Due() bool { return len(d.due) > 0 || d.evpnsDue }

// Run brings the tunnel ports in line with the chassis known and adds to tx what
// differs: all of them, or those whose chassis or ports have changed.
func (d *Duty) Run(in Inputs, all bool, tx *ovsdb.Txn, log *slog.Logger) {
	if tx == nil || in.Bridge == nil || in.Chassis == nil {
		return
	}
	if all {
		d.markAll(in.Bridge)
	}
	r := &run{Inputs: in, Duty: d, tx: tx, log: log, taken: map[string]bool{}, made: map[string]int{}}
	for _, chassis := range slices.Sorted(maps.Keys(d.due)) {
		r.tunnelsTo(chassis)
	}
	if d.evpnsDue {
		r.ensureEVPN()
	}
	clear(d.due)
	d.evpnsDue = false
	if len(r.insert) > 0 {
		vswitchdb.UpdateBridge(tx, in.Bridge.UUID).MutatePortsInsert(r.insert...)
	}
	if len(r.remove) > 0 {
		slices.SortFunc(r.remove, ovsdb.UUID.Compare)
		vswitchdb.UpdateBridge(tx, in.Bridge.UUID).MutatePortsDelete(r.remove...)
	}
	if len(r.insert)+len(r.remove) > 0 {
		tx.AddComment(fmt.Sprintf("ovn-controller: modifying OVS tunnels '%s'", in.Chassis.Name))
	}
}

// markAll has everything looked at: chassis without tunnels, and tunnels without
// chassis.
func (d *Duty) markAll(br *vswitchdb.Bridge) {
	for c := range d.sb.Chassis.All() {
		d.due[c.Name] = true
	}
	maps.Copy(d.due, d.Peers(br))
	d.due[""], d.evpnsDue = true, true
}

// Peers are the chassis that ports of the bridge are marked with.
func (d *Duty) Peers(br *vswitchdb.Bridge) map[string]bool {
	out := map[string]bool{}
	for p := range d.local.Ports(br) {
		if chassis, ok := Peer(p); ok {
			out[chassis] = true
		}
	}
	return out
}

type run struct {
	Inputs
	*Duty
	tx     *ovsdb.Txn
	log    *slog.Logger
	taken  map[string]bool // names of ports that tx makes
	made   map[string]int  // how many of them, by what precedes the counter
	insert []ovsdb.UUID
	remove []ovsdb.UUID
}

// tunnelsTo brings the ports of the tunnels to one chassis in line. What is done to
// them depends on no other chassis but for the counters in their names.
func (r *run) tunnelsTo(chassis string) {
	existing := map[string]*vswitchdb.Port{}
	for p := range r.Ports(r.Bridge, chassis) {
		id := p.ExternalIDs.Get(idKey)
		if id == flowBasedID {
			id += " " + p.Name
		}
		if existing[id] != nil {
			// The same tunnel twice confuses nobody less than either alone would.
			r.remove = append(r.remove, p.UUID)
			continue
		}
		existing[id] = p
	}
	for _, t := range r.wanted(chassis) {
		r.ensure(t, existing)
	}
	if r.MayDelete {
		for _, p := range existing {
			r.remove = append(r.remove, p.UUID)
		}
	}
}

// wanted lists the tunnels there should be to a chassis, in a stable order.
func (r *run) wanted(chassis string) []tunnel {
	if r.Config.FlowBasedTunnel {
		if chassis == "" {
			return r.flowBased()
		}
		return nil
	}
	c := r.SB.ChassisByName.One(chassis)
	if c == nil || chassis == "" || chassis == r.Chassis.Name {
		return nil
	}
	if !zonesOverlap(r.Chassis.TransportZones, c.TransportZones) {
		r.log.Debug(fmt.Sprintf("Skipping encap creation for Chassis '%s' because it belongs to different transport zones", c.Name))
		return nil
	}
	if replica.True(c.OtherConfig, "is-remote") && !r.Config.IsInterconn {
		r.log.Debug(fmt.Sprintf("Skipping encap creation for Chassis '%s' because it is remote but this chassis is not interconn.", c.Name))
		return nil
	}
	own, theirs := r.SB.Encaps(r.Chassis), r.SB.Encaps(c)
	typ := PreferredType(own, theirs)
	if typ == "" {
		r.log.Info(fmt.Sprintf("No supported encaps for '%s'", c.Name))
		return nil
	}
	var out []tunnel
	for _, e := range theirs {
		for _, o := range own {
			if e.Type == typ && o.Type == typ {
				out = append(out, r.pairTunnel(c, e, o.IP))
			}
		}
	}
	return out
}

// PreferredType is the best tunnel type that both sides have, "" when none.
func PreferredType(a, b []*sbdb.Encap) string {
	has := func(es []*sbdb.Encap, t string) bool {
		return slices.ContainsFunc(es, func(e *sbdb.Encap) bool { return e.Type == t })
	}
	for _, t := range preference {
		if has(a, t) && has(b, t) {
			return t
		}
	}
	return ""
}

// zonesOverlap: chassis without any zone reach each other.
func zonesOverlap(a, b []string) bool {
	if len(a) == 0 && len(b) == 0 {
		return true
	}
	return slices.ContainsFunc(a, func(z string) bool { return slices.Contains(b, z) })
}

func (r *run) pairTunnel(c *sbdb.Chassis, e *sbdb.Encap, localIP string) tunnel {
	options := map[string]string{"remote_ip": e.IP, "local_ip": localIP, "key": "flow"}
	if csum := e.Options.Get("csum"); csum == "true" || csum == "false" {
		options["csum"] = csum
	}
	if p, ok := e.Options.Lookup("dst_port"); ok {
		options["dst_port"] = p
	}
	r.commonOptions(options)
	if g := r.SB.Global(); g != nil && g.IPsec {
		options["remote_name"] = c.Name
		// libreswan and strongSwan spell forced NAT traversal differently.
		for _, k := range []string{"ipsec_encapsulation", "ipsec_forceencaps"} {
			if replica.True(g.Options, k) {
				options[k] = "yes"
			}
		}
	}
	id := ID(c.Name, e.IP, localIP)
	t := tunnel{
		id: id, oldID: c.Name + "@" + e.IP, chassis: c.Name, typ: e.Type,
		options: ovsdb.MapFrom(options), portIDs: ovsdb.NewMap(idKey, id),
	}
	if replica.True(c.OtherConfig, "is-vtep") {
		t.otherConfig = ovsdb.NewMap("is-vtep", "true")
	}
	return t
}

func (r *run) commonOptions(options map[string]string) {
	if r.Config.EncapTOS != "" {
		options["tos"] = r.Config.EncapTOS
	}
	if r.Config.EncapDFDefault != "" {
		options["df_default"] = r.Config.EncapDFDefault
	}
}

func (r *run) flowBased() []tunnel {
	var out []tunnel
	if g := r.SB.Global(); g != nil && g.IPsec {
		r.log.Warn("IPsec is not supported for flow-based tunnels. Ignoring IPsec settings.")
	}
	for _, typ := range preference {
		if !slices.ContainsFunc(r.SB.Encaps(r.Chassis), func(e *sbdb.Encap) bool { return e.Type == typ }) {
			continue
		}
		options := map[string]string{"remote_ip": "flow", "local_ip": "flow", "key": "flow"}
		r.commonOptions(options)
		name := namePrefix + r.Index + "-" + typ
		out = append(out, tunnel{
			id: flowBasedID + " " + name, name: name, typ: typ, options: ovsdb.MapFrom(options),
			portIDs: ovsdb.NewMap(idKey, flowBasedID, typeKey, typ),
		})
	}
	return out
}

// ensure keeps, converts or creates the port of one tunnel. A port whose type or
// options differ is changed in place, so that it keeps its OpenFlow port.
//
// What it finds it takes out of existing, the ports by mark.
func (r *run) ensure(t tunnel, existing map[string]*vswitchdb.Port) {
	id := t.id
	p := existing[id]
	if p == nil && t.oldID != "" {
		id = t.oldID
		p = existing[id]
	}
	if p != nil {
		delete(existing, id)
		if iface := r.onlyInterface(p); iface != nil {
			if id != t.id {
				vswitchdb.UpdatePort(r.tx, p.UUID).MutateExternalIDsPut(t.portIDs)
			}
			r.adjust(iface, t)
			return
		}
		r.remove = append(r.remove, p.UUID)
		t.name = p.Name
	}
	if t.name == "" {
		t.name = r.chooseName(t.chassis)
		if t.name == "" {
			r.log.Warn(fmt.Sprintf("Unable to allocate unique name for '%s' tunnel", t.chassis))
			return
		}
	}
	r.create(t)
}

func (r *run) adjust(i *vswitchdb.Interface, t tunnel) {
	if i.Type != t.typ {
		vswitchdb.UpdateInterface(r.tx, i.UUID).SetType(t.typ)
	}
	if !i.Options.Equal(t.options) {
		vswitchdb.UpdateInterface(r.tx, i.UUID).SetOptions(t.options)
	}
	if i.OtherConfig.Get("is-vtep") != t.otherConfig.Get("is-vtep") {
		vswitchdb.UpdateInterface(r.tx, i.UUID).SetOtherConfig(t.otherConfig)
	}
}

func (r *run) create(t tunnel) {
	r.taken[t.name] = true
	iface := vswitchdb.InsertInterface(r.tx).SetName(t.name).SetType(t.typ).SetOptions(t.options)
	if t.otherConfig.Len() > 0 {
		iface.SetOtherConfig(t.otherConfig)
	}
	port := vswitchdb.InsertPort(r.tx).SetName(t.name).SetInterfaces([]ovsdb.UUID{iface.UUID()}).SetExternalIDs(t.portIDs)
	r.insert = append(r.insert, port.UUID())
}

func (r *run) onlyInterface(p *vswitchdb.Port) *vswitchdb.Interface {
	if len(p.Interfaces) != 1 {
		return nil
	}
	return r.Local.Interface.Get(p.Interfaces[0])
}

// chooseName makes a port name of at most 15 bytes: "ovn<index>-<start of the
// chassis name>-<counter>". The counter is how many such names there are. Where that
// one is taken, as tunnels have come and gone, the others up to twice as many are
// tried, each once: of those half are free.
func (r *run) chooseName(chassis string) string {
	n := 6
	if r.Index != "" {
		n = 5
	}
	start := namePrefix + r.Index + "-" + chassis[:min(n, len(chassis))] + "-"
	used := len(r.named.Get(start)) + r.made[start]
	span := min(1<<bits.Len(uint(2*used+2)), maxCounters)
	stride := int(crc32.ChecksumIEEE([]byte(chassis))) | 1 // odd: all of span are tried
	for i := range span {
		name := start + strconv.FormatInt(int64(uint(used+i*stride)%uint(span)), 16)
		if !r.taken[name] && r.local.PortByName.One(name) == nil {
			r.made[start]++
			return name
		}
	}
	return ""
}

// ID is the mark of a tunnel port.
func ID(chassis, remoteIP, localIP string) string { return chassis + "@" + remoteIP + "%" + localIP }

// ParseID takes a mark apart; localIP is "" in marks of old versions.
func ParseID(id string) (chassis, remoteIP, localIP string, ok bool) {
	// The name of a chassis may have anything in it, addresses have not.
	at := strings.LastIndexByte(id, '@')
	if at <= 0 || at+1 == len(id) || id[at+1] == '%' {
		return "", "", "", false
	}
	remoteIP, localIP, _ = strings.Cut(id[at+1:], "%")
	return id[:at], remoteIP, localIP, true
}
