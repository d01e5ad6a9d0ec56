package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// asking is a scheme in which somebody was proposed.
type asking struct {
	*fixture
	scheme, epoch, caller int64
	now                   time.Time
	tries                 int // For each call.
}

func newAsking(t testing.TB, f *fixture, name string) *asking {
	t.Helper()
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	a := &asking{fixture: f, now: today, tries: 1}
	a.scheme = f.AddScheme(dispatch.Scheme{
		Name: name, Zone: brussels, Country: "BE", Opens: 570, Closes: 1020, Lines: 10, CallsPerSecond: 1,
	})
	a.caller = f.AddCaller(a.scheme, dispatch.Caller{
		Roles: []roster.Role{roster.RoleCaller}, Enabled: true, State: call.CallerReady, Since: today,
	})
	a.epoch, err = f.Lead(context.Background(), a.scheme, "test", today)
	require.NoError(t, err)
	return a
}

// put registers somebody as others have proposed her.
func (a *asking) put(ref, number string, change func(*roster.Beneficiary)) {
	a.t.Helper()
	b := roster.Beneficiary{
		Ref: ref, Given: "Zoe", Family: "Quintens", Numbers: []roster.Number{{E164: number}}, Source: roster.SourcePharmacist,
		Consent:   roster.Consent{State: roster.ConsentProposed},
		Agreement: roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{time.Tuesday, time.Thursday}, PerWeek: 2},
	}
	if change != nil {
		change(&b)
	}
	require.NoError(a.t, a.Book(a.scheme, func() time.Time { return a.now }).Edit(context.Background(), func(p roster.Page) error {
		return p.Put(context.Background(), roster.People{Beneficiaries: []roster.Beneficiary{b}})
	}))
	a.plan()
}

func (a *asking) plan() {
	a.t.Helper()
	_, err := a.Plan(context.Background(), a.scheme, a.epoch, a.now, a.now.AddDate(0, 0, 14))
	require.NoError(a.t, err)
}

// open lists the calls to come of everybody.
func (a *asking) open() []string {
	a.t.Helper()
	rows, err := a.pool.Query(context.Background(), `SELECT b.ref || ' ' || o.kind || ' ' || to_char(o.local_date, 'MM-DD')
		FROM occurrence o JOIN beneficiary b USING (scheme_id, beneficiary_id)
		WHERE o.scheme_id = $1 AND o.state IN ('open', 'claimed', 'live') ORDER BY o.opens_at, b.ref`, a.scheme)
	require.NoError(a.t, err)
	var list []string
	for rows.Next() {
		var text string
		require.NoError(a.t, rows.Scan(&text))
		list = append(list, text)
	}
	require.NoError(a.t, rows.Err())
	return list
}

// claim has the first open call of a person rung.
func (a *asking) claim(ref, number string) (call.ID, dispatch.Occurrence) {
	a.t.Helper()
	o := a.Occurrence(a.one(`SELECT o.occurrence_id FROM occurrence o JOIN beneficiary b USING (scheme_id, beneficiary_id)
		WHERE o.scheme_id = $1 AND b.ref = $2 AND o.state = 'open' ORDER BY o.opens_at LIMIT 1`, a.scheme, ref))
	order := call.Order{
		Scheme: a.scheme, Attempt: call.NewID(), Offer: 1, Kind: o.Kind, Caller: a.caller, CallerEndpoint: "c", CallerLanguage: "fr",
		Number: number, Language: "fr", CallerRing: time.Second, BeneficiaryRing: time.Second, DialBy: a.now.Add(time.Minute),
	}
	a.apply(dispatch.Claim{Occurrence: o.ID, Order: order, At: a.now})
	return order.Attempt, o
}

// ring makes a call of which this comes, as the dispatcher settles it.
func (a *asking) ring(ref, number string, out call.Outcome) call.ID {
	a.t.Helper()
	id, o := a.claim(ref, number)
	a.finish(id, o, out)
	return id
}

func (a *asking) finish(id call.ID, o dispatch.Occurrence, out call.Outcome) {
	a.t.Helper()
	snap, err := a.fixture.Store.Load(context.Background(), a.scheme, a.now, a.now.AddDate(0, 0, 1))
	require.NoError(a.t, err)
	for _, loaded := range snap.Occurrences {
		if loaded.ID == o.ID {
			o = loaded
		}
	}
	calendar, err := snap.Scheme.Calendar()
	require.NoError(a.t, err)
	out.Scheme, out.Attempt, out.Offer, out.At, out.Fault = a.scheme, id, 1, a.now, call.FaultNone
	s := dispatch.SettlementOf(&o, out, dispatch.Terms{
		Rules: dispatch.RulesOf(&snap.Scheme, calendar), Ladder: schedule.Ladder{MaxAttempts: a.tries},
	})
	a.apply(dispatch.Finish{Outcome: out, Settlement: s})
}

