package metrics

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// TestExposition: what a scrape gets can be parsed, and says what was written.
func TestExposition(t *testing.T) {
	n := 0.0
	h, err := Handler(func(w Writer) {
		n++
		w.Counter("packets_total", "Packets.", n, "action", "arp")
		w.Counter("packets_total", "Packets.", 7, "action", `a "quoted\name"`)
		w.Bool("up", "Whether it is.", true)
		w.Durations("wait_seconds", "Waits.", []time.Duration{time.Millisecond, time.Second}, []uint64{3, 2, 1}, 4*time.Second)
	})
	if err != nil {
		t.Fatal(err)
	}
	scrape := func() string {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
		if rec.Code != 200 {
			t.Fatalf("status %d: %s", rec.Code, rec.Body)
		}
		return rec.Body.String()
	}
	scrape()
	text := scrape()
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	got := map[string]float64{}
	for _, m := range families["ovn_controller_packets_total"].GetMetric() {
		got[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
	}
	if got["arp"] != 2 || got[`a "quoted\name"`] != 7 {
		t.Errorf("counters %v", got)
	}
	if v := families["ovn_controller_up"].GetMetric()[0].GetGauge().GetValue(); v != 1 {
		t.Errorf("up is %v", v)
	}
	w := families["ovn_controller_wait_seconds"].GetMetric()[0].GetHistogram()
	if w.GetSampleCount() != 6 || w.GetSampleSum() != 4 || w.GetBucket()[0].GetCumulativeCount() != 3 || w.GetBucket()[1].GetCumulativeCount() != 5 {
		t.Errorf("histogram %v", w)
	}
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes"} {
		if families[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
}
