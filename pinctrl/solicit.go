package pinctrl

import (
	"net/netip"
	"time"
)

// Solicitation asks for the Ethernet address of a next hop before packets need it.
type Solicitation struct {
	// Out is the router port that the next hop is behind.
	Out PortKey
	MAC MAC
	// From and NextHop are of the same family.
	From, NextHop netip.Addr
}

// defaultSolicitMax is the longest time between two solicitations.
const defaultSolicitMax = 16 * time.Second

// Solicit has next hops asked for from now on, or no longer. It may be called from
// any goroutine.
func (l *Loop) Solicit(removed, added []Solicitation) {
	if len(removed)+len(added) > 0 {
		l.senders.solicitations.orders.change(removed, added)
		l.ordered()
	}
}

// SetSolicitMax bounds the time between two solicitations of a next hop
// (arp-nd-max-timeout-sec); with 0 each is sent only once. It may be called from
// any goroutine.
func (l *Loop) SetSolicitMax(d time.Duration) {
	l.senders.solicitations.orders.setPolicy(repeatPolicy{longest: d, forever: d > 0})
	l.ordered()
}

func (l *Loop) sendSolicitations(now time.Time) error {
	return l.senders.solicitations.turn(now, func(s Solicitation) error {
		l.stats.solicited.Add(1)
		l.asked(s.Out, s)
		return l.deliver(s.packet(), s.Out, 0)
	})
}

// packet is an ARP request or a neighbour solicitation.
func (s Solicitation) packet() []byte {
	var untagged packet
	if s.NextHop.Is4() {
		b := untagged.appendEth(make([]byte, 0, ethLen+arpPacketLen), broadcast, s.MAC, ethTypeARP)
		return appendARP(b, arpRequest, s.MAC, s.From.As4(), MAC{}, s.NextHop.As4())
	}
	group, mac := solicitedNode(s.NextHop)
	b := untagged.appendEth(make([]byte, 0, ethLen+ipv6Len+ndLen+llaLen), mac, s.MAC, ethTypeIPv6)
	return appendND(b, s.From, group, ndSolicit, 0, s.NextHop, optSourceLLA, s.MAC)
}
