package integration

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Wire stands on both connections of an agent, to its switch and to the
// southbound database: it counts, takes times, and asks the agent for signs of
// life between the messages of the others.
//
//	switch ◄──► Wire ◄──► agent ◄──► Wire ◄──► southbound server
//
// It holds nothing back and keeps no message.
type Wire struct {
	t         T
	switchd   string // path of the switch's socket
	southward string // path of the southbound server's

	mu       sync.Mutex // guards what follows
	counts   WireCounts
	open     map[bundleKey]Mods
	times    WireTimes
	switches map[*wireConn]bool
	sb       *wireConn
	packets  *wireConn // the switch connection for packet-ins
	echo     uint32    // number of the last
	waiting  map[string]chan struct{}
}

// WireCounts is what has passed.
type WireCounts struct {
	FromSB   int64 // bytes the southbound server sent
	ToSwitch int   // messages
	Mods
}

// Mods count changes of the switch: of a bundle only if it was to be committed.
type Mods struct{ FlowMods, GroupMods int }

// WireTimes are the moments of one change, zero if they did not happen.
type WireTimes struct {
	Update     time.Time // first byte from the southbound server
	ToSwitch   time.Time // first message to the switch
	FromSwitch time.Time // last message from it before Report
	Report     time.Time // last request to the southbound server
}

// bundleKey names a bundle that is not committed yet.
type bundleKey struct {
	conn *wireConn
	id   uint32
}

// wireConn is the agent's end of a connection.
type wireConn struct {
	net.Conn
	mu    sync.Mutex // held while a message is written to the agent
	whole *sync.Cond // on mu; of a southbound connection: between two messages
	mid   bool
}

func (c *wireConn) write(data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.Conn.Write(data)
	return err
}

// TapWire makes the agent of ch, started after this, talk through a Wire.
func (ch *Chassis) TapWire() *Wire {
	ch.t.Helper()
	w := &Wire{t: ch.t, switchd: filepath.Join(ch.dir, "br-int.mgmt"), southward: ch.c.SouthboundSocket(),
		switches: map[*wireConn]bool{}, open: map[bundleKey]Mods{}, waiting: map[string]chan struct{}{}}
	dir := filepath.Join(ch.dir, "w")
	if err := os.Mkdir(dir, 0o755); err != nil {
		ch.t.Fatalf("wire: %v", err)
	}
	sb := filepath.Join(dir, "sb.sock")
	w.listen(ch, filepath.Join(dir, "br-int.mgmt"), w.serveSwitch)
	w.listen(ch, sb, w.serveSB)
	ch.agentEnv = []string{"OVS_RUNDIR=" + dir}
	ch.VSCtl("set", "Open_vSwitch", ".", "external_ids:ovn-remote=unix:"+sb)
	return w
}

func (w *Wire) listen(ch *Chassis, path string, serve func(net.Conn)) {
	l, err := net.Listen("unix", path)
	if err != nil {
		ch.t.Fatalf("wire: %v", err)
	}
	ch.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
}

func (w *Wire) serveSwitch(conn net.Conn) {
	defer conn.Close()
	sw, err := net.Dial("unix", w.switchd)
	if err != nil {
		return
	}
	defer sw.Close()
	agent := &wireConn{Conn: conn}
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.switches, agent)
		if w.packets == agent {
			w.packets = nil
		}
	}()
	go func() {
		defer conn.Close()
		for in := bufio.NewReaderSize(sw, 1<<16); ; {
			data, err := readMessage(in)
			if err != nil || agent.write(data) != nil {
				return
			}
			if data[1] == typeEchoRequest {
				continue
			}
			w.mu.Lock()
			if !w.times.Report.After(w.times.ToSwitch) {
				w.times.FromSwitch = time.Now()
			}
			w.mu.Unlock()
		}
	}()
	in := bufio.NewReaderSize(conn, 1<<16)
	out := bufio.NewWriterSize(sw, 1<<16)
	for {
		data, err := readMessage(in)
		if err != nil {
			return
		}
		if !w.fromAgent(agent, data) {
			if _, err := out.Write(data); err != nil {
				return
			}
		}
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
	}
}

