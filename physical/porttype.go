package physical

import "github.com/ovn-chassis/ovn-chassis/sbdb"

// PortType is the kind of a Port_Binding: its column type, with the type "" of
// virtual interfaces split by whether the interface is its own or its parent's.
type PortType uint8

// Kinds of ports, ovn-sb(5) Port_Binding type.
const (
	PortUnknown PortType = iota
	PortVIF
	PortContainer
	PortMirror
	PortPatch
	PortL3Gateway
	PortLocalnet
	PortLocalport
	PortL2Gateway
	PortVTEP
	PortChassisRedirect
	PortVirtual
	PortExternal
	PortRemote
)

func portType(row *sbdb.PortBinding) PortType {
	switch row.Type {
	case "":
		if row.ParentPort.Or("") != "" {
			return PortContainer
		}
		return PortVIF
	case "patch":
		return PortPatch
	case "chassisredirect":
		return PortChassisRedirect
	case "l3gateway":
		return PortL3Gateway
	case "localnet":
		return PortLocalnet
	case "localport":
		return PortLocalport
	case "l2gateway":
		return PortL2Gateway
	case "virtual":
		return PortVirtual
	case "external":
		return PortExternal
	case "remote":
		return PortRemote
	case "vtep":
		return PortVTEP
	case "mirror":
		return PortMirror
	}
	return PortUnknown
}
