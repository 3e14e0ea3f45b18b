package pinctrl

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// ServiceProtocol is what a service is probed by.
type ServiceProtocol uint8

const (
	ServiceTCP ServiceProtocol = iota
	ServiceUDP
	ServiceICMP // of either family
)

// ServiceKey names a service that is probed, by what tells whose an answer is.
type ServiceKey struct {
	At       PortKey // where answers come in
	IP       netip.Addr
	Port     uint16 // 0 for ServiceICMP
	Protocol ServiceProtocol
}

// Service is how a service is probed.
type Service struct {
	// Out is the port of the datapath that probes are sent out of: the one that
	// answers come in by or, for a network function, its other one.
	Out              uint32
	MAC, FromMAC     MAC
	From             netip.Addr    // of the family of the service's address
	Interval         time.Duration // from the outcome of one probe to the next
	Timeout          time.Duration // for an answer
	Success, Failure int           // outcomes of a kind after which it counts
}

// prober probes services.
//
//	send ─► waiting ─┬─ answer ──┬─► due after Interval ─► send
//	                 └─ Timeout ─┘
type prober struct {
	mu       sync.Mutex // guards what follows
	services map[ServiceKey]*probed
	next     time.Time // not after any due time; zero: nothing to do
	turned   time.Time // when it was looked last for what is due
	sent     uint64
}

// maxPause is how long the sender may be held up without it saying anything about
// services: answers were missed, then.
const maxPause = time.Second

// probed is the state of a service. It is known to be online, known to be offline,
// or neither.
type probed struct {
	Service
	waiting           bool
	due               time.Time // of the next probe or, while waiting, the end of that
	succeeded, failed int
	known, online     bool
	port              uint16 // of ours, for TCP and UDP
	seq               uint32 // of the SYN
	echoID, echoSeq   uint16
}

// Probe sets how services are probed; nil ends it. A service that is known already
// keeps its state. It may be called from any goroutine.
func (l *Loop) Probe(changes map[ServiceKey]*Service) {
	if len(changes) == 0 {
		return
	}
	defer l.ordered()
	p := &l.prober
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.services == nil {
		p.services = map[ServiceKey]*probed{}
	}
	for k, s := range changes {
		if s == nil {
			delete(p.services, k)
			continue
		}
		if old := p.services[k]; old != nil {
			old.Service = *s
			continue
		}
		now := l.cfg.Now()
		p.services[k] = &probed{Service: *s, due: now}
		p.wakeAt(now)
	}
}

func (p *prober) wakeAt(t time.Time) {
	if p.next.IsZero() || t.Before(p.next) {
		p.next = t
	}
}

// sendProbes sends what is due and gives up waiting where it has been too long.
func (l *Loop) sendProbes(now time.Time) error {
	p := &l.prober
	p.mu.Lock()
	defer p.mu.Unlock()
	paused := now.Sub(p.turned) > maxPause
	p.turned = now
	if p.next.IsZero() || now.Before(p.next) {
		return nil
	}
	p.next = time.Time{}
	sent := 0
	for k, s := range p.services {
		if s.waiting && paused {
			s.waiting, s.due = false, now
		}
		if s.waiting && !now.Before(s.due) {
			// Silence is good news of UDP only.
			l.concluded(k, s, now, k.Protocol == ServiceUDP)
		}
		if !s.waiting && !now.Before(s.due) && sent < sendTick {
			sent++
			if err := l.sendProbe(k, s); err != nil {
				p.next = now
				return err
			}
			s.waiting, s.due = true, now.Add(s.Timeout)
		}
		p.wakeAt(s.due)
	}
	return nil
}

// concluded notes the outcome of a probe.
func (l *Loop) concluded(k ServiceKey, s *probed, now time.Time, good bool) {
	s.waiting, s.due = false, now.Add(s.Interval)
	l.prober.wakeAt(s.due)
	if good {
		s.succeeded++
	} else {
		s.failed++
	}
	enough := s.succeeded >= s.Success
	if !good {
		enough = s.failed >= s.Failure
	}
	if !enough {
		return
	}
	s.succeeded, s.failed = 0, 0
	if s.known && s.online == good {
		return
	}
	s.known, s.online = true, good
	if l.cfg.Probed != nil {
		l.cfg.Probed(k, good)
	}
}

