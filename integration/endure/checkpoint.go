package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/compare"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// What is allowed. Goroutines and memory are those of the agent that is never killed,
// at rest; grown is what the median of the last third of the checkpoints has more than that
// of the first. The first warmUp checkpoints are left out; no more than as many again say
// nothing.
const (
	warmUp         = 2
	moreGoroutines = 3
	moreHeap       = 3 << 20
	moreRSS        = 16 << 20
	// Of a core, when nothing happens; and at any time for longer than spinFor.
	idleShare = 0.1
	spinShare = 0.9
	spinFor   = 15 * time.Second
)

// checkpoint is what was found at rest.
type checkpoint struct {
	at         time.Duration
	settled    time.Duration
	goroutines int
	heap, rss  int64 // bytes; heap is what the last collection left
	idle       float64
}

// checkpoint has everything come to rest, compares, and looks at the agents.
func (w *world) checkpoint() {
	w.life.Lock()
	defer w.life.Unlock()
	if w.Failed() {
		return
	}
	took := w.settle()
	for _, p := range w.places {
		if text := w.differs(p); text != "" {
			w.wrong("%s, with %s: %s\ndatabases saved: %s", p.Name, w.there(), text, w.save(p))
		}
	}
	w.rest()
	w.settle()
	cp := checkpoint{at: time.Since(w.counts.began), settled: took}
	for _, p := range w.places {
		if text := cmp.Or(w.leftover(p), w.desired(p)); text != "" {
			w.wrong("%s at rest: %s", p.Name, text)
		}
	}
	if text := w.retry("southbound", w.southbound); text != "" {
		w.wrong("southbound database at rest:\n%s", text)
	}
	for i, p := range w.places {
		idle, err := share(p.Agent, 2*time.Second)
		if err != nil || idle > idleShare {
			w.wrong("%s: the agent takes %.0f %% of a core when nothing happens; %v", p.Name, 100*idle, err)
		}
		if i > 0 {
			continue
		}
		m, err := p.Agent.Scrape(metrics)
		if err != nil {
			w.Fatalf("%s: metrics: %v", p.Name, err)
		}
		cp.idle, cp.goroutines = idle, int(m["go_goroutines"])
		// The collector's next turn is when there is so much per cent more.
		cp.heap = int64(m["go_memstats_next_gc_bytes"] / (1 + m["go_gc_gogc_percent"]/100))
		if cp.rss, err = p.Agent.RSS(); err != nil {
			w.Fatalf("%v", err)
		}
	}
	w.Logf("%4.0f s: %d goroutines, heap %.1f MB, RSS %.1f MB, %.1f %% of a core when idle, agents settled after %v",
		cp.at.Seconds(), cp.goroutines, mega(cp.heap), mega(cp.rss), 100*cp.idle, took.Round(10*time.Millisecond))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.slowestSettle = max(w.counts.slowestSettle, took)
	w.counts.checkpoints = append(w.counts.checkpoints, cp)
}

func mega(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// settle waits until every agent has installed what northd has made of everything, and
// returns how long the agents took when northd was done.
func (w *world) settle() time.Duration {
	w.Helper()
	begin := time.Now()
	w.sync("sb")
	northd := time.Now()
	// The second time northd has seen what the agents wrote before the first.
	w.sync("hv")
	w.sync("hv")
	n := w.c.NB("get", "NB_Global", ".", "nb_cfg")
	for _, p := range w.places {
		integration.WaitFor(w, w.o.settle, p.Name+" writes to its local database", func() error {
			if got := p.VSCtl("get", "Bridge", "br-int", "external_ids:ovn-nb-cfg"); got != `"`+n+`"` {
				return fmt.Errorf("ovn-nb-cfg %s, not %s", got, n)
			}
			return nil
		})
	}
	w.note("settled: northd after %v, the agents %v later", northd.Sub(begin).Round(time.Millisecond), time.Since(northd).Round(time.Millisecond))
	return time.Since(northd)
}

// sync waits for northd ("sb") or for the agents too ("hv").
func (w *world) sync(what string) {
	w.Helper()
	out, err := w.c.Output("ovn-nbctl", fmt.Sprintf("--timeout=%d", int(w.o.settle.Seconds())), "--wait="+what, "sync")
	if err == nil {
		return
	}
	var logs strings.Builder
	for _, p := range w.places {
		status, _ := p.Agent.Ctl("connection-status")
		fmt.Fprintf(&logs, "\n%s: southbound %s%s", p.Name, status, p.Agent.Tail(30))
	}
	w.Fatalf("not settled (%s) after %v: %v%s%s", what, w.o.settle, err, out, logs.String())
}

// there names the fragments that are there.
func (w *world) there() string {
	var names []string
	for i, on := range w.state {
		if on {
			names = append(names, w.fragments[i].Name)
		}
	}
	return strings.Join(names, " ")
}

// save keeps both databases of a chassis as they are now, and says where.
func (w *world) save(p *place) string {
	dir, err := os.MkdirTemp("", "endure-")
	if err != nil {
		return err.Error()
	}
	for _, x := range []struct {
		output       func(string, ...string) (string, error)
		socket, name string
	}{{w.c.Output, w.c.SouthboundSocket(), "OVN_Southbound"}, {p.Output, p.DatabaseSocket(), "Open_vSwitch"}} {
		text, err := x.output("ovsdb-client", "backup", "unix:"+x.socket, x.name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, x.name+".db"), []byte(text), 0o644)
		}
		if err != nil {
			return err.Error()
		}
	}
	return dir
}