func (a *asking) apply(op dispatch.Op) {
	a.t.Helper()
	errs, err := a.Apply(context.Background(), a.scheme, a.epoch, a.now, []dispatch.Op{op})
	require.NoError(a.t, err)
	require.NoError(a.t, errs[0])
}

// Until she has agreed she gets one call, by a caller, which is made again when it reached nobody; then those that were proposed.
func TestWhoeverWasProposedIsAskedFirst(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	a := newAsking(t, newFixture(t, withKey("k")), "Namur")
	const her = "+32470000001"
	a.put("B1", her, nil)
	require.Equal(t, []string{"B1 first_call 11-24"}, a.open(), "on Tuesday, and nothing else")
	a.plan()
	require.Len(t, a.open(), 1)
	person, err := a.KeyOf(ctx, a.scheme, "B1")
	require.NoError(t, err)
	_, err = a.Wanted(ctx, a.scheme, person)
	require.ErrorIs(t, err, postgres.ErrNotAgreed)
	_, err = a.BookCallback(ctx, a.scheme, postgres.Callback{Beneficiary: person, Kind: call.KindCallToday}, a.now)
	require.ErrorIs(t, err, postgres.ErrNotAgreed)
	_, err = a.Appointments(ctx, a.scheme, her, a.now)
	require.ErrorIs(t, err, callflow.ErrNothing, "she is told of no call that she has not agreed to")
	_, err = a.Agree(ctx, a.scheme, "B1", call.KindPresence, roster.Agreement{Cadence: roster.Daily}, a.now)
	require.NoError(t, err)
	a.plan()
	require.Equal(t, []string{"B1 first_call 11-24"}, a.open())

	vain := a.ring("B1", her, call.Outcome{Result: call.ResultNoAnswer, Rang: true})
	require.Equal(t, []string{"B1 first_call 11-26"}, a.open(), "on Thursday, the next of her days")
	asks, err := a.Asks(ctx, a.scheme, vain)
	require.NoError(t, err)
	require.False(t, asks, "she was not there to be asked")
	a.now = a.now.AddDate(0, 0, 2)
	id, o := a.claim("B1", her)
	require.ErrorIs(t, a.AnswerFirstCall(ctx, a.scheme, id, roster.AnswerAgreed, a.now), callflow.ErrNotYet)
	a.finish(id, o, call.Outcome{Result: call.ResultAnswered})
	a.plan()
	require.Empty(t, a.open(), "nobody rings her again before it is known what she said")
	list, err := a.Proposals(ctx, a.scheme)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.True(t, list[0].Asked.Equal(a.now))
	require.Equal(t, []any{"B1", roster.SourcePharmacist, 2, today.AddDate(0, 0, 30)}, []any{list[0].Ref, list[0].Source, list[0].Calls, list[0].Until})
	require.NotEmpty(t, list[0].AskedBy)

	require.NoError(t, a.AnswerFirstCall(ctx, a.scheme, id, roster.AnswerLater, a.now))
	require.Equal(t, []string{"B1 first_call 12-01"}, a.open(), "she thinks about it until Tuesday")
	a.now = a.now.AddDate(0, 0, 5)
	id = a.ring("B1", her, call.Outcome{Result: call.ResultAnswered})
	for range 2 {
		require.NoError(t, a.AnswerFirstCall(ctx, a.scheme, id, roster.AnswerAgreed, a.now), "twice is once")
		require.Equal(t, []string{
			"B1 presence 12-01", "B1 presence 12-02", "B1 scheduled 12-03", "B1 presence 12-03",
		}, a.open()[:4])
	}
	b := found(t, a.Store, a.scheme, "B1")
	require.Equal(t, roster.ConsentGiven, b.Consent.State)
	require.Contains(t, b.Consent.How, string(id), "the proof names the call")
	require.ErrorIs(t, a.AnswerFirstCall(ctx, a.scheme, id, roster.AnswerLater, a.now), callflow.ErrNothing)
	list, err = a.Proposals(ctx, a.scheme)
	require.NoError(t, err)
	require.Empty(t, list)
}

