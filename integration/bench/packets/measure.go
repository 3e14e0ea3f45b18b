package main

import (
	"context"
	"encoding/binary"
	"encoding/csv"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ovn-chassis/ovn-chassis/controller/unixctl"
	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/workload"
	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// measure starts an agent, keeps it translating, and asks.
func measure(t integration.T, db workload.Database, kind integration.AgentKind, o options, run int) map[string]figures {
	c := integration.NewCluster(t, integration.Options{Dummy: true, Agent: kind, Southbound: db.Path, NoNorthd: true,
		Probe: 3 * time.Minute, NoVerify: true})
	ch := c.AddBareChassis(workload.LocalChassis)
	ch.VSCtl(`
add-br br-ex
set Bridge br-ex datapath_type=dummy
set Open_vSwitch . external_ids:ovn-bridge-mappings=physnet:br-ex`)
	ports := db.Params.LocalPorts()
	for i, lport := range ports {
		ch.AddDummy(lport, i+1)
	}
	at := findPlace(t, c)
	tap := ch.TapPunts()
	agent := ch.StartAgent()
	args := []string{"--timeout=300"}
	for _, lport := range ports {
		args = append(args, "--", "wait-until", "Port_Binding", lport, "up=true")
	}
	if _, err := c.Output("ovn-sbctl", args...); err != nil {
		t.Fatalf("local ports do not come up: %v\n%s", err, agent.Tail(20))
	}
	if err := c.WaitSettled(ch, 5*time.Minute); err != nil {
		t.Fatalf("does not settle: %v\n%s", err, agent.Tail(20))
	}
	integration.WaitFor(t, 20*time.Second, "packet-in channel", tap.Ready)
	if !o.quiet {
		defer keepTranslating(t, agent)()
	}
	hurry(t, true)
	defer hurry(t, false)
	out := map[string]figures{}
	id := uint32(run) << 16 // addresses that no run before has used
	for _, e := range exchanges {
		if !strings.Contains(e.name, o.only) {
			continue
		}
		s := newSession(t, tap, e, at, id)
		cpu := usage(t, agent)
		before := translations(agent)
		began := time.Now()
		f := figures{}
		f.perSecond, f.full99 = s.throughput(o.window, o.duration)
		f.p50, f.p99, f.lost = s.latency(o.rate, o.duration)
		f.translations = float64(translations(agent)-before) / time.Since(began).Seconds()
		f.agentCPU = usage(t, agent) - cpu
		out[e.name] = f
		s.stop()
		id = s.next
	}
	return out
}

func usage(t integration.T, agent *integration.Agent) time.Duration {
	u, err := agent.Usage()
	if err != nil {
		t.Fatalf("%v", err)
	}
	return u.CPU
}

// findPlace picks the gateway router's port and gives its datapath a name.
func findPlace(t integration.T, c *integration.Cluster) place {
	out, err := c.Output("ovn-sbctl", "--format=csv", "--no-headings", "--columns=logical_port,tunnel_key,datapath", "find", "Port_Binding", "type=patch")
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatalf("%v", err)
	}
	slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	for _, r := range rows {
		if !strings.HasPrefix(r[0], "rto") {
			continue
		}
		key, err := c.Output("ovn-sbctl", "get", "Datapath_Binding", r[2], "tunnel_key")
		if err != nil {
			t.Fatalf("%v", err)
		}
		dp, _ := strconv.ParseUint(strings.TrimSpace(key), 10, 32)
		port, _ := strconv.ParseUint(r[1], 10, 32)
		if out, err := c.Output("ovn-sbctl", "create", "DNS", "datapaths="+r[2], "records:"+dnsName+"=10.0.0.9"); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		return place{uint32(dp), uint32(port)}
	}
	t.Fatalf("no router port in the database")
	return place{}
}

// keepTranslating asks for a translation from scratch whenever one has ended.
func keepTranslating(t integration.T, agent *integration.Agent) (stop func()) {
	end := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-end:
				return
			case <-time.After(50 * time.Millisecond):
			}
			// A program started for it would take the processor from the agent, at
			// this process' priority.
			if _, err := unixctl.Call(context.Background(), agent.ControlSocket(), "inc-engine/recompute"); err != nil {
				t.Errorf("recompute: %v", err)
				return
			}
		}
	})
	return func() { close(end); wg.Wait() }
}

// translations is how many the agent has done.
func translations(agent *integration.Agent) int {
	out, err := agent.Ctl("stopwatch/show", "flow-generation")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(out) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "Total samples: "); ok {
			n, _ := strconv.Atoi(v)
			return n
		}
	}
	return 0
}

// session is a run of one kind of exchange. Questions that answers lead to leave
// together when all answers that have come were looked at.
type session struct {
	exchange
	t    integration.T
	at   place
	send func([]byte) error
	stop func()

	mu    sync.Mutex // guards what follows
	next  uint32     // id
	left  int        // exchanges that may begin, negative for any number
	begun map[uint32]time.Time
	took  []time.Duration
	ended int
	again bool // one that ends is followed by another
	out   []byte
	forms [][]byte // of each step, the message with the packet at its end
	// broken: the agent has closed the connection.
	broken sync.Once
}

