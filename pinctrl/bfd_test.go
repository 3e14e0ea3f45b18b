package pinctrl

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// bfdLink is two sessions and what carries packets between them.
type bfdLink struct {
	now  time.Time
	a, b *bfdSession
	cut  bool
	// sent counts packets of a, polls those with the flag, and gaps has the times
	// between them.
	sent, polls, finals int
	gaps                []time.Duration
	last                time.Time
}

func bfdConfig(disc uint32, tx time.Duration) BFDSession {
	return BFDSession{Discriminator: disc, MinTx: tx, MinRx: tx, Multiplier: 3, From: netip.MustParseAddr("10.0.0.1")}
}

func newBFDLink(a, b BFDSession) *bfdLink {
	l := &bfdLink{now: time.Unix(1000, 0)}
	l.a, l.b = newBFDSession(a, l.now), newBFDSession(b, l.now)
	return l
}

// run lets time go by in steps of 20 ms.
func (l *bfdLink) run(t *testing.T, d time.Duration) {
	t.Helper()
	carry := func(p bfdPacket, to, from *bfdSession) {
		q, err := parseBFD(p.append(nil))
		if err != nil || q != p {
			t.Fatalf("%+v became %+v: %v", p, q, err)
		}
		if l.cut {
			return
		}
		if answer, send := to.receive(q, l.now); send {
			if answer.flags != bfdFinal {
				t.Errorf("a poll was answered with flags %#x", answer.flags)
			}
			l.finals++
			from.receive(answer, l.now)
		}
	}
	for end := l.now.Add(d); l.now.Before(end); {
		l.now = l.now.Add(20 * time.Millisecond)
		if p, send := l.a.tick(l.now, 10*time.Millisecond); send {
			l.sent++
			if p.flags&bfdPoll != 0 {
				l.polls++
			}
			if !l.last.IsZero() {
				l.gaps = append(l.gaps, l.now.Sub(l.last))
			}
			l.last = l.now
			carry(p, l.b, l.a)
		}
		if p, send := l.b.tick(l.now, 10*time.Millisecond); send {
			carry(p, l.a, l.b)
		}
	}
}

func (l *bfdLink) expect(t *testing.T, a, b BFDState) {
	t.Helper()
	if l.a.state != a || l.b.state != b {
		t.Errorf("states %v and %v, want %v and %v", l.a.state, l.b.state, a, b)
	}
}

func TestBFD(t *testing.T) {
	l := newBFDLink(bfdConfig(1, 100*time.Millisecond), bfdConfig(2, 100*time.Millisecond))
	l.run(t, 4*time.Second)
	l.expect(t, BFDUp, BFDUp)
	if l.polls == 0 || l.a.polling || l.finals == 0 {
		t.Errorf("%d polls, %d answers: the interval of a session that is up was not agreed upon", l.polls, l.finals)
	}
	// Up, packets come at the interval less up to a quarter.
	l.sent, l.gaps = 0, nil
	l.run(t, 10*time.Second)
	if l.sent < 100 || l.sent > 150 {
		t.Errorf("%d packets in 100 intervals", l.sent)
	}
	seen := map[time.Duration]bool{}
	for _, g := range l.gaps {
		if seen[g] = true; g > 100*time.Millisecond || g < 60*time.Millisecond {
			t.Errorf("%v between packets", g)
		}
	}
	if len(seen) < 2 {
		t.Errorf("no jitter: %v", seen)
	}
	// The line is cut: three intervals later it is known.
	l.cut = true
	l.run(t, 180*time.Millisecond)
	l.expect(t, BFDUp, BFDUp)
	l.run(t, 160*time.Millisecond)
	l.expect(t, BFDDown, BFDDown)
	if l.a.diag != bfdDiagTimeout {
		t.Errorf("diagnostic %d", l.a.diag)
	}
	// Down, there is a packet a second at most.
	l.sent = 0
	l.run(t, 10*time.Second)
	if l.sent > 14 {
		t.Errorf("%d packets in 10 seconds of a session that is down", l.sent)
	}
	l.cut = false
	l.run(t, 4*time.Second)
	l.expect(t, BFDUp, BFDUp)
}

