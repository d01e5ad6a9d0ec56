package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// outreach is a list.
type outreach struct {
	people  []roster.Beneficiary
	waiting int
	err     error
}

func (o *outreach) AddOutreach(_ context.Context, _ int64, people []roster.Beneficiary, _ time.Time, rehearse bool) (report.OutreachAdded, error) {
	if !rehearse {
		o.people = append(o.people, people...)
	}
	return report.OutreachAdded{Added: len(people)}, nil
}

func (o *outreach) StartOutreach(_ context.Context, _ int64, now time.Time, rehearse bool) (report.OutreachBooked, error) {
	if !rehearse {
		o.waiting = len(o.people)
	}
	return report.OutreachBooked{Booked: len(o.people), Days: 1, Opens: now, Closes: now.Add(time.Hour), Lines: true}, o.err
}

func (o *outreach) EndOutreach(context.Context, int64, time.Time) (report.OutreachEnded, error) {
	return report.OutreachEnded{Cancelled: 1, Erased: 2}, o.err
}

func (o *outreach) StopOutreach(context.Context, int64, time.Time) (int, error) {
	n := o.waiting
	if o.waiting = 0; n == 0 {
		return 0, report.ErrNoOutreach
	}
	return n, nil
}

func (o *outreach) Outreach(context.Context, int64) (report.Outreach, error) {
	return report.Outreach{Listed: len(o.people), Open: o.waiting, Answers: map[string]int{"never": 2}}, nil
}

// TestAListIsCalledByAProgram: a list is put together, called, looked at and stopped as by the command line.
func TestAListIsCalledByAProgram(t *testing.T) {
	h := newHouse(t)
	token, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "the desk", Scope: auth.ScopeWrite}, time.Now())
	require.NoError(t, err)
	path := "/api/v1/schemes/" + ours + "/outreach"
	post := func(what, body, schema string, status int) map[string]any {
		t.Helper()
		res := h.ask(path+"/"+what, send("POST", body, bearer(token)))
		require.Equal(t, status, res.status, "%s", res.body)
		return h.valid(res.body, schema)
	}
	people := `{"people": [{"number": "+33199001234", "family": "Martin"}, {"number": "+33199001235", "language": "nl"}], "dry_run": %v}`
	require.Equal(t, json.Number("2"), post("import", fmt.Sprintf(people, true), "OutreachAdded", 200)["added"])
	require.Empty(t, h.outreach.people)
	post("import", fmt.Sprintf(people, false), "OutreachAdded", 200)
	require.Equal(t, []roster.Beneficiary{
		{Family: "Martin", Language: roster.French, Numbers: []roster.Number{{E164: "+33199001234"}}},
		{Language: roster.Dutch, Numbers: []roster.Number{{E164: "+33199001235"}}},
	}, h.outreach.people)
	for body, why := range map[string]string{
		`{"people": [{"number": "01 99 00 12 34"}]}`:                         "people[0].number",
		`{"people": [{"number": "+33199001234", "language": "lb"}]}`:         "people[0].language",
		`{"people": [{"number": "+33199001234", "consent": "given"}]}`:       `"consent"`,
		`{"people": [{}, {"number": "+33199001234"}], "dry_run": "perhaps"}`: "dry_run",
	} {
		require.Contains(t, post("import", body, "Problem", 400)["detail"], why)
	}
	require.Equal(t, json.Number("2"), post("start", `{"dry_run": true}`, "OutreachBooked", 200)["booked"])
	require.Zero(t, h.outreach.waiting)
	post("start", "", "OutreachBooked", 200)
	res := h.ask(path) // Counts: any token reads them.
	require.Equal(t, 200, res.status)
	require.Equal(t, json.Number("2"), h.valid(res.body, "Outreach")["open"])
	require.Equal(t, json.Number("2"), post("stop", "", "OutreachStopped", 200)["cancelled"])
	require.Equal(t, json.Number("0"), post("stop", "", "OutreachStopped", 200)["cancelled"], "sent again")
	require.Equal(t, json.Number("2"), post("end", "", "OutreachEnded", 200)["erased"])
	h.outreach.err = fmt.Errorf("start: %w", dispatch.ErrOwnCLI)
	require.Contains(t, post("start", "", "Problem", 409)["detail"], "--cli-for")
}
