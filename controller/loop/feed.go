package loop

import (
	"maps"
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/binding"
	"github.com/ovn-chassis/ovn-chassis/controller/conditions"
	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/translate"
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/physical"
)

// fed is what the translation and the writer were last told, so that they can be
// told what is gone.
type fed struct {
	target     string
	aside      string
	tunnels    map[string][]physical.Tunnel
	order      physical.TunnelOrder
	patches    map[string]uint32
	networks   map[string]bool
	natZones   map[ovsdb.UUID][2]uint16
	collectors map[uint32]bool
	// datapaths are the local ones by name, which several may share.
	datapaths map[string][]ovsdb.UUID
	names     map[ovsdb.UUID]string

	// What changed since: chassis whose tunnels, logical ports whose patch ports and
	// datapaths whose zones may not be what the translation knows.
	tunnelsDue map[string]bool
	patchesDue map[string]bool
	zonesDue   map[ovsdb.UUID]bool

	scope bool // what is to be monitored changed
	// local are the local datapaths as they are monitored, nil when they changed.
	local []conditions.Datapath
	// zones are those who may want another conntrack zone than before, or none.
	zones map[string]bool
	// allZones: everybody may.
	allZones bool
	// relocated: local datapaths or their zones changed.
	relocated bool
}

func newFed() fed {
	return fed{
		tunnels: map[string][]physical.Tunnel{}, patches: map[string]uint32{}, networks: map[string]bool{},
		natZones: map[ovsdb.UUID][2]uint16{}, collectors: map[uint32]bool{}, zones: map[string]bool{},
		datapaths: map[string][]ovsdb.UUID{}, names: map[ovsdb.UUID]string{},
		tunnelsDue: map[string]bool{}, patchesDue: map[string]bool{}, zonesDue: map[ovsdb.UUID]bool{},
	}
}

// take hands the changes of bindings to the translation.
func (l *Loop) take(d binding.Delta) {
	if l.sbChanges != nil && !l.sbChanges.Empty() {
		l.tr.Apply(l.sbChanges)
		l.stale = true
	}
	l.fed.scope = l.fed.scope || d.Scope
	if d.Networks {
		l.fed.local = nil
	}
	maps.Copy(l.fed.zones, d.Zones)
	for id, dp := range d.Datapaths {
		l.stale = true
		l.packets.changed = append(l.packets.changed, id)
		l.patch.PathChanged(id)
		l.fed.nameDatapath(id, dp)
		if dp == nil {
			l.tr.SetLocalDatapath(id, nil)
			continue
		}
		t := &translate.LocalDatapath{Peers: make([]physical.Peer, 0, len(dp.Peers))}
		for _, p := range dp.Peers {
			t.Peers = append(t.Peers, physical.Peer{Local: p.Local, Remote: p.Remote})
		}
		l.tr.SetLocalDatapath(id, t)
	}
	if len(d.Datapaths) > 0 {
		l.fed.relocated = true
		l.due |= dutyQueues
	}
	if len(d.Bound)+len(d.Interfaces) > 0 {
		l.due |= dutyMirrors | dutyQueues | dutyStatus
	}
	for lport, i := range d.Interfaces {
		l.stale = true
		if i == nil {
			l.tr.SetInterface(lport, nil)
		} else {
			l.tr.SetInterface(lport, &translate.Interface{OFPort: i.OFPort, MTU: uint16(min(i.MTU, 0xffff))})
		}
	}
	for _, r := range d.Related {
		l.stale = true
		l.tr.SetRelated(r.LPort, r.Key.Datapath, r.Key.Port, r.Related)
	}
	for lport, bound := range d.Bound {
		l.stale = true
		l.tr.SetBound(lport, bound)
	}
}

// feed hands everything else the translation and the writer need to them.
func (l *Loop) feed() {
	for name, zone := range l.zones.Changes() {
		l.stale = true
		l.tr.SetZone(name, zone)
		datapath, nat := strings.CutSuffix(name, "_dnat")
		if !nat {
			datapath, nat = strings.CutSuffix(name, "_snat")
		}
		if !nat {
			continue
		}
		l.fed.relocated = true
		for _, id := range l.fed.datapaths[datapath] {
			l.fed.zonesDue[id] = true
		}
	}
	if l.due.has(dutyMeters) {
		l.due &^= dutyMeters
		l.writer.SetMeters(l.meters())
		l.stale = true
	}
	l.ha.Active(l.self(), l.due.has(dutyHA), func(group ovsdb.UUID, active bool) {
		l.stale = true
		l.tr.SetHAActive(group, active)
	})
	l.feedNATZones(l.due.has(dutyNATZones))
	all := l.due.has(dutyFeed)
	if all {
		l.feedGlobals()
	}
	l.feedTunnels(all)
	l.feedPatches(all)
	if all || l.due.has(dutyCollectors) {
		l.feedCollectors()
	}
	l.due &^= dutyHA | dutyNATZones | dutyFeed | dutyCollectors
}