// A peer that sends rarely is waited for.
func TestBFDIntervals(t *testing.T) {
	slow := bfdConfig(2, 100*time.Millisecond)
	slow.MinRx, slow.MinTx = 500*time.Millisecond, 400*time.Millisecond
	l := newBFDLink(bfdConfig(1, 100*time.Millisecond), slow)
	l.run(t, 5*time.Second)
	l.expect(t, BFDUp, BFDUp)
	l.sent = 0
	l.run(t, 10*time.Second)
	if l.sent < 20 || l.sent > 30 {
		t.Errorf("%d packets in 20 of the peer's intervals", l.sent)
	}
	l.cut = true
	l.run(t, 700*time.Millisecond) // 3 × 400 ms since the last packet
	l.expect(t, BFDUp, BFDUp)
	l.run(t, time.Second)
	l.expect(t, BFDDown, BFDDown)
	// Other times while up are agreed upon, and nobody goes down meanwhile.
	l.cut = false
	l.run(t, 5*time.Second)
	l.expect(t, BFDUp, BFDUp)
	l.polls = 0
	for _, tx := range []time.Duration{2 * time.Second, 50 * time.Millisecond, 300 * time.Millisecond} {
		l.a.configure(bfdConfig(1, tx), l.now)
		for range 100 {
			l.run(t, 100*time.Millisecond)
			l.expect(t, BFDUp, BFDUp)
		}
		if l.a.polling || l.a.oldTx != tx || l.a.oldRx != tx || l.b.remoteMinTx != tx {
			t.Errorf("%v: not agreed upon: %+v", tx, l.a)
		}
	}
	if l.polls < 3 {
		t.Errorf("%d polls for three changes", l.polls)
	}
}

func TestBFDAdminDown(t *testing.T) {
	l := newBFDLink(bfdConfig(1, 100*time.Millisecond), bfdConfig(2, 100*time.Millisecond))
	l.run(t, 4*time.Second)
	down := bfdConfig(1, 100*time.Millisecond)
	down.AdminDown = true
	l.a.configure(down, l.now)
	l.run(t, 100*time.Millisecond)
	l.expect(t, BFDAdminDown, BFDDown)
	if l.b.diag != bfdDiagNeighbor {
		t.Errorf("diagnostic %d", l.b.diag)
	}
	l.run(t, 2*time.Second)
	l.sent = 0
	l.run(t, 10*time.Second)
	if l.sent != 0 {
		t.Errorf("%d packets although the peer knows", l.sent)
	}
	l.a.configure(bfdConfig(1, 100*time.Millisecond), l.now)
	l.run(t, 4*time.Second)
	l.expect(t, BFDUp, BFDUp)
	// Nobody there to know: it ends.
	l.cut = true
	l.a.configure(down, l.now)
	l.run(t, 5*time.Second)
	l.sent = 0
	l.run(t, 10*time.Second)
	if l.sent != 0 {
		t.Errorf("%d packets after the detection time", l.sent)
	}
}

// A peer in demand mode is left in peace, but answered; and as soon as it is not,
// packets go on.
func TestBFDDemand(t *testing.T) {
	now := time.Unix(1000, 0)
	s := newBFDSession(bfdConfig(1, 100*time.Millisecond), now)
	peer := bfdPacket{state: BFDInit, multiplier: 3, mine: 9, yours: 1, minTx: time.Second, minRx: time.Millisecond}
	s.receive(peer, now)
	peer.state = BFDUp
	peer.flags = bfdFinal
	s.receive(peer, now)
	count := func(flags uint8) (n int) {
		for range 100 {
			peer.flags = flags
			s.receive(peer, now)
			now = now.Add(20 * time.Millisecond)
			if _, send := s.tick(now, 10*time.Millisecond); send {
				n++
			}
		}
		return n
	}
	if n := count(0); n < 20 || s.state != BFDUp {
		t.Errorf("%d packets, state %v", n, s.state)
	}
	if n := count(bfdDemand); n != 0 {
		t.Errorf("%d packets for a peer in demand mode", n)
	}
	peer.flags = bfdDemand | bfdPoll
	if p, send := s.receive(peer, now); !send || p.flags != bfdFinal {
		t.Error("a poll was not answered")
	}
	if n := count(0); n < 20 {
		t.Errorf("%d packets after demand mode", n)
	}
	// It wants none at all.
	peer.minRx = 0
	if n := count(0); n != 0 {
		t.Errorf("%d packets for a peer that wants none", n)
	}
}

