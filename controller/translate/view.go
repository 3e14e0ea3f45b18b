package translate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/engine"
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/physical"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// view is what units see: it implements lflow.Env, lflow.View and physical.View.
// Every method first records what it reads, then looks it up; methods put
// together from others record through them.
type view struct {
	t *Translator
	r *engine.Reads
}

var _ physical.View = (*view)(nil)

// Options of SB_Global.
const (
	optionDropCollector         = "debug_drop_collector_set"
	optionDropDomain            = "debug_drop_domain_id"
	optionAlwaysTunnel          = "always_tunnel"
	optionRegisterConsolidation = "register_consolidation"
	optionExplicitARPNSOutput   = "arp_ns_explicit_output"
)

func (v *view) option(key string) string {
	v.r.Read(inputS(kindOption, key))
	return v.t.option(key)
}

func (t *Translator) option(key string) string {
	for g := range t.db.SBGlobal.All() {
		return g.Options.Get(key)
	}
	return ""
}

func (v *view) Self() physical.Self {
	v.r.Read(input(kindSelf))
	return v.t.self
}

func (v *view) EncapIPs() []string {
	v.r.Read(input(kindEncapIPs))
	return v.t.encapIPs
}

func (v *view) GeneveField() (openflow.Field, bool) {
	v.r.Read(input(kindGeneve))
	return v.t.geneve, v.t.hasGeneve
}

func (v *view) FlowTunnels() physical.FlowTunnels {
	v.r.Read(input(kindFlowTunnels))
	return v.t.flowTunnels
}

func (v *view) DropSampling() physical.DropSampling {
	v.r.Read(input(kindDropSampling))
	id, err := strconv.ParseUint(v.t.option(optionDropCollector), 10, 32)
	if err != nil || !v.t.collectors[uint32(id)] {
		return physical.DropSampling{}
	}
	domain, err := strconv.ParseUint(v.t.option(optionDropDomain), 10, 8)
	if err != nil {
		domain = 0
	}
	return physical.DropSampling{Collector: uint32(id), Domain: uint8(domain)}
}

func (v *view) AlwaysTunnel() bool { return isTrue(v.option(optionAlwaysTunnel)) }

func (v *view) RegisterConsolidation() bool { return isTrue(v.option(optionRegisterConsolidation)) }

func (v *view) LocalnetLearnFDB() bool {
	v.r.Read(input(kindLocalnetLearn))
	for id := range v.t.datapaths {
		for _, p := range v.t.portByType.Get(dpType{id, typeLocalnet}) {
			if isTrue(p.Options.Get("localnet_learn_fdb")) {
				return true
			}
		}
	}
	return false
}

func (v *view) Datapath(id ovsdb.UUID) (physical.Datapath, bool) {
	v.r.Read(inputID(kindDatapath, id))
	if d := v.t.datapaths[id]; d != nil {
		return d.Datapath, true
	}
	if row := v.t.db.DatapathBinding.Get(id); row != nil {
		d := v.t.datapathOf(row).Datapath
		d.Local = false
		return d, true
	}
	return physical.Datapath{}, false
}

func (v *view) LocalDatapathByKey(key uint32) (physical.Datapath, bool) {
	v.r.Read(inputN(kindDatapathKey, uint64(key)))
	if d := v.t.byKey[key]; d != nil {
		return d.Datapath, true
	}
	return physical.Datapath{}, false
}

// datapathOf is what a local datapath's row says. Rows of servers without the
// columns type and nb_uuid tell switches from routers by their external_ids.
func (t *Translator) datapathOf(row *sbdb.DatapathBinding) *localDatapath {
	typ := row.Type.Value()
	if typ == "" {
		if _, ok := row.ExternalIDs.Lookup("logical-switch"); ok {
			typ = "logical-switch"
		}
	}
	_, snat := row.ExternalIDs.Lookup("snat-ct-zone")
	_, transit := row.ExternalIDs.Lookup("interconn-ts")
	return &localDatapath{
		Datapath: physical.Datapath{
			UUID:    row.UUID,
			Key:     uint32(row.TunnelKey),
			Local:   true,
			Switch:  typ == "logical-switch",
			Transit: transit,
		},
		n:        datapathN(row.UUID),
		snatZone: snat,
	}
}

func (v *view) GroupLocal(group ovsdb.UUID) bool {
	v.r.Read(inputID(kindGroupLocal, group))
	return len(v.t.groupMembers(group)) > 0
}

