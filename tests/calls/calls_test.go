// Package calls proves every path of a scheduled call end to end: the shipped service, a real Asterisk and PostgreSQL, and
// SIP phones with audio on both sides.
package calls

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/tests/house"
)

func TestMain(m *testing.M) {
	house.SideBySide(8)
	// sipgo opens a connection anew for what it sends last, when its phone has just been closed.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/emiago/sipgo/sip.(*TransportUDP).readListenerConnection"))
}

// TestOutbound walks every path of a scheduled call. The paths share one house and run side by side.
func TestOutbound(t *testing.T) {
	street := house.Build(t, house.Options{})
	for name, path := range map[string]func(*testing.T, *house.Street){
		"answered and bridged, she hangs up first": sheHangsUpFirst,
		"caller hangs up first":                    callerHangsUpFirst,
		"both hang up at once":                     bothHangUp,
		"busy":                                     busy,
		"no answer":                                noAnswer,
		"congestion":                               congestion,
		"announcement, then not found":             announcedNotFound,
		"announcement, then busy":                  announcedBusy,
		"offer not taken":                          offerNotTaken,
		"caller leaves while hers rings":           callerLeavesWhileRinging,
		"caller drops mid-call":                    callerDrops,
		"ordinary phone, no key":                   ordinaryWithoutKey,
		"ordinary phone, key":                      ordinaryWithKey,
		"two calls for one person":                 twoForOne,
		"one number, two persons":                  sharedNumber,
		"without a caller: all is well":            allIsWell,
		"without a caller: call me back":           callMeBack,
		"without a caller: no key":                 noKey,
		"without a caller: busy":                   busyForAMachine,
		"without a caller: stopped in the middle":  stoppedInTheMiddle,
		"without a caller: nothing to remind of":   nothingToRemindOf,
		"without a caller: people and machines":    peopleAndMachines,
		"without a caller: a reminder is heard":    reminded,
		"without a caller: a survey is counted":    surveyed,
		"without a caller: zero and eight":         zeroAndEight,
		"without a caller: a list is called":       listCalled,
		"first call: she agrees":                   agreesToBeCalled,
		"first call: she refuses":                  refusesToBeCalled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path(t, street)
		})
	}
}

// want is what an attempt's row, its promise and its caller should say.
type want struct {
	result  call.Result
	reason  call.Reason
	fault   call.Fault
	causes  []int // Any of these.
	talk    time.Duration
	promise call.OccurrenceState
	caller  call.CallerState
}

// settled waits for the end of the first attempt to reach a person, and compares.
func settled(t *testing.T, h *house.House, p *house.Person, c *house.Caller, w want) house.Attempt {
	t.Helper()
	a := h.AwaitEnd(p)
	require.Equal(t, w.result, a.Result, "%+v", a)
	require.Equal(t, w.reason, a.Reason, "%+v", a)
	require.Equal(t, w.fault, a.Fault, "%+v", a)
	require.Contains(t, w.causes, a.Cause, "%+v", a)
	require.Empty(t, a.Disposition, "nobody has said what it was")
	require.InDelta(t, w.talk.Seconds(), a.Talk.Seconds(), 5, "talk seconds")
	require.False(t, a.Estimated)
	require.Equal(t, c.Key, a.Caller)
	h.AwaitState(c, w.caller)
	promises := h.Occurrences(p)
	require.Equal(t, w.promise, promises[0].State, "%+v", promises)
	booked(t, promises)
	return a
}

// booked asserts that the next promise stands: nothing is closed without a next one.
func booked(t *testing.T, promises []house.Occurrence) {
	t.Helper()
	last := promises[len(promises)-1]
	require.Equal(t, call.OccurrenceOpen, last.State, "%+v", promises)
	if promises[0].State.Ended() {
		require.Greater(t, len(promises), 1, "%+v", promises)
	}
}

// one is a house with one caller and one person who does this.
func one(t *testing.T, street *house.Street, p house.PersonPlan) (*house.House, *house.Caller, *house.Person) {
	t.Helper()
	p.Reference = 1
	h := street.Move(t, house.Plan{Callers: []house.CallerPlan{{}}, People: []house.PersonPlan{p}})
	return h, h.Callers[0], h.People[0]
}

// bridged lets two people meet: each hears the other's tone within a second of her answer.
func bridged(t *testing.T, h *house.House, c *house.Caller, p *house.Person) (hers, theirs *phone.Call) {
	t.Helper()
	hers = h.Take(c)
	theirs = h.AwaitCall(p)
	eachHears(t, hers, theirs)
	return hers, theirs
}

func eachHears(t *testing.T, hers, theirs *phone.Call) {
	t.Helper()
	heard, err := hers.HearTone(t.Context(), house.PersonTone)
	require.NoError(t, err)
	house.Took(t, "until the caller hears the person", theirs.Answered(), heard)
	heard, err = theirs.HearTone(t.Context(), house.CallerTone)
	require.NoError(t, err)
	house.Took(t, "until the person hears the caller", theirs.Answered(), heard)
}

