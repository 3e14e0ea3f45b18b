package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// Faults are what a proxy does to what passes it, in both directions. The zero
// value does nothing; functions choose messages, nil chooses none.
type Faults struct {
	// Delay is how long each message waits before it is passed on.
	Delay time.Duration
	// Hold passes nothing on while connections stand; what waits passes later.
	Hold bool
	// Refuse closes connections as soon as they are made.
	Refuse bool
	// Drop swallows a message, Duplicate passes it on twice, Truncate passes on half
	// of it and closes the connection, Close closes it instead.
	Drop, Duplicate, Truncate, Close func(Message) bool
}

// faulty is the part that proxies have in common.
type faulty struct {
	mu      sync.Mutex // guards what follows
	faults  Faults
	changed chan struct{} // closed when faults are replaced
	open    map[net.Conn]bool
	made    int // refused ones too
	joined  int
}

func newFaulty() *faulty { return &faulty{changed: make(chan struct{}), open: map[net.Conn]bool{}} }

// Set replaces the faults, for connections made and to come.
func (f *faulty) Set(faults Faults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = faults
	close(f.changed)
	f.changed = make(chan struct{})
}

// Cut closes all connections.
func (f *faulty) Cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.open {
		c.Close()
	}
}

// Made is how many connections the agent has made.
func (f *faulty) Made() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.made
}

func (f *faulty) present() (Faults, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.faults, f.changed
}

// listen serves what is accepted until the test ends.
func (f *faulty) listen(t T, l net.Listener, serve func(agent net.Conn)) {
	t.Cleanup(func() { l.Close(); f.Cut() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.made++
			f.mu.Unlock()
			if now, _ := f.present(); now.Refuse {
				conn.Close()
				continue
			}
			go serve(conn)
		}
	}()
}

// join connects an agent with its server and passes messages both ways until one
// of them closes. see, which may be nil, is shown each message before it passes.
func (f *faulty) join(agent, server net.Conn, reader func(io.Reader) func() ([]byte, error), see func(Message)) {
	f.mu.Lock()
	f.joined++
	n := f.joined
	f.open[agent], f.open[server] = true, true
	f.mu.Unlock()
	ended := make(chan struct{})
	var once sync.Once
	end := func() { once.Do(func() { close(ended); agent.Close(); server.Close() }) }
	var wg sync.WaitGroup
	for _, toServer := range []bool{true, false} {
		from, to := agent, server
		if !toServer {
			from, to = server, agent
		}
		wg.Go(func() {
			defer end()
			next := reader(from)
			for {
				data, err := next()
				if err != nil {
					return
				}
				m := Message{Conn: n, ToSwitch: toServer, Data: data}
				if see != nil {
					see(m)
				}
				if f.pass(m, to, ended) != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	f.mu.Lock()
	delete(f.open, agent)
	delete(f.open, server)
	f.mu.Unlock()
}

var errFault = errors.New("closed by the proxy")

func (f *faulty) pass(m Message, to io.Writer, ended <-chan struct{}) error {
	for {
		now, changed := f.present()
		if !now.Hold {
			return now.pass(m, to)
		}
		select {
		case <-changed:
		case <-ended:
			return errFault
		}
	}
}

func (f Faults) pass(m Message, to io.Writer) error {
	is := func(choose func(Message) bool) bool { return choose != nil && choose(m) }
	time.Sleep(f.Delay)
	switch {
	case is(f.Drop):
		return nil
	case is(f.Close):
		return errFault
	case is(f.Truncate):
		_, _ = to.Write(m.Data[:len(m.Data)/2])
		return errFault
	case is(f.Duplicate):
		if _, err := to.Write(m.Data); err != nil {
			return err
		}
	}
	_, err := to.Write(m.Data)
	return err
}

// DatabaseProxy stands between an agent and one of its databases. Messages'
// ToSwitch means "to the database".
type DatabaseProxy struct{ *faulty }

// ProxyLocal makes the agent of ch, started after this, talk to its local database
// through a proxy, by a unix socket.
func (ch *Chassis) ProxyLocal() *DatabaseProxy {
	ch.t.Helper()
	path := ch.path("local-proxy.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		ch.t.Fatalf("proxy of the local database: %v", err)
	}
	ch.localRemote = "unix:" + path
	p := &DatabaseProxy{newFaulty()}
	p.serve(ch.t, l, ch.conf)
	return p
}

// ProxySouthbound makes the agent of ch talk to the southbound database through a
// proxy, by TCP on the chassis' own loopback; of a cluster to each server on a port
// of its own, all with the same faults.
func (ch *Chassis) ProxySouthbound() *DatabaseProxy {
	ch.t.Helper()
	servers := ch.c.raft
	if servers == nil {
		servers = []*database{ch.c.sb}
	}
	p := &DatabaseProxy{newFaulty()}
	var remotes []string
	for _, db := range servers {
		var l net.Listener
		ch.ns.do(ch.t, "proxy of the southbound database", func() (err error) {
			l, err = net.Listen("tcp", "127.0.0.1:0")
			return err
		})
		remotes = append(remotes, "tcp:"+l.Addr().String())
		p.serve(ch.t, l, db)
	}
	ch.VSCtl("set", "Open_vSwitch", ".", fmt.Sprintf("external_ids:ovn-remote=%q", strings.Join(remotes, ",")))
	return p
}

// serve passes what is accepted on to a database.
func (p *DatabaseProxy) serve(t T, l net.Listener, db *database) {
	p.listen(t, l, func(agent net.Conn) {
		server, err := net.Dial("unix", db.socket())
		if err != nil {
			agent.Close()
			return
		}
		p.join(agent, server, jsonReader, nil)
	})
}

// jsonReader reads the messages of JSON-RPC, which nothing separates.
func jsonReader(r io.Reader) func() ([]byte, error) {
	d := json.NewDecoder(r)
	return func() ([]byte, error) {
		var m json.RawMessage
		err := d.Decode(&m)
		return m, err
	}
}
