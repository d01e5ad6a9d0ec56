// Package crash kills real processes under real calls: the service, Asterisk and PostgreSQL. Promises, outcomes and the
// voices of those who talk must survive.
package crash

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

func TestMain(m *testing.M) {
	house.SideBySide(3)
	// sipgo opens a connection anew for what it sends last, when its phone has just been closed.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/emiago/sipgo/sip.(*TransportUDP).readListenerConnection"))
}

// TestCrash kills and stops, each time in a street of its own.
func TestCrash(t *testing.T) {
	program := house.Program(t)
	for name, crash := range map[string]func(*testing.T, string){
		"service killed under calls":                   serviceKilled,
		"service killed while phones ring":             serviceKilledWhileRinging,
		"service killed while it speaks":               serviceKilledWhileItSpeaks,
		"service told to stop":                         drain,
		"Asterisk killed":                              asteriskKilled,
		"PostgreSQL stopped":                           postgresStopped,
		"PostgreSQL stopped, then the service killed":  postgresStoppedServiceKilled,
		"PostgreSQL brought back to an earlier moment": broughtBack,
		"a slow PBX":                                   slowPBX,
		"two nodes":                                    twoNodes,
		"two PBXs":                                     twoPBXs,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crash(t, program)
		})
	}
}

// talks is a house in which n callers talk to n people, each to her own.
type talks struct {
	*house.House
	hers, theirs []*phone.Call
	since        []time.Time
}

func talking(t *testing.T, street *house.Street, n int, more ...house.PersonPlan) *talks {
	t.Helper()
	var plan house.Plan
	plan.WrapUp = 2 * time.Second
	for i := range n {
		plan.Callers = append(plan.Callers, house.CallerPlan{})
		plan.People = append(plan.People, house.PersonPlan{
			Does: phone.Answers(200*time.Millisecond, house.PersonTone), Reference: i + 1, Continuity: roster.Strict,
		})
	}
	plan.People = append(plan.People, more...)
	w := &talks{House: street.Move(t, plan)}
	for i := range n {
		w.hers = append(w.hers, w.Take(w.Callers[i]))
	}
	for i := range n {
		w.theirs = append(w.theirs, w.AwaitCall(w.People[i]))
		w.since = append(w.since, w.theirs[i].Answered())
	}
	for i := range n {
		w.AwaitAttempt(w.People[i], 1, call.StateBridged)
	}
	return w
}

// soundLimit is the longest silence that the tests of a busy machine may bring into a call that goes on; one that was cut
// would be silent for longer.
const soundLimit = 4 * time.Second

// clockLag is how far a new process's clock may be behind: it begins where the test's stood when the process was started.
const clockLag = 10 * time.Second

// talkedFor compares the talk on record with that of the phones.
func talkedFor(t *testing.T, seen, recorded time.Duration) {
	t.Helper()
	require.InDelta(t, seen.Seconds(), recorded.Seconds(), clockLag.Seconds())
	require.Positive(t, recorded)
	t.Logf("talked for %s, recorded as %s", seen.Round(time.Millisecond), recorded.Round(time.Millisecond))
}

// soundSince asserts that both sides of a call have heard each other from an instant until now.
func (w *talks) soundSince(t *testing.T, i int, begin time.Time) {
	t.Helper()
	now := time.Now().Add(-200 * time.Millisecond) // What is on its way.
	require.Less(t, w.hers[i].LongestToneGap(house.PersonTone, begin, now), soundLimit, "caller %d", i)
	require.Less(t, w.theirs[i].LongestToneGap(house.CallerTone, begin, now), soundLimit, "person %d", i)
}

// once asserts that the ith call was answered, with the talk seconds its phones saw, and that nobody was rung again for it.
func (w *talks) once(t *testing.T, i int, talk time.Duration) house.Attempt {
	t.Helper()
	p := w.People[i]
	a := w.AwaitEnd(p)
	require.Equal(t, call.ResultAnswered, a.Result, "%+v", a)
	talkedFor(t, talk, a.Talk)
	require.Len(t, w.Attempts(p), 1)
	require.Len(t, w.Rang(p.Number), 1, "rung again")
	require.Equal(t, 1, w.Ends(a.ID), "events of the end")
	promises := w.Occurrences(p)
	require.Equal(t, call.OccurrenceReached, promises[0].State, "%+v after %+v", promises, a)
	require.Equal(t, 1, promises[0].Attempts)
	require.Equal(t, call.OccurrenceOpen, promises[len(promises)-1].State)
	return a
}

