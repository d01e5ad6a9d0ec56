package forecast

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStaffingOfTheLine(t *testing.T) {
	day := town(0, 3, 1)
	desks, err := Staffing(day)
	require.NoError(t, err)
	require.Empty(t, desks, "no call came in yet")

	// In 20 days: 400 calls between ten and eleven, 40 between four and five; a tenth gave up after waiting 20 minutes for each.
	day.History.Days = 20
	day.History.Line[10] = Line{Calls: 400, Waited: 800 * time.Minute, Gone: 40, Taken: 360, Talk: 360 * 4 * time.Minute}
	day.History.Line[16] = Line{Calls: 40, Waited: 80 * time.Minute, Gone: 4, Taken: 36, Talk: 36 * 4 * time.Minute}
	day.Registrars = []Caller{{Shifts: day.Callers[0].Shifts}, {Shifts: day.Callers[2].Shifts}}
	desks, err = Staffing(day)
	require.NoError(t, err)
	require.Len(t, desks, 8, "from nine to sixteen")
	ten, four := desks[1], desks[7]
	q := Queue{PerHour: 20, Handle: 6 * time.Minute, Patience: 20 * time.Minute, Servers: 2}
	require.Equal(t, Desk{
		Hour: 10, PerHour: 20, Handle: 360, Patience: 1200, Needed: q.Needed(0.8, 20*time.Second), There: 2, Within: q.Within(20 * time.Second),
	}, ten)
	require.Equal(t, 4, ten.Needed)
	require.Equal(t, []any{16, 2.0, 1, 1.0}, []any{four.Hour, four.PerHour, four.Needed, four.There})
	require.Equal(t, []any{0.0, 0, 1.0}, []any{desks[0].PerHour, desks[0].Needed, desks[0].There})
}
