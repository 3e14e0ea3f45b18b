// Package physical makes the flows of br-int that do not come from logical
// flows: the way in from a port or tunnel to the logical pipeline, the way out
// from it, and the tables that logical actions consult on the way.
//
//	 0      Port, Tunnel, Flood, ChassisMACs    port or tunnel  -> logical datapath, in-port
//	42, 43  Port (multichassis), Static         path MTU of tunnelled packets
//	44, 45  Port, MulticastGroup, Static        output to other chassis
//	46, 47  Port, MulticastGroup, Static        output to ports here, loop check
//	64, 65  Port, Static                        logical port -> OpenFlow port, peer
//	66, 67  MACBinding, StaticMACBinding        neighbours: resolve, known?
//	68-70   LoadBalancer                        hairpin
//	71, 72  FDB, Static                         learned addresses
//	73-75   Port                                port security
//	79      MACBinding                          neighbours in use
//	80      Port, Static                        zones of ICMP errors from tunnels
//	81-83, 85, 86  Static                       original destination, ct_state
//	84      Flood                               to chassis of other zones
//	87, 88  EVPN..., Static                     addresses behind VTEPs
//
// Each function below builds the flows of one unit, one row as a rule, and is
// pure: it sees the world only through a View, whose every call is one recorded
// read. It returns nothing and never fails: what a row says that cannot be
// translated is added to Flows.Problems, and the rest of the row's flows are
// made all the same.
//
//	BuildPort              one Port_Binding (whether or not it is bound here)
//	BuildMulticastGroup    one Multicast_Group
//	BuildMACBinding        one MAC_Binding
//	BuildStaticMACBinding  one Static_MAC_Binding
//	BuildFDB               one FDB row
//	BuildLoadBalancer      one Load_Balancer, its backends
//	BuildLoadBalancerSNAT  the same, its VIPs
//	BuildTunnelPort        one tunnel port of br-int
//	BuildChassisMACs       one Chassis
//	BuildFlood             once
//	BuildStatic            once
//	BuildEVPN...           one VTEP, all VTEPs of a switch, an address, a neighbour
//
// Table numbers, registers and priorities are those of OVN 26.03,
// ovn-architecture(7) "Architectural Physical Life Cycle of a Packet"; its
// C agent yields byte for byte the same flows, so that replacing one by the
// other, in either direction, changes nothing on the switch.
package physical

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// Flows collects the output of units. Its zero value is ready. It may be used
// for one unit after another, but by one goroutine at a time: it holds the
// buffers in which matches and actions are put together.
type Flows struct {
	List []*openflow.Flow
	// Problems says what was left out and why; each names its row.
	Problems []error

	m openflow.MatchBuilder
	a openflow.ActionBuilder
}

// Reset empties f and keeps its buffers.
func (f *Flows) Reset() {
	f.List = f.List[:0]
	f.Problems = nil
}

// origin is what a flow has from the row it comes from.
type origin struct {
	cookie uint64
	owner  [16]byte
}

// fromRow is the origin of the flows of a southbound row. Only its first 32 bits
// reach the switch, where ovn-detrace looks for them.
func fromRow(uuid ovsdb.UUID) origin {
	return origin{cookie: uint64(uuid.First32()), owner: uuid}
}

// fromNothing is the origin of flows that come from no row: cookie 0.
var fromNothing = origin{}

// match starts a new match that matches everything.
func (f *Flows) match() *openflow.MatchBuilder {
	f.m.Reset()
	return &f.m
}

// actions starts a new, empty list of actions.
func (f *Flows) actions() *openflow.ActionBuilder {
	f.a.Reset()
	return &f.a
}

// add makes a flow of the match and the actions as they stand. Neither is reset,
// so that a variant can follow.
func (f *Flows) add(o origin, table uint8, priority uint16) {
	f.addActions(o, table, priority, f.a.Actions())
}

func (f *Flows) addActions(o origin, table uint8, priority uint16, actions openflow.Actions) {
	kind := openflow.FlowAllow
	if actions == "" {
		kind = openflow.FlowDrop
	}
	f.List = append(f.List, &openflow.Flow{
		Table:    table,
		Kind:     kind,
		Priority: priority,
		Cookie:   o.cookie,
		Owner:    o.owner,
		Match:    f.m.Match(),
		Actions:  actions,
	})
}

func (f *Flows) problem(err error) { f.Problems = append(f.Problems, err) }

// unique drops flows from List[start:] that repeat an earlier one's table,
// priority and match. Rows may say the same thing twice (two port security
// entries with one address in common); the first entry counts.
func (f *Flows) unique(start int) {
	type identity struct {
		table    uint8
		priority uint16
		match    openflow.Match
	}
	seen := make(map[identity]struct{}, len(f.List)-start)
	kept := f.List[:start]
	for _, flow := range f.List[start:] {
		id := identity{flow.Table, flow.Priority, flow.Match}
		if _, dup := seen[id]; dup {
			continue
		}
		seen[id] = struct{}{}
		kept = append(kept, flow)
	}
	clear(f.List[len(kept):])
	f.List = kept
}