func (v *view) GroupDatapaths(group ovsdb.UUID) []physical.Datapath {
	v.r.Read(inputID(kindGroup, group))
	var list []physical.Datapath
	for m := range v.t.groupMembers(group) {
		if d := v.t.byN[m.Value.Lo]; d != nil {
			list = append(list, d.Datapath)
		}
	}
	slices.SortFunc(list, func(a, b physical.Datapath) int { return int(a.Key) - int(b.Key) })
	return list
}

func (v *view) Localnet(dp ovsdb.UUID) (physical.Port, bool) {
	v.r.Read(inputID(kindLocalnet, dp))
	if v.t.datapaths[dp] == nil {
		return physical.Port{}, false
	}
	var found *sbdb.PortBinding
	for _, p := range v.t.portByType.Get(dpType{dp, typeLocalnet}) {
		if v.t.networks[p.Options.Get("network_name")] && (found == nil || p.LogicalPort < found.LogicalPort) {
			found = p
		}
	}
	return physical.PortOf(found), found != nil
}

func (v *view) Peers(dp ovsdb.UUID) []physical.Peer {
	v.r.Read(inputID(kindPeers, dp))
	if d := v.t.datapaths[dp]; d != nil {
		return d.peers
	}
	return nil
}

func (v *view) ExternalPorts(dp ovsdb.UUID) []string {
	v.r.Read(inputID(kindExternalPorts, dp))
	if v.t.datapaths[dp] == nil {
		return nil
	}
	return names(v.t.portByType.Get(dpType{dp, typeExternal}))
}

func (v *view) MultichassisPorts(dp ovsdb.UUID) []string {
	v.r.Read(inputID(kindMultichassis, dp))
	if v.t.datapaths[dp] == nil {
		return nil
	}
	return names(v.t.multichassis.Get(dp))
}

func names(ports []*sbdb.PortBinding) []string {
	var list []string
	for _, p := range ports {
		list = append(list, p.LogicalPort)
	}
	slices.Sort(list)
	return list
}

func (v *view) Port(name string) (physical.Port, bool) {
	v.r.Read(inputS(kindPortName, name))
	return portOf(v.t.portByName.One(name))
}

func (v *view) PortByUUID(id ovsdb.UUID) (physical.Port, bool) {
	v.r.Read(inputID(kindPort, id))
	return portOf(v.t.db.PortBinding.Get(id))
}

func (v *view) PortByKey(dp ovsdb.UUID, key uint32) (physical.Port, bool) {
	v.r.Read(inputIDN(kindPortKey, dp, uint64(key)))
	return portOf(v.t.portByKey.One(dpKey{dp, int64(key)}))
}

func portOf(row *sbdb.PortBinding) (physical.Port, bool) { return physical.PortOf(row), row != nil }

func (v *view) Residence(id ovsdb.UUID) physical.Residence {
	v.r.Read(inputID(kindResidence, id))
	if row := v.t.db.PortBinding.Get(id); row != nil {
		return physical.ResidenceOf(row)
	}
	return physical.Residence{}
}

func (v *view) PortActivated(dp, key uint32) bool {
	n := portN(dp, key)
	v.r.Read(inputN(kindActivated, n))
	return v.t.activated[n]
}

func (v *view) OFPort(port string) uint32 {
	v.r.Read(inputS(kindInterface, port))
	return v.t.interfaces[port].OFPort
}

func (v *view) IfaceMTU(port string) uint16 {
	v.r.Read(inputS(kindMTU, port))
	return v.t.interfaces[port].MTU
}

func (v *view) HasVIF(port string) bool {
	v.r.Read(inputS(kindVIF, port))
	if _, ok := v.t.interfaces[port]; !ok {
		return false
	}
	p, ok := portOf(v.t.portByName.One(port))
	return ok && p.Type() == physical.PortVIF
}

func (v *view) PatchOFPort(port string) uint32 {
	v.r.Read(inputS(kindPatchPort, port))
	return v.t.patchPorts[port]
}

func (v *view) Zone(port string) uint16 {
	v.r.Read(inputS(kindZone, port))
	return v.t.zones[port]
}

func (v *view) NATZones(dp ovsdb.UUID) (dnat, snat uint16) {
	v.r.Read(inputID(kindNATZones, dp))
	z := v.t.natZones[dp]
	return z[0], z[1]
}

