package ovsdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// connection is one connection of a session.
//
//	reader goroutine ── messages ──► run ── bytes ──► writer goroutine
//	(decodes rows)                   (owns all below)
type connection[U any] struct {
	s      *Session[U]
	remote remote
	conn   net.Conn
	ready  bool

	messages chan *message
	broken   chan error // from reader and writer
	out      *outbox
	lastRead atomic.Int64 // UnixNano

	nextID  int
	replies map[string]func(*message) error
	echo    string // id of the echo request that is outstanding

	server    *Table[serverRow]
	serverRow *serverRow
	serverOld bool // the server has no _Server database
	schema    *ServerSchema
	method    monitorMethod
	// sent are the conditions of the monitor request or change that is not
	// acknowledged yet.
	sent     Conditions
	sentSeq  uint64
	changing bool

	// awaitedMu guards which reply with rows is outstanding, if awaiting.
	awaitedMu sync.Mutex
	awaitedIs expected
	awaiting  bool
}

// Names that updates carry to say which monitor they belong to.
const (
	monitorDatabase = "ovn-chassis"
	monitorServer   = "ovn-chassis-server"
)

func newConnection[U any](s *Session[U], r remote, conn net.Conn) *connection[U] {
	c := &connection[U]{
		s: s, remote: r, conn: conn,
		messages: make(chan *message), broken: make(chan error, 2), out: newOutbox(),
		replies: map[string]func(*message) error{},
		server:  NewTable(&serverRowType),
	}
	c.lastRead.Store(time.Now().UnixNano())
	return c
}

// run uses the connection until it fails or is given up.
func (c *connection[U]) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { c.read(ctx) })
	wg.Go(func() {
		if err := c.out.write(ctx, c.conn); err != nil {
			c.broken <- fmt.Errorf("sending: %w", err)
		}
	})
	defer wg.Wait()
	defer c.conn.Close()
	defer cancel()
	defer c.lose()

	c.hello()
	probe := time.NewTimer(time.Hour)
	defer probe.Stop()
	for {
		if err := c.work(); err != nil {
			return err
		}
		wait, err := c.checkProbe()
		if err != nil {
			return err
		}
		probe.Reset(wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-c.broken:
			return err
		case m := <-c.messages:
			if err := c.handle(m); err != nil {
				return err
			}
		case <-c.s.kick:
		case <-probe.C:
		}
	}
}

// read decodes messages until the connection ends.
func (c *connection[U]) read(ctx context.Context) {
	in := bufio.NewReaderSize(readStamper{c.conn, &c.lastRead}, 64<<10)
	r := newMessageReader(in, new(Interner), c.newSink, c.awaited)
	for {
		m, err := r.next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("closed by the server")
			}
			c.broken <- err
			return
		}
		select {
		case c.messages <- m:
		case <-ctx.Done():
			return
		}
	}
}

// readStamper notes when bytes arrive.
type readStamper struct {
	r  io.Reader
	at *atomic.Int64
}

func (s readStamper) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if n > 0 {
		s.at.Store(time.Now().UnixNano())
	}
	return n, err
}

func (c *connection[U]) newSink(monitor string) rowSink {
	switch monitor {
	case monitorDatabase:
		return newUpdateSink(c.s.model, c.s.wants)
	case monitorServer:
		return newUpdateSink(&serverModel, nil)
	}
	return nil
}

// wants tells whether the table is replicated.
func (s *Session[U]) wants(table string) bool {
	if s.cfg.Tables == nil {
		return true
	}
	_, ok := s.cfg.Tables[table]
	return ok
}

// wantsColumn tells whether the column is replicated.
func (s *Session[U]) wantsColumn(table, column string) bool {
	if s.cfg.Tables == nil {
		return true
	}
	columns, ok := s.cfg.Tables[table]
	return ok && (columns == nil || slices.Contains(columns, column))
}

func (c *connection[U]) awaited() (expected, bool) {
	c.awaitedMu.Lock()
	defer c.awaitedMu.Unlock()
	return c.awaitedIs, c.awaiting
}

func (c *connection[U]) setAwaited(e expected, awaiting bool) {
	c.awaitedMu.Lock()
	defer c.awaitedMu.Unlock()
	c.awaitedIs, c.awaiting = e, awaiting
}

