package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// ErrNoSurge means that no surge goes on.
var ErrNoSurge = errors.New("no surge goes on")

// Surge says which people of a register are called today, and how.
type Surge struct {
	Kind      call.Kind         // KindPresence, KindReminder, KindSurvey or KindScheduled.
	Purpose   roster.Purpose    // Of the register; empty means PurposeCallingScheme.
	Classes   []int             // Empty means every class.
	Languages []roster.Language // Empty means every language.
}

// proposed reports whether people are called too whom others have entered, before they have agreed. Only the heat register is for
// that, and only for asking how they are: France's is made by the person or by a third party, an entry is effective at once, and it
// may be used for nothing else (CASF L121-6-1, R121-2 ff.). For every other purpose nobody is called in a surge who has not agreed.
func (w *Surge) proposed() bool {
	return w.Purpose == roster.PurposeHeatRegister && (w.Kind == call.KindPresence || w.Kind == call.KindScheduled)
}

// Surged is what a surge books, or would book.
type Surged struct {
	People  int // Of the register who may be called.
	Away    int // Of those, away or not to be called on that day.
	Before  int // Of those, with a call of the kind on that day already.
	Booked  int
	Day     time.Time // Local date.
	Opens   time.Time
	Closes  time.Time
	Lasts   time.Duration // With the lines there are, and the callers who work now; 0 when nobody works.
	Callers int           // Who work now.
}

// Surge books one call on the day for everybody of a register: from now until the scheme closes, or the next time it is open.
// It is idempotent: whoever has a call of the kind on that day gets no other, unless that was cancelled or moved. With rehearse
// nothing is booked, and Booked is how many would be. The error wraps dispatch.ErrOwnCLI when the kind has no number to present.
func (s *Store) Surge(ctx context.Context, scheme int64, w Surge, now time.Time, rehearse bool) (Surged, error) {
	if w.Purpose == "" {
		w.Purpose = roster.PurposeCallingScheme
	}
	snap := &dispatch.Snapshot{}
	pauses, _, err := s.readScheme(ctx, s.query, scheme, now, snap)
	if err != nil {
		return Surged{}, fmt.Errorf("surge: %w", storeError(err))
	}
	if err := snap.Scheme.Presentable(w.Kind); err != nil {
		return Surged{}, fmt.Errorf("surge: %w", err)
	}
	calendar, err := snap.Scheme.Calendar()
	if err != nil {
		return Surged{}, fmt.Errorf("surge: %w", err)
	}
	rules := dispatch.RulesOf(&snap.Scheme, calendar)
	window := dispatch.SoonFor(w.Kind, now, rules)
	done := Surged{Day: window.Date, Opens: window.Opens, Closes: window.Closes}
	ready, err := s.query.CountReady(ctx, scheme)
	if err != nil {
		return Surged{}, fmt.Errorf("surge: count callers: %w", storeError(err))
	}
	done.Callers = int(ready)
	run := surging{
		scheme: scheme, window: window, rules: rules, pauses: pauses, zones: zones{}, now: now, kind: w.Kind, rehearse: rehearse, proposed: w.proposed(),
	}
	p := registerParams(scheme, w)
	for {
		page, err := s.query.ReadRegister(ctx, p)
		if err != nil {
			return done, fmt.Errorf("surge: read register: %w", storeError(err))
		}
		if len(page) == 0 {
			break
		}
		p.After = page[len(page)-1].BeneficiaryID
		done.People += len(page)
		present := run.present(page)
		done.Away += len(page) - len(present)
		if len(present) == 0 {
			continue
		}
		n, err := s.surgePage(ctx, run, present)
		done.Booked, done.Before = done.Booked+n, done.Before+len(present)-n
		if err != nil {
			return done, fmt.Errorf("surge: %w", err)
		}
	}
	done.Lasts = snap.Scheme.Capacity(w.Kind, done.Booked, done.Callers, schedule.Length(roster.Agreement{}))
	return done, nil
}

func registerParams(scheme int64, w Surge) sqldb.ReadRegisterParams {
	p := sqldb.ReadRegisterParams{
		SchemeID: scheme, Purpose: string(w.Purpose), Classes: []int16{}, Languages: words(w.Languages), Page: planPage,
		Proposed: w.proposed(),
	}
	if p.Languages == nil {
		p.Languages = []string{}
	}
	for _, c := range w.Classes {
		p.Classes = append(p.Classes, int16(c))
	}
	return p
}

// surging is a surge on its way through the register.
type surging struct {
	scheme   int64
	kind     call.Kind
	window   schedule.Slot
	rules    schedule.Rules
	pauses   map[int64][]schedule.Pause
	zones    zones
	now      time.Time
	rehearse bool
	proposed bool // Those who were proposed are called too.
}

// present leaves out who is away, by her own date, when the calls begin.
func (r *surging) present(people []sqldb.ReadRegisterRow) []int64 {
	var list []int64
	for _, p := range people {
		own := r.rules
		own.PersonZone, own.Pauses = r.zones.find(p.Zone), r.pauses[p.BeneficiaryID]
		if !own.Away(r.window.Opens) {
			list = append(list, p.BeneficiaryID)
		}
	}
	return list
}

