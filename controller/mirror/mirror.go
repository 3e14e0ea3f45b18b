// Package mirror keeps the Mirror rows of the integration bridge for the mirrors
// that logical ports bound here are attached to (ovn-nb(5), table Mirror): of type
// gre and erspan with a tunnel port of their own, of type local towards the
// interface whose external_ids:mirror-id is the sink. Mirrors of type lport are
// logical flows and none of this package's business.
//
//	Mirror, Port_Binding.mirror_rules ──► one Mirror row, its ports ──► switch
//
// What this package made is marked ovn-owned; other mirrors are left alone.
package mirror

import (
	"fmt"
	"iter"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

const (
	ownedKey  = "ovn-owned"
	typeLocal = "local"
	typeLPort = "lport"
)

// Inputs are what the mirrors are made of.
type Inputs struct {
	SB     *replica.SB
	Local  *replica.Local
	Bridge *vswitchdb.Bridge
	// Interface returns the interface by which a logical port is bound here itself,
	// not by a parent's.
	Interface func(lport string) (id ovsdb.UUID, ok bool)
	// MayDelete is false until the southbound contents are complete.
	MayDelete bool
}

// want is a mirror with somebody to mirror.
type want struct {
	row      *sbdb.Mirror
	src, dst []ovsdb.UUID // Port rows, sorted
}

// Run brings the mirrors in line and adds to tx what differs.
func Run(in Inputs, tx *ovsdb.Txn, log *slog.Logger) {
	if tx == nil || in.Bridge == nil {
		return
	}
	own := map[string]*vswitchdb.Mirror{}
	for m := range owned(in.Local, in.Bridge) {
		own[m.Name] = m
	}
	if len(own) == 0 && in.SB.PortsMirrored.Len() == 0 {
		return
	}
	r := &run{Inputs: in, tx: tx, log: log}
	for _, w := range r.wanted() {
		m := own[w.row.Name]
		if r.ensure(w, m) {
			delete(own, w.row.Name)
		}
	}
	if in.MayDelete {
		for _, name := range sortedNames(own) {
			remove(in.Local, in.Bridge, own[name], tx)
		}
	}
}

// owned iterates over the bridge's mirrors that an agent made.
func owned(l *replica.Local, br *vswitchdb.Bridge) iter.Seq[*vswitchdb.Mirror] {
	return func(yield func(*vswitchdb.Mirror) bool) {
		for _, id := range br.Mirrors {
			if m := l.Mirror.Get(id); m != nil && replica.True(m.ExternalIDs, ownedKey) && !yield(m) {
				return
			}
		}
	}
}

type run struct {
	Inputs
	tx  *ovsdb.Txn
	log *slog.Logger
}

// wanted lists the mirrors that a port bound here is attached to, by name.
func (r *run) wanted() []*want {
	byName := map[string]*want{}
	for _, pb := range r.SB.PortsMirrored.Get(true) {
		iface, bound := r.Interface(pb.LogicalPort)
		if !bound {
			continue
		}
		on := r.portOf(iface)
		if on == nil {
			continue
		}
		port := on.UUID
		for _, id := range pb.MirrorRules {
			m := r.SB.Mirror.Get(id)
			if m == nil || m.Type == typeLPort {
				continue
			}
			w := byName[m.Name]
			if w == nil {
				w = &want{row: m}
				byName[m.Name] = w
			}
			if m.Filter != sbdb.MirrorFilterToLport {
				w.src = append(w.src, port)
			}
			if m.Filter != sbdb.MirrorFilterFromLport {
				w.dst = append(w.dst, port)
			}
		}
	}
	out := make([]*want, 0, len(byName))
	for _, name := range sortedNames(byName) {
		w := byName[name]
		slices.SortFunc(w.src, ovsdb.UUID.Compare)
		slices.SortFunc(w.dst, ovsdb.UUID.Compare)
		out = append(out, w)
	}
	return out
}

// ensure keeps, changes or creates a mirror; m is the existing one, nil for none.
// It reports whether the mirror is to be.
func (r *run) ensure(w *want, m *vswitchdb.Mirror) bool {
	var output *vswitchdb.Port
	if m != nil {
		output = r.Local.Port.Get(m.OutputPort)
	}
	var to ovsdb.UUID
	ok := false
	if w.row.Type == typeLocal {
		to, ok = r.sink(w.row.Sink)
	} else {
		to, ok = r.tunnel(w.row, output)
	}
	if !ok {
		return false
	}
	if m == nil {
		id := vswitchdb.InsertMirror(r.tx).SetName(w.row.Name).SetOutputPort(to).SetSelectSrcPort(w.src).SetSelectDstPort(w.dst).
			SetExternalIDs(ovsdb.NewMap(ownedKey, "true")).UUID()
		vswitchdb.UpdateBridge(r.tx, r.Bridge.UUID).MutateMirrorsInsert(id)
		return true
	}
	if m.OutputPort != to {
		vswitchdb.UpdateMirror(r.tx, m.UUID).SetOutputPort(to)
		if output != nil && output.UUID != to {
			removePort(r.Bridge, output, r.tx)
		}
	}
	if !slices.Equal(m.SelectSrcPort, w.src) {
		vswitchdb.UpdateMirror(r.tx, m.UUID).SetSelectSrcPort(w.src)
	}
	if !slices.Equal(m.SelectDstPort, w.dst) {
		vswitchdb.UpdateMirror(r.tx, m.UUID).SetSelectDstPort(w.dst)
	}
	return true
}

// sink is the port with the interface that answers to the name.
func (r *run) sink(name string) (id ovsdb.UUID, ok bool) {
	type carrier struct {
		port  *vswitchdb.Port
		iface *vswitchdb.Interface
	}
	var found []carrier
	for _, i := range r.Local.MirrorSinks.Get(name) {
		if p := r.portOf(i.UUID); p != nil {
			found = append(found, carrier{p, i})
		}
	}
	slices.SortStableFunc(found, func(a, b carrier) int { return a.port.UUID.Compare(b.port.UUID) })
	var first *vswitchdb.Port
	for _, c := range found {
		p, i := c.port, c.iface
		if first != nil {
			r.log.Warn(fmt.Sprintf("Invalid configuration: same mirror-id [%s] is configured on interfaces of ports: [%s] and [%s]. "+
				"Ignoring the configuration on interface [%s]", name, p.Name, first.Name, i.Name))
			continue
		}
		first = p
	}
	if first == nil {
		return id, false
	}
	return first.UUID, true
}

// portOf is the port of the bridge that has an interface, nil if none has.
func (r *run) portOf(iface ovsdb.UUID) *vswitchdb.Port {
	for _, p := range r.Local.PortsByInterface.Get(iface) {
		if replica.Has(r.Bridge, p) {
			return p
		}
	}
	return nil
}

// tunnel is the port of a remote mirror, made or changed as need be. output is the
// port the mirror has now.
func (r *run) tunnel(m *sbdb.Mirror, output *vswitchdb.Port) (id ovsdb.UUID, ok bool) {
	name := "ovn-" + m.Name
	typ, options := tunnelType(m), tunnelOptions(m)
	if output == nil || output.Name != name {
		// The mirror was of another type, or its port was lost with the mirror.
		output = r.Local.PortByName.One(name)
	}
	if output != nil && !slices.Contains(r.Bridge.Ports, output.UUID) {
		r.log.Warn(fmt.Sprintf("mirror '%s': there is a port '%s' already, on another bridge", m.Name, name))
		return id, false
	}
	if output == nil {
		iface := vswitchdb.InsertInterface(r.tx).SetName(name).SetType(typ).SetOptions(options).UUID()
		id = vswitchdb.InsertPort(r.tx).SetName(name).SetInterfaces([]ovsdb.UUID{iface}).SetExternalIDs(ovsdb.NewMap(ownedKey, "true")).UUID()
		vswitchdb.UpdateBridge(r.tx, r.Bridge.UUID).MutatePortsInsert(id)
		return id, true
	}
	if len(output.Interfaces) > 0 {
		if i := r.Local.Interface.Get(output.Interfaces[0]); i != nil {
			if i.Type != typ {
				vswitchdb.UpdateInterface(r.tx, i.UUID).SetType(typ)
			}
			if !i.Options.Equal(options) {
				vswitchdb.UpdateInterface(r.tx, i.UUID).SetOptions(options)
			}
		}
	}
	// Ports of versions that did not mark them.
	if !replica.True(output.ExternalIDs, ownedKey) {
		vswitchdb.UpdatePort(r.tx, output.UUID).MutateExternalIDsPut(ovsdb.NewMap(ownedKey, "true"))
	}
	return output.UUID, true
}

// tunnelType is the type of interface, which for IPv6 has a name of its own.
func tunnelType(m *sbdb.Mirror) string {
	if a, err := netip.ParseAddr(m.Sink); err == nil && a.Is6() {
		return "ip6" + m.Type
	}
	return m.Type
}

func tunnelOptions(m *sbdb.Mirror) ovsdb.Map {
	key := strconv.FormatInt(m.Index, 10)
	o := ovsdb.NewMap("remote_ip", m.Sink, "key", key)
	if m.Type == "erspan" {
		o = o.With("erspan_idx", key).With("erspan_ver", "1")
	}
	return o
}

// remove takes a mirror off the bridge, with its tunnel port.
func remove(l *replica.Local, br *vswitchdb.Bridge, m *vswitchdb.Mirror, tx *ovsdb.Txn) {
	vswitchdb.UpdateBridge(tx, br.UUID).MutateMirrorsDelete(m.UUID)
	if p := l.Port.Get(m.OutputPort); p != nil {
		removePort(br, p, tx)
	}
}

func removePort(br *vswitchdb.Bridge, p *vswitchdb.Port, tx *ovsdb.Txn) {
	if replica.True(p.ExternalIDs, ownedKey) {
		vswitchdb.UpdateBridge(tx, br.UUID).MutatePortsDelete(p.UUID)
	}
}

func sortedNames[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
