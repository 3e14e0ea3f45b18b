package coverage

import (
	"strings"
	"testing"
	"time"
)

func TestShow(t *testing.T) {
	r := NewRegistry()
	a := r.Counter("lflow_run")
	r.Counter("never")
	a.Add(10)
	r.Sample()
	a.Inc()
	if r.Counter("lflow_run") != a || a.Total() != 11 {
		t.Error("a counter is not itself")
	}
	got := r.Show()
	if !strings.Contains(got, "lflow_run                  2.0/sec     0.167/sec        0.0028/sec   total: 11\n") ||
		!strings.HasSuffix(got, "1 events never hit\n") || !strings.HasPrefix(got, "Event coverage, avg rate over last: 5 seconds, last minute, last hour,  hash=") {
		t.Errorf("%s", got)
	}
	// After a minute without events the rate of the minute is zero, that of the hour not.
	for range samplesPerMin + 1 {
		r.Sample()
	}
	if got := r.Show(); !strings.Contains(got, "0.0/sec     0.000/sec        0.0031/sec   total: 11\n") {
		t.Errorf("a minute later: %s", got)
	}
}

func TestStopwatch(t *testing.T) {
	r := NewRegistry()
	s := r.Stopwatch("flow-generation")
	for i := range 100 {
		s.Observe(time.Duration(i+1) * time.Millisecond)
	}
	got, err := r.showStopwatches([]string{"flow-generation"})
	want := "Statistics for 'flow-generation'\n  Total samples: 100\n  Maximum: 100 msec\n  Minimum: 1 msec\n  95th percentile: 95.000000 msec\n"
	if err != nil || !strings.HasPrefix(got, want) {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := r.showStopwatches([]string{"x"}); err == nil {
		t.Error("an unknown stopwatch is shown")
	}
	if err := r.resetStopwatches(nil); err != nil {
		t.Fatal(err)
	}
	if got, _ := r.showStopwatches(nil); !strings.Contains(got, "Total samples: 0\n") {
		t.Errorf("after reset: %s", got)
	}
}

func TestMemory(t *testing.T) {
	r := NewRegistry()
	r.Gauge("b", func() uint64 { return 2 })
	r.Gauge("a", func() uint64 { return 1 })
	r.Gauge("zero", func() uint64 { return 0 })
	if got := r.memory(); got != "a:1 b:2\n" {
		t.Errorf("%q", got)
	}
}
