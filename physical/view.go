package physical

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// View is all that units see of the world. Each call is one read, recorded with
// its arguments; a unit is rebuilt when the result of a read it made changes.
// So a method gives no more than its callers need: a Port_Binding that comes up
// or moves must not rebuild what only needed its key. A look-up that finds
// nothing is a read as well.
//
// Results are shared and must not be modified. Lists have an order that depends
// on their contents only.
type View interface {
	// Self is this chassis.
	Self() Self
	// EncapIPs are this chassis' encapsulation addresses in the order that
	// numbers them for RegEncapID: sorted, then ovn-encap-ip-default exchanged
	// with the first.
	EncapIPs() []string
	// GeneveField is the tunnel metadata field that the switch has mapped to OVN's
	// Geneve option; not ok while there is none: then Geneve tunnels get no flows.
	GeneveField() (openflow.Field, bool)
	// FlowTunnels are the tunnel ports shared by all destinations.
	FlowTunnels() FlowTunnels
	// DropSampling is SB_Global option debug_drop_collector_set, provided that the
	// collector set exists on br-int, and debug_drop_domain_id.
	DropSampling() DropSampling
	// AlwaysTunnel is SB_Global option always_tunnel.
	AlwaysTunnel() bool
	// LocalnetLearnFDB tells whether localnet ports learn (any local localnet port
	// has option localnet_learn_fdb).
	LocalnetLearnFDB() bool
	// RegisterConsolidation is SB_Global option register_consolidation.
	RegisterConsolidation() bool

	// Datapath is a Datapath_Binding, local or not.
	Datapath(datapath ovsdb.UUID) (Datapath, bool)
	// LocalDatapathByKey is a local one by tunnel key.
	LocalDatapathByKey(key uint32) (Datapath, bool)
	// GroupLocal tells whether any datapath of a Logical_DP_Group is local.
	GroupLocal(group ovsdb.UUID) bool
	// GroupDatapaths lists the local datapaths of a Logical_DP_Group, sorted by key.
	GroupDatapaths(group ovsdb.UUID) []Datapath
	// Localnet is the localnet port of a local datapath whose physical network is
	// mapped to a bridge here; with several, the one with the lowest logical_port.
	Localnet(datapath ovsdb.UUID) (Port, bool)
	// Peers lists the pairs of patch or l3gateway ports by which a local datapath
	// is connected to others that are local, sorted by the UUID of Local's row.
	Peers(datapath ovsdb.UUID) []Peer
	// ExternalPorts lists the ports of type external of a local datapath, sorted.
	ExternalPorts(datapath ovsdb.UUID) []string
	// MultichassisPorts lists the VIF ports of a local datapath that have
	// additional_chassis, wherever they are bound, sorted.
	MultichassisPorts(datapath ovsdb.UUID) []string

	// Port is a Port_Binding by logical_port, as far as Port shows it: not where it
	// is bound.
	Port(name string) (Port, bool)
	// PortByUUID is the same by row.
	PortByUUID(port ovsdb.UUID) (Port, bool)
	// PortByKey is the same by datapath and tunnel key.
	PortByKey(datapath ovsdb.UUID, key uint32) (Port, bool)
	// Residence is where a Port_Binding is bound.
	Residence(port ovsdb.UUID) Residence
	// PortActivated tells whether this chassis has seen the packet that activates
	// the port (options:activation-strategy) since it was bound.
	PortActivated(datapath, key uint32) bool

	// OFPort is the OpenFlow port of the interface whose iface-id is the VIF or
	// localport port, 0 if there is none or it has no port number. It does not
	// matter which chassis the port is bound to.
	OFPort(port string) uint32
	// IfaceMTU is that interface's MTU in bytes, 0 if unknown.
	IfaceMTU(port string) uint16
	// HasVIF tells whether there is an interface whose iface-id is port, and port is
	// a Port_Binding of type VIF.
	HasVIF(port string) bool
	// PatchOFPort is the OpenFlow port, on br-int, of the patch port made for a
	// localnet or l2gateway port, 0 if there is none.
	PatchOFPort(port string) uint32
	// Zone is a port's conntrack zone, 0 if it has none.
	Zone(port string) uint16
	// NATZones are a datapath's conntrack zones, 0 if it has none.
	NATZones(datapath ovsdb.UUID) (dnat, snat uint16)

	// Chassis is a Chassis row.
	Chassis(chassis ovsdb.UUID) (Chassis, bool)
	// ChassisByName is the same by name.
	ChassisByName(name string) (Chassis, bool)
	// RemoteChassis lists the Chassis rows with other_config:is-remote, sorted by
	// name.
	RemoteChassis() []ovsdb.UUID
	// MACMappings is a Chassis' other_config:ovn-chassis-mac-mappings, or the key
	// with "-" and the chassis' name appended where there is one.
	MACMappings(chassis ovsdb.UUID) string
	// Encap is an Encap row.
	Encap(encap ovsdb.UUID) (Encap, bool)
	// ChassisEncaps lists a Chassis' Encap rows, sorted by UUID.
	ChassisEncaps(chassis ovsdb.UUID) []Encap
	// Tunnels lists the tunnel ports to a chassis in the order of OrderTunnels.
	Tunnels(chassis ovsdb.UUID) []Tunnel
	// AllTunnels lists the tunnel ports to all chassis, sorted by OpenFlow port.
	AllTunnels() []Tunnel

	// HAGroup lists the members of an HA_Chassis_Group that have a chassis, in no
	// particular order.
	HAGroup(group ovsdb.UUID) []HAMember
	// HAActive tells whether this chassis is the active one of an HA_Chassis_Group,
	// as far as its BFD sessions show.
	HAActive(group ovsdb.UUID) bool

	// Template is the value of a Chassis_Template_Var of this chassis.
	Template(name string) (string, bool)
}

