package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// outreachDays is how many days ahead outreach calls are booked at most.
const outreachDays = 60

// mostCalls bounds the search for how many calls a day holds.
const mostCalls = 1 << 20

var _ callflow.Outreach = (*Store)(nil)

// AddOutreach puts people on the list of those to whom the scheme introduces itself: a register with a purpose of its own, to be
// called for nothing else before they agree. Whoever is known, or has refused, is left out. Of the people only names, numbers
// (in E.164) and language are kept. With rehearse nothing is kept. The error may be ErrRefusalKey.
func (s *Store) AddOutreach(
	ctx context.Context, scheme int64, people []roster.Beneficiary, now time.Time, rehearse bool,
) (done report.OutreachAdded, err error) {
	allowed, err := s.mayRing(ctx, scheme, now)
	if err != nil {
		return done, fmt.Errorf("add to the list: %w", err)
	}
	seen := map[string]bool{}
	book := s.Book(scheme, func() time.Time { return now })
	for len(people) > 0 {
		page := people[:min(len(people), bookPageSize)]
		people = people[len(page):]
		var numbers []string
		for _, p := range page {
			for _, n := range p.Numbers {
				numbers = append(numbers, n.E164)
			}
		}
		refused, err := s.Refused(ctx, scheme, numbers)
		if err != nil {
			return done, fmt.Errorf("add to the list: %w", err)
		}
		known, err := s.query.ReadKnownNumbers(ctx, sqldb.ReadKnownNumbersParams{SchemeID: scheme, Numbers: numbers})
		if err != nil {
			return done, fmt.Errorf("add to the list: look for numbers: %w", storeError(err))
		}
		for _, n := range known {
			seen[n] = true
		}
		fresh := roster.People{}
		for _, p := range page {
			switch {
			case slices.ContainsFunc(p.Numbers, func(n roster.Number) bool { return !allowed.Allowed(n.E164) }):
				done.NotAllowed++
			case anyNumber(p, refused):
				done.Refused++
			case anyNumber(p, seen):
				done.Known++
			default:
				for _, n := range p.Numbers {
					seen[n.E164] = true
				}
				fresh.Beneficiaries = append(fresh.Beneficiaries, listed(p))
			}
		}
		if len(fresh.Beneficiaries) > 0 && !rehearse {
			if err := book.Edit(ctx, func(page roster.Page) error { return page.Put(ctx, fresh) }); err != nil {
				return done, fmt.Errorf("add to the list: %w", err)
			}
		}
		done.Added += len(fresh.Beneficiaries)
	}
	return done, nil
}

// mayRing is which numbers the scheme may ring.
func (s *Store) mayRing(ctx context.Context, scheme int64, now time.Time) (numbering.Destinations, error) {
	snap := &dispatch.Snapshot{}
	if _, _, err := s.readScheme(ctx, s.query, scheme, now, snap); err != nil {
		return numbering.Destinations{}, storeError(err)
	}
	prefixes, err := s.Destinations(ctx, scheme)
	if err != nil {
		return numbering.Destinations{}, err
	}
	return numbering.NewDestinations(numbering.DestinationOptions{Region: snap.Scheme.Country, Prefixes: prefixes})
}

func anyNumber(p roster.Beneficiary, in map[string]bool) bool {
	for _, n := range p.Numbers {
		if in[n.E164] {
			return true
		}
	}
	return false
}

// listed is somebody of the list as the book keeps her. Her ref says nothing about her: it outlives what is erased.
func listed(p roster.Beneficiary) roster.Beneficiary {
	return roster.Beneficiary{
		Ref: "O-" + rand.Text()[:12], Given: p.Given, Family: p.Family, Numbers: p.Numbers, Language: p.Language,
		Purpose: roster.PurposeOutreach, Consent: roster.Consent{State: roster.ConsentProposed}, Source: roster.SourceService,
	}
}

// StartOutreach books one call for everybody of the list who was not called yet: within the scheme's hours, and on as many days as
// the lines need when everybody must be tried as often as the ladder says. Whoever was called is not called again. With
// rehearse nothing is booked. The error wraps dispatch.ErrOwnCLI when the kind has no number to present, or is ErrRefusalKey.
func (s *Store) StartOutreach(ctx context.Context, scheme int64, now time.Time, rehearse bool) (report.OutreachBooked, error) {
	snap := &dispatch.Snapshot{}
	if _, _, err := s.readScheme(ctx, s.query, scheme, now, snap); err != nil {
		return report.OutreachBooked{}, fmt.Errorf("start outreach: %w", storeError(err))
	}
	if err := snap.Scheme.Presentable(call.KindOutreach); err != nil {
		return report.OutreachBooked{}, fmt.Errorf("start outreach: %w", err)
	}
	calendar, err := snap.Scheme.Calendar()
	if err != nil {
		return report.OutreachBooked{}, fmt.Errorf("start outreach: %w", err)
	}
	rules := dispatch.RulesOf(&snap.Scheme, calendar)
	o := outreach{s: s, scheme: &snap.Scheme, rules: rules, now: now, rehearse: rehearse}
	o.day(dispatch.SoonFor(call.KindOutreach, now, rules))
	done := report.OutreachBooked{Opens: o.window.Opens, Lines: o.fits(1, o.window.Closes.Sub(o.window.Opens))}
	p := sqldb.ReadOutreachRestParams{SchemeID: scheme, Page: planPage}
	for {
		page, err := s.query.ReadOutreachRest(ctx, p)
		if err != nil {
			return done, fmt.Errorf("start outreach: read the list: %w", storeError(err))
		}
		if len(page) == 0 {
			break
		}
		p.After = page[len(page)-1].BeneficiaryID
		if err := o.book(ctx, page); err != nil {
			return done, fmt.Errorf("start outreach: %w", err)
		}
	}
	done.Booked, done.Refused, done.Days, done.Closes = o.booked, o.refused, o.days, o.window.Closes
	return done, nil
}

