package openflow

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ConnOptions configures a Conn. The zero value is useful.
type ConnOptions struct {
	// Versions in order of preference; nil means 1.5, then 1.4.
	Versions []Version
	// Probe is how long the switch may be silent before it is asked for a sign of
	// life; silent for as long again, the connection is closed. 0 never asks.
	Probe time.Duration
	// Handler, if set, gets every message on the reading goroutine, in place of
	// Recv. It must not block: while it does, nothing is read.
	Handler func(Header, Message)
	// Frames, if set, gets every message undecoded on the reading goroutine, in place
	// of Recv and Handler, and nil when all that came in with one read has been handed
	// over. The bytes are valid during the call only. It must not block. Descriptions
	// of groups beyond 64 KiB cannot be asked for on such a connection. The goroutine
	// has a thread of its own, which the operating system lets run promptly.
	Frames func(frame []byte)
}

// handshakeTimeout bounds the exchange of hello messages.
const handshakeTimeout = 10 * time.Second

// Conn is one OpenFlow connection, negotiated and alive until Done. Its methods
// may be called from any goroutine.
//
//	           ┌─ echo requests ─► replier ─┐
//	switch ─► reader                        ├─► writer (mu) ─► switch
//	           └─ queue ─► Recv      Send ──┘
//
// The reader never waits for the writer: a switch that stops reading until its
// replies have been taken off it would otherwise never go on.
type Conn struct {
	c       net.Conn
	version Version
	xid     atomic.Uint32
	opts    ConnOptions

	mu  sync.Mutex // guards w and buf
	w   *bufio.Writer
	buf []byte

	inMu sync.Mutex // guards in
	in   [][]byte
	more chan struct{} // a token: in may be non-empty

	long    atomic.Pointer[longReply]
	spare   spareFrames
	control chan []byte // echo traffic, encoded
	done    chan struct{}
	once    sync.Once
	err     error // set before done is closed
	wg      sync.WaitGroup
}

// Dial connects to "unix:PATH" or "tcp:HOST:PORT" and negotiates the version.
func Dial(ctx context.Context, target string, opts ConnOptions) (*Conn, error) {
	network, addr, ok := strings.Cut(target, ":")
	if !ok || (network != "unix" && network != "tcp") {
		return nil, fmt.Errorf("openflow: connection target %q is neither unix:PATH nor tcp:HOST:PORT", target)
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("openflow: connecting to %s: %w", target, err)
	}
	conn, err := NewConn(ctx, c, opts)
	if err != nil {
		return nil, fmt.Errorf("openflow: %s: %w", target, err)
	}
	return conn, nil
}

