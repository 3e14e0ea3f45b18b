package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/workload"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// kind is one kind of small change. The n-th call of make makes the change for even
// n and takes it back for odd n, and returns how long that took.
type kind struct {
	name string
	make func(c *client, db workload.Database) (func(n int) time.Duration, error)
	// once: only every second call counts, what takes back is another kind or not
	// asked for.
	once bool
}

const (
	addressOf10    = "an address in a set of 10"
	addressOf10000 = "an address in a set of 10,000"
)

// kinds are measured one after the other on an agent at rest.
var kinds = []kind{
	{name: "bind the first port of a switch", once: true, make: func(c *client, _ workload.Database) (func(int) time.Duration, error) {
		return func(n int) time.Duration {
			if n%2 == 0 {
				return c.bind(workload.LonelyPort(0), 9000)
			}
			return c.unbind(workload.LonelyPort(0))
		}, nil
	}},
	{name: "bind the next port", once: true, make: func(c *client, _ workload.Database) (func(int) time.Duration, error) {
		c.bind(workload.LonelyPort(0), 9000)
		c.settle()
		return func(n int) time.Duration {
			if n%2 == 0 {
				return c.bind(workload.LonelyPort(1), 9001)
			}
			return c.unbind(workload.LonelyPort(1))
		}, nil
	}},
	// The first port of the switch is still bound.
	{name: "unbind a port", once: true, make: func(c *client, _ workload.Database) (func(int) time.Duration, error) {
		c.bind(workload.LonelyPort(1), 9001)
		c.settle()
		return func(n int) time.Duration {
			if n%2 == 0 {
				return c.unbind(workload.LonelyPort(1))
			}
			return c.bind(workload.LonelyPort(1), 9001)
		}, nil
	}},
	{name: addressOf10, make: address(workload.SmallSet)},
	{name: addressOf10000, make: address(workload.LargeSet)},
	{name: "an ACL", make: recorded(workload.ACL)},
	{name: "a backend of a load balancer", make: recorded(workload.Backend)},
	{name: "a router port", make: recorded(workload.RouterPort)},
	{name: "a remote chassis", make: func(c *client, _ workload.Database) (func(int) time.Duration, error) {
		c.t.Cleanup(c.watch())
		return func(n int) time.Duration { return c.chassis("bench", "172.31.255.1", n%2 == 0) }, nil
	}},
	{name: "a pod elsewhere moves", make: func(c *client, _ workload.Database) (func(int) time.Duration, error) {
		var chassis []ovsdb.UUID
		for row := range c.sb.Chassis.All() {
			if row.Name != workload.LocalChassis {
				chassis = append(chassis, row.UUID)
			}
		}
		slices.SortFunc(chassis, ovsdb.UUID.Compare)
		var pod *sbdb.PortBinding
		for p := range c.sb.PortBinding.All() {
			if p.Type == "" && slices.Contains(chassis, p.Chassis) && (pod == nil || p.LogicalPort < pod.LogicalPort) {
				pod = p
			}
		}
		if pod == nil || len(chassis) < 2 {
			return nil, fmt.Errorf("no pod elsewhere")
		}
		return c.alternate(func(tx *ovsdb.Txn, n int) { sbdb.UpdatePortBinding(tx, pod.UUID).SetChassis(chassis[n%2]) }), nil
	}},
	{name: "a MAC address is learned", make: func(c *client, _ workload.Database) (func(int) time.Duration, error) {
		port := c.port("rtoj-GR_" + workload.LocalChassis)
		var last ovsdb.UUID
		return c.alternate(func(tx *ovsdb.Txn, n int) {
			if n%2 == 1 {
				sbdb.DeleteMACBinding(tx, last)
				return
			}
			last = sbdb.InsertMACBinding(tx).SetLogicalPort(port.LogicalPort).SetDatapath(port.Datapath).
				SetIP(fmt.Sprintf("10.253.0.%d", n/2%250)).SetMAC("02:00:00:00:00:01").UUID()
		}), nil
	}},
	{name: "a logical flow of all switches", make: func(c *client, _ workload.Database) (func(int) time.Duration, error) {
		f := largest(c.sb)
		if f == nil {
			return nil, fmt.Errorf("no logical flow of a datapath group")
		}
		return c.alternate(func(tx *ovsdb.Txn, n int) {
			sbdb.UpdateLogicalFlow(tx, f.UUID).SetPriority(f.Priority + int64(1-n%2))
		}), nil
	}},
}

func (c *client) alternate(fill func(tx *ovsdb.Txn, n int)) func(int) time.Duration {
	return func(n int) time.Duration { return c.change(func(tx *ovsdb.Txn) { fill(tx, n) }) }
}

// address adds an address to a set and takes it out.
func address(set string) func(*client, workload.Database) (func(int) time.Duration, error) {
	return func(c *client, _ workload.Database) (func(int) time.Duration, error) {
		for s := range c.sb.AddressSet.All() {
			if s.Name != set {
				continue
			}
			id := s.UUID
			return c.alternate(func(tx *ovsdb.Txn, n int) {
				a := fmt.Sprintf("10.254.%d.1", n/2%250)
				if w := sbdb.UpdateAddressSet(tx, id); n%2 == 0 {
					w.MutateAddressesInsert(a)
				} else {
					w.MutateAddressesDelete(a)
				}
			}), nil
		}
		return nil, fmt.Errorf("no address set %s", set)
	}
}

