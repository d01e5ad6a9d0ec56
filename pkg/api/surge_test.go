package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// wave is a surge that is remembered.
type wave struct {
	asked   api.Surge
	stopped call.Kind
	err     error
}

func (w *wave) Surge(_ context.Context, _ int64, s api.Surge, _ time.Time) (api.Surged, error) {
	w.asked = s
	return api.Surged{People: 3, Booked: 2, Opens: nine, Closes: nine.Add(time.Hour), Seconds: 60}, w.err
}

func (w *wave) Surges(context.Context, int64, time.Time) ([]api.SurgeState, error) {
	return []api.SurgeState{{
		Day: "2026-06-16", Kind: call.KindPresence, Calls: 2, States: map[string]int{"reached": 1}, Answers: map[string]int{"well": 1},
	}}, w.err
}

func (w *wave) StopSurge(_ context.Context, _ int64, kind call.Kind, _, _ time.Time) (int, error) {
	w.stopped = kind
	return 1, w.err
}

func (w *wave) SurveyAnswers(context.Context, int64) ([]api.SurveyAnswer, error) {
	return []api.SurveyAnswer{{Survey: "evaluation", Month: "2026-06", Question: "satisfied", Answer: "4", Given: 3, Share: 0.75}}, w.err
}

func TestSurgesAndSurveys(t *testing.T) {
	h := newHouse(t)
	writing, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "the desk", Scope: auth.ScopeWrite}, time.Now())
	require.NoError(t, err)
	write, path := bearer(writing), "/api/v1/schemes/"+ours
	done := h.ask(path+"/surges", send("POST", `{"kind":"presence","register":"heat_register","classes":[2,3],"dry_run":true}`, write))
	h.valid(done.body, "Surged")
	require.Equal(t, api.Surge{Kind: call.KindPresence, Register: roster.PurposeHeatRegister, Classes: []int{2, 3}, DryRun: true}, h.wave.asked)
	for body, status := range map[string]int{
		`{"kind":"survey"}`: 200, `{}`: 400, `{"kind":"outreach"}`: 400, `{"kind":"presence","classes":[4]}`: 400,
		`{"kind":"presence","languages":["it"]}`: 400, `{"kind":"presence","register":"x"}`: 400, `{"kind":"presence","when":"now"}`: 400,
	} {
		require.Equal(t, status, h.ask(path+"/surges", send("POST", body, write)).status, body)
	}
	require.Equal(t, 403, h.ask(path+"/surges", send("POST", `{"kind":"presence"}`)).status)
	h.valid(h.ask(path+"/surges").body, "Surges")
	h.valid(h.ask(path+"/survey-answers").body, "SurveyAnswers")
	require.JSONEq(t, `{"cancelled":1}`, string(h.ask(path+"/surges/stop", send("POST", `{"kind":"presence"}`, write)).body))
	require.Equal(t, call.KindPresence, h.wave.stopped)
	h.wave.err = api.ErrNoSurge
	require.JSONEq(t, `{"cancelled":0}`, string(h.ask(path+"/surges/stop", send("POST", `{}`, write)).body), "it is as it shall be")
}