// request sends a request. reply is called once: with the answer, or with nil when
// the connection ends before.
func (c *connection[U]) request(method string, params []byte, reply func(*message) error) {
	c.nextID++
	id := strconv.Itoa(c.nextID)
	c.replies[id] = reply
	c.out.put(appendRequest(nil, id, method, params))
}

// requestRows is request for one whose answer holds rows. There is at most one at a
// time.
func (c *connection[U]) requestRows(monitor string, method monitorMethod, params []byte, reply func(*message) error) {
	// The reader must know before the answer can arrive.
	c.setAwaited(expected{strconv.Itoa(c.nextID + 1), monitor, method}, true)
	c.request(method.String(), params, func(m *message) error {
		c.setAwaited(expected{}, false)
		if m == nil {
			return nil
		}
		return reply(m)
	})
}

func appendRequest(b []byte, id, method string, params []byte) []byte {
	b = append(b, `{"id":`...)
	b = append(b, id...)
	b = append(b, `,"method":"`...)
	b = append(b, method...)
	b = append(b, `","params":`...)
	b = append(b, params...)
	return append(b, '}')
}

// handle takes one message.
func (c *connection[U]) handle(m *message) error {
	switch {
	case m.method == "" && m.id != nil:
		id := string(m.id)
		if id == c.echo {
			c.echo = ""
			return nil
		}
		reply := c.replies[id]
		if reply == nil {
			return fmt.Errorf("a reply to a request that was never made, id %s", id)
		}
		delete(c.replies, id)
		return reply(m)
	case m.method == "echo" && m.id != nil:
		params := m.params
		if params == nil {
			params = []byte("[]")
		}
		b := append([]byte(`{"id":`), m.id...)
		b = append(b, `,"result":`...)
		b = append(b, params...)
		c.out.put(append(b, `,"error":null}`...))
	case m.update():
		return c.update(m)
	case m.method == "monitor_canceled":
		return errors.New("the server stopped monitoring, its database is being changed")
	case m.method == "":
		return errors.New("a message that is neither request, reply nor notification")
	case m.id != nil:
		b := append([]byte(`{"id":`), m.id...)
		c.out.put(append(b, `,"result":null,"error":"unknown method"}`...))
	}
	return nil
}

// checkProbe sends an echo request when the server has been silent, and returns
// when to look again.
func (c *connection[U]) checkProbe() (time.Duration, error) {
	c.s.mu.Lock()
	probe := c.s.probe
	c.s.mu.Unlock()
	if probe <= 0 || c.remote.local() {
		return time.Hour, nil
	}
	silent := time.Since(time.Unix(0, c.lastRead.Load()))
	limit := 2 * probe
	if e, awaiting := c.awaited(); awaiting && e.monitor == monitorDatabase {
		// A server answers nothing else while it collects a large database.
		limit = max(limit, initialPatience)
	}
	switch {
	case silent >= limit:
		return 0, fmt.Errorf("no answer to an inactivity probe for %v", silent.Round(time.Millisecond))
	case silent < probe:
		return probe - silent, nil
	case c.echo == "":
		c.echo = `"echo"`
		c.out.put(appendRequest(nil, c.echo, "echo", []byte("[]")))
	}
	return limit - silent, nil
}

// initialPatience is how long a server may be silent while it prepares the
// contents of the database.
const initialPatience = 30 * time.Second

// lose answers the transactions whose reply will not come.
func (c *connection[U]) lose() {
	for _, reply := range c.replies {
		reply(nil)
	}
	if c.changing {
		// The server may have begun to send rows for conditions that were never
		// acknowledged: what the replica holds has no name to resume from.
		c.s.lastTxn = UUID{}
	}
}

// outbox holds what is to be sent, so that a server that does not read never
// keeps the session from reading.
type outbox struct {
	mu    sync.Mutex
	bytes []byte
	wake  chan struct{}
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

func (o *outbox) put(b []byte) {
	o.mu.Lock()
	o.bytes = append(o.bytes, b...)
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// write sends until ctx ends or sending fails.
func (o *outbox) write(ctx context.Context, w io.Writer) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-o.wake:
		}
		o.mu.Lock()
		b := o.bytes
		o.bytes = nil
		o.mu.Unlock()
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
}
