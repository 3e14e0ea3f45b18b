package integration

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Storm is a guest that sends hostile packets as fast as it can: of every kind that
// reaches a handler of the agent, with random addresses, cut short or with garbage
// inside.
type Storm struct {
	sent atomic.Uint64
	stop chan struct{}
	wg   sync.WaitGroup
}

// StormSpec says what a storm is aimed at.
type StormSpec struct {
	Router   net.HardwareAddr // where routed packets go
	RouterIP netip.Addr
	// Unresolved is a network behind the router where nobody lives.
	Unresolved netip.Prefix
	Seed       uint64
	// Rate is how many packets are sent a second, 0 for as many as can be.
	Rate int
}

// Storm starts one.
func (g *Guest) Storm(spec StormSpec) *Storm {
	g.t.Helper()
	mac, err := net.ParseMAC(g.MAC)
	if err != nil {
		g.t.Fatalf("%v", err)
	}
	var fd int
	g.do(g.t, "storm", func() (err error) { fd, err = g.socket(0); return err })
	s := &Storm{stop: make(chan struct{})}
	h := &hostile{StormSpec: spec, mac: mac, ip: netip.MustParseAddr(g.IP(4)), Rand: rand.New(rand.NewPCG(spec.Seed, 1))}
	s.wg.Go(func() {
		defer unix.Close(fd)
		const burst = 64
		for due := time.Now(); ; {
			if spec.Rate > 0 {
				due = due.Add(burst * time.Second / time.Duration(spec.Rate))
			}
			select {
			case <-s.stop:
				return
			case <-time.After(time.Until(due)):
			}
			for range burst {
				// A full queue of the interface is as good as sent.
				if _, err := unix.Write(fd, h.packet()); err == nil {
					s.sent.Add(1)
				}
			}
		}
	})
	return s
}

// Sent is how many packets were sent.
func (s *Storm) Sent() uint64 { return s.sent.Load() }

// Stop ends it.
func (s *Storm) Stop() {
	close(s.stop)
	s.wg.Wait()
}

// hostile makes packets.
type hostile struct {
	StormSpec
	*rand.Rand
	mac net.HardwareAddr
	ip  netip.Addr
	b   []byte
}

func (h *hostile) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(h.Uint32())
	}
	return b
}

func (h *hostile) eth(dst []byte, typ uint16) {
	h.b = append(append(h.b[:0], dst...), h.mac...)
	h.b = binary.BigEndian.AppendUint16(h.b, typ)
}

// ip4 and ip6 append a header and what follows it.
func (h *hostile) ip4(ttl, proto byte, src, dst netip.Addr, body []byte) []byte {
	at := len(h.b)
	h.b = append(h.b, 0x45, 0)
	h.b = binary.BigEndian.AppendUint16(h.b, uint16(20+len(body)))
	h.b = append(h.b, 0, 0, 0, 0, ttl, proto, 0, 0)
	s, d := src.As4(), dst.As4()
	h.b = append(append(h.b, s[:]...), d[:]...)
	binary.BigEndian.PutUint16(h.b[at+10:], checksum(h.b[at:]))
	h.b = append(h.b, body...)
	return h.b
}

func (h *hostile) ip6(limit, proto byte, dst netip.Addr, body []byte) []byte {
	h.b = append(h.b, 0x60, 0, 0, 0)
	h.b = binary.BigEndian.AppendUint16(h.b, uint16(len(body)))
	h.b = append(h.b, proto, limit)
	s := [16]byte{0xfe, 0x80, 8: h.mac[0] ^ 2, h.mac[1], h.mac[2], 0xff, 0xfe, h.mac[3], h.mac[4], h.mac[5]}
	d := dst.As16()
	h.b = append(append(append(h.b, s[:]...), d[:]...), body...)
	return h.b
}

func udp(sport, dport uint16, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, sport)
	b = binary.BigEndian.AppendUint16(b, dport)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(payload)))
	return append(append(b, 0, 0), payload...)
}