func newSession(t integration.T, tap *integration.PuntTap, e exchange, at place, id uint32) *session {
	s := &session{exchange: e, t: t, at: at, next: id, left: -1, begun: map[uint32]time.Time{}}
	if e.limit > 0 {
		s.left = e.limit
	}
	if e.number != nil {
		for step := range e.steps {
			s.forms = append(s.forms, s.encode(nil, id, step))
		}
	}
	s.send, s.stop = tap.Stream(s.answer, s.drained)
	return s
}

func (s *session) encode(b []byte, id uint32, step int) []byte {
	b, err := openflow.AppendMessage(b, openflow.Version15, 0, s.step(s.at, id, step))
	if err != nil {
		panic(err)
	}
	return b
}

// ask appends a question to what is sent next, with mu held.
func (s *session) ask(id uint32, step int) {
	if s.number == nil {
		s.out = s.encode(s.out, id, step)
		return
	}
	at := len(s.out)
	s.out = append(s.out, s.forms[step]...)
	s.number(packetOf(s.out[at:]), id)
}

// packetOf is the packet of an NXT_PACKET_IN2 message, whose first property it is.
func packetOf(m []byte) []byte {
	const header, property = 16, 4
	return m[header+property : header+binary.BigEndian.Uint16(m[header+2:])]
}

// answer takes a message of the agent.
func (s *session) answer(m []byte) {
	id, step, ok := s.answered(m)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	began, ok := s.begun[id]
	if !ok {
		return
	}
	if step+1 < s.steps {
		s.ask(id, step+1)
		return
	}
	delete(s.begun, id)
	s.ended++
	now := time.Now()
	s.took = append(s.took, now.Sub(began))
	if s.again {
		s.start(now)
	}
}

// start begins an exchange, with mu held.
func (s *session) start(now time.Time) {
	if s.left == 0 {
		return
	}
	s.left--
	s.begun[s.next] = now
	s.ask(s.next, 0)
	s.next++
}

// drained sends what there is to send.
func (s *session) drained() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush()
}

func (s *session) flush() {
	if len(s.out) == 0 {
		return
	}
	if err := s.send(s.out); err != nil {
		s.broken.Do(func() { s.t.Errorf("asking: %v", err) })
	}
	s.out = s.out[:0]
}

// begin starts n exchanges in one write.
func (s *session) begin(n int) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.start(now)
	}
	s.flush()
}

// throughput is exchanges a second with window of them under way, and how long 99 %
// of them took at most. When none has ended for two seconds, those under way are
// given up, and count as taking that long.
func (s *session) throughput(window int, d time.Duration) (perSecond float64, p99 time.Duration) {
	const patience = 2 * time.Second
	s.mu.Lock()
	s.again, s.ended = true, 0
	s.took = slices.Grow(s.took[:0], 1<<20)
	s.mu.Unlock()
	s.begin(window)
	began := time.Now()
	n, since := 0, began
	for time.Since(began) < d {
		time.Sleep(10 * time.Millisecond)
		s.mu.Lock()
		ended, all := s.ended, s.left == 0 && len(s.begun) == 0
		stuck := ended == n && time.Since(since) > patience
		if stuck {
			for range s.begun {
				s.took = append(s.took, patience)
			}
			clear(s.begun)
		}
		s.mu.Unlock()
		if all {
			break
		}
		if stuck {
			s.begin(window)
		}
		if ended != n || stuck {
			n, since = ended, time.Now()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.again = false
	_, p99 = percentiles(s.took)
	return float64(s.ended) / time.Since(began).Seconds(), p99
}

// percentiles sorts; of nothing they are 0.
func percentiles(took []time.Duration) (p50, p99 time.Duration) {
	if len(took) == 0 {
		return 0, 0
	}
	slices.Sort(took)
	return took[len(took)/2], took[(len(took)-1)*99/100]
}

// latency asks at a steady rate. Exchanges without an end within five seconds
// count as lost, and as taking that long.
func (s *session) latency(rate int, d time.Duration) (p50, p99 time.Duration, lost int) {
	time.Sleep(200 * time.Millisecond) // the last answers of before
	s.mu.Lock()
	clear(s.begun)
	s.took = s.took[:0]
	if s.limit > 0 {
		s.left = s.limit
	}
	s.mu.Unlock()
	n := 0
	began := time.Now()
	for time.Since(began) < d {
		due := int(time.Since(began).Seconds() * float64(rate))
		if due > n {
			s.begin(due - n)
			n = due
		}
		time.Sleep(time.Millisecond)
	}
	const patience = 5 * time.Second
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		open := len(s.begun)
		s.mu.Unlock()
		if open == 0 {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	lost = len(s.begun)
	for range lost {
		s.took = append(s.took, patience)
	}
	p50, p99 = percentiles(s.took)
	return p50, p99, lost
}

// hurry has this process run before all others, so that what asks and takes the time
// does not wait for what is measured, until it is called with false: a process that
// is started meanwhile would run before them, too.
func hurry(t integration.T, on bool) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatalf("%v", err)
	}
	attr := unix.SchedAttr{Policy: unix.SCHED_NORMAL}
	if on {
		attr = unix.SchedAttr{Policy: unix.SCHED_FIFO, Priority: 1}
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			continue
		}
		if err := unix.SchedSetAttr(tid, &attr, 0); err != nil && err != unix.ESRCH {
			t.Fatalf("priority: %v", err)
		}
	}
}
