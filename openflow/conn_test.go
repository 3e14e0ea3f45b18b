package openflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// peer is the other end of a connection, by hand.
type peer struct {
	t *testing.T
	c net.Conn
	f *frameReader
}

// connPair gives a negotiated Conn and its peer.
func connPair(t *testing.T, opts ConnOptions) (*Conn, *peer) {
	t.Helper()
	a, b := net.Pipe()
	return connPairOn(t, a, b, opts)
}

// sockets gives two connected Unix sockets.
func sockets(t *testing.T) (a, b net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var c [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		c[i], err = net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return c[0], c[1]
}

func connPairOn(t *testing.T, a, b net.Conn, opts ConnOptions) (*Conn, *peer) {
	t.Helper()
	p := &peer{t: t, c: b, f: &frameReader{r: b}}
	t.Cleanup(func() { b.Close() })
	hello := make(chan error, 1)
	go func() {
		_, err := p.f.next()
		if err == nil {
			err = p.send(0, &Hello{Versions: 1<<Version14 | 1<<Version15})
		}
		hello <- err
	}()
	c, err := NewConn(context.Background(), a, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-hello; err != nil {
		t.Fatal(err)
	}
	return c, p
}

func (p *peer) send(xid uint32, m Message) error {
	b, err := AppendMessage(nil, Version15, xid, m)
	if err != nil {
		return err
	}
	_, err = p.c.Write(b)
	return err
}

func (p *peer) recv() (Header, Message) {
	p.t.Helper()
	b, err := p.f.next()
	if err != nil {
		p.t.Fatal(err)
	}
	h, m, err := DecodeMessage(b)
	if err != nil {
		p.t.Fatal(err)
	}
	return h, m
}

func TestConnAnswersEchoByItself(t *testing.T) {
	defer goleak.VerifyNone(t)
	c, p := connPair(t, ConnOptions{})
	defer c.Close()
	// Nobody calls Recv.
	for i := range uint32(3) {
		if err := p.send(100+i, &EchoRequest{Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		h, m := p.recv()
		if e, ok := m.(*EchoReply); !ok || h.XID != 100+i || string(e.Data) != "x" {
			t.Fatalf("%+v %+v", h, m)
		}
	}
}

func TestConnQueuesWithoutBound(t *testing.T) {
	defer goleak.VerifyNone(t)
	c, p := connPair(t, ConnOptions{})
	const n = 3000
	for i := range uint32(n) {
		if err := p.send(i+1, &BarrierReply{}); err != nil {
			t.Fatal(err)
		}
	}
	p.c.Close()
	for i := range uint32(n) {
		h, _, err := c.Recv(context.Background())
		if err != nil || h.XID != i+1 {
			t.Fatalf("message %d: %+v %v", i, h, err)
		}
	}
	if _, _, err := c.Recv(context.Background()); err == nil || !strings.Contains(err.Error(), "closed by the switch") {
		t.Errorf("error %v", err)
	}
	c.Close()
}

func TestConnProbe(t *testing.T) {
	defer goleak.VerifyNone(t)
	c, p := connPair(t, ConnOptions{Probe: 50 * time.Millisecond})
	testProbe(t, c, p)
}

// TestRunPromptly: the thread is ahead of its process by some nice steps, where it may
// be, and as the others again when it is done.
func TestRunPromptly(t *testing.T) {
	nice := func() int32 {
		a, err := unix.SchedGetAttr(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return a.Nice
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := nice()
	want := before
	if unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), int(before)-1) == nil {
		// As service scripts start it.
		before, want = before-1, max(before-1-promptNice, -20)
	}
	done := RunPromptly()
	if got := nice(); got != want {
		t.Errorf("nice value %d, want %d", got, want)
	}
	done()
	if got := nice(); got != before {
		t.Errorf("nice value %d afterwards, %d before", got, before)
	}
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 0)
}

// TestPromptConn: a reader that waits on its own thread is asked for, heard, and
// woken when either side closes.
func TestPromptConn(t *testing.T) {
	defer goleak.VerifyNone(t)
	frames := make(chan byte, 10)
	opts := ConnOptions{Probe: 50 * time.Millisecond, Frames: func(frame []byte) {
		if frame != nil {
			frames <- frame[1]
		}
	}}
	start := func() (*Conn, *peer) {
		a, b := sockets(t)
		c, p := connPairOn(t, a, b, opts)
		if _, ok := c.c.(*promptConn); !ok {
			t.Fatalf("the reader of %T has no thread", a)
		}
		return c, p
	}
	c, p := start()
	testProbe(t, c, p)

	opts.Probe = 0
	c, p = start()
	if err := p.send(1, &BarrierReply{}); err != nil {
		t.Fatal(err)
	}
	if got := <-frames; got != TypeBarrierReply {
		t.Errorf("type %d", got)
	}
	time.Sleep(10 * time.Millisecond) // the reader waits again
	c.Close()
	if !errors.Is(c.Err(), ErrClosed) {
		t.Errorf("error %v", c.Err())
	}

	c, p = start()
	p.c.Close()
	<-c.Done()
	if err := c.Err(); err == nil || !strings.Contains(err.Error(), "closed by the switch") {
		t.Errorf("error %v", err)
	}
	c.Close()
}

func testProbe(t *testing.T, c *Conn, p *peer) {
	t.Helper()
	defer c.Close()
	// Answered once, the connection lives on; the answer is not for the caller.
	h, m := p.recv()
	if _, ok := m.(*EchoRequest); !ok {
		t.Fatalf("%T", m)
	}
	if err := p.send(h.XID, &EchoReply{}); err != nil {
		t.Fatal(err)
	}
	p.recv()
	<-c.Done()
	if err := c.Err(); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("error %v", err)
	}
	if _, _, err := c.Recv(context.Background()); !errors.Is(err, c.Err()) {
		t.Errorf("error %v", err)
	}
}

func TestConnSlowFrame(t *testing.T) {
	c, p := connPair(t, ConnOptions{Probe: 30 * time.Millisecond})
	defer c.Close()
	b, err := AppendMessage(nil, Version15, 5, &EchoReply{Data: []byte("slowly")})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, p.c) }()
	for _, x := range b {
		if _, err := p.c.Write([]byte{x}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Millisecond)
	}
	if h, _, err := c.Recv(context.Background()); err != nil || h.XID != 5 {
		t.Errorf("%+v %v", h, err)
	}
}

