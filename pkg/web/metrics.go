package web

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	signIns      *prometheus.CounterVec
	viewers      prometheus.Gauge
	readSeconds  prometheus.Histogram
	readFailures prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "rappel", Subsystem: "web", Name: "sign_ins_total", Help: "Tries to sign in, by what came of them.",
		}, []string{"outcome"}),
		viewers: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "rappel", Subsystem: "web", Name: "wall_viewers", Help: "Browsers that follow a wall now.",
		}),
		readSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "rappel", Subsystem: "web", Name: "wall_read_seconds", Help: "Time to read the wall's figures.",
			Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
		readFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "rappel", Subsystem: "web", Name: "wall_read_failures_total", Help: "Failed readings of the wall's figures.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.signIns, m.viewers, m.readSeconds, m.readFailures} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register web metrics: %w", err)
		}
	}
	return m, nil
}
