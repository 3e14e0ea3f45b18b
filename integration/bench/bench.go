// Command bench starts the reference ovn-controller and ours from nothing on the
// same southbound databases and compares what it takes until everything is
// installed: wall time, processor time, peak resident memory.
//
// The databases come from package workload and are kept between runs. The two
// agents take turns, each time with a fresh switch (dummy datapath) and a fresh
// copy of the database, and the median of several runs counts.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/workload"
)

func main() {
	scales := flag.String("scales", "5000,50000", "comma-separated sizes in logical flows")
	runs := flag.Int("runs", 3, "runs of each agent on each size")
	agents := flag.String("agents", "reference,ours", "agents to run; the first is the measure of the others")
	doc := flag.String("write", "", "Markdown file to put the table into, between its bench markers")
	timeout := flag.Duration("timeout", 5*time.Minute, "for an agent to settle")
	repeat := flag.Int("changes", 40, "times each small change is made; 0 leaves them out")
	flag.Parse()
	var table string
	err := integration.Run("bench", os.Stderr, func(t integration.T) {
		table = bench(t, parseScales(t, *scales), strings.Split(*agents, ","), *runs, *repeat, *timeout)
	})
	integration.Sweep()
	fmt.Print(table)
	if err == nil && *doc != "" {
		err = writeDoc(*doc, table)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseScales(t integration.T, list string) []int {
	var scales []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("scale %q: %v", s, err)
		}
		if _, ok := workload.Scales[n]; !ok {
			t.Fatalf("no workload of %d logical flows", n)
		}
		scales = append(scales, n)
	}
	return scales
}

func agentKind(t integration.T, name string) integration.AgentKind {
	switch name {
	case "reference":
		return integration.Reference
	case "ours":
		return integration.Ours
	}
	t.Fatalf("unknown agent %q", name)
	return 0
}

// sample is one cold start.
type sample struct {
	wall  time.Duration
	cpu   time.Duration
	rss   int64 // bytes
	flows int   // installed at the end
	// changes are small changes made after that, by name.
	changes map[string]latency
}

func bench(t integration.T, scales []int, agents []string, runs, repeat int, timeout time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", machine())
	fmt.Fprintln(&b, "| logical flows | agent | OpenFlow flows | wall | ratio | CPU | ratio | peak memory | ratio |")
	fmt.Fprintln(&b, "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	var small strings.Builder
	for _, scale := range scales {
		db := workload.Make(t, workload.Scales[scale], t.Logf)
		samples := map[string][]sample{}
		for n := range runs {
			for _, agent := range agents {
				t.Logf("%d logical flows, %s, run %d of %d", db.LogicalFlows, agent, n+1, runs)
				var s sample
				err := integration.Run(agent, os.Stderr, func(t integration.T) {
					s = coldStart(t, db, agentKind(t, agent), repeat, timeout)
				})
				if err != nil {
					t.Errorf("%d logical flows, %s: %v", db.LogicalFlows, agent, err)
					continue
				}
				t.Logf("  %v wall, %v CPU, %d MB, %d flows", s.wall.Round(time.Millisecond), s.cpu, s.rss>>20, s.flows)
				samples[agent] = append(samples[agent], s)
			}
		}
		writeChanges(&small, db.LogicalFlows, agents, samples)
		base, ok := median(samples[agents[0]])
		for _, agent := range agents {
			s, have := median(samples[agent])
			if !have {
				continue
			}
			if !ok {
				base = sample{}
			}
			fmt.Fprintf(&b, "| %d | %s | %d | %.2f s | %s | %.2f s | %s | %.0f MB | %s |\n", db.LogicalFlows, agent, s.flows,
				s.wall.Seconds(), ratio(s.wall.Seconds(), base.wall.Seconds()),
				s.cpu.Seconds(), ratio(s.cpu.Seconds(), base.cpu.Seconds()),
				float64(s.rss)/(1<<20), ratio(float64(s.rss), float64(base.rss)))
		}
	}
	if small.Len() > 0 {
		fmt.Fprintln(&b, "\n| change | logical flows | agent | p50 | ratio | p99 | ratio | CPU | ratio |")
		fmt.Fprintln(&b, "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
		b.WriteString(small.String())
	}
	fmt.Fprintln(&b)
	for _, scale := range scales {
		fmt.Fprintf(&b, "%d: %v.\n", scale, workload.Scales[scale])
	}
	return b.String()
}

func ratio(value, of float64) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", value/of)
}

// writeChanges adds the rows of one scale to the table of small changes: of each
// figure the median of the runs.
func writeChanges(b *strings.Builder, flows int, agents []string, samples map[string][]sample) {
	for _, ch := range changes {
		var base latency
		for i, agent := range agents {
			var p50, p99, cpu []time.Duration
			for _, s := range samples[agent] {
				if l, ok := s.changes[ch.name]; ok {
					p50, p99, cpu = append(p50, l.p50), append(p99, l.p99), append(cpu, l.cpu)
				}
			}
			if len(p50) == 0 {
				continue
			}
			middle := func(d []time.Duration) time.Duration { slices.Sort(d); return d[len(d)/2] }
			l := latency{middle(p50), middle(p99), middle(cpu)}
			if i == 0 {
				base = l
			}
			ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }
			fmt.Fprintf(b, "| %s | %d | %s | %s | %s | %s | %s | %s | %s |\n", ch.name, flows, agent,
				ms(l.p50), ratio(float64(l.p50), float64(base.p50)), ms(l.p99), ratio(float64(l.p99), float64(base.p99)),
				ms(l.cpu), ratio(float64(l.cpu), float64(base.cpu)))
		}
	}
}