func TestParseBFD(t *testing.T) {
	good := bfdPacket{state: BFDUp, multiplier: 3, mine: 1, yours: 2, minTx: time.Second, minRx: time.Second}.bytes()
	const want = "20c00318" + "00000001" + "00000002" + "000f4240" + "000f4240" + "00000000"
	if got := hex.EncodeToString(good); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for name, change := range map[string]func([]byte) []byte{
		"version":                      func(b []byte) []byte { b[0] = 0x40; return b },
		"authentication":               func(b []byte) []byte { b[1] |= bfdAuth; return b },
		"multipoint":                   func(b []byte) []byte { b[1] |= bfdMultipoint; return b },
		"poll and final":               func(b []byte) []byte { b[1] |= bfdPoll | bfdFinal; return b },
		"no multiplier":                func(b []byte) []byte { b[2] = 0; return b },
		"too short a length":           func(b []byte) []byte { b[3] = 23; return b },
		"too long a length":            func(b []byte) []byte { b[3] = 25; return b },
		"no discriminator":             func(b []byte) []byte { b[7] = 0; return b },
		"up without our discriminator": func(b []byte) []byte { b[11] = 0; return b },
		"cut short":                    func(b []byte) []byte { return b[:23] },
	} {
		if p, err := parseBFD(change(append([]byte(nil), good...))); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func (p bfdPacket) bytes() []byte { return p.append(nil) }

// TestBFDPackets: sessions of both families against the packets of a switch.
func TestBFDPackets(t *testing.T) {
	for _, ips := range [][2]string{{"10.0.0.1", "10.0.0.2"}, {"fd00::1", "fd00::2"}} {
		b := newBench(t)
		told := 0
		b.cfg.BFD = func() { told++ }
		us, peer := netip.MustParseAddr(ips[0]), netip.MustParseAddr(ips[1])
		key := BFDKey{PortKey{3, 1}, peer, 49152}
		c := bfdConfig(0x77, 100*time.Millisecond)
		c.MAC, c.From = macA, us
		b.SetBFD(map[BFDKey]*BFDSession{key: &c})
		b.now = b.now.Add(20 * time.Millisecond)
		b.sendDue()
		p, po := b.packetOut()
		goodChecksum(t, p)
		u := p.TransportLayer().(*layers.UDP)
		bfd, ok := p.Layer(layers.LayerTypeBFD).(*layers.BFD)
		if !ok || u.SrcPort != 49152 || u.DstPort != 3784 || bfd.State != layers.BFDStateDown || bfd.MyDiscriminator != 0x77 ||
			bfd.YourDiscriminator != 0 || bfd.DetectMultiplier != 3 || bfd.DesiredMinTxInterval != 1e6 || bfd.RequiredMinRxInterval != 1e5 {
			t.Errorf("sent %v", p)
		}
		if f := p.NetworkLayer().NetworkFlow(); f.Src().String() != ips[0] || f.Dst().String() != ips[1] {
			t.Errorf("from %v", f)
		}
		const actions = "set_field:0x3->metadata,set_field:0x1->reg14,resubmit(,8)"
		if po.Actions.String() != actions {
			t.Errorf("sent by %s, want %s", po.Actions, actions)
		}
		hear := func(p bfdPacket, change func(frame []byte)) {
			f := p.frame(macB, peer, us, 50000)
			change(f)
			b.packetIn(punt(pipeline.OpBFDMsg, f, func(*openflow.MatchBuilder) {}))
		}
		as := func([]byte) {}
		state := func(want string) {
			t.Helper()
			if got := fmt.Sprint(b.BFDStates()[key]); got != want || len(b.BFDStates()) > 1 {
				t.Errorf("state %v, want %s", b.BFDStates(), want)
			}
		}
		ttl := ethLen + 8
		if us.Is6() {
			ttl = ethLen + 7
		}
		init := bfdPacket{state: BFDInit, multiplier: 3, mine: 9, yours: 0x77, minTx: time.Second, minRx: time.Second, flags: bfdPoll}
		// None of these is of the session.
		hear(init, func(f []byte) { f[ttl]-- })
		hear(init, func(f []byte) { f[len(f)-bfdLen-5]++ })        // to another port
		hear(init, func(f []byte) { f[ethLen+15]++ })              // from another address
		hear(init, func(f []byte) { f[len(f)-bfdLen-udpLen-1]++ }) // to another address
		other := init
		other.yours++
		hear(other, as)
		if len(b.sent) != 0 || told != 0 {
			t.Fatalf("%d packets, told %d times", len(b.sent), told)
		}
		// Without a discriminator it is the address that counts.
		first := bfdPacket{state: BFDDown, multiplier: 3, mine: 9, minTx: time.Second, minRx: time.Second}
		hear(first, as)
		if s := b.bfd.sessions[key]; s.state != BFDInit || s.remoteDisc != 9 {
			t.Errorf("state %v", s.state)
		}
		hear(init, as)
		state("up")
		if told != 1 {
			t.Errorf("told %d times that it is up", told)
		}
		p, _ = b.packetOut()
		if bfd := p.Layer(layers.LayerTypeBFD).(*layers.BFD); !bfd.Final || bfd.State != layers.BFDStateUp || bfd.YourDiscriminator != 9 {
			t.Errorf("a poll was answered by %+v", bfd)
		}
		b.run(2900 * time.Millisecond)
		state("up")
		b.run(200 * time.Millisecond)
		state("down")
		if told != 2 {
			t.Errorf("told %d times, one of them that it is down", told)
		}
		if s := b.ServiceStats(); s.BFD == 0 || b.Stats().Panics != 0 {
			t.Errorf("counted %+v", s)
		}
		b.SetBFD(map[BFDKey]*BFDSession{key: nil})
		if at := b.run(5 * time.Second); len(at) != 0 || len(b.bfd.byDisc)+len(b.bfd.byPeer) != 0 {
			t.Errorf("it goes on at %v", at)
		}
	}
}

// After a restart the state in the database stands until it is known better, and
// many that come up are few transactions.
func TestBFDReports(t *testing.T) {
	b := newBench(t)
	told := 0
	b.cfg.BFD = func() { told++ }
	sessions := map[BFDKey]*BFDSession{}
	for i := range 25 {
		c := bfdConfig(uint32(i+1), time.Second)
		sessions[BFDKey{PortKey{3, 1}, netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), 49152}] = &c
	}
	b.SetBFD(sessions)
	b.run(9 * time.Second)
	if n := len(b.BFDStates()); n != 0 || told != 0 {
		t.Errorf("%d states after a restart, told %d times", n, told)
	}
	b.run(2 * time.Second)
	if n := len(b.BFDStates()); n != 25 || told != 1 {
		t.Errorf("%d states, told %d times", n, told)
	}
	b.run(10 * time.Second)
	for k, c := range sessions {
		p := bfdPacket{state: BFDInit, multiplier: 200, mine: 9, yours: c.Discriminator, minTx: time.Second, minRx: time.Second}
		b.packetIn(punt(pipeline.OpBFDMsg, p.frame(macB, k.Peer, c.From, 50000), func(*openflow.MatchBuilder) {}))
	}
	b.run(6 * time.Second)
	if told > 5 {
		t.Errorf("told %d times of 25 sessions", told)
	}
}

func FuzzBFD(f *testing.F) {
	f.Add(bfdPacket{state: BFDUp, multiplier: 3, mine: 1, yours: 2, minTx: time.Second, minRx: time.Second}.bytes())
	f.Add(bfdPacket{state: BFDDown, flags: bfdPoll | bfdDemand, multiplier: 255, mine: 1, minTx: time.Hour, minRx: 0}.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parseBFD(b)
		if err != nil {
			return
		}
		now := time.Unix(1000, 0)
		s := newBFDSession(bfdConfig(1, 100*time.Millisecond), now)
		for range 3 {
			s.receive(p, now)
			if s.interval() <= 0 || s.detection() < 0 {
				t.Fatalf("interval %v, detection time %v", s.interval(), s.detection())
			}
			s.tick(now, 0)
		}
	})
}
