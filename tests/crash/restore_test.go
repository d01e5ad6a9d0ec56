package crash

import (
	"context"
	"errors"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/tests/house"
)

// broughtBack: the database is brought back to a moment before two people were called, one of whom still talks. Nobody is dialled until
// somebody has seen that, the one who was called is not called again, and what comes of the call that goes on is kept for a person
// to see.
func broughtBack(t *testing.T, program string) {
	street := house.Build(t, house.Options{Outside: true})
	service := street.Serve(t, program)
	w := talking(t, street, 1, owed(), owed())
	first, second, third := w.People[0], w.People[1], w.People[2]
	restore := street.Snapshot(t)

	// Of all that follows the database will know nothing: how the first call ended, and the second one.
	w.end(t, 0)
	require.Equal(t, call.ResultAnswered, w.AwaitEnd(first).Result)
	w.Take(w.Callers[0])
	theirs := w.AwaitCall(second)
	_, err := theirs.HearTone(t.Context(), house.CallerTone)
	require.NoError(t, err)
	w.AwaitAttempt(second, 1, call.StateBridged)
	w.HangUp(theirs)
	require.Equal(t, call.OccurrenceReached, w.awaitClosed(t, second).State)
	hers := w.Take(w.Callers[0])
	talks := w.AwaitCall(third)
	_, err = talks.HearTone(t.Context(), house.CallerTone)
	require.NoError(t, err)
	begun := w.AwaitAttempt(third, 1, call.StateBridged)
	service.Kill()
	restore()
	require.Equal(t, call.OccurrenceOpen, w.Occurrences(second)[0].State)

	service = street.Serve(t, program)
	// Whose attempt is on record is adopted, as after any crash; then the caller is free.
	require.Equal(t, call.ResultAnswered, w.AwaitEnd(first).Result)
	w.AwaitState(w.Callers[0], call.CallerReady)
	require.Equal(t, call.OccurrenceOpen, w.Occurrences(second)[0].State, "nothing is dialled")
	require.Len(t, w.Rang(second.Number), 1)

	rappel := func(args ...string) (string, int) {
		c := exec.CommandContext(t.Context(), program, append(args, "--config", service.Config)...)
		out, err := c.CombinedOutput()
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			require.NoError(t, err)
		}
		return string(out), c.ProcessState.ExitCode()
	}
	house.Await(t, time.Minute, "a talk", func(context.Context) bool { return time.Since(talks.Answered()) > 4*time.Second })
	require.Less(t, hers.LongestToneGap(house.PersonTone, talks.Answered().Add(time.Second), time.Now().Add(-200*time.Millisecond)), soundLimit)
	w.HangUp(talks)
	w.HangUp(hers) // Who would say what it was about.
	house.Await(t, time.Minute, "what came of the call to be kept", func(ctx context.Context) bool {
		facts, err := w.Store.RefusedFacts(ctx, w.Scheme.Key)
		return err == nil && len(facts) == 1 && facts[0].Attempt == begun.ID && facts[0].Kind == "ended" && facts[0].Ref == third.Ref
	})
	listed, status := rappel("scheme", "lost")
	require.Zero(t, status, listed)
	require.Regexp(t, second.Ref+` +reached +open`, listed)
	require.Regexp(t, third.Ref+` +begun +open`, listed)
	require.Regexp(t, third.Ref+` +ended answered, \d+s +`+string(begun.ID), listed)
	listed, status = rappel("scheme", "lost", "--close", "all")
	require.Zero(t, status, listed)
	said, status := rappel("scheme", "resume")
	require.Equal(t, 2, status, said)
	require.Contains(t, said, "--as-lost")
	said, status = rappel("scheme", "resume", "--as-lost")
	require.Zero(t, status, said)
	require.Contains(t, said, "1 calls closed")

	require.Equal(t, call.OccurrenceReached, w.Occurrences(second)[0].State)
	require.Len(t, w.Rang(second.Number), 1, "rung again")
	require.Len(t, w.Rang(first.Number), 1, "rung again")
	listed, status = rappel("scheme", "lost")
	require.Zero(t, status, listed)
	require.Contains(t, listed, "Nothing was lost")
}

// awaitClosed waits until the person's promise has been closed.
func (w *talks) awaitClosed(t *testing.T, p *house.Person) house.Occurrence {
	t.Helper()
	house.Await(t, 30*time.Second, "the promise to be closed", func(context.Context) bool { return w.Occurrences(p)[0].State.Ended() })
	return w.Occurrences(p)[0]
}
