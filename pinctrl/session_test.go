package pinctrl

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// fakeSwitch is the other end of a Loop's connection.
type fakeSwitch struct {
	net.Conn
	t  *testing.T
	mu sync.Mutex // guards writes
}

// connect runs l on a socket and waits until it has asked for packets. What it
// sends after that goes to got, on a goroutine of its own.
func connect(t *testing.T, l *Loop, got func(openflow.Message)) *fakeSwitch {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	l.SetTarget("unix:" + path)
	go func() { defer close(done); l.Run(ctx) }()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); <-done; conn.Close() })
	s := &fakeSwitch{Conn: conn, t: t}
	s.write(wire(t, &openflow.Hello{Versions: 1 << openflow.Version15}))
	asked := make(chan struct{})
	go func() {
		for {
			var head [8]byte
			if _, err := readFull(conn, head[:]); err != nil {
				return
			}
			frame := make([]byte, binary.BigEndian.Uint16(head[2:]))
			copy(frame, head[:])
			if _, err := readFull(conn, frame[8:]); err != nil {
				return
			}
			_, m, err := openflow.DecodeMessage(frame)
			if err != nil {
				t.Error(err)
				return
			}
			switch m.(type) {
			case *openflow.Hello, *openflow.SetPacketInFormat:
			case *openflow.SetConfig:
				close(asked)
			default:
				got(m)
			}
		}
	}()
	<-asked
	return s
}

func readFull(c net.Conn, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var k int
		k, err = c.Read(b[n:])
		n += k
	}
	return n, err
}

func (s *fakeSwitch) write(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The Loop may go first at the end of a test.
	_, _ = s.Write(b)
}

// solicitationFrom is a packet-in that is answered at once, of a port.
func solicitationFrom(t *testing.T, port uint64, target string) []byte {
	return wire(t, punt(pipeline.OpNDNA, solicitation(t, target), func(m *openflow.MatchBuilder) { m.SetU(pipeline.RegInport, port) }))
}

// TestOnePortDoesNotDelayAnother: while one port has as many packets on their way
// as the connection takes, each of them slow to handle, another is answered within
// its turn.
func TestOnePortDoesNotDelayAnother(t *testing.T) {
	const slow = 2 * time.Millisecond
	l := New(Config{Activated: func(PortKey) { time.Sleep(slow) }})
	answers := make(chan struct{}, 100)
	s := connect(t, l, func(openflow.Message) { answers <- struct{}{} })
	hostile := wire(t, punt(pipeline.OpActivationStrategy, udp4(t), func(m *openflow.MatchBuilder) { m.SetU(pipeline.RegInport, 66) }))
	flood := bytes.Repeat(hostile, 400)
	s.write(flood)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
				s.write(flood)
			}
		}
	})
	waitFor(t, "packets in the queue", func() bool { return l.Stats().QueuedBytes > 300*slotSize })
	polite := solicitationFrom(t, 7, "fd00::2")
	var took []time.Duration
	for range 10 {
		begin := time.Now()
		s.write(polite)
		<-answers
		took = append(took, time.Since(begin))
	}
	close(stop)
	wg.Wait()
	slices.Sort(took)
	// 400 packets of 2 ms are 800 ms; its turn comes after those of the batch that is
	// being handled, 64 ms, and one more.
	const bound = 3 * batchSize * slow
	if took[len(took)/2] > bound {
		t.Errorf("answers took %v, want less than %v", took, bound)
	}
	waitFor(t, "packets that found no room", func() bool {
		for _, d := range l.Drops() {
			if d.Action == "activation_strategy" && d.Reason == "queue-full" {
				return true
			}
		}
		return false
	})
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// TestSession: packets in any order are answered, held ones survive that the room
// they came in is used again, and what is in the queue at the end is counted.
func TestSession(t *testing.T) {
	var mu sync.Mutex
	known := map[Neighbor]MAC{}
	l := New(Config{})
	l.SetSnapshot(lookup(func(n Neighbor) (MAC, bool) { mu.Lock(); defer mu.Unlock(); m, ok := known[n]; return m, ok }))
	outs, resumes := make(chan *openflow.PacketOut, 1000), make(chan *openflow.Resume, 10)
	s := connect(t, l, func(m openflow.Message) {
		switch m := m.(type) {
		case *openflow.PacketOut:
			outs <- m
		case *openflow.Resume:
			resumes <- m
		default:
			t.Errorf("sent %T", m)
		}
	})
	held := punt(pipeline.OpARP, udp4(t), func(m *openflow.MatchBuilder) { m.SetU(openflow.FieldReg0, 0x0a000101) })
	s.write(wire(t, held))
	<-outs
	const n = 500
	for range n {
		s.write(solicitationFrom(t, 1, "fd00::2"))
		<-outs
	}
	mu.Lock()
	known[Neighbor{3, 2, netip.MustParseAddr("10.0.1.1")}] = macB
	mu.Unlock()
	l.Refresh()
	r := <-resumes
	if want := append(macB[:], held.Packet[6:]...); !bytes.Equal(r.Packet, want) || string(r.Continuation) != "continuation" || r.Metadata != held.Metadata {
		t.Errorf("resumed %x with %q and %s", r.Packet, r.Continuation, r.Metadata)
	}
	if st := l.Stats(); st.Received["nd_na"] != n || st.Overflowed != 0 || !st.Connected {
		t.Errorf("counters %+v", st)
	}
	if r := l.ReplyStats(); r.Answered["nd_na"] != n || r.Answered["arp"] != 1 {
		t.Errorf("counters %+v", r)
	}
	s.Close()
	waitFor(t, "the end of the session", func() bool { return !l.Stats().Connected })
}

