package loop

import (
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/binding"
	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/encaps"
	"github.com/ovn-chassis/ovn-chassis/controller/hachassis"
	"github.com/ovn-chassis/ovn-chassis/controller/patch"
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
	patches    map[string]uint32
	networks   map[string]bool
	active     map[ovsdb.UUID]bool
	natZones   map[ovsdb.UUID][2]uint16
	collectors map[uint32]bool

	scope bool // what is to be monitored changed
	zones bool // the users of conntrack zones changed
	// relocated: local datapaths or their zones changed.
	relocated bool
}

func newFed() fed {
	return fed{
		tunnels: map[string][]physical.Tunnel{}, patches: map[string]uint32{}, networks: map[string]bool{},
		active: map[ovsdb.UUID]bool{}, natZones: map[ovsdb.UUID][2]uint16{}, collectors: map[uint32]bool{},
	}
}

// take hands the changes of bindings to the translation.
func (l *Loop) take(d binding.Delta) {
	if l.sbChanges != nil && !l.sbChanges.Empty() {
		l.tr.Apply(l.sbChanges)
		l.stale = true
	}
	l.fed.scope = l.fed.scope || d.Scope
	l.fed.zones = l.fed.zones || d.Zones
	for id, dp := range d.Datapaths {
		l.stale = true
		l.packets.changed = append(l.packets.changed, id)
		if dp == nil {
			l.tr.SetLocalDatapath(id, nil)
			continue
		}
		t := &translate.LocalDatapath{}
		for _, p := range dp.Peers {
			t.Peers = append(t.Peers, physical.Peer{Local: p.Local, Remote: p.Remote})
		}
		l.tr.SetLocalDatapath(id, t)
	}
	if len(d.Datapaths) > 0 {
		l.fed.relocated = true
		l.due |= dutyPatch | dutyNATZones | dutyQueues
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
		if strings.HasSuffix(name, "_dnat") || strings.HasSuffix(name, "_snat") {
			l.due |= dutyNATZones
			l.fed.relocated = true
		}
	}
	if l.due.has(dutyMeters) {
		l.due &^= dutyMeters
		l.writer.SetMeters(l.meters())
		l.stale = true
	}
	if l.due.has(dutyHA) {
		l.due &^= dutyHA
		l.feedHA()
	}
	if l.due.has(dutyNATZones) {
		l.due &^= dutyNATZones
		l.stale = true
		l.feedNATZones()
	}
	if !l.due.has(dutyFeed) {
		return
	}
	l.due &^= dutyFeed
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
	l.feedTunnels()
	l.feedPatches()
	l.feedCollectors()
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

func (l *Loop) feedHA() {
	active := map[ovsdb.UUID]bool{}
	if l.chassis != nil {
		active = hachassis.ActiveGroups(l.sb, l.chassis.UUID, l.upNames)
	}
	for id := range l.fed.active {
		if !active[id] {
			l.stale = true
			l.tr.SetHAActive(id, false)
		}
	}
	for id := range active {
		if !l.fed.active[id] {
			l.stale = true
			l.tr.SetHAActive(id, true)
		}
	}
	l.fed.active = active
}

func (l *Loop) feedTunnels() {
	pairs, shared := encaps.Tunnels(l.ovs, l.bridge, l.chassis, l.sb)
	all := make([]physical.Tunnel, 0, len(pairs))
	for _, t := range pairs {
		all = append(all, physical.Tunnel{
			OFPort: t.OFPort, Type: tunnelType(t.Type), Chassis: t.Chassis, RemoteIP: t.RemoteIP, LocalIP: t.LocalIP, Ramp: t.Ramp,
			Queries: l.cfg.Learned.Tracking,
		})
	}
	now := map[string][]physical.Tunnel{}
	for _, t := range physical.OrderTunnels(all) {
		now[t.Chassis] = append(now[t.Chassis], t)
	}
	for chassis, list := range now {
		l.tr.SetTunnels(chassis, list)
	}
	for chassis := range l.fed.tunnels {
		if now[chassis] == nil {
			l.tr.SetTunnels(chassis, nil)
		}
	}
	l.fed.tunnels = now
	flow := physical.FlowTunnels{Enabled: l.cfg.FlowBasedTunnel, Queries: l.cfg.Learned.Tracking}
	for _, t := range shared {
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

func (l *Loop) feedPatches() {
	ports := patch.OFPorts(l.ovs, l.bridge)
	for lport := range l.fed.patches {
		if ports[lport] == 0 {
			l.tr.SetPatchPort(lport, 0)
		}
	}
	for lport, ofport := range ports {
		l.tr.SetPatchPort(lport, ofport)
	}
	l.fed.patches = ports

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

func (l *Loop) feedNATZones() {
	now := map[ovsdb.UUID][2]uint16{}
	for id, dp := range l.binding.Datapaths() {
		z := [2]uint16{l.zones.Zone(dp.Name + "_dnat"), l.zones.Zone(dp.Name + "_snat")}
		if z != [2]uint16{} {
			now[id] = z
			l.tr.SetNATZones(id, z[0], z[1])
		}
	}
	for id := range l.fed.natZones {
		if _, ok := now[id]; !ok {
			l.tr.SetNATZones(id, 0, 0)
		}
	}
	l.fed.natZones = now
}

func (l *Loop) feedCollectors() {
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
