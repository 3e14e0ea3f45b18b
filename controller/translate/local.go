package translate

import (
	"slices"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/physical"
)

// local is what this chassis knows that the southbound database does not say.
// The loop sets it between two runs; each setter marks dirty what changed and
// nothing else.
type local struct {
	self         physical.Self
	features     Features
	encapIPs     []string
	geneve       openflow.Field
	hasGeneve    bool
	flowTunnels  physical.FlowTunnels
	datapaths    map[ovsdb.UUID]*localDatapath
	byKey        map[uint32]*localDatapath
	byN          map[uint64]*localDatapath
	interfaces   map[string]Interface
	bound        map[string]bool
	networks     map[string]bool
	patchPorts   map[string]uint32
	zones        map[string]uint16
	natZones     map[ovsdb.UUID][2]uint16
	tunnels      map[string][]physical.Tunnel
	haActive     map[ovsdb.UUID]bool
	related      map[uint64]bool
	relatedNames map[string]bool
	activated    map[uint64]bool
	collectors   map[uint32]bool
}

func newLocal() local {
	return local{
		datapaths:    map[ovsdb.UUID]*localDatapath{},
		byKey:        map[uint32]*localDatapath{},
		byN:          map[uint64]*localDatapath{},
		interfaces:   map[string]Interface{},
		bound:        map[string]bool{},
		networks:     map[string]bool{},
		patchPorts:   map[string]uint32{},
		zones:        map[string]uint16{},
		natZones:     map[ovsdb.UUID][2]uint16{},
		tunnels:      map[string][]physical.Tunnel{},
		haActive:     map[ovsdb.UUID]bool{},
		related:      map[uint64]bool{},
		relatedNames: map[string]bool{},
		activated:    map[uint64]bool{},
		collectors:   map[uint32]bool{},
	}
}

// Interface is an interface of br-int that carries an iface-id.
type Interface struct {
	// OFPort is its OpenFlow port, 0 while it has none.
	OFPort uint32
	// MTU in bytes, 0 if unknown.
	MTU uint16
}

// LocalDatapath is what the bindings say of a datapath related to this chassis.
type LocalDatapath struct {
	// Peers are the pairs of ports by which it is connected to other local
	// datapaths.
	Peers []physical.Peer
}

type localDatapath struct {
	physical.Datapath
	n     uint64 // number of the datapath as a member of sets
	peers []physical.Peer
	// snatZone: external_ids:snat-ct-zone is set, so that the common NAT zone is
	// the SNAT zone.
	snatZone bool
}

// datapathN numbers a datapath as a member of sets and a child of families. Half
// a random UUID is as good as unique.
func datapathN(id ovsdb.UUID) uint64 {
	var n uint64
	for _, b := range id[:8] {
		n = n<<8 | uint64(b)
	}
	return n
}

// SetSelf names this chassis.
func (t *Translator) SetSelf(s physical.Self) {
	if t.self == s {
		return
	}
	vars := t.ownTemplates()
	t.self = s
	t.dirty(input(kindSelf))
	diffMaps(vars, t.ownTemplates(), func(key string) { t.dirty(inputS(kindTemplate, key)) })
}

// SetEncapIPs gives this chassis' encapsulation addresses in the order that
// numbers them.
func (t *Translator) SetEncapIPs(ips []string) {
	if slices.Equal(t.encapIPs, ips) {
		return
	}
	t.encapIPs = slices.Clone(ips)
	t.dirty(input(kindEncapIPs))
}

// SetGeneveField gives the field that the switch has mapped to OVN's Geneve
// option; ok is false while there is none.
func (t *Translator) SetGeneveField(f openflow.Field, ok bool) {
	if t.geneve == f && t.hasGeneve == ok {
		return
	}
	t.geneve, t.hasGeneve = f, ok
	t.dirty(input(kindGeneve))
}

// SetFlowTunnels gives the tunnel ports shared by all destinations.
func (t *Translator) SetFlowTunnels(f physical.FlowTunnels) {
	if t.flowTunnels == f {
		return
	}
	shared := func(f physical.FlowTunnels) (list []physical.Tunnel) {
		for typ, p := range map[physical.TunnelType]uint32{physical.Geneve: f.Geneve, physical.VXLAN: f.VXLAN} {
			if p != 0 {
				list = append(list, physical.Tunnel{OFPort: p, Type: typ, Queries: f.Queries})
			}
		}
		return list
	}
	t.tunnelUnits(shared(t.flowTunnels), shared(f))
	t.flowTunnels = f
	t.dirty(input(kindFlowTunnels))
}

// SetLocalDatapath adds or changes a local datapath; nil removes it.
func (t *Translator) SetLocalDatapath(id ovsdb.UUID, d *LocalDatapath) {
	old := t.datapaths[id]
	switch {
	case d == nil && old == nil:
		return
	case d == nil:
		t.removeDatapath(old)
		return
	case old == nil:
		row := t.db.DatapathBinding.Get(id)
		if row == nil {
			return
		}
		old = t.datapathOf(row)
		t.addDatapath(old)
	}
	if !slices.Equal(old.peers, d.Peers) {
		old.peers = slices.Clone(d.Peers)
		t.dirty(inputID(kindPeers, id))
	}
}

func (t *Translator) addDatapath(d *localDatapath) {
	t.datapaths[d.UUID] = d
	t.byKey[d.Key] = d
	t.byN[d.n] = d
	t.dirtyDatapath(d)
	t.datapathSets(d, t.eng.SetAdd)
}

func (t *Translator) removeDatapath(d *localDatapath) {
	delete(t.datapaths, d.UUID)
	if t.byKey[d.Key] == d {
		delete(t.byKey, d.Key)
	}
	delete(t.byN, d.n)
	t.dirtyDatapath(d)
	t.datapathSets(d, t.eng.SetRemove)
}

