package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// world is a model of two schemes that share telephone numbers. It says what Apply must answer.
type world struct {
	f        *fixture
	towns    [2]*town
	numbers  []string
	busy     map[string]call.ID // By number.
	attempts map[call.ID]*modelAttempt
	order    []call.ID
	holders  map[int64]call.ID // Reservations by caller.
	now      time.Time
}

type town struct {
	scheme, epoch int64
	callers       []int64
	calls         []int64
	state         map[int64]call.OccurrenceState
	live          map[int64]call.ID // By occurrence: everybody has one occurrence only.
}

type modelAttempt struct {
	town       *town
	occurrence int64
	number     string
	state      call.State
	offers     []int64
	over       []bool // By offer.
}

func newWorld(f *fixture, check int) *world {
	w := &world{
		f: f, busy: map[string]call.ID{}, attempts: map[call.ID]*modelAttempt{}, holders: map[int64]call.ID{}, now: today,
	}
	for i := range 3 {
		w.numbers = append(w.numbers, fmt.Sprintf("+32819%05d%d", check, i))
	}
	for i := range w.towns {
		scheme := f.AddScheme(dispatch.Scheme{
			Name: fmt.Sprintf("%d of world %d", i, check), Zone: time.UTC, Country: "BE", Lines: 5, CallsPerSecond: 1,
		})
		t := &town{scheme: scheme, state: map[int64]call.OccurrenceState{}, live: map[int64]call.ID{}}
		for range 3 {
			t.callers = append(t.callers, f.AddCaller(scheme, dispatch.Caller{
				Roles: []roster.Role{roster.RoleCaller}, Enabled: true, State: call.CallerReady, Since: today,
			}))
		}
		for j := range 4 {
			day := today.Truncate(24 * time.Hour)
			id := f.AddOccurrence(scheme, dispatch.Occurrence{
				Kind: call.KindScheduled, Opens: day, Closes: day.Add(20 * time.Hour), Length: time.Minute, LocalDate: day,
				Numbers: []string{w.numbers[j%3]}, Terms: roster.Agreement{Cadence: roster.Daily},
			})
			t.calls = append(t.calls, id)
			t.state[id] = call.OccurrenceOpen
		}
		w.towns[i] = t
		w.lead(t)
	}
	return w
}

func (w *world) lead(t *town) {
	epoch, err := w.f.Lead(context.Background(), t.scheme, "test", w.now)
	require.NoError(w.f.t, err)
	require.Greater(w.f.t, epoch, t.epoch)
	t.epoch = epoch
}

