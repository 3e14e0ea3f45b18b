package ofbundle

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// proxy stands between an agent and a real switch, records what the agent sends
// and can do harm.
type proxy struct {
	t testing.TB
	s *vswitch

	mu   sync.Mutex // guards what follows
	sent []openflow.Message
	// toSwitch may change what the agent sends; toAgent what the switch sends.
	// nil as a result drops the message, cut ends the connection.
	toSwitch, toAgent func(h openflow.Header, m openflow.Message, frame []byte) (out []byte, cut bool)
	reply             func([]byte) // to the agent, of the present connection
}

func (p *proxy) dial(ctx context.Context, target string) (*openflow.Conn, error) {
	_, path, _ := strings.Cut(target, ":")
	sw, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	var writing sync.Mutex
	p.mu.Lock()
	p.reply = func(b []byte) {
		writing.Lock()
		defer writing.Unlock()
		_, _ = far.Write(b)
	}
	reply := p.reply
	p.mu.Unlock()
	go p.pump(far, func(b []byte) { _, _ = sw.Write(b) }, sw, true)
	go p.pump(sw, reply, far, false)
	return openflow.NewConn(ctx, near, openflow.ConnOptions{})
}

func (p *proxy) pump(from net.Conn, write func([]byte), to net.Conn, fromAgent bool) {
	defer from.Close()
	defer to.Close()
	for {
		frame := make([]byte, 8)
		if _, err := io.ReadFull(from, frame); err != nil {
			return
		}
		frame = append(frame, make([]byte, int(binary.BigEndian.Uint16(frame[2:]))-8)...)
		if _, err := io.ReadFull(from, frame[8:]); err != nil {
			return
		}
		h, m, err := openflow.DecodeMessage(frame)
		if err != nil {
			p.t.Errorf("undecodable message: %v", err)
			return
		}
		p.mu.Lock()
		hook := p.toAgent
		if fromAgent {
			hook = p.toSwitch
			p.sent = append(p.sent, m)
		}
		p.mu.Unlock()
		cut := false
		if hook != nil {
			frame, cut = hook(h, m, frame)
		}
		if frame != nil {
			write(frame)
		}
		if cut {
			return
		}
	}
}

func (p *proxy) set(toSwitch, toAgent func(openflow.Header, openflow.Message, []byte) ([]byte, bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.toSwitch, p.toAgent = toSwitch, toAgent
}

// recorded returns what was sent since the last call.
func (p *proxy) recorded() []openflow.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.sent
	p.sent = nil
	return out
}

