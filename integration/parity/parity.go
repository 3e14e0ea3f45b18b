// Command parity runs the reference ovn-controller and the agent of this
// repository on the same southbound contents and identical local switches, and
// compares every flow, group and meter.
//
//	topology ─► NB ─ northd ─► SB ◄─ reference agent      (made once: bindings,
//	                            │                          features, all settled)
//	                            ▼ copy, local bindings undone, no northd
//	               ┌────────────┴────────────┐
//	        reference agent             our agent          (one after the other,
//	               │                         │              fresh switch each)
//	            dump-flows, -groups, -meters of br-int
//	               └──► normalise ─► compare ◄──┘
//
// Normalised is only what each agent is free to choose: ids of conjunctions,
// groups and meters by what they stand for, tunnel and patch ports by their peer
// and name, conntrack zones that were not requested by what they are for.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"sync"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/compare"
)

func main() {
	only := flag.String("run", "", "only topologies whose name matches this regular expression")
	dir := flag.String("topologies", "", "directory of topologies (default: the repository's)")
	self := flag.Bool("reference", false, "compare the reference agent with itself")
	limit := flag.Int("n", 10, "differences shown per topology")
	jobs := flag.Int("j", 2, "topologies at a time")
	raw := flag.String("dump", "", "directory to write both sides' normalised dumps to")
	flag.Parse()
	code := 0
	if err := run(*dir, *only, *self, *limit, *jobs, *raw); err != nil {
		fmt.Fprintln(os.Stderr, "parity:", err)
		code = 1
	}
	integration.Sweep()
	os.Exit(code)
}

func run(dir, only string, self bool, limit, jobs int, raw string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	topologies, err := loadTopologies(dir, pattern)
	if err != nil {
		return err
	}
	kind := integration.Ours
	if self {
		kind = integration.Reference
	}
	var (
		wg     sync.WaitGroup
		slots  = make(chan struct{}, jobs)
		mu     sync.Mutex // guards failed and the output
		failed int
	)
	fmt.Printf("%-28s %8s %10s %12s %8s\n", "topology", "same", "only ours", "only theirs", "differ")
	for _, topo := range topologies {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			var result *compare.Result
			err := integration.Run(topo.Name, nil, func(t integration.T) {
				theirs, ours := observeBoth(t, topo, kind)
				result = compare.Compare(theirs, ours)
				if raw != "" {
					if err := result.Write(raw, topo.Name); err != nil {
						t.Fatalf("%v", err)
					}
				}
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed++
				fmt.Printf("%-28s failed: %v\n", topo.Name, err)
				return
			}
			fmt.Printf("%-28s %8d %10d %12d %8d\n", topo.Name, result.Same,
				len(result.OnlyOurs), len(result.OnlyTheirs), len(result.Differ))
			if !result.Equal() {
				failed++
				fmt.Print(result.Report(limit))
			}
		})
	}
	wg.Wait()
	if failed > 0 {
		return fmt.Errorf("%d of %d topologies differ", failed, len(topologies))
	}
	return nil
}