// draw draws an operation that makes sense more often than not.
func (w *world) draw(rt *rapid.T, t *town) dispatch.Op {
	w.now = w.now.Add(time.Second)
	kind := rapid.SampledFrom([]string{"claim", "claim", "offer", "end", "progress", "progress", "finish", "finish", "settle", "close"}).Draw(rt, "op")
	caller := rapid.SampledFrom(t.callers).Draw(rt, "caller")
	occurrence := rapid.SampledFrom(t.calls).Draw(rt, "occurrence")
	if kind == "claim" || len(w.order) == 0 {
		return dispatch.Claim{Occurrence: occurrence, At: w.now, Order: call.Order{
			Scheme: t.scheme, Attempt: call.NewID(), Offer: 1, Kind: call.KindScheduled, Caller: caller, CallerEndpoint: "c",
			CallerLanguage: "fr", Number: rapid.SampledFrom(w.numbers).Draw(rt, "number"), Language: "fr",
			CallerRing: time.Second, BeneficiaryRing: time.Second, DialBy: w.now.Add(time.Minute),
		}}
	}
	id := rapid.SampledFrom(w.order).Draw(rt, "attempt")
	a := w.attempts[id]
	offer := rapid.IntRange(1, len(a.offers)).Draw(rt, "offer")
	switch kind {
	case "offer":
		return dispatch.Offer{Occurrence: a.occurrence, At: w.now, Order: call.Order{
			Scheme: t.scheme, Attempt: id, Offer: offer + rapid.IntRange(0, 1).Draw(rt, "further"), Caller: caller,
			Number: a.number, CallerRing: time.Second, DialBy: w.now.Add(time.Minute),
		}}
	case "end":
		state := rapid.SampledFrom([]call.OfferState{call.OfferTimedOut, call.OfferDeclined}).Draw(rt, "state")
		return dispatch.OfferEnd{Attempt: id, Offer: offer, State: state, At: w.now}
	case "progress":
		state := rapid.SampledFrom(call.States()[1:5]).Draw(rt, "state")
		return dispatch.Progress{Step: call.Step{Scheme: t.scheme, Attempt: id, Offer: offer, State: state, At: w.now}}
	case "settle":
		state := rapid.SampledFrom([]call.OccurrenceState{call.OccurrenceMissed, call.OccurrenceOpen}).Draw(rt, "state")
		return dispatch.Settle{Settlement: dispatch.Settlement{Occurrence: occurrence, State: state, NotBefore: w.now, At: w.now}}
	case "close":
		return dispatch.CloseCall{Attempt: id, Caller: caller, Disposition: call.DispositionDifficult, At: w.now}
	default:
		result := rapid.SampledFrom([]call.Result{call.ResultAnswered, call.ResultBusy}).Draw(rt, "result")
		end := call.OccurrenceOpen
		if result == call.ResultAnswered {
			end = call.OccurrenceReached
		}
		return dispatch.Finish{
			Outcome: call.Outcome{Scheme: t.scheme, Attempt: id, Offer: offer, Result: result, Fault: call.FaultNone, At: w.now},
			Settlement: dispatch.Settlement{
				Occurrence: a.occurrence, State: end, NotBefore: w.now, Attempts: 1, At: w.now,
			},
		}
	}
}

// apply says what the operation must answer, and does it.
func (w *world) apply(t *town, op dispatch.Op) error {
	attempt := func(id call.ID) *modelAttempt {
		if a := w.attempts[id]; a != nil && a.town == t {
			return a
		}
		return nil
	}
	switch op := op.(type) {
	case dispatch.Claim:
		if t.state[op.Occurrence] != call.OccurrenceOpen {
			return dispatch.ErrStale
		}
		if w.busy[op.Order.Number] != "" {
			return dispatch.ErrNumberBusy
		}
		if w.holders[op.Order.Caller] != "" {
			return dispatch.ErrCallerReserved
		}
		id := op.Order.Attempt
		w.busy[op.Order.Number], w.holders[op.Order.Caller], t.live[op.Occurrence] = id, id, id
		t.state[op.Occurrence] = call.OccurrenceClaimed
		w.attempts[id] = &modelAttempt{
			town: t, occurrence: op.Occurrence, number: op.Order.Number, state: call.StateIntent,
			offers: []int64{op.Order.Caller}, over: []bool{false},
		}
		w.order = append(w.order, id)
	case dispatch.Offer:
		a := attempt(op.Order.Attempt)
		if a == nil {
			return dispatch.ErrStale
		}
		if n := op.Order.Offer; n <= len(a.offers) {
			if a.offers[n-1] == op.Order.Caller {
				return nil
			}
			return dispatch.ErrStale
		}
		if a.state != call.StateIntent && a.state != call.StateOffered {
			return dispatch.ErrStale
		}
		if w.holders[op.Order.Caller] != "" {
			return dispatch.ErrCallerReserved
		}
		w.holders[op.Order.Caller] = op.Order.Attempt
		a.offers, a.over = append(a.offers, op.Order.Caller), append(a.over, false)
	case dispatch.OfferEnd:
		a := attempt(op.Attempt)
		if a == nil {
			return dispatch.ErrStale
		}
		if a.state != call.StateEnded && !a.over[op.Offer-1] {
			a.over[op.Offer-1] = true
			w.free(a, op.Attempt, op.Offer)
		}
	case dispatch.Progress:
		a := attempt(op.Step.Attempt)
		if a == nil {
			return dispatch.ErrStale
		}
		if a.state.CanBecome(op.Step.State) && op.Step.Offer == len(a.offers) {
			a.state = op.Step.State
			if a.state == call.StateBridged {
				t.state[a.occurrence] = call.OccurrenceLive
			}
		}
	case dispatch.Finish:
		a := attempt(op.Outcome.Attempt)
		if a == nil || a.state == call.StateEnded || op.Outcome.Offer < len(a.offers) {
			return dispatch.ErrStale
		}
		a.state = call.StateEnded
		delete(w.busy, a.number)
		delete(t.live, a.occurrence)
		for caller, id := range w.holders {
			if id == op.Outcome.Attempt {
				delete(w.holders, caller)
			}
		}
		t.state[a.occurrence] = op.Settlement.State
	case dispatch.Settle:
		if t.state[op.Settlement.Occurrence] != call.OccurrenceOpen {
			return dispatch.ErrStale
		}
		t.state[op.Settlement.Occurrence] = op.Settlement.State
	case dispatch.CloseCall:
		if attempt(op.Attempt) == nil {
			return dispatch.ErrStale
		}
	}
	return nil
}

