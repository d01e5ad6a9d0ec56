package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

func TestWall(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := context.Background()
	w := newWorld(f, 0)
	here := w.towns[0]
	_, err := f.Scheme(ctx, uuid.NewString())
	require.ErrorIs(t, err, report.ErrNoScheme)
	_, err = f.Scheme(ctx, "x")
	require.ErrorIs(t, err, report.ErrNoScheme)
	_, err = f.Roll(ctx, -1, today)
	require.ErrorIs(t, err, report.ErrNoScheme)
	_, err = f.Record(ctx, -1, today)
	require.ErrorIs(t, err, report.ErrNoScheme)
	_, err = f.LastEvent(ctx, -1)
	require.ErrorIs(t, err, report.ErrNoScheme)

	claim := func(n int, at time.Time) call.ID {
		id := call.NewID()
		refused, err := f.Apply(ctx, here.scheme, here.epoch, at, []dispatch.Op{dispatch.Claim{
			Occurrence: here.calls[n], At: at, Order: call.Order{
				Attempt: id, Offer: 1, Kind: call.KindScheduled, Caller: here.callers[n], Number: w.numbers[n], DialBy: at,
			},
		}})
		require.NoError(t, err)
		require.NoError(t, refused[0])
		return id
	}
	first := claim(0, today)
	second := claim(1, today.Add(time.Second))
	_, err = f.Apply(ctx, here.scheme, here.epoch, today, []dispatch.Op{
		dispatch.Finish{
			Outcome: call.Outcome{
				Attempt: first, Offer: 1, Result: call.ResultAnswered, Fault: call.FaultNone, Talk: time.Minute, Rang: true,
				At: today.Add(time.Minute),
			},
			Settlement: dispatch.Settlement{Occurrence: here.calls[0], State: call.OccurrenceReached, Attempts: 1, At: today},
		},
		dispatch.CallerChange{Caller: here.callers[2], State: call.CallerOff, At: today},
		dispatch.Settle{Settlement: dispatch.Settlement{Occurrence: here.calls[2], State: call.OccurrenceMissed, At: today}},
	})
	require.NoError(t, err)

	late := today.Truncate(24 * time.Hour).Add(19*time.Hour + 45*time.Minute)
	figures := func(now time.Time) report.Live {
		t.Helper()
		record, err := f.Record(ctx, here.scheme, now)
		require.NoError(t, err)
		fold, err := report.NewFold(record)
		require.NoError(t, err)
		return fold.Live(now)
	}
	live := figures(late)
	require.Equal(t, report.Today{
		Planned: 4, Due: 4, Open: 1, Claimed: 1, Reached: 1, Missed: 1, Late: 1,
		OldestOpen: late.Truncate(24 * time.Hour), LeastSlack: late.Truncate(24 * time.Hour).Add(20*time.Hour - time.Minute),
	}, live.Today)
	require.Equal(t, 1, live.Today.Kept())
	calls := map[call.CallerState]int{}
	for _, c := range live.Callers {
		calls[c.State] += c.CallsToday
	}
	require.Equal(t, map[call.CallerState]int{call.CallerReady: 1, call.CallerOff: 0}, calls)
	roll, err := f.Roll(ctx, here.scheme, late)
	require.NoError(t, err)
	require.Len(t, roll.Names, 2, "she who is off is not named")
	require.Len(t, roll.Calls, 1)
	require.Equal(t, second, roll.Calls[0].Attempt)
	require.Equal(t, "B5", roll.Calls[0].Beneficiary) // Three callers came first.
	require.Len(t, roll.Last, 1)
	require.Equal(t, first, roll.Last[0].Attempt)
	require.Equal(t, time.Minute, roll.Last[0].Talk)

	require.False(t, roll.Oldest.IsZero(), "the promise that was missed waits in the inbox")
	require.Empty(t, roll.Asked)
	left := roll.Oldest.Add(-3 * time.Hour)
	require.NoError(t, f.SaveMessage(ctx, callflow.Message{
		ID: uuid.NewString(), Scheme: here.scheme, Recording: "messages/m", Language: roster.French, At: left,
	}))
	for name, times := range map[string]int{"heat": 3, "gone": 5, "errands": 1} {
		for range times {
			require.NoError(t, f.CountQuestion(ctx, here.scheme, name, late.AddDate(0, 0, -6)))
		}
	}
	require.NoError(t, f.CountQuestion(ctx, here.scheme, "errands", late.AddDate(0, 0, -7)))
	asked, err := f.Roll(ctx, here.scheme, late)
	require.NoError(t, err)
	require.True(t, asked.Oldest.Equal(left), "%s", asked.Oldest)
	require.Len(t, asked.Asked, 2, "what the line answers no more is left out")
	require.Equal(t, 1, asked.Asked[1].Times, "not those of a week ago")
	require.Equal(t, 3, asked.Asked[0].Times)
	require.NotEmpty(t, asked.Asked[0].Title[roster.French])

	found, err := f.Scheme(ctx, roll.Scheme.ID)
	require.NoError(t, err)
	require.Equal(t, roll.Scheme, found)
	tomorrow := figures(late.AddDate(0, 0, 1))
	require.Zero(t, tomorrow.Today)
	for _, c := range tomorrow.Callers {
		require.Zero(t, c.CallsToday)
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	store := postgrestest.Store(t)
	ctx := context.Background()
	_, err := store.EnsureAccount(ctx, "", "Anne", roster.RoleCoordinator, today)
	require.ErrorIs(t, err, auth.ErrNoAccount)
	scheme := newScheme(t, store, "Namur")
	anne, err := store.EnsureAccount(ctx, "", "Anne", roster.RoleCoordinator, today)
	require.NoError(t, err)
	require.Equal(t, scheme.ID, anne.SchemeID)
	again, err := store.EnsureAccount(ctx, scheme.ID, "Anne", roster.RoleCaller, today)
	require.NoError(t, err)
	require.Equal(t, anne, again)
	newScheme(t, store, "Liege")
	_, err = store.EnsureAccount(ctx, "", "Anne", roster.RoleCoordinator, today)
	require.ErrorIs(t, err, auth.ErrNoAccount, "with two schemes one must be named")

	door := auth.NewDoor(store)
	link, err := door.Link(ctx, anne, today)
	require.NoError(t, err)
	_, _, err = door.SignIn(ctx, link, today.Add(auth.LinkLife))
	require.ErrorIs(t, err, auth.ErrNoLink)
	var wg sync.WaitGroup
	tokens := make(chan string, 4) // One per taker.
	for range cap(tokens) {
		wg.Go(func() {
			token, _, err := door.SignIn(ctx, link, today)
			if err == nil {
				tokens <- token
			} else if !errors.Is(err, auth.ErrNoLink) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Len(t, tokens, 1, "a link is used once")
	token := <-tokens
	session, err := door.Check(ctx, token, today)
	require.NoError(t, err)
	require.Equal(t, anne, session.Account)
	require.True(t, session.Expires.Equal(today.Add(auth.SessionLife)))
	_, err = door.Check(ctx, token, today.Add(auth.SessionLife))
	require.ErrorIs(t, err, auth.ErrNoSession)
	require.NoError(t, store.DisableAccount(ctx, scheme.Key, "Anne", true))
	_, err = door.Check(ctx, token, today)
	require.ErrorIs(t, err, auth.ErrNoSession)
	link, err = door.Link(ctx, anne, today)
	require.NoError(t, err)
	_, _, err = door.SignIn(ctx, link, today)
	require.ErrorIs(t, err, auth.ErrNoLink)
	require.NoError(t, store.DisableAccount(ctx, scheme.Key, "Anne", false))
	require.NoError(t, door.SignOut(ctx, token, today))
	_, err = door.Check(ctx, token, today)
	require.ErrorIs(t, err, auth.ErrNoSession)
	require.ErrorIs(t, store.DisableAccount(ctx, scheme.Key, "Nobody", true), auth.ErrNoAccount)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	store := postgrestest.Store(t)
	ctx := context.Background()
	scheme := newScheme(t, store, "Namur")
	door := auth.NewDoor(store)
	text, err := door.NewToken(ctx, auth.Token{Scheme: scheme.Key, Name: "the hall"}, today)
	require.NoError(t, err)
	_, err = door.NewToken(ctx, auth.Token{Scheme: scheme.Key, Name: "the hall"}, today)
	require.ErrorIs(t, err, auth.ErrTokenName)
	_, err = door.NewToken(ctx, auth.Token{Scheme: newScheme(t, store, "Liege").Key, Name: "the hall"}, today)
	require.NoError(t, err, "each scheme has names of its own")

	token, err := door.CheckToken(ctx, text)
	require.NoError(t, err)
	require.Equal(t, scheme.Key, token.Scheme)
	require.Equal(t, scheme.ID, token.SchemeID)
	require.NoError(t, store.RevokeToken(ctx, scheme.Key, "the hall", today.Add(time.Hour)))
	require.ErrorIs(t, store.RevokeToken(ctx, scheme.Key, "the hall", today), auth.ErrNoToken)
	_, err = door.CheckToken(ctx, text)
	require.ErrorIs(t, err, auth.ErrNoToken)
	_, err = door.NewToken(ctx, auth.Token{Scheme: scheme.Key, Name: "the hall", Scope: auth.ScopeWrite}, today.Add(2*time.Hour))
	require.NoError(t, err, "the name is free again")
	list, err := store.Tokens(ctx, scheme.Key)
	require.NoError(t, err)
	require.Len(t, list, 2)
	token.Revoked = today.Add(time.Hour)
	require.Equal(t, token, list[0])
	require.Zero(t, list[1].Revoked)
	require.Equal(t, auth.ScopeRead, list[0].Scope)
	require.Equal(t, auth.ScopeWrite, list[1].Scope)

	// What they do is kept, and what came of it is noted once.
	act, err := door.BeginAct(ctx, auth.Act{Scheme: scheme.Key, Who: list[1].ID, At: today, What: "POST inbox/x/resolve"})
	require.NoError(t, err)
	require.NoError(t, door.EndAct(ctx, scheme.Key, act, 204))
	require.NoError(t, door.EndAct(ctx, scheme.Key, act, 500))
	_, err = door.BeginAct(ctx, auth.Act{Scheme: scheme.Key, Who: list[0].ID, At: today, What: "GET inbox"})
	require.NoError(t, err)
	acts, err := store.Acts(ctx, scheme.Key, "the hall")
	require.NoError(t, err)
	require.Len(t, acts, 2)
	require.Zero(t, acts[0].Status)
	require.Equal(t, auth.Act{
		Scheme: scheme.Key, Who: list[1].ID, Name: "the hall", At: today, What: "POST inbox/x/resolve", Status: 204,
	}, acts[1])
}

func TestRecordsOfTheTelephone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := context.Background()
	w := newWorld(f, 0)
	here, there := w.towns[0], w.towns[1]
	require.NoError(t, f.SaveDID(ctx, here.scheme, postgres.DID{Number: "+3281990000", Delivered: "081990000"}))
	require.ErrorIs(t, f.SaveDID(ctx, there.scheme, postgres.DID{Number: "+3281990000"}), postgres.ErrTaken)
	for _, dialled := range []string{"+3281990000", "081990000", "s"} { // The last: the operator does not say.
		line, err := f.Line(ctx, dialled)
		require.NoError(t, err)
		require.Equal(t, here.scheme, line.Scheme)
		require.Equal(t, []roster.Language{roster.French}, line.Languages)
	}
	_, err := f.Line(ctx, "112")
	require.ErrorIs(t, err, callflow.ErrUnknownLine)
	require.NoError(t, f.SaveDID(ctx, there.scheme, postgres.DID{Number: "+3281990001"}))
	_, err = f.Line(ctx, "s")
	require.ErrorIs(t, err, callflow.ErrUnknownLine, "it may be either of two")

	accounts, _, version, err := f.Accounts(ctx)
	require.NoError(t, err)
	require.Len(t, accounts, 6)
	anna, err := f.Store.Caller(ctx, accounts[0].Endpoint)
	require.NoError(t, err)
	require.Equal(t, here.callers[0], anna.ID)
	require.Equal(t, call.CallerReady, anna.State)
	putPeople(t, f.Book(here.scheme, clock), roster.People{Staff: []roster.Staff{{
		Ref: "C1", Roles: []roster.Role{roster.RoleCaller}, Disabled: true,
	}}})
	_, err = f.Store.Caller(ctx, accounts[0].Endpoint)
	require.ErrorIs(t, err, callflow.ErrUnknownCaller)
	changed, _, later, err := f.Accounts(ctx)
	require.NoError(t, err)
	require.Greater(t, later, version, "a change of callers is seen")
	require.False(t, changed[0].Enabled)
	require.Equal(t, accounts[0].Secret, changed[0].Secret)

	// Two of the four people share the first number; one of them has no call to come.
	_, err = f.Apply(ctx, here.scheme, here.epoch, today, []dispatch.Op{
		dispatch.Settle{Settlement: dispatch.Settlement{Occurrence: here.calls[0], State: call.OccurrenceCancelled, At: today}},
	})
	require.NoError(t, err)
	list, err := f.Appointments(ctx, here.scheme, w.numbers[0], today)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, f.Occurrence(here.calls[3]).Beneficiary, list[0].Beneficiary)
	require.True(t, list[0].Opens.Equal(today.Truncate(24*time.Hour)))
	require.Zero(t, list[1].Opens)
	_, err = f.Appointments(ctx, here.scheme, "+32819999999", today)
	require.ErrorIs(t, err, callflow.ErrNothing)

	for i, person := range []string{"Anna", ""} {
		_ = f.one(`UPDATE beneficiary SET given_name = $2 WHERE beneficiary_id = $1 RETURNING beneficiary_id`,
			f.Occurrence(here.calls[i]).Beneficiary, person)
		name, err := f.FirstName(ctx, here.scheme, f.Occurrence(here.calls[i]).Beneficiary)
		require.NoError(t, err)
		require.Equal(t, person, name)
	}
	_, err = f.FirstName(ctx, there.scheme, f.Occurrence(here.calls[0]).Beneficiary)
	require.ErrorIs(t, err, callflow.ErrNothing, "another town's")

	message := callflow.Message{
		ID: uuid.Must(uuid.NewV7()).String(), Scheme: here.scheme, CLI: w.numbers[0], Language: roster.French, Recording: "message-1",
		Length: 7 * time.Second, At: today,
	}
	require.NoError(t, f.SaveMessage(ctx, message))
	require.NoError(t, f.SaveMessage(ctx, message))
	messages, err := f.Messages(ctx, here.scheme, false)
	require.NoError(t, err)
	require.Equal(t, []callflow.Message{message}, messages)
	require.ErrorIs(t, f.HandleMessage(ctx, there.scheme, message.ID, 0, today), callflow.ErrNothing)
	require.NoError(t, f.HandleMessage(ctx, here.scheme, message.ID, here.callers[0], today))
	messages, err = f.Messages(ctx, here.scheme, false)
	require.NoError(t, err)
	require.Empty(t, messages)

	_, err = f.LastAttempt(ctx, here.scheme, here.callers[1], today.Add(-time.Hour))
	require.ErrorIs(t, err, callflow.ErrNothing)
	id := call.NewID()
	_, err = f.Apply(ctx, here.scheme, here.epoch, today, []dispatch.Op{
		dispatch.Claim{Occurrence: here.calls[1], At: today, Order: call.Order{
			Attempt: id, Offer: 1, Kind: call.KindScheduled, Caller: here.callers[1], Number: w.numbers[1], DialBy: today,
		}},
		dispatch.Finish{
			Outcome:    call.Outcome{Attempt: id, Offer: 1, Result: call.ResultAnswered, At: today},
			Settlement: dispatch.Settlement{Occurrence: here.calls[1], State: call.OccurrenceReached, At: today},
		},
	})
	require.NoError(t, err)
	last, err := f.LastAttempt(ctx, here.scheme, here.callers[1], today.Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, id, last)
}

func TestTrunks(t *testing.T) {
	t.Parallel()
	store := postgrestest.Store(t)
	ctx := context.Background()
	namur, liege := newScheme(t, store, "Namur"), newScheme(t, store, "Liege")
	trunk := postgres.Trunk{
		Endpoint: "operator", Kind: postgres.TrunkRegistration, Host: "sip.example.org", Username: "u", Secret: "s", Lines: 12,
		PermittedCLI: []string{"+3281990000", "+3281990001"}, CLI: map[call.Kind]string{"": "+3281990000", call.KindSurvey: "+3281990001"},
	}
	require.NoError(t, store.SaveTrunk(ctx, namur.Key, trunk))
	require.NoError(t, store.SaveTrunk(ctx, namur.Key, trunk))
	require.ErrorIs(t, store.SaveTrunk(ctx, liege.Key, trunk), postgres.ErrTaken)
	_, trunks, _, err := store.Accounts(ctx)
	require.NoError(t, err)
	require.Len(t, trunks, 1)
	require.Equal(t, 3, trunks[0].InboundReserve, "a fifth, rounded up")
	require.Equal(t, trunk.CLI, trunks[0].CLI)
	require.Equal(t, trunk.PermittedCLI, trunks[0].PermittedCLI)
	trunk.CLI[call.KindTest] = "+3281990009"
	require.ErrorContains(t, store.SaveTrunk(ctx, namur.Key, trunk), "permitted")

	require.NoError(t, store.SetDestinations(ctx, namur.Key, []string{"+33", "+32", "+32"}))
	prefixes, err := store.Destinations(ctx, namur.Key)
	require.NoError(t, err)
	require.Equal(t, []string{"+32", "+33"}, prefixes)

	namur.Name, namur.Paused, namur.Retry = "Namur 2", true, map[call.Result]time.Duration{call.ResultBusy: time.Minute}
	namur.TriesPerDay = -1
	namur.Retries = map[call.Kind]schedule.Ladder{
		call.KindPresence: {After: map[call.Result]time.Duration{call.ResultNoAnswer: 10 * time.Minute}, MaxAttempts: 2},
	}
	changed, err := store.UpdateScheme(ctx, namur.Key, today, func(s *postgres.Scheme) error { *s = namur; return nil })
	require.NoError(t, err)
	schemes, err := store.Schemes(ctx)
	require.NoError(t, err)
	namur.LastEvent = 1
	require.Equal(t, namur, changed)
	require.Equal(t, namur, schemes[0])
	_, err = store.CreateScheme(ctx, postgres.Scheme{Name: "Liege", Zone: "Europe/Brussels", Country: "BE"}, today)
	require.ErrorIs(t, err, postgres.ErrTaken)
	_, err = store.CreateScheme(ctx, postgres.Scheme{Name: "X", Zone: "Mars/Olympus", Country: "BE"}, today)
	require.ErrorContains(t, err, "time zone")
}

func TestSchemeChangedByTwo(t *testing.T) {
	t.Parallel()
	store := postgrestest.Store(t)
	ctx := context.Background()
	namur := newScheme(t, store, "Namur")
	refused := errors.New("not like this")
	_, err := store.UpdateScheme(ctx, namur.Key, today, func(*postgres.Scheme) error { return refused })
	require.Equal(t, refused, err, "as it is")

	other := make(chan error)
	_, err = store.UpdateScheme(ctx, namur.Key, today, func(s *postgres.Scheme) error {
		go func() {
			_, err := store.UpdateScheme(ctx, namur.Key, today, func(s *postgres.Scheme) error {
				s.Overflow = time.Minute
				return nil
			})
			other <- err
		}()
		s.Spoken = "le fil"
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, <-other)
	schemes, err := store.Schemes(ctx)
	require.NoError(t, err)
	require.Equal(t, "le fil", schemes[0].Spoken)
	require.Equal(t, time.Minute, schemes[0].Overflow)
}
