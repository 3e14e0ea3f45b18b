package maccache

import (
	"net/netip"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// probe decides whether a neighbour that was sent to is to be asked for: it is in
// use, its row was not renewed for a while, and its router port is on this chassis.
func (d *Duty) probe(in *Inputs, u *Use, row *sbdb.MACBinding, threshold time.Duration) (s pinctrl.Solicitation, ok bool) {
	age, idle := in.Now.Sub(time.UnixMilli(row.Timestamp)), in.Now.Sub(u.At)
	verdict := ""
	port := in.SB.PortByName.One(row.LogicalPort)
	switch {
	case idle > threshold:
		verdict = "Not sending ARP/ND request for non-active"
	case age < share(threshold):
		verdict = "Not sending ARP/ND request for recently updated"
	case in.Now.Sub(d.probed[row.UUID]) < minProbeInterval:
		verdict = "Not sending ARP/ND request for just asked for"
	case port == nil || !isHere(in.SB, in.Chassis, port):
		verdict = "Not sending ARP/ND request for non-local"
	default:
		if s, ok = ProbeFrom(port, u.IP); !ok {
			verdict = "No address to send ARP/ND request from for"
			break
		}
		s.Out = pinctrl.PortKey{Datapath: u.Datapath, Port: uint32(port.TunnelKey)}
		d.probed[row.UUID] = in.Now
		verdict = "Sending ARP/ND request for active"
	}
	d.decided(verdict, func() string { return neighborText(row) }, age, idle, threshold)
	return s, ok
}

// minProbeInterval: a destination is asked for at most once a second.
const minProbeInterval = time.Second

// isHere tells whether what a router port sends is sent by this chassis: a gateway's
// port and a distributed one with a gateway by the chassis that has it, others by
// every chassis.
func isHere(sb *replica.SB, chassis ovsdb.UUID, port *sbdb.PortBinding) bool {
	if chassis.IsZero() {
		return false
	}
	if port.Chassis == chassis {
		return true
	}
	if name, ok := port.Options.Lookup("chassis-redirect-port"); ok {
		if gateway := sb.PortByName.One(name); gateway != nil {
			return gateway.Chassis == chassis
		}
	}
	return port.Type == "patch"
}

// ProbeFrom is a question for ip by a router port, with a source address from the
// port's network that ip is in; not ok if it is in none. Out is left open.
func ProbeFrom(port *sbdb.PortBinding, ip netip.Addr) (s pinctrl.Solicitation, ok bool) {
	if len(port.MAC) == 0 {
		return s, false
	}
	words := strings.Fields(port.MAC[0])
	if len(words) == 0 {
		return s, false
	}
	var err error
	if s.MAC, err = pinctrl.ParseMAC(words[0]); err != nil {
		return s, false
	}
	s.NextHop = ip
	for _, w := range words[1:] {
		if p, err := netip.ParsePrefix(w); err == nil && p.Contains(ip) {
			s.From = p.Addr()
			return s, true
		}
	}
	return s, false
}
