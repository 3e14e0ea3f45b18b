package integration

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// ICMP types, RFC 792 and RFC 4443.
const (
	icmp4EchoRequest, icmp4EchoReply = 8, 0
	icmp6EchoRequest, icmp6EchoReply = 128, 129
)

// pinger sends echo requests from a guest and counts the replies.
type pinger struct {
	conn         net.PacketConn
	dst          *net.IPAddr
	request      byte
	reply        byte
	id           uint16
	checksumming bool // the kernel does it for ICMPv6 only
}

func (g *Guest) pinger(dst string) (*pinger, error) {
	addr, err := netip.ParseAddr(dst)
	if err != nil {
		return nil, err
	}
	p := &pinger{dst: &net.IPAddr{IP: addr.AsSlice()}, id: uint16(rand.Uint32())}
	network := "ip4:icmp"
	p.request, p.reply, p.checksumming = icmp4EchoRequest, icmp4EchoReply, true
	if addr.Is6() {
		network = "ip6:ipv6-icmp"
		p.request, p.reply, p.checksumming = icmp6EchoRequest, icmp6EchoReply, false
	}
	err = g.Do(func() error {
		p.conn, err = net.ListenPacket(network, "")
		return err
	})
	return p, err
}

// send sends echo request number seq. That the local stack cannot resolve the
// destination shows as an error here and is a lost packet like any other.
func (p *pinger) send(seq uint16) {
	b := make([]byte, 8+56)
	b[0] = p.request
	binary.BigEndian.PutUint16(b[4:], p.id)
	binary.BigEndian.PutUint16(b[6:], seq)
	if p.checksumming {
		binary.BigEndian.PutUint16(b[2:], checksum(b))
	}
	_, _ = p.conn.WriteTo(b, p.dst)
}

// receive returns the number of the next reply.
func (p *pinger) receive(deadline time.Time) (uint16, error) {
	if err := p.conn.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	return p.next()
}

func (p *pinger) next() (uint16, error) {
	buf := make([]byte, 2048)
	for {
		n, _, err := p.conn.ReadFrom(buf)
		if err != nil {
			return 0, err
		}
		if n >= 8 && buf[0] == p.reply && binary.BigEndian.Uint16(buf[4:]) == p.id {
			return binary.BigEndian.Uint16(buf[6:]), nil
		}
	}
}

// checksum is the Internet checksum, RFC 1071, of an even number of bytes.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// Ping sends one echo request and waits for its reply.
func (g *Guest) Ping(dst string, timeout time.Duration) error {
	p, err := g.pinger(dst)
	if err != nil {
		return err
	}
	defer p.conn.Close()
	p.send(1)
	if _, err := p.receive(time.Now().Add(timeout)); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("%s: no reply from %s", g.Name, dst)
		}
		return err
	}
	return nil
}

// Reaches waits until a ping is answered.
func (g *Guest) Reaches(dst string) {
	g.t.Helper()
	WaitFor(g.t, 20*time.Second, g.Name+" reaches "+dst, func() error {
		return g.Ping(dst, 300*time.Millisecond)
	})
}

// Blocked waits until pings to dst are no longer answered: three in a row.
func (g *Guest) Blocked(dst string) {
	g.t.Helper()
	WaitFor(g.t, 20*time.Second, dst+" out of reach of "+g.Name, func() error {
		for range 3 {
			if g.Ping(dst, 200*time.Millisecond) == nil {
				return fmt.Errorf("%s is answered by %s", g.Name, dst)
			}
		}
		return nil
	})
}

// PingLoop sends echo requests at an interval until it is stopped.
type PingLoop struct {
	p        *pinger
	interval time.Duration
	stop     chan struct{}
	sent     int // belongs to send until it has ended

	mu       sync.Mutex // guards what follows
	ended    bool       // nothing more is sent
	replies  map[uint16]bool
	received int
	last     time.Time // when the last reply came, at first when sending began
	silence  time.Duration
	done     sync.WaitGroup
}

// Loss is the result of a PingLoop.
type Loss struct {
	Sent, Lost int
	// LongestGap is the longest run of lost packets, in packets, First the number of
	// the first lost one, from 0.
	LongestGap, First int
	// Silence is the longest time between two replies.
	Silence time.Duration
}

func (l Loss) String() string {
	if l.Lost == 0 {
		return fmt.Sprintf("0 of %d lost", l.Sent)
	}
	return fmt.Sprintf("%d of %d lost, number %d the first, at most %d in a row", l.Lost, l.Sent, l.First, l.LongestGap)
}

// PingLoop starts sending to dst, one echo request each interval. At most 65,535
// are sent.
func (g *Guest) PingLoop(dst string, interval time.Duration) *PingLoop {
	g.t.Helper()
	p, err := g.pinger(dst)
	if err != nil {
		g.t.Fatalf("ping of %s: %v", dst, err)
	}
	l := &PingLoop{p: p, interval: interval, stop: make(chan struct{}), replies: map[uint16]bool{}, last: time.Now()}
	l.done.Go(l.send)
	l.done.Go(l.receive)
	g.t.Cleanup(func() { l.p.conn.Close() })
	return l
}

// grace is how long a reply may take after the last request. One that is late is not
// lost.
const grace = 2 * time.Second

func (l *PingLoop) send() {
	tick := time.NewTicker(l.interval)
	defer tick.Stop()
	defer l.end()
	for seq := uint16(0); seq < 65535; seq++ {
		l.p.send(seq)
		l.sent++
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
	}
}

// end bounds the wait for replies that are under way.
func (l *PingLoop) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	wait := grace
	if l.received == l.sent {
		wait = 0
	}
	_ = l.p.conn.SetReadDeadline(time.Now().Add(wait))
}

func (l *PingLoop) receive() {
	for {
		seq, err := l.p.next()
		if err != nil {
			return
		}
		l.mu.Lock()
		if !l.replies[seq] {
			l.replies[seq] = true
			l.received++
			now := time.Now()
			l.silence, l.last = max(l.silence, now.Sub(l.last)), now
		}
		all := l.ended && l.received == l.sent
		l.mu.Unlock()
		if all {
			return
		}
	}
}

// Received is the number of replies so far.
func (l *PingLoop) Received() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.received
}

// Stop ends it and counts.
func (l *PingLoop) Stop() Loss {
	close(l.stop)
	l.done.Wait()
	l.p.conn.Close()
	loss := Loss{Sent: l.sent, Silence: l.silence}
	gap := 0
	for seq := range l.sent {
		if l.replies[uint16(seq)] {
			gap = 0
			continue
		}
		if loss.Lost == 0 {
			loss.First = seq
		}
		loss.Lost++
		gap++
		loss.LongestGap = max(loss.LongestGap, gap)
	}
	return loss
}