// serviceKilled: kill -9 while five bridged calls talk, and somebody on the line talks to a registrar. Audio goes on; after the restart
// the calls are adopted and their outcomes recorded exactly once. One of them ends by itself while the service is dead. The registrar is
// in her call until it is over, far beyond the time for her notes.
func serviceKilled(t *testing.T, program string) {
	street := house.Build(t, house.Options{Outside: true})
	service := street.Serve(t, program)
	w := talking(t, street, 5)
	line := street.Move(t, house.Plan{Registrars: 1, WrapUp: 2 * time.Second})
	desk := line.Registrars[0]
	line.Ready(desk)
	party := line.DialLine("+33639989031", phone.Tone(house.PersonTone))
	line.Hears(party, time.Time{}, house.Beginning(line.Prompt("line.greeting", nil), 2*time.Second), 40*time.Second)
	require.NoError(t, party.SendDTMF(t.Context(), "0"))
	answers := line.Take(desk)
	_, err := party.HearTone(t.Context(), house.CallerTone)
	require.NoError(t, err)
	line.AwaitState(desk, call.CallerInCall)

	service.Kill()
	killed := time.Now()
	w.HangUp(w.theirs[4])
	short := time.Since(w.since[4])
	w.AwaitDone(w.hers[4], 30*time.Second)
	house.Await(t, time.Minute, "five seconds without a service", func(context.Context) bool { return time.Since(killed) > 5*time.Second })
	for i := range 4 {
		w.soundSince(t, i, killed)
	}

	street.Serve(t, program)
	a := w.AwaitEnd(w.People[4])
	require.True(t, a.Estimated, "nobody saw its end")
	require.Equal(t, call.ReasonRestart, a.Reason)
	require.Equal(t, call.FaultNone, a.Fault)
	require.GreaterOrEqual(t, a.Talk, short-clockLag)
	require.Less(t, a.Talk, time.Since(w.since[4])+clockLag)
	w.AwaitState(w.Callers[4], call.CallerWrapUp)

	// The others are followed again: what happens now is seen as it happens.
	for i := range 4 {
		w.soundSince(t, i, killed)
	}
	var talked [4]time.Duration
	for i := range 4 {
		if i%2 == 0 {
			w.HangUp(w.theirs[i])
		} else {
			w.HangUp(w.hers[i])
		}
		talked[i] = time.Since(w.since[i])
	}
	for i := range 4 {
		a := w.once(t, i, talked[i])
		require.Equal(t, call.ReasonNone, a.Reason, "%+v", a)
		require.Equal(t, call.FaultNone, a.Fault)
		require.False(t, a.Estimated)
		w.AwaitState(w.Callers[i], call.CallerWrapUp)
	}
	require.Len(t, w.Rang(w.People[4].Number), 1, "rung again")
	require.Len(t, w.Attempts(w.People[4]), 1)
	require.Equal(t, 1, w.Ends(a.ID))
	require.Equal(t, call.OccurrenceReached, w.Occurrences(w.People[4])[0].State)

	talks := func() (n int) {
		require.NoError(t, line.Pool().QueryRow(t.Context(), `SELECT count(*) FROM inbound_party
			WHERE scheme_id = $1 AND answered_at IS NOT NULL AND ended_at IS NULL`, line.Scheme.Key).Scan(&n))
		return n
	}
	house.Await(t, time.Minute, "twice the time for her notes", longerThan(4*time.Second))
	require.Equal(t, call.CallerInCall, line.CallerState(desk))
	require.Equal(t, 1, talks())
	now := time.Now().Add(-200 * time.Millisecond)
	require.Less(t, party.LongestToneGap(house.CallerTone, killed, now), soundLimit)
	require.Less(t, answers.LongestToneGap(house.PersonTone, killed, now), soundLimit)
	line.HangUp(party)
	line.AwaitDone(answers, 30*time.Second)
	line.AwaitState(desk, call.CallerReady)
	require.Zero(t, talks())
	require.Zero(t, w.Trunk.Ledger().Summary().DoubleRings)
}

