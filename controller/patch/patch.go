// Package patch keeps the patch ports between the integration bridge and the
// bridges of physical networks: a pair for each localnet port on a local datapath
// and each l2gateway port bound here whose network has a mapping.
package patch

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

const (
	localnetKey  = "ovn-localnet-port"
	l2gatewayKey = "ovn-l2gateway-port"
)

// marks are the external ids by which a patch port is known as an agent's; the
// last two are of versions that made ports this one has no use for.
var marks = []string{localnetKey, l2gatewayKey, "ovn-l3gateway-port", "ovn-logical-patch-port"}

// Inputs are what the patch ports are made of.
type Inputs struct {
	SB      *replica.SB
	Local   *replica.Local
	Config  config.Config
	Bridge  *vswitchdb.Bridge
	Chassis *sbdb.Chassis
	// IsLocal tells whether a datapath is local.
	IsLocal func(ovsdb.UUID) bool
	// MayDelete is false until the southbound contents are complete.
	MayDelete bool
}

// Duty finds patch ports by what they are for, and remembers which logical ports are to
// be looked at, and which missing bridges have been complained about.
type Duty struct {
	local   *replica.Local
	sb      *replica.SB
	marked  *ovsdb.Index[string, vswitchdb.Port]       // by logical port
	toPeer  *ovsdb.Index[string, vswitchdb.Interface]  // patch interfaces by peer
	onPaths *ovsdb.Index[ovsdb.UUID, sbdb.PortBinding] // ports that may want patch ports, by datapath
	due     map[string]bool
	missing map[string]bool // "<port>;<network>"
	// odd: some marked port is not as this package makes them, so that it may serve
	// another logical port than its mark names. Then all are looked at each time.
	odd bool
}

// New returns a duty with nothing to do.
func New(sb *replica.SB, l *replica.Local) *Duty {
	return &Duty{
		local: l, sb: sb, due: map[string]bool{}, missing: map[string]bool{},
		marked: ovsdb.AddIndex(l.Port, func(p *vswitchdb.Port) (string, bool) { return Mark(p) }),
		toPeer: ovsdb.AddIndex(l.Interface, func(i *vswitchdb.Interface) (string, bool) {
			return i.Options.Get("peer"), i.Type == "patch"
		}),
		onPaths: ovsdb.AddIndex(sb.PortBinding, func(p *sbdb.PortBinding) (ovsdb.UUID, bool) { return p.Datapath, keyOf(p.Type) != "" }),
	}
}

// Mark is the logical port that a port is marked with as an agent's.
func Mark(p *vswitchdb.Port) (lport string, ok bool) {
	for _, k := range marks {
		if lport, ok = p.ExternalIDs.Lookup(k); ok {
			return lport, true
		}
	}
	return "", false
}

// keyOf is the mark for a type of logical port, "" for those without patch ports.
func keyOf(typ string) string {
	switch typ {
	case "localnet":
		return localnetKey
	case "l2gateway":
		return l2gatewayKey
	}
	return ""
}

// Wanted tells whether a port is of a type that has patch ports.
func Wanted(p *sbdb.PortBinding) bool { return keyOf(p.Type) != "" }

func innerName(bridge, lport string) string { return "patch-" + bridge + "-to-" + lport }
func outerName(bridge, lport string) string { return "patch-" + lport + "-to-" + bridge }

// Changed says that the patch ports of a logical port may not be what they are to be.
func (d *Duty) Changed(lport string) { d.due[lport] = true }

// IsDue tells whether the patch ports of a logical port are to be looked at.
func (d *Duty) IsDue(lport string) bool { return d.due[lport] }

// PathChanged is Changed for all ports of a datapath.
func (d *Duty) PathChanged(id ovsdb.UUID) {
	for _, pb := range d.onPaths.Get(id) {
		d.due[pb.LogicalPort] = true
	}
}

// PeerChanged is Changed for the logical port whose patch port has, or had, an
// interface; bridge is the name of the integration bridge.
func (d *Duty) PeerChanged(i *vswitchdb.Interface, bridge string) {
	if i.Type != "patch" {
		return
	}
	peer := i.Options.Get("peer")
	if lport, ok := strings.CutPrefix(peer, innerName(bridge, "")); ok {
		d.due[lport] = true
	}
	if rest, ok := strings.CutPrefix(peer, "patch-"); ok {
		if lport, ok := strings.CutSuffix(rest, "-to-"+bridge); ok {
			d.due[lport] = true
		}
	}
}