// wrongMost is how much may be wrong before the run ends for it.
const wrongMost = 10

// wrong notes something that fails the run, which goes on to find more.
func (w *world) wrong(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.mu.Lock()
	w.counts.wrong = append(w.counts.wrong, text)
	n, events := len(w.counts.wrong), strings.Join(w.events, "\n")
	w.mu.Unlock()
	w.Logf("WRONG: %s\nwhat happened last:\n%s", text, events)
	if n == wrongMost {
		w.Fatalf("too much is wrong")
	}
}

var (
	cookie = regexp.MustCompile(`^cookie=0x[0-9a-f]+, `)
	// learned are the tables of addresses, which come and go with what agents hear.
	learned = regexp.MustCompile(fmt.Sprintf(`^table=(%d|%d|%d|%d|%d),`, pipeline.TableMACBinding, pipeline.TableMACLookup,
		pipeline.TableGetFDB, pipeline.TableLookupFDB, pipeline.TableMACCacheUse))
)

// plainFlows are the flows of the switch without their cookies, those of addresses
// left out.
func (p *place) plainFlows() []string {
	var flows []string
	for _, f := range p.DumpFlows() {
		if f = cookie.ReplaceAllString(f, ""); !learned.MatchString(f) {
			flows = append(flows, f)
		}
	}
	slices.Sort(flows)
	return flows
}

// only lists some of the sorted lines that the others lack.
func only(title string, lines, others []string) string {
	var text strings.Builder
	n := 0
	for _, line := range lines {
		if _, ok := slices.BinarySearch(others, line); !ok && n < 20 {
			fmt.Fprintf(&text, "  only %s: %s\n", title, line)
			n++
		}
	}
	return text.String()
}

// rounds is how often a chassis is looked at before a difference counts: repairs and
// rows that agents write may come between looking at one thing and at the other.
const rounds = 3

// differs tells where a chassis is not as it should be, "" for nowhere.
func (w *world) differs(p *place) (text string) {
	for _, look := range []func(*place) string{w.desired, w.scratch, w.reference} {
		if text = w.retry(p.Name, func() string { return look(p) }); text != "" {
			return text
		}
	}
	return ""
}

func (w *world) retry(what string, look func() string) (text string) {
	for round := range rounds {
		if text = look(); text == "" {
			break
		}
		w.note("%s: looked at %d times: %s", what, round+1, text)
		time.Sleep(time.Duration(round) * time.Second)
	}
	return text
}

// desired compares what the agent wants with the switch.
func (w *world) desired(p *place) string {
	out, err := p.Chassisctl("diff", "--wait=1s", "--limit=5", "--switch-socket=unix:"+p.SwitchSocket())
	if err != nil {
		return fmt.Sprintf("what the agent wants is not what the switch has: %v\n%s", err, out)
	}
	return ""
}

// scratch compares the switch with a translation from nothing.
func (w *world) scratch(p *place) string {
	report, err := p.FromScratch()
	if err != nil {
		return fmt.Sprintf("translation from scratch: %v", err)
	}
	if report != "" {
		return "the switch differs from a translation from scratch:\n" + report
	}
	return ""
}

// reference compares the switch with what the C agent makes, started from nothing.
func (w *world) reference(p *place) (text string) {
	// In a run of its own, so that what it starts ends with it.
	err := integration.Run("twin of "+p.Name, nil, func(t integration.T) {
		theirs := compare.Fresh(t, w.c, p.Chassis, integration.Reference)
		if r := compare.Compare(theirs, compare.Observe(t, w.c, p.Chassis)); !r.Equal() {
			text = "the switch differs from what the C agent makes:\n" + r.Report(15)
		}
	})
	if err != nil {
		return fmt.Sprintf("comparison with the C agent: %v", err)
	}
	return text
}

