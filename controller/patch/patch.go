// Package patch keeps the patch ports between the integration bridge and the
// bridges of physical networks: a pair for each localnet port on a local datapath
// and each l2gateway port bound here whose network has a mapping.
package patch

import (
	"fmt"
	"log/slog"
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

// Duty remembers which missing bridges have been complained about.
type Duty struct {
	missing map[string]bool // "<port>;<network>"
}

// Run brings the patch ports in line and adds to tx what differs.
func (d *Duty) Run(in Inputs, tx *ovsdb.Txn, log *slog.Logger) {
	if tx == nil || in.Bridge == nil || in.Chassis == nil {
		return
	}
	existing := ownPorts(in)
	bridges := d.mappedBridges(in, log)
	ensure := func(key, lport string, from *vswitchdb.Bridge, to *vswitchdb.Bridge, name, peer string) {
		if p := portToPeer(in.Local, from, peer); p != nil {
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
		inner := "patch-" + in.Bridge.Name + "-to-" + w.lport
		outer := "patch-" + w.lport + "-to-" + in.Bridge.Name
		ensure(w.key, w.lport, in.Bridge, w.bridge, inner, outer)
		ensure(w.key, w.lport, w.bridge, in.Bridge, outer, inner)
	}
	if in.MayDelete {
		removePorts(in.Local, existing, tx)
	}
}

type pair struct {
	key, lport string
	bridge     *vswitchdb.Bridge
}

func (d *Duty) wanted(in Inputs, bridges map[string]*vswitchdb.Bridge, log *slog.Logger) []pair {
	var out []pair
	consider := func(typ, key string, bound bool) {
		for _, pb := range in.SB.PortsByType.Get(typ) {
			if !in.IsLocal(pb.Datapath) || bound && pb.Chassis != in.Chassis.UUID {
				continue
			}
			network, ok := pb.Options.Lookup("network_name")
			if !ok {
				log.Error(fmt.Sprintf("%s port '%s' has no network name.", typ, pb.LogicalPort))
				continue
			}
			about := pb.LogicalPort + ";" + network
			br := bridges[network]
			if br == nil {
				// A localnet port without a mapping is how multi-segment switches look on
				// hosts of other segments: said once, as information.
				if bound {
					log.Error(fmt.Sprintf("bridge not found for %s port '%s' with network name '%s'", typ, pb.LogicalPort, network))
				} else if !d.missing[about] {
					d.complain(about)
					log.Info(fmt.Sprintf("bridge not found for %s port '%s' with network name '%s'; skipping", typ, pb.LogicalPort, network))
				}
				continue
			}
			delete(d.missing, about)
			out = append(out, pair{key, pb.LogicalPort, br})
		}
	}
	consider("l2gateway", l2gatewayKey, true)
	consider("localnet", localnetKey, false)
	slices.SortFunc(out, func(a, b pair) int { return strings.Compare(a.lport, b.lport) })
	return out
}

func (d *Duty) complain(about string) {
	if d.missing == nil {
		d.missing = map[string]bool{}
	}
	d.missing[about] = true
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

// ownPorts are the marked ports of the integration bridge and their peers.
func ownPorts(in Inputs) map[ovsdb.UUID]*vswitchdb.Port {
	out := map[ovsdb.UUID]*vswitchdb.Port{}
	for p := range in.Local.Ports(in.Bridge) {
		if !slices.ContainsFunc(marks, func(k string) bool { _, ok := p.ExternalIDs.Lookup(k); return ok }) {
			continue
		}
		out[p.UUID] = p
		for _, id := range p.Interfaces {
			i := in.Local.Interface.Get(id)
			if i == nil || i.Type != "patch" {
				continue
			}
			if peer := in.Local.PortByName.One(i.Options.Get("peer")); peer != nil {
				out[peer.UUID] = peer
			}
		}
	}
	return out
}

func portToPeer(l *replica.Local, br *vswitchdb.Bridge, peer string) *vswitchdb.Port {
	for p, i := range l.Interfaces(br) {
		if i.Type == "patch" && i.Options.Get("peer") == peer {
			return p
		}
	}
	return nil
}

func removePorts(l *replica.Local, gone map[ovsdb.UUID]*vswitchdb.Port, tx *ovsdb.Txn) {
	if len(gone) == 0 {
		return
	}
	for br := range l.Bridge.All() {
		var ids []ovsdb.UUID
		for _, id := range br.Ports {
			if gone[id] != nil {
				ids = append(ids, id)
			}
		}
		if len(ids) > 0 {
			vswitchdb.UpdateBridge(tx, br.UUID).MutatePortsDelete(ids...)
		}
	}
}

// OFPorts maps the logical localnet and l2gateway ports to the OpenFlow ports of
// their patch ports on the integration bridge.
func OFPorts(l *replica.Local, br *vswitchdb.Bridge) map[string]uint32 {
	out := map[string]uint32{}
	for p, i := range l.Interfaces(br) {
		if i.Type != "patch" || i.Ofport.Value() < 1 {
			continue
		}
		for _, k := range []string{localnetKey, l2gatewayKey} {
			if lport, ok := p.ExternalIDs.Lookup(k); ok {
				out[lport] = uint32(i.Ofport.Value())
				break
			}
		}
	}
	return out
}

// RemoveFrom takes the agent's patch ports off a bridge that is no longer the
// integration bridge, with their peers. It reports whether there were any.
func RemoveFrom(l *replica.Local, br *vswitchdb.Bridge, tx *ovsdb.Txn) bool {
	gone := ownPorts(Inputs{Local: l, Bridge: br})
	removePorts(l, gone, tx)
	return len(gone) > 0
}
