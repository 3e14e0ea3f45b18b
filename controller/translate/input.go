package translate

import (
	"github.com/ovn-chassis/ovn-chassis/engine"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// Kinds of inputs. Each names one thing a unit can read; the comment says what
// identifies it. The method of view that reads it and the place in this package
// that marks it dirty use the same constructor below.
const (
	kindSelf          = iota + 1 // this chassis
	kindEncapIPs                 // this chassis' encapsulation addresses
	kindGeneve                   // the switch's Geneve option map
	kindFlowTunnels              // tunnel ports shared by all destinations
	kindDropSampling             // what drops are sampled to
	kindLocalnetLearn            // whether any local localnet port learns
	kindOption                   // S: option of SB_Global
	kindDatapath                 // ID: Datapath_Binding, as far as it is local
	kindDatapathKey              // N: tunnel key of a local datapath
	kindGroup                    // ID: Logical_DP_Group: its local datapaths
	kindGroupLocal               // ID: Logical_DP_Group: whether any is local
	kindLocalnet                 // ID: Datapath_Binding: its localnet port
	kindPeers                    // ID: Datapath_Binding: its connected ports
	kindExternalPorts            // ID: Datapath_Binding
	kindMultichassis             // ID: Datapath_Binding
	kindPortName                 // S: logical_port: which row, and its configuration
	kindPort                     // ID: Port_Binding: its configuration
	kindPortKey                  // ID: Datapath_Binding, N: tunnel key: which port
	kindLogicalPort              // ID: Datapath_Binding, S: name: key of port or multicast group
	kindResidence                // ID: Port_Binding: where it is bound
	kindResident                 // S: logical_port: is it bound (active) here
	kindActivated                // N: datapath and port key
	kindInterface                // S: iface-id: OpenFlow port
	kindMTU                      // S: iface-id: MTU
	kindVIF                      // S: iface-id: is there an interface, is it a VIF
	kindBound                    // S: logical_port: is it bound to an interface here
	kindPatchPort                // S: logical_port
	kindZone                     // S: logical_port
	kindNATZones                 // ID: Datapath_Binding
	kindChassis                  // ID: Chassis
	kindChassisName              // S: name
	kindRemoteChassis            // list
	kindEncap                    // ID: Encap
	kindTunnels                  // S: chassis name
	kindAllTunnels               // list
	kindHAGroup                  // ID: HA_Chassis_Group: its members
	kindHAChassis                // ID: HA_Chassis
	kindHAActive                 // ID: HA_Chassis_Group: is it active here
	kindTemplate                 // S: variable
	kindRelated                  // N: datapath and port key: related to this chassis
	kindSetShape                 // S: set: none, one or many members
	kindSetMembers               // S: set: its members
	kindSetClass                 // S: set: about how many members
	kindSetSize                  // S: set: how many members
	kindDHCPOption               // S: name
	kindDHCPv6Option             // S: name
	kindCollector                // N: Flow_Sample_Collector_Set id
	kindFeature                  // what the switch can do
)

func input(kind uint8) engine.Input                  { return engine.Input{Kind: kind} }
func inputS(kind uint8, s string) engine.Input       { return engine.Input{Kind: kind, S: s} }
func inputN(kind uint8, n uint64) engine.Input       { return engine.Input{Kind: kind, N: n} }
func inputID(kind uint8, id ovsdb.UUID) engine.Input { return engine.Input{Kind: kind, ID: id} }
func inputIDN(kind uint8, id ovsdb.UUID, n uint64) engine.Input {
	return engine.Input{Kind: kind, ID: id, N: n}
}
func inputIDS(kind uint8, id ovsdb.UUID, s string) engine.Input {
	return engine.Input{Kind: kind, ID: id, S: s}
}

// portN is a port's place as one number: both keys fit in 32 bits.
func portN(datapath, port uint32) uint64 { return uint64(datapath)<<32 | uint64(port) }