// asteriskKilled: the PBX dies under one call that talks, one that rings, somebody who is leaving a message and somebody who is
// saying her name to register. What they said is kept. Both calls end as failed by our fault, the service
// lives on and reconnects by itself, and the ladder has both tried again.
func asteriskKilled(t *testing.T, program string) {
	street := house.Build(t, house.Options{Outside: true})
	service := street.Serve(t, program)
	h := street.Move(t, house.Plan{
		Callers: []house.CallerPlan{{}, {}}, MaxAttempts: 3, WrapUp: time.Second,
		Retry: map[call.Result]time.Duration{call.ResultFailed: 4 * time.Second},
		People: []house.PersonPlan{
			{Does: phone.Answers(200*time.Millisecond, house.PersonTone), Reference: 1, Continuity: roster.Strict},
			{Reference: 2, Continuity: roster.Strict, Ring: 30 * time.Second, Choose: func(_ phone.Ring, n int) phone.Behaviour {
				if n == 0 {
					return phone.NoAnswer()
				}
				return phone.Answers(200*time.Millisecond, house.PersonTone)
			}},
		},
	})
	h.Take(h.Callers[0])
	h.Take(h.Callers[1])
	h.AwaitCall(h.People[0])
	h.AwaitAttempt(h.People[0], 1, call.StateBridged)
	h.AwaitAttempt(h.People[1], 1, call.StateRinging)
	const stranger, voice = "+33639989021", 500.0
	party := h.DialLine(stranger, phone.Tone(voice))
	h.Hears(party, time.Time{}, house.Beginning(h.Prompt("line.greeting", nil), 2*time.Second), 40*time.Second)
	require.NoError(t, party.SendDTMF(t.Context(), "02"))
	message := h.MessageUnderWay(4*time.Second, time.Minute)
	const registers = "+33639989022"
	herself := h.DialLine(registers, phone.Tone(voice))
	h.Hears(herself, time.Time{}, house.Beginning(h.Prompt("line.greeting", nil), 2*time.Second), 40*time.Second)
	require.NoError(t, herself.SendDTMF(t.Context(), "211"))
	h.Hears(herself, time.Time{}, house.Beginning(h.Prompt("register.name", nil), 2*time.Second), 40*time.Second)
	name := h.Recorded(registers, 2*time.Second, time.Minute)

	require.NoError(t, street.Asterisk.Kill())
	require.NoError(t, street.Asterisk.Start(t.Context()))
	require.True(t, service.Running(), "losing the PBX ends no service")
	for _, c := range h.Callers {
		require.NoError(t, c.Phone.Register(t.Context()))
	}
	house.Await(t, time.Minute, "the message to be listed", func(ctx context.Context) bool {
		list, err := h.Store.Messages(ctx, h.Scheme.Key, false)
		return err == nil && len(list) == 1 && list[0].CLI == stranger && list[0].Length > 2*time.Second
	})
	require.Greater(t, playable(t, message), 2*time.Second)
	// Whoever was just saying her name is there to be called back, with what she has said of it.
	house.Await(t, time.Minute, "the registration to be listed", func(ctx context.Context) bool {
		list, err := h.Store.Inbox(ctx, h.Scheme.Key, false)
		return err == nil && slices.ContainsFunc(list, func(i inbox.Item) bool {
			return i.Kind == inbox.Registration && i.Number == registers && i.Consent == "" && strings.HasSuffix(name, i.Recording+".wav") && i.Recording != ""
		})
	})
	require.Greater(t, playable(t, name), time.Second)
	talked := h.AwaitEnd(h.People[0])
	require.Equal(t, call.ResultFailed, talked.Result, "%+v", talked)
	require.Equal(t, call.ReasonPBXLost, talked.Reason, "%+v", talked)
	require.Equal(t, call.FaultOurs, talked.Fault, "%+v", talked)
	require.Positive(t, talked.Talk, "they talked all the same")
	rang := h.AwaitEnd(h.People[1])
	require.Equal(t, call.ResultFailed, rang.Result, "%+v", rang)
	require.Equal(t, call.ReasonPBXLost, rang.Reason, "%+v", rang)
	require.Equal(t, call.FaultOurs, rang.Fault, "%+v", rang)
	require.Equal(t, 1, h.Ends(rang.ID))

	// Over the reconnected service the ladder has both called again, each by her own caller.
	for i, p := range h.People {
		h.Take(h.Callers[i])
		theirs := h.AwaitCall(p)
		_, err := theirs.HearTone(t.Context(), house.CallerTone)
		require.NoError(t, err)
		// She first, and alone: had both left at once so soon, it might count as a caller who left as she answered.
		h.HangUp(theirs)
		require.Equal(t, call.ResultAnswered, h.AwaitAttempt(p, 2, call.StateEnded).Result)
	}
	for _, p := range h.People {
		require.Equal(t, call.OccurrenceReached, h.Occurrences(p)[0].State)
	}
}

// playable is how much of a recording players can play.
func playable(t *testing.T, path string) time.Duration {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close() //nolint:errcheck // It was only read.
	samples, err := phone.ReadWAV(file)
	require.NoError(t, err)
	return time.Duration(len(samples)) * time.Second / 8000
}