func (v *view) Chassis(id ovsdb.UUID) (physical.Chassis, bool) {
	v.r.Read(inputID(kindChassis, id))
	return chassisOf(v.t.db.Chassis.Get(id))
}

func (v *view) ChassisByName(name string) (physical.Chassis, bool) {
	v.r.Read(inputS(kindChassisName, name))
	return chassisOf(v.t.chassisByName.One(name))
}

func chassisOf(row *sbdb.Chassis) (physical.Chassis, bool) {
	if row == nil {
		return physical.Chassis{}, false
	}
	return physical.Chassis{
		UUID:   row.UUID,
		Name:   row.Name,
		VTEP:   isTrue(row.OtherConfig.Get("is-vtep")),
		Remote: isTrue(row.OtherConfig.Get("is-remote")),
	}, true
}

func (v *view) RemoteChassis() []ovsdb.UUID {
	v.r.Read(input(kindRemoteChassis))
	rows := slices.Clone(v.t.remoteChassis.Get(true))
	slices.SortFunc(rows, func(a, b *sbdb.Chassis) int { return strings.Compare(a.Name, b.Name) })
	var list []ovsdb.UUID
	for _, c := range rows {
		list = append(list, c.UUID)
	}
	return list
}

func (v *view) MACMappings(id ovsdb.UUID) string {
	v.r.Read(inputID(kindChassis, id))
	row := v.t.db.Chassis.Get(id)
	if row == nil {
		return ""
	}
	const key = "ovn-chassis-mac-mappings"
	if m, ok := row.OtherConfig.Lookup(key + "-" + row.Name); ok {
		return m
	}
	return row.OtherConfig.Get(key)
}

func (v *view) Encap(id ovsdb.UUID) (physical.Encap, bool) {
	v.r.Read(inputID(kindEncap, id))
	row := v.t.db.Encap.Get(id)
	if row == nil {
		return physical.Encap{}, false
	}
	return physical.Encap{
		Type:        row.Type,
		IP:          row.IP,
		ChassisName: row.ChassisName,
		Default:     isTrue(row.Options.Get("is_default")),
	}, true
}

func (v *view) ChassisEncaps(id ovsdb.UUID) []physical.Encap {
	v.r.Read(inputID(kindChassis, id))
	row := v.t.db.Chassis.Get(id)
	if row == nil {
		return nil
	}
	var list []physical.Encap
	for _, e := range row.Encaps {
		if encap, ok := v.Encap(e); ok {
			list = append(list, encap)
		}
	}
	return list
}

func (v *view) Tunnels(id ovsdb.UUID) []physical.Tunnel {
	c, ok := v.Chassis(id)
	if !ok {
		return nil
	}
	return v.tunnelsTo(c.Name)
}

func (v *view) tunnelsTo(chassis string) []physical.Tunnel {
	v.r.Read(inputS(kindTunnels, chassis))
	return v.t.tunnels[chassis]
}

func (v *view) AllTunnels() []physical.Tunnel {
	v.r.Read(input(kindAllTunnels))
	var list []physical.Tunnel
	for chassis := range v.t.tunnels {
		list = append(list, v.tunnelsTo(chassis)...)
	}
	slices.SortFunc(list, func(a, b physical.Tunnel) int { return int(a.OFPort) - int(b.OFPort) })
	return list
}

func (v *view) HAGroup(id ovsdb.UUID) []physical.HAMember {
	v.r.Read(inputID(kindHAGroup, id))
	group := v.t.db.HAChassisGroup.Get(id)
	if group == nil {
		return nil
	}
	var list []physical.HAMember
	for _, m := range group.HAChassis {
		v.r.Read(inputID(kindHAChassis, m))
		member := v.t.db.HAChassis.Get(m)
		if member == nil {
			continue
		}
		if c, ok := v.Chassis(member.Chassis); ok {
			list = append(list, physical.HAMember{Chassis: c.UUID, Name: c.Name, Priority: member.Priority})
		}
	}
	return list
}

func (v *view) HAActive(id ovsdb.UUID) bool {
	v.r.Read(inputID(kindHAActive, id))
	return v.t.haActive[id]
}

func (t *Translator) ownTemplates() ovsdb.Map {
	if row := t.templates.One(t.self.Name); row != nil {
		return row.Variables
	}
	return ovsdb.Map{}
}

func (v *view) Template(name string) (string, bool) {
	v.r.Read(inputS(kindTemplate, name))
	return v.t.ownTemplates().Lookup(name)
}
