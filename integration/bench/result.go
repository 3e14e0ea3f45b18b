package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/workload"
)

// result is all samples of one call.
type result struct {
	agents  []string // the first is the measure of the others
	dbs     []workload.Database
	samples map[string]map[int][]sample // by agent and logical flows
}

// run lets the agents take turns.
func run(t integration.T, scales []int, agents []string, runs int, o options) *result {
	r := &result{agents: agents, samples: map[string]map[int][]sample{}}
	for _, agent := range agents {
		r.samples[agent] = map[int][]sample{}
	}
	for _, scale := range scales {
		db := workload.Make(t, workload.Scales[scale], t.Logf)
		r.dbs = append(r.dbs, db)
		for n := range runs {
			for _, agent := range agents {
				t.Logf("%d logical flows, %s, run %d of %d", db.LogicalFlows, agent, n+1, runs)
				began := time.Now()
				var s sample
				err := integration.Run(agent, os.Stderr, func(t integration.T) {
					s = take(t, db, agentKind(t, agent), o)
				})
				if err != nil {
					t.Errorf("%d logical flows, %s: %v", db.LogicalFlows, agent, err)
					continue
				}
				t.Logf("  %v wall, %v CPU, %d MB, %d flows; all in %v", s.wall.Round(time.Millisecond),
					s.cpu.Round(time.Millisecond), s.rss>>20, s.flows, time.Since(began).Round(time.Second))
				r.samples[agent][db.LogicalFlows] = append(r.samples[agent][db.LogicalFlows], s)
			}
		}
	}
	return r
}

// figure is one column of a table or one line of a plot.
type figure struct {
	name string
	unit string
	of   func(sample) (float64, bool)
}

func always(of func(sample) float64) func(sample) (float64, bool) {
	return func(s sample) (float64, bool) { return of(s), true }
}

const mega = 1 << 20

var whole = []figure{
	{"wall", "s", always(func(s sample) float64 { return s.wall.Seconds() })},
	{"CPU", "s", always(func(s sample) float64 { return s.cpu.Seconds() })},
	{"peak memory", "MB", always(func(s sample) float64 { return float64(s.rss) / mega })},
	{"from SB", "MB", always(func(s sample) float64 { return float64(s.sent.FromSB) / mega })},
	{"restart", "s", always(func(s sample) float64 { return s.restart.Seconds() })},
	{"flow-mods", "", always(func(s sample) float64 { return float64(s.sent.FlowMods) })},
	{"idle CPU", "ms/s", always(func(s sample) float64 { return milli(s.idle) })},
}

func changeFigures(kind string) []figure {
	of := func(pick func(latency) time.Duration) func(sample) (float64, bool) {
		return func(s sample) (float64, bool) { l, ok := s.changes[kind]; return milli(pick(l)), ok }
	}
	return []figure{
		{"p50", "ms", of(func(l latency) time.Duration { return l.p50 })},
		{"p99", "ms", of(func(l latency) time.Duration { return l.p99 })},
		{"CPU", "ms", of(func(l latency) time.Duration { return l.cpu })},
		{"switch makes the port", "ms", func(s sample) (float64, bool) {
			made := s.changes[kind].made
			return milli(made), made > 0
		}},
	}
}

func splitFigures(kind string) []figure {
	of := func(pick func(split) time.Duration) func(sample) (float64, bool) {
		return func(s sample) (float64, bool) { x, ok := s.splits[kind]; return milli(pick(x)), ok }
	}
	return []figure{
		{"database server", "ms", of(func(x split) time.Duration { return x.server })},
		{"agent", "ms", of(func(x split) time.Duration { return x.agent })},
		{"switch", "ms", of(func(x split) time.Duration { return x.swtch })},
		{"all", "ms", of(func(x split) time.Duration { return x.total })},
		{"flow-mods", "", func(s sample) (float64, bool) { x, ok := s.splits[kind]; return x.mods, ok }},
	}
}

func milli(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// median of a figure over the runs of an agent; not ok if there are none.
func (r *result) median(agent string, flows int, f figure) (float64, bool) {
	var values []float64
	for _, s := range r.samples[agent][flows] {
		if v, ok := f.of(s); ok {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return 0, false
	}
	slices.Sort(values)
	return values[len(values)/2], true
}

// markdown is the tables.
func (r *result) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", machine())
	r.table(&b, "logical flows", whole, func(db workload.Database) (string, []figure) { return fmt.Sprint(db.LogicalFlows), whole })
	b.WriteString("\n### Small changes\n\n")
	for _, db := range r.dbs {
		fmt.Fprintf(&b, "%d logical flows:\n\n", db.LogicalFlows)
		r.rows(&b, "change", db, changeFigures)
		b.WriteByte('\n')
	}
	b.WriteString("### Where the time goes\n\n")
	for _, db := range r.dbs {
		fmt.Fprintf(&b, "%d logical flows:\n\n", db.LogicalFlows)
		r.rows(&b, "change", db, splitFigures)
		b.WriteByte('\n')
	}
	for _, db := range r.dbs {
		fmt.Fprintf(&b, "%d: %v.\n", db.LogicalFlows, db.Params)
	}
	return b.String()
}

// table has a line for each scale and agent.
func (r *result) table(b *strings.Builder, first string, figures []figure, of func(workload.Database) (string, []figure)) {
	header(b, first, figures)
	for _, db := range r.dbs {
		name, figures := of(db)
		r.lines(b, name, db, figures)
	}
}

// rows is a table with a line for each kind of change and agent.
func (r *result) rows(b *strings.Builder, first string, db workload.Database, of func(kind string) []figure) {
	header(b, first, of(""))
	for _, k := range kinds {
		r.lines(b, k.name, db, of(k.name))
	}
}

func header(b *strings.Builder, first string, figures []figure) {
	fmt.Fprintf(b, "| %s | agent |", first)
	rule := "| --- | --- |"
	for _, f := range figures {
		name := f.name
		if f.unit != "" {
			name += ", " + f.unit
		}
		fmt.Fprintf(b, " %s | ratio |", name)
		rule += " ---: | ---: |"
	}
	fmt.Fprintf(b, "\n%s\n", rule)
}

func (r *result) lines(b *strings.Builder, name string, db workload.Database, figures []figure) {
	for _, agent := range r.agents {
		line, any := fmt.Sprintf("| %s | %s |", name, agent), false
		for _, f := range figures {
			v, ok := r.median(agent, db.LogicalFlows, f)
			base, measured := r.median(r.agents[0], db.LogicalFlows, f)
			if !ok {
				line += " – | – |"
				continue
			}
			any = true
			line += fmt.Sprintf(" %s | %s |", number(v, f.unit), ratio(v, base, measured))
		}
		if any {
			b.WriteString(line + "\n")
		}
	}
}

func number(v float64, unit string) string {
	switch unit {
	case "":
		return fmt.Sprintf("%.0f", v)
	case "MB":
		if v >= 10 {
			return fmt.Sprintf("%.0f", v)
		}
		return fmt.Sprintf("%.1f", v)
	case "s":
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

func ratio(value, of float64, measured bool) string {
	if !measured || of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", value/of)
}