func picksUp() house.PersonPlan {
	return house.PersonPlan{Does: phone.Answers(300*time.Millisecond, house.PersonTone)}
}

// talked is what a good call leaves behind.
func talked(theirs *phone.Call) want {
	return want{
		result: call.ResultAnswered, fault: call.FaultNone, causes: []int{16}, talk: time.Since(theirs.Answered()),
		promise: call.OccurrenceReached, caller: call.CallerWrapUp,
	}
}

func sheHangsUpFirst(t *testing.T, street *house.Street) {
	h, caller, person := one(t, street, picksUp())
	hers, theirs := bridged(t, h, caller, person)
	w := talked(theirs)
	h.HangUp(theirs)
	h.Hears(hers, time.Now(), house.Beginning(h.Prompt("close.menu", nil), time.Second), 40*time.Second)
	settled(t, h, person, caller, w)
	h.HangUp(hers)
}

func callerHangsUpFirst(t *testing.T, street *house.Street) {
	h, caller, person := one(t, street, picksUp())
	hers, theirs := bridged(t, h, caller, person)
	// Long enough to be a talk: after less her service owes her a word.
	theirs.Say(nil)
	house.Await(t, time.Minute, "a talk of four seconds", func(context.Context) bool { return time.Since(theirs.Answered()) > 4*time.Second })
	w := talked(theirs)
	h.HangUp(hers)
	h.AwaitDone(theirs, 30*time.Second)
	settled(t, h, person, caller, w)
}

func bothHangUp(t *testing.T, street *house.Street) {
	h, caller, person := one(t, street, picksUp())
	hers, theirs := bridged(t, h, caller, person)
	house.Await(t, time.Minute, "a talk of four seconds", func(context.Context) bool { return time.Since(theirs.Answered()) > 4*time.Second })
	w := talked(theirs)
	together(func() { h.HangUp(hers) }, func() { h.HangUp(theirs) })
	settled(t, h, person, caller, w)
}

func busy(t *testing.T, street *house.Street) {
	h, caller, person := one(t, street, house.PersonPlan{Does: phone.Busy()})
	hers := h.Take(caller)
	h.Hears(hers, time.Time{}, h.Prompt("after.busy", nil), 40*time.Second)
	settled(t, h, person, caller, want{
		result: call.ResultBusy, fault: call.FaultTheirs, causes: []int{17}, promise: call.OccurrenceUnreached, caller: call.CallerWrapUp,
	})
	h.AwaitDone(hers, 30*time.Second)
}

func noAnswer(t *testing.T, street *house.Street) {
	h, caller, person := one(t, street, house.PersonPlan{Does: phone.NoAnswer(), Ring: 4 * time.Second})
	hers := h.Take(caller)
	h.Hears(hers, time.Time{}, h.Prompt("after.no_answer", nil), 40*time.Second)
	settled(t, h, person, caller, want{
		result: call.ResultNoAnswer, fault: call.FaultTheirs, causes: []int{0, 16, 19}, promise: call.OccurrenceUnreached,
		caller: call.CallerWrapUp,
	})
	ring := h.Rang(person.Number)
	require.Len(t, ring, 1)
	require.Greater(t, ring[0].Ended.Sub(ring[0].Invited), 3*time.Second, "her phone rang as long as agreed")
}

func congestion(t *testing.T, street *house.Street) {
	h, caller, person := one(t, street, house.PersonPlan{Does: phone.Congested()})
	hers := h.Take(caller)
	h.Hears(hers, time.Time{}, h.Prompt("after.failed", nil), 40*time.Second)
	settled(t, h, person, caller, want{
		result: call.ResultCongestion, fault: call.FaultNetwork, causes: []int{34, 42}, promise: call.OccurrenceOpen, caller: call.CallerWrapUp,
	})
	require.Zero(t, h.Occurrences(person)[0].Attempts, "the network's congestion is none of her attempts")
}

func announcedNotFound(t *testing.T, street *house.Street) {
	h, caller, person := one(t, street, house.PersonPlan{Does: announcement(404)})
	hers := h.Take(caller)
	h.Hears(hers, time.Time{}, h.Prompt("after.invalid_number", nil), 40*time.Second)
	settled(t, h, person, caller, want{
		result: call.ResultFailed, reason: call.ReasonInvalidNumber, fault: call.FaultTheirs, causes: []int{1},
		promise: call.OccurrenceMissed, caller: call.CallerWrapUp,
	})
}

func announcedBusy(t *testing.T, street *house.Street) {
	h, caller, person := one(t, street, house.PersonPlan{Does: announcement(486)})
	h.Take(caller)
	settled(t, h, person, caller, want{
		result: call.ResultBusy, fault: call.FaultTheirs, causes: []int{17}, promise: call.OccurrenceUnreached, caller: call.CallerWrapUp,
	})
}

