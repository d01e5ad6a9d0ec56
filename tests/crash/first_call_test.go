package crash

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

// killedWhileTheyAreAsked: of two who were proposed by others one refuses, and the service is killed before the file of what she has
// recorded is erased; the other's caller is just being asked what she answered. The first stays erased, file included; the other is
// shown as asked, rung by nobody, and her answer is written down later.
func killedWhileTheyAreAsked(t *testing.T, street *house.Street, program string, service *house.Process) {
	t.Helper()
	proposed := func(b *roster.Beneficiary) {
		b.Consent, b.Source = roster.Consent{State: roster.ConsentProposed}, roster.SourcePharmacist
		b.Agreement.Cadence, b.Agreement.Days = roster.Daily, nil
	}
	var plan house.Plan
	for i := range 2 {
		plan.Callers = append(plan.Callers, house.CallerPlan{})
		plan.People = append(plan.People, house.PersonPlan{
			Does: phone.Answers(200*time.Millisecond, house.PersonTone), Reference: i + 1, Continuity: roster.Strict, Change: proposed,
		})
	}
	h := street.Move(t, plan)
	file := filepath.Join(street.Asterisk.RecordingsDir(), "registrations", "hers-1.wav")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte("her name"), 0o600))
	refuses, thinks := h.People[0], h.People[1]
	require.NoError(t, h.Store.SaveRegistration(t.Context(), callflow.Registration{
		ID: uuid.NewString(), Scheme: h.Scheme.Key, CLI: refuses.Number, Number: refuses.Number, Name: "registrations/hers-1",
		Source: roster.SourceSelf, Language: roster.French, Consent: roster.ConsentGiven, At: h.Now(),
	}))
	var hers []*phone.Call
	for _, caller := range h.Callers {
		hers = append(hers, h.Take(caller))
	}
	for _, line := range hers { // Before either announcement is over.
		h.Hears(line, time.Time{}, h.Prompt("dialplan.first-call", nil), time.Minute)
		require.NoError(t, line.SendDTMF(t.Context(), "1"))
	}
	for i, line := range hers {
		theirs := h.AwaitCall(h.People[i])
		_, err := theirs.HearTone(t.Context(), house.CallerTone)
		require.NoError(t, err)
		h.HangUp(theirs)
		h.Hears(line, theirs.Answered(), house.Beginning(h.Prompt("consent.menu", nil), 4*time.Second), time.Minute)
		if h.People[i] == refuses {
			require.NoError(t, line.SendDTMF(t.Context(), "2"))
			h.Hears(line, time.Time{}, h.Prompt("consent.sure", nil), time.Minute)
			require.NoError(t, line.SendDTMF(t.Context(), "2"))
			h.Hears(line, time.Time{}, house.Beginning(h.Prompt("consent.refused", nil), 2*time.Second), time.Minute)
		}
	}
	service.Kill()

	street.Serve(t, program)
	house.Await(t, 90*time.Second, "her recording to be erased", func(context.Context) bool {
		_, err := os.Stat(file)
		return os.IsNotExist(err)
	})
	refused, err := h.Store.Refused(t.Context(), h.Scheme.Key, []string{refuses.Number})
	require.NoError(t, err)
	require.True(t, refused[refuses.Number])
	house.Await(t, 30*time.Second, "nothing to be left to erase", func(ctx context.Context) bool {
		left, err := h.Store.Erasures(ctx, h.Scheme.Key)
		return err == nil && len(left) == 0
	})
	house.Await(t, 60*time.Second, "the other to be shown as asked", func(ctx context.Context) bool {
		list, err := h.Store.Proposals(ctx, h.Scheme.Key)
		return err == nil && len(list) == 1 && list[0].Ref == thinks.Ref && !list[0].Asked.IsZero() && list[0].Opens.IsZero()
	})
	require.NoError(t, h.Store.AnswerConsent(t.Context(), h.Scheme.Key, roster.Answered{Ref: thinks.Ref, Answer: roster.AnswerAgreed}, h.Now()))
	promises := h.Occurrences(thinks)
	require.Greater(t, len(promises), 5)
	require.Equal(t, call.OccurrenceOpen, promises[len(promises)-1].State)
	for _, p := range h.People {
		require.Len(t, h.Rang(p.Number), 1, "rung again")
	}
}
