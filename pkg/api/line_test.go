package api_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// line is that of a scheme, which remembers what was asked of it.
type line struct {
	number   api.LineNumber
	removed  string
	days     roster.Weekdays
	hours    []roster.Window
	excepted schedule.Exception
	revoked  schedule.Exception
	overflow api.LineOverflow
	greeting string
	err      error
}

func (l *line) Line(context.Context, int64, time.Time) (api.Line, error) {
	return api.Line{
		Greeting:   "Gardons le contact",
		Numbers:    []api.LineNumber{{Number: "+3281000000", Delivered: "081000000", Flow: "registration", Languages: []roster.Language{"fr", "nl"}}},
		Hours:      api.LineHours{Mon: "13:30-17:00", Tue: "closed"},
		Exceptions: []api.LineException{{First: "2026-12-24", Last: "2026-12-26", Hours: "closed"}},
		Overflow:   api.LineOverflow{After: 120, To: roster.RoleCaller},
		Pools:      []api.LinePool{{Role: roster.RoleRegistrar, Language: "fr", People: 3, OnShift: 1}},
	}, l.err
}

func (l *line) ChangeNumber(_ context.Context, _ int64, number string, change func(*api.LineNumber)) (api.LineNumber, error) {
	l.number = api.LineNumber{Number: number, Delivered: number, Flow: "registration", Languages: []roster.Language{"fr"}}
	change(&l.number)
	return l.number, l.err
}

func (l *line) RemoveNumber(_ context.Context, _ int64, number string) error {
	l.removed = number
	return l.err
}

func (l *line) SetLineHours(_ context.Context, _ int64, days roster.Weekdays, hours []roster.Window, _ time.Time) error {
	l.days, l.hours = days, hours
	return l.err
}

func (l *line) ExceptLine(_ context.Context, _ int64, e schedule.Exception, _ time.Time) error {
	l.excepted = e
	return l.err
}

func (l *line) RevokeLineException(_ context.Context, _ int64, e schedule.Exception, _ time.Time) error {
	l.revoked = e
	return l.err
}

func (l *line) SetGreeting(_ context.Context, _ int64, spoken string, _ time.Time) error {
	l.greeting = spoken
	return l.err
}

func (l *line) SetOverflow(_ context.Context, _ int64, change func(*api.LineOverflow), _ time.Time) error {
	l.overflow = api.LineOverflow{After: 120}
	change(&l.overflow)
	return l.err
}

