package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// accountKept is how long what came of a call is remembered for another node; real time. One that takes a scheme over asks
// within seconds, but nobody can while the records are away. It is longer than a caller stays on the line after her call (see
// dispatch.Options.PresenceLimit): the connector takes nothing on that it still follows, so what is forgotten before
// would have no end until she leaves.
const accountKept = 15 * time.Minute

// account is what is known of an attempt at this node's PBX, in order. Other nodes are told it as it is: it names nobody.
type account struct {
	Placed   []placement        `json:"placed,omitempty"`
	Steps    []call.Step        `json:"steps,omitempty"`
	Answers  []call.Answer      `json:"answers,omitempty"` // By keypad, to a call without a caller.
	Outcomes []call.Outcome     `json:"outcomes,omitempty"`
	Closings []callflow.Closing `json:"closings,omitempty"`
	Left     bool               `json:"left,omitempty"` // The caller's phone is free.
	// Unknown is set when the records say that the attempt has ended, and nobody here remembers how.
	Unknown bool `json:"unknown,omitempty"`

	scheme int64
	leader string    // Who is told by itself; empty tells nobody.
	ended  time.Time // When the last was told of an offer or attempt that is over; zero while one goes on. Real time.
}

// placement says how long the PBX took to answer the command of an offer.
type placement struct {
	Offer int           `json:"offer"`
	Took  time.Duration `json:"took"`
}

// over reports whether nothing more is to be told.
func (a *account) over() bool {
	if a.Unknown {
		return true
	}
	end, ended := a.outcome()
	return ended && (a.Left || !end.CallerPresent)
}

// outcome is the end of the attempt.
func (a *account) outcome() (call.Outcome, bool) {
	for _, o := range a.Outcomes {
		if o.AttemptEnded() {
			return o, true
		}
	}
	return call.Outcome{}, false
}

// witness is the dispatcher as the calls of this node's PBX see it. It hands on what they tell, and remembers it for a while:
// another node may lead their scheme by now and ask. It implements callflow.Desk.
type witness struct {
	desk *dispatch.Dispatcher
	now  func() time.Time // Real time.
	node string
	// told tells the leader of another node's scheme what is new; nil tells nobody. It must return at once.
	told func(leader string, d deposition)

	mu       sync.Mutex
	accounts map[call.ID]*account // Nil while nobody else could ask.
	swept    time.Time
}

var _ callflow.Desk = (*witness)(nil)

// note changes what is remembered of an attempt, and tells its leader when that is another node.
func (w *witness) note(attempt call.ID, change func(*account)) {
	w.change(attempt, change)
	if w.told == nil {
		return
	}
	if a, known := w.of(attempt); known && a.leader != "" {
		w.told(a.leader, deposition{Node: w.node, Scheme: a.scheme, Accounts: map[call.ID]account{attempt: a}})
	}
}

// change changes what is remembered of an attempt.
func (w *witness) change(attempt call.ID, change func(*account)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.accounts == nil {
		return
	}
	a := w.accounts[attempt]
	if a == nil {
		a = &account{}
		w.accounts[attempt] = a
	}
	change(a)
	if now := w.now(); now.Sub(w.swept) > accountKept/10 {
		w.swept = now
		maps.DeleteFunc(w.accounts, func(_ call.ID, a *account) bool {
			return !a.ended.IsZero() && now.Sub(a.ended) > accountKept
		})
	}
}

// Placed implements callflow.Desk.
func (w *witness) Placed(attempt call.ID, offer int, took time.Duration) {
	if _, known := w.of(attempt); known { // Placed for another node, or such a one may ask.
		w.note(attempt, func(a *account) { a.Placed = append(a.Placed, placement{offer, took}) })
	}
	w.desk.Placed(attempt, offer, took)
}

// Step implements callflow.Desk.
func (w *witness) Step(s call.Step) {
	w.note(s.Attempt, func(a *account) { a.Steps, a.ended = append(a.Steps, s), time.Time{} })
	w.desk.Step(s)
}