// Self names this chassis.
type Self struct {
	UUID           ovsdb.UUID
	Name, Hostname string
}

// FlowTunnels are OpenFlow ports of tunnels whose addresses are set by flows
// (ovn-enable-flow-based-tunnels); 0 where there is none.
type FlowTunnels struct {
	Enabled       bool
	Geneve, VXLAN uint32
	Queries       bool // as in Tunnel
}

func (t FlowTunnels) ofport(typ TunnelType) uint32 {
	if typ == VXLAN {
		return t.VXLAN
	}
	return t.Geneve
}

// DropSampling makes drops send IPFIX samples; not if Collector is 0.
type DropSampling struct {
	Collector uint32
	Domain    uint8
}

// Datapath is what is needed of a Datapath_Binding.
type Datapath struct {
	UUID ovsdb.UUID
	Key  uint32
	// Local: it has a port here or is reached from one that has.
	Local bool
	// Switch tells logical switches from routers; Transit the switches that connect
	// availability zones.
	Switch, Transit bool
}

// Peer is a pair of connected ports of two local datapaths.
type Peer struct{ Local, Remote string }

// Port is a Port_Binding without the columns that chassis write: it changes only
// when the network's configuration does. The zero Port is no port.
type Port struct{ row *sbdb.PortBinding }

// PortOf is row as a Port. What it gives depends on the columns logical_port,
// type, datapath, tunnel_key, options, mac, tag, parent_port, mirror_port,
// requested_chassis and requested_additional_chassis.
func PortOf(row *sbdb.PortBinding) Port { return Port{row} }

func (p Port) UUID() ovsdb.UUID     { return p.row.UUID }
func (p Port) Name() string         { return p.row.LogicalPort }
func (p Port) Type() PortType       { return portType(p.row) }
func (p Port) Datapath() ovsdb.UUID { return p.row.Datapath }
func (p Port) Key() uint32          { return uint32(p.row.TunnelKey) }
func (p Port) MAC() []string        { return p.row.MAC }

// Option is an option's value, "" if it is not set.
func (p Port) Option(key string) string { return p.row.Options.Get(key) }

// Residence is where a Port_Binding is bound.
type Residence struct {
	Chassis    ovsdb.UUID
	Additional []ovsdb.UUID
}

// ResidenceOf is row's Residence: columns chassis and additional_chassis.
func ResidenceOf(row *sbdb.PortBinding) Residence {
	return Residence{Chassis: row.Chassis, Additional: row.AdditionalChassis}
}

// Chassis is what is needed of a Chassis row.
type Chassis struct {
	UUID ovsdb.UUID
	Name string
	// VTEP: other_config:is-vtep. Remote: other_config:is-remote, a chassis of
	// another availability zone.
	VTEP, Remote bool
}

// Encap is what is needed of an Encap row.
type Encap struct {
	Type, IP, ChassisName string
	// Default: options:default-encap-ip.
	Default bool
}

// TunnelType is the protocol of a tunnel.
type TunnelType uint8

// Tunnel protocols.
const (
	Geneve TunnelType = iota
	VXLAN
)

// Tunnel is a tunnel port of br-int to another chassis.
type Tunnel struct {
	OFPort uint32
	Type   TunnelType
	// Chassis is the name of the chassis at the other end.
	Chassis string
	// RemoteIP and LocalIP are those in the port's ovn-chassis-id; LocalIP is ""
	// where an old agent left it out.
	RemoteIP, LocalIP string
	// Ramp: the other end is a VTEP gateway (other_config:is-vtep of the Interface).
	Ramp bool
	// Queries: the packet-in loop is to hear the questions that routers on other
	// chassis ask (ovn-mac-binding-tracking).
	Queries bool
}

// HAMember is a chassis of an HA_Chassis_Group.
type HAMember struct {
	Chassis  ovsdb.UUID
	Name     string
	Priority int64
}
