package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/workload"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// sample is one agent's life: started on nothing, small changes, killed, started
// again.
type sample struct {
	wall  time.Duration
	cpu   time.Duration
	rss   int64 // peak, bytes
	flows int   // installed at the end
	// idle is the processor time used in a second of rest.
	idle time.Duration
	// changes are by the name of their kind.
	changes map[string]latency

	restart time.Duration // until the agent acknowledges again
	sent    integration.WireCounts
	splits  map[string]split
}

type options struct {
	repeat  int            // of each small change
	only    *regexp.Regexp // which of them
	samples bool           // to standard error, one by one
	timeout time.Duration
}

// kinds are those asked for.
func (o options) kinds() []kind {
	return slices.DeleteFunc(slices.Clone(kinds), func(k kind) bool { return !o.only.MatchString(k.name) })
}

// An agent is left alone for calm, in which it may tidy up, and then for rest to see
// what it does when nothing happens.
const (
	calm = 10 * time.Second
	rest = 10 * time.Second
)

// take starts an agent on a copy of the database, waits until it says that all is
// installed and every local port is up, and goes on from there.
func take(t integration.T, db workload.Database, kind integration.AgentKind, o options) sample {
	c, ch := stage(t, db, kind)
	s := sample{changes: map[string]latency{}, splits: map[string]split{}}
	prepare(t, kind)
	began := time.Now()
	agent := ch.StartAgent()
	up(t, c, ch, db, o.timeout)
	s.wall = time.Since(began)
	usage, err := agent.Usage()
	if err != nil {
		t.Fatalf("%v", err)
	}
	s.cpu, s.rss = usage.CPU, usage.PeakRSS
	s.flows = len(ch.DumpFlows())
	if flows := len(ch.DumpFlows()); flows != s.flows {
		t.Errorf("not settled: %d flows, then %d", s.flows, flows)
	}
	if o.repeat > 0 {
		s.small(t, c, ch, db, o)
	}
	s.again(t, c, ch, db, o)
	return s
}

// prepare builds the agent, so that no clock runs meanwhile.
func prepare(t integration.T, kind integration.AgentKind) {
	if kind == integration.Ours && os.Getenv("OVN_AGENT") == "" {
		integration.Build(t, "ovn-controller")
	}
}

// stage is a cluster with a chassis whose agent has not been started.
func stage(t integration.T, db workload.Database, kind integration.AgentKind) (*integration.Cluster, *integration.Chassis) {
	return stageOn(t, db, kind, false)
}

// stageOn is stage with a southbound server that may be a cluster.
func stageOn(t integration.T, db workload.Database, kind integration.AgentKind, raft bool) (*integration.Cluster, *integration.Chassis) {
	c := integration.NewCluster(t, integration.Options{Dummy: true, Agent: kind, Southbound: db.Path, NoNorthd: true,
		Probe: 3 * time.Minute, NoVerify: true, Raft: raft})
	ch := c.AddBareChassis(workload.LocalChassis)
	ch.VSCtl(`
add-br br-ex
set Bridge br-ex datapath_type=dummy
set Open_vSwitch . external_ids:ovn-bridge-mappings=physnet:br-ex`)
	for i, lport := range db.Params.LocalPorts() {
		ch.AddDummy(lport, i+1)
	}
	return c, ch
}

// up waits until every local port is up and all is installed.
func up(t integration.T, c *integration.Cluster, ch *integration.Chassis, db workload.Database, timeout time.Duration) {
	args := []string{fmt.Sprintf("--timeout=%d", int(timeout.Seconds()))}
	for _, lport := range db.Params.LocalPorts() {
		args = append(args, "--", "wait-until", "Port_Binding", lport, "up=true")
	}
	if _, err := c.Output("ovn-sbctl", args...); err != nil {
		t.Fatalf("local ports do not come up: %v\n%s", err, ch.Agent.Tail(20))
	}
	// What was asked after that is answered when nothing is left to do.
	if err := c.WaitSettled(ch, timeout); err != nil {
		t.Fatalf("does not settle: %v\n%s", err, ch.Agent.Tail(20))
	}
}

// small measures small changes and rest.
func (s *sample) small(t integration.T, c *integration.Cluster, ch *integration.Chassis, db workload.Database, o options) {
	client := newClient(t, c, ch)
	client.change(func(tx *ovsdb.Txn) {
		if err := db.Changes[workload.Fixture].Do(tx); err != nil {
			t.Fatalf("%v", err)
		}
	})
	for _, k := range o.kinds() {
		s.changes[k.name] = client.measure(k, db, o, ch.Agent)
	}
	time.Sleep(calm)
	before, err := ch.Agent.CPU()
	if err != nil {
		t.Fatalf("%v", err)
	}
	time.Sleep(rest)
	after, err := ch.Agent.CPU()
	if err != nil {
		t.Fatalf("%v", err)
	}
	s.idle = (after - before) / time.Duration(rest/time.Second)
}

// again kills the agent and starts it anew, with a wire on its connections.
func (s *sample) again(t integration.T, c *integration.Cluster, ch *integration.Chassis, db workload.Database, o options) {
	ch.Agent.Kill()
	wire := ch.TapWire()
	began := time.Now()
	ch.StartAgent()
	if err := c.WaitSettled(ch, o.timeout); err != nil {
		t.Fatalf("does not settle after a restart: %v\n%s", err, ch.Agent.Tail(20))
	}
	s.restart = time.Since(began)
	s.sent = wire.Counts()
	if o.repeat == 0 {
		return
	}
	client := newClient(t, c, ch)
	for _, k := range o.kinds() {
		if x, ok := client.divide(k, db, min(o.repeat, 12), wire); ok {
			s.splits[k.name] = x
		}
	}
}
