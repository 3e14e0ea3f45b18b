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
	Port     ovsdb.UUID
}

// FlowTunnel is the port of a tunnel type whose addresses flows set.
type FlowTunnel struct {
	Type   string
	OFPort uint32
	IPv6   bool
	Name   string
}

const maxOFPort = 0xff00 // OFPP_MAX

// Ready lists the tunnel ports of the bridge to one chassis that have an OpenFlow port,
// in the order of their rows.
func (d *Duty) Ready(br *vswitchdb.Bridge, own *sbdb.Chassis, chassis string) (list []Tunnel) {
	if own == nil || chassis == "" || chassis == own.Name {
		return nil
	}
	for p := range d.Ports(br, chassis) {
		i, ofport := d.carrier(p)
		if i == nil {
			continue
		}
		_, remote, local, _ := ParseID(p.ExternalIDs.Get(idKey))
		list = append(list, Tunnel{
			Chassis: chassis, OFPort: ofport, Type: i.Type, RemoteIP: remote, LocalIP: local,
			IPv6: isIPv6(remote), Ramp: replica.True(i.OtherConfig, "is-vtep"), MTU: i.MTU.Value(), Name: p.Name, Port: p.UUID,
		})
	}
	return list
}

// Shared lists the tunnel ports of the bridge whose addresses flows set, by name.
func (d *Duty) Shared(br *vswitchdb.Bridge, own *sbdb.Chassis) (list []FlowTunnel) {
	if own == nil {
		return nil
	}
	for p := range d.Ports(br, "") {
		i, ofport := d.carrier(p)
		if i == nil || p.ExternalIDs.Get(idKey) != flowBasedID {
			continue
		}
		ipv6 := slices.ContainsFunc(d.sb.Encaps(own), func(e *sbdb.Encap) bool { return e.Type == i.Type && isIPv6(e.IP) })
		list = append(list, FlowTunnel{Type: i.Type, OFPort: ofport, IPv6: ipv6, Name: p.Name})
	}
	slices.SortFunc(list, func(a, b FlowTunnel) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// carrier is the interface of a tunnel port, nil while there is none that is ready.
func (d *Duty) carrier(p *vswitchdb.Port) (*vswitchdb.Interface, uint32) {
	for _, id := range p.Interfaces {
		i := d.local.Interface.Get(id)
		if i == nil || i.Type != "geneve" && i.Type != "vxlan" {
			continue
		}
		if n := i.Ofport.Value(); n >= 1 && n < maxOFPort {
			return i, uint32(n)
		}
	}
	return nil, 0
}

func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6()
}
