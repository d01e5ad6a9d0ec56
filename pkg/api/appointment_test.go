package api_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// agenda holds one person's next call, an hour from nine, and what was done to it.
type agenda struct {
	done    []callflow.Noted
	pending callflow.Change
	today   bool // She has asked for a call.
}

func (a *agenda) SettleChange(_ context.Context, _ int64, told callflow.Told, _ time.Time) error {
	if told.Beneficiary != 17 || told.Change == "" || told.Change != a.pending.ID {
		return callflow.ErrNothing
	}
	state := callflow.ChangeRefused
	if told.Agreed {
		state = callflow.ChangeDone
	}
	a.done = append(a.done, callflow.Noted{Change: a.pending, Ref: "B017", State: state, At: nine, Settled: nine, Channel: "line"})
	a.pending = callflow.Change{}
	return nil
}

func (a *agenda) NextAppointment(_ context.Context, scheme int64, ref string, _ time.Time) (next callflow.Next, err error) {
	if scheme != 1 || ref != "B017" {
		return next, callflow.ErrNothing
	}
	next.Pending = a.pending
	next.Occurrence, next.Beneficiary, next.Opens, next.Closes = 5, 17, nine.Add(time.Hour), nine.Add(2*time.Hour)
	for _, n := range a.done {
		if n.Kind != callflow.ChangeConfirm {
			next.Occurrence, next.Opens, next.Closes = 6, nine.AddDate(0, 0, 7), nine.AddDate(0, 0, 7).Add(time.Hour)
		}
		next.Confirmed = next.Confirmed || n.Kind == callflow.ChangeConfirm
	}
	return next, nil
}

func (a *agenda) OtherTimes(context.Context, int64, int64, time.Time) ([]callflow.Proposal, error) {
	return []callflow.Proposal{{Opens: nine.AddDate(0, 0, 1), Closes: nine.AddDate(0, 0, 1).Add(time.Hour)}}, nil
}

func (a *agenda) note(kind callflow.ChangeKind, c callflow.Change) {
	c.Kind, c.Promised = kind, callflow.Proposal{Opens: nine.Add(time.Hour), Closes: nine.Add(2 * time.Hour)}
	a.done = append(a.done, callflow.Noted{Change: c, Ref: "B017", State: callflow.ChangeDone, At: nine, Settled: nine, Channel: "registrar"})
}

func (a *agenda) ConfirmAppointment(context.Context, int64, int64, string, time.Time) error {
	a.note(callflow.ChangeConfirm, callflow.Change{})
	return nil
}

func (a *agenda) ChangeNow(_ context.Context, _ int64, c callflow.Change, _ string, _ time.Time) error {
	if c.Occurrence != 5 || c.Beneficiary != 17 {
		return callflow.ErrGone
	}
	a.note(c.Kind, c)
	return nil
}

// CallToday has room for one call.
func (a *agenda) CallToday(_ context.Context, scheme int64, ref string, now time.Time) (time.Time, error) {
	switch {
	case scheme != 1 || ref != "B017":
		return time.Time{}, roster.ErrNoBeneficiary
	case a.today:
		return time.Time{}, dispatch.ErrAlready
	}
	a.today = true
	return now.Add(time.Hour), nil
}

func (a *agenda) Changes(context.Context, int64, string, time.Time) ([]callflow.Noted, error) {
	return a.done, nil
}

