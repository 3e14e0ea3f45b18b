package physical

import (
	"fmt"
	"net/netip"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Priorities of neighbours, so that configured ones yield to learned ones or
// override them.
const (
	prioNeighborStatic         = 50
	prioNeighborLearned        = 100
	prioNeighborStaticOverride = 150
)

// BuildMACBinding builds the flows of a neighbour that a router has learned.
func BuildMACBinding(v View, row *sbdb.MACBinding, out *Flows) {
	neighbor{
		table: "MAC_Binding", uuid: row.UUID, port: row.LogicalPort, ip: row.IP, mac: row.MAC,
		priority: prioNeighborLearned, ages: true,
	}.build(v, out)
}

// BuildStaticMACBinding builds the flows of a neighbour that is configured.
func BuildStaticMACBinding(v View, row *sbdb.StaticMACBinding, out *Flows) {
	n := neighbor{
		table: "Static_MAC_Binding", uuid: row.UUID, port: row.LogicalPort, ip: row.IP, mac: row.MAC,
		priority: prioNeighborStatic,
	}
	if row.OverrideDynamicMAC {
		n.priority = prioNeighborStaticOverride
	}
	n.build(v, out)
}

type neighbor struct {
	table         string
	uuid          ovsdb.UUID
	port, ip, mac string
	priority      uint16
	// ages: the agent wants to know whether the neighbour is in use.
	ages bool
}

// build makes the neighbour's flows if the router is local.
func (n neighbor) build(v View, out *Flows) {
	port, ok := v.Port(n.port)
	if !ok {
		return
	}
	if dp, ok := v.Datapath(port.Datapath()); !ok || !dp.Local {
		return
	}
	mac, ok := parseEth(n.mac)
	if !ok {
		out.problem(fmt.Errorf("%s %s: %q is not an Ethernet address", n.table, n.uuid, n.mac))
		return
	}
	addr, ok := parseAddr(n.ip)
	if !ok {
		out.problem(fmt.Errorf("%s %s: %q is not an IP address", n.table, n.uuid, n.ip))
		return
	}
	n.flows(v, port, addr, mac, out)
}

// flows makes the flows of table 66, which resolves; 67, which tells whether a
// neighbour that shows itself is known already; and 79, whose counters show
// whether it is in use.
//
// The address stands where logical actions put it: get_arp and lookup_arp in reg0,
// get_nd in xxreg1, lookup_nd in xxreg0.
func (n neighbor) flows(v View, port Port, addr netip.Addr, mac ethAddr, out *Flows) {
	dp, _ := v.Datapath(port.Datapath())
	ip, key, o := addrValue(addr), port.Key(), fromRow(n.uuid)

	m := out.matchOutport(dp.Key, key)
	if addr.Is4() {
		m.Set(openflow.FieldReg0, ip)
	} else {
		m.Set(openflow.FieldXXReg1, ip)
	}
	a := out.actions()
	load(a, openflow.FieldEthDst, uint64(mac))
	setFlag(a, pipeline.FlagLookupMACBit)
	out.add(o, pipeline.TableMACBinding, n.priority)

	from := func() *openflow.MatchBuilder {
		m := out.matchInport(dp.Key, key)
		m.SetU(openflow.FieldEthSrc, uint64(mac))
		return m
	}
	m = from()
	if addr.Is4() {
		m.SetU(openflow.FieldEthType, ethTypeARP)
		m.Set(openflow.FieldReg0, ip)
	} else {
		m.SetU(openflow.FieldEthType, ethTypeIPv6)
		m.SetU(openflow.FieldIPProto, protoICMPv6)
		m.SetU(openflow.FieldICMPv6Code, 0)
		m.Set(openflow.FieldXXReg0, ip)
	}
	setFlag(out.actions(), pipeline.FlagLookupMACBit)
	out.add(o, pipeline.TableMACLookup, n.priority)

	if !n.ages {
		return
	}
	out.actions()
	if addr.Is4() {
		m = from()
		m.SetU(openflow.FieldEthType, ethTypeARP)
		m.SetU(openflow.FieldARPOp, arpReply)
		m.Set(openflow.FieldARPSPA, ip)
		out.add(o, pipeline.TableMACCacheUse, n.priority)
		m = from()
		m.SetU(openflow.FieldEthType, ethTypeIPv4)
		m.Set(openflow.FieldIPv4Src, ip)
	} else {
		m = from()
		m.SetU(openflow.FieldEthType, ethTypeIPv6)
		m.Set(openflow.FieldIPv6Src, ip)
	}
	out.add(o, pipeline.TableMACCacheUse, n.priority)
}
