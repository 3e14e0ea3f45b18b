package integration

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// PuntTap stands between an agent and its switch and hands the agent packet-ins
// that no switch has sent: what the agent answers is kept from the switch.
type PuntTap struct {
	t      T
	target string

	// writing is held while messages are written to the agent, so that they stay
	// whole. Not mu: what the agent sends must be taken meanwhile.
	writing sync.Mutex

	mu      sync.Mutex // guards what follows
	agent   net.Conn   // the connection that the agent wants packet-ins on
	answers chan []byte
	stream  *streamer
}

// streamer takes the agent's messages as they come.
type streamer struct {
	answer  func(message []byte)
	drained func()
}

// TapPunts makes the agent of ch, started after this, talk to its switch through
// a tap.
func (ch *Chassis) TapPunts() *PuntTap {
	ch.t.Helper()
	dir := filepath.Join(ch.dir, "p")
	if err := os.Mkdir(dir, 0o755); err != nil {
		ch.t.Fatalf("tap: %v", err)
	}
	p := &PuntTap{t: ch.t, target: filepath.Join(ch.dir, "br-int.mgmt")}
	l, err := net.Listen("unix", filepath.Join(dir, "br-int.mgmt"))
	if err != nil {
		ch.t.Fatalf("tap: %v", err)
	}
	ch.t.Cleanup(func() { l.Close() })
	ch.agentEnv = []string{"OVS_RUNDIR=" + dir}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

// Parts of OpenFlow messages that the tap looks at.
const (
	typeHello        = 0
	typeEchoRequest  = 2
	typeEchoReply    = 3
	typeExperimenter = 4
	typePacketOut    = 13
	nicira           = 0x2320
	setPacketIn      = 16 // NXT_SET_PACKET_IN_FORMAT
)

var tapMark = []byte("tap")

func (p *PuntTap) serve(agent net.Conn) {
	defer agent.Close()
	sw, err := net.Dial("unix", p.target)
	if err != nil {
		return
	}
	defer sw.Close()
	go func() {
		defer agent.Close()
		for {
			data, err := readMessage(sw)
			if err != nil || p.write(agent, data) != nil {
				return
			}
		}
	}()
	in := bufio.NewReaderSize(agent, 1<<18)
	out := bufio.NewWriterSize(sw, 1<<16)
	var data []byte
	var answers chan []byte
	var stream *streamer
	for {
		if in.Buffered() == 0 {
			if out.Flush() != nil {
				return
			}
			if stream != nil {
				stream.drained()
			}
		}
		if data, err = nextMessage(in, data); err != nil {
			return
		}
		if data[1] == typeExperimenter && len(data) >= 16 && binary.BigEndian.Uint32(data[8:]) == nicira &&
			binary.BigEndian.Uint32(data[12:]) == setPacketIn {
			p.mu.Lock()
			p.agent = agent
			p.mu.Unlock()
		}
		p.mu.Lock()
		answers, stream = p.answers, p.stream
		tapped := p.agent == agent && data[1] != typeEchoRequest
		p.mu.Unlock()
		switch {
		case tapped && stream != nil:
			stream.answer(data)
		case tapped && answers != nil:
			answers <- bytes.Clone(data)
		default:
			if _, err := out.Write(data); err != nil {
				return
			}
		}
	}
}

// nextMessage reads an OpenFlow message into b, which it makes longer if need be.
func nextMessage(r io.Reader, b []byte) ([]byte, error) {
	b = append(b[:0], make([]byte, 8)...)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n < 8 {
		return nil, fmt.Errorf("OpenFlow message of %d bytes", n)
	}
	b = append(b, make([]byte, n-8)...)
	_, err := io.ReadFull(r, b[8:])
	return b, err
}

// Stream has answer called with each message that the agent sends on the
// connection it wants packets on, which is valid during the call only, and drained
// when all that has come was answered; both are called by one goroutine. It returns
// what sends to the agent. stop ends it. Agents are fed as fast as they read.
func (p *PuntTap) Stream(answer func(message []byte), drained func()) (send func([]byte) error, stop func()) {
	p.mu.Lock()
	p.stream = &streamer{answer, drained}
	agent := p.agent
	p.mu.Unlock()
	return func(b []byte) error { return p.write(agent, b) }, func() {
		p.mu.Lock()
		p.stream = nil
		p.mu.Unlock()
	}
}

func (p *PuntTap) write(agent net.Conn, data []byte) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	_, err := agent.Write(data)
	return err
}

// Ready says whether the agent waits for packet-ins.
func (p *PuntTap) Ready() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.agent == nil {
		return fmt.Errorf("the agent has not asked for packet-ins")
	}
	return nil
}

// Ask sends OpenFlow messages to the agent and returns all that it sends in
// answer.
func (p *PuntTap) Ask(messages ...[]byte) [][]byte {
	p.t.Helper()
	// The C agent handles messages in order: when the echo is back, all is said.
	echo := []byte{messages[0][0], typeEchoRequest, 0, 0, 0, 0, 0, 1}
	echo = append(echo, tapMark...)
	binary.BigEndian.PutUint16(echo[2:], uint16(len(echo)))
	return p.ask(append(bytes.Join(messages, nil), echo...), -1)
}

// askedAtOnce is how many packets wait for answers at a time: no more than an agent
// lets one port keep waiting.
const askedAtOnce = 256

// AskFor sends OpenFlow messages to the agent, again and again until there are n
// answers to be expected if each has one, and waits for these.
func (p *PuntTap) AskFor(n int, messages ...[]byte) (got [][]byte) {
	p.t.Helper()
	for len(got) < n {
		var some []byte
		k := min(n-len(got), askedAtOnce)
		for i := range k {
			some = append(some, messages[i%len(messages)]...)
		}
		got = append(got, p.ask(some, k)...)
	}
	return got
}

// ask waits for n answers, or if n is negative for the echo.
func (p *PuntTap) ask(messages []byte, n int) [][]byte {
	p.t.Helper()
	p.mu.Lock()
	answers := make(chan []byte, 1024)
	p.answers = answers
	agent := p.agent
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.answers = nil
		p.mu.Unlock()
	}()
	failed := make(chan error, 1)
	go func() {
		if err := p.write(agent, messages); err != nil {
			failed <- err
		}
	}()
	var got [][]byte
	timeout := time.After(30 * time.Second)
	for {
		select {
		case m := <-answers:
			if m[1] == typeEchoReply && bytes.Equal(m[8:], tapMark) {
				return got
			}
			if got = append(got, m); len(got) == n {
				return got
			}
		case err := <-failed:
			p.t.Fatalf("tap: %v", err)
		case <-timeout:
			p.t.Fatalf("tap: the agent has answered %d times only", len(got))
		}
	}
}
