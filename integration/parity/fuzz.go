package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/compare"
	"github.com/ovn-chassis/ovn-chassis/integration/topology"
)

// stepsPerWorld is after how many changes a world starts anew.
const stepsPerWorld = 20

// fuzzer applies fragments at random, in worlds that begin with base/gateway.
type fuzzer struct {
	topo      *topology.Topology
	fragments []topology.Fragment
	kind      integration.AgentKind
	tamper    func(*integration.Chassis) // spoils the switch after each step; nil but in tests
}

// fuzz composes fragments until the time is over, in jobs worlds at a time, and
// compares after each change. World n of a run has the seed seed+n.
func fuzz(seed uint64, budget time.Duration, jobs, limit int, kind integration.AgentKind) error {
	f, err := newFuzzer(kind)
	if err != nil {
		return err
	}
	var (
		mu       sync.Mutex // guards what follows
		worlds   uint64
		compared int
		failure  error
		wg       sync.WaitGroup
		deadline = time.Now().Add(budget)
	)
	for range jobs {
		wg.Go(func() {
			for {
				mu.Lock()
				if failure != nil || !time.Now().Before(deadline) {
					mu.Unlock()
					return
				}
				world := seed + worlds
				worlds++
				mu.Unlock()
				steps, err := f.world(world, deadline, limit)
				mu.Lock()
				compared += steps
				fmt.Printf("seed %-10d %3d changes compared, %d in all\n", world, steps, compared)
				if err != nil && failure == nil {
					failure = err
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	fmt.Printf("%d worlds, %d changes compared\n", worlds, compared)
	return failure
}

func newFuzzer(kind integration.AgentKind) (*fuzzer, error) {
	f := &fuzzer{topo: &topology.Topology{Name: "fuzz", Local: "hv1"}, fragments: topology.Fragments(), kind: kind}
	return f, f.topo.Parse("[base gateway]")
}

// world lives through one world and returns how many changes were compared. A
// difference is an error that names the seed and holds the shortest script found
// to show it.
func (f *fuzzer) world(seed uint64, deadline time.Time, limit int) (steps int, err error) {
	rng := rand.New(rand.NewPCG(seed, 0))
	var history [][]topology.Toggle
	var report string
	err = integration.Run(fmt.Sprint("fuzz-", seed), nil, func(t integration.T) {
		c, ch := f.topo.Build(t, f.kind)
		state := make([]bool, len(f.fragments))
		for range stepsPerWorld {
			if !time.Now().Before(deadline) {
				return
			}
			step := topology.Toss(rng, state, 4)
			history = append(history, step)
			r := f.step(t, c, ch, step)
			steps++
			if !r.Equal() {
				report = r.Report(limit)
				return
			}
		}
	})
	switch {
	case report != "":
		return steps, fmt.Errorf("seed %d: step %d differs:\n%sreduced to:\n%s", seed, steps, report, f.script(f.reduce(history)))
	case err != nil:
		return steps, fmt.Errorf("seed %d: step %d: %w\n%s", seed, len(history), err, f.script(history))
	}
	return steps, nil
}

// step applies toggles and compares. What agents learn from each other's
// announcements may come between two looks, hence the second.
func (f *fuzzer) step(t integration.T, c *integration.Cluster, ch *integration.Chassis, step []topology.Toggle) *compare.Result {
	f.change(step).Apply(t, c, ch)
	if f.tamper != nil {
		f.tamper(ch)
	}
	var r *compare.Result
	for range 2 {
		c.WaitHV()
		c.WaitHV()
		theirs := compare.Fresh(t, c, ch, integration.Reference)
		if r = compare.Compare(theirs, compare.Observe(t, c, ch)); r.Equal() {
			break
		}
	}
	return r
}

// change is what a step does.
func (f *fuzzer) change(step []topology.Toggle) topology.Change {
	return topology.ChangeOf(f.fragments, step)
}

// reduceTries bounds the search for a shorter script; each builds a world.
const reduceTries = 15

// reduce leaves out steps, the last excepted, as long as the difference remains.
func (f *fuzzer) reduce(history [][]topology.Toggle) [][]topology.Toggle {
	tries := 0
	for size := len(history) - 1; size >= 1; size /= 2 {
		for at := 0; at+size < len(history) && tries < reduceTries; {
			tries++
			shorter := append(append([][]topology.Toggle(nil), history[:at]...), history[at+size:]...)
			if f.differs(shorter) {
				history = shorter
			} else {
				at += size
			}
		}
	}
	return history
}

// differs tells whether a new world differs after the steps; what a step would
// take away that is not there, or add twice, is left out.
func (f *fuzzer) differs(history [][]topology.Toggle) (differs bool) {
	_ = integration.Run("fuzz-reduce", nil, func(t integration.T) {
		c, ch := f.topo.Build(t, f.kind)
		state := make([]bool, len(f.fragments))
		for i, step := range history {
			var possible []topology.Toggle
			for _, s := range step {
				if state[s.Fragment] != s.On {
					state[s.Fragment] = s.On
					possible = append(possible, s)
				}
			}
			if i == len(history)-1 {
				differs = !f.step(t, c, ch, possible).Equal()
				return
			}
			f.change(possible).Apply(t, c, ch)
			c.WaitHV()
		}
	})
	return differs
}

// script is history as the changes of a topology.
func (f *fuzzer) script(history [][]topology.Toggle) string {
	var b strings.Builder
	fmt.Fprintln(&b, "[base gateway]")
	for i, step := range history {
		fmt.Fprintf(&b, "[change step%d]\n", i+1)
		fmt.Fprintln(&b, strings.Join(f.change(step).Lines, "\n"))
	}
	return b.String()
}
