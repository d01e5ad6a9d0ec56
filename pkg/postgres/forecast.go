package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/forecast"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

var _ forecast.Records = (*Store)(nil)

// Day implements forecast.Records, from one snapshot of the database. What is not booked yet is computed as Plan would book
// it; agreements that leave their days free and have no place yet take the days of their key.
func (s *Store) Day(ctx context.Context, scheme int64, date, now time.Time) (forecast.Day, error) {
	ctx, cancel := context.WithTimeout(ctx, loadPatience)
	defer cancel()
	d := dayReader{store: s, scheme: scheme, now: now}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error {
		d.query = s.query.WithTx(tx)
		if err := d.frame(ctx, date); err != nil {
			return err
		}
		for _, read := range []func(context.Context) error{d.promises, d.callers, d.settled, d.history} {
			if err := read(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return forecast.Day{}, fmt.Errorf("read day: %w", storeError(err))
	}
	return d.day, nil
}

// dayReader fills in one day.
type dayReader struct {
	store           *Store
	query           *sqldb.Queries
	scheme          int64
	now             time.Time
	midnight, until time.Time
	snap            dispatch.Snapshot
	pauses          map[int64][]schedule.Pause
	day             forecast.Day
}

func (d *dayReader) frame(ctx context.Context, date time.Time) (err error) {
	if d.pauses, _, err = d.store.readScheme(ctx, d.query, d.scheme, d.now, &d.snap); err != nil {
		return err
	}
	y, m, day := date.Date()
	d.midnight = time.Date(y, m, day, 0, 0, 0, 0, d.snap.Scheme.Zone)
	d.until = time.Date(y, m, day+1, 0, 0, 0, 0, d.snap.Scheme.Zone)
	d.day = forecast.Day{Scheme: d.snap.Scheme, Date: time.Date(y, m, day, 0, 0, 0, 0, time.UTC), From: later(d.midnight, d.now)}
	if !d.now.Before(d.until) {
		return fmt.Errorf("%w: %s", forecast.ErrPast, date.Format(time.DateOnly))
	}
	return nil
}

func (d *dayReader) promises(ctx context.Context) error {
	var found bareList
	err := d.query.EachOccurrence(ctx, sqldb.StreamOccurrencesParams{
		SchemeID: d.scheme, LoadFrom: instant(d.midnight), Until: instant(d.until),
	}, found.add)
	if err != nil {
		return fmt.Errorf("read occurrences: %w", err)
	}
	if err := d.unbooked(ctx, &found); err != nil {
		return err
	}
	people, err := loadPeople(ctx, d.query, d.scheme, &found, true)
	if err != nil {
		return err
	}
	var ids set[int64]
	for o := range found.all() {
		p := people[o.agreement]
		if p == nil || len(p.numbers) == 0 {
			continue
		}
		if o.state == call.OccurrenceLive {
			d.day.Settled.Reached++ // Two people talk.
			continue
		}
		ids.add(o.beneficiary)
		d.day.Promises = append(d.day.Promises, forecast.Promise{Occurrence: o.occurrence(p, d.pauses[o.beneficiary])})
	}
	rows, err := d.query.BeneficiaryRefs(ctx, sqldb.BeneficiaryRefsParams{SchemeID: d.scheme, BeneficiaryIds: ids.list})
	if err != nil {
		return fmt.Errorf("read references: %w", err)
	}
	refs := make(map[int64]string, len(rows))
	for _, r := range rows {
		refs[r.BeneficiaryID] = r.Ref
	}
	for i := range d.day.Promises {
		d.day.Promises[i].Ref = refs[d.day.Promises[i].Beneficiary]
	}
	return nil
}

// firstUnbooked is beyond every key: what will be booked comes after what is.
const firstUnbooked = 1 << 60

// unbooked adds what the agreements give for the day and nobody has booked yet.
func (d *dayReader) unbooked(ctx context.Context, found *bareList) error {
	calendar, err := d.snap.Scheme.Calendar()
	if err != nil {
		return fmt.Errorf("scheme %d: %w", d.scheme, err)
	}
	rules := dispatch.RulesOf(&d.snap.Scheme, calendar)
	for after, id := int64(0), int64(firstUnbooked); ; {
		page, err := d.query.ReadAgreements(ctx, sqldb.ReadAgreementsParams{SchemeID: d.scheme, After: after, Page: planPage})
		if err != nil {
			return fmt.Errorf("read agreements: %w", err)
		}
		if len(page) == 0 {
			return nil
		}
		after = page[len(page)-1].AgreementID
		slots := slotsOf(page, rules, d.pauses, d.day.From, d.until)
		if len(slots) == 0 {
			continue
		}
		fresh, err := unbooked(ctx, d.query, d.scheme, slots)
		if err != nil {
			return err
		}
		for _, slot := range fresh {
			if slot.Opens.Before(d.midnight) {
				continue
			}
			id++
			found.put(bare{
				id: id, agreement: slot.agreement, beneficiary: slot.beneficiary, kind: slot.kind, state: call.OccurrenceOpen,
				opens: microseconds(slot.Opens), closes: microseconds(slot.Closes), notBefore: microseconds(slot.Opens),
				lengthMS: slot.length.Milliseconds(), day: int32((slot.Date.Unix() - postgresEpoch) / 86400),
			})
		}
	}
}

// callers reads everybody who takes calls or answers the line, and when she is there.
func (d *dayReader) callers(ctx context.Context) error {
	if err := readCallers(ctx, d.query, d.scheme, later(d.now, d.midnight), &d.snap); err != nil {
		return err
	}
	rows, err := d.query.ListShifts(ctx, sqldb.ListShiftsParams{SchemeID: d.scheme})
	if err != nil {
		return fmt.Errorf("read shifts: %w", err)
	}
	refs, err := d.query.CallerRefs(ctx, d.scheme)
	if err != nil {
		return fmt.Errorf("read references: %w", err)
	}
	names := make(map[int64]string, len(refs))
	for _, r := range refs {
		names[r.CallerID] = r.Ref
	}
	known, shifts := map[int64]bool{}, map[int64][]forecast.Shift{}
	for _, r := range rows {
		known[r.CallerID] = true
		if s := shiftOf(r); s.on(d.day.Date) {
			shifts[r.CallerID] = append(shifts[r.CallerID], forecast.ShiftsOf(s.Hours, d.day.Date, d.snap.Scheme.Zone)...)
		}
	}
	hours, err := forecast.Hours(&d.snap.Scheme, d.day.Date)
	if err != nil {
		return err
	}
	for _, c := range d.snap.Callers {
		if !c.Enabled {
			continue
		}
		caller := forecast.Caller{Caller: c, Ref: names[c.ID], Shifts: shifts[c.ID]}
		if !known[c.ID] {
			caller.Shifts, caller.Supposed = hours, true
		}
		if slices.Contains(c.Roles, roster.RoleCaller) {
			d.day.Callers = append(d.day.Callers, caller)
		}
		if slices.Contains(c.Roles, roster.RoleRegistrar) {
			d.day.Registrars = append(d.day.Registrars, caller)
		}
	}
	return nil
}

func (d *dayReader) settled(ctx context.Context) error {
	if !d.now.After(d.midnight) {
		return nil
	}
	rows, err := d.query.CountEnded(ctx, sqldb.CountEndedParams{SchemeID: d.scheme, Since: instant(d.midnight), Until: instant(d.until)})
	if err != nil {
		return fmt.Errorf("count ended promises: %w", err)
	}
	for _, r := range rows {
		switch call.OccurrenceState(r.State) {
		case call.OccurrenceReached:
			d.day.Settled.Reached += int(r.Occurrences)
		case call.OccurrenceUnreached:
			d.day.Settled.Unreached += int(r.Occurrences)
		case call.OccurrenceMissed:
			d.day.Settled.Missed += int(r.Occurrences)
		default: // The query asks for these three.
		}
	}
	return nil
}

func (d *dayReader) history(ctx context.Context) error {
	h := &d.day.History
	since, until := instant(d.now.AddDate(0, 0, -forecast.HistoryDays)), instant(d.now)
	tries, err := d.query.HistoryTries(ctx, sqldb.HistoryTriesParams{SchemeID: d.scheme, Zone: d.snap.Scheme.Zone.String(), Since: since, Until: until})
	if err != nil {
		return fmt.Errorf("count attempts: %w", err)
	}
	var answer time.Duration
	answered := 0
	for _, r := range tries {
		h.Tries[r.Hour].Add(call.Result(r.Result), int(r.Attempts))
		if call.Result(r.Result) == call.ResultAnswered && r.AnswerMs > 0 {
			answer += milliseconds(r.AnswerMs) * time.Duration(r.Attempts)
			answered += int(r.Attempts)
		}
	}
	if answered > 0 {
		h.Answer = answer / time.Duration(answered)
	}
	talk, err := d.query.HistoryTalk(ctx, sqldb.HistoryTalkParams{SchemeID: d.scheme, Since: since, Until: until})
	if err != nil {
		return fmt.Errorf("measure talks: %w", err)
	}
	h.Talks, h.Closed, h.Hard = int(talk.Talks), int(talk.Closed), int(talk.Hard)
	for _, ms := range talk.Quantiles {
		h.Talk = append(h.Talk, milliseconds(ms))
	}
	offers, err := d.query.HistoryOffers(ctx, sqldb.HistoryOffersParams{SchemeID: d.scheme, Since: since, Until: until})
	if err != nil {
		return fmt.Errorf("count offers: %w", err)
	}
	for _, r := range offers {
		switch call.OfferState(r.State) {
		case call.OfferAccepted:
			h.Offers.Accepted, h.Offers.Answer = int(r.Offers), milliseconds(r.AnswerMs)
		case call.OfferDeclined:
			h.Offers.Declined = int(r.Offers)
		case call.OfferTimedOut:
			h.Offers.TimedOut = int(r.Offers)
		case call.OfferFailed:
			h.Offers.Failed = int(r.Offers)
		default: // The query asks for these four.
		}
	}
	return d.line(ctx, sqldb.HistoryLineParams{SchemeID: d.scheme, Zone: d.snap.Scheme.Zone.String(), Since: since, Until: until})
}

func (d *dayReader) line(ctx context.Context, p sqldb.HistoryLineParams) error {
	rows, err := d.query.HistoryLine(ctx, p)
	if err != nil {
		return fmt.Errorf("count calls on the line: %w", err)
	}
	for _, r := range rows {
		d.day.History.Line[r.Hour] = forecast.Line{
			Calls: int(r.Calls), Waited: milliseconds(r.WaitedMs), Gone: int(r.Gone), Taken: int(r.Taken), Talk: milliseconds(r.HandleMs),
		}
	}
	days, err := d.query.HistoryLineDays(ctx, sqldb.HistoryLineDaysParams(p))
	if err != nil {
		return fmt.Errorf("count days of the line: %w", err)
	}
	d.day.History.Days = int(days)
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
