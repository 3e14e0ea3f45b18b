package integration

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Serve starts a server on a guest's address and port, proto "tcp" or "udp". Its
// answer to anything is "NAME PEER": the guest's name and the address it saw the
// client at, so that a client learns which backend it got and a test what NAT
// did. It ends with stop, and with the test.
func (g *Guest) Serve(proto, addr string) (stop func()) {
	g.t.Helper()
	if proto == "udp" {
		var conn net.PacketConn
		g.do(g.t, "server "+addr, func() (err error) {
			conn, err = net.ListenPacket(proto, addr)
			return err
		})
		g.t.Cleanup(func() { conn.Close() })
		go func() {
			buf := make([]byte, 2048)
			for {
				_, peer, err := conn.ReadFrom(buf)
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err == nil {
					_, _ = conn.WriteTo([]byte(g.answer(peer)), peer)
				}
			}
		}()
		return func() { conn.Close() }
	}
	var l net.Listener
	g.do(g.t, "server "+addr, func() (err error) {
		l, err = net.Listen(proto, addr)
		return err
	})
	g.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go g.serve(conn)
		}
	}()
	return func() { l.Close() }
}

func (g *Guest) serve(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if _, err := conn.Write([]byte(g.answer(conn.RemoteAddr()))); err != nil {
			return
		}
	}
}

func (g *Guest) answer(peer net.Addr) string {
	host, _, _ := net.SplitHostPort(peer.String())
	return g.Name + " " + host + "\n"
}

// Answer is what a server of the harness said.
type Answer struct {
	Server string // name of the guest that answered
	Peer   string // address it saw the client at
}

// Conn is a connection from a guest to a server of the harness.
type Conn struct {
	conn  net.Conn
	lines *bufio.Reader
}

// Dial connects from the guest. Nothing has been asked yet.
func (g *Guest) Dial(proto, addr string, timeout time.Duration) (*Conn, error) {
	var conn net.Conn
	// The thread is taken until the connection stands or the time is over; a
	// guest dials one at a time.
	d := net.Dialer{Timeout: timeout}
	err := g.Do(func() (err error) {
		conn, err = d.Dial(proto, addr)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.Name, err)
	}
	return &Conn{conn: conn, lines: bufio.NewReader(conn)}, nil
}

// Ask sends a line and waits for the answer.
func (c *Conn) Ask(timeout time.Duration) (Answer, error) {
	if err := c.conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return Answer{}, err
	}
	if _, err := c.conn.Write([]byte("who\n")); err != nil {
		return Answer{}, err
	}
	line, err := c.lines.ReadString('\n')
	if err != nil {
		return Answer{}, err
	}
	name, peer, _ := strings.Cut(strings.TrimSpace(line), " ")
	return Answer{Server: name, Peer: peer}, nil
}

// Close ends the connection.
func (c *Conn) Close() { c.conn.Close() }

// Request connects, asks once and closes.
func (g *Guest) Request(proto, addr string, timeout time.Duration) (Answer, error) {
	c, err := g.Dial(proto, addr, timeout)
	if err != nil {
		return Answer{}, err
	}
	defer c.Close()
	return c.Ask(timeout)
}

// Gets waits until a request is answered and returns the answer.
func (g *Guest) Gets(proto, addr string) Answer {
	g.t.Helper()
	var a Answer
	WaitFor(g.t, 20*time.Second, g.Name+" gets "+proto+" "+addr, func() (err error) {
		a, err = g.Request(proto, addr, time.Second)
		return err
	})
	return a
}
