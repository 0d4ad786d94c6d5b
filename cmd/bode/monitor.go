package main

import (
	"context"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bode-erds/bode/notify"
)

// monitor counts what this process does, for Prometheus. Labels take few values
// by construction: no address, account or number is ever one.
type monitor struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	attempts *prometheus.HistogramVec
}

func newMonitor() *monitor {
	m := &monitor{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "bode_http_request_seconds",
			Help: "Time to answer a request, by face, method and class of status.", Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60, 600}},
			[]string{"face", "method", "status"}),
		attempts: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "bode_notice_attempt_seconds",
			Help: "Time of an attempt to hand over a notice, by channel and outcome.", Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120}},
			[]string{"channel", "outcome"}),
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), m.requests, m.attempts)
	return m
}

// timed are the transports, with the time and the outcome of each attempt counted.
func (m *monitor) timed(all map[notify.Channel]notify.Transport) map[notify.Channel]notify.Transport {
	out := map[notify.Channel]notify.Transport{}
	for ch, t := range all {
		out[ch] = timedTransport{t, m.attempts}
	}
	return out
}

type timedTransport struct {
	notify.Transport
	attempts *prometheus.HistogramVec
}

func (t timedTransport) Deliver(ctx context.Context, m notify.Message) (notify.Result, string) {
	began := time.Now()
	r, digest := t.Transport.Deliver(ctx, m)
	t.attempts.WithLabelValues(string(m.Notice.Channel), outcomeLabel(r)).Observe(time.Since(began).Seconds())
	return r, digest
}

// outcomeLabel is one of five words.
func outcomeLabel(r notify.Result) string {
	switch {
	case r.InDoubt:
		return "in_doubt"
	case r.Outcome == notify.Sent, r.Outcome == notify.Temporary, r.Outcome == notify.Permanent:
		return string(r.Outcome)
	}
	return string(notify.Technical)
}

// handler is what an operator's own network may ask: figures, whether the process
// lives and is ready, and profiles.
func (a *app) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.monitor.registry, promhttp.HandlerOpts{
		ErrorLog: metricsLog{a.log}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 20 * time.Second}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /readyz", a.ready)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// admin serves adminHandler on l until ctx ends.
func (a *app) admin(ctx context.Context, l net.Listener) error {
	return a.serveOn(ctx, l, a.adminHandler())
}
