package pinctrl

import (
	"net/netip"
	"sync"
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

// announcer sends gratuitous ARP and RARP.
//
// Invariants:
//  1. next is not after the due time of any entry that has one.
//  2. changes holds at most one order an announcement.
type announcer struct {
	orders *announceOrders
	at     map[Announcement]*repeat
	next   time.Time // zero: nothing is due ever
	policy announcePolicy
}

type announcePolicy struct {
	longest time.Duration
	forever bool
}

type announceOrders struct {
	mu      sync.Mutex // guards what follows
	changes map[Announcement]bool
	policy  announcePolicy
}

func newAnnouncer() announcer {
	p := announcePolicy{longest: defaultAnnounceMax}
	return announcer{orders: &announceOrders{changes: map[Announcement]bool{}, policy: p}, at: map[Announcement]*repeat{}, policy: p}
}

// Announce has addresses announced from now on, or no longer. One that is removed
// and added starts over. It may be called from any goroutine.
func (l *Loop) Announce(removed, added []Announcement) {
	o := l.senders.announcer.orders
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range removed {
		o.changes[a] = false
	}
	for _, a := range added {
		o.changes[a] = true
	}
}

// SetAnnounceMax bounds the time between two announcements of an address, which
// then go on for ever (garp-max-timeout-sec); 0 is the default of five
// announcements. It may be called from any goroutine.
func (l *Loop) SetAnnounceMax(d time.Duration) {
	p := announcePolicy{longest: d, forever: true}
	if d <= 0 {
		p = announcePolicy{longest: defaultAnnounceMax}
	}
	o := l.senders.announcer.orders
	o.mu.Lock()
	defer o.mu.Unlock()
	o.policy = p
}

// follow takes in what was ordered since the last turn.
func (a *announcer) follow(now time.Time) {
	a.orders.mu.Lock()
	defer a.orders.mu.Unlock()
	if a.policy != a.orders.policy {
		a.policy = a.orders.policy
		for _, r := range a.at {
			*r = newRepeat(now)
		}
		a.wakeAt(now.Add(firstSend))
	}
	if len(a.orders.changes) == 0 {
		return
	}
	for what, wanted := range a.orders.changes {
		if !wanted {
			delete(a.at, what)
			continue
		}
		r := newRepeat(now)
		a.at[what] = &r
	}
	clear(a.orders.changes)
	a.wakeAt(now.Add(firstSend))
}

func (a *announcer) wakeAt(t time.Time) {
	if a.next.IsZero() || t.Before(a.next) {
		a.next = t
	}
}

func (a *announcer) send(l *Loop, now time.Time) error {
	a.follow(now)
	if a.next.IsZero() || now.Before(a.next) {
		return nil
	}
	a.next = time.Time{}
	sent := 0
	for what, r := range a.at {
		if r.due.IsZero() {
			continue
		}
		if !now.Before(r.due) && sent < sendTick {
			sent++
			if err := l.inject(what.packet(), what.In); err != nil {
				a.next = now
				return err
			}
			l.stats.announced.Add(1)
			r.sent(now, a.policy.longest, a.policy.forever)
		}
		if !r.due.IsZero() {
			a.wakeAt(r.due)
		}
	}
	return nil
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
	b = untagged.appendEth(b, broadcast, a.MAC, ethTypeReverseARP)
	return appendARP(b, rarpRequest, a.MAC, [4]byte{}, a.MAC, [4]byte{})
}
