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
// Then our agent lives through the topology's changes, and after each is compared
// with the reference started from nothing on a copy of what the databases then
// are.
//
// Normalised is only what each agent is free to choose: ids of conjunctions,
// groups and meters by what they stand for, tunnel and patch ports by their peer
// and name, conntrack zones that were not requested by what they are for.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/compare"
	"github.com/ovn-chassis/ovn-chassis/integration/topology"
)

// stacks are the releases of OVN to compare with.
var stacks = map[string]struct {
	find  func(integration.T) *integration.Stack
	major int
}{"sid": {integration.Sid, 26}, "trixie": {integration.Trixie, 25}, "host": {integration.Host, 23}}

// notInRelease is what an older ovn-nbctl says of what it does not know.
var notInRelease = regexp.MustCompile(`ovn-nbctl: [^\n]*(unknown command|unknown table|command has no|does not contain a column|` +
	`is not one of the allowed|requires at least|supported arguments are)[^\n]*`)

func main() {
	only := flag.String("run", "", "only topologies whose name matches this regular expression")
	dir := flag.String("topologies", "", "directory of topologies (default: the repository's)")
	self := flag.Bool("reference", false, "compare the reference agent with itself")
	limit := flag.Int("n", 10, "differences shown per topology")
	jobs := flag.Int("j", 2, "topologies at a time")
	raw := flag.String("dump", "", "directory to write both sides' normalised dumps to")
	scale := flag.Int("scale", 5000, "logical flows of the topology ovn-kubernetes")
	of14 := flag.Bool("of14", false, "compare our agent on a bridge limited to OpenFlow 1.4 with itself by OpenFlow 1.5")
	random := flag.Duration("fuzz", 0, "compose features at random for so long, instead of the topologies")
	seed := flag.Uint64("seed", uint64(time.Now().Unix()), "of the first world of -fuzz")
	release := flag.String("stack", "sid", "OVN release beside ours: sid (26.03), trixie (25.03) or host; of an older one the logical tables, as they are at the start")
	flag.Parse()
	code := 0
	if stacks[*release].find == nil {
		fmt.Fprintf(os.Stderr, "parity: no stack %q\n", *release)
		os.Exit(2)
	}
	if *random > 0 {
		kind := integration.Ours
		if *self {
			kind = integration.Reference
		}
		if err := fuzz(*seed, *random, *jobs, *limit, kind); err != nil {
			fmt.Fprintln(os.Stderr, "parity:", err)
			code = 1
		}
	} else if err := run(*dir, *only, *release, *self, *of14, *limit, *jobs, *scale, *raw); err != nil {
		fmt.Fprintln(os.Stderr, "parity:", err)
		code = 1
	}
	integration.Sweep()
	os.Exit(code)
}

func run(dir, only, release string, self, of14 bool, limit, jobs, scale int, raw string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	topologies, err := loadTopologies(dir, pattern)
	if err != nil {
		return err
	}
	if dir == "" && pattern.MatchString("ovn-kubernetes") {
		cluster, err := clusterTopology(scale)
		if err != nil {
			return err
		}
		topologies = append(topologies, cluster)
	}
	if len(topologies) == 0 {
		return fmt.Errorf("no topology matches %q", only)
	}
	kind := integration.Ours
	if self {
		kind = integration.Reference
	}
	var (
		wg     sync.WaitGroup
		slots  = make(chan struct{}, jobs)
		mu     sync.Mutex // guards what follows and the output
		steps  int
		failed int
		older  int // not in the release compared with
	)
	fmt.Printf("%-36s %8s %10s %12s %8s %9s\n", "topology", "same", "only ours", "only theirs", "differ", "accepted")
	for _, topo := range topologies {
		topo.Stack = stacks[release].find
		if stacks[release].major < topo.Since {
			older++
			fmt.Printf("%-36s not in this release: needs %d\n", topo.Name, topo.Since)
			continue
		}
		report := func(name string, r *compare.Result) error {
			mu.Lock()
			defer mu.Unlock()
			steps++
			fmt.Printf("%-36s %8d %10d %12d %8d %9d\n", name, r.Same, len(r.OnlyOurs), len(r.OnlyTheirs), len(r.Differ), r.Accepted)
			if !r.Equal() {
				failed++
				fmt.Print(r.Report(limit))
			}
			if raw == "" {
				return nil
			}
			return r.Write(raw, strings.ReplaceAll(name, " + ", "+"))
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			err := integration.Run(topo.Name, nil, func(t integration.T) {
				check := func(step string, r *compare.Result) {
					name := topo.Name
					if step != "start" {
						name += " + " + step
					}
					if err := report(name, r); err != nil {
						t.Fatalf("%v", err)
					}
				}
				switch {
				case of14:
					check("start", observeVersions(t, topo))
				case release == "sid" && topo.Alive():
					live(t, topo, kind, check)
				default:
					check("start", observeBoth(t, topo, kind))
				}
			})
			if err != nil && release != "sid" && notInRelease.MatchString(err.Error()) {
				mu.Lock()
				defer mu.Unlock()
				older++
				fmt.Printf("%-36s not in this release: %s\n", topo.Name, notInRelease.FindString(err.Error()))
				return
			}
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed++
				steps++
				fmt.Printf("%-36s failed: %v\n", topo.Name, err)
			}
		})
	}
	wg.Wait()
	fmt.Printf("%d comparisons, %d topologies not in this release\n", steps, older)
	if failed > 0 {
		return fmt.Errorf("%d of %d comparisons differ or failed", failed, steps)
	}
	return nil
}

func loadTopologies(dir string, pattern *regexp.Regexp) ([]*topology.Topology, error) {
	if dir == "" {
		root, err := integration.ModuleRoot()
		if err != nil {
			return nil, err
		}
		dir = filepath.Join(root, "integration/parity/topologies")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	var all []*topology.Topology
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		if !pattern.MatchString(name) {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		topo := &topology.Topology{Name: name, Local: "hv1"}
		if err := topo.Parse(string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, topo)
	}
	return all, nil
}
