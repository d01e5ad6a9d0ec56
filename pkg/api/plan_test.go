package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/forecast"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// days knows one day: twenty promises of a morning, one caller and a busy line.
type days struct{}

func (days) Day(_ context.Context, scheme int64, date, _ time.Time) (forecast.Day, error) {
	tuesday := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	if scheme != 1 || !date.Equal(tuesday) {
		return forecast.Day{}, fmt.Errorf("%w: %s", forecast.ErrPast, date.Format(time.DateOnly))
	}
	day := forecast.Day{
		Scheme: dispatch.Scheme{ID: 1, Zone: time.UTC, Trunk: "town", Lines: 10, Opens: 570, Closes: 1020}, Date: tuesday, From: tuesday,
		Callers: []forecast.Caller{{
			Caller: dispatch.Caller{ID: 1, Roles: []roster.Role{roster.RoleCaller}, Languages: roster.Languages(), Enabled: true, Endpoint: "x"},
			Shifts: []forecast.Shift{{Begins: tuesday.Add(9 * time.Hour), Ends: tuesday.Add(13 * time.Hour)}},
		}},
	}
	day.History.Days, day.History.Line[10] = 10, forecast.Line{Calls: 100, Taken: 90, Talk: 5 * time.Hour, Gone: 10, Waited: time.Hour}
	for i := range int64(20) {
		day.Promises = append(day.Promises, forecast.Promise{Ref: fmt.Sprintf("B%d", i), Occurrence: dispatch.Occurrence{
			ID: i + 1, Beneficiary: i + 1, Kind: call.KindScheduled, Opens: tuesday.Add(10 * time.Hour), Closes: tuesday.Add(12 * time.Hour),
			Terms:  roster.Agreement{Cadence: roster.Daily, Windows: []roster.Window{{Begin: 600, End: 720}}},
			Length: 20 * time.Minute, Language: roster.French, Numbers: []string{fmt.Sprintf("+3249800%04d", i)}, Skills: []string{"deuil"},
		}})
	}
	return day, nil
}

func TestADayPlan(t *testing.T) {
	h := newHouse(t)
	path := "/api/v1/schemes/" + ours + "/plan"
	first := h.ask(path + "?date=2026-11-24&runs=20&seed=3")
	require.Equal(t, http.StatusOK, first.status, "%s", first.body)
	h.valid(first.body, "Plan")
	require.Equal(t, first.body, h.ask(path+"?date=2026-11-24&runs=20&seed=3").body)
	var plan forecast.Plan
	require.NoError(t, json.Unmarshal(first.body, &plan))
	require.Equal(t, 20, plan.Outlook.Promises)
	require.NotEmpty(t, plan.Outlook.AtRisk)
	require.Len(t, plan.Line, 8)
	require.NotContains(t, string(first.body), "+3249800")

	enough := h.ask(path + "?date=2026-11-24&runs=20&callers=20&target=2")
	require.Equal(t, json.Number("0"), h.valid(enough.body, "Plan")["advice"].(map[string]any)["callers"])
	for _, query := range []string{"?date=24-11-2026", "?date=2026-11-24&runs=0", "?callers=-1", "?target=-1", "?target=NaN", "?target=Inf", "?seed=1&seed=2", "?seed=x", "?when=now", "?date=2020-01-01", "?date=2026-11-24&runs=1000&callers=10000"} {
		a := h.ask(path + query)
		require.Equal(t, http.StatusBadRequest, a.status, "%s: %s", query, a.body)
		require.Equal(t, "urn:rappel:problem:query", h.valid(a.body, "Problem")["type"])
	}
	require.Equal(t, http.StatusNotFound, h.ask("/api/v1/schemes/"+theirs+"/plan").status)
}