// fromAgent takes note of a message to the switch; it reports whether the message
// answers the wire itself.
func (w *Wire) fromAgent(agent *wireConn, data []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if data[1] != typeHello {
		w.switches[agent] = true // its peer's hello has arrived: echoes may follow
	}
	switch data[1] {
	case typeEchoReply:
		return w.answered(string(data[8:]))
	case typeEchoRequest:
		return false
	case typePacketOut, typeExperimenter:
		for key := range w.waiting {
			if bytes.Contains(data, []byte(key)) {
				return w.answered(key)
			}
		}
		if len(data) >= 16 && binary.BigEndian.Uint32(data[8:]) == nicira && binary.BigEndian.Uint32(data[12:]) == setPacketIn {
			w.packets = agent
		}
	}
	w.counts.ToSwitch++
	w.count(agent, Message{ToSwitch: true, Data: data})
	if w.times.ToSwitch.IsZero() {
		w.times.ToSwitch = time.Now()
	}
	return false
}

// count takes account of a message to the switch, with mu held.
func (w *Wire) count(agent *wireConn, m Message) {
	to, key := &w.counts.Mods, bundleKey{}
	var bundled Mods
	if len(m.Data) >= 12 && (m.Type() == TypeBundleAdd || m.Type() == TypeBundleControl) {
		key = bundleKey{agent, binary.BigEndian.Uint32(m.Data[8:])}
		bundled = w.open[key]
	}
	if inner, ok := m.Inner(); ok {
		m, to = inner, &bundled
	}
	switch {
	case m.Type() == TypeFlowMod:
		to.FlowMods++
	case m.Type() == TypeGroupMod:
		to.GroupMods++
	case m.Commits():
		w.counts.FlowMods += bundled.FlowMods
		w.counts.GroupMods += bundled.GroupMods
		bundled = Mods{}
	}
	if bundled != (Mods{}) {
		w.open[key] = bundled
	} else if key.conn != nil {
		delete(w.open, key)
	}
}

// answered ends the wait for key, with mu held.
func (w *Wire) answered(key string) bool {
	done, ok := w.waiting[key]
	if ok {
		delete(w.waiting, key)
		close(done)
	}
	return ok
}

func (w *Wire) serveSB(conn net.Conn) {
	defer conn.Close()
	server, err := net.Dial("unix", w.southward)
	if err != nil {
		return
	}
	defer server.Close()
	agent := &wireConn{Conn: conn}
	agent.whole = sync.NewCond(&agent.mu)
	w.mu.Lock()
	w.sb = agent
	w.mu.Unlock()
	go func() {
		defer conn.Close()
		var bounds jsonBounds
		buf := make([]byte, 1<<16)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			now := time.Now()
			w.mu.Lock()
			w.counts.FromSB += int64(n)
			if w.times.Update.IsZero() {
				w.times.Update = now
			}
			w.mu.Unlock()
			agent.mu.Lock()
			_, err = conn.Write(buf[:n])
			agent.mid = bounds.scan(buf[:n])
			agent.whole.Broadcast()
			agent.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 1<<16)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		data := buf[:n]
		w.mu.Lock()
		w.times.Report = time.Now()
		for key := range w.waiting {
			if at := bytes.Index(data, []byte(key)); at >= 0 {
				// An answer to an echo is a message of its own and short.
				if from, to := bytes.LastIndexByte(data[:at], '{'), bytes.IndexByte(data[at:], '}'); from >= 0 && to >= 0 {
					data = append(bytes.Clone(data[:from]), data[at+to+1:]...)
				}
				w.answered(key)
				break
			}
		}
		w.mu.Unlock()
		if _, err := server.Write(data); err != nil {
			return
		}
	}
}