// TestAppointments changes somebody's call as a program does whose connection breaks: asked again, nothing more is changed.
func TestAppointments(t *testing.T) {
	h := newHouse(t)
	writing, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "the desk", Scope: auth.ScopeWrite}, time.Now())
	require.NoError(t, err)
	write := bearer(writing)
	path := "/api/v1/schemes/" + ours + "/appointments"
	require.Equal(t, 403, h.ask(path+"/B017").status, "a token that reads figures")
	require.Equal(t, 404, h.ask(path+"/B018", write).status)

	told := h.valid(h.ask(path+"/B017", write).body, "Appointment")
	require.Equal(t, "2026-03-02T10:42:07Z", told["opens"])
	require.Len(t, told["times"], 1)
	require.Equal(t, 204, h.ask(path+"/B017/confirm", send("POST", "", write)).status)
	require.Equal(t, true, h.valid(h.ask(path+"/B017", write).body, "Appointment")["confirmed"])

	const move = `{"call":"2026-03-02T10:42:07Z","opens":"2026-03-03T09:42:07Z"}`
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"no other time":   {`{"call":"2026-03-02T10:42:07Z","opens":"2026-03-04T09:42:07Z"}`, 400},
		"another call":    {`{"call":"2026-03-02T11:00:00Z","opens":"2026-03-03T09:42:07Z"}`, 409},
		"no call at all":  {`{}`, 400},
		"no date at all":  {`{"call":"tomorrow"}`, 400},
		"an unknown word": {`{"when":"2026-03-03T09:42:07Z"}`, 400},
	} {
		require.Equal(t, c.status, h.ask(path+"/B017/move", send("POST", c.body, write)).status, name)
	}
	require.Equal(t, 204, h.ask(path+"/B017/move", send("POST", move, write)).status)
	require.Equal(t, 204, h.ask(path+"/B017/move", send("POST", move, write)).status, "once more")
	require.Equal(t, 409, h.ask(path+"/B017/skip", send("POST", `{"call":"2026-03-02T10:42:07Z"}`, write)).status, "it was moved")
	require.Len(t, h.agenda.done, 2)
	require.Equal(t, 404, h.ask(path+"/B018/today", send("POST", "", write)).status)
	require.Equal(t, 403, h.ask(path+"/B017/today", send("POST", "")).status)
	require.NotEmpty(t, h.valid(h.ask(path+"/B017/today", send("POST", "", write)).body, "CalledToday")["at"])
	require.Equal(t, 409, h.ask(path+"/B017/today", send("POST", "", write)).status, "once more")
	list := h.valid(h.ask(path, write).body, "Changes")
	require.Len(t, list["changes"], 2)
	require.Equal(t, http.StatusForbidden, h.ask(path+"/B017/skip", send("POST", "{}")).status)
}

// TestWhatWaitsForHerWordIsSettled by whoever has talked to her: the change that was told, and once.
func TestWhatWaitsForHerWordIsSettled(t *testing.T) {
	h := newHouse(t)
	writing, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "the desk", Scope: auth.ScopeWrite}, time.Now())
	require.NoError(t, err)
	write := bearer(writing)
	path := "/api/v1/schemes/" + ours + "/appointments/B017"
	const one, other = "0198a2f0-0000-7000-8000-000000000001", "0198a2f0-0000-7000-8000-000000000002"
	h.agenda.pending = callflow.Change{ID: one, Kind: callflow.ChangeAway, From: nine.Truncate(24 * time.Hour), Back: nine.Truncate(24*time.Hour).AddDate(0, 0, 7)}
	told := h.valid(h.ask(path, write).body, "Appointment")["pending"].(map[string]any)
	require.Equal(t, map[string]any{"id": one, "change": "away", "from": "2026-03-02", "back": "2026-03-09"}, told)
	require.Equal(t, 400, h.ask(path+"/settle", send("POST", `{"change":"`+one+`"}`, write)).status, "what she said is missing")
	require.Equal(t, 409, h.ask(path+"/settle", send("POST", `{"change":"`+other+`","agreed":true}`, write)).status, "not the one that waits")
	require.Equal(t, 403, h.ask(path+"/settle", send("POST", `{"change":"`+one+`","agreed":true}`)).status, "a token that reads figures")
	for range 2 {
		require.Equal(t, 204, h.ask(path+"/settle", send("POST", `{"change":"`+one+`","agreed":true}`, write)).status, "and once more")
	}
	require.Equal(t, 409, h.ask(path+"/settle", send("POST", `{"change":"`+one+`","agreed":false}`, write)).status, "it is done")
	require.Len(t, h.agenda.done, 1)
	require.Equal(t, callflow.ChangeDone, h.agenda.done[0].State)
}
