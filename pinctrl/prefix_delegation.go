package pinctrl

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// Delegation is what a router port asks a delegating router for: a prefix (RFC 8415
// section 6.3).
type Delegation struct {
	// In is the port of the switch that faces the port of the router which the
	// delegating router is behind; MAC and From are that router port's.
	In   PortKey
	MAC  MAC
	From netip.Addr
	// Client is the Ethernet address that the client identifier is made of.
	Client MAC
	IAID   uint32
	// Prefix is what the port had before, as a hint; may be invalid.
	Prefix netip.Prefix
}

// Delegated is a prefix that a port was given.
type Delegated struct {
	IAID   uint32
	Prefix netip.Prefix
}

// Messages and options of DHCPv6 that only clients use, RFC 8415 sections 7.3 and
// 21.
const (
	dhcp6Renew  = 5
	dhcp6Rebind = 6

	dhcp6OptElapsed  = 8
	dhcp6OptIAPD     = 25
	dhcp6OptIAPrefix = 26

	dhcp6ClientPort = 546
	dhcp6ServerPort = 547
	dhcp6TTL        = 255
)

// maxDUID bounds identifiers in bytes, RFC 8415 section 11.1, type included.
const maxDUID = 130

// retransmission is how a message is repeated, RFC 8415 sections 7.6 and 15. SOLICIT
// has the longest time of RFC 3633, not the hour of its successor: a router port is
// to have its prefix soon after the delegating router came.
type retransmission struct {
	first, longest time.Duration
	times          int // 0: no limit
}

var retransmissions = map[byte]retransmission{
	dhcp6Solicit: {time.Second, 120 * time.Second, 0},
	dhcp6Request: {time.Second, 30 * time.Second, 10},
	dhcp6Renew:   {10 * time.Second, 600 * time.Second, 0},
	dhcp6Rebind:  {10 * time.Second, 600 * time.Second, 0},
}

// maxFirstDelay spreads the first messages, RFC 8415 section 18.2.1.
const maxFirstDelay = time.Second

// delegation is the client of a port.
//
//	SOLICIT ─ADVERTISE─► REQUEST ─REPLY─► bound ─T1─► RENEW ─T2─► REBIND
//	   ▲                    │              ▲            └──REPLY──┘  │
//	   └── ten tries ───────┘              └──────────REPLY──────────┤
//	   └──────────────────────── lifetime over ──────────────────────┘
type delegation struct {
	Delegation
	message     byte // that is being repeated; 0 while bound
	transaction [3]byte
	began       time.Time // of this message
	wait        time.Duration
	tries       int
	due         time.Time // of the next message or, while bound, of T1
	server      []byte    // its identifier
	// t1 to expiry are the times of the prefix; zero is never.
	t1, t2, expiry time.Time
}

// delegations are the clients by router port.
type delegations struct {
	mu      sync.Mutex // guards what follows
	clients map[string]*delegation
	sent    uint64
}

// Delegate sets which router ports ask for a prefix, by name; nil ends it. One whose
// question is the same goes on. It may be called from any goroutine.
func (l *Loop) Delegate(changes map[string]*Delegation) {
	if len(changes) == 0 {
		return
	}
	defer l.ordered()
	d := &l.delegations
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.clients == nil {
		d.clients = map[string]*delegation{}
	}
	for port, c := range changes {
		old := d.clients[port]
		switch {
		case c == nil:
			delete(d.clients, port)
		case old != nil && old.IAID == c.IAID && old.Client == c.Client:
			// Where it asks may change, and what it has is newer than any hint.
			prefix := old.Prefix
			old.Delegation = *c
			if prefix.IsValid() {
				old.Prefix = prefix
			}
		default:
			now := l.cfg.Now()
			n := &delegation{Delegation: *c}
			n.start(dhcp6Solicit, now)
			n.due = now.Add(rand.N(maxFirstDelay))
			d.clients[port] = n
		}
	}
}

// start begins to send another message.
func (d *delegation) start(message byte, now time.Time) {
	d.message, d.began, d.wait, d.tries, d.due = message, now, 0, 0, now
	r := rand.Uint32()
	d.transaction = [3]byte{byte(r), byte(r >> 8), byte(r >> 16)}
}

// next moves on to what time brings and tells whether a message is due.
func (d *delegation) next(now time.Time) bool {
	over := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	if d.message != dhcp6Solicit && d.message != dhcp6Request && over(d.expiry) {
		d.server = nil
		d.start(dhcp6Solicit, now)
	}
	switch {
	case d.message == 0 && over(d.t1):
		d.start(dhcp6Renew, now)
	case d.message == dhcp6Renew && over(d.t2):
		d.start(dhcp6Rebind, now)
	case d.message == dhcp6Request && d.tries >= retransmissions[dhcp6Request].times && over(d.due):
		d.server = nil
		d.start(dhcp6Solicit, now)
	}
	return d.message != 0 && !now.Before(d.due)
}

// repeated notes that a message was sent and when it is sent again: after about
// twice the time, give or take a tenth.
func (d *delegation) repeated(now time.Time) {
	r := retransmissions[d.message]
	if d.wait *= 2; d.wait == 0 {
		d.wait = r.first
	}
	d.wait = min(d.wait, r.longest)
	d.tries++
	tenth := d.wait / 10
	d.due = now.Add(d.wait - tenth + rand.N(2*tenth))
}

