// Package coverage counts how often things happen and how long they take, and
// answers the control socket's coverage/*, stopwatch/* and memory/* commands.
//
// A Registry belongs to one process. Counters are cheap enough for any path that
// is not per packet: one atomic add.
package coverage

import (
	"errors"
	"fmt"
	"hash/fnv"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/unixctl"
)

// Rates are averaged over the last sample period, the last minute and the last
// hour.
const (
	SamplePeriod   = 5 * time.Second
	samplesPerMin  = 12
	minutesPerHour = 60
)

// Counter counts one kind of event.
type Counter struct {
	name  string
	total atomic.Uint64

	// Owned by Registry.Sample.
	last   uint64
	minute [samplesPerMin]uint64
	hour   [minutesPerHour]uint64
}

// Inc counts one event.
func (c *Counter) Inc() { c.total.Add(1) }

// Add counts n events.
func (c *Counter) Add(n uint64) { c.total.Add(n) }

// Total is the number of events since the start.
func (c *Counter) Total() uint64 { return c.total.Load() }

// Registry holds counters, stopwatches and gauges by name.
type Registry struct {
	mu          sync.Mutex // guards all below
	counters    map[string]*Counter
	stopwatches map[string]*Stopwatch
	gauges      map[string]func() uint64
	samples     int
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry {
	return &Registry{counters: map[string]*Counter{}, stopwatches: map[string]*Stopwatch{}, gauges: map[string]func() uint64{}}
}

// Counter returns the counter of that name, making it when it is new.
func (r *Registry) Counter(name string) *Counter {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.counters[name]
	if !ok {
		c = &Counter{name: name}
		r.counters[name] = c
	}
	return c
}

// Gauge offers a figure of memory/show, read when asked for, from any goroutine.
func (r *Registry) Gauge(name string, read func() uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gauges[name] = read
}

// Totals are all counters by name.
func (r *Registry) Totals() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[string]uint64, len(r.counters))
	for name, c := range r.counters {
		all[name] = c.Total()
	}
	return all
}

// Sample takes the rates' next sample. Call it each SamplePeriod.
func (r *Registry) Sample() {
	r.mu.Lock()
	defer r.mu.Unlock()
	slot := r.samples % samplesPerMin
	minute := (r.samples / samplesPerMin) % minutesPerHour
	for _, c := range r.counters {
		now := c.total.Load()
		c.minute[slot] = now - c.last
		if slot == 0 {
			c.hour[minute] = 0
		}
		c.hour[minute] += now - c.last
		c.last = now
	}
	r.samples++
}

func sum(v []uint64) (n uint64) {
	for _, x := range v {
		n += x
	}
	return n
}

// Show is the reply to coverage/show.
func (r *Registry) Show() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, 0, len(r.counters))
	for n := range r.counters {
		names = append(names, n)
	}
	sort.Strings(names)
	last := (r.samples + samplesPerMin - 1) % samplesPerMin
	hash := fnv.New32a()
	var b strings.Builder
	never := 0
	for _, n := range names {
		c := r.counters[n]
		total := c.Total()
		if total == 0 {
			never++
			continue
		}
		fmt.Fprintf(hash, "%s ", n)
		fmt.Fprintf(&b, "%-24s %5.1f/sec %9.3f/sec %13.4f/sec   total: %d\n", n,
			float64(c.minute[last])/SamplePeriod.Seconds(), float64(sum(c.minute[:]))/60, float64(sum(c.hour[:]))/3600, total)
	}
	return fmt.Sprintf("Event coverage, avg rate over last: %d seconds, last minute, last hour,  hash=%08x:\n%s%d events never hit\n",
		int(SamplePeriod.Seconds()), hash.Sum32(), b.String(), never)
}

// RegisterCommands offers coverage/*, stopwatch/* and memory/* on a control socket.
func (r *Registry) RegisterCommands(s *unixctl.Server) {
	s.Register("coverage/show", "", 0, 0, func(*unixctl.Request) (string, error) { return r.Show(), nil })
	s.Register("coverage/read-counter", "COUNTER", 1, 1, func(req *unixctl.Request) (string, error) {
		r.mu.Lock()
		c := r.counters[req.Args[0]]
		r.mu.Unlock()
		if c == nil {
			//lint:ignore ST1005 wording of the C agent
			return "", errors.New("No such counter")
		}
		return fmt.Sprintf("%d\n", c.Total()), nil
	})
	s.Register("stopwatch/show", "[NAME]", 0, 1, func(req *unixctl.Request) (string, error) { return r.showStopwatches(req.Args) })
	s.Register("stopwatch/reset", "[NAME]", 0, 1, func(req *unixctl.Request) (string, error) { return "", r.resetStopwatches(req.Args) })
	s.Register("memory/show", "", 0, 0, func(*unixctl.Request) (string, error) { return r.memory(), nil })
}

// memory is the reply to memory/show: "name:value …" sorted by name.
func (r *Registry) memory() string {
	r.mu.Lock()
	gauges := make(map[string]func() uint64, len(r.gauges))
	names := make([]string, 0, len(r.gauges))
	for n, g := range r.gauges {
		gauges[n] = g
		names = append(names, n)
	}
	r.mu.Unlock()
	sort.Strings(names)
	out := make([]string, 0, len(names))
	for _, n := range names {
		if v := gauges[n](); v != 0 {
			out = append(out, fmt.Sprintf("%s:%d", n, v))
		}
	}
	return strings.Join(out, " ") + "\n"
}