// TestWhoeverAgreesMeanwhileIsAskedNoMore has somebody agree in another way while her first call is under way: it is not tried again,
// and no other follows it, however it ends.
func TestWhoeverAgreesMeanwhileIsAskedNoMore(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	a := newAsking(t, newFixture(t, withKey("k")), "Namur")
	for i, out := range []call.Outcome{
		{Result: call.ResultNoAnswer, Rang: true}, {Result: call.ResultBusy, Rang: true}, {Result: call.ResultAnswered}, {Result: call.ResultAnswered, Reason: call.ReasonBrokenByUs},
	} {
		for _, tries := range []int{1, 3} {
			ref, number := fmt.Sprintf("B%d-%d", i, tries), fmt.Sprintf("+3247000000%d", 2*i+tries/3)
			a.tries = tries
			a.put(ref, number, nil)
			id, o := a.claim(ref, number)
			require.NoError(t, a.AnswerConsent(ctx, a.scheme, roster.Answered{Ref: ref, Answer: roster.AnswerAgreed}, a.now))
			a.finish(id, o, out)
			a.plan()
			require.Zero(t, a.one(`SELECT count(*) FROM occurrence o JOIN beneficiary b USING (scheme_id, beneficiary_id)
				WHERE b.ref = $1 AND o.kind = 'first_call' AND o.state IN ('open', 'claimed', 'live')`, ref), ref)
			require.NotZero(t, a.one(`SELECT count(*) FROM occurrence o JOIN beneficiary b USING (scheme_id, beneficiary_id)
				WHERE b.ref = $1 AND o.kind = 'scheduled' AND o.state = 'open'`, ref), "what she has agreed to is booked")
		}
	}
}

