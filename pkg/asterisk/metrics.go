package asterisk

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	commands   *prometheus.CounterVec // By command and result.
	seconds    *prometheus.HistogramVec
	events     *prometheus.CounterVec // By type, known types only.
	unknown    prometheus.Counter
	malformed  prometheus.Counter
	unrouted   *prometheus.CounterVec
	connects   *prometheus.CounterVec // By what ended the connection before.
	connected  prometheus.Gauge
	mailboxes  prometheus.Gauge
	reloads    *prometheus.CounterVec
	reconciles prometheus.Histogram
}

func newMetrics() *metrics {
	const ns, sub = "rappel", "ari"
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(
			prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help})
	}
	buckets := prometheus.ExponentialBuckets(0.001, 2, 14) // 1 ms to 8 s.
	return &metrics{
		commands: vec("commands_total", "Commands sent to the PBX.", "command", "result"),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: ns, Subsystem: sub, Name: "command_seconds", Help: "Time until the PBX answered.", Buckets: buckets,
		}, []string{"command"}),
		events:    vec("events_total", "Events received, by type.", "type"),
		unknown:   counter("events_unknown_total", "Events of a type this program does not know; skipped."),
		malformed: counter("events_malformed_total", "Events that could not be decoded; skipped."),
		unrouted:  vec("events_unrouted_total", "Events of calls nobody listens for; skipped.", "type"),
		connects:  vec("stream_ends_total", "Times the event stream ended, by what ended it.", "reason"),
		connected: gauge("connected", "1 while the event stream is up and reconciled."),
		mailboxes: gauge("mailboxes", "Calls whose events are being read."),
		reloads:   vec("reloads_total", "Reloads of SIP accounts and trunks.", "result"),
		reconciles: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: ns, Subsystem: sub, Name: "reconcile_seconds", Help: "Time from connection to reconciled.",
			Buckets: buckets,
		}),
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	var errs []error
	for _, c := range []prometheus.Collector{
		m.commands, m.seconds, m.events, m.unknown, m.malformed, m.unrouted, m.connects, m.connected, m.mailboxes,
		m.reloads, m.reconciles,
	} {
		errs = append(errs, r.Register(c))
	}
	return errors.Join(errs...)
}
