package main

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/releaser/releaser/pipeline"
	"github.com/releaser/releaser/pipeline/promotion"
)

// figures are what /metrics shows. Labels come from the configuration and from fixed sets, never from tags, so that
// their number is bounded.
type figures struct {
	registry   *prometheus.Registry
	outcomes   *prometheus.CounterVec
	stages     *prometheus.HistogramVec
	sweeps     *prometheus.HistogramVec
	failures   *prometheus.CounterVec
	listed     *prometheus.GaugeVec
	proposals  *prometheus.CounterVec
	deliveries *prometheus.CounterVec
	reloaded   prometheus.Gauge
}

func newFigures() *figures {
	seconds := []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 15, 60}
	f := &figures{
		registry: prometheus.NewRegistry(),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "releaser_tags_total",
			Help: "Tags that came to a state, by source and state."}, []string{"source", "state"}),
		stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "releaser_stage_seconds", Buckets: seconds,
			Help: "Time that the stages of the line take, by stage and result."}, []string{"stage", "result"}),
		sweeps: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "releaser_sweep_seconds", Buckets: seconds,
			Help: "Time that a sweep of a source takes, releases included."}, []string{"source"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "releaser_sweep_failures_total",
			Help: "Sweeps that could not look at their source."}, []string{"source"}),
		listed: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "releaser_tags",
			Help: "Tags of a source at the last sweep: those that fit a pattern, those that fit none, and those that were there before us."}, []string{"source", "kind"}),
		proposals: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "releaser_promotions_total",
			Help: "Promotions that came to a state, by environment and state."}, []string{"environment", "state"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "releaser_webhook_deliveries_total",
			Help: "Webhook deliveries, by event and status code of the answer."}, []string{"event", "code"}),
		reloaded: prometheus.NewGauge(prometheus.GaugeOpts{Name: "releaser_config_last_reload_successful",
			Help: "1 while the configuration in force is the one in the files, 0 while a change of it is refused."}),
	}
	f.reloaded.Set(1)
	f.registry.MustRegister(f.outcomes, f.stages, f.sweeps, f.failures, f.listed, f.proposals, f.deliveries, f.reloaded,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return f
}

func (f *figures) handler() http.Handler {
	return promhttp.HandlerFor(f.registry, promhttp.HandlerOpts{})
}

func (f *figures) stage(e pipeline.Event) {
	result := "ok"
	if e.Err != nil {
		result = "error"
	}
	f.stages.WithLabelValues(e.Stage.Name, result).Observe(e.Stage.Took.Seconds())
}

func (f *figures) outcome(o pipeline.Outcome) {
	f.outcomes.WithLabelValues(o.Source, string(o.State)).Inc()
}

func (f *figures) sweep(source string, took time.Duration, swept pipeline.Swept, err error) {
	f.sweeps.WithLabelValues(source).Observe(took.Seconds())
	if err != nil {
		f.failures.WithLabelValues(source).Inc()
		return
	}
	f.listed.WithLabelValues(source, "unmatched").Set(float64(swept.Unmatched))
	f.listed.WithLabelValues(source, "matched").Set(float64(swept.Tags - swept.Unmatched))
	f.listed.WithLabelValues(source, "before").Set(float64(swept.Before))
}

// proposal counts what happened; that nothing had to happen is no event.
func (f *figures) proposal(p promotion.Proposal) {
	switch p.State {
	case promotion.Opened, promotion.Updated, promotion.Merged, promotion.Blocked:
		f.proposals.WithLabelValues(p.Environment, string(p.State)).Inc()
	}
}

func (f *figures) delivered(event string, code int) {
	f.deliveries.WithLabelValues(event, strconv.Itoa(code)).Inc()
}
