package app

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/dispatch/dispatchtest"
	"github.com/rappel-tel/rappel/pkg/natsbus"
)

// heard is a dispatcher that only listens.
type heard struct {
	mu   sync.Mutex
	told hearing
}

// hearing is what a dispatcher was told.
type hearing struct {
	steps    []call.State
	ends     []call.Outcome
	closings int
	left     int
}

// so is what was heard so far.
func (h *heard) so() hearing {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.told
}

func (h *heard) note(n func(*hearing)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n(&h.told)
}

func (h *heard) PlacedAt(string, call.ID, int, time.Duration) {}
func (h *heard) Answered(call.Answer)                         {}
func (h *heard) Step(s call.Step)                             { h.note(func(t *hearing) { t.steps = append(t.steps, s.State) }) }
func (h *heard) Ended(o call.Outcome)                         { h.note(func(t *hearing) { t.ends = append(t.ends, o) }) }
func (h *heard) CallerLeft(_, _ int64, _ call.ID, _ time.Time) {
	h.note(func(t *hearing) { t.left++ })
}

func (h *heard) CloseCall(context.Context, callflow.Closing) error {
	h.note(func(t *hearing) { t.closings++ })
	return nil
}

// far is another node as it is seen over the event bus: what it says goes through JSON.
type far struct {
	witness *witness
	silent  atomic.Bool
	anew    atomic.Bool // It started anew: it remembers nothing, and the records know no call of its own.
	asked   atomic.Int32
}

func (f *far) ask(_ context.Context, _ string, q inquiry) (deposition, error) {
	f.asked.Add(1)
	if f.silent.Load() {
		return deposition{}, natsbus.ErrNobody
	}
	d := deposition{Accounts: map[call.ID]account{}}
	for _, id := range q.Attempts {
		if f.anew.Load() {
			d.Accounts[id] = account{Unknown: true}
		} else if a, known := f.witness.of(id); known {
			d.Accounts[id] = a
		}
	}
	text, err := json.Marshal(d)
	if err != nil {
		return deposition{}, err
	}
	var copied deposition
	return copied, json.Unmarshal(text, &copied)
}

// remote is a call at another node, and what is heard of it here.
func remote(t *testing.T, state call.State) (f *far, h *heard, live call.Live, begin func()) {
	d, err := dispatch.New(dispatch.Options{
		Store: dispatchtest.NewMemory(), Switchboard: &dispatchtest.Switchboard{}, Logger: zap.NewNop(), Now: time.Now,
	})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	f = &far{witness: &witness{desk: d, now: time.Now, accounts: map[call.ID]*account{}}}
	h = &heard{}
	live = call.Live{
		State: state, Node: "far", ClaimedAt: time.Now(),
		Order: call.Order{
			Scheme: 1, Attempt: call.NewID(), Offer: 1, Caller: 7, DialBy: time.Now().Add(35 * time.Second), BeneficiaryRing: time.Minute,
		},
	}
	if state == call.StateBridged {
		live.BridgedAt = time.Now()
	}
	e := &elsewhere{ask: f.ask, desk: h, log: zap.NewNop(), now: time.Now, real: time.Now}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); e.wait() })
	return f, h, live, func() { e.follow(ctx, "far", []call.Live{live}) }
}

// later lets time pass, and whatever happens at that instant happen.
func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestACallElsewhereIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, h, live, begin := remote(t, call.StateAccepted)
		id := live.Order.Attempt
		step := func(s call.State) {
			f.witness.Step(call.Step{Scheme: 1, Attempt: id, Offer: 1, State: s, At: time.Now()})
		}
		step(call.StateOffered)
		step(call.StateAccepted)
		begin()
		later(10 * time.Second)
		step(call.StateRinging)
		step(call.StateBridged)
		later(2 * time.Second)
		require.Equal(t, []call.State{call.StateOffered, call.StateAccepted, call.StateRinging, call.StateBridged}, h.so().steps)

		// Cut off for less than a minute: nothing is made up.
		f.silent.Store(true)
		later(50 * time.Second)
		f.witness.Ended(call.Outcome{
			Scheme: 1, Attempt: id, Offer: 1, OfferState: call.OfferAccepted, Result: call.ResultAnswered, Talk: 40 * time.Second, CallerPresent: true,
		})
		require.Empty(t, h.so().ends)
		f.silent.Store(false)
		later(2 * time.Second)
		require.Len(t, h.so().ends, 1)
		require.Equal(t, 40*time.Second, h.so().ends[0].Talk)
		require.False(t, h.so().ends[0].EndEstimated)

		require.True(t, f.witness.closed(callflow.Closing{Scheme: 1, Attempt: id, Caller: 7, FollowUp: true}))
		f.witness.callerLeft(id)
		later(2 * time.Second)
		require.Equal(t, 1, h.so().closings)
		require.Equal(t, 1, h.so().left)
		asked := f.asked.Load()
		later(time.Minute)
		require.Equal(t, asked, f.asked.Load(), "nothing more is to be asked")
		require.Len(t, h.so().ends, 1)
		require.Len(t, h.so().steps, 4)
	})
}