// jsonBounds follows a stream of JSON objects.
type jsonBounds struct {
	depth          int
	quoted, escape bool
}

// scan takes the next bytes and reports whether they end inside an object.
func (b *jsonBounds) scan(data []byte) bool {
	for _, c := range data {
		switch {
		case b.escape:
			b.escape = false
		case b.quoted:
			b.escape, b.quoted = c == '\\', c != '"'
		case c == '"':
			b.quoted = true
		case c == '{':
			b.depth++
		case c == '}':
			b.depth--
		}
	}
	return b.depth > 0
}

// Counts is what has passed since the start.
func (w *Wire) Counts() WireCounts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts
}

// Mark forgets the times taken so far.
func (w *Wire) Mark() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.times = WireTimes{}
}

// Times are those since Mark.
func (w *Wire) Times() WireTimes {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.times
}

// ErrNotConnected is what the agent's life cannot be told without.
var ErrNotConnected = errors.New("the agent has no such connection")

// wait sends a request and waits until key comes back.
func (w *Wire) wait(key string, timeout time.Duration, send func() error) (time.Duration, error) {
	done := make(chan struct{})
	w.mu.Lock()
	w.waiting[key] = done
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.waiting, key)
		w.mu.Unlock()
	}()
	began := time.Now()
	failed := make(chan error, 1)
	go func() { failed <- send() }()
	late := time.NewTimer(timeout)
	defer late.Stop()
	for {
		select {
		case <-done:
			return time.Since(began), nil
		case err := <-failed:
			if err != nil {
				return 0, err
			}
			failed = nil
		case <-late.C:
			return timeout, nil
		}
	}
}

func (w *Wire) number() uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.echo++
	return w.echo
}

// EchoSwitch asks the agent for an echo on each of its connections to the switch
// and returns the longest time it took, timeout if one did not come.
func (w *Wire) EchoSwitch(timeout time.Duration) (time.Duration, error) {
	w.mu.Lock()
	conns := make([]*wireConn, 0, len(w.switches))
	for c := range w.switches {
		conns = append(conns, c)
	}
	w.mu.Unlock()
	if len(conns) == 0 {
		return 0, ErrNotConnected
	}
	type result struct {
		d   time.Duration
		err error
	}
	results := make(chan result, len(conns))
	for _, c := range conns {
		key := fmt.Sprintf("wire-%d", w.number())
		m := []byte{6, typeEchoRequest, 0, byte(8 + len(key)), 0, 0, 0, 2}
		m = append(m, key...)
		go func() {
			d, err := w.wait(key, timeout, func() error { return c.write(m) })
			results <- result{d, err}
		}()
	}
	var longest time.Duration
	var errs error
	for range conns {
		r := <-results
		longest, errs = max(longest, r.d), errors.Join(errs, r.err)
	}
	return longest, errs
}

// EchoSB asks the agent for an echo on its southbound connection. The time counts
// from when no message is half written.
func (w *Wire) EchoSB(timeout time.Duration) (time.Duration, error) {
	w.mu.Lock()
	c := w.sb
	w.mu.Unlock()
	if c == nil {
		return 0, ErrNotConnected
	}
	key := fmt.Sprintf("wire-%d", w.number())
	m := fmt.Appendf(nil, `{"id":%q,"method":"echo","params":[]}`, key)
	c.mu.Lock()
	for c.mid {
		c.whole.Wait()
	}
	return w.wait(key, timeout, func() error {
		defer c.mu.Unlock()
		_, err := c.Conn.Write(m)
		return err
	})
}

// Punt hands the agent a packet-in that no switch has sent and waits until it
// sends something that contains mark, which the switch does not get.
func (w *Wire) Punt(packetIn []byte, mark string, timeout time.Duration) (time.Duration, error) {
	w.mu.Lock()
	c := w.packets
	w.mu.Unlock()
	if c == nil {
		return 0, ErrNotConnected
	}
	return w.wait(mark, timeout, func() error { return c.write(packetIn) })
}