func TestConnMalformedAndOutOfStep(t *testing.T) {
	c, p := connPair(t, ConnOptions{})
	defer c.Close()
	// A message that cannot be decoded is handed on as such.
	if _, err := p.c.Write([]byte{6, TypeFeaturesReply, 0, 10, 0, 0, 0, 1, 0, 0}); err != nil {
		t.Fatal(err)
	}
	if _, m, err := c.Recv(context.Background()); err != nil {
		t.Fatal(err)
	} else if bad, ok := m.(*Malformed); !ok || bad.Err == nil || bad.Type != TypeFeaturesReply {
		t.Errorf("%+v", m)
	}
	// A stream that makes no sense ends the connection.
	if _, err := p.c.Write([]byte{0, 64, 0, 9, 0, 0, 0, 1, 9}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Recv(context.Background()); err == nil || !strings.Contains(err.Error(), "out of step") {
		t.Errorf("error %v", err)
	}
}

func TestConnNegotiation(t *testing.T) {
	for _, tc := range []struct {
		name  string
		hello Message
		want  Version
		err   string
	}{
		{"both", &Hello{Versions: 1<<Version14 | 1<<Version15}, Version15, ""},
		{"old only", &Hello{Versions: 1<<Version14 | 1<<4}, Version14, ""},
		{"too old", &Hello{Versions: 1 << 1}, 0, "offers OpenFlow versions"},
		{"refusal", &ErrorMsg{Data: []byte("no common version")}, 0, "OFPHFC_INCOMPATIBLE"},
		{"nonsense", &BarrierReply{}, 0, "instead of hello"},
	} {
		a, b := net.Pipe()
		p := &peer{t: t, c: b, f: &frameReader{r: b}}
		go func() {
			_, _ = p.f.next()
			_ = p.send(0, tc.hello)
		}()
		c, err := NewConn(context.Background(), a, ConnOptions{})
		switch {
		case tc.err == "" && err != nil, tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
			t.Errorf("%s: %v", tc.name, err)
		case err == nil:
			if c.Version() != tc.want {
				t.Errorf("%s: %v", tc.name, c.Version())
			}
			c.Close()
		}
		b.Close()
	}
}

func TestConnCancelledHandshake(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	go func() { _, _ = io.Copy(io.Discard, b) }()
	if _, err := NewConn(ctx, a, ConnOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if _, err := Dial(context.Background(), "nowhere", ConnOptions{}); err == nil {
		t.Error("a target of no known form was accepted")
	}
}

// A description of a group over 64 KiB comes in one piece, whatever surrounds it.
func TestConnLongGroup(t *testing.T) {
	c, p := connPair(t, ConnOptions{})
	defer c.Close()
	for _, buckets := range []int{1, 2000, 5000} {
		spec := GroupSpec{Type: GroupSelect, SelectionMethod: "dp_hash"}
		for i := range buckets {
			var b ActionBuilder
			b.SetField(FieldReg0, U64(uint64(i)))
			spec.Buckets = append(spec.Buckets, Bucket{ID: uint32(i), Weight: 1, Actions: b.Actions()})
		}
		var asked uint32
		done := make(chan error, 1)
		go func() {
			h, _ := p.recv()
			asked = h.XID
			bh, _ := p.recv()
			// As Open vSwitch does: an empty first part, then all of it.
			var out []byte
			first, _ := AppendMessage(nil, Version15, h.XID, &GroupDescReply{More: true})
			status, _ := AppendMessage(nil, Version15, 0, &PortStatus{})
			barrier, _ := AppendMessage(nil, Version15, bh.XID, &BarrierReply{})
			out = append(append(out, status...), first...)
			at := len(out)
			out = append(out, 6, TypeMultipartReply, 0, 0)
			out = appendU32(out, h.XID)
			out = appendMultipart(out, multipartGroupDesc, false)
			out = append(out, 0, 0, byte(spec.Type), 0)
			out = appendZeros(appendU32(out, 77), 8)
			out = spec.AppendProperties(spec.AppendBuckets(out))
			putU16(out, at+2, len(out)-at)
			putU16(out, at+16, len(out)-at-16)
			end, _ := AppendMessage(nil, Version15, 9, &EchoReply{})
			out = append(append(append(out, status...), barrier...), end...)
			putU16(out, at+24, len(spec.AppendBuckets(nil)))
			_, err := p.c.Write(out)
			done <- err
		}()
		xid, err := c.AskGroup(77)
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for {
			h, m, err := c.Recv(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, fmt.Sprintf("%T", m))
			if r, ok := m.(*GroupDescReply); ok && !r.More {
				if h.XID != xid || len(r.Groups) != 1 || string(r.Groups[0].Spec.Encode()) != string(spec.Encode()) {
					t.Errorf("%d buckets: %d groups, %v", buckets, len(r.Groups), r.Groups[0].Err)
				}
			}
			if h.XID == 9 {
				break
			}
		}
		if err := <-done; err != nil || asked != xid || len(kinds) != 5 {
			t.Errorf("%v, asked %d, got %v", err, asked, kinds)
		}
	}
}

func FuzzLongReply(f *testing.F) {
	l := &longReply{xid: 1, barrier: 2}
	end, _ := AppendMessage(nil, Version15, 2, &BarrierReply{})
	desc, _ := AppendMessage(nil, Version15, 1, &GroupDescReply{Groups: []GroupDesc{{ID: 1, Spec: GroupSpec{Buckets: []Bucket{{}}}}}})
	f.Add(append(desc, end...))
	f.Fuzz(func(t *testing.T, b []byte) {
		frames, rest, ok := l.take(Version15, b)
		if !ok {
			return
		}
		n := len(rest) + len(end)
		for _, x := range frames {
			n += len(x)
			_, _, _ = decodeLong(x)
		}
		if n != len(b) {
			t.Errorf("%d bytes of %d", n, len(b))
		}
	})
}

// TestFrames: messages come whole and in order however the stream is cut, echo
// requests are answered, and the end of what was read is told.
func TestFrames(t *testing.T) {
	t.Run("pipe", func(t *testing.T) { a, b := net.Pipe(); testFrames(t, a, b) })
	t.Run("socket", func(t *testing.T) { a, b := sockets(t); testFrames(t, a, b) })
}

func testFrames(t *testing.T, here, there net.Conn) {
	defer there.Close()
	got := make(chan []byte, 1000)
	ends := 0
	go func() {
		hello, _ := AppendMessage(nil, Version15, 1, &Hello{Versions: 1 << Version15})
		_, _ = there.Write(hello)
	}()
	go func() { _, _ = io.ReadFull(there, make([]byte, 16)) }()
	c, err := NewConn(t.Context(), here, ConnOptions{Frames: func(frame []byte) {
		if frame == nil {
			ends++
			return
		}
		got <- append([]byte(nil), frame...)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var stream []byte
	const n = 300
	for i := range n {
		// Some are longer than half of the buffer.
		in := &PacketIn{Packet: bytes.Repeat([]byte{byte(i)}, 1+i%7*10_000), Reason: ReasonApplyAction}
		if stream, err = AppendMessage(stream, Version15, uint32(i), in); err != nil {
			t.Fatal(err)
		}
		if i == n/2 {
			stream, _ = AppendMessage(stream, Version15, 77, &EchoRequest{Data: []byte("alive")})
		}
	}
	echoed := make(chan []byte, 1)
	go func() {
		b := make([]byte, headerLen+5)
		_, _ = io.ReadFull(there, b)
		echoed <- b
	}()
	go func() {
		for cut := 1; len(stream) > 0; cut = cut*7%100_003 + 1 {
			k := min(cut, len(stream))
			if _, err := there.Write(stream[:k]); err != nil {
				return
			}
			stream = stream[k:]
		}
	}()
	for i := range n {
		select {
		case frame := <-got:
			var in PacketIn
			if err := in.Decode(frame); err != nil || len(in.Packet) != 1+i%7*10_000 || in.Packet[0] != byte(i) {
				t.Fatalf("message %d: %d bytes, %v", i, len(in.Packet), err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("message %d does not come", i)
		}
	}
	if b := <-echoed; b[1] != TypeEchoReply || string(b[headerLen:]) != "alive" {
		t.Errorf("the echo request was answered with %x", b)
	}
	there.Close()
	<-c.Done()
	if ends == 0 {
		t.Error("the end of a read was never told")
	}
}
