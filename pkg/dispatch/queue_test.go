package dispatch_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// registrar adds one who speaks the languages.
func (h *house) registrar(languages ...roster.Language) int64 {
	return h.caller(func(c *dispatch.Caller) {
		c.Roles, c.Languages, c.Endpoint = []roster.Role{roster.RoleRegistrar}, languages, "desk"
	})
}

// line is the parties' side of the queue.
type line struct {
	*house
	mu    sync.Mutex
	turns map[string]dispatch.Turn // The last one that each was told and has not taken. Guarded by mu.
}

func (h *house) queue() *line { return &line{house: h, turns: map[string]dispatch.Turn{}} }

// join lets somebody wait.
func (l *line) join(key string, language roster.Language) error {
	err := l.desk.JoinQueue(l.t.Context(), l.scheme, dispatch.Party{
		Key: key, ID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(key)).String(), Language: language,
	}, func(t dispatch.Turn) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.turns[key] = t
	})
	synctest.Wait()
	return err
}

// turn takes what a party was told: the registrar reserved for her, or 0.
func (l *line) turn(key string) int64 {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.turns[key]
	delete(l.turns, key)
	return t.Registrar.ID
}

// talk is a party's conversation with the registrar.
func (l *line) talk(key string, registrar int64, d time.Duration) {
	l.t.Helper()
	l.desk.Joined(l.scheme, key)
	after(d)
	require.NoError(l.t, l.desk.ReleaseRegistrar(l.t.Context(), l.scheme, registrar, key, call.OfferAccepted))
	synctest.Wait()
}

func (l *line) release(key string, registrar int64, state call.OfferState) {
	l.t.Helper()
	require.NoError(l.t, l.desk.ReleaseRegistrar(l.t.Context(), l.scheme, registrar, key, state))
	synctest.Wait()
}

func (l *line) place(key string) dispatch.Place {
	l.t.Helper()
	p, err := l.desk.QueuePlace(l.t.Context(), l.scheme, key)
	require.NoError(l.t, err)
	return p
}

func TestTheQueueIsServedInItsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		rosa := h.registrar(roster.French)
		h.occurrence("+3281000001")
		h.open()
		require.Empty(t, h.board.Started(), "registrars take no scheduled calls")
		q := h.queue()
		for _, key := range []string{"a", "b", "c"} {
			require.NoError(t, q.join(key, roster.French))
			after(time.Second)
		}
		require.Equal(t, rosa, q.turn("a"))
		require.Zero(t, q.turn("b"))
		require.Equal(t, 1, q.place("b").Position)
		require.Equal(t, 2, q.place("c").Position)
		require.Equal(t, call.CallerReserved, h.store.Caller(rosa).State)
		q.talk("a", rosa, time.Minute)
		require.Equal(t, call.CallerWrapUp, h.store.Caller(rosa).State)
		require.Zero(t, q.turn("b"), "she writes her notes")
		after(time.Minute)
		require.Equal(t, rosa, q.turn("b"))
		// Whoever hangs up frees her for the next.
		h.desk.LeaveQueue(h.scheme, "b", dispatch.InboundAbandoned)
		require.Equal(t, rosa, q.turn("c"))
		q.talk("c", rosa, time.Minute)

		var kinds []string
		for _, s := range h.store.Inbound() {
			kinds = append(kinds, string(s.Kind)+string(s.Reason))
		}
		require.Equal(t, []string{"queued", "queued", "queued", "answered", "ended", "leftabandoned", "answered", "ended"}, kinds)
	})
}

func TestNobodyWaitsWhereNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.caller()
		rosa := h.registrar(roster.French)
		h.open()
		q := h.queue()
		require.NoError(t, h.desk.SetState(t.Context(), h.scheme, rosa, call.CallerBreak, ""))
		require.ErrorIs(t, q.join("a", roster.French), dispatch.ErrNobodyFree)
		require.NoError(t, h.desk.SetState(t.Context(), h.scheme, rosa, call.CallerReady, ""))
		require.NoError(t, q.join("a", roster.French))
		require.NoError(t, q.join("b", roster.French))
		require.Equal(t, rosa, q.turn("a"))
		// She lets it ring and is set aside: both are told, and each once.
		q.release("a", rosa, call.OfferTimedOut)
		require.Equal(t, map[string]dispatch.Turn{"a": {Nobody: true}, "b": {Nobody: true}}, q.turns)
	})
}

