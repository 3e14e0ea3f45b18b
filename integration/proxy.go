package integration

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// OpenFlow 1.5 message types and parts of messages that the proxy looks at.
const (
	TypeFlowMod       = 14
	TypeGroupMod      = 15
	TypeBundleControl = 33
	TypeBundleAdd     = 34

	bundleCommitRequest = 4  // ofp_bundle_ctrl_type
	bundleInnerOffset   = 16 // of the message inside ofp_bundle_add_msg
)

// Message is one OpenFlow message on its way between agent and switch.
type Message struct {
	Conn     int  // number of the agent's connection
	ToSwitch bool // or from it, to the agent
	Data     []byte
}

// Type is the message's type.
func (m Message) Type() byte { return m.Data[1] }

// Inner is the message inside a bundle-add; not ok for others.
func (m Message) Inner() (Message, bool) {
	if m.Type() != TypeBundleAdd || len(m.Data) < bundleInnerOffset+8 {
		return Message{}, false
	}
	return Message{m.Conn, m.ToSwitch, m.Data[bundleInnerOffset:]}, true
}

// Commits tells whether the message asks for a bundle to be committed.
func (m Message) Commits() bool {
	return m.Type() == TypeBundleControl && len(m.Data) >= 16 &&
		binary.BigEndian.Uint16(m.Data[12:]) == bundleCommitRequest
}

// Cookie is the cookie of a flow-mod.
func (m Message) Cookie() uint64 {
	if m.Type() != TypeFlowMod || len(m.Data) < 16 {
		return 0
	}
	return binary.BigEndian.Uint64(m.Data[8:])
}

// SwitchProxy stands between an agent and its switch: it records what the agent
// sends and may change messages on their way.
type SwitchProxy struct {
	*faulty
	target string

	seenMu   sync.Mutex // guards what follows
	messages []Message
	change   func(Message)
}

// ProxySwitch makes the agent of ch, started after this, talk to its switch
// through a proxy.
func (ch *Chassis) ProxySwitch() *SwitchProxy {
	ch.t.Helper()
	dir := filepath.Join(ch.dir, "p")
	if err := os.Mkdir(dir, 0o755); err != nil {
		ch.t.Fatalf("switch proxy: %v", err)
	}
	p := &SwitchProxy{faulty: newFaulty(), target: filepath.Join(ch.dir, "br-int.mgmt")}
	l, err := net.Listen("unix", filepath.Join(dir, "br-int.mgmt"))
	if err != nil {
		ch.t.Fatalf("switch proxy: %v", err)
	}
	ch.proxy = p
	ch.agentEnv = []string{"OVS_RUNDIR=" + dir}
	p.listen(ch.t, l, func(agent net.Conn) {
		sw, err := net.Dial("unix", p.target)
		if err != nil {
			agent.Close()
			return
		}
		p.join(agent, sw, openflowReader, p.see)
	})
	return p
}

// Change has fn called on every message to the switch before it is passed on; fn
// may write into the message's data.
func (p *SwitchProxy) Change(fn func(Message)) {
	p.seenMu.Lock()
	defer p.seenMu.Unlock()
	p.change = fn
}

// changed tells whether messages may have been changed.
func (p *SwitchProxy) changed() bool {
	p.seenMu.Lock()
	defer p.seenMu.Unlock()
	return p.change != nil
}

// Messages returns what was sent to the switch since the last call.
func (p *SwitchProxy) Messages() []Message {
	p.seenMu.Lock()
	defer p.seenMu.Unlock()
	m := p.messages
	p.messages = nil
	return m
}

// see records what the agent sends.
func (p *SwitchProxy) see(m Message) {
	if !m.ToSwitch {
		return
	}
	p.seenMu.Lock()
	defer p.seenMu.Unlock()
	if p.change != nil {
		p.change(m)
	}
	p.messages = append(p.messages, m)
}

func openflowReader(r io.Reader) func() ([]byte, error) {
	return func() ([]byte, error) { return readMessage(r) }
}

// readMessage reads one message: version, type, 16 bits of length, 32 bits of
// transaction id, and the rest.
func readMessage(r io.Reader) ([]byte, error) {
	head := make([]byte, 8)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(head[2:]))
	if n < len(head) {
		return nil, io.ErrUnexpectedEOF
	}
	data := append(head, make([]byte, n-len(head))...)
	_, err := io.ReadFull(r, data[len(head):])
	return data, err
}
