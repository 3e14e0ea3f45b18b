package coverage

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// Stopwatch keeps the statistics of one kind of duration, in milliseconds.
type Stopwatch struct {
	mu      sync.Mutex // guards all below
	samples uint64
	// count and sum are of all samples, whatever was reset.
	count    uint64
	sum      time.Duration
	max, min time.Duration
	short    float64 // exponentially weighted, 1/2 new
	long     float64 // exponentially weighted, 1/100 new
	recent   []time.Duration
	next     int
}

// recentLen is how many samples the 95th percentile is taken from.
const recentLen = 256

// Stopwatch returns the stopwatch of that name, making it when it is new.
func (r *Registry) Stopwatch(name string) *Stopwatch {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.stopwatches[name]
	if !ok {
		s = &Stopwatch{}
		r.stopwatches[name] = s
	}
	return s
}

// Observe adds one sample.
func (s *Stopwatch) Observe(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	s.sum += d
	ms := float64(d) / float64(time.Millisecond)
	if s.samples == 0 {
		s.max, s.min, s.short, s.long = d, d, ms, ms
	} else {
		s.max, s.min = max(s.max, d), min(s.min, d)
		s.short += (ms - s.short) / 2
		s.long += (ms - s.long) / 100
	}
	s.samples++
	if len(s.recent) < recentLen {
		s.recent = append(s.recent, d)
		return
	}
	s.recent[s.next] = d
	s.next = (s.next + 1) % recentLen
}

// Total is how many samples there were since the start, and their sum.
func (s *Stopwatch) Total() (n uint64, sum time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count, s.sum
}

// Since adds the time that passed since start as one sample.
func (s *Stopwatch) Since(start time.Time) { s.Observe(time.Since(start)) }

func (s *Stopwatch) show(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p95 := 0.0
	if len(s.recent) > 0 {
		sorted := slices.Clone(s.recent)
		slices.Sort(sorted)
		p95 = float64(sorted[(len(sorted)-1)*95/100]) / float64(time.Millisecond)
	}
	return fmt.Sprintf("Statistics for '%s'\n  Total samples: %d\n  Maximum: %d msec\n  Minimum: %d msec\n"+
		"  95th percentile: %f msec\n  Short term average: %f msec\n  Long term average: %f msec\n",
		name, s.samples, s.max.Milliseconds(), s.min.Milliseconds(), p95, s.short, s.long)
}

func (s *Stopwatch) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples, s.max, s.min, s.short, s.long, s.recent, s.next = 0, 0, 0, 0, 0, nil, 0
}

// StopwatchNames lists the stopwatches, sorted.
func (r *Registry) StopwatchNames() []string {
	names, _, _ := r.selectStopwatches(nil)
	return names
}

// selectStopwatches returns the named stopwatch, or all, sorted by name.
func (r *Registry) selectStopwatches(args []string) ([]string, []*Stopwatch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := args
	if len(args) == 0 {
		for n := range r.stopwatches {
			names = append(names, n)
		}
		sort.Strings(names)
	}
	var out []*Stopwatch
	for _, n := range names {
		s := r.stopwatches[n]
		if s == nil {
			//lint:ignore ST1005 wording of the C agent
			return nil, nil, errors.New("No such stopwatch")
		}
		out = append(out, s)
	}
	return names, out, nil
}

func (r *Registry) showStopwatches(args []string) (string, error) {
	names, all, err := r.selectStopwatches(args)
	var b strings.Builder
	for i, s := range all {
		b.WriteString(s.show(names[i]))
	}
	return b.String(), err
}

func (r *Registry) resetStopwatches(args []string) error {
	_, all, err := r.selectStopwatches(args)
	for _, s := range all {
		s.reset()
	}
	return err
}