func TestWhoSpeaksTheLanguageFirstAndOthersAfterTheOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *dispatch.Scheme) { s.OverflowTo = roster.RoleCoordinator })
		fr, nl := h.registrar(roster.French), h.registrar(roster.Dutch)
		cora := h.caller(func(c *dispatch.Caller) { c.Roles, c.Endpoint = []roster.Role{roster.RoleCoordinator}, "cora" })
		h.open()
		q := h.queue()
		require.NoError(t, q.join("a", roster.Dutch))
		require.Equal(t, nl, q.turn("a"))
		require.NoError(t, q.join("b", roster.Dutch))
		require.Zero(t, q.turn("b"), "a registrar who speaks it is on shift")
		require.NoError(t, q.join("c", roster.German))
		require.Equal(t, fr, q.turn("c"), "nobody speaks it: the other language rather than nobody")
		require.NoError(t, q.join("d", roster.French))
		after(2 * time.Minute)
		require.Equal(t, cora, q.turn("b"), "the oldest has the other pool")
		require.Zero(t, q.turn("d"))
		q.talk("c", fr, time.Second)
		after(time.Minute)
		require.Equal(t, fr, q.turn("d"))
		// Who declined is rung again only when nobody else is on shift.
		q.release("b", cora, call.OfferDeclined)
		require.Zero(t, q.turn("b"))
	})
}

func TestTheWaitIsToldOnceEnoughIsKnown(t *testing.T) {
	for name, c := range map[string]struct {
		early bool
		want  time.Duration
	}{
		"two before her, four minutes each with the notes": {false, 8 * time.Minute},
		"notes that took no time are not counted":          {true, 6 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				rosa := h.registrar(roster.French)
				h.open()
				q := h.queue()
				for i := range 5 {
					key := fmt.Sprint("before", i)
					require.NoError(t, q.join(key, roster.French))
					require.NoError(t, q.join("x", roster.French))
					require.Zero(t, q.place("x").Wait, "after %d", i)
					h.desk.LeaveQueue(h.scheme, "x", dispatch.InboundAbandoned)
					require.Equal(t, rosa, q.turn(key))
					q.talk(key, rosa, 3*time.Minute)
					if c.early {
						require.NoError(t, h.desk.SetState(t.Context(), h.scheme, rosa, call.CallerReady, ""))
						synctest.Wait()
					}
					after(time.Minute)
				}
				for _, key := range []string{"a", "b", "c"} {
					require.NoError(t, q.join(key, roster.French))
					after(time.Second)
				}
				require.Equal(t, 2, q.place("c").Position)
				require.InDelta(t, c.want, q.place("c").Wait, float64(time.Second))
			})
		})
	}
}

// owe books a callback of the line whose party came at an instant.
func (h *house) owe(number string, asked time.Time) int64 {
	return h.store.AddOccurrence(h.scheme, dispatch.Occurrence{
		Kind: call.KindCallback, Opens: asked, Closes: asked.Add(24 * time.Hour), LocalDate: asked.Truncate(24 * time.Hour),
		Length: 5 * time.Minute, Language: roster.French, Continuity: roster.Rotate, Numbers: []string{number}, Queued: true,
	})
}

func TestACallbackKeepsItsPlaceAndIsTriedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.caller()
		rosa := h.registrar(roster.French)
		owed := h.owe("+3281000009", time.Now().Add(-time.Minute))
		h.store.UpdateCaller(rosa, func(c *dispatch.Caller) { c.State = call.CallerBreak })
		h.open()
		require.Empty(t, h.board.Started(), "a caller is no registrar")
		require.NoError(t, h.desk.SetState(t.Context(), h.scheme, rosa, call.CallerReady, ""))
		synctest.Wait()
		o := h.last()
		require.Equal(t, rosa, o.Caller, "her phone rings first")
		require.Equal(t, call.KindCallback, o.Kind)
		require.Equal(t, "+3281000009", o.Number)
		q := h.queue()
		require.NoError(t, q.join("late", roster.French))
		require.Zero(t, q.turn("late"), "who came later waits")
		h.step(o, call.StateOffered, call.StateAccepted, call.StateRinging)
		h.end(o, call.Outcome{OfferState: call.OfferAccepted, Result: call.ResultNoAnswer, Rang: true})
		after(10 * time.Second)
		require.Equal(t, rosa, q.turn("late"), "the second try is not due yet")
		q.talk("late", rosa, time.Minute)
		after(time.Minute)
		require.Len(t, h.board.Started(), 1)
		after(time.Hour)
		require.Len(t, h.board.Started(), 2, "two tries")
		o = h.last()
		h.step(o, call.StateOffered, call.StateAccepted, call.StateRinging)
		h.end(o, call.Outcome{OfferState: call.OfferAccepted, Result: call.ResultBusy, Rang: true})
		require.Equal(t, call.OccurrenceUnreached, h.store.Occurrence(owed).State)
	})
}

