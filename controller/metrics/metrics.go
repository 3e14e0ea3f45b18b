// Package metrics offers the agent's figures to Prometheus, in its text exposition
// format, on an address that the command line names and nowhere else.
//
//	GET /metrics ──► registry ──► Go runtime, process
//	                    └───────► figures of the agent, read at that moment
//
// All names begin with "ovn_controller_". Counters count since the agent's start.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const namespace = "ovn_controller_"

// Writer takes figures while one scrape lasts. Labels are names and values in
// turn.
type Writer struct{ out chan<- prometheus.Metric }

func (w Writer) put(name, help string, kind prometheus.ValueType, v float64, labels []string) {
	names, values := split(labels)
	m, err := prometheus.NewConstMetric(prometheus.NewDesc(namespace+name, help, names, nil), kind, v, values...)
	if err != nil {
		m = prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
	}
	w.out <- m
}

// Counter writes one that only grows.
func (w Writer) Counter(name, help string, v float64, labels ...string) {
	w.put(name, help, prometheus.CounterValue, v, labels)
}

// Gauge writes one that comes and goes.
func (w Writer) Gauge(name, help string, v float64, labels ...string) {
	w.put(name, help, prometheus.GaugeValue, v, labels)
}

// Bool writes a gauge of 0 or 1.
func (w Writer) Bool(name, help string, v bool, labels ...string) {
	f := 0.0
	if v {
		f = 1
	}
	w.Gauge(name, help, f, labels...)
}

// Durations writes a histogram in seconds: counts[i] are those up to bounds[i] and
// above the bound before, the last count is of all that are longer.
func (w Writer) Durations(name, help string, bounds []time.Duration, counts []uint64, sum time.Duration) {
	buckets := make(map[float64]uint64, len(bounds))
	var n uint64
	for i, b := range bounds {
		n += counts[i]
		buckets[b.Seconds()] = n
	}
	n += counts[len(bounds)]
	desc := prometheus.NewDesc(namespace+name, help, nil, nil)
	m, err := prometheus.NewConstHistogram(desc, n, sum.Seconds(), buckets)
	if err != nil {
		m = prometheus.NewInvalidMetric(desc, err)
	}
	w.out <- m
}

func split(labels []string) (names, values []string) {
	for i := 0; i+1 < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	return names, values
}

// figures is a collector without a fixed set of metrics.
type figures func(Writer)

func (figures) Describe(chan<- *prometheus.Desc)       {}
func (f figures) Collect(out chan<- prometheus.Metric) { f(Writer{out}) }

// Handler answers scrapes with what read writes, the Go runtime's figures and the
// process's.
func Handler(read func(Writer)) (http.Handler, error) {
	r := prometheus.NewPedanticRegistry()
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), figures(read),
	} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes}))
	return mux, nil
}

const (
	// maxScrapes is how many scrapes are answered at once; others are told to come
	// again.
	maxScrapes = 4
	// retry is how long after a failure the address is tried again.
	retry = 10 * time.Second
)

// Serve answers scrapes on addr, HOST:PORT, until ctx ends. An address that is in
// use is no reason for an agent not to work: it is complained of and tried again.
func Serve(ctx context.Context, addr string, read func(Writer), log *slog.Logger) {
	handler, err := Handler(read)
	if err != nil {
		log.Error("metrics are not offered", "err", err)
		return
	}
	for ctx.Err() == nil {
		if err := serve(ctx, addr, handler, log); err != nil && ctx.Err() == nil {
			log.Error("metrics are not offered", "address", addr, "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
}

func serve(ctx context.Context, addr string, handler http.Handler, log *slog.Logger) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	log.Info("metrics on http://" + l.Addr().String() + "/metrics")
	s := &http.Server{Handler: handler, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
