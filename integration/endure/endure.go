// Command endure changes a network at random while everything around the agents
// fails, something every few seconds, and looks now and then whether all is right.
//
//	    changes ──► NB ─ northd ─► SB: three servers, killed, stopped
//	                               ▲ ▲
//	                  proxy: cut, late, twice, silent
//	                               │ │
//	drift, kill ──► vswitchd ◄─ hv1   hv3 ─► vswitchd ◄── drift, kill
//	                 proxy ────┘  │   │  └──── proxy
//	                      never killed, killed and replaced
//
// hv2 is in the southbound database only. At a checkpoint nothing fails and nothing
// changes, and on each chassis
//
//   - what the agent wants is what the switch has (chassisctl diff);
//   - what the switch has is what a translation from scratch gives (chassisctl verify
//     on copies of the databases), and
//   - what the C agent makes, started from nothing on a copy of the databases;
//   - with everything taken away again that may come and go, there are as many flows as
//     in the beginning, the same rows of the chassis and of what they bind, and the agent
//     is idle.
//
// What the agent that is never killed has of goroutines and memory then must not grow.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

type options struct {
	duration, every time.Duration
	seed            uint64
	pace            time.Duration
	settle          time.Duration
	faults          *regexp.Regexp
	verbose         bool
}

func main() {
	var o options
	flag.DurationVar(&o.duration, "duration", time.Hour, "how long")
	flag.DurationVar(&o.every, "every", 3*time.Minute, "time between checkpoints, a third of the duration at most")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().Unix()), "of changes and faults; what comes between what is up to the machine")
	flag.DurationVar(&o.pace, "pace", 400*time.Millisecond, "time between changes")
	flag.DurationVar(&o.settle, "settle", 2*time.Minute, "how long a checkpoint waits for everything to come to rest")
	only := flag.String("faults", "", "only faults whose name matches this regular expression")
	flag.BoolVar(&o.verbose, "v", false, "print each change and fault")
	flag.Parse()
	o.faults = regexp.MustCompile(*only)
	o.every = min(o.every, o.duration/3)
	err := integration.Run("endure", os.Stdout, func(t integration.T) {
		w := newWorld(t, o, 3)
		w.live(o.duration, o.every)
		w.report()
	})
	integration.Sweep()
	if err != nil {
		fmt.Fprintf(os.Stderr, "endure: seed %d: %v\n", o.seed, err)
		os.Exit(1)
	}
}