// Answered implements callflow.Desk.
func (w *witness) Answered(n call.Answer) {
	w.note(n.Attempt, func(a *account) { a.Answers = append(a.Answers, n) })
	w.desk.Answered(n)
}

// Ended implements callflow.Desk.
func (w *witness) Ended(o call.Outcome) {
	w.note(o.Attempt, func(a *account) { a.Outcomes, a.ended = append(a.Outcomes, o), w.now() })
	w.desk.Ended(o)
}

// callerLeft notes that the caller's phone is free.
func (w *witness) callerLeft(attempt call.ID) {
	w.note(attempt, func(a *account) { a.Left, a.ended = true, w.now() })
}

// closed notes what a caller says of a call, for whoever leads its scheme. It reports whether somebody will ask.
func (w *witness) closed(c callflow.Closing) bool {
	kept := false
	w.note(c.Attempt, func(a *account) {
		a.Closings, kept = append(a.Closings, c), true
		if len(a.Steps) == 0 && len(a.Outcomes) == 0 { // All else was forgotten: this is to be forgotten too.
			a.ended = w.now()
		}
	})
	return kept
}

// handClosings tells the dispatcher what callers have said of calls of a scheme while it was not led here, and nobody has
// to ask for any more. What it does not take is kept.
func (w *witness) handClosings(ctx context.Context, scheme int64) error {
	w.mu.Lock()
	var said []callflow.Closing
	for _, a := range w.accounts {
		if len(a.Closings) > 0 && a.Closings[0].Scheme == scheme {
			said = append(said, a.Closings...)
		}
	}
	w.mu.Unlock()
	for _, c := range said {
		if err := (leader{w.desk}).CloseCall(ctx, c); err != nil {
			return fmt.Errorf("hand over what was said of a call: %w", err)
		}
		w.change(c.Attempt, func(a *account) {
			if i := slices.Index(a.Closings, c); i >= 0 {
				a.Closings = slices.Delete(a.Closings, i, i+1)
			}
		})
	}
	return nil
}

// repeat tells the dispatcher anew what is known of an attempt: it leads the scheme since. It reports whether the attempt has
// ended.
func (w *witness) repeat(l call.Live) (ended bool) {
	known, _ := w.of(l.Order.Attempt)
	for _, s := range known.Steps {
		w.desk.Step(s)
	}
	for _, n := range known.Answers { // The dispatcher tells those it knows by their number.
		w.desk.Answered(n)
	}
	for _, o := range known.Outcomes {
		w.desk.Ended(o)
	}
	if known.Left {
		w.desk.CallerLeft(l.Order.Scheme, l.Order.Caller, l.Order.Attempt)
	}
	_, ended = known.outcome()
	return ended
}

// begin takes an attempt on for another node, once: it reports false when anything is known of it already, because it was taken on or
// asked for. So no order is run that comes later than the question what became of it.
func (w *witness) begin(h handover) (fresh bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.accounts == nil || w.accounts[h.Attempt] != nil {
		return false
	}
	w.accounts[h.Attempt] = &account{scheme: h.Scheme, leader: h.From}
	return true
}

// asked notes who asks for an attempt of a scheme: it is told what comes.
func (w *witness) asked(scheme int64, attempt call.ID, leader string) {
	w.change(attempt, func(a *account) { a.scheme, a.leader = scheme, leader })
}

// of returns what is known of an attempt.
func (w *witness) of(attempt call.ID) (account, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.accounts[attempt]
	if a == nil {
		return account{}, false
	}
	return account{
		Placed: slices.Clone(a.Placed), Steps: slices.Clone(a.Steps), Answers: slices.Clone(a.Answers), Outcomes: slices.Clone(a.Outcomes), Closings: slices.Clone(a.Closings),
		Left: a.Left, scheme: a.scheme, leader: a.leader, ended: a.ended,
	}, true
}

