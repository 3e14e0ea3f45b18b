package ovsdbtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy listens on a TCP port of 127.0.0.1 and passes bytes to and from a remote.
type Proxy struct {
	// Remote is how to reach the proxy.
	Remote string

	l      net.Listener
	target string

	mu     sync.Mutex
	conns  map[net.Conn]bool
	faults Faults
	made   int
}

// Faults are what a proxy does to bytes from the server.
type Faults struct {
	// CutAfter closes each connection after so many bytes; 0: never.
	CutAfter int64
	// Delay waits before each chunk is passed on.
	Delay time.Duration
	// Stall passes nothing on and says nothing.
	Stall bool
	// Garbage is sent instead of what the server sends.
	Garbage []byte
	// Refuse answers requests of these methods as a server that does not know them.
	// It counts for connections to come.
	Refuse []string
	// Flip inverts the lowest bit of the byte at that offset; 0: of none.
	Flip int64
}

// StartProxy runs a proxy before a server's Unix socket.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Remote: "tcp:" + l.Addr().String(), l: l, target: strings.TrimPrefix(target, "unix:"), conns: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.Cut()
		wg.Wait()
	})
	return p
}

// Set changes the faults, for connections made and to come.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// Cut closes all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// Connections returns how many connections were made.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.made
}

func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	p.made++
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.conns, client)
		delete(p.conns, server)
		p.mu.Unlock()
	}()
	p.mu.Lock()
	refuse := p.faults.Refuse
	p.mu.Unlock()
	go func() {
		if refuse == nil {
			io.Copy(server, client)
		} else {
			forward(server, client, refuse)
		}
		server.Close()
		client.Close()
	}()
	buf := make([]byte, 32<<10)
	var passed int64
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		f := p.faults
		p.mu.Unlock()
		time.Sleep(f.Delay)
		b := buf[:n]
		switch {
		case f.Stall:
			continue
		case f.Garbage != nil:
			b = f.Garbage
		case f.Flip > 0 && f.Flip >= passed && f.Flip < passed+int64(n):
			b[f.Flip-passed] ^= 1
		}
		if f.CutAfter > 0 && passed+int64(len(b)) >= f.CutAfter {
			client.Write(b[:f.CutAfter-passed])
			return
		}
		passed += int64(len(b))
		if _, err := client.Write(b); err != nil {
			return
		}
	}
}

// forward passes on the client's messages except those of methods to refuse. A
// client that waits for each reply sees no difference to a server that refuses.
func forward(server io.Writer, client io.ReadWriter, refuse []string) {
	dec := json.NewDecoder(client)
	for {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return
		}
		var m struct {
			ID     json.RawMessage
			Method string
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			return
		}
		var err error
		if slices.Contains(refuse, m.Method) {
			_, err = fmt.Fprintf(client, `{"id":%s,"error":"unknown method"}`, m.ID)
		} else {
			_, err = server.Write(raw)
		}
		if err != nil {
			return
		}
	}
}
