package main

import (
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

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
	out := map[string]figures{}
	id := uint32(run) << 16 // addresses that no run before has used
	for _, e := range exchanges {
		s := newSession(t, tap, e, at, id)
		cpu := usage(t, agent)
		before := translations(agent)
		began := time.Now()
		f := figures{}
		f.perSecond = s.throughput(o.window, o.duration)
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
			if out, err := agent.Ctl("inc-engine/recompute"); err != nil {
				t.Errorf("recompute: %v %s", err, out)
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

// session is a run of one kind of exchange.
type session struct {
	exchange
	t    integration.T
	at   place
	send func([]byte) error
	stop func()
	next uint32 // id
	left int

	mu    sync.Mutex // guards what follows
	begun map[uint32]time.Time
	took  []time.Duration
	// done is told of each exchange that has ended.
	done chan struct{}
	// broken: the agent has closed the connection.
	broken sync.Once
}

func newSession(t integration.T, tap *integration.PuntTap, e exchange, at place, id uint32) *session {
	s := &session{exchange: e, t: t, at: at, next: id, left: -1, begun: map[uint32]time.Time{}, done: make(chan struct{}, 1<<16)}
	if e.limit > 0 {
		s.left = e.limit
	}
	s.send, s.stop = tap.Stream(s.answer)
	return s
}

// answer takes a message of the agent.
func (s *session) answer(m []byte) {
	id, step, ok := s.answered(m)
	if !ok {
		return
	}
	if step+1 < s.steps {
		s.ask(id, step+1)
		return
	}
	s.mu.Lock()
	began, ok := s.begun[id]
	if ok {
		delete(s.begun, id)
		s.took = append(s.took, time.Since(began))
	}
	s.mu.Unlock()
	if ok {
		s.done <- struct{}{}
	}
}

func (s *session) ask(id uint32, step int) {
	b, err := openflow.AppendMessage(nil, openflow.Version15, 0, s.step(s.at, id, step))
	if err == nil {
		err = s.send(b)
	}
	if err != nil {
		s.broke(err)
	}
}

func (s *session) broke(err error) {
	s.broken.Do(func() { s.t.Errorf("asking: %v", err) })
}

// begin starts n exchanges in one write.
func (s *session) begin(n int) {
	var b []byte
	now := time.Now()
	s.mu.Lock()
	for range n {
		if s.left == 0 {
			break
		}
		s.left--
		id := s.next
		s.next++
		s.begun[id] = now
		b, _ = openflow.AppendMessage(b, openflow.Version15, 0, s.step(s.at, id, 0))
	}
	s.mu.Unlock()
	if err := s.send(b); err != nil {
		s.broke(err)
	}
}

// throughput is exchanges a second with window of them under way. One that takes
// more than two seconds is given up.
func (s *session) throughput(window int, d time.Duration) float64 {
	s.begin(window)
	began := time.Now()
	end := time.After(d)
	n := 0
	for {
		select {
		case <-s.done:
			k := 1
			for len(s.done) > 0 && k < window {
				<-s.done
				k++
			}
			n += k
			s.begin(k)
			if s.left == 0 && n >= s.limit {
				return float64(n) / time.Since(began).Seconds()
			}
		case <-time.After(2 * time.Second):
			s.mu.Lock()
			clear(s.begun)
			s.mu.Unlock()
			s.begin(window)
		case <-end:
			return float64(n) / time.Since(began).Seconds()
		}
	}
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
		for len(s.done) > 0 {
			<-s.done
		}
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
	if len(s.took) == 0 {
		return 0, 0, lost
	}
	slices.Sort(s.took)
	return s.took[len(s.took)/2], s.took[(len(s.took)-1)*99/100], lost
}
