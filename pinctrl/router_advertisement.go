package pinctrl

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// Preference of a router or route, as in the flags of advertisements (RFC 4191
// section 2.1).
type Preference uint8

const (
	MediumPreference Preference = 0x00
	HighPreference   Preference = 0x08
	LowPreference    Preference = 0x18
)

// RouterAdvertisement is what a router port says of itself from time to time, RFC
// 4861 section 4.2. All lifetimes are infinite, or the longest there is.
type RouterAdvertisement struct {
	// In is the port of the switch that faces the router.
	In PortKey
	// Override lets the packet reach other chassis, where the flow says that
	// packets of this kind stay here: the router is on this chassis only.
	Override bool
	// MinInterval and MaxInterval bound the random time between two.
	MinInterval, MaxInterval time.Duration

	MAC        MAC
	From       netip.Addr
	Managed    bool // addresses by DHCPv6
	Other      bool // other configuration by DHCPv6
	Autonomous bool // addresses out of the prefixes
	Preference Preference
	MTU        uint32 // 0: not said
	Prefixes   []netip.Prefix
	RDNSS      netip.Addr // may be invalid
	// DNSSL are domains to search.
	DNSSL  []string
	Routes []RouteInformation
}

// RouteInformation is a route by way of the router, RFC 4191 section 2.3.
type RouteInformation struct {
	Prefix     netip.Prefix
	Preference Preference
}

// Options of advertisements.
const (
	optPrefix    = 3
	optMTU       = 5
	optRouteInfo = 24
	optRDNSS     = 25
	optDNSSL     = 31

	ndRouterAdvert = 134
	raLen          = 16
	infinite       = 0xffffffff
)

// maxDNSSL bounds the domains of an advertisement, in bytes.
const maxDNSSL = 255

// packet is the advertisement to all nodes of the link.
//
//	| type | code | checksum | hop limit | M O pref | lifetime |
//	| reachable time | retransmission timer | options…
func (a *RouterAdvertisement) packet() []byte {
	m := make([]byte, 0, 256)
	flags := byte(a.Preference)
	if a.Managed {
		flags |= 0x80
	}
	if a.Other {
		flags |= 0x40
	}
	m = append(m, ndRouterAdvert, 0, 0, 0, 255, flags, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0)
	m = append(append(m, optSourceLLA, 1), a.MAC[:]...)
	if a.MTU != 0 {
		m = binary.BigEndian.AppendUint32(append(m, optMTU, 1, 0, 0), a.MTU)
	}
	for _, p := range a.Prefixes {
		const onLink, autonomous = 0x80, 0x40
		la := byte(onLink)
		if a.Autonomous {
			la |= autonomous
		}
		m = append(m, optPrefix, 4, byte(p.Bits()), la)
		m = binary.BigEndian.AppendUint32(m, infinite)
		m = binary.BigEndian.AppendUint32(m, infinite)
		ip := p.Addr().As16()
		m = append(append(m, 0, 0, 0, 0), ip[:]...)
	}
	if a.RDNSS.IsValid() {
		ip := a.RDNSS.As16()
		m = binary.BigEndian.AppendUint32(append(m, optRDNSS, 3, 0, 0), infinite)
		m = append(m, ip[:]...)
	}
	m = appendDNSSL(m, a.DNSSL)
	for _, r := range a.Routes {
		ip := r.Prefix.Masked().Addr().As16()
		words := (r.Prefix.Bits() + 63) / 64
		m = append(m, optRouteInfo, byte(1+words), byte(r.Prefix.Bits()), byte(r.Preference))
		m = binary.BigEndian.AppendUint32(m, infinite)
		m = append(m, ip[:8*words]...)
	}
	var untagged packet
	b := untagged.appendEth(make([]byte, 0, ethLen+ipv6Len+len(m)), MAC{0x33, 0x33, 0, 0, 0, 1}, a.MAC, ethTypeIPv6)
	b = appendIPv6(b, a.From, netip.IPv6LinkLocalAllNodes(), protoICMPv6, hopLimitND, len(m))
	b = append(b, m...)
	binary.BigEndian.PutUint16(b[ethLen+ipv6Len+2:], checksum6(b[ethLen:]))
	return b
}