// outreach is StartOutreach on its way through the list.
type outreach struct {
	s        *Store
	scheme   *dispatch.Scheme
	rules    schedule.Rules
	now      time.Time
	rehearse bool

	window          schedule.Slot
	room            int // Calls that the day still holds.
	days            int
	booked, refused int
}

// day begins to fill a window. The last day takes whatever is left, and so does a scheme without lines.
func (o *outreach) day(w schedule.Slot) {
	o.window, o.days = w, o.days+1
	length := w.Closes.Sub(w.Opens)
	if o.days >= outreachDays || !o.fits(1, length) && o.days > 1 {
		o.room = mostCalls
		return
	}
	o.room = max(1, sort.Search(mostCalls, func(n int) bool { return !o.fits(n+1, length) }))
}

// fits reports whether the lines carry so many people's calls in a time, each tried as often as the ladder says.
func (o *outreach) fits(people int, in time.Duration) bool {
	took := o.scheme.Capacity(call.KindOutreach, people*o.scheme.Retry.For(call.KindOutreach).Tries(), 0, 0)
	return took > 0 && took <= in
}

// book books a page of people, on one day after the other.
func (o *outreach) book(ctx context.Context, page []sqldb.ReadOutreachRestRow) error {
	people, refused, err := o.willing(ctx, page)
	if err != nil {
		return err
	}
	o.refused += len(refused)
	if len(refused) > 0 && !o.rehearse {
		if err := o.s.eraseOutreach(ctx, o.scheme.ID, refused, o.now); err != nil {
			return err
		}
	}
	for len(people) > 0 {
		if o.room == 0 {
			o.day(dispatch.SoonFor(call.KindOutreach, o.window.Closes, o.rules))
		}
		today := people[:min(len(people), o.room)]
		people, o.room = people[len(today):], o.room-len(today)
		n, err := o.bookDay(ctx, today)
		o.booked += n
		if err != nil {
			return err
		}
	}
	return nil
}

// willing parts those who have refused since they were put on the list from the others.
func (o *outreach) willing(ctx context.Context, page []sqldb.ReadOutreachRestRow) (people, refused []int64, err error) {
	var numbers []string
	for _, r := range page {
		numbers = append(numbers, r.Numbers...)
	}
	never, err := o.s.Refused(ctx, o.scheme.ID, numbers)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range page {
		no := false
		for _, n := range r.Numbers {
			no = no || never[n]
		}
		if no {
			refused = append(refused, r.BeneficiaryID)
		} else {
			people = append(people, r.BeneficiaryID)
		}
	}
	return people, refused, nil
}

func (o *outreach) bookDay(ctx context.Context, people []int64) (booked int, err error) {
	err = o.s.transact(ctx, o.scheme.ID, func(q *sqldb.Queries, j *journal) error {
		list, err := bookExtra(ctx, q, j, extra{kind: call.KindOutreach, people: people, window: o.window, now: o.now, once: true})
		if err != nil {
			return err
		}
		booked = 0
		for _, b := range list {
			if !b.Before {
				booked++
			}
		}
		if o.rehearse {
			return errRehearsal
		}
		if booked > 0 {
			j.noteScheme("changed", o.now, changedData{Booked: booked})
		}
		return nil
	})
	if errors.Is(err, errRehearsal) {
		err = nil
	}
	return booked, err
}

