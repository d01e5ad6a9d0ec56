package api_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// town is one person, B017: how the line treats her, and when she is away.
type town struct {
	settings callflow.Settings
	away     []api.Absence
}

func (t *town) Settings(_ context.Context, scheme int64, ref string) (callflow.Settings, error) {
	if scheme != 1 || ref != "B017" {
		return callflow.Settings{}, api.ErrNoPerson
	}
	return t.settings, nil
}

func (t *town) ChangeSettings(ctx context.Context, scheme int64, ref string, c callflow.SettingsChange) (callflow.Settings, error) {
	if _, err := t.Settings(ctx, scheme, ref); err != nil {
		return callflow.Settings{}, err
	}
	if c.Language != nil {
		t.settings.Language = *c.Language
	}
	for _, f := range []struct{ from, into *bool }{
		{c.LongerWaits, &t.settings.LongerWaits}, {c.StraightToPerson, &t.settings.StraightToPerson}, {c.Simpler, &t.settings.Simpler},
	} {
		if f.from != nil {
			*f.into = *f.from
		}
	}
	return t.settings, nil
}

func (t *town) Absences(context.Context, int64, time.Time) ([]api.Absence, error) { return t.away, nil }

func (t *town) Announce(_ context.Context, _ int64, a api.Absence, _ time.Time) (api.Replanned, error) {
	switch {
	case a.Ref != "B017":
		return api.Replanned{}, api.ErrNoPerson
	case !a.Last.IsZero() && a.Last.Before(a.First):
		return api.Replanned{}, api.ErrDatesBackward
	}
	t.away = append(t.away, a)
	return api.Replanned{Cancelled: 2, Booked: 1}, nil
}

func (t *town) EndAbsence(_ context.Context, _ int64, _ string, back, _ time.Time) (api.Replanned, error) {
	if len(t.away) == 0 || back.Before(t.away[0].First) {
		return api.Replanned{}, api.ErrNotAway
	}
	t.away = nil
	return api.Replanned{Booked: 2}, nil
}

// TestHowTheLineTreatsSomebody is read and changed by programs, one thing at a time.
func TestHowTheLineTreatsSomebody(t *testing.T) {
	h := newHouse(t)
	writing, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "the desk", Scope: auth.ScopeWrite}, time.Now())
	require.NoError(t, err)
	write := bearer(writing)
	h.town.settings = callflow.Settings{Language: roster.French, LongerWaits: true}
	path := "/api/v1/schemes/" + ours + "/people/"
	require.Equal(t, 403, h.ask(path+"B017").status, "a token that reads figures")
	require.Equal(t, 404, h.ask(path+"B018", write).status)
	require.Equal(t, 404, h.ask(path+"B018", send("PATCH", `{"simpler":true}`, write)).status)
	require.Equal(t, true, h.valid(h.ask(path+"B017", write).body, "Settings")["longer_waits"])
	for _, body := range []string{`{"language":"it"}`, `{"language":""}`, `{"simpler":"yes"}`, `{"waits":true}`, `[]`} {
		require.Equal(t, 400, h.ask(path+"B017", send("PATCH", body, write)).status, body)
	}
	require.Equal(t, callflow.Settings{Language: roster.French, LongerWaits: true}, h.town.settings)
	now := h.valid(h.ask(path+"B017", send("PATCH", `{"language":"nl","simpler":true,"longer_waits":false}`, write)).body, "Settings")
	require.Equal(t, map[string]any{"language": "nl", "longer_waits": false, "straight_to_person": false, "simpler": true}, now)
	require.Equal(t, callflow.Settings{Language: roster.Dutch, Simpler: true}, h.town.settings)
}

// TestAbsencesByProgram are announced and ended, with the dates that people would type.
func TestAbsencesByProgram(t *testing.T) {
	h := newHouse(t)
	writing, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "the desk", Scope: auth.ScopeWrite}, time.Now())
	require.NoError(t, err)
	write := bearer(writing)
	path := "/api/v1/schemes/" + ours + "/absences"
	require.Equal(t, 403, h.ask(path).status, "a token that reads figures")
	require.Empty(t, h.valid(h.ask(path, write).body, "Absences")["absences"])
	require.Equal(t, 404, h.ask(path+"/B018", send("POST", "", write)).status)
	for _, body := range []string{`{"first":"tomorrow"}`, `{"first":"2026-03-09","last":"2026-03-08"}`, `{"until":"2026-03-09"}`} {
		require.Equal(t, 400, h.ask(path+"/B017", send("POST", body, write)).status, body)
	}
	require.Equal(t, 409, h.ask(path+"/B017/end", send("POST", "", write)).status, "she is not away")
	done := h.valid(h.ask(path+"/B017", send("POST", `{"first":"2026-03-05","last":"2026-03-12"}`, write)).body, "Replanned")
	require.Equal(t, "2", fmt.Sprint(done["cancelled"]))
	require.Equal(t, 200, h.ask(path+"/B017", send("POST", `{"first":"2026-03-02","no_call":true,"welcome_back":true}`, write)).status)
	list := h.valid(h.ask(path, write).body, "Absences")["absences"].([]any)
	require.Equal(t, []any{
		map[string]any{"person": "B017", "first": "2026-03-05", "last": "2026-03-12", "no_call": false, "welcome_back": true},
		map[string]any{"person": "B017", "first": "2026-03-02", "no_call": true, "welcome_back": false},
	}, list)
	require.Equal(t, 409, h.ask(path+"/B017/end", send("POST", `{"back":"2026-03-01"}`, write)).status, "it has not begun")
	require.Equal(t, 200, h.ask(path+"/B017/end", send("POST", `{"back":"2026-03-08"}`, write)).status)
}
