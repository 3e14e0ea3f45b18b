package main

import (
	_ "embed"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/compare"
	"github.com/ovn-chassis/ovn-chassis/integration/topology"
)

// network is what is always there, besides hv3's ports.
const network = `
[base gateway]
[northbound]
lsp-add sw0 q1
lsp-set-addresses q1 "00:00:00:00:05:01 10.0.0.51 fd00::51"
lsp-add sw1 q2
lsp-set-addresses q2 "00:00:00:00:05:02 10.0.1.52 fd00:1::52"
lsp-add sw1 q3
lsp-set-addresses q3 "00:00:00:00:05:03 10.0.1.53 fd00:1::53"
[ports]
q3 53
`

// fragments come and go here besides those of package topology.
//
//go:embed fragments.txt
var fragments string

// place is a chassis, of which the agent of the last may be killed, and what stands between its agent and the rest.
type place struct {
	*integration.Chassis
	toSwitch   *integration.SwitchProxy
	southbound *integration.DatabaseProxy
	local      *integration.DatabaseProxy
	// With nothing there that may come and go: flows, and rows of the local database.
	flows, rows []string
}

// world is a network and what happens to it.
type world struct {
	integration.T
	o         options
	c         *integration.Cluster
	places    []*place
	fragments []topology.Fragment
	state     []bool   // of fragments
	rows      []string // of the southbound database, in the beginning
	faults    []fault

	// life is held for reading by whoever changes or troubles something, and for
	// writing by a checkpoint.
	life sync.RWMutex
	// servers is held for reading by changes whose clients need the databases of
	// southbound and chassis, and for writing while those servers are away.
	servers sync.RWMutex

	mu       sync.Mutex // guards what follows
	counts   counts
	events   []string        // the last
	troubled map[string]bool // what is troubled now
}

// counts are what happened.
type counts struct {
	began         time.Time
	transactions  int
	changes       int // fragments that came or went
	faults        map[string]int
	checkpoints   []checkpoint
	wrong         []string
	slowestSettle time.Duration
	busiest       float64 // share of a core that an agent took for spinFor
}

// newWorld starts servers southbound servers and the chassis.
func newWorld(t integration.T, o options, servers int) *world {
	w := &world{T: t, o: o, troubled: map[string]bool{}, fragments: append(topology.Fragments(), topology.ParseFragments(fragments)...)}
	for _, f := range faults {
		if o.faults == nil || o.faults.MatchString(f.name) {
			w.faults = append(w.faults, f)
		}
	}
	w.state = make([]bool, len(w.fragments))
	w.counts.faults = map[string]int{}
	topo := &topology.Topology{Name: "endure", Local: "hv1"}
	if err := topo.Parse(network); err != nil {
		t.Fatalf("%v", err)
	}
	opt := topo.Options(t)
	opt.Members, opt.NoVerify = servers, true
	w.c = integration.NewCluster(t, opt)
	hv3 := "hv3"
	for _, ch := range []*integration.Chassis{topo.AddChassis(w.c), w.c.AddBareChassis(hv3)} {
		ch.VSCtl("set", "Open_vSwitch", ".", "external_ids:ovn-remote-probe-interval=2000")
		p := &place{Chassis: ch, toSwitch: ch.ProxySwitch(), southbound: ch.ProxySouthbound(), local: ch.ProxyLocal()}
		if ch.Name == hv3 {
			ch.VSCtl(topo.Chassis)
			ch.AddDummy("q1", 51)
			ch.AddDummy("q2", 52)
		}
		p.start()
		w.places = append(w.places, p)
	}
	w.c.SB("wait-until", "Chassis", hv3)
	topo.Populate(w.c)
	for _, p := range w.places {
		p.flows, p.rows = p.plainFlows(), compare.LocalRows(w, p.Chassis)
	}
	w.rows = w.southboundRows()
	w.counts.began = time.Now()
	return w
}

// metrics is where an agent offers its figures.
const metrics = "127.0.0.1:9476"

func (p *place) start() { p.StartAgent("--metrics=" + metrics) }

// upgrade starts another build of the same source.
func (p *place) upgrade(t integration.T) {
	p.StartAgentAt(integration.BuildOther(t, "ovn-controller"), "--metrics="+metrics)
}