// Run brings the patch ports in line and adds to tx what differs: all, or those of the
// logical ports for which something has changed.
func (d *Duty) Run(in Inputs, all bool, tx *ovsdb.Txn, log *slog.Logger) {
	if tx == nil || in.Bridge == nil || in.Chassis == nil {
		return
	}
	if !all && len(d.due) == 0 {
		return
	}
	existing := map[ovsdb.UUID]*vswitchdb.Port{}
	if !all && !d.odd {
		for lport := range d.due {
			d.ownPorts(in.Bridge, lport, existing)
		}
	}
	if all || d.odd {
		d.odd = false
		clear(existing)
		d.allDue(in.Bridge, existing)
	}
	bridges := d.mappedBridges(in, log)
	ensure := func(key, lport string, from *vswitchdb.Bridge, to *vswitchdb.Bridge, name, peer string) {
		if p := d.portToPeer(from, peer); p != nil {
			delete(existing, p.UUID)
			return
		}
		tx.AddComment(fmt.Sprintf("ovn-controller: creating patch port '%s' from '%s' to '%s'", name, from.Name, to.Name))
		iface := vswitchdb.InsertInterface(tx).SetName(name).SetType("patch").SetOptions(ovsdb.NewMap("peer", peer)).UUID()
		port := vswitchdb.InsertPort(tx).SetName(name).SetInterfaces([]ovsdb.UUID{iface}).
			SetExternalIDs(ovsdb.NewMap(key, lport)).UUID()
		vswitchdb.UpdateBridge(tx, from.UUID).MutatePortsInsert(port)
	}
	for _, w := range d.wanted(in, bridges, log) {
		inner, outer := innerName(in.Bridge.Name, w.lport), outerName(in.Bridge.Name, w.lport)
		ensure(w.key, w.lport, in.Bridge, w.bridge, inner, outer)
		ensure(w.key, w.lport, w.bridge, in.Bridge, outer, inner)
	}
	if in.MayDelete {
		removePorts(in.Local, existing, tx)
	}
	clear(d.due)
}

// allDue has all logical ports looked at that want or have patch ports, which are added
// to existing.
func (d *Duty) allDue(br *vswitchdb.Bridge, existing map[ovsdb.UUID]*vswitchdb.Port) {
	for _, typ := range []string{"localnet", "l2gateway"} {
		for _, pb := range d.sb.PortsByType.Get(typ) {
			d.due[pb.LogicalPort] = true
		}
	}
	for lport := range d.LPorts(br) {
		d.due[lport] = true
		d.ownPorts(br, lport, existing)
	}
}

type pair struct {
	key, lport string
	bridge     *vswitchdb.Bridge
}

// wanted lists the pairs there should be for the logical ports that are due.
func (d *Duty) wanted(in Inputs, bridges map[string]*vswitchdb.Bridge, log *slog.Logger) []pair {
	var out []pair
	for _, lport := range slices.Sorted(maps.Keys(d.due)) {
		pb := in.SB.PortByName.One(lport)
		if pb == nil {
			continue
		}
		key, gateway := keyOf(pb.Type), pb.Type == "l2gateway"
		if key == "" || !in.IsLocal(pb.Datapath) || gateway && pb.Chassis != in.Chassis.UUID {
			continue
		}
		network, ok := pb.Options.Lookup("network_name")
		if !ok {
			log.Error(fmt.Sprintf("%s port '%s' has no network name.", pb.Type, lport))
			continue
		}
		about := lport + ";" + network
		br := bridges[network]
		if br == nil {
			// A localnet port without a mapping is how multi-segment switches look on
			// hosts of other segments: said once, as information.
			if gateway {
				log.Error(fmt.Sprintf("bridge not found for %s port '%s' with network name '%s'", pb.Type, lport, network))
			} else if !d.missing[about] {
				d.missing[about] = true
				log.Info(fmt.Sprintf("bridge not found for %s port '%s' with network name '%s'; skipping", pb.Type, lport, network))
			}
			continue
		}
		delete(d.missing, about)
		out = append(out, pair{key, lport, br})
	}
	return out
}