var (
	toAll    = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	toAll6   = []byte{0x33, 0x33, 0, 0, 0, 1}
	toGroup  = []byte{0x01, 0x00, 0x5e, 1, 2, 3}
	allNodes = netip.IPv6LinkLocalAllNodes()
	limited  = netip.AddrFrom4([4]byte{255, 255, 255, 255})
)

// in is a random address of a network.
func (h *hostile) in(p netip.Prefix) netip.Addr {
	a := p.Addr().As4()
	r := h.Uint32() & (1<<(32-p.Bits()) - 1)
	binary.BigEndian.PutUint32(a[:], binary.BigEndian.Uint32(a[:])|r)
	return netip.AddrFrom4(a)
}

// packet is the next one; it is valid until the one after.
func (h *hostile) packet() []byte {
	switch h.IntN(12) {
	case 0: // addresses claimed
		h.eth(h.Router, 0x0806)
		h.b = append(h.b, 0, 1, 8, 0, 6, 4, 0, byte(1+h.IntN(2)))
		a, r := h.ip.As4(), h.RouterIP.As4()
		h.b = append(append(h.b, h.bytes(6)...), a[0], a[1], a[2], byte(h.Uint32()))
		h.b = append(append(h.b, h.Router...), r[:]...)
	case 1, 2: // next hops to ask for
		h.eth(h.Router, 0x0800)
		h.ip4(64, 17, h.ip, h.in(h.Unresolved), udp(1, 2, h.bytes(h.IntN(64))))
	case 3: // neighbour messages
		h.eth(toAll6, 0x86dd)
		h.ip6(255, 58, allNodes, append([]byte{byte(133 + h.IntN(5)), 0, 0, 0}, h.bytes(h.IntN(60))...))
	case 4: // DHCP
		m := append([]byte{1, 1, 6, 0}, h.bytes(232)...)
		m = append(m, 0x63, 0x82, 0x53, 0x63, 53, 1, byte(h.IntN(10)))
		m = append(m, h.bytes(h.IntN(200))...)
		h.eth(toAll, 0x0800)
		h.ip4(64, 17, netip.IPv4Unspecified(), limited, udp(68, 67, m[:h.IntN(len(m)+1)]))
	case 5: // DHCPv6
		h.eth([]byte{0x33, 0x33, 0, 1, 0, 2}, 0x86dd)
		h.ip6(1, 17, netip.MustParseAddr("ff02::1:2"), udp(546, 547, append([]byte{byte(1 + h.IntN(12))}, h.bytes(h.IntN(100))...)))
	case 6: // DNS
		m := append(h.bytes(2), 1, 0, 0, byte(h.IntN(3)), 0, 0, 0, 0, 0, 0)
		for range h.IntN(4) {
			m = append(append(m, byte(h.IntN(70))), h.bytes(h.IntN(20))...)
		}
		h.eth(h.Router, 0x0800)
		h.ip4(64, 17, h.ip, h.RouterIP, udp(uint16(h.Uint32()), 53, m))
	case 7: // too old
		h.eth(h.Router, 0x0800)
		h.ip4(1, byte(h.IntN(256)), h.ip, h.in(h.Unresolved), h.bytes(h.IntN(64)))
	case 8: // IGMP
		group := netip.AddrFrom4([4]byte{239, byte(h.Uint32()), byte(h.Uint32()), byte(h.Uint32())})
		g := group.As4()
		m := append([]byte{[]byte{0x11, 0x12, 0x16, 0x17, 0x22}[h.IntN(5)], 0, 0, 0}, g[:]...)
		m = append(m, h.bytes(2*h.IntN(20))...)
		if h.IntN(4) > 0 {
			binary.BigEndian.PutUint16(m[2:], checksum(m))
		}
		h.eth(toGroup, 0x0800)
		h.ip4(1, 2, h.ip, group, m)
	case 9: // MLD
		h.eth(toAll6, 0x86dd)
		body := append([]byte{58, 0, 5, 2, 0, 0, 1, 0, []byte{130, 131, 132, 143}[h.IntN(4)], 0, 0, 0}, h.bytes(h.IntN(80))...)
		h.ip6(1, 0, netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 12: byte(h.Uint32()), 13: byte(h.Uint32()), 14: 1, 15: 1}), body)
	case 10: // BFD
		h.eth(h.Router, 0x0800)
		h.ip4(255, 17, h.ip, h.RouterIP, udp(49152, 3784, h.bytes(h.IntN(30))))
	case 11: // refused connections
		h.eth(h.Router, 0x0800)
		tcp := h.bytes(20)
		tcp[12], tcp[13] = byte(5+h.IntN(11))<<4, 2
		h.ip4(64, 6, h.ip, h.RouterIP, tcp)
	}
	return h.b
}

