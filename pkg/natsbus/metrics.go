package natsbus

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	published, overflowed, refilled, failures, remade, badEvents prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, b *Bus) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "rappel", Subsystem: "events", Name: name, Help: help})
	}
	m := &metrics{
		published:  counter("published_total", "Events the stream has taken."),
		overflowed: counter("overflowed_total", "Events that found the queue full and are read from the log again."),
		refilled:   counter("refilled_total", "Events read from the log to fill a gap."),
		failures:   counter("publish_failures_total", "Batches the stream did not take."),
		remade:     counter("stream_remade_total", "Times the stream had gone and was made anew."),
		badEvents:  counter("bad_total", "Messages that could not be encoded or decoded."),
	}
	if reg == nil {
		return m, nil
	}
	queued := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "rappel", Subsystem: "events", Name: "queued", Help: "Events waiting to be published.",
	}, func() float64 {
		b.mu.Lock()
		defer b.mu.Unlock()
		return float64(b.queued)
	})
	for _, c := range []prometheus.Collector{m.published, m.overflowed, m.refilled, m.failures, m.remade, m.badEvents, queued} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register event metrics: %w", err)
		}
	}
	return m, nil
}
