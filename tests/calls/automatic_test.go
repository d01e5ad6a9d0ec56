package calls

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

// surge calls the whole register today, without callers.
func surge(t *testing.T, h *house.House, kind call.Kind) postgres.Surged {
	t.Helper()
	done, err := h.Store.Surge(t.Context(), h.Scheme.Key, postgres.Surge{Kind: kind}, h.Now(), false)
	require.NoError(t, err)
	return done
}

// of returns somebody's first occurrence of a kind.
func of(h *house.House, p *house.Person, kind call.Kind) house.Occurrence {
	for _, o := range h.Occurrences(p) {
		if o.Kind == kind {
			return o
		}
	}
	return house.Occurrence{}
}

// allIsWell: nobody but a machine calls her, by a number of its own; she hears who calls at once, presses one, and is reached.
func allIsWell(t *testing.T, street *house.Street) {
	from := make(chan string, 4) // Room for every call of the test.
	h := street.Move(t, house.Plan{People: []house.PersonPlan{{
		NotDue: true,
		Choose: func(r phone.Ring, _ int) phone.Behaviour {
			from <- r.From
			return phone.Answers(300*time.Millisecond, house.PersonTone)
		},
	}}})
	person := h.People[0]
	done := surge(t, h, call.KindPresence)
	require.Equal(t, 1, done.Booked)
	again := surge(t, h, call.KindPresence)
	require.Zero(t, again.Booked, "once a day")
	require.Equal(t, 1, again.Before)

	theirs := h.AwaitCall(person)
	require.Equal(t, h.Machine, <-from)
	greeting := h.Hears(theirs, time.Time{}, house.Beginning(h.Prompt("automatic.greeting", nil), 3*time.Second), 40*time.Second)
	house.Took(t, "until she is greeted", theirs.Answered(), greeting.At)
	h.Hears(theirs, time.Time{}, house.Beginning(h.Prompt("presence.question", nil), 3*time.Second), 40*time.Second)
	require.NoError(t, theirs.SendDTMF(t.Context(), "1"))
	h.Hears(theirs, time.Time{}, h.Prompt("presence.well", nil), 40*time.Second)
	h.AwaitDone(theirs, 30*time.Second)

	a := h.AwaitEnd(person)
	require.Equal(t, call.ResultAnswered, a.Result, "%+v", a)
	require.Equal(t, call.ReasonNone, a.Reason)
	require.Equal(t, call.FaultNone, a.Fault)
	require.Zero(t, a.Caller)
	require.Empty(t, h.Offers(a.ID))
	require.Equal(t, call.OccurrenceReached, of(h, person, call.KindPresence).State)
	require.Zero(t, of(h, person, call.KindCallback))
	states, err := h.Store.Surges(t.Context(), h.Scheme.Key, done.Day)
	require.NoError(t, err)
	require.Equal(t, map[string]int{call.AnswerWell: 1}, states[0].ByAnswer)
}

// callMeBack: who presses two is called by a person as soon as she has hung up.
func callMeBack(t *testing.T, street *house.Street) {
	plan := picksUp()
	plan.NotDue = true
	h := street.Move(t, house.Plan{Callers: []house.CallerPlan{{}}, People: []house.PersonPlan{plan}})
	caller, person := h.Callers[0], h.People[0]
	surge(t, h, call.KindPresence)
	theirs := h.AwaitCall(person)
	h.Hears(theirs, time.Time{}, house.Beginning(h.Prompt("presence.question", nil), 3*time.Second), 40*time.Second)
	require.NoError(t, theirs.SendDTMF(t.Context(), "2"))
	h.Hears(theirs, time.Time{}, house.Beginning(h.Prompt("automatic.call_back", nil), 3*time.Second), 40*time.Second)
	require.Equal(t, call.OccurrenceOpen, of(h, person, call.KindCallback).State, "booked while she listens")
	h.AwaitDone(theirs, 40*time.Second)

	hers, theirs := bridged(t, h, caller, person)
	h.HangUp(theirs)
	a := h.AwaitAttempt(person, 2, call.StateEnded)
	require.Equal(t, caller.Key, a.Caller)
	require.Equal(t, call.ResultAnswered, a.Result, "%+v", a)
	require.Equal(t, call.OccurrenceReached, of(h, person, call.KindPresence).State)
	require.Equal(t, call.OccurrenceReached, of(h, person, call.KindCallback).State)
	require.Len(t, h.Rang(person.Number), 2)
	h.HangUp(hers)
}