// NewConn negotiates over c, which it owns from then on.
func NewConn(ctx context.Context, c net.Conn, opts ConnOptions) (*Conn, error) {
	if len(opts.Versions) == 0 {
		opts.Versions = []Version{Version15, Version14}
	}
	conn := &Conn{
		c: c, opts: opts,
		w:       bufio.NewWriterSize(c, 64<<10),
		more:    make(chan struct{}, 1),
		spare:   make(spareFrames, spareMost),
		control: make(chan []byte, 64),
		done:    make(chan struct{}),
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	_ = c.SetDeadline(time.Now().Add(handshakeTimeout))
	in := &frameReader{r: c, long: &conn.long, spare: conn.spare}
	err := conn.handshake(in)
	if !stop() {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	_ = c.SetDeadline(time.Time{})
	in.version = conn.version
	if opts.Frames != nil {
		conn.c = prompt(c)
		in.r = conn.c
	}
	conn.wg.Add(2)
	go conn.readLoop(in)
	go conn.controlLoop()
	return conn, nil
}

func (c *Conn) handshake(in *frameReader) error {
	hello := &Hello{}
	top := c.opts.Versions[0]
	for _, v := range c.opts.Versions {
		hello.Versions |= 1 << v
		top = max(top, v)
	}
	b, err := AppendMessage(nil, top, c.NextXID(), hello)
	if err != nil {
		return err
	}
	if _, err := c.c.Write(b); err != nil {
		return fmt.Errorf("sending hello: %w", err)
	}
	frame, err := in.next()
	if err != nil {
		return fmt.Errorf("waiting for hello: %w", err)
	}
	_, m, err := DecodeMessage(frame)
	if err != nil {
		return err
	}
	switch m := m.(type) {
	case *Hello:
		for _, v := range c.opts.Versions {
			if m.Versions&(1<<v) != 0 {
				c.version = v
				return nil
			}
		}
		return fmt.Errorf("the switch offers OpenFlow versions 0x%x, wanted one of %v", m.Versions, c.opts.Versions)
	case *ErrorMsg:
		return fmt.Errorf("the switch refuses: %w %q", m, m.Data)
	default:
		return fmt.Errorf("the switch sent %T instead of hello", m)
	}
}

// Version is the negotiated version.
func (c *Conn) Version() Version { return c.version }

// NextXID returns a transaction id not used before on this connection.
func (c *Conn) NextXID() uint32 { return c.xid.Add(1) }

// ReserveXIDs returns the first of n transaction ids in a row.
func (c *Conn) ReserveXIDs(n int) uint32 { return c.xid.Add(uint32(n)) - uint32(n) + 1 }

// Send encodes m and sends it now. It returns m's transaction id.
func (c *Conn) Send(m Message) (uint32, error) {
	xid := c.NextXID()
	if err := c.Queue(xid, m); err != nil {
		return xid, err
	}
	return xid, c.Flush()
}

// Queue encodes m and puts it into the send buffer, which is sent when full or
// on Flush. A message that cannot be encoded is an error and leaves the
// connection as it was.
func (c *Conn) Queue(xid uint32, m Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, err := AppendMessage(c.buf[:0], c.version, xid, m)
	if err != nil {
		return err
	}
	c.buf = b
	if _, err := c.w.Write(b); err != nil {
		return c.fail(fmt.Errorf("openflow: writing: %w", err))
	}
	return nil
}

// Flush sends what is buffered.
func (c *Conn) Flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.w.Flush(); err != nil {
		return c.fail(fmt.Errorf("openflow: writing: %w", err))
	}
	return nil
}

// Malformed is what Recv returns for a message that cannot be decoded. The
// connection goes on.
type Malformed struct {
	Unknown
	Err error
}

// Recv returns the next message, waiting for it. Echo requests and the replies
// to own probes never appear. The error is why the connection ended, or ctx's.
// What was received before the end is returned first.
func (c *Conn) Recv(ctx context.Context) (Header, Message, error) {
	for {
		if frame := c.pop(); frame != nil {
			h, m := c.decode(frame)
			return h, m, nil
		}
		select {
		case <-c.more:
		case <-c.done:
			if frame := c.pop(); frame != nil {
				h, m := c.decode(frame)
				return h, m, nil
			}
			return Header{}, nil, c.err
		case <-ctx.Done():
			return Header{}, nil, ctx.Err()
		}
	}
}

// decode is decodeFrame for a frame that nobody else has. Descriptions of flows,
// of which a switch may send tens of megabytes, are copied out of it.
func (c *Conn) decode(frame []byte) (Header, Message) {
	h, m := decodeFrame(frame)
	if _, ok := m.(*FlowDescReply); ok {
		c.spare.give(frame)
	}
	return h, m
}

// spareFrames are frames whose memory may be used again. A nil one holds none.
type spareFrames chan []byte

// Only large frames are worth it, and only as many as may be on their way while the
// decoder keeps up.
const (
	spareLeast = MaxMessage / 4
	spareMost  = 4
)

func (s spareFrames) give(frame []byte) {
	if cap(frame) < spareLeast {
		return
	}
	select {
	case s <- frame[:0]:
	default:
	}
}

// take returns memory for a frame of n bytes, nil if there is none.
func (s spareFrames) take(n int) []byte {
	if n < spareLeast {
		return nil
	}
	select {
	case frame := <-s:
		return frame
	default:
		return nil
	}
}

func decodeFrame(frame []byte) (Header, Message) {
	decode := DecodeMessage
	if len(frame) > MaxMessage {
		decode = decodeLong
	}
	h, m, err := decode(frame)
	if err != nil {
		m = &Malformed{Unknown: Unknown{Type: h.Type, Body: frame[headerLen:]}, Err: err}
	}
	return h, m
}

func (c *Conn) pop() []byte {
	c.inMu.Lock()
	defer c.inMu.Unlock()
	if len(c.in) == 0 {
		return nil
	}
	frame := c.in[0]
	c.in[0] = nil
	c.in = c.in[1:]
	if len(c.in) > 0 {
		c.wake()
	} else {
		c.in = nil
	}
	return frame
}

func (c *Conn) wake() {
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is why the connection ended; nil before Done is closed.
func (c *Conn) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// ErrClosed is the error of a connection that was closed by Close.
var ErrClosed = errors.New("openflow: connection closed")

// Close ends the connection and waits for its goroutines.
func (c *Conn) Close() {
	_ = c.fail(ErrClosed)
	c.wg.Wait()
}

// fail ends the connection with err unless it has ended already, and returns the
// error it ended with.
func (c *Conn) fail(err error) error {
	c.once.Do(func() {
		c.err = err
		_ = c.c.Close()
		close(c.done)
	})
	return c.err
}

func (c *Conn) readLoop(in *frameReader) {
	defer c.wg.Done()
	if c.opts.Probe > 0 {
		in.idle = c.probe
		in.c, in.interval = c.c, c.opts.Probe
	}
	if c.opts.Frames != nil {
		defer RunPromptly()()
		c.readFailed(c.readFrames(in))
		return
	}
	for {
		frame, err := in.next()
		if err != nil {
			c.readFailed(err)
			return
		}
		if Version(frame[0]) != c.version {
			// Open vSwitch sends descriptions of groups that exceed 64 KiB with a
			// length that has wrapped around; what follows is not a header.
			_ = c.fail(fmt.Errorf("openflow: reading: out of step, message of version 0x%02x", frame[0]))
			return
		}
		c.receive(frame)
	}
}

func (c *Conn) readFailed(err error) {
	if errors.Is(err, io.EOF) {
		err = errors.New("closed by the switch")
	}
	_ = c.fail(fmt.Errorf("openflow: reading: %w", err))
}

// probeXID marks own echo requests; no other message uses transaction id 0.
const probeXID = 0

// echo takes care of echo traffic; it reports whether frame was that.
func (c *Conn) echo(frame []byte) bool {
	switch frame[1] {
	case TypeEchoRequest:
		reply := append([]byte(nil), frame...)
		reply[1] = TypeEchoReply
		select {
		case c.control <- reply:
		default:
			// 64 unanswered requests: answering the later ones adds nothing.
		}
		return true
	case TypeEchoReply:
		h, err := ParseHeader(frame)
		return err == nil && h.XID == probeXID
	}
	return false
}

func (c *Conn) receive(frame []byte) {
	if c.echo(frame) {
		return
	}
	if c.opts.Handler != nil {
		h, m := decodeFrame(frame)
		c.opts.Handler(h, m)
		return
	}
	c.inMu.Lock()
	c.in = append(c.in, frame)
	c.inMu.Unlock()
	c.wake()
}

// probe is called when the switch has been silent for the interval, times
// intervals in a row.
func (c *Conn) probe(times int) error {
	if times > 1 {
		return fmt.Errorf("no answer for %v", time.Duration(times)*c.opts.Probe)
	}
	b, err := AppendMessage(nil, c.version, probeXID, &EchoRequest{})
	if err != nil {
		return err
	}
	select {
	case c.control <- b:
	default:
	}
	return nil
}

func (c *Conn) controlLoop() {
	defer c.wg.Done()
	for {
		select {
		case <-c.done:
			return
		case b := <-c.control:
			c.mu.Lock()
			_, err := c.w.Write(b)
			if err == nil {
				err = c.w.Flush()
			}
			c.mu.Unlock()
			if err != nil {
				_ = c.fail(fmt.Errorf("openflow: writing: %w", err))
				return
			}
		}
	}
}

// frameReader cuts a stream into messages. A read that times out loses nothing.
type frameReader struct {
	r    io.Reader
	buf  []byte // read, not yet returned: a part of room
	room []byte

	spare   spareFrames
	version Version
	long    *atomic.Pointer[longReply] // nil in tests
	ready   [][]byte                   // cut off buf by long

	c        net.Conn // with interval and idle: whose read deadline to set
	interval time.Duration
	idle     func(times int) error
}

func (f *frameReader) next() ([]byte, error) {
	silent := 0
	for {
		if len(f.ready) > 0 {
			frame := f.ready[0]
			f.ready = f.ready[1:]
			return frame, nil
		}
		if l := f.waitingForLong(); l != nil {
			if frames, rest, ok := l.take(f.version, f.buf); ok {
				f.ready, f.buf = frames, rest
				f.long.Store(nil)
				continue
			}
		} else if len(f.buf) >= headerLen {
			h, err := ParseHeader(f.buf)
			if err != nil {
				return nil, err
			}
			if n := int(h.Length); len(f.buf) >= n {
				frame := append(f.spare.take(n), f.buf[:n]...)
				f.buf = f.buf[n:]
				return frame, nil
			}
		}
		f.grow()
		if f.c != nil {
			_ = f.c.SetReadDeadline(time.Now().Add(f.interval))
		}
		n, err := f.r.Read(f.buf[len(f.buf):cap(f.buf)])
		f.buf = f.buf[:len(f.buf)+n]
		switch {
		case n > 0:
			silent = 0
		case err == nil:
		case f.idle != nil && errors.Is(err, os.ErrDeadlineExceeded):
			silent++
			if err := f.idle(silent); err != nil {
				return nil, err
			}
		default:
			return nil, err
		}
	}
}

func (f *frameReader) waitingForLong() *longReply {
	if f.long == nil {
		return nil
	}
	return f.long.Load()
}

// grow makes room at the end of buf, in the space of returned frames if there is
// enough of it: they are copies.
func (f *frameReader) grow() {
	const least = 16 << 10
	if cap(f.buf)-len(f.buf) >= least/4 {
		return
	}
	if cap(f.room)-len(f.buf) < least {
		f.room = make([]byte, 0, max(2*len(f.buf), least)+least)
	}
	f.buf = append(f.room[:0], f.buf...)
}