// StopOutreach cancels the outreach calls that have not begun, and returns how many. Calls under way go on. The error is
// report.ErrNoOutreach.
func (s *Store) StopOutreach(ctx context.Context, scheme int64, now time.Time) (int, error) {
	cancelled := 0
	err := s.transactFor(ctx, scheme, loadPatience, func(q *sqldb.Queries, j *journal) error {
		open, err := q.ReadOutreachOpen(ctx, scheme)
		if err != nil {
			return fmt.Errorf("read calls: %w", err)
		}
		if len(open) == 0 {
			return report.ErrNoOutreach
		}
		if cancelled, err = j.cancelPromises(ctx, q, open, now); err != nil {
			return err
		}
		j.noteScheme("changed", now, changedData{Cancelled: cancelled})
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("stop outreach: %w", err)
	}
	return cancelled, nil
}

// Outreach says how the list stands.
func (s *Store) Outreach(ctx context.Context, scheme int64) (report.Outreach, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ReadOutreach(ctx, scheme)
	if err != nil {
		return report.Outreach{}, fmt.Errorf("read the list: %w", storeError(err))
	}
	o := report.Outreach{Answers: map[string]int{}}
	for _, r := range rows {
		n := int(r.People)
		if r.Listed {
			o.Listed += n
		}
		if r.Answer != "" {
			o.Answers[r.Answer] += n
		}
		switch state := call.OccurrenceState(r.State); {
		case state == call.OccurrenceUnreached:
			o.Unreached += n
		case state != "" && !state.Ended():
			o.Open += n
		case state != call.OccurrenceReached && r.Listed:
			o.NotBooked += n
		}
	}
	return o, nil
}

// MayReachOut implements callflow.Outreach.
func (s *Store) MayReachOut(ctx context.Context, scheme int64, number string) error {
	refused, err := s.Refused(ctx, scheme, []string{number})
	if err != nil {
		return fmt.Errorf("look for a refusal: %w", err)
	}
	if refused[number] {
		return callflow.ErrNothing
	}
	return nil
}

// NeverAgain implements callflow.Outreach.
func (s *Store) NeverAgain(ctx context.Context, scheme int64, number string, now time.Time) error {
	// In one transaction, so that whoever was promised it is erased when her call ends, whatever becomes of this process.
	err := s.inTx(ctx, s.writers, func(q *sqldb.Queries) error {
		if err := s.refuse(ctx, q, refusing{scheme, []string{number}, RefusedOutreach, now}); err != nil {
			return err
		}
		return q.RefuseOutreach(ctx, sqldb.RefuseOutreachParams{SchemeID: scheme, Number: number, Now: instant(now)})
	})
	if err != nil {
		return fmt.Errorf("keep a refusal: %w", err)
	}
	return nil
}

// eraseOutreach erases who people of the list are.
func (s *Store) eraseOutreach(ctx context.Context, scheme int64, people []int64, now time.Time) error {
	err := s.inTx(ctx, s.writers, func(q *sqldb.Queries) error {
		return q.EraseOutreach(ctx, sqldb.EraseOutreachParams{SchemeID: scheme, BeneficiaryIds: people, Now: instant(now)})
	})
	if err != nil {
		return fmt.Errorf("erase who has refused: %w", storeError(err))
	}
	return nil
}

// eraseRefused erases, in the transaction in which their call ends, who those are who will never be called again.
func (l *ledger) eraseRefused(ctx context.Context, q *sqldb.Queries) error {
	if len(l.refused) == 0 {
		return nil
	}
	who, err := q.ReadOutreachRefused(ctx, sqldb.ReadOutreachRefusedParams{SchemeID: l.scheme, BeneficiaryIds: l.refused})
	if err != nil || len(who) == 0 {
		return err
	}
	return q.EraseOutreach(ctx, sqldb.EraseOutreachParams{SchemeID: l.scheme, BeneficiaryIds: who, Now: instant(l.at)})
}

// outreachKept is how long a list is kept after its last call has ended.
const outreachKept = 30 * 24 * time.Hour

// EndOutreach ends a list: calls that have not begun are cancelled, and who its people are is erased, whether they were called or
// not. What stays are counts, who has refused (as keyed hashes), and who wants to be registered, in the inbox. People whose call
// goes on are left, and returned as such: ending again erases them.
func (s *Store) EndOutreach(ctx context.Context, scheme int64, now time.Time) (report.OutreachEnded, error) {
	var done report.OutreachEnded
	err := s.transactFor(ctx, scheme, loadPatience, func(q *sqldb.Queries, j *journal) error {
		open, err := q.ReadOutreachOpen(ctx, scheme)
		if err != nil {
			return fmt.Errorf("read calls: %w", err)
		}
		if len(open) > 0 {
			if done.Cancelled, err = j.cancelPromises(ctx, q, open, now); err != nil {
				return err
			}
			j.noteScheme("changed", now, changedData{Cancelled: done.Cancelled})
		}
		erased, err := q.PurgeOutreach(ctx, scheme)
		if err != nil {
			return fmt.Errorf("erase: %w", err)
		}
		done.Erased = int(erased)
		return nil
	})
	if err != nil {
		return report.OutreachEnded{}, fmt.Errorf("end outreach: %w", err)
	}
	state, err := s.Outreach(ctx, scheme)
	if err != nil {
		return report.OutreachEnded{}, err
	}
	done.Left = state.Listed
	return done, nil
}

// purgeOutreach ends a list whose last call was long ago.
func purgeOutreach(ctx context.Context, q *sqldb.Queries, scheme int64, now time.Time) error {
	idle, err := q.OutreachIdle(ctx, sqldb.OutreachIdleParams{SchemeID: scheme, Before: instant(now.Add(-outreachKept))})
	if err != nil {
		return fmt.Errorf("look for an outreach list: %w", err)
	}
	if !idle {
		return nil
	}
	if _, err := q.PurgeOutreach(ctx, scheme); err != nil {
		return fmt.Errorf("erase an outreach list: %w", err)
	}
	return nil
}
