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
	idKey       = "ovn-chassis-id"
	typeKey     = "ovn-tunnel-type"
	evpnKey     = "ovn-evpn-tunnel"
	flowBasedID = "flow"
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

// Run brings the tunnel ports in line with the chassis known and adds to tx what
// differs.
func Run(in Inputs, tx *ovsdb.Txn, log *slog.Logger) {
	if tx == nil || in.Bridge == nil || in.Chassis == nil {
		return
	}
	r := &run{Inputs: in, tx: tx, log: log, names: map[string]bool{}, existing: map[string]*vswitchdb.Port{}}
	r.collect()
	for _, t := range r.wanted() {
		r.ensure(t)
	}
	r.ensureEVPN()
	if in.MayDelete {
		r.deleteRest()
	}
	if len(r.insert) > 0 {
		vswitchdb.UpdateBridge(tx, in.Bridge.UUID).MutatePortsInsert(r.insert...)
	}
	if len(r.remove) > 0 {
		vswitchdb.UpdateBridge(tx, in.Bridge.UUID).MutatePortsDelete(r.remove...)
	}
	if len(r.insert)+len(r.remove) > 0 {
		tx.AddComment(fmt.Sprintf("ovn-controller: modifying OVS tunnels '%s'", in.Chassis.Name))
	}
}

type run struct {
	Inputs
	tx       *ovsdb.Txn
	log      *slog.Logger
	names    map[string]bool            // names in use on the bridge
	existing map[string]*vswitchdb.Port // tunnel ports by id, those still wanted taken out
	insert   []ovsdb.UUID
	remove   []ovsdb.UUID
}

func (r *run) collect() {
	for p := range r.Local.Ports(r.Bridge) {
		r.names[p.Name] = true
		id, ok := p.ExternalIDs.Lookup(idKey)
		if !ok {
			continue
		}
		if id == flowBasedID {
			id += " " + p.Name
		}
		if r.existing[id] != nil {
			// The same tunnel twice confuses nobody less than either alone would.
			r.remove = append(r.remove, p.UUID)
			continue
		}
		r.existing[id] = p
	}
}

// wanted lists the tunnels there should be, in a stable order.
func (r *run) wanted() []tunnel {
	if r.Config.FlowBasedTunnel {
		return r.flowBased()
	}
	var peers []*sbdb.Chassis
	for c := range r.SB.Chassis.All() {
		if c.Name != r.Chassis.Name {
			peers = append(peers, c)
		}
	}
	slices.SortFunc(peers, func(a, b *sbdb.Chassis) int { return strings.Compare(a.Name, b.Name) })
	own := r.SB.Encaps(r.Chassis)
	var out []tunnel
	for _, c := range peers {
		if !zonesOverlap(r.Chassis.TransportZones, c.TransportZones) {
			r.log.Debug(fmt.Sprintf("Skipping encap creation for Chassis '%s' because it belongs to different transport zones", c.Name))
			continue
		}
		if replica.True(c.OtherConfig, "is-remote") && !r.Config.IsInterconn {
			r.log.Debug(fmt.Sprintf("Skipping encap creation for Chassis '%s' because it is remote but this chassis is not interconn.", c.Name))
			continue
		}
		theirs := r.SB.Encaps(c)
		typ := PreferredType(own, theirs)
		if typ == "" {
			r.log.Info(fmt.Sprintf("No supported encaps for '%s'", c.Name))
			continue
		}
		for _, e := range theirs {
			for _, o := range own {
				if e.Type == typ && o.Type == typ {
					out = append(out, r.pairTunnel(c, e, o.IP))
				}
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
		name := "ovn" + r.Index + "-" + typ
		out = append(out, tunnel{
			id: flowBasedID + " " + name, name: name, typ: typ, options: ovsdb.MapFrom(options),
			portIDs: ovsdb.NewMap(idKey, flowBasedID, typeKey, typ),
		})
	}
	return out
}

// ensure keeps, converts or creates the port of one tunnel. A port whose type or
// options differ is changed in place, so that it keeps its OpenFlow port.
func (r *run) ensure(t tunnel) {
	id := t.id
	p := r.existing[id]
	if p == nil && t.oldID != "" {
		id = t.oldID
		p = r.existing[id]
	}
	if p != nil {
		delete(r.existing, id)
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
	r.names[t.name] = true
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
// chassis name>-<counter>".
func (r *run) chooseName(chassis string) string {
	n := 6
	if r.Index != "" {
		n = 5
	}
	start := chassis[:min(n, len(chassis))]
	for i := range 0xffff {
		name := fmt.Sprintf("ovn%s-%s-%x", r.Index, start, i)
		if !r.names[name] {
			return name
		}
	}
	return ""
}

func (r *run) deleteRest() {
	for _, p := range r.existing {
		r.remove = append(r.remove, p.UUID)
	}
	slices.SortFunc(r.remove, ovsdb.UUID.Compare)
}

// ID is the mark of a tunnel port.
func ID(chassis, remoteIP, localIP string) string { return chassis + "@" + remoteIP + "%" + localIP }

// ParseID takes a mark apart; localIP is "" in marks of old versions.
func ParseID(id string) (chassis, remoteIP, localIP string, ok bool) {
	chassis, rest, ok := strings.Cut(id, "@")
	remoteIP, localIP, _ = strings.Cut(rest, "%")
	return chassis, remoteIP, localIP, ok && chassis != "" && remoteIP != ""
}