// feedGlobals hands over what there is one of.
func (l *Loop) feedGlobals() {
	l.stale = true
	if l.chassis != nil {
		l.tr.SetSelf(physical.Self{UUID: l.chassis.UUID, Name: l.chassis.Name, Hostname: l.chassis.Hostname})
	} else {
		l.tr.SetSelf(physical.Self{})
	}
	l.tr.SetEncapIPs(encapOrder(l.cfg))
	l.tr.SetMaxFlows(l.cfg.MaxFlowsPerLogicalFlow)
	if l.featured {
		l.tr.SetGeneveField(openflow.FieldTunMetadata0+openflow.Field(l.features.GeneveIndex), l.features.Geneve)
	}
	l.tr.SetFeatures(l.translationFeatures())
}

// translationFeatures puts together what the switch and the local database say of
// the datapath.
func (l *Loop) translationFeatures() translate.Features {
	f := translate.Features{Meters: l.features.MaxMeters > 0}
	if l.datapath != nil {
		c := l.datapath.Capabilities
		f.CtZeroSNAT = c.Get("ct_zero_snat") == "true"
		f.HashL4Sym = c.Get("max_hash_alg") == "1"
	}
	return f
}

// encapOrder is the order by which encapsulation addresses are numbered: sorted,
// the default one in the first place.
func encapOrder(c config.Config) []string {
	ips := slices.Clone(c.EncapIPs)
	slices.Sort(ips)
	if i := slices.Index(ips, c.EncapIPDefault); i > 0 {
		ips[0], ips[i] = ips[i], ips[0]
	}
	return ips
}

// feedTunnels hands over the tunnels to all chassis, or to those whose ports changed.
func (l *Loop) feedTunnels(all bool) {
	due := l.fed.tunnelsDue
	if all {
		maps.Copy(due, l.encaps.Peers(l.bridge))
		for chassis := range l.fed.tunnels {
			due[chassis] = true
		}
		due[""] = true
	}
	if len(due) == 0 {
		return
	}
	l.stale = true
	changed := map[string]bool{}
	for chassis := range due {
		changed[chassis] = chassis != "" // another configuration changes those whose ports have not
		for _, c := range l.fed.order.Set(chassis, l.tunnelsTo(chassis)) {
			changed[c] = true
		}
	}
	for chassis, is := range changed {
		if !is {
			continue
		}
		list := l.fed.order.Tunnels(chassis)
		l.tr.SetTunnels(chassis, list)
		if len(list) > 0 {
			l.fed.tunnels[chassis] = list
		} else {
			delete(l.fed.tunnels, chassis)
		}
	}
	if due[""] {
		l.feedFlowTunnels()
	}
	clear(due)
}

// tunnelsTo are the tunnels to a chassis that flows can use.
func (l *Loop) tunnelsTo(chassis string) []physical.PortTunnel {
	ready := l.encaps.Ready(l.bridge, l.chassis, chassis)
	list := make([]physical.PortTunnel, len(ready))
	for i, t := range ready {
		list[i] = physical.PortTunnel{Port: t.Port, Tunnel: physical.Tunnel{
			OFPort: t.OFPort, Type: tunnelType(t.Type), Chassis: t.Chassis, RemoteIP: t.RemoteIP, LocalIP: t.LocalIP, Ramp: t.Ramp,
			Queries: l.cfg.Learned.Tracking,
		}}
	}
	return list
}

func (l *Loop) feedFlowTunnels() {
	flow := physical.FlowTunnels{Enabled: l.cfg.FlowBasedTunnel, Queries: l.cfg.Learned.Tracking}
	for _, t := range l.encaps.Shared(l.bridge, l.chassis) {
		switch t.Type {
		case "geneve":
			flow.Geneve = t.OFPort
		case "vxlan":
			flow.VXLAN = t.OFPort
		}
	}
	l.tr.SetFlowTunnels(flow)
}

func tunnelType(s string) physical.TunnelType {
	if s == "vxlan" {
		return physical.VXLAN
	}
	return physical.Geneve
}

