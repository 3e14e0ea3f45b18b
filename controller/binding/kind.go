package binding

import (
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Kind is what a Port_Binding is to a chassis, ovn-sb(5) "Port_Binding", type.
type Kind uint8

const (
	Unknown Kind = iota
	VIF
	Container
	Virtual
	Localport
	Patch
	L2Gateway
	L3Gateway
	ChassisRedirect
	External
	Localnet
	VTEP
	Remote
	Mirror
)

var kindNames = [...]string{
	Unknown: "UNKNOWN", VIF: "VIF", Container: "CONTAINER", Virtual: "VIRTUAL", Localport: "LOCALPORT", Patch: "PATCH",
	L2Gateway: "L2GATEWAY", L3Gateway: "L3GATEWAY", ChassisRedirect: "CHASSISREDIRECT", External: "EXTERNAL",
	Localnet: "LOCALNET", VTEP: "VTEP", Remote: "REMOTE", Mirror: "MIRROR",
}

func (k Kind) String() string { return kindNames[k] }

var kindsByType = map[string]Kind{
	"virtual": Virtual, "localport": Localport, "patch": Patch, "l2gateway": L2Gateway, "l3gateway": L3Gateway,
	"chassisredirect": ChassisRedirect, "external": External, "localnet": Localnet, "vtep": VTEP, "remote": Remote,
	"mirror": Mirror,
}

// KindOf returns the kind of a Port_Binding.
func KindOf(p *sbdb.PortBinding) Kind {
	if p.Type == "" {
		if p.ParentPort.Value() != "" {
			return Container
		}
		return VIF
	}
	return kindsByType[p.Type]
}

// onInterface tells whether ports of the kind are bound through an interface of
// this host.
func (k Kind) onInterface() bool { return k == VIF || k == Container || k == Virtual || k == Mirror }

// Role is how a chassis may bind a port.
type Role uint8

const (
	// Barred: the port was requested elsewhere.
	Barred Role = iota
	// Main: the chassis is the port's chassis.
	Main
	// Additional: the port lives here as well as on its main chassis.
	Additional
)

// RoleOf tells how the chassis may bind the port: the columns that northd filled
// count first, then the names in options:requested-chassis, the first of which is
// the main one.
func RoleOf(p *sbdb.PortBinding, c *sbdb.Chassis) Role {
	if p.RequestedChassis == c.UUID {
		return Main
	}
	if slices.Contains(p.RequestedAdditionalChassis, c.UUID) {
		return Additional
	}
	requested := p.Options.Get("requested-chassis")
	if requested == "" {
		return Main
	}
	role := Main
	for name := range strings.SplitSeq(requested, ",") {
		if name == "" {
			continue
		}
		if name == c.Name || name == c.Hostname {
			return role
		}
		role = Additional
	}
	return Barred
}

// PortKey identifies a port in flows: the tunnel keys of its datapath and of
// itself.
type PortKey struct{ Datapath, Port uint32 }

func refersTo(list []ovsdb.UUID, id ovsdb.UUID) bool { return slices.Contains(list, id) }