// Offers are how long a guest waited for DHCP offers.
type Offers struct {
	Took []time.Duration // sorted
	Lost int
}

// Percentile is the time within which that share of the requests was answered; of
// those that never were, it is an hour.
func (o Offers) Percentile(p float64) time.Duration {
	n := len(o.Took) + o.Lost
	i := int(p / 100 * float64(n))
	if n == 0 || i >= len(o.Took) {
		return time.Hour
	}
	return o.Took[i]
}

func (o Offers) String() string {
	return fmt.Sprintf("%d offers, %d requests without one, p50 %v, p99 %v", len(o.Took), o.Lost, o.Percentile(50), o.Percentile(99))
}

// RequestOffers asks for an address again and again, with that time between, as a
// client would, and waits for each offer for a second.
func (g *Guest) RequestOffers(d, between time.Duration) (o Offers) {
	g.t.Helper()
	mac, err := net.ParseMAC(g.MAC)
	if err != nil {
		g.t.Fatalf("%v", err)
	}
	var fd int
	g.do(g.t, "DHCP", func() (err error) { fd, err = g.socket(unix.ETH_P_IP); return err })
	defer unix.Close(fd)
	tv := unix.NsecToTimeval((50 * time.Millisecond).Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		g.t.Fatalf("DHCP in %s: %v", g.Name, err)
	}
	h := &hostile{mac: mac}
	buf := make([]byte, 2048)
	const xidAt = 14 + 20 + 8 + 4
	for xid, end := uint32(1), time.Now().Add(d); time.Now().Before(end); xid++ {
		m := make([]byte, 240)
		m[0], m[1], m[2] = 1, 1, 6
		binary.BigEndian.PutUint32(m[4:], xid)
		copy(m[28:], mac)
		copy(m[236:], "\x63\x82\x53\x63")
		m = append(m, 53, 1, 1, 255)
		h.eth(toAll, 0x0800)
		packet := h.ip4(64, 17, netip.IPv4Unspecified(), limited, udp(68, 67, m))
		begin := time.Now()
		if _, err := unix.Write(fd, packet); err != nil {
			g.t.Fatalf("DHCP in %s: %v", g.Name, err)
		}
		answered := false
		for !answered && time.Since(begin) < time.Second {
			n, err := unix.Read(fd, buf)
			if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
				g.t.Fatalf("DHCP in %s: %v", g.Name, err)
			}
			answered = n > xidAt+4 && buf[42] == 2 && binary.BigEndian.Uint32(buf[xidAt:]) == xid
		}
		if answered {
			o.Took = append(o.Took, time.Since(begin))
		} else {
			o.Lost++
		}
		time.Sleep(between)
	}
	slices.Sort(o.Took)
	return o
}

// Scrape reads the metrics that the agent offers on an address of its chassis, by
// name with labels as written.
func (a *Agent) Scrape(addr string) (map[string]float64, error) {
	all := map[string]float64{}
	err := a.ch.ns.Do(func() error {
		conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := fmt.Fprintf(conn, "GET /metrics HTTP/1.0\r\nHost: %s\r\n\r\n", addr); err != nil {
			return err
		}
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			name, value, ok := strings.Cut(lines.Text(), "} ")
			if ok {
				name += "}"
			} else {
				name, value, _ = strings.Cut(name, " ")
			}
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				all[name] = v
			}
		}
		return lines.Err()
	})
	return all, err
}