// TestACallerIsFreeOnceHerNodeStartedAnew: it was away for a moment while she was at the keypad after her call, and knows nothing of
// it any more.
func TestACallerIsFreeOnceHerNodeStartedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, h, live, begin := remote(t, call.StateBridged)
		begin()
		f.witness.Ended(call.Outcome{Scheme: 1, Attempt: live.Order.Attempt, Offer: 1, Result: call.ResultAnswered, CallerPresent: true})
		later(10 * time.Second)
		require.Zero(t, h.so().left, "she is at the keypad")
		f.anew.Store(true)
		later(2 * time.Second)
		require.Equal(t, 1, h.so().left)
		require.Len(t, h.so().ends, 1)
		asked := f.asked.Load()
		later(time.Minute)
		require.Equal(t, asked, f.asked.Load(), "nothing more is to be asked")
	})
}

// TestACallerLeftWithHerNode: nobody will say that she has left, and she is wanted for other calls.
func TestACallerLeftWithHerNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, h, live, begin := remote(t, call.StateBridged)
		begin()
		f.witness.Ended(call.Outcome{Scheme: 1, Attempt: live.Order.Attempt, Offer: 1, Result: call.ResultAnswered, CallerPresent: true})
		later(30 * time.Second)
		require.Zero(t, h.so().left, "she is at the keypad")
		f.silent.Store(true)
		later(leavingLimit - time.Second)
		require.Zero(t, h.so().left)
		later(5 * time.Second)
		require.Equal(t, 1, h.so().left)
		require.Len(t, h.so().ends, 1)
	})
}

func TestACallAtASilentNodeEndsOnceNothingCanRing(t *testing.T) {
	for state, after := range map[call.State]time.Duration{
		call.StateIntent: 95 * time.Second, call.StateRinging: 95 * time.Second, call.StateBridged: time.Minute,
	} {
		t.Run(string(state), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, h, _, begin := remote(t, state)
				f.silent.Store(true)
				begin()
				later(after - time.Second)
				require.Empty(t, h.so().ends)
				later(4 * time.Second)
				require.Len(t, h.so().ends, 1)
				end := h.so().ends[0]
				require.True(t, end.EndEstimated)
				require.Equal(t, call.ReasonRestart, end.Reason)
				if state == call.StateBridged {
					require.Equal(t, call.ResultAnswered, end.Result)
					require.LessOrEqual(t, end.Talk, after+4*time.Second)
				} else {
					require.Equal(t, call.ResultUnknown, end.Result)
				}
				later(time.Hour)
				require.Len(t, h.so().ends, 1)
			})
		})
	}
}

// TestANodeThatForgotACall: it started anew after the call had ended and been recorded.
func TestANodeThatForgotACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, h, live, begin := remote(t, call.StateBridged)
		f.witness.note(live.Order.Attempt, func(a *account) { a.Steps = make([]call.Step, 3) })
		begin()
		later(3 * time.Second)
		require.Len(t, h.so().steps, 3)
		f.witness.mu.Lock()
		f.witness.accounts[live.Order.Attempt] = &account{Steps: make([]call.Step, 1)}
		f.witness.mu.Unlock()
		later(3 * time.Second)
		require.Len(t, h.so().steps, 4, "an account that begins anew is told from its beginning")
		require.Empty(t, h.so().ends)
	})
}