// coldStart starts an agent on a copy of the database and waits until it says that
// all is installed and every local port is up.
func coldStart(t integration.T, db workload.Database, kind integration.AgentKind, repeat int, timeout time.Duration) sample {
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
	began := time.Now()
	agent := ch.StartAgent()
	args := []string{fmt.Sprintf("--timeout=%d", int(timeout.Seconds()))}
	for _, lport := range ports {
		args = append(args, "--", "wait-until", "Port_Binding", lport, "up=true")
	}
	if _, err := c.Output("ovn-sbctl", args...); err != nil {
		t.Fatalf("local ports do not come up: %v\n%s", err, agent.Tail(20))
	}
	// What was asked after that is answered when nothing is left to do.
	if err := c.WaitSettled(ch, timeout); err != nil {
		t.Fatalf("does not settle: %v\n%s", err, agent.Tail(20))
	}
	s := sample{wall: time.Since(began), flows: len(ch.DumpFlows())}
	usage, err := agent.Usage()
	if err != nil {
		t.Fatalf("%v", err)
	}
	s.cpu, s.rss = usage.CPU, usage.PeakRSS
	if flows := len(ch.DumpFlows()); flows != s.flows {
		t.Errorf("not settled: %d flows, then %d", s.flows, flows)
	}
	if repeat > 0 {
		s.changes = smallChanges(t, c, agent, repeat)
	}
	return s
}

// smallChanges measures an agent at rest.
func smallChanges(t integration.T, c *integration.Cluster, agent *integration.Agent, repeat int) map[string]latency {
	client, stop := newClient(t, "unix:"+c.SouthboundSocket())
	defer stop()
	cpu := func() time.Duration {
		u, err := agent.Usage()
		if err != nil {
			t.Fatalf("%v", err)
		}
		return u.CPU
	}
	out := map[string]latency{}
	for _, ch := range changes {
		if s, ok := ch.find(client.db); ok {
			out[ch.name] = client.measure(s, repeat, cpu)
		}
	}
	return out
}

// median takes the median of each figure by itself.
func median(samples []sample) (sample, bool) {
	if len(samples) == 0 {
		return sample{}, false
	}
	middle := len(samples) / 2
	slices.SortFunc(samples, func(a, b sample) int { return int(a.cpu - b.cpu) })
	m := samples[middle]
	slices.SortFunc(samples, func(a, b sample) int { return int(a.wall - b.wall) })
	m.wall = samples[middle].wall
	slices.SortFunc(samples, func(a, b sample) int { return int(a.rss - b.rss) })
	m.rss = samples[middle].rss
	return m, true
}

// machine describes what the figures were taken on.
func machine() string {
	model := "unknown processor"
	cores := 0
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
			cores++
		}
	}
	return fmt.Sprintf("%d × %s, %s.", cores, model, time.Now().Format("January 2006"))
}

const (
	beginMark = "<!-- bench: begin -->"
	endMark   = "<!-- bench: end -->"
)

// writeDoc replaces what is between the marks of a document.
func writeDoc(path, table string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no %s … %s", path, beginMark, endMark)
	}
	return os.WriteFile(path, []byte(before+beginMark+"\n"+table+endMark+after), 0o644)
}