// announcement is two seconds of early media, then a refusal.
func announcement(code int) phone.Behaviour {
	words := make([]int16, 2*8000)
	for i := range words {
		words[i] = int16(8000 * (i/20%2*2 - 1))
	}
	return phone.Announced(phone.Samples(words), code)
}

func offerNotTaken(t *testing.T, street *house.Street) {
	plan := picksUp()
	plan.CallerRing, plan.Reference = 4*time.Second, 1
	h := street.Move(t, house.Plan{Callers: []house.CallerPlan{{}, {}}, People: []house.PersonPlan{plan}})
	// Whoever is ready first is asked first.
	first, second, person := h.Callers[0], h.Callers[1], h.People[0]
	missed := h.AwaitOffer(first)
	hers, theirs := bridged(t, h, second, person)
	<-missed.Done()
	w := talked(theirs)
	h.HangUp(theirs)
	a := settled(t, h, person, second, w)
	h.AwaitState(first, call.CallerSetAside)
	require.Equal(t, []house.OfferRow{
		{Number: 1, Caller: first.Key, State: call.OfferTimedOut}, {Number: 2, Caller: second.Key, State: call.OfferAccepted},
	}, h.Offers(a.ID))
	h.HangUp(hers)
}

func callerLeavesWhileRinging(t *testing.T, street *house.Street) {
	h, caller, person := one(t, street, house.PersonPlan{Does: phone.NoAnswer()})
	hers := h.Take(caller)
	h.AwaitAttempt(person, 1, call.StateRinging)
	left := time.Now()
	h.HangUp(hers)
	settled(t, h, person, caller, want{
		result: call.ResultCancelled, reason: call.ReasonCallerGone, fault: call.FaultOurs, causes: []int{0, 16, 19, 127},
		promise: call.OccurrenceOpen, caller: call.CallerWrapUp,
	})
	ring := h.Rang(person.Number)
	require.Len(t, ring, 1)
	house.Took(t, "until her phone stops", left, ring[0].Cancelled)
	require.Zero(t, h.Occurrences(person)[0].Attempts, "none of her attempts")
}

func callerDrops(t *testing.T, street *house.Street) {
	h, caller, person := one(t, street, picksUp())
	_, theirs := bridged(t, h, caller, person)
	dropped := time.Now()
	caller.Phone.Vanish()
	// The PBX notices by the missing audio.
	h.Hears(theirs, dropped, h.Prompt("apology.broken", nil), 30*time.Second)
	h.AwaitDone(theirs, 30*time.Second)
	a := h.AwaitEnd(person)
	require.Equal(t, call.ResultAnswered, a.Result)
	require.Equal(t, call.ReasonBrokenByUs, a.Reason)
	require.Equal(t, call.FaultOurs, a.Fault)
	require.Greater(t, a.Talk, 5*time.Second, "until the PBX noticed")
	h.AwaitState(caller, call.CallerSetAside)
	promises := h.Occurrences(person)
	require.Equal(t, call.OccurrenceReached, promises[0].State)
	require.Equal(t, call.KindApology, promises[1].Kind, "%+v", promises)
	require.Equal(t, call.OccurrenceOpen, promises[1].State, "%+v", promises)
}

func ordinaryWithoutKey(t *testing.T, street *house.Street) {
	plan := picksUp()
	plan.Reference = 1
	h := street.Move(t, house.Plan{Callers: []house.CallerPlan{{Ordinary: true}}, People: []house.PersonPlan{plan}})
	caller, person := h.Callers[0], h.People[0]
	machine := h.OrdinaryCall(caller)
	h.Hears(machine, time.Time{}, h.Prompt("dialplan.press-a-key", nil), 40*time.Second)
	a := h.AwaitEnd(person)
	require.Equal(t, call.ResultCancelled, a.Result)
	require.Equal(t, call.ReasonNoCaller, a.Reason)
	require.Equal(t, call.FaultNone, a.Fault)
	require.Equal(t, []house.OfferRow{{Number: 1, Caller: caller.Key, State: call.OfferDeclined}}, h.Offers(a.ID))
	require.Empty(t, h.Rang(person.Number), "nobody is rung for an answering machine")
	require.Equal(t, call.OccurrenceOpen, h.Occurrences(person)[0].State)
}

func ordinaryWithKey(t *testing.T, street *house.Street) {
	plan := picksUp()
	plan.Reference = 1
	h := street.Move(t, house.Plan{Callers: []house.CallerPlan{{Ordinary: true}}, People: []house.PersonPlan{plan}})
	caller, person := h.Callers[0], h.People[0]
	hers := h.OrdinaryCall(caller)
	h.Hears(hers, time.Time{}, h.Prompt("dialplan.press-a-key", nil), 40*time.Second)
	require.Empty(t, h.Rang(person.Number), "not before the key")
	require.NoError(t, hers.SendDTMF(t.Context(), "1"))
	theirs := h.AwaitCall(person)
	eachHears(t, hers, theirs)
	w := talked(theirs)
	h.HangUp(theirs)
	settled(t, h, person, caller, w)
}