// TestAnAnswerIsHeardByWhoeverLeadsNext: what she keyed while nobody led her scheme is told to this node when it leads again.
func TestAnAnswerIsHeardByWhoeverLeadsNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(82 * time.Hour) // The bubble begins on a Saturday at midnight.
		store, board := dispatchtest.NewMemory(), &dispatchtest.Switchboard{}
		d, err := dispatch.New(dispatch.Options{Store: store, Switchboard: board, Logger: zap.NewNop(), Now: time.Now, Together: -1})
		require.NoError(t, err)
		defer d.Close()
		now := time.Now()
		scheme := store.AddScheme(dispatch.Scheme{Zone: time.UTC, Trunk: "trunk", Lines: 4})
		store.AddOccurrence(scheme, dispatch.Occurrence{
			Kind: call.KindPresence, State: call.OccurrenceOpen, Opens: now, Closes: now.Add(time.Hour), NotBefore: now, Beneficiary: 5,
			LocalDate: now, Length: time.Minute, Language: "fr", Numbers: []string{"+3281990001"},
		})
		require.NoError(t, d.Lead(t.Context(), scheme))
		synctest.Wait()
		require.Len(t, board.Started(), 1)
		o := board.Started()[0]
		w := &witness{desk: d, now: time.Now, accounts: map[call.ID]*account{}}
		w.Step(call.Step{Scheme: scheme, Attempt: o.Attempt, State: call.StateBridged, At: now})
		synctest.Wait()
		d.Resign(scheme)
		w.Answered(call.Answer{Scheme: scheme, Attempt: o.Attempt, N: 1, Question: "presence", Answer: call.AnswerCallBack, At: now})
		require.NoError(t, d.Lead(t.Context(), scheme))
		require.False(t, w.repeat(call.Live{Order: o}))
		synctest.Wait()
		a, known := store.Attempt(o.Attempt)
		require.True(t, known)
		require.Equal(t, call.AnswerCallBack, a.Answer)
	})
}

// TestADifficultCallIsHeardByWhoeverLeadsNext: what a caller said of a call while another node led, and nobody asked for, counts
// when this node leads again.
func TestADifficultCallIsHeardByWhoeverLeadsNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := dispatchtest.NewMemory()
		d, err := dispatch.New(dispatch.Options{Store: store, Switchboard: &dispatchtest.Switchboard{}, Logger: zap.NewNop(), Now: time.Now})
		require.NoError(t, err)
		defer d.Close()
		scheme := store.AddScheme(dispatch.Scheme{Zone: time.UTC, Trunk: "trunk", Lines: 4})
		caller := store.AddCaller(scheme, dispatch.Caller{Enabled: true, State: call.CallerOff})
		var told atomic.Int64
		store.SetFault(func(ops []dispatch.Op) (before, after error) {
			for _, op := range ops {
				if c, is := op.(dispatch.CloseCall); is && c.Disposition == call.DispositionDifficult {
					told.Add(1)
				}
			}
			return nil, nil
		})
		w := &witness{desk: d, now: time.Now, accounts: map[call.ID]*account{}}
		c := callers{Dispatcher: d, witness: w, log: zap.NewNop()}
		said := callflow.Closing{
			Scheme: scheme, Attempt: call.NewID(), Caller: caller, Disposition: call.DispositionDifficult, At: time.Now(),
		}
		require.NoError(t, c.CloseCall(t.Context(), said))
		known, _ := w.of(said.Attempt)
		require.Len(t, known.Closings, 1, "for whoever leads")
		require.NoError(t, d.Lead(t.Context(), scheme))
		require.NoError(t, w.handClosings(t.Context(), scheme))
		require.NoError(t, w.handClosings(t.Context(), scheme))
		known, _ = w.of(said.Attempt)
		require.Empty(t, known.Closings, "it was told")
		later(time.Second)
		require.Equal(t, int64(1), told.Load())
	})
}

func TestAWitnessForgetsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _, live, _ := remote(t, call.StateBridged)
		f.witness.Ended(call.Outcome{Scheme: 1, Attempt: live.Order.Attempt, Offer: 1, Result: call.ResultAnswered})
		later(2 * accountKept)
		f.witness.change(call.NewID(), func(*account) {})
		_, known := f.witness.of(live.Order.Attempt)
		require.False(t, known)

		f.witness.closed(callflow.Closing{Scheme: 1, Attempt: live.Order.Attempt}) // Said long after.
		later(2 * accountKept)
		f.witness.change(call.NewID(), func(*account) {})
		_, known = f.witness.of(live.Order.Attempt)
		require.False(t, known)
	})
}