// TestLine changes everything of a line.
func TestLine(t *testing.T) {
	h := newHouse(t)
	writing, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "the town's site", Scope: auth.ScopeWrite}, time.Now())
	require.NoError(t, err)
	write := bearer(writing)
	path := "/api/v1/schemes/" + ours + "/line"
	told := h.valid(h.ask(path, write).body, "Line")
	require.Equal(t, map[string]any{"mon": "13:30-17:00", "tue": "closed"}, told["hours"])
	require.Equal(t, map[string]any{"after_s": json.Number("120"), "to": "caller"}, told["overflow"])
	require.Equal(t, 403, h.ask(path).status, "a token that reads figures")

	res := h.ask(path+"/numbers", send("POST", `{"number":"+3281000001","languages":["de","fr"]}`, write))
	require.Equal(t, 200, res.status, "%s", res.body)
	require.Equal(t, []any{"de", "fr"}, h.valid(res.body, "LineNumber")["languages"])
	require.Equal(t, "registration", h.line.number.Flow, "what is not sent stays")
	christmas, after := time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 26, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		way, method, body string
		done              func() bool
	}{
		{"numbers/remove", "POST", `{"number":"+3281000001"}`, func() bool { return h.line.removed == "+3281000001" }},
		{"hours", "PUT", `{"days":"mon-fri","hours":"9:30-12:00"}`, func() bool {
			return h.line.days.Has(time.Friday) && !h.line.days.Has(time.Sunday) && len(h.line.hours) == 1
		}},
		{"hours", "PUT", `{"days":"sun","hours":"closed"}`, func() bool { return h.line.days.Has(time.Sunday) && len(h.line.hours) == 0 }},
		{"open", "POST", `{"first":"2026-12-24","hours":"10:00-12:00"}`, func() bool { return h.line.excepted.First.Equal(christmas) && len(h.line.excepted.Hours) == 1 }},
		{"close", "POST", `{"first":"2026-12-24","last":"2026-12-26"}`, func() bool { return h.line.excepted.Last.Equal(after) && len(h.line.excepted.Hours) == 0 }},
		{"usual", "POST", `{"first":"2026-12-24"}`, func() bool { return h.line.revoked.First.Equal(christmas) && h.line.revoked.Last.IsZero() }},
		{"overflow", "PUT", `{"to":"coordinator"}`, func() bool { return h.line.overflow == api.LineOverflow{After: 120, To: roster.RoleCoordinator} }},
		{"greeting", "PUT", `{"greeting":"Les voisins"}`, func() bool { return h.line.greeting == "Les voisins" }},
		{"greeting", "PUT", `{"greeting":""}`, func() bool { return h.line.greeting == "" }},
	} {
		res := h.ask(path+"/"+c.way, send(c.method, c.body, write))
		require.Equal(t, 204, res.status, "%s: %s", c.way, res.body)
		require.True(t, c.done(), "%s %s", c.way, c.body)
		require.Equal(t, 403, h.ask(path+"/"+c.way, send(c.method, c.body)).status, "a token that reads figures")
	}
	for name, c := range map[string]struct {
		way, method, body string
		err               error
		status            int
		kind              string
	}{
		"no number":          {"numbers", "POST", `{"number":"081"}`, nil, 400, "body"},
		"a language twice":   {"numbers", "POST", `{"number":"+3281000001","languages":["fr","fr"]}`, nil, 400, "body"},
		"no language":        {"numbers", "POST", `{"number":"+3281000001","languages":["it"]}`, nil, 400, "body"},
		"no such flow":       {"numbers", "POST", `{"number":"+3281000001"}`, api.ErrNoFlow, 404, "no-flow"},
		"another's number":   {"numbers", "POST", `{"number":"+3281000001"}`, api.ErrTaken, 409, "refused"},
		"no such number":     {"numbers/remove", "POST", `{"number":"+3281000009"}`, api.ErrNoNumber, 404, "no-such"},
		"no days":            {"hours", "PUT", `{"hours":"9:30-12:00"}`, nil, 400, "body"},
		"hours that overlap": {"hours", "PUT", `{"days":"mon","hours":"9:30-12:00"}`, api.ErrHours, 400, "body"},
		"no hours":           {"open", "POST", `{"first":"2026-12-24"}`, nil, 400, "body"},
		"no date":            {"close", "POST", `{"first":"Christmas"}`, nil, 400, "body"},
		"dates backward":     {"close", "POST", `{"first":"2026-12-24","last":"2026-12-23"}`, api.ErrDatesBackward, 400, "body"},
		"nothing to revoke":  {"usual", "POST", `{"first":"2026-12-24"}`, api.ErrNoException, 404, "no-such"},
		"no greeting":        {"greeting", "PUT", `{}`, nil, 400, "body"},
		"a long greeting":    {"greeting", "PUT", `{"greeting":"Les voisins"}`, api.ErrGreeting, 400, "body"},
		"no such role":       {"overflow", "PUT", `{"to":"courier"}`, api.ErrOverflow, 400, "body"},
	} {
		h.line.err = c.err
		res := h.ask(path+"/"+c.way, send(c.method, c.body, write))
		require.Equal(t, c.status, res.status, "%s: %s", name, res.body)
		require.Equal(t, "urn:rappel:problem:"+c.kind, h.valid(res.body, "Problem")["type"], name)
	}
}