// sendDelegations sends what is due.
func (l *Loop) sendDelegations(now time.Time) error {
	d := &l.delegations
	d.mu.Lock()
	defer d.mu.Unlock()
	sent := 0
	for _, c := range d.clients {
		if !c.next(now) || sent >= sendTick {
			continue
		}
		sent++
		if err := l.inject(c.packet(now), c.In, 0); err != nil {
			return err
		}
		d.sent++
		c.repeated(now)
	}
	return nil
}

// appendOption appends an option of DHCPv6.
func appendOption(b []byte, code uint16, v []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, code)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(v))), v...)
}

// clientID is an identifier made of an Ethernet address, RFC 8415 section 11.4.
func (d *delegation) clientID() []byte {
	const duidLL, ethernet = 3, 1
	return append([]byte{0, duidLL, 0, ethernet}, d.Client[:]...)
}

// packet is the message that is due, to all servers and relays of the link.
//
//	| type | transaction | client ID | server ID | elapsed time | IA_PD { IAPREFIX } |
func (d *delegation) packet(now time.Time) []byte {
	u := []byte{0, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint16(u, dhcp6ClientPort)
	binary.BigEndian.PutUint16(u[2:], dhcp6ServerPort)
	u = append(append(u, d.message), d.transaction[:]...)
	u = appendOption(u, dhcp6OptClientID, d.clientID())
	if d.message == dhcp6Request || d.message == dhcp6Renew {
		u = appendOption(u, dhcp6OptServerID, d.server)
	}
	elapsed := min(now.Sub(d.began)/(10*time.Millisecond), 0xffff)
	if d.tries == 0 {
		elapsed = 0
	}
	u = appendOption(u, dhcp6OptElapsed, binary.BigEndian.AppendUint16(nil, uint16(elapsed)))
	ia := binary.BigEndian.AppendUint32(nil, d.IAID)
	ia = append(ia, 0, 0, 0, 0, 0, 0, 0, 0) // T1 and T2 are the server's to choose
	if d.Prefix.IsValid() {
		ip := d.Prefix.Addr().As16()
		p := append([]byte{0, 0, 0, 0, 0, 0, 0, 0, byte(d.Prefix.Bits())}, ip[:]...)
		ia = appendOption(ia, dhcp6OptIAPrefix, p)
	}
	u = appendOption(u, dhcp6OptIAPD, ia)
	binary.BigEndian.PutUint16(u[4:], uint16(len(u)))

	all := netip.MustParseAddr("ff02::1:2") // All_DHCP_Relay_Agents_and_Servers
	c := finish(sum(pseudo(d.From, all, protoUDP, len(u)), u))
	if c == 0 {
		c = 0xffff
	}
	binary.BigEndian.PutUint16(u[6:], c)
	var untagged packet
	b := untagged.appendEth(make([]byte, 0, ethLen+ipv6Len+len(u)), MAC{0x33, 0x33, 0, 1, 0, 2}, d.MAC, ethTypeIPv6)
	return append(appendIPv6(b, d.From, all, protoUDP, dhcp6TTL, len(u)), u...)
}

// receive takes a message of a server and tells whether the port has another prefix
// now.
func (d *delegation) receive(m *delegationReply, now time.Time) (changed bool) {
	if d.message == 0 || m.transaction != d.transaction || !bytes.Equal(m.client, d.clientID()) || len(m.server) == 0 {
		return false
	}
	switch {
	case d.message == dhcp6Solicit && m.typ == dhcp6Advertise:
		if m.prefix.IsValid() && m.status == 0 {
			d.server, d.Prefix = m.server, m.prefix
			d.start(dhcp6Request, now)
		}
		return false
	case d.message == dhcp6Solicit || m.typ != dhcp6Reply:
		return false
	case m.status != 0 || m.valid == 0 && (m.prefix.IsValid() || d.message == dhcp6Request):
		// The server refuses, or takes the prefix back: from the beginning (section
		// 18.2.10.1), but not at once.
		d.server = nil
		d.start(dhcp6Solicit, now)
		d.due = now.Add(time.Second)
		return false
	case m.valid == 0:
		return false // it says nothing of the prefix
	}
	d.Prefix, d.server, d.message = m.prefix, m.server, 0
	after := func(s uint32) time.Time {
		if s == dhcp6Forever {
			return time.Time{}
		}
		return now.Add(time.Duration(s) * time.Second)
	}
	// Where the server leaves the times open (section 14.2).
	t1, t2 := m.t1, m.t2
	if t1 == 0 {
		t1 = portion(m.preferred, 5)
	}
	if t2 == 0 {
		t2 = max(portion(m.preferred, 8), t1)
	}
	// Never faster than this, whatever a server says.
	t1, t2 = max(t1, 1), max(t2, 2)
	d.t1, d.t2, d.expiry = after(t1), after(t2), after(m.valid)
	return true
}

// portion is so many tenths of a time in seconds, of which the highest has no end.
func portion(s uint32, tenths uint64) uint32 {
	if s == dhcp6Forever {
		return s
	}
	return uint32(uint64(s) * tenths / 10)
}