// recorded makes what northd wrote for a change of the northbound database.
func recorded(name string) func(*client, workload.Database) (func(int) time.Duration, error) {
	return func(c *client, db workload.Database) (func(int) time.Duration, error) {
		change := db.Changes[name]
		if len(change) == 0 {
			return nil, fmt.Errorf("change %q is not recorded", name)
		}
		return c.alternate(func(tx *ovsdb.Txn, n int) {
			apply := change.Do
			if n%2 == 1 {
				apply = change.Undo
			}
			if err := apply(tx); err != nil {
				c.t.Fatalf("%s: %v", name, err)
			}
		}), nil
	}
}

// largest is a logical flow, without sets, of the largest datapath group; of equals
// the one with the lowest UUID.
func largest(db *sbdb.DB) *sbdb.LogicalFlow {
	var best *sbdb.LogicalFlow
	top := 0
	for f := range db.LogicalFlow.All() {
		g := db.LogicalDPGroup.Get(f.LogicalDPGroup)
		if g == nil || strings.ContainsAny(f.Match, "$@") {
			continue
		}
		if n := len(g.Datapaths); n > top || n == top && f.UUID.Compare(best.UUID) < 0 {
			best, top = f, n
		}
	}
	return best
}

// latency is what one kind of change took. made is the part in which the switch makes
// a port, the median; zero if it makes none.
type latency struct {
	p50, p99, cpu, made time.Duration
}

// warmUp is how many changes do not count, unless they take longer than warmTime;
// enough is when a kind has been measured for long enough, however few were made.
// pause is how long the agent is left alone before, to come to rest.
const (
	warmUp   = 4
	pause    = 2 * time.Second
	warmTime = time.Second
	enough   = time.Minute
)

// measure makes changes one by one on an agent at rest.
func (c *client) measure(k kind, db workload.Database, o options, agent *integration.Agent) latency {
	times := o.repeat
	step, err := k.make(c, db)
	if err != nil {
		c.t.Fatalf("%s: %v", k.name, err)
	}
	cpu := func() time.Duration {
		used, err := agent.CPU()
		if err != nil {
			c.t.Fatalf("%v", err)
		}
		return used
	}
	var took, made []time.Duration
	var used time.Duration
	// An even number: what was done is taken back in the end.
	calls := times + times%2 + warmUp
	if k.once {
		calls = 2*times + warmUp
	}
	if o.samples {
		fmt.Fprintf(os.Stderr, "%s, in ms:", k.name)
	}
	time.Sleep(pause)
	began := time.Now()
	for n := range calls {
		since := time.Since(began)
		if since > enough && len(took) > 0 && n%2 == 0 {
			break
		}
		before := cpu()
		c.made = 0
		d := step(n)
		if k.once {
			// What was told before all was done is done now.
			c.settle()
		}
		if (n >= warmUp || since > warmTime) && len(took) < times && (!k.once || n%2 == 0) {
			took = append(took, d)
			used += cpu() - before
			if c.made > 0 {
				made = append(made, c.made)
			}
		}
	}
	c.settle()
	if o.samples {
		for _, d := range took {
			fmt.Fprintf(os.Stderr, " %.1f", d.Seconds()*1000)
		}
		fmt.Fprintln(os.Stderr)
	}
	slices.Sort(took)
	rank := func(p float64) time.Duration { return took[min(len(took)-1, int(math.Ceil(p*float64(len(took))))-1)] }
	l := latency{p50: rank(0.5), p99: rank(0.99), cpu: used / time.Duration(len(took))}
	if len(made) > 0 {
		l.made = middle(made)
	}
	return l
}

// split is where the time of one kind of change goes, medians.
type split struct {
	server time.Duration // the southbound server, on the way to the agent and back
	agent  time.Duration
	swtch  time.Duration // from the first message to the switch to its last answer
	total  time.Duration
	mods   float64 // of flows and groups, in one change
}

// divide makes changes with a wire on the agent's connections. Kinds that do not
// begin and end at the southbound server are left out.
func (c *client) divide(k kind, db workload.Database, times int, w *integration.Wire) (split, bool) {
	if k.once || strings.Contains(k.name, "chassis") {
		return split{}, false
	}
	step, err := k.make(c, db)
	if err != nil {
		c.t.Fatalf("%s: %v", k.name, err)
	}
	var server, agent, swtch, total []time.Duration
	before := w.Counts()
	for n := range times {
		c.settle()
		w.Mark()
		began := time.Now()
		d := step(n)
		x := w.Times()
		report, toward := x.Report, x.Update.Sub(began)
		if x.Update.IsZero() || report.Before(x.Update) {
			continue
		}
		var busy time.Duration
		if !x.ToSwitch.IsZero() && x.ToSwitch.Before(report) {
			busy = x.FromSwitch.Sub(x.ToSwitch)
		}
		total = append(total, d)
		swtch = append(swtch, busy)
		agent = append(agent, report.Sub(x.Update)-busy)
		server = append(server, toward+d-report.Sub(began))
	}
	if len(total) == 0 {
		return split{}, false
	}
	after := w.Counts()
	mods := after.FlowMods + after.GroupMods - before.FlowMods - before.GroupMods
	return split{middle(server), middle(agent), middle(swtch), middle(total), float64(mods) / float64(times)}, true
}

func middle(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