// errRehearsal undoes what a rehearsal has booked.
var errRehearsal = errors.New("only rehearsed")

// surgePage books for some people, and returns for how many.
func (s *Store) surgePage(ctx context.Context, r surging, people []int64) (int, error) {
	booked := 0
	err := s.transact(ctx, r.scheme, func(q *sqldb.Queries, j *journal) error {
		list, err := bookExtra(ctx, q, j, extra{
			kind: r.kind, people: people, window: r.window, now: r.now, once: true, surge: r.proposed,
		})
		if err != nil {
			return err
		}
		var keys []int64
		for _, b := range list {
			if !b.Before {
				keys = append(keys, b.Key)
			}
		}
		booked = len(keys)
		if r.rehearse {
			return errRehearsal
		}
		if booked == 0 {
			return nil
		}
		surge, err := findSurge(ctx, q, r)
		if err != nil {
			return err
		}
		err = q.InsertSurgeCalls(ctx, sqldb.InsertSurgeCallsParams{SchemeID: r.scheme, SurgeID: surge, OccurrenceIds: keys})
		if err != nil {
			return fmt.Errorf("keep calls of the surge: %w", err)
		}
		j.noteScheme("changed", r.now, changedData{Booked: booked})
		return nil
	})
	if errors.Is(err, errRehearsal) {
		err = nil
	}
	return booked, err
}

// findSurge returns the surge of the kind and day that goes on, or begins it.
func findSurge(ctx context.Context, q *sqldb.Queries, r surging) (int64, error) {
	id, err := q.FindSurge(ctx, sqldb.FindSurgeParams{
		SchemeID: r.scheme, Kind: string(r.kind), LocalDate: localDate(r.window.Date),
	})
	if err == nil {
		return id, nil
	} else if !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("find surge: %w", err)
	}
	uid, err := uuid.NewV7()
	if err != nil {
		return 0, fmt.Errorf("make surge id: %w", err)
	}
	id, err = q.InsertSurge(ctx, sqldb.InsertSurgeParams{
		SchemeID: r.scheme, Uid: pgtype.UUID{Bytes: uid, Valid: true}, Kind: string(r.kind), LocalDate: localDate(r.window.Date),
		StartedAt: instant(r.now),
	})
	if err != nil {
		return 0, fmt.Errorf("begin surge: %w", err)
	}
	return id, nil
}

// SurgeState is how a surge stands.
type SurgeState struct {
	ID       uuid.UUID
	Kind     call.Kind
	Day      time.Time
	Started  time.Time
	Stopped  time.Time // Zero while it goes on.
	Calls    int
	ByState  map[call.OccurrenceState]int
	ByAnswer map[string]int // What was keyed; people without an answer are in none.
}

// Surges says how the surges of a local date and later stand, the latest first.
func (s *Store) Surges(ctx context.Context, scheme int64, day time.Time) ([]SurgeState, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ReadSurges(ctx, sqldb.ReadSurgesParams{SchemeID: scheme, FirstDay: localDate(day)})
	if err != nil {
		return nil, fmt.Errorf("read surges: %w", storeError(err))
	}
	var list []SurgeState
	for _, r := range rows {
		id := uuid.UUID(r.Uid.Bytes)
		if len(list) == 0 || list[len(list)-1].ID != id {
			list = append(list, SurgeState{
				ID: id, Kind: call.Kind(r.Kind), Day: dateOf(r.LocalDate), Started: when(r.StartedAt), Stopped: when(r.StoppedAt),
				ByState: map[call.OccurrenceState]int{}, ByAnswer: map[string]int{},
			})
		}
		g := &list[len(list)-1]
		g.Calls += int(r.Calls)
		g.ByState[call.OccurrenceState(r.State)] += int(r.Calls)
		if r.Answer != "" {
			g.ByAnswer[r.Answer] += int(r.Calls)
		}
	}
	return list, nil
}

// StopSurge cancels what the surges of a local date and later have not begun to call, of one kind or (an empty one) of all, and
// returns how many calls that are. Calls under way go on. The error is ErrNoSurge.
func (s *Store) StopSurge(ctx context.Context, scheme int64, kind call.Kind, day, now time.Time) (int, error) {
	cancelled := 0
	err := s.transactFor(ctx, scheme, loadPatience, func(q *sqldb.Queries, j *journal) error {
		surges, err := q.StopSurges(ctx, sqldb.StopSurgesParams{
			SchemeID: scheme, FirstDay: localDate(day), Kind: string(kind), Now: instant(now),
		})
		if err != nil {
			return fmt.Errorf("end surges: %w", err)
		}
		if len(surges) == 0 {
			return ErrNoSurge
		}
		open, err := q.ReadSurgeOpen(ctx, sqldb.ReadSurgeOpenParams{SchemeID: scheme, SurgeIds: surges})
		if err != nil {
			return fmt.Errorf("read calls of the surge: %w", err)
		}
		if cancelled, err = j.cancelPromises(ctx, q, open, now); err != nil {
			return err
		}
		j.noteScheme("changed", now, changedData{Cancelled: cancelled})
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("stop surge: %w", err)
	}
	return cancelled, nil
}
