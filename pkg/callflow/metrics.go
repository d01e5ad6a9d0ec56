package callflow

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rappel-tel/rappel/pkg/call"
)

// metrics counts what the telephone does. It holds no label that names a person, a number or a scheme.
type metrics struct {
	live     prometheus.Gauge
	ends     *prometheus.CounterVec // By result, reason and fault.
	offers   *prometheus.CounterVec // Offers that ended alone, by state.
	arrivals *prometheus.CounterVec // By what arrived.
	steps    *prometheus.CounterVec // Ends of inbound flows.
	waiting  prometheus.Gauge
	mute     prometheus.Counter
	// unrecorded counts messages and names that could not be recorded, or not to their end.
	unrecorded prometheus.Counter
	// substitutes counts what was heard in the place of a text that was not spoken in time.
	substitutes *prometheus.CounterVec
	// appointments counts questions for the next appointment, by what was told.
	appointments *prometheus.CounterVec
	// tooMuch counts what nobody was let leave, because so much was left from that number within the hour.
	tooMuch *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "rappel", Subsystem: "callflow", Name: name, Help: help}
	}
	m := &metrics{
		live: prometheus.NewGauge(prometheus.GaugeOpts(opts("live_calls", "Calls under way, inbound ones included."))),
		ends: prometheus.NewCounterVec(prometheus.CounterOpts(opts("attempts_total", "Attempts that ended.")),
			[]string{"result", "reason", "fault"}),
		offers: prometheus.NewCounterVec(prometheus.CounterOpts(opts("offers_total", "Offers no caller took.")),
			[]string{"state"}),
		arrivals: prometheus.NewCounterVec(prometheus.CounterOpts(opts("arrivals_total", "Channels that came in.")),
			[]string{"kind"}),
		steps: prometheus.NewCounterVec(prometheus.CounterOpts(opts("inbound_ends_total", "How inbound calls ended.")),
			[]string{"end"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts(opts("waiting_parties", "Inbound parties waiting for a registrar."))),
		appointments: prometheus.NewCounterVec(prometheus.CounterOpts(opts("appointments_total",
			"Questions for the next appointment: known, unknown, withheld, or slow, asked too often to be told anything.")), []string{"told"}),
		substitutes: prometheus.NewCounterVec(prometheus.CounterOpts(opts("substituted_prompts_total",
			"Prompts that were not spoken in time, by what was heard: other_words, other_language, apology, tone, nothing.")), []string{"heard"}),
		tooMuch: prometheus.NewCounterVec(prometheus.CounterOpts(opts("too_much_left_total",
			"What was not taken because so much was left from one number within an hour: message, registration, callback.")), []string{"what"}),
		mute: prometheus.NewCounter(prometheus.CounterOpts(
			opts("mute_prompts_total", "Prompts that could not be said at all."))),
		unrecorded: prometheus.NewCounter(prometheus.CounterOpts(
			opts("failed_recordings_total", "Messages and names that could not be recorded to their end."))),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.live, m.ends, m.offers, m.arrivals, m.steps, m.waiting, m.mute, m.unrecorded, m.substitutes, m.appointments, m.tooMuch} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) ended(o call.Outcome) {
	if !o.AttemptEnded() {
		m.offers.WithLabelValues(string(o.OfferState)).Inc()
		return
	}
	m.ends.WithLabelValues(string(o.Result), string(o.Reason), string(o.Fault)).Inc()
}