// inquiry asks a node for the attempts of a scheme that run at its PBX.
type inquiry struct {
	From     string    `json:"from,omitempty"` // Who asks.
	Scheme   int64     `json:"scheme"`
	Attempts []call.ID `json:"attempts"`
}

// handover has a node run an offer of an attempt at its PBX, or take it back.
type handover struct {
	From    string  `json:"from"` // Who leads the scheme.
	Scheme  int64   `json:"scheme"`
	Attempt call.ID `json:"attempt"`
	Offer   int     `json:"offer"`
	Recall  bool    `json:"recall,omitempty"`
}

// deposition is the answer to an inquiry, or what a node tells by itself.
type deposition struct {
	Node     string              `json:"node,omitempty"`
	Scheme   int64               `json:"scheme,omitempty"`
	Accounts map[call.ID]account `json:"accounts"`
}

// respondent answers other nodes' inquiries.
type respondent struct {
	node    string
	witness *witness
	calls   dispatch.Switchboard // The connector.
	start   func(context.Context, call.Order) error
	records interface {
		// Live lists the attempts of a scheme that have not ended, of those named.
		Live(ctx context.Context, scheme int64, attempts ...call.ID) ([]dispatch.LiveAttempt, error)
	}
}

// testify says what is known of the attempts asked for. One that nobody follows here is looked for at the PBX: this process
// may have started anew since.
func (r *respondent) testify(ctx context.Context, q inquiry) (deposition, error) {
	d := deposition{Accounts: map[call.ID]account{}}
	var unknown []call.ID
	for _, id := range q.Attempts {
		if known, ok := r.witness.of(id); ok {
			r.witness.asked(q.Scheme, id, q.From)
			d.Accounts[id] = known
			continue
		}
		unknown = append(unknown, id)
	}
	if len(unknown) == 0 {
		return d, nil
	}
	recorded, err := r.records.Live(ctx, q.Scheme, unknown...)
	if err != nil {
		return deposition{}, err
	}
	var ours []call.Live
	for _, l := range recorded {
		if l.Node == r.node && slices.Contains(unknown, l.Order.Attempt) {
			ours = append(ours, l.Live)
			r.witness.asked(q.Scheme, l.Order.Attempt, q.From)
			d.Accounts[l.Order.Attempt] = account{}
		}
	}
	r.calls.Adopt(ctx, ours)
	for _, id := range unknown {
		if _, found := d.Accounts[id]; !found {
			d.Accounts[id] = account{Unknown: true}
		}
	}
	return d, nil
}

// take runs an offer for another node. It is read from the records, so that what has ended there or belongs to another node rings
// nobody, however late the order comes. An error says that nothing was posted.
func (r *respondent) take(ctx context.Context, h handover) error {
	if h.Recall {
		r.calls.Recall(h.Attempt)
		return nil
	}
	if !r.witness.begin(h) {
		return errors.New("it is known here already")
	}
	recorded, err := r.records.Live(ctx, h.Scheme, h.Attempt)
	if err == nil {
		at := slices.IndexFunc(recorded, func(l dispatch.LiveAttempt) bool {
			return l.Order.Attempt == h.Attempt && l.Order.Offer == h.Offer && l.Node == r.node && l.State == call.StateIntent
		})
		if at >= 0 {
			err = r.start(ctx, recorded[at].Order)
		} else {
			err = errors.New("the records know no such order")
		}
	}
	if err == nil {
		return nil
	}
	// Whoever does not hear the refusal asks.
	r.witness.Ended(call.Outcome{
		Scheme: h.Scheme, Attempt: h.Attempt, Offer: h.Offer, OfferState: call.OfferRecalled, Result: call.ResultFailed,
		Reason: call.ReasonPBXLost, Fault: call.FaultOurs, At: r.witness.now(),
	})
	return err
}