// note keeps account of an event.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := fmt.Sprintf("%8.1f s: ", time.Since(w.counts.began).Seconds()) + fmt.Sprintf(format, args...)
	if w.events = append(w.events, line); len(w.events) > 60 {
		w.events = slices.Delete(w.events, 0, len(w.events)-60)
	}
	if w.o.verbose {
		fmt.Println(line)
	}
}

// live changes and troubles the world, with a checkpoint now and then and at the end.
func (w *world) live(duration, every time.Duration) {
	defer func() {
		if w.Failed() {
			fmt.Fprintln(os.Stderr, "what happened last:\n"+strings.Join(w.events, "\n"))
			w.report()
		}
	}()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	w.spawn(&wg, stop, 0, w.o.pace, w.change)
	for n := range troublers {
		w.spawn(&wg, stop, 1+uint64(n), troublePause, w.trouble)
	}
	wg.Go(func() { w.watch(stop) })
	end := time.Now().Add(duration)
	for time.Now().Before(end) && !w.Failed() {
		for next := time.Now().Add(every); time.Now().Before(next) && !w.Failed(); {
			time.Sleep(min(time.Second, time.Until(next)))
		}
		w.checkpoint()
	}
}

// spawn has something done again and again, with pauses around the given one, until
// stop closes.
func (w *world) spawn(wg *sync.WaitGroup, stop chan struct{}, stream uint64, pause time.Duration, do func(*rand.Rand)) {
	rng := rand.New(rand.NewPCG(w.o.seed, stream))
	wg.Go(func() {
		for !w.Failed() {
			select {
			case <-stop:
				return
			case <-time.After(pause/2 + rand.N(pause)):
			}
			w.once(rng, do)
		}
	})
}

// once does something unless a checkpoint is under way.
func (w *world) once(rng *rand.Rand, do func(*rand.Rand)) {
	w.life.RLock()
	defer w.life.RUnlock()
	if !w.Failed() {
		do(rng)
	}
}

// change toggles a few fragments. Only what northd does with it is waited for, and
// only if it is needed.
func (w *world) change(rng *rand.Rand) { w.apply(topology.Toss(rng, w.state, 2)) }

// rest takes away what may come and go.
func (w *world) rest() {
	var step []topology.Toggle
	for i, on := range w.state {
		if on {
			step = append(step, topology.Toggle{Fragment: i})
			w.state[i] = false
		}
	}
	w.apply(step)
}

func (w *world) apply(step []topology.Toggle) {
	var names []string
	for _, s := range step {
		names = append(names, map[bool]string{true: "+", false: "-"}[s.On]+w.fragments[s.Fragment].Name)
	}
	w.note("change %s", strings.Join(names, " "))
	change := topology.ChangeOf(w.fragments, step)
	if change.Northbound() {
		w.c.NB(strings.Join(change.Lines, "\n"))
	} else {
		w.servers.RLock()
		defer w.servers.RUnlock()
		change.Apply(w, w.c, w.places[0].Chassis)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.transactions++
	w.counts.changes += len(step)
}

// report says what happened.
func (w *world) report() {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, name := range slices.Sorted(maps.Keys(w.counts.faults)) {
		n += w.counts.faults[name]
		w.Logf("%6d × %s", w.counts.faults[name], name)
	}
	w.Logf("seed %d, %v: %d changes in %d transactions, %d faults, %d checkpoints; agents took %v at most to settle",
		w.o.seed, time.Since(w.counts.began).Round(time.Second), w.counts.changes, w.counts.transactions, n,
		len(w.counts.checkpoints), w.counts.slowestSettle.Round(10*time.Millisecond))
	for _, text := range w.counts.wrong {
		w.Errorf("%s", text)
	}
	w.Logf("an agent took %.0f %% of a core at most, for %v", 100*w.counts.busiest, spinFor)
	if all := w.counts.checkpoints; len(all) > 0 {
		first, last := all[0], all[len(all)-1]
		w.Logf("the agent that is never killed, first and last: %d and %d goroutines, heap %.1f and %.1f MB, RSS %.1f and %.1f MB",
			first.goroutines, last.goroutines, mega(first.heap), mega(last.heap), mega(first.rss), mega(last.rss))
		if text := grown(all); text != "" {
			w.Errorf("it grew: %s", text)
		}
	}
}
