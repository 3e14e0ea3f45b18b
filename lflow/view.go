package lflow

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Source is all of a Logical_Flow row that its translation depends on. It is
// comparable: rows with an equal Source share one Program.
type Source struct {
	Match, Actions string
	Ingress        bool
	Table          uint8 // logical table, within its pipeline
	Priority       uint16
	// CtTranslation is the tag acl_ct_translation: the ports of transport
	// protocols are those of the connection.
	CtTranslation bool
	Meter         string // controller_meter, a name
}

// DHCPOption is how an option of DHCP or DHCPv6 is written and encoded, from the
// tables DHCP_Options and DHCPv6_Options.
type DHCPOption struct {
	Code uint8
	Type string
}

// EnvFlag is a setting of the chassis or the deployment that changes how actions
// are translated.
type EnvFlag uint8

const (
	// FlagExplicitARPNSOutput: northd ends arp and nd_ns actions with output.
	FlagExplicitARPNSOutput EnvFlag = iota
	// FlagRegisterConsolidation: northd uses the consolidated registers.
	FlagRegisterConsolidation
)

// Env is what compiling depends on besides the Source. The implementation
// records each call as a read of the unit that compiles, a look-up that finds
// nothing included.
type Env interface {
	// Template is the value of a Chassis_Template_Var on this chassis.
	Template(name string) (string, bool)
	DHCPOption(name string) (DHCPOption, bool)
	DHCPv6Option(name string) (DHCPOption, bool)
	// Collector tells whether a flow sample collector set of that ID exists.
	Collector(id uint32) bool
	Flag(EnvFlag) bool
}

// Datapath is the logical datapath that a Program is placed on.
type Datapath struct {
	Key    uint32 // tunnel_key
	Switch bool
	// SNATZoneCommon is set on datapaths with external_ids snat-ct-zone: their
	// common NAT zone is the one for SNAT instead of that for DNAT.
	SNATZoneCommon bool
}

// View is what placing depends on. Each call is one read that the implementation
// records for the unit; a look-up that finds nothing is a read too.
//
// Calls must be safe from several goroutines when Place is.
type View interface {
	// Port is the tunnel key of the Port_Binding of that name on datapath dp,
	// or else of the Multicast_Group of that name there.
	Port(dp uint32, name string) (key uint32, ok bool)
	// Resident is the value of is_chassis_resident(port).
	Resident(port string) bool
	// LocalPort tells whether the port (or multicast group) with that key is
	// related to this chassis. Flows on switches that match another are left
	// out.
	LocalPort(dp, key uint32) bool
	// LocalPortByName tells whether the port is bound here.
	LocalPortByName(port string) bool
	// TunnelOfport is the OpenFlow port of the tunnel to the chassis that port
	// is bound to.
	TunnelOfport(port string) (ofport uint32, ok bool)
	// AddressSetShape and AddressSetMembers describe the distinct members of a
	// set of kind SetAddresses. A change of members that keeps the shape must
	// not count as a change of what AddressSetShape read.
	AddressSetShape(SetKey) Shape
	AddressSetMembers(SetKey) []Member
	// PortGroupShape and PortGroupMembers do so for sets of kind SetPorts:
	// their members are the tunnel keys of the groups' ports on the datapath
	// that are related to this chassis.
	PortGroupShape(SetKey) Shape
	PortGroupMembers(SetKey) []Member
}

// Member is one member of a set: the packets whose field has the bits of Value
// under Mask. For a set of ports Value is a tunnel key and Mask is all ones of 32
// bits.
type Member struct{ Value, Mask openflow.U128 }

// ShapeKind is how much of a set's contents a match has to know.
type ShapeKind uint8

const (
	// ShapeMany: two distinct members or more.
	ShapeMany ShapeKind = iota
	// ShapeNone: no member.
	ShapeNone
	// ShapeOne: one, in Shape.Member.
	ShapeOne
	// ShapeMissing: a set of that name does not exist. The logical flow is in
	// error.
	ShapeMissing
	// ShapeMisfit: a member is too wide for the field, as an IPv6 address is
	// for ip4.src. The logical flow is in error. Members that are too short
	// are not: an IPv4 address compared with ip6.src is a small number.
	ShapeMisfit
)

// Shape is what SetShape returns.
type Shape struct {
	Kind   ShapeKind
	Member Member // ShapeOne
	Name   string // ShapeMissing, ShapeMisfit: the set in question
}

// Output collects what placing yields.
type Output struct {
	Flows []*openflow.Flow
	Rows  []Row
	// Expanded counts sets whose members had to be read because more than one
	// test of their field met in a match.
	Expanded int
}

// Reset empties o and keeps its memory.
func (o *Output) Reset() {
	clear(o.Flows)
	clear(o.Rows)
	o.Flows, o.Rows, o.Expanded = o.Flows[:0], o.Rows[:0], 0
}

// Row stands for one flow per distinct member of a set: Base with Field set to
// the member.
type Row struct {
	Set   SetKey
	Base  openflow.Flow
	Field openflow.Field
}

// Expand is the flow for one member.
func (r *Row) Expand(m Member) *openflow.Flow {
	f := r.Base
	f.Match = f.Match.With(r.Field, m.Value, m.Mask)
	return &f
}