func frameOf(t testing.TB, xid uint32, m openflow.Message) []byte {
	b, err := openflow.AppendMessage(nil, openflow.Version15, xid, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func startProxied(t testing.TB) (*vswitch, *proxy, *agent) {
	s := startSwitch(t)
	p := &proxy{t: t, s: s}
	a := startAgent(t, Config{Target: s.target(), Dial: p.dial, Audit: never, Poll: never})
	return s, p, a
}

// isCommit recognises a request to commit.
func isCommit(m openflow.Message) bool {
	c, ok := m.(*openflow.BundleControl)
	return ok && c.Kind == openflow.BundleCommitRequest
}

// Every flow-mod and group-mod is inside a bundle, and a change set is one.
func TestOneBundlePerChangeSet(t *testing.T) {
	_, p, a := startProxied(t)
	a.connected()
	a.SetMeters(sampleMeters)
	a.Enable()
	all := sampleFlows()
	for i := 0; i < len(all); i += 10 {
		p.recorded()
		a.Update(nil, all[i:min(i+5, len(all))])
		a.Update(nil, all[min(i+5, len(all)):min(i+10, len(all))])
		a.commit()
		commits := 0
		for _, m := range p.recorded() {
			switch m.(type) {
			case *openflow.FlowMod, *openflow.GroupMod:
				t.Errorf("outside a bundle: %+v", m)
			}
			if isCommit(m) {
				commits++
			}
		}
		if commits != 1 {
			t.Errorf("change set %d: %d bundles committed", i, commits)
		}
	}
	p.recorded()
	a.commit()
	if sent := p.recorded(); len(sent) != 0 {
		t.Errorf("an empty change set sent %d messages", len(sent))
	}
}

// Change sets that come while a bundle is in flight go out as one.
func TestCollapse(t *testing.T) {
	s, p, a := startProxied(t)
	a.connected()
	a.Enable()
	release := make(chan struct{})
	held := make(chan struct{})
	var once sync.Once
	p.set(func(_ openflow.Header, m openflow.Message, frame []byte) ([]byte, bool) {
		if isCommit(m) {
			once.Do(func() { close(held); <-release })
		}
		return frame, false
	}, nil)
	all := sampleFlows()[:12]
	a.Update(nil, all[:1])
	a.Commit(1)
	<-held
	for i := range uint64(10) {
		a.Update(nil, all[i+1:i+2])
		a.Commit(i + 2)
	}
	// Added and removed meanwhile: never sent.
	gone := flow(9, 9, 9, nil, nil)
	a.Update(nil, []*openflow.Flow{gone})
	a.Commit(12)
	a.Update([]*openflow.Flow{gone}, nil)
	a.Commit(13)
	close(release)
	a.seq = 13
	a.acknowledged()
	if st := a.Stats(); st.Bundles != 2 || st.FlowAdds != 11 || len(s.flows()) != 11 {
		t.Errorf("%+v", st)
	}
}

// A connection lost anywhere loses nothing.
func TestCutAnywhere(t *testing.T) {
	s, p, a := startProxied(t)
	a.connected()
	a.SetMeters(sampleMeters)
	a.Enable()
	want := 0
	for n := 1; n < 60; n += 7 {
		count := 0
		p.set(func(_ openflow.Header, _ openflow.Message, frame []byte) ([]byte, bool) {
			count++
			return frame, count == n
		}, nil)
		all := sampleFlows()
		a.Update(nil, all)
		a.commit()
		want = len(s.flows())
		if st := a.Stats(); st.Desired != want || st.Installed != want {
			t.Fatalf("cut after %d: %d flows, %+v", n, want, st)
		}
		a.Update(all, nil)
		a.commit()
		if left := s.flows(); len(left) != 0 {
			t.Fatalf("cut after %d: left %q", n, left)
		}
	}
	if a.Stats().Connects < 5 {
		t.Error("nothing was cut")
	}
}

// Replies lost with the connection: the commit was executed all the same.
func TestCommitReplyLost(t *testing.T) {
	s, p, a := startProxied(t)
	a.connected()
	a.Enable()
	var once sync.Once
	p.set(nil, func(_ openflow.Header, m openflow.Message, frame []byte) ([]byte, bool) {
		c, ok := m.(*openflow.BundleControl)
		cut := false
		if ok && c.Kind == openflow.BundleCommitReply {
			once.Do(func() { cut = true })
		}
		if cut {
			return nil, true
		}
		return frame, false
	})
	a.SetMeters(sampleMeters)
	a.Update(nil, sampleFlows())
	a.commit()
	st := a.Stats()
	if st.Connects != 2 || st.FlowAdds+st.FlowModifies != 0 || st.Installed != len(s.flows()) {
		t.Errorf("the executed bundle was not recognised: %+v", st)
	}
}

// A switch that fails commits without saying why is bisected.
func TestCommitFailsUnnamed(t *testing.T) {
	s, p, a := startProxied(t)
	a.connected()
	a.Enable()
	poison := false
	p.set(func(h openflow.Header, m openflow.Message, frame []byte) ([]byte, bool) {
		switch m := m.(type) {
		case *openflow.BundleControl:
			if m.Kind == openflow.BundleOpenRequest {
				poison = false
			}
			if isCommit(m) && poison {
				m.Kind = openflow.BundleDiscardRequest
				return frameOf(t, h.XID, m), false
			}
		case *openflow.BundleAdd:
			if fm, ok := m.Inner.(*openflow.FlowMod); ok && (fm.Cookie == 0x1003 || fm.Cookie == 0x1011) {
				poison = true
			}
		}
		return frame, false
	}, func(h openflow.Header, m openflow.Message, frame []byte) ([]byte, bool) {
		if c, ok := m.(*openflow.BundleControl); ok && c.Kind == openflow.BundleDiscardReply {
			return frameOf(t, h.XID, openflow.ErrBundleMsgFailed), false
		}
		return frame, false
	})
	a.Update(nil, sampleFlows()[:20])
	a.commit()
	if got := len(s.flows()); got != 18 {
		t.Errorf("%d flows, want 18", got)
	}
	refused := a.refusals()
	if len(refused) != 2 {
		t.Fatalf("refused %+v", refused)
	}
	for _, r := range refused {
		if r.Flow.Cookie != 0x1003 && r.Flow.Cookie != 0x1011 {
			t.Errorf("refused %+v", r)
		}
	}
}

// What the switch says about Geneve options decides, but never ends, the
// connection.
func TestGeneveRefused(t *testing.T) {
	for _, tc := range []struct {
		name  string
		err   *openflow.ErrorMsg
		times int // the error is sent instead of executing
		on    bool
	}{
		{"refused", &openflow.ErrorMsg{ErrType: 0xffff, Vendor: 0x2320, Code: 19}, 100, false},
		{"raced once", openflow.ErrTLVAlreadyMapped, 1, true},
		{"raced for ever", openflow.ErrTLVDupEntry, 100, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startSwitch(t)
			s.ofctl("add-tlv-map", "{class=0x102,type=0x81,len=4}->tun_metadata0")
			p := &proxy{t: t, s: s}
			left := tc.times
			p.set(func(h openflow.Header, m openflow.Message, frame []byte) ([]byte, bool) {
				if _, ok := m.(*openflow.TLVTableMod); ok && left > 0 {
					left--
					p.mu.Lock()
					reply := p.reply
					p.mu.Unlock()
					reply(frameOf(t, h.XID, tc.err))
					return nil, false
				}
				return frame, false
			}, nil)
			a := startAgent(t, Config{Target: s.target(), Dial: p.dial})
			f := a.connected()
			if f.Geneve != tc.on || tc.on && f.GeneveIndex != 1 {
				t.Errorf("features %+v\n%s", f, a.logs)
			}
		})
	}
}
