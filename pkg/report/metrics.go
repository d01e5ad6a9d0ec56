package report

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct{ begun, refilled, flooded prometheus.Counter }

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "rappel", Subsystem: "report", Name: name, Help: help})
	}
	m := &metrics{
		begun:    counter("records_read_total", "How often live figures began anew with the records."),
		refilled: counter("events_refilled_total", "Events that did not come over the bus in time and were read from the records."),
		flooded:  counter("inbox_overflows_total", "How often more events came than could be counted."),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.begun, m.refilled, m.flooded} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register report metrics: %w", err)
		}
	}
	return m, nil
}
