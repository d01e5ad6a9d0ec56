package dispatch

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rappel-tel/rappel/pkg/call"
)

// metrics counts what all schemes do. With a nil registerer it counts for nobody.
type metrics struct {
	starts, refused, storeErrors, strays *prometheus.CounterVec
	offers, attempts, settled            *prometheus.CounterVec
	queue, held, live, free              *prometheus.GaugeVec
	batch, commit, turn                  *prometheus.HistogramVec
	line                                 *prometheus.CounterVec
	answerWait, handleTime               *prometheus.HistogramVec
	waiting, owed                        *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "rappel", Subsystem: "dispatch", Name: name, Help: help,
		}, append([]string{"scheme"}, labels...))
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "rappel", Subsystem: "dispatch", Name: name, Help: help,
		}, []string{"scheme"})
	}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "rappel", Subsystem: "dispatch", Name: name, Help: help, Buckets: buckets,
		}, []string{"scheme"})
	}
	m := &metrics{
		starts:      counter("starts_total", "Orders handed to the switchboard after their claim was committed."),
		refused:     counter("claims_refused_total", "Claims and offers refused by the store, by cause.", "cause"),
		storeErrors: counter("store_errors_total", "Commits that failed and were tried again."),
		strays:      counter("strays_total", "Steps and outcomes of attempts that are not under way."),
		offers:      counter("offers_total", "Offers that ended without the attempt, by state.", "state"),
		attempts:    counter("attempts_total", "Attempts ended, by result.", "result"),
		settled:     counter("occurrences_settled_total", "Occurrences that ended, by state.", "state"),
		queue:       gauge("recorder_queue", "Operations waiting to be committed."),
		held:        gauge("occurrences_held", "Occurrences held in memory."),
		live:        gauge("attempts_live", "Attempts under way."),
		free:        gauge("lines_free", "Lines that may still be used outbound."),
		batch:       histogram("batch_operations", "Operations per commit.", prometheus.ExponentialBuckets(1, 2, 10)),
		commit:      histogram("commit_seconds", "Duration of a commit.", prometheus.ExponentialBuckets(0.0005, 2, 14)),
		turn:        histogram("turn_seconds", "Duration of one turn of the owner.", prometheus.ExponentialBuckets(0.00001, 4, 10)),
	}
	m.line = counter("queue_parties_total", "Parties in the registrars' queue: offered, answered, answered in 20 s, abandoned.", "what")
	m.waiting = gauge("queue_waiting", "Parties who wait for a registrar.")
	m.owed = gauge("queue_callbacks_owed", "Callbacks that wait in the registrars' queue.")
	m.answerWait = histogram("queue_answer_seconds", "Wait of the parties who were answered.", prometheus.ExponentialBuckets(2.5, 2, 10))
	m.handleTime = histogram("queue_handle_seconds", "Talk and notes of a conversation with a registrar.", prometheus.ExponentialBuckets(15, 2, 10))
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.starts, m.refused, m.storeErrors, m.strays, m.offers, m.attempts, m.settled, m.queue, m.held, m.live, m.free,
		m.batch, m.commit, m.turn, m.line, m.waiting, m.owed, m.answerWait, m.handleTime,
	} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// meter is what one scheme counts.
type meter struct {
	starts, storeErrors, strays prometheus.Counter
	queue, held, live, free     prometheus.Gauge
	batch, commit, turn         prometheus.Observer

	waiting, owed          prometheus.Gauge
	answerWait, handleTime prometheus.Observer

	queued  func(what string)
	refused func(cause string)
	offer   func(call.OfferState)
	attempt func(call.Result)
	settled func(call.OccurrenceState)
}

func (m *metrics) scheme(id int64) *meter {
	s := strconv.FormatInt(id, 10)
	return &meter{
		starts: m.starts.WithLabelValues(s), storeErrors: m.storeErrors.WithLabelValues(s),
		strays: m.strays.WithLabelValues(s), queue: m.queue.WithLabelValues(s), held: m.held.WithLabelValues(s),
		live: m.live.WithLabelValues(s), free: m.free.WithLabelValues(s), batch: m.batch.WithLabelValues(s),
		commit: m.commit.WithLabelValues(s), turn: m.turn.WithLabelValues(s),
		waiting: m.waiting.WithLabelValues(s), owed: m.owed.WithLabelValues(s),
		answerWait: m.answerWait.WithLabelValues(s), handleTime: m.handleTime.WithLabelValues(s),
		queued:  func(what string) { m.line.WithLabelValues(s, what).Inc() },
		refused: func(cause string) { m.refused.WithLabelValues(s, cause).Inc() },
		offer:   func(state call.OfferState) { m.offers.WithLabelValues(s, string(state)).Inc() },
		attempt: func(result call.Result) { m.attempts.WithLabelValues(s, string(result)).Inc() },
		settled: func(state call.OccurrenceState) { m.settled.WithLabelValues(s, string(state)).Inc() },
	}
}

// What becomes of a party in the queue, as counted.
const (
	queueOffered    = "offered"
	queueAnswered   = "answered"
	queueInTime     = "answered_20s"
	queueAbandoned  = "abandoned"
	answerObjective = 20 * time.Second // The service level's.
)

// answered counts a party who was answered after so long.
func (m *meter) answered(wait time.Duration) {
	m.queued(queueAnswered)
	if wait <= answerObjective {
		m.queued(queueInTime)
	}
	m.answerWait.Observe(wait.Seconds())
}
