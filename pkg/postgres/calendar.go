package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// lookBack is how many days after its end a pause still matters: its welcome-back call may come as late as that.
const lookBack = 40

// readCalendar fills in when the scheme is open, and returns when each of its people is not called.
func readCalendar(ctx context.Context, q *sqldb.Queries, now time.Time, scheme *dispatch.Scheme) (map[int64][]schedule.Pause, error) {
	hours, err := q.ReadHours(ctx, sqldb.ReadHoursParams{SchemeID: scheme.ID})
	if err != nil {
		return nil, fmt.Errorf("read hours: %w", err)
	}
	if len(hours) > 0 {
		scheme.Hours = &schedule.Week{}
		for _, r := range hours {
			scheme.Hours[r.Weekday] = windows(r.Begins, r.Ends, nil)
		}
	}
	since := localDate(schedule.DateIn(now, scheme.Zone).AddDate(0, 0, -lookBack))
	pauses := map[int64][]schedule.Pause{}
	rows, err := q.ReadPauses(ctx, sqldb.ReadPausesParams{SchemeID: scheme.ID, Since: since})
	if err != nil {
		return nil, fmt.Errorf("read pauses: %w", err)
	}
	for _, r := range rows {
		first, last := dateOf(r.FirstDay), dateOf(r.LastDay)
		if r.BeneficiaryID == 0 {
			scheme.Exceptions = append(scheme.Exceptions, schedule.Exception{First: first, Last: last})
			continue
		}
		pauses[r.BeneficiaryID] = append(pauses[r.BeneficiaryID], schedule.Pause{
			First: first, Last: last, WelcomeBack: r.WelcomeBack, Skip: r.Skip,
		})
	}
	exceptions, err := q.ReadExceptions(ctx, sqldb.ReadExceptionsParams{SchemeID: scheme.ID, Since: since})
	if err != nil {
		return nil, fmt.Errorf("read exceptions: %w", err)
	}
	for _, r := range exceptions {
		scheme.Exceptions = append(scheme.Exceptions, schedule.Exception{
			First: dateOf(r.FirstDay), Last: dateOf(r.LastDay), Hours: windows(r.Begins, r.Ends, nil),
		})
	}
	return pauses, nil
}

// zones keeps the time zones that were asked for: reading one takes longer than planning an agreement.
type zones map[string]*time.Location

// find returns a zone by its IANA name; nil, the scheme's, for the empty name and for one that this program does not know.
func (z zones) find(name string) *time.Location {
	if name == "" {
		return nil
	}
	zone, known := z[name]
	if !known {
		var err error
		if zone, err = time.LoadLocation(name); err != nil {
			zone = nil
		}
		z[name] = zone
	}
	return zone
}

func dates(list []pgtype.Date) []time.Time {
	var out []time.Time
	for _, d := range list {
		out = append(out, dateOf(d))
	}
	return out
}