// noKey: a machine, or whoever hangs up without a word, was not reached; tries are spent, and it counts as unreached.
func noKey(t *testing.T, street *house.Street) {
	plan := picksUp()
	plan.NotDue = true
	h := street.Move(t, house.Plan{People: []house.PersonPlan{plan}})
	person := h.People[0]
	surge(t, h, call.KindPresence)
	theirs := h.AwaitCall(person)
	h.Hears(theirs, time.Time{}, house.Beginning(h.Prompt("presence.question", nil), 3*time.Second), 40*time.Second)
	h.HangUp(theirs)
	a := h.AwaitEnd(person)
	require.Equal(t, call.ResultNoAnswer, a.Result, "%+v", a)
	require.Equal(t, call.ReasonNoKey, a.Reason)
	require.True(t, a.Rang)
	require.Equal(t, call.OccurrenceUnreached, of(h, person, call.KindPresence).State)
	require.Equal(t, 1, of(h, person, call.KindPresence).Attempts)
	require.Equal(t, 1, h.Worries(person), "no key is no answer: somebody is to look after her")
}

// busyForAMachine: nothing is said to a line that is engaged.
func busyForAMachine(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{People: []house.PersonPlan{{NotDue: true, Does: phone.Busy()}}})
	surge(t, h, call.KindPresence)
	a := h.AwaitEnd(h.People[0])
	require.Equal(t, call.ResultBusy, a.Result, "%+v", a)
	require.Equal(t, 17, a.Cause)
	require.Zero(t, a.Caller)
}

// stoppedInTheMiddle: who listens when a surge is stopped hears it to its end and is reached; whose phone has not rung yet is
// never rung.
func stoppedInTheMiddle(t *testing.T, street *house.Street) {
	first, second := picksUp(), picksUp()
	first.NotDue, second.NotDue = true, true
	first.Number = street.Number() // The second waits until the phone that they share is free.
	second.Number = first.Number
	h := street.Move(t, house.Plan{People: []house.PersonPlan{first, second}})
	require.Equal(t, 2, surge(t, h, call.KindPresence).Booked)
	theirs := h.AwaitCall(h.People[0])
	h.Hears(theirs, time.Time{}, house.Beginning(h.Prompt("presence.question", nil), 3*time.Second), 40*time.Second)
	now := h.Now()
	n, err := h.Store.StopSurge(t.Context(), h.Scheme.Key, call.KindPresence, now.AddDate(0, 0, -1), now)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, theirs.SendDTMF(t.Context(), "1"))
	h.AwaitDone(theirs, 40*time.Second)
	listened, spared := h.People[0], h.People[1]
	if len(h.Attempts(listened)) == 0 {
		listened, spared = spared, listened
	}
	a := h.AwaitEnd(listened)
	require.Equal(t, call.ResultAnswered, a.Result, "%+v", a)
	require.Equal(t, call.OccurrenceReached, of(h, listened, call.KindPresence).State)
	require.Equal(t, call.OccurrenceCancelled, of(h, spared, call.KindPresence).State)

	// Whatever was to start for her would have started before a call that is asked for afterwards.
	require.Equal(t, 2, surge(t, h, call.KindSurvey).Booked)
	h.AwaitCall(listened)
	require.Empty(t, presences(h, spared))
	require.Len(t, presences(h, listened), 1)
}

// presences are the attempts of somebody's presence checks.
func presences(h *house.House, p *house.Person) (list []house.Attempt) {
	check := of(h, p, call.KindPresence)
	for _, a := range h.Attempts(p) {
		if a.Occurrence == check.Key {
			list = append(list, a)
		}
	}
	return list
}

// nothingToRemindOf: without a call to come she is not rung for a reminder; it ends, and is not tried again.
func nothingToRemindOf(t *testing.T, street *house.Street) {
	plan := picksUp()
	plan.Change = func(b *roster.Beneficiary) { b.Agreement = roster.Agreement{} }
	h := street.Move(t, house.Plan{MaxAttempts: 3, People: []house.PersonPlan{plan}})
	person := h.People[0]
	surge(t, h, call.KindReminder)
	a := h.AwaitEnd(person)
	require.Equal(t, call.ResultCancelled, a.Result, "%+v", a)
	require.Equal(t, call.ReasonNothingToSay, a.Reason)
	require.Equal(t, call.FaultNone, a.Fault)
	require.False(t, a.Rang)
	require.Equal(t, call.OccurrenceCancelled, of(h, person, call.KindReminder).State)
	surge(t, h, call.KindPresence) // What was to be tried again would be before it.
	h.AwaitCall(person)
	require.Len(t, h.Rang(person.Number), 1)
	require.Len(t, h.Attempts(person), 2)
}
