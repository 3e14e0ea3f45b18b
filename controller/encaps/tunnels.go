package encaps

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// Tunnel is a tunnel port as the switch has it: ready for flows.
type Tunnel struct {
	Chassis  string
	OFPort   uint32
	Type     string // geneve or vxlan
	RemoteIP string
	LocalIP  string // "" from old versions
	IPv6     bool   // of the outer header
	Ramp     bool   // leads to a VTEP
	MTU      int64  // 0 when unknown
	Name     string
	port     ovsdb.UUID // of the Port's row, which is the order they are given in
}

// FlowTunnel is the port of a tunnel type whose addresses flows set.
type FlowTunnel struct {
	Type   string
	OFPort uint32
	IPv6   bool
	Name   string
}

const maxOFPort = 0xff00 // OFPP_MAX

// Tunnels lists the tunnel ports of the bridge that have an OpenFlow port, sorted
// by chassis, then by mark.
func Tunnels(l *replica.Local, br *vswitchdb.Bridge, own *sbdb.Chassis, sb *replica.SB) (pairs []Tunnel, flowBased []FlowTunnel) {
	if own == nil {
		return nil, nil
	}
	for p, i := range l.Interfaces(br) {
		id, ok := p.ExternalIDs.Lookup(idKey)
		if !ok || i.Type != "geneve" && i.Type != "vxlan" {
			continue
		}
		ofport := i.Ofport.Value()
		if ofport < 1 || ofport >= maxOFPort {
			continue
		}
		if id == flowBasedID {
			ipv6 := slices.ContainsFunc(sb.Encaps(own), func(e *sbdb.Encap) bool { return e.Type == i.Type && isIPv6(e.IP) })
			flowBased = append(flowBased, FlowTunnel{Type: i.Type, OFPort: uint32(ofport), IPv6: ipv6, Name: p.Name})
			continue
		}
		chassis, remote, local, ok := ParseID(id)
		if !ok || chassis == own.Name {
			continue
		}
		pairs = append(pairs, Tunnel{
			Chassis: chassis, OFPort: uint32(ofport), Type: i.Type, RemoteIP: remote, LocalIP: local,
			IPv6: isIPv6(remote), Ramp: replica.True(i.OtherConfig, "is-vtep"), MTU: i.MTU.Value(), Name: p.Name, port: p.UUID,
		})
	}
	slices.SortFunc(pairs, func(a, b Tunnel) int { return a.port.Compare(b.port) })
	slices.SortFunc(flowBased, func(a, b FlowTunnel) int { return strings.Compare(a.Name, b.Name) })
	return pairs, flowBased
}

func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6()
}