// appendDNSSL appends the option of domains to search, RFC 8106 section 5.2: names
// as in DNS, padded to eight bytes. Too many, or one that is no name, are left out
// altogether.
func appendDNSSL(m []byte, domains []string) []byte {
	var names []byte
	for _, d := range domains {
		for label := range strings.SplitSeq(d, ".") {
			const maxLabel = 63
			if label == "" || len(label) > maxLabel {
				return m
			}
			names = append(append(names, byte(len(label))), label...)
		}
		names = append(names, 0)
	}
	const header = 8
	if len(names) == 0 || header+len(names) > maxDNSSL {
		return m
	}
	for len(names)%8 != 0 {
		names = append(names, 0)
	}
	m = binary.BigEndian.AppendUint32(append(m, optDNSSL, byte((header+len(names))/8), 0, 0), infinite)
	return append(m, names...)
}

// advertiser sends router advertisements at random times.
type advertiser struct {
	orders *advertiseOrders
	at     map[string]*advertised
	next   time.Time // not after any due time; zero: nothing to send
}

type advertised struct {
	*RouterAdvertisement
	due time.Time
}

type advertiseOrders struct {
	mu      sync.Mutex // guards what follows
	changes map[string]*RouterAdvertisement
}

func newAdvertiser() advertiser {
	return advertiser{orders: &advertiseOrders{changes: map[string]*RouterAdvertisement{}}, at: map[string]*advertised{}}
}

// Advertise sets what router ports advertise, by name; nil ends it. It may be
// called from any goroutine. What it is given must not change any more.
func (l *Loop) Advertise(changes map[string]*RouterAdvertisement) {
	if len(changes) == 0 {
		return
	}
	defer l.ordered()
	o := l.senders.advertisements.orders
	o.mu.Lock()
	defer o.mu.Unlock()
	for port, a := range changes {
		o.changes[port] = a
	}
}

func (a *RouterAdvertisement) wait() time.Duration {
	d := a.MinInterval
	if a.MaxInterval > d {
		d += rand.N(a.MaxInterval - d)
	}
	return max(d, time.Second)
}

func (s *advertiser) follow(now time.Time) {
	s.orders.mu.Lock()
	defer s.orders.mu.Unlock()
	for port, a := range s.orders.changes {
		old := s.at[port]
		switch {
		case a == nil:
			delete(s.at, port)
		case old != nil && old.MinInterval == a.MinInterval && old.MaxInterval == a.MaxInterval:
			// Whatever it says now, it says at the same times.
			old.RouterAdvertisement = a
		default:
			s.at[port] = &advertised{a, now.Add(a.wait())}
			s.wakeAt(s.at[port].due)
		}
	}
	clear(s.orders.changes)
}

func (s *advertiser) wakeAt(t time.Time) {
	if s.next.IsZero() || t.Before(s.next) {
		s.next = t
	}
}

func (l *Loop) sendAdvertisements(now time.Time) error {
	s := &l.senders.advertisements
	s.follow(now)
	if s.next.IsZero() || now.Before(s.next) {
		return nil
	}
	s.next = time.Time{}
	sent := 0
	for _, a := range s.at {
		if !now.Before(a.due) && sent < sendTick {
			sent++
			flags := uint64(pipeline.FlagLocalOnly)
			if a.Override {
				flags |= pipeline.FlagOverrideLocalOnly
			}
			if err := l.inject(a.packet(), a.In, flags); err != nil {
				s.next = now
				return err
			}
			l.stats.advertised.Add(1)
			a.due = now.Add(a.wait())
		}
		s.wakeAt(a.due)
	}
	return nil
}