// mappedBridges resolves ovn-bridge-mappings to the bridges that exist.
func (d *Duty) mappedBridges(in Inputs, log *slog.Logger) map[string]*vswitchdb.Bridge {
	mappings, problems := config.ParseBridgeMappings(in.Config.BridgeMappings)
	for _, p := range problems {
		log.Error("Invalid ovn-bridge-mappings configuration: " + p)
	}
	out := map[string]*vswitchdb.Bridge{}
	for _, m := range mappings {
		if br := in.Local.BridgeByName.One(m.Bridge); br != nil {
			out[m.Network] = br
		} else {
			log.Warn(fmt.Sprintf("Bridge '%s' not found for network '%s'", m.Bridge, m.Network))
		}
	}
	return out
}

// ownPorts adds to out the ports of the integration bridge that are marked with a
// logical port, and their peers. It notes if they are not as they are made here.
func (d *Duty) ownPorts(br *vswitchdb.Bridge, lport string, out map[ovsdb.UUID]*vswitchdb.Port) {
	if br == nil {
		return
	}
	inner, outer := innerName(br.Name, lport), outerName(br.Name, lport)
	for _, p := range d.marked.Get(lport) {
		if !replica.Has(br, p) {
			continue
		}
		out[p.UUID] = p
		for _, id := range p.Interfaces {
			i := d.local.Interface.Get(id)
			if i == nil || i.Type != "patch" {
				continue
			}
			name := i.Options.Get("peer")
			d.odd = d.odd || name != outer
			peer := d.local.PortByName.One(name)
			if peer == nil {
				continue
			}
			out[peer.UUID] = peer
			for _, id := range peer.Interfaces {
				if j := d.local.Interface.Get(id); j != nil && j.Type == "patch" {
					d.odd = d.odd || j.Options.Get("peer") != inner
				}
			}
		}
	}
}

// portToPeer is the port of a bridge whose patch interface has the peer, the first by
// its row.
func (d *Duty) portToPeer(br *vswitchdb.Bridge, peer string) (first *vswitchdb.Port) {
	for _, i := range d.toPeer.Get(peer) {
		for _, p := range d.local.PortsByInterface.Get(i.UUID) {
			if replica.Has(br, p) && (first == nil || p.UUID.Compare(first.UUID) < 0) {
				first = p
			}
		}
	}
	return first
}

func removePorts(l *replica.Local, gone map[ovsdb.UUID]*vswitchdb.Port, tx *ovsdb.Txn) {
	if len(gone) == 0 {
		return
	}
	sorted := slices.SortedFunc(maps.Keys(gone), ovsdb.UUID.Compare)
	for br := range l.Bridge.All() {
		var ids []ovsdb.UUID
		for _, id := range sorted {
			if replica.Has(br, gone[id]) {
				ids = append(ids, id)
			}
		}
		if len(ids) > 0 {
			vswitchdb.UpdateBridge(tx, br.UUID).MutatePortsDelete(ids...)
		}
	}
}

// OFPort is the OpenFlow port, on the integration bridge, of the patch port of a logical
// localnet or l2gateway port, 0 if there is none.
func (d *Duty) OFPort(br *vswitchdb.Bridge, lport string) (ofport uint32) {
	for _, p := range d.marked.Get(lport) {
		if _, old := p.ExternalIDs.Lookup(localnetKey); !old {
			if _, old = p.ExternalIDs.Lookup(l2gatewayKey); !old {
				continue
			}
		}
		if !replica.Has(br, p) {
			continue
		}
		for _, id := range p.Interfaces {
			if i := d.local.Interface.Get(id); i != nil && i.Type == "patch" && i.Ofport.Value() >= 1 {
				ofport = uint32(i.Ofport.Value())
			}
		}
	}
	return ofport
}

// LPorts are the logical ports that ports of the bridge are marked with.
func (d *Duty) LPorts(br *vswitchdb.Bridge) map[string]bool {
	out := map[string]bool{}
	for p := range d.local.Ports(br) {
		if lport, ok := Mark(p); ok {
			out[lport] = true
		}
	}
	return out
}

// RemoveFrom takes the agent's patch ports off a bridge that is no longer the
// integration bridge, with their peers. It reports whether there were any.
func (d *Duty) RemoveFrom(br *vswitchdb.Bridge, tx *ovsdb.Txn) bool {
	gone := map[ovsdb.UUID]*vswitchdb.Port{}
	for lport := range d.LPorts(br) {
		d.ownPorts(br, lport, gone)
	}
	removePorts(d.local, gone, tx)
	return len(gone) > 0
}