// leftover compares the flows at rest with those of the beginning: as many; and the
// rows of the local database: the same.
func (w *world) leftover(p *place) (text string) {
	if flows := p.plainFlows(); len(flows) != len(p.flows) {
		text = fmt.Sprintf("%d flows, %d in the beginning\n%s%s", len(flows), len(p.flows),
			only("now", flows, p.flows), only("in the beginning", p.flows, flows))
	}
	rows := compare.LocalRows(w, p.Chassis)
	return text + only("now", rows, p.rows) + only("in the beginning", p.rows, rows)
}

// southbound compares what agents write of themselves and of their ports with what was
// there in the beginning.
func (w *world) southbound() string {
	rows := w.southboundRows()
	return only("now", rows, w.rows) + only("in the beginning", w.rows, rows)
}

// southboundRows are the rows of chassis and what of ports is theirs, with names for
// UUIDs, sorted.
func (w *world) southboundRows() (rows []string) {
	list := func(table, columns string) []string {
		out := w.c.SB("--format=csv", "--no-headings", "--columns="+columns, "list", table)
		return strings.Split(strings.TrimSpace(out), "\n")
	}
	var names []string
	for _, row := range list("Chassis", "_uuid,name") {
		id, name, _ := strings.Cut(row, ",")
		names = append(names, id, name)
	}
	name := strings.NewReplacer(names...)
	for _, x := range []struct{ table, columns string }{
		{"Chassis", "name,hostname,other_config"},
		{"Chassis_Private", "name,chassis"},
		{"Encap", "chassis_name,type,ip"},
		{"Port_Binding", "logical_port,chassis,additional_chassis,up,virtual_parent"},
	} {
		for _, row := range list(x.table, x.columns) {
			rows = append(rows, x.table+" "+name.Replace(row))
		}
	}
	slices.Sort(rows)
	return rows
}

// share is how much of a core a process takes in a while from now.
func share(p interface{ CPU() (time.Duration, error) }, during time.Duration) (float64, error) {
	before, err := p.CPU()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	time.Sleep(during)
	after, err := p.CPU()
	return float64(after-before) / float64(time.Since(begin)), err
}

// watch looks for an agent that takes a core for itself.
func (w *world) watch(stop chan struct{}) {
	type sample struct {
		agent *integration.Agent
		cpu   time.Duration
		at    time.Time
	}
	last := map[*place]sample{}
	for {
		select {
		case <-stop:
			return
		case <-time.After(spinFor):
		}
		for _, p := range w.places {
			if !w.take(p.Name + " " + onAgent) {
				continue
			}
			cpu, err := p.Agent.CPU()
			now, before := sample{p.Agent, cpu, time.Now()}, last[p]
			w.give(p.Name + " " + onAgent)
			if err != nil {
				w.Errorf("%s: %v", p.Name, err)
				return
			}
			last[p] = now
			if before.agent != now.agent {
				continue
			}
			share := float64(cpu-before.cpu) / float64(now.at.Sub(before.at))
			if share > spinShare {
				w.Errorf("%s: the agent took %.0f %% of a core for %v", p.Name, 100*share, now.at.Sub(before.at))
			}
			w.mu.Lock()
			w.counts.busiest = max(w.counts.busiest, share)
			w.mu.Unlock()
		}
	}
}

// grown judges the checkpoints: what grew too much, "" for nothing.
func grown(all []checkpoint) string {
	if len(all) <= 2*warmUp {
		return ""
	}
	all = all[warmUp:]
	third := (len(all) + 2) / 3
	growth := func(of func(checkpoint) int64) int64 {
		return median(all[len(all)-third:], of) - median(all[:third], of)
	}
	var text []string
	for _, x := range []struct {
		name string
		of   func(checkpoint) int64
		most int64
	}{
		{"goroutines", func(cp checkpoint) int64 { return int64(cp.goroutines) }, moreGoroutines},
		{"bytes of heap", func(cp checkpoint) int64 { return cp.heap }, moreHeap},
		{"bytes of resident memory", func(cp checkpoint) int64 { return cp.rss }, moreRSS},
	} {
		if n := growth(x.of); n > x.most {
			text = append(text, fmt.Sprintf("%d %s more, %d are allowed", n, x.name, x.most))
		}
	}
	return strings.Join(text, "; ")
}

func median(all []checkpoint, of func(checkpoint) int64) int64 {
	var values []int64
	for _, cp := range all {
		values = append(values, of(cp))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
