// Command packets compares how fast the reference ovn-controller and ours answer
// packet-ins while they translate 50,000 logical flows, again and again.
//
//	generator ─packet-ins─► agent ──────────► generator counts answers
//	                          └─ all else ──► ovs-vswitchd (dummy datapath)
//
// The generator stands where the switch is, between agent and switch, and speaks
// for it on the connection that packet-ins go to; a switch would be the slowest of
// the three. The agents take turns on copies of one database. Throughput is with a
// window of exchanges under way, latency at a rate that both agents keep up with.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/workload"
)

type options struct {
	scale, runs int
	agents      []string
	duration    time.Duration
	rate        int
	window      int
	quiet       bool
	only        string
}

func main() {
	var o options
	agents := flag.String("agents", "reference,ours", "agents to run; the first is the measure of the others")
	flag.IntVar(&o.scale, "scale", 50000, "size of the database in logical flows")
	flag.IntVar(&o.runs, "runs", 3, "runs of each agent, of which the median counts")
	flag.DurationVar(&o.duration, "duration", 5*time.Second, "how long each figure is measured")
	flag.IntVar(&o.rate, "rate", 500, "exchanges a second when latency is measured")
	flag.IntVar(&o.window, "window", 128, "exchanges under way when throughput is measured")
	flag.StringVar(&o.only, "run", "", "only the exchanges whose name contains this")
	flag.BoolVar(&o.quiet, "quiet", false, "no translation meanwhile")
	doc := flag.String("write", "", "Markdown file to put the table into, between its markers")
	flag.Parse()
	o.agents = strings.Split(*agents, ",")
	var table string
	err := integration.Run("packets", os.Stderr, func(t integration.T) { table = run(t, o) })
	integration.Sweep()
	fmt.Print(table)
	if err == nil && *doc != "" {
		err = writeDoc(*doc, table)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "packets:", err)
		os.Exit(1)
	}
}

func kindOf(t integration.T, name string) integration.AgentKind {
	switch name {
	case "reference":
		return integration.Reference
	case "ours":
		return integration.Ours
	}
	t.Fatalf("unknown agent %q", name)
	return 0
}

// figures are those of one agent and one kind of exchange.
type figures struct {
	perSecond    float64
	full99       time.Duration // of all exchanges, at that rate
	p50, p99     time.Duration
	lost         int
	translations float64 // a second, meanwhile
	agentCPU     time.Duration
}

func run(t integration.T, o options) string {
	db := workload.Make(t, workload.Scales[o.scale], t.Logf)
	all := map[string]map[string][]figures{} // by exchange and agent
	for n := range o.runs {
		for _, agent := range o.agents {
			t.Logf("%s, run %d of %d", agent, n+1, o.runs)
			err := integration.Run(agent, os.Stderr, func(t integration.T) {
				for name, f := range measure(t, db, kindOf(t, agent), o, n) {
					if all[name] == nil {
						all[name] = map[string][]figures{}
					}
					all[name][agent] = append(all[name][agent], f)
					t.Logf("  %s: %.0f/s at p99 %v; p50 %v, p99 %v, %d lost, %.2f translations/s, %v CPU", name, f.perSecond, f.full99, f.p50, f.p99, f.lost,
						f.translations, f.agentCPU)
				}
			})
			if err != nil {
				t.Errorf("%s: %v", agent, err)
			}
		}
	}
	return markdown(o, db, all)
}

func markdown(o options, db workload.Database, all map[string]map[string][]figures) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d logical flows, %s, median of %d runs.\n\n", db.LogicalFlows, time.Now().Format("January 2006"), o.runs)
	fmt.Fprintf(&b, "| exchange | agent | a second | ratio | p99 then | ratio | p50 at %d/s | p99 | ratio | not answered |\n", o.rate)
	fmt.Fprintln(&b, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	for _, e := range exchanges {
		var base figures
		for i, agent := range o.agents {
			f, ok := median(all[e.name][agent])
			if !ok {
				continue
			}
			if i == 0 {
				base = f
			}
			fmt.Fprintf(&b, "| %s | %s | %.0f | %s | %s | %s | %s | %s | %s | %d |\n", e.title, agent, f.perSecond, ratio(f.perSecond, base.perSecond),
				ms(f.full99), ratio(float64(f.full99), float64(base.full99)),
				ms(f.p50), ms(f.p99), ratio(float64(f.p99), float64(base.p99)), f.lost)
		}
	}
	return b.String()
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond)) }

func ratio(v, of float64) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", v/of)
}

// median takes the median of each figure by itself.
func median(all []figures) (f figures, ok bool) {
	if len(all) == 0 {
		return f, false
	}
	middle := func(of func(figures) float64) float64 {
		var v []float64
		for _, f := range all {
			v = append(v, of(f))
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	f.perSecond = middle(func(f figures) float64 { return f.perSecond })
	f.full99 = time.Duration(middle(func(f figures) float64 { return float64(f.full99) }))
	f.p50 = time.Duration(middle(func(f figures) float64 { return float64(f.p50) }))
	f.p99 = time.Duration(middle(func(f figures) float64 { return float64(f.p99) }))
	f.lost = int(middle(func(f figures) float64 { return float64(f.lost) }))
	return f, true
}

const (
	beginMark = "<!-- packets: begin -->"
	endMark   = "<!-- packets: end -->"
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