// Types of ICMP and ICMPv6.
const (
	echoReply4   = 0
	echoRequest4 = 8
	echoRequest6 = 128
	echoReply6   = 129
)

// tcpSYN opens a connection, RFC 9293 section 3.1.
const tcpSYN = 0x02

// Hop limits of probes.
const (
	probeTTL     = 63
	probeTTLEcho = 255
)

// firstPort is the lowest port that probes are sent from.
const firstPort = 1024

func (l *Loop) sendProbe(k ServiceKey, s *probed) error {
	port := uint16(firstPort + rand.IntN(1<<16-firstPort))
	var packet []byte
	switch k.Protocol {
	case ServiceTCP:
		s.port, s.seq = port, rand.Uint32()
		packet = s.segment(k, tcpSYN, s.seq)
	case ServiceUDP:
		// Always the same port, or a stateful firewall would remember many.
		if s.port == 0 {
			s.port = port
		}
		packet = s.datagram(k)
	case ServiceICMP:
		s.echoID, s.echoSeq = uint16(rand.Uint32()), uint16(rand.Uint32())
		packet = s.echo(k)
	}
	return l.deliverProbe(k, s, packet)
}

func (l *Loop) deliverProbe(k ServiceKey, s *probed, packet []byte) error {
	l.prober.sent++
	return l.deliver(packet, PortKey{k.At.Datapath, s.Out}, pipeline.FlagLocalOnly)
}

// compose makes a packet to the service around a transport header whose checksum,
// zero so far, stands at an offset.
func (s *probed) compose(k ServiceKey, proto, ttl uint8, l4 []byte, at int) []byte {
	var untagged packet
	cover := uint32(0)
	if proto != protoICMP {
		cover = pseudo(s.From, k.IP, proto, len(l4))
	}
	c := finish(sum(cover, l4))
	if c == 0 && proto == protoUDP {
		c = 0xffff
	}
	binary.BigEndian.PutUint16(l4[at:], c)
	if k.IP.Is4() {
		b := untagged.appendEth(make([]byte, 0, ethLen+ipv4Len+len(l4)), s.MAC, s.FromMAC, ethTypeIPv4)
		return append(appendIPv4(b, s.From, k.IP, proto, ttl, len(l4)), l4...)
	}
	b := untagged.appendEth(make([]byte, 0, ethLen+ipv6Len+len(l4)), s.MAC, s.FromMAC, ethTypeIPv6)
	return append(appendIPv6(b, s.From, k.IP, proto, ttl, len(l4)), l4...)
}

// probeWindow is the window that a SYN offers.
const probeWindow = 65160

// segment is a TCP header alone.
func (s *probed) segment(k ServiceKey, flags byte, seq uint32) []byte {
	b := binary.BigEndian.AppendUint16(nil, s.port)
	b = binary.BigEndian.AppendUint16(b, k.Port)
	b = binary.BigEndian.AppendUint32(b, seq)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint16(append(b, tcpLen/4<<4, flags), probeWindow)
	return s.compose(k, protoTCP, probeTTL, append(b, 0, 0, 0, 0), 16)
}

// probeData is how many zero bytes a UDP probe carries.
const probeData = 8

func (s *probed) datagram(k ServiceKey) []byte {
	b := binary.BigEndian.AppendUint16(nil, s.port)
	b = binary.BigEndian.AppendUint16(b, k.Port)
	b = binary.BigEndian.AppendUint16(b, udpLen+probeData)
	return s.compose(k, protoUDP, probeTTL, append(b, make([]byte, 2+probeData)...), 6)
}

// echo is a request without data.
//
//	| type | code | checksum | identifier | sequence |
func (s *probed) echo(k ServiceKey) []byte {
	typ, proto := byte(echoRequest6), uint8(protoICMPv6)
	if k.IP.Is4() {
		typ, proto = echoRequest4, protoICMP
	}
	b := binary.BigEndian.AppendUint16([]byte{typ, 0, 0, 0}, s.echoID)
	return s.compose(k, proto, probeTTLEcho, binary.BigEndian.AppendUint16(b, s.echoSeq), 2)
}