type lookup func(Neighbor) (MAC, bool)

func (f lookup) Neighbor(n Neighbor) (MAC, bool) { return f(n) }

// TestPanicInASession: the session goes on after a handler panicked, and the log
// has the packet.
func TestPanicInASession(t *testing.T) {
	var log lockedLines
	l := New(Config{Activated: func(PortKey) { panic("boom") }, Log: slog.New(slog.NewTextHandler(&log, nil))})
	answers := make(chan struct{}, 1)
	s := connect(t, l, func(openflow.Message) { answers <- struct{}{} })
	long := bytes.Repeat([]byte{0xab}, 200)
	s.write(wire(t, punt(pipeline.OpActivationStrategy, long, func(*openflow.MatchBuilder) {})))
	s.write(solicitationFrom(t, 1, "fd00::2"))
	<-answers
	if st := l.Stats(); st.Panics != 1 || st.Dropped["activation_strategy"] != 1 {
		t.Errorf("counters %+v", st)
	}
	if d := l.Drops(); len(d) != 1 || d[0] != (Drop{"activation_strategy", "panic", 1}) {
		t.Errorf("drops %v", d)
	}
	dump := strings.Repeat("ab", maxDump)
	if text := log.String(); !strings.Contains(text, "boom") || !strings.Contains(text, " "+dump+";") || !strings.Contains(text, "session_test.go") {
		t.Errorf("the log does not say what panicked, where and on which packet:\n%s", text)
	}
}

type lockedLines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestDropReasons: what is dropped is dropped for a reason, by action.
func TestDropReasons(t *testing.T) {
	b := newBench(t)
	none := func(*openflow.MatchBuilder) {}
	b.packetIn(punt(pipeline.OpARP, []byte{1, 2, 3}, none))
	b.packetIn(punt(pipeline.OpPutDHCPOpts, udp4(t), none))
	b.packetIn(punt(pipeline.OpSplitBuf, udp4(t), none))
	for range answersBurst + 5 {
		b.packetIn(punt(pipeline.OpICMP4Error, udp4(t), none))
	}
	multicast := udp4(t)
	multicast[0] |= 1
	b.packetIn(punt(pipeline.OpICMP4Error, multicast, none))
	for i := range maxQuestions + 3 {
		b.packetIn(punt(pipeline.OpARP, udp4(t), func(m *openflow.MatchBuilder) { m.SetU(openflow.FieldReg0, uint64(i+1)) }))
	}
	got := map[Drop]bool{}
	for _, d := range b.Drops() {
		got[d] = true
	}
	for _, want := range []Drop{
		{"arp", "truncated", 1}, {"arp", "table-full", 3}, {"put_dhcp_opts", "invalid", 1}, {"unknown", "no-handler", 1},
		{"icmp4_error", "limited", 5}, {"icmp4_error", "forbidden", 1},
	} {
		if !got[want] {
			t.Errorf("no %v in %v", want, b.Drops())
		}
	}
}
