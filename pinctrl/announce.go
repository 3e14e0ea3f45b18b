package pinctrl

import (
	"net/netip"
	"time"
)

// Announcement is an address whose place the switches and hosts of a physical
// network are to learn: by a gratuitous ARP request, or by RARP where there is no
// IPv4 address.
type Announcement struct {
	// In is the port of the switch that the packet comes in by.
	In  PortKey
	MAC MAC
	// IP is an IPv4 address, or invalid.
	IP netip.Addr
}

// defaultAnnounceMax is the interval that ends the announcements of an address,
// the fifth.
const defaultAnnounceMax = 16 * time.Second

// Announce has addresses announced from now on, or no longer. One that is removed
// and added starts over. It may be called from any goroutine.
func (l *Loop) Announce(removed, added []Announcement) {
	if len(removed)+len(added) > 0 {
		l.senders.announcements.orders.change(removed, added)
		l.ordered()
	}
}

// BeginAnnouncing sends what is to be announced at once, and then at its intervals;
// what is not to be announced it leaves alone. The C agent waits a second for the
// flows to be there, which whoever calls this knows. It may be called from any
// goroutine.
func (l *Loop) BeginAnnouncing(list []Announcement) {
	if len(list) > 0 {
		l.senders.announcements.orders.begin(list)
		l.ordered()
	}
}

// SetAnnounceMax bounds the time between two announcements of an address, which
// then go on for ever (garp-max-timeout-sec); 0 is the default of five
// announcements. It may be called from any goroutine.
func (l *Loop) SetAnnounceMax(d time.Duration) {
	p := repeatPolicy{longest: d, forever: true}
	if d <= 0 {
		p = repeatPolicy{longest: defaultAnnounceMax}
	}
	l.senders.announcements.orders.setPolicy(p)
	l.ordered()
}

func (l *Loop) sendAnnouncements(now time.Time) error {
	return l.senders.announcements.turn(now, func(a Announcement) error {
		l.stats.announced.Add(1)
		return l.inject(a.packet(), a.In, 0)
	})
}

// packet is a gratuitous ARP request, or a RARP request for the own address.
func (a Announcement) packet() []byte {
	var untagged packet
	b := make([]byte, 0, ethLen+arpPacketLen)
	if a.IP.Is4() {
		ip := a.IP.As4()
		b = untagged.appendEth(b, broadcast, a.MAC, ethTypeARP)
		return appendARP(b, arpRequest, a.MAC, ip, MAC{}, ip)
	}
	b = untagged.appendEth(b, broadcast, a.MAC, ethTypeRARP)
	return appendARP(b, rarpRequest, a.MAC, [4]byte{}, a.MAC, [4]byte{})
}