// feedPatches hands over the patch ports of all logical ports, or of those for which
// they changed.
func (l *Loop) feedPatches(all bool) {
	due := l.fed.patchesDue
	if all {
		l.feedNetworks()
		maps.Copy(due, l.patch.LPorts(l.bridge))
		for lport := range l.fed.patches {
			due[lport] = true
		}
	}
	for lport := range due {
		l.stale = true
		ofport := l.patch.OFPort(l.bridge, lport)
		l.tr.SetPatchPort(lport, ofport)
		if ofport != 0 {
			l.fed.patches[lport] = ofport
		} else {
			delete(l.fed.patches, lport)
		}
	}
	clear(due)
}

func (l *Loop) feedNetworks() {
	networks := map[string]bool{}
	mappings, _ := config.ParseBridgeMappings(l.cfg.BridgeMappings)
	for _, m := range mappings {
		if l.ovs.BridgeByName.One(m.Bridge) != nil {
			networks[m.Network] = true
		}
	}
	for n := range l.fed.networks {
		if !networks[n] {
			l.tr.SetNetwork(n, false)
		}
	}
	for n := range networks {
		l.tr.SetNetwork(n, true)
	}
	l.fed.networks = networks
}

// nameDatapath notes the name of a local datapath; nil is one that is no longer.
func (f *fed) nameDatapath(id ovsdb.UUID, dp *binding.LocalDatapath) {
	f.zonesDue[id] = true
	old, had := f.names[id]
	if dp != nil && had && old == dp.Name {
		return
	}
	if had {
		rest := slices.DeleteFunc(f.datapaths[old], func(other ovsdb.UUID) bool { return other == id })
		if f.datapaths[old] = rest; len(rest) == 0 {
			delete(f.datapaths, old)
		}
		delete(f.names, id)
	}
	if dp != nil {
		f.names[id] = dp.Name
		f.datapaths[dp.Name] = append(f.datapaths[dp.Name], id)
	}
}

// feedNATZones hands over the zones of all local datapaths, or of those that changed.
func (l *Loop) feedNATZones(all bool) {
	due := l.fed.zonesDue
	if all {
		for id, dp := range l.binding.Datapaths() {
			l.fed.nameDatapath(id, dp)
		}
		for id := range l.fed.natZones {
			due[id] = true
		}
	}
	for id := range due {
		var z [2]uint16
		if name, local := l.fed.names[id]; local {
			z = [2]uint16{l.zones.Zone(name + "_dnat"), l.zones.Zone(name + "_snat")}
		}
		if z == l.fed.natZones[id] {
			continue
		}
		l.stale = true
		l.tr.SetNATZones(id, z[0], z[1])
		if z != [2]uint16{} {
			l.fed.natZones[id] = z
		} else {
			delete(l.fed.natZones, id)
		}
	}
	clear(due)
}

func (l *Loop) feedCollectors() {
	l.stale = true
	now := map[uint32]bool{}
	for c := range l.ovs.FlowSampleCollectorSet.All() {
		if l.bridge != nil && c.Bridge == l.bridge.UUID {
			now[uint32(c.ID)] = true
		}
	}
	for id := range l.fed.collectors {
		if !now[id] {
			l.tr.SetCollector(id, false)
		}
	}
	for id := range now {
		l.tr.SetCollector(id, true)
	}
	l.fed.collectors = now
}

// meters are the definitions in the southbound database.
func (l *Loop) meters() map[string]openflow.MeterSpec {
	out := make(map[string]openflow.MeterSpec, l.sb.Meter.Len())
	for m := range l.sb.Meter.All() {
		spec := openflow.MeterSpec{Flags: openflow.MeterStats}
		if m.Unit == "pktps" {
			spec.Flags |= openflow.MeterPktps
		} else {
			spec.Flags |= openflow.MeterKbps
		}
		for _, id := range m.Bands {
			b := l.sb.MeterBand.Get(id)
			if b == nil {
				continue
			}
			band := openflow.MeterBand{Type: openflow.MeterBandDrop, Rate: uint32(b.Rate), Burst: uint32(b.BurstSize)}
			if b.BurstSize != 0 {
				spec.Flags |= openflow.MeterBurst
			}
			spec.Bands = append(spec.Bands, band)
		}
		out[m.Name] = spec
	}
	return out
}

// describe names the row behind a flow for the log of the writer, on whose
// goroutine it is called.
func (l *Loop) describe(owner [16]byte) string {
	id := ovsdb.UUID(owner)
	l.sbMu.RLock()
	defer l.sbMu.RUnlock()
	if f := l.sb.LogicalFlow.Get(id); f != nil {
		return strings.Join([]string{"logical flow", id.String(), "match:", f.Match, "actions:", f.Actions}, " ")
	}
	if p := l.sb.PortBinding.Get(id); p != nil {
		return "port binding " + id.String() + " (" + p.LogicalPort + ")"
	}
	return "row " + id.String()
}