// free gives back the reservation of one offer's caller, unless a later offer of the same attempt holds her.
func (w *world) free(a *modelAttempt, id call.ID, offer int) {
	caller := a.offers[offer-1]
	for later := offer; later < len(a.offers); later++ {
		if a.offers[later] == caller && !a.over[later] {
			return
		}
	}
	if w.holders[caller] == id {
		delete(w.holders, caller)
	}
}

// TestApplyAgreesWithTheModel applies random batches to two schemes that share numbers and compares every answer and every
// row with the model.
func TestApplyAgreesWithTheModel(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	published := map[int64][]int64{}
	f := newFixture(t, func(o *postgres.Options) {
		o.Publish = func(events []call.Event) {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range events {
				published[e.SchemeKey] = append(published[e.SchemeKey], e.Number)
			}
		}
	})
	checks := 0
	rapid.Check(t, func(rt *rapid.T) {
		checks++
		w := newWorld(f, checks)
		for range rapid.IntRange(1, 8).Draw(rt, "batches") {
			here := w.towns[rapid.IntRange(0, 1).Draw(rt, "town")]
			if rapid.IntRange(0, 9).Draw(rt, "overtaken") == 0 {
				former := here.epoch
				w.lead(here)
				w.refuse(rt, here, former)
			}
			var ops []dispatch.Op
			var want []error
			for range rapid.IntRange(1, 8).Draw(rt, "size") {
				op := w.draw(rt, here)
				ops, want = append(ops, op), append(want, w.apply(here, op))
			}
			got, err := f.Apply(context.Background(), here.scheme, here.epoch, w.now, ops)
			require.NoError(rt, err)
			require.Len(rt, got, len(want))
			for i := range got {
				require.ErrorIs(rt, got[i], want[i], "%+v", ops) // Nil is only nil.
			}
			w.compare(rt)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, here := range w.towns {
			numbers := published[here.scheme]
			require.True(rt, slices.IsSorted(numbers), "events are published in order")
			require.Equal(rt, int64(len(numbers)), f.one(`SELECT event_number FROM scheme_lead WHERE scheme_id = $1`, here.scheme))
		}
	})
}

// refuse shows that whoever was overtaken decides nothing any more.
func (w *world) refuse(rt *rapid.T, t *town, former int64) {
	_, err := w.f.Apply(context.Background(), t.scheme, former, w.now, []dispatch.Op{dispatch.Settle{
		Settlement: dispatch.Settlement{Occurrence: t.calls[0], State: call.OccurrenceMissed, At: w.now},
	}})
	require.ErrorIs(rt, err, dispatch.ErrFenced)
}

// compare holds the rows to the model and to what must always be true.
func (w *world) compare(rt *rapid.T) {
	ctx := context.Background()
	for _, t := range w.towns {
		for id, state := range t.state {
			var got string
			require.NoError(rt, w.f.pool.QueryRow(ctx, `SELECT state FROM occurrence WHERE occurrence_id = $1`, id).Scan(&got))
			require.Equal(rt, state, call.OccurrenceState(got))
		}
		for _, query := range []string{
			`SELECT max(number) - count(*) FROM event WHERE scheme_id = $1`,
			`SELECT count(*) - count(DISTINCT number) FROM event WHERE scheme_id = $1`,
			`SELECT l.event_number - (SELECT max(number) FROM event e WHERE e.scheme_id = l.scheme_id) FROM scheme_lead l WHERE scheme_id = $1`,
			`SELECT count(*) FROM (SELECT FROM event WHERE scheme_id = $1 GROUP BY entity_id HAVING max(entity_number) <> count(*)) x`,
			// A number is held exactly while its attempt is live.
			`SELECT count(*) FROM attempt a FULL JOIN live_number n USING (scheme_id, attempt_id)
				WHERE scheme_id = $1 AND (a.state = 'ended') IS DISTINCT FROM (n.e164 IS NULL)`,
			// A promise is under way exactly while an attempt is.
			`SELECT count(*) FROM occurrence o WHERE scheme_id = $1 AND (state IN ('claimed', 'live')) <>
				EXISTS (SELECT FROM attempt a WHERE a.scheme_id = o.scheme_id AND a.occurrence_id = o.occurrence_id AND a.state <> 'ended')`,
			`SELECT count(*) FROM attempt a WHERE scheme_id = $1 AND state = 'ended' AND EXISTS (
				SELECT FROM offer o WHERE o.attempt_id = a.attempt_id AND (o.ended_at IS NULL OR o.state = 'ringing'))`,
			`SELECT count(*) FROM reservation r JOIN attempt a USING (scheme_id, attempt_id) WHERE scheme_id = $1 AND a.state = 'ended'`,
		} {
			require.Zero(rt, w.f.one(query, t.scheme), query)
		}
		rows, err := w.f.pool.Query(ctx, `SELECT caller_id, attempt_id::text FROM reservation WHERE scheme_id = $1`, t.scheme)
		require.NoError(rt, err)
		got := map[int64]call.ID{}
		for rows.Next() {
			var caller int64
			var attempt string
			require.NoError(rt, rows.Scan(&caller, &attempt))
			got[caller], err = call.ParseID(attempt)
			require.NoError(rt, err)
		}
		require.NoError(rt, rows.Err())
		want := map[int64]call.ID{}
		for _, caller := range t.callers {
			if id, held := w.holders[caller]; held {
				want[caller] = id
			}
		}
		require.Equal(rt, want, got)
	}
}

// TestApplyingABatchAgainIsHarmless applies whole lives twice.
func TestApplyingABatchAgainIsHarmless(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	w := newWorld(f, 0)
	here := w.towns[0]
	id := call.NewID()
	step := func(state call.State) dispatch.Op {
		return dispatch.Progress{Step: call.Step{Attempt: id, Offer: 1, State: state, At: today}}
	}
	next := &dispatch.Occurrence{
		Agreement: f.Occurrence(here.calls[0]).Agreement, Beneficiary: f.Occurrence(here.calls[0]).Beneficiary,
		Kind: call.KindScheduled, Opens: today.AddDate(0, 0, 1), Closes: today.AddDate(0, 0, 1).Add(time.Hour), Length: time.Minute,
		LocalDate: today.Truncate(24*time.Hour).AddDate(0, 0, 1),
	}
	ops := []dispatch.Op{
		dispatch.Claim{Occurrence: here.calls[0], At: today, Order: call.Order{
			Attempt: id, Offer: 1, Kind: call.KindScheduled, Caller: here.callers[0], Number: w.numbers[0],
			DialBy: today,
		}},
		dispatch.CallerChange{Caller: here.callers[0], State: call.CallerReserved, At: today},
		step(call.StateOffered), step(call.StateAccepted), step(call.StateRinging), step(call.StateBridged),
		dispatch.CallerChange{Caller: here.callers[0], State: call.CallerInCall, At: today.Add(time.Microsecond)},
		dispatch.Finish{
			Outcome: call.Outcome{Attempt: id, Offer: 1, Result: call.ResultAnswered, OfferState: call.OfferAccepted, At: today},
			Settlement: dispatch.Settlement{
				Occurrence: here.calls[0], State: call.OccurrenceReached, Attempts: 1, Rang: true, Next: next, At: today,
			},
		},
		dispatch.CloseCall{Attempt: id, Caller: here.callers[0], Disposition: call.DispositionCourtesy, At: today},
	}
	for cut := 1; cut <= len(ops); cut++ {
		_, err := f.Apply(context.Background(), here.scheme, here.epoch, today, ops[:cut])
		require.NoError(t, err)
		before := f.one(`SELECT event_number FROM scheme_lead WHERE scheme_id = $1`, here.scheme)
		booked := next.ID
		refused, err := f.Apply(context.Background(), here.scheme, here.epoch, today, ops[:cut])
		require.NoError(t, err)
		for i, err := range refused {
			if _, ok := ops[i].(dispatch.Finish); ok || cut > 7 && i == 0 {
				require.ErrorIs(t, err, dispatch.ErrStale)
			} else {
				require.NoError(t, err, "operation %d of %d", i, cut)
			}
		}
		require.Equal(t, before, f.one(`SELECT event_number FROM scheme_lead WHERE scheme_id = $1`, here.scheme))
		require.Equal(t, booked, next.ID, "the next call's key is given again")
	}
	require.NotZero(t, next.ID)
	require.Equal(t, int64(1), f.one(`SELECT calls_today FROM caller_status WHERE caller_id = $1`, here.callers[0]))
	require.Equal(t, here.callers[0], f.one(`SELECT caller_id FROM last_caller WHERE beneficiary_id = $1`, next.Beneficiary))
	events, err := f.Events(context.Background(), here.scheme, 1, 1000)
	require.NoError(t, err)
	require.Len(t, events, int(f.one(`SELECT event_number FROM scheme_lead WHERE scheme_id = $1`, here.scheme)))
	require.Equal(t, "ended", events[len(events)-4].Kind, "%v", events)
}

// TestTwoSchemesRaceForOneNumber has both schemes claim the same number at once, again and again.
func TestTwoSchemesRaceForOneNumber(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	w := newWorld(f, 0)
	for round := range 20 {
		var wg sync.WaitGroup
		var won [2]call.ID
		for i, here := range w.towns {
			wg.Go(func() {
				// Both want two numbers, in opposite order.
				first, second := w.numbers[i], w.numbers[1-i]
				claim := func(n int, number string) dispatch.Claim {
					return dispatch.Claim{Occurrence: here.calls[n], At: today, Order: call.Order{
						Attempt: call.NewID(), Offer: 1, Kind: call.KindScheduled, Caller: here.callers[n], Number: number,
						DialBy: today,
					}}
				}
				a, b := claim(0, first), claim(1, second)
				refused, err := f.Apply(context.Background(), here.scheme, here.epoch, today, []dispatch.Op{a, b})
				if err != nil {
					t.Errorf("round %d: %v", round, err)
					return
				}
				for n, claimed := range []dispatch.Claim{a, b} {
					if refused[n] != nil {
						continue
					}
					won[i] = claimed.Order.Attempt
					_, err := f.Apply(context.Background(), here.scheme, here.epoch, today, []dispatch.Op{dispatch.Finish{
						Outcome:    call.Outcome{Attempt: claimed.Order.Attempt, Offer: 1, Result: call.ResultBusy, At: today},
						Settlement: dispatch.Settlement{Occurrence: claimed.Occurrence, State: call.OccurrenceOpen, At: today},
					}})
					if err != nil {
						t.Errorf("round %d: %v", round, err)
					}
				}
			})
		}
		wg.Wait()
		require.NotEqual(t, won[0]+won[1], call.ID(""), "somebody gets the numbers")
	}
}