// postgresStopped: the database goes away under calls and comes back. Outcomes are kept meanwhile, nothing new is
// dialled, and the line answers.
func postgresStopped(t *testing.T, program string) {
	street := house.Build(t, house.Options{Outside: true})
	street.Serve(t, program)
	w := talking(t, street, 2, owed())
	owed := w.People[2]
	answers(t, w.House) // Known to the service from now on.

	require.NoError(t, street.Postgres.StopImmediate(t.Context()))
	talked := w.end(t, 0)
	answers(t, w.House)
	stopped := time.Now()
	house.Await(t, time.Minute, "five seconds without a database", func(context.Context) bool { return time.Since(stopped) > 5*time.Second })
	require.Empty(t, w.Rang(owed.Number), "dialled without a claim on record")
	w.soundSince(t, 1, stopped)

	require.NoError(t, street.Postgres.Start(t.Context()))
	a := w.once(t, 0, talked)
	require.Equal(t, call.ReasonNone, a.Reason, "%+v", a)
	talked = w.end(t, 1)
	a = w.once(t, 1, talked)
	require.Equal(t, call.ReasonNone, a.Reason, "%+v", a)
	// Work goes on: the one who waited is called.
	w.Take(w.Callers[0])
	w.HangUp(w.AwaitCall(owed))
	require.Equal(t, call.ResultAnswered, w.AwaitEnd(owed).Result)
}

// postgresStoppedServiceKilled: the database goes away under calls, one of which ends; then the service is killed and
// started again before the database returns, and the other one ends.
func postgresStoppedServiceKilled(t *testing.T, program string) {
	street := house.Build(t, house.Options{Outside: true})
	service := street.Serve(t, program)
	w := talking(t, street, 2, owed())
	owed := w.People[2]

	require.NoError(t, street.Postgres.StopImmediate(t.Context()))
	talked := w.end(t, 0)
	house.Await(t, 60*time.Second, "the outcome to be on disk", func(context.Context) bool { return street.Spooled(t) > 0 })
	service.Kill()
	street.Serve(t, program)
	answers(t, w.House)
	w.soundSince(t, 1, w.since[1].Add(time.Second))
	unseen := w.end(t, 1)
	require.Empty(t, w.Rang(owed.Number), "dialled without a claim on record")

	require.NoError(t, street.Postgres.Start(t.Context()))
	a := w.once(t, 0, talked)
	require.Equal(t, call.ReasonNone, a.Reason, "%+v", a)
	require.False(t, a.Estimated)
	a = w.AwaitEnd(w.People[1])
	require.Equal(t, call.ResultAnswered, a.Result, "%+v", a)
	require.Equal(t, call.ReasonRestart, a.Reason, "%+v", a)
	require.True(t, a.Estimated)
	require.GreaterOrEqual(t, a.Talk, unseen-clockLag)
	require.Len(t, w.Attempts(w.People[1]), 1)
	require.Len(t, w.Rang(w.People[1].Number), 1, "rung again")
	require.Equal(t, 1, w.Ends(a.ID))
	w.Take(w.Callers[0])
	w.HangUp(w.AwaitCall(owed))
	require.Equal(t, call.ResultAnswered, w.AwaitEnd(owed).Result)
}

// owed is somebody whose turn comes when the first caller is free again.
func owed() house.PersonPlan {
	return house.PersonPlan{
		Does: phone.Answers(200*time.Millisecond, house.PersonTone), Reference: 1, Continuity: roster.Strict,
		Change: func(b *roster.Beneficiary) { b.Class = 0 },
	}
}

// end has the ith person hang up after a talk, and returns how long that was. What is shorter, and ended by both at once, may
// be taken for a caller who left as she answered: then she is called again.
func (w *talks) end(t *testing.T, i int) time.Duration {
	t.Helper()
	house.Await(t, time.Minute, "a talk", func(context.Context) bool { return time.Since(w.since[i]) > 4*time.Second })
	w.HangUp(w.theirs[i])
	talked := time.Since(w.since[i])
	w.HangUp(w.hers[i])
	return talked
}

// answers dials the registration line and hears its greeting.
func answers(t *testing.T, h *house.House) {
	t.Helper()
	party := h.DialLine("+33639989999", phone.Silence())
	h.Hears(party, time.Time{}, house.Beginning(h.Prompt("line.greeting", nil), 2*time.Second), 40*time.Second)
	h.HangUp(party)
}