func (t *Translator) dirtyDatapath(d *localDatapath) {
	t.dirty(inputID(kindDatapath, d.UUID))
	t.dirty(inputN(kindDatapathKey, uint64(d.Key)))
	t.dirty(inputID(kindPeers, d.UUID))
	t.dirty(inputID(kindLocalnet, d.UUID))
	t.dirty(inputID(kindExternalPorts, d.UUID))
	t.dirty(inputID(kindMultichassis, d.UUID))
	if len(t.portByType.Get(dpType{d.UUID, typeLocalnet})) > 0 {
		t.dirty(input(kindLocalnetLearn))
	}
}

// SetInterface gives the interface with an iface-id; nil removes it.
func (t *Translator) SetInterface(name string, i *Interface) {
	old, had := t.interfaces[name]
	var now Interface
	if i != nil {
		now = *i
		t.interfaces[name] = now
	} else {
		delete(t.interfaces, name)
	}
	if old.OFPort != now.OFPort {
		t.dirty(inputS(kindInterface, name))
	}
	if old.MTU != now.MTU {
		t.dirty(inputS(kindMTU, name))
	}
	if had != (i != nil) {
		t.dirty(inputS(kindVIF, name))
	}
}

// SetBound tells whether a logical port is bound to an interface here.
func (t *Translator) SetBound(name string, bound bool) {
	setFlag(t.bound, name, bound, func() { t.dirty(inputS(kindBound, name)) })
}

// SetPatchPort gives the OpenFlow port on br-int of the patch port made for a
// localnet or l2gateway port; 0 removes it.
func (t *Translator) SetPatchPort(name string, ofport uint32) {
	setValue(t.patchPorts, name, ofport, func() { t.dirty(inputS(kindPatchPort, name)) })
}

// SetNetwork tells whether a physical network is mapped to a bridge here
// (ovn-bridge-mappings).
func (t *Translator) SetNetwork(name string, mapped bool) {
	setFlag(t.networks, name, mapped, func() {
		for id := range t.datapaths {
			t.dirty(inputID(kindLocalnet, id))
		}
	})
}

// SetZone gives a logical port's conntrack zone; 0 removes it.
func (t *Translator) SetZone(name string, zone uint16) {
	setValue(t.zones, name, zone, func() { t.dirty(inputS(kindZone, name)) })
}

// SetNATZones gives a datapath's conntrack zones for DNAT and SNAT; 0 and 0
// removes them.
func (t *Translator) SetNATZones(id ovsdb.UUID, dnat, snat uint16) {
	setValue(t.natZones, id, [2]uint16{dnat, snat}, func() { t.dirty(inputID(kindNATZones, id)) })
}

// SetTunnels gives the tunnel ports to a chassis in the order of
// physical.OrderTunnels.
func (t *Translator) SetTunnels(chassis string, tunnels []physical.Tunnel) {
	old := t.tunnels[chassis]
	if slices.Equal(old, tunnels) {
		return
	}
	if len(tunnels) == 0 {
		delete(t.tunnels, chassis)
	} else {
		t.tunnels[chassis] = slices.Clone(tunnels)
	}
	t.dirty(inputS(kindTunnels, chassis))
	t.dirty(input(kindAllTunnels))
	t.tunnelUnits(old, tunnels)
}

// SetHAActive tells whether this chassis is the active one of an
// HA_Chassis_Group.
func (t *Translator) SetHAActive(group ovsdb.UUID, active bool) {
	setFlag(t.haActive, group, active, func() {
		t.dirty(inputID(kindHAActive, group))
	})
}

// SetRelated tells whether a logical port is related to this chassis: on
// switches, logical flows that name a port that is not are left out.
func (t *Translator) SetRelated(name string, datapath, port uint32, related bool) {
	n := portN(datapath, port)
	setFlag(t.related, n, related, func() { t.dirty(inputN(kindRelated, n)) })
	setFlag(t.relatedNames, name, related, func() { t.refreshGroupPort(name) })
}

// SetActivated tells whether the packet that activates a port
// (options:activation-strategy) was seen here since the port was bound.
func (t *Translator) SetActivated(datapath, port uint32, activated bool) {
	n := portN(datapath, port)
	setFlag(t.activated, n, activated, func() { t.dirty(inputN(kindActivated, n)) })
}

// SetCollector tells whether br-int has a Flow_Sample_Collector_Set.
func (t *Translator) SetCollector(id uint32, exists bool) {
	setFlag(t.collectors, id, exists, func() {
		t.dirty(inputN(kindCollector, uint64(id)))
		t.dirty(input(kindDropSampling))
	})
}

// Features are what the switch can do and logical actions depend on.
type Features struct {
	// CtZeroSNAT: ct can be told to avoid collisions of tuples (Datapath
	// capability ct_zero_snat).
	CtZeroSNAT bool
	// HashL4Sym: select groups can hash by l4_sym (Datapath capability
	// max_hash_alg).
	HashL4Sym bool
	// Meters: there are any.
	Meters bool
}

// SetFeatures tells what the switch can do.
func (t *Translator) SetFeatures(f Features) {
	if t.features == f {
		return
	}
	t.features = f
	t.dirty(input(kindFeature))
}

// setFlag keeps only true in m and calls changed when the flag did.
func setFlag[K comparable](m map[K]bool, k K, v bool, changed func()) {
	setValue(m, k, v, changed)
}

// setValue keeps only values that are not zero in m and calls changed when the
// value did.
func setValue[K, V comparable](m map[K]V, k K, v V, changed func()) {
	var zero V
	old := m[k]
	if old == v {
		return
	}
	if v == zero {
		delete(m, k)
	} else {
		m[k] = v
	}
	changed()
}