// Whoever refuses is erased but for a keyed hash; so is whoever gave no answer in time, without one.
func TestRefusedOrWithoutAnAnswerNothingStays(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f, url := newFixtureAt(t, withKey("k"))
	a := newAsking(t, f, "Namur")
	const her, shared = "+32470000001", "+32470000002"
	a.put("B 1", her, func(b *roster.Beneficiary) { b.Numbers = append(b.Numbers, roster.Number{E164: shared}) })
	a.put("B2", shared, func(b *roster.Beneficiary) {
		b.Consent.State, b.Given, b.Family = roster.ConsentGiven, "Jan", "Peeters"
	})
	_, _, err := f.Announce(ctx, a.scheme, postgres.Pause{Ref: "B 1", First: a.now.AddDate(0, 0, 3).Truncate(24 * time.Hour)}, a.now)
	require.NoError(t, err)
	for i, cli := range []string{her, shared} {
		require.NoError(t, f.SaveMessage(ctx, callflow.Message{
			ID: uuid.NewString(), Scheme: a.scheme, CLI: cli, Language: roster.French, Recording: fmt.Sprintf("messages/m%d", i), At: a.now,
		}))
	}
	name := registered(a.scheme, her)
	name.Name = "registrations/r1"
	require.NoError(t, f.SaveRegistration(ctx, name))
	for _, what := range []string{"POST appointments/B%201/confirm", "POST appointments/B2/confirm"} {
		_, err = f.AddAct(ctx, auth.Act{Scheme: a.scheme, Who: uuid.NewString(), At: a.now, What: what})
		require.NoError(t, err)
	}
	wall := func() (proposed, untold int) {
		roll, err := f.Roll(ctx, a.scheme, a.now)
		require.NoError(t, err)
		return roll.Proposed, roll.Untold
	}
	waiting, _ := wall()
	require.Equal(t, 1, waiting, "B2 has agreed")
	id := a.ring("B 1", her, call.Outcome{Result: call.ResultAnswered})
	_, untold := wall()
	require.Equal(t, 1, untold)
	require.NoError(t, a.AnswerFirstCall(ctx, a.scheme, id, roster.AnswerRefused, a.now))
	require.ErrorIs(t, a.AnswerFirstCall(ctx, a.scheme, id, roster.AnswerAgreed, a.now), callflow.ErrNothing)
	waiting, untold = wall()
	require.Zero(t, waiting+untold)

	for _, text := range []string{her[1:], "B 1", "B%201", "Zoe", "Quintens", "quintens"} {
		nowhere(t, url, text)
	}
	var left []string
	require.NoError(t, f.pool.QueryRow(ctx, `SELECT array_agg(what ORDER BY what) FROM audit`).Scan(&left))
	require.Equal(t, []string{"POST appointments/B2/confirm", "POST appointments/erased/confirm"}, left, "that it was done stays")
	require.Equal(t, int64(1), f.one(`SELECT count(*) FROM voice_message`), "one number is her husband's too")
	require.Zero(t, f.one(`SELECT count(*) FROM absence`))
	erasures, err := f.Erasures(ctx, a.scheme)
	require.NoError(t, err)
	var files []string
	for _, e := range erasures {
		files = append(files, e.Recording)
		require.NoError(t, f.Erased(ctx, a.scheme, e.Recording))
	}
	require.ElementsMatch(t, []string{"messages/m0", "registrations/r1"}, files)
	refused, err := f.Refused(ctx, a.scheme, []string{her, shared})
	require.NoError(t, err)
	require.Equal(t, map[string]bool{her: true, shared: true}, refused)
	require.ErrorIs(t, put(f.Store, a.scheme, person("B9", her)), roster.ErrNumberRefused)

	a.put("B3", "+32470000003", func(b *roster.Beneficiary) { b.Given = "Odette" })
	reached, first := a.claim("B3", "+32470000003")
	a.finish(reached, first, call.Outcome{Result: call.ResultAnswered})
	a.put("B4", "+32470000004", nil)
	a.put("B5", "+32470000005", nil)
	late := a.Occurrence(a.one(`SELECT o.occurrence_id FROM occurrence o JOIN beneficiary b USING (scheme_id, beneficiary_id)
		WHERE b.ref = 'B5' AND o.state = 'open'`))
	a.apply(dispatch.Settle{Settlement: dispatch.Settlement{Occurrence: late.ID, State: call.OccurrenceMissed, At: a.now}})
	left = nil
	for day := range 31 {
		a.now = a.now.AddDate(0, 0, 1)
		people, registrations, err := f.LapseProposals(ctx, a.scheme, a.now)
		require.NoError(t, err)
		require.Equal(t, day == 30, people == 1, day)
		require.Zero(t, registrations)
	}
	nowhere(t, url, "Odette")
	require.Equal(t, int64(2), f.one(`SELECT count(*) FROM beneficiary WHERE ref IN ('B4', 'B5')`), "nobody has had the time to ask them")
	refused, err = f.Refused(ctx, a.scheme, []string{"+32470000003"})
	require.NoError(t, err)
	require.Empty(t, refused, "she may be proposed again")
	require.NoError(t, f.pool.QueryRow(ctx, `SELECT array_agg(source || ' ' || outcome || ' ' || count ORDER BY source, outcome)
		FROM registration_count WHERE scheme_id = $1 AND outcome IN ('refused', 'lapsed')`, a.scheme).Scan(&left))
	require.Equal(t, []string{"pharmacist lapsed 1", "pharmacist refused 1"}, left, "where people came from is counted")
	counts, err := f.Origins(ctx, a.scheme)
	require.NoError(t, err)
	require.Contains(t, counts, report.Origin{
		Month: time.Date(today.Year(), today.Month(), 1, 0, 0, 0, 0, time.UTC), Source: roster.SourcePharmacist, Outcome: "refused", Count: 1,
	})
	require.Equal(t, int64(0), f.one(`SELECT count(*) FROM beneficiary WHERE ref LIKE 'X-%' AND (source <> 'service' OR class <> 0)`))
}