func TestWhoWasFirstIsServedFirstOnTheLineOrCalledBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		rosa := h.registrar(roster.French)
		h.open()
		q := h.queue()
		require.NoError(t, q.join("busy", roster.French))
		require.Equal(t, rosa, q.turn("busy"))
		require.NoError(t, q.join("a", roster.French))
		after(time.Second)
		asked := time.Now()
		after(time.Second)
		require.NoError(t, q.join("b", roster.French))
		id := h.owe("+3281000009", asked)
		h.desk.Take(h.store.Occurrence(id), h.scheme)
		synctest.Wait()
		require.Equal(t, 3, q.place("b").Position, "the callback is before her")
		q.talk("busy", rosa, time.Minute)
		after(time.Minute)
		require.Equal(t, rosa, q.turn("a"))
		q.talk("a", rosa, time.Minute)
		after(time.Minute)
		require.Zero(t, q.turn("b"))
		o := h.last()
		require.Equal(t, "+3281000009", o.Number)
		// She does not take it: the attempt ends, nothing rang, and the callback is owed as before.
		h.step(o, call.StateOffered)
		h.end(o, call.Outcome{OfferState: call.OfferDeclined})
		require.Equal(t, call.OccurrenceOpen, h.store.Occurrence(id).State)
		after(31 * time.Second)
		require.Len(t, h.board.Started(), 2)
		h.end(h.last(), answered)
		require.Equal(t, call.OccurrenceReached, h.store.Occurrence(id).State)
		after(time.Minute)
		require.Equal(t, rosa, q.turn("b"))
	})
}

// talking is a store in which somebody talks to a registrar when the lead is taken.
type talking struct {
	dispatch.Store
	talks []dispatch.Talk
}

func (s talking) Load(ctx context.Context, scheme int64, now, until time.Time) (*dispatch.Snapshot, error) {
	snap, err := s.Store.Load(ctx, scheme, now, until)
	if err == nil {
		snap.Talks = s.talks
	}
	return snap, err
}

// TestATalkOutlivesTheService: whoever talked to a registrar when the service died talks still, as far as anybody knows: her phone is
// in use until the switchboard says that it is over, however long her notes would have taken. A talk that nobody can tell of is over.
func TestATalkOutlivesTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		since := time.Now().Add(-3 * time.Minute)
		inCall := func(c *dispatch.Caller) {
			c.Roles, c.Endpoint, c.State, c.Since = []roster.Role{roster.RoleRegistrar}, "desk", call.CallerInCall, since
		}
		rosa, nora := h.caller(inCall), h.caller(inCall)
		party := func(key string, registrar int64) dispatch.Talk {
			return dispatch.Talk{
				Party:     dispatch.Party{Key: key, ID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(key)).String(), Language: roster.French},
				Registrar: registrar, Queued: since.Add(-time.Minute), Answered: since,
			}
		}
		h.opts.Store = talking{h.store, []dispatch.Talk{party("a", rosa), party(string(call.NewID()), nora)}}
		h.open()
		require.Equal(t, []call.Talk{{Scheme: h.scheme, Key: "a", Registrar: rosa}}, h.board.AdoptedTalks(), "the other's attempt has ended")
		require.Equal(t, call.CallerInCall, h.store.Caller(rosa).State)
		require.Equal(t, since, h.store.Caller(rosa).Since, "she talks since then")
		after(10 * time.Minute)
		require.Equal(t, call.CallerReady, h.store.Caller(nora).State)
		h.desk.OnLine(h.scheme, nora, true)
		q := h.queue()
		require.NoError(t, q.join("b", roster.French))
		require.Zero(t, q.turn("b"), "nobody is free")
		q.release("a", rosa, call.OfferAccepted)
		require.Equal(t, call.CallerWrapUp, h.store.Caller(rosa).State)
		after(time.Minute)
		require.Equal(t, rosa, q.turn("b"))
		var kinds []string
		for _, s := range h.store.Inbound() {
			kinds = append(kinds, string(s.Kind))
		}
		require.Equal(t, []string{"ended", "queued", "ended"}, kinds)
	})
}