// TestNobodyIsCalledBeforeShe has agreed, whatever happens in whatever order: no call of a person who was proposed is ever open but
// one first call, and none of those who have agreed asks them again.
func TestNobodyIsCalledBeforeSheHasAgreed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withKey("k"))
	checks := 0
	rapid.Check(t, func(rt *rapid.T) {
		checks++
		ctx := context.Background()
		a := newAsking(t, f, fmt.Sprintf("world %d", checks))
		number := func(ref string) string { return fmt.Sprintf("+3247%05d%s", checks, ref[1:]) }
		refs := []string{"B1", "B2", "B3"}
		live, of := map[string]call.ID{}, map[string]dispatch.Occurrence{}
		gone := map[string]bool{}
		steps := rapid.IntRange(5, 25).Draw(rt, "steps")
		for range steps {
			ref := rapid.SampledFrom(refs).Draw(rt, "ref")
			switch op := rapid.SampledFrom([]string{
				"put", "put", "plan", "surge", "presence", "away", "claim", "claim", "finish", "finish", "answer", "answer", "day", "lapse",
			}).Draw(rt, "op"); op {
			case "put":
				if gone[ref] {
					continue
				}
				state := rapid.SampledFrom(roster.ConsentStates()[:3]).Draw(rt, "state")
				if state == roster.ConsentRefused {
					state = roster.ConsentWithdrawn
				}
				purpose := roster.PurposeCallingScheme
				if ref == "B3" {
					purpose = roster.PurposeHeatRegister
				}
				cadence := rapid.SampledFrom([]roster.Cadence{roster.Daily, roster.Weekly, roster.Monthly}).Draw(rt, "cadence")
				a.put(ref, number(ref), func(b *roster.Beneficiary) {
					b.Consent.State, b.Purpose, b.Agreement = state, purpose, roster.Agreement{Cadence: cadence}
				})
			case "plan":
				a.plan()
			case "surge":
				kind := rapid.SampledFrom([]call.Kind{call.KindScheduled, call.KindPresence, call.KindSurvey}).Draw(rt, "kind")
				_, err := a.Surge(ctx, a.scheme, postgres.Surge{Kind: kind}, a.now, false)
				require.NoError(t, err)
			case "presence":
				_, err := a.Agree(ctx, a.scheme, ref, call.KindPresence, roster.Agreement{Cadence: roster.Daily}, a.now)
				require.True(t, err == nil || errors.Is(err, postgres.ErrNoBeneficiary), err)
			case "away":
				_, _, err := a.Announce(ctx, a.scheme, postgres.Pause{
					Ref: ref, First: a.now.Truncate(24 * time.Hour), Last: a.now.AddDate(0, 0, 2).Truncate(24 * time.Hour), WelcomeBack: true,
				}, a.now)
				_ = err // She may not be there, or be away already.
			case "claim":
				if live[ref] == "" && int64(0) < f.one(`SELECT count(*) FROM occurrence o JOIN beneficiary b USING (scheme_id, beneficiary_id)
					WHERE o.scheme_id = $1 AND b.ref = $2 AND o.state = 'open'`, a.scheme, ref) && len(live) == 0 {
					live[ref], of[ref] = a.claim(ref, number(ref))
				}
			case "finish":
				if id := live[ref]; id != "" {
					result := rapid.SampledFrom([]call.Outcome{
						{Result: call.ResultAnswered}, {Result: call.ResultAnswered, Reason: call.ReasonBrokenByUs}, {Result: call.ResultNoAnswer, Rang: true},
					}).Draw(rt, "result")
					a.finish(id, of[ref], result)
					delete(live, ref)
				}
			case "answer":
				answer := rapid.SampledFrom(roster.ConsentAnswers()[:3]).Draw(rt, "answer")
				err := a.AnswerConsent(ctx, a.scheme, roster.Answered{Ref: ref, Answer: answer}, a.now)
				gone[ref] = gone[ref] || err == nil && answer == roster.AnswerRefused
				require.True(t, err == nil || errors.Is(err, postgres.ErrNoBeneficiary) || errors.Is(err, callflow.ErrNothing) || errors.Is(err, inbox.ErrInCall), err)
			case "day":
				a.now = a.now.AddDate(0, 0, 1)
			case "lapse":
				_, _, err := a.LapseProposals(ctx, a.scheme, a.now.AddDate(0, 0, rapid.IntRange(0, 40).Draw(rt, "days")))
				require.NoError(t, err)
			}
			require.Empty(t, uncovered(t, a), a.open())
		}
	})
}

// uncovered lists the open calls that nobody has agreed to, and first calls of people who need none.
func uncovered(t *testing.T, a *asking) []string {
	t.Helper()
	rows, err := a.pool.Query(context.Background(), `
		WITH people AS (
			SELECT b.*, coalesce((SELECT c.state FROM consent c WHERE c.scheme_id = b.scheme_id AND c.beneficiary_id = b.beneficiary_id
				AND c.purpose = b.purpose ORDER BY c.consent_id DESC LIMIT 1), 'proposed') AS said
			FROM beneficiary b WHERE b.scheme_id = $1)
		SELECT b.ref || ' ' || b.said || ' ' || o.kind FROM occurrence o JOIN people b USING (scheme_id, beneficiary_id)
		WHERE o.state = 'open' AND NOT (b.said = 'given' AND o.kind <> 'first_call' OR b.said = 'proposed' AND o.kind = 'first_call')
		UNION ALL
		SELECT b.ref || ' twice' FROM occurrence o JOIN people b USING (scheme_id, beneficiary_id)
		WHERE o.state IN ('open', 'claimed', 'live') AND o.kind = 'first_call' GROUP BY b.ref HAVING count(*) > 1`, a.scheme)
	require.NoError(t, err)
	var list []string
	for rows.Next() {
		var text string
		require.NoError(t, rows.Scan(&text))
		list = append(list, text)
	}
	require.NoError(t, rows.Err())
	return list
}
