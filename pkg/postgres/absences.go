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
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Errors of absences.
var (
	// ErrNoBeneficiary means that the scheme has no beneficiary of that ref.
	ErrNoBeneficiary = roster.ErrNoBeneficiary
	// ErrNotAgreed means that she gets no other call than the first one before she has agreed.
	ErrNotAgreed = roster.ErrNotAgreed
	// ErrNotAway means that no absence or no-call period of the person is to come or under way.
	ErrNotAway = errors.New("no absence is announced")
	// ErrDatesBackward means that a last day lies before the first.
	ErrDatesBackward = errors.New("the last day is before the first")
)

// Channels by which an absence is announced.
const (
	ChannelLine      = "line"
	ChannelCaller    = "caller"
	ChannelRegistrar = "registrar"
	ChannelMessage   = "message"
	ChannelPage      = "page"
)

// Pause is an absence that a person announced, or a period in which she is not to be called. Calls rest meanwhile.
type Pause struct {
	ID          string    // UUID seen outside; given by Announce.
	Ref         string    // The town's reference of the beneficiary.
	First, Last time.Time // Local dates of the person (midnight UTC), both included; a zero Last leaves it open.
	// NoCall marks a no-call period: nobody returns from it, so that it ends without a welcome-back call.
	NoCall bool
	// WelcomeBack wants a call on the first day after it on which she can be called.
	WelcomeBack bool
	Channel     string // Through which it was announced; empty means ChannelRegistrar. A no-call period has none.
	Known       bool   // Set by Announce: it was there already, and nothing has changed.
}

// Announce keeps an absence or a no-call period and brings the person's promises in line with it, in one transaction:
// open calls on those days are moved or cancelled, also one that is due at this moment and those of a surge; a call that is under
// way, or that she has asked for herself, goes on.
// Of two that overlap both hold; announced again, it stays one, and only whether she is welcomed back may change. The errors are ErrNoBeneficiary and ErrDatesBackward.
func (s *Store) Announce(ctx context.Context, scheme int64, p Pause, now time.Time) (Pause, Replanned, error) {
	var done Replanned
	if !p.Last.IsZero() && p.Last.Before(p.First) {
		return p, done, fmt.Errorf("announce absence: %w", ErrDatesBackward)
	}
	if p.Channel == "" && !p.NoCall {
		p.Channel = ChannelRegistrar
	}
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		person, err := findBeneficiary(ctx, q, scheme, p.Ref)
		if err != nil {
			return err
		}
		done, err = s.announce(ctx, q, j, announcement{Pause: &p, person: person.BeneficiaryID, now: now})
		return err
	})
	if err != nil {
		return p, Replanned{}, fmt.Errorf("announce absence: %w", err)
	}
	return p, done, nil
}

// announcement is a pause of a person that is kept at an instant; the pause's ID and Known are set by then.
type announcement struct {
	*Pause
	person int64
	now    time.Time
}

// announce keeps a pause and brings the person's promises in line with it, in the transaction of what it belongs to.
func (s *Store) announce(ctx context.Context, q *sqldb.Queries, j *journal, p announcement) (Replanned, error) {
	again := replanning{now: p.now, people: []int64{p.person}}
	known, err := q.FindPause(ctx, sqldb.FindPauseParams{
		NoCall: p.NoCall, SchemeID: j.scheme, BeneficiaryID: p.person, FirstDay: localDate(p.First), LastDay: lastDay(p.Last),
	})
	if err != nil {
		return Replanned{}, fmt.Errorf("look for the absence: %w", err)
	}
	if len(known) > 0 {
		p.ID = known[0].Uid.String()
		if p.Known = p.NoCall || known[0].WelcomeBack == p.WelcomeBack; p.Known {
			return Replanned{}, nil
		}
		back := sqldb.WelcomeBackParams{SchemeID: j.scheme, Uid: known[0].Uid, WelcomeBack: p.WelcomeBack}
		if err := q.WelcomeBack(ctx, back); err != nil {
			return Replanned{}, fmt.Errorf("change absence: %w", err)
		}
		return s.rearrange(ctx, q, j, again)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Replanned{}, fmt.Errorf("make absence id: %w", err)
	}
	p.ID = id.String()
	uid := pgtype.UUID{Bytes: id, Valid: true}
	if p.NoCall {
		err = q.InsertNoCall(ctx, sqldb.InsertNoCallParams{
			SchemeID: j.scheme, Uid: uid, BeneficiaryID: pgtype.Int8{Int64: p.person, Valid: true},
			FirstDay: localDate(p.First), LastDay: lastDay(p.Last),
		})
	} else {
		err = q.InsertAbsence(ctx, sqldb.InsertAbsenceParams{
			SchemeID: j.scheme, Uid: uid, BeneficiaryID: p.person, FirstDay: localDate(p.First), LastDay: lastDay(p.Last),
			AnnouncedAt: instant(p.now), Channel: p.Channel, WelcomeBack: p.WelcomeBack,
		})
	}
	if err != nil {
		return Replanned{}, fmt.Errorf("insert absence: %w", err)
	}
	j.note("absence", id, 1, "announced", p.now, pauseDataOf(*p.Pause))
	done, err := s.replan(ctx, q, j, again)
	if err != nil {
		return Replanned{}, err
	}
	besides, err := callOffBesides(ctx, q, j, p)
	if err != nil {
		return Replanned{}, err
	}
	done.Cancelled += besides
	j.noteScheme("changed", p.now, changedData(done))
	return done, nil
}

// callOffBesides calls off what a person would be called for on those days besides what her agreements promise: by a surge, to
// apologise. What she has asked for herself stays. It returns how many calls that were.
func callOffBesides(ctx context.Context, q *sqldb.Queries, j *journal, p announcement) (int, error) {
	besides := sqldb.ReadBesidesParams{
		SchemeID: j.scheme, BeneficiaryID: p.person, FirstDay: localDate(p.First), LastDay: lastDay(p.Last), Requested: []string{},
	}
	for _, kind := range call.Kinds() {
		if kind.Requested() {
			besides.Requested = append(besides.Requested, string(kind))
		}
	}
	ids, err := q.ReadBesides(ctx, besides)
	if err != nil {
		return 0, fmt.Errorf("read calls besides: %w", err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	return j.cancelPromises(ctx, q, ids, p.now)
}

// EndAbsence ends the absence or no-call period of a person that begins first of those that are not over: she is back on a
// local date (midnight UTC). One that has not begun by then is revoked, and nothing follows from it. It returns the pause as
// it is afterwards, with a zero First when it was revoked. The errors are ErrNoBeneficiary and ErrNotAway.
func (s *Store) EndAbsence(ctx context.Context, scheme int64, ref string, back, now time.Time) (Pause, Replanned, error) {
	var (
		done Replanned
		p    Pause
	)
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		if _, err := findBeneficiary(ctx, q, scheme, ref); err != nil {
			return err
		}
		rows, err := q.ListPauses(ctx, sqldb.ListPausesParams{SchemeID: scheme, Today: localDate(back), Ref: ref})
		if err != nil {
			return fmt.Errorf("list absences: %w", err)
		}
		if len(rows) == 0 {
			return ErrNotAway
		}
		r := rows[0]
		p = pauseOf(r)
		if err := endPause(ctx, q, scheme, &p, pauseEnd{uid: r.Uid, back: back, now: now}); err != nil {
			return fmt.Errorf("end absence: %w", err)
		}
		j.note("absence", uuid.UUID(r.Uid.Bytes), 2, "ended", now, pauseDataOf(p))
		done, err = s.rearrange(ctx, q, j, replanning{now: now, people: []int64{r.BeneficiaryID}})
		return err
	})
	if err != nil {
		return Pause{}, Replanned{}, fmt.Errorf("end absence: %w", err)
	}
	return p, done, nil
}

func findBeneficiary(ctx context.Context, q *sqldb.Queries, scheme int64, ref string) (sqldb.FindBeneficiaryRow, error) {
	person, err := q.FindBeneficiary(ctx, sqldb.FindBeneficiaryParams{SchemeID: scheme, Ref: ref})
	if errors.Is(err, pgx.ErrNoRows) {
		return person, ErrNoBeneficiary
	} else if err != nil {
		return person, fmt.Errorf("find beneficiary: %w", err)
	}
	return person, nil
}

type pauseEnd struct {
	uid       pgtype.UUID
	back, now time.Time
}

func endPause(ctx context.Context, q *sqldb.Queries, scheme int64, p *Pause, end pauseEnd) error {
	var err error
	last := end.back.AddDate(0, 0, -1)
	switch revoked := last.Before(p.First); {
	case revoked && p.NoCall:
		_, err = q.RevokeNoCall(ctx, sqldb.RevokeNoCallParams{SchemeID: scheme, Uid: end.uid, Now: instant(end.now)})
		p.First, p.Last = time.Time{}, time.Time{}
	case revoked:
		_, err = q.RevokeAbsence(ctx, sqldb.RevokeAbsenceParams{SchemeID: scheme, Uid: end.uid, Now: instant(end.now)})
		p.First, p.Last = time.Time{}, time.Time{}
	case p.NoCall:
		p.Last = last
		_, err = q.ShortenNoCall(ctx, sqldb.ShortenNoCallParams{SchemeID: scheme, Uid: end.uid, LastDay: localDate(last)})
	default:
		p.Last = last
		_, err = q.ShortenAbsence(ctx, sqldb.ShortenAbsenceParams{SchemeID: scheme, Uid: end.uid, LastDay: localDate(last)})
	}
	return err
}

// Absences lists the absences and no-call periods that are not over on a date (midnight UTC), by their first day; of one
// person when a ref is given. An unknown ref has none.
func (s *Store) Absences(ctx context.Context, scheme int64, ref string, today time.Time) ([]Pause, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ListPauses(ctx, sqldb.ListPausesParams{SchemeID: scheme, Today: localDate(today), Ref: ref})
	if err != nil {
		return nil, fmt.Errorf("list absences: %w", storeError(err))
	}
	list := make([]Pause, len(rows))
	for i, r := range rows {
		list[i] = pauseOf(r)
	}
	return list, nil
}

func pauseOf(r sqldb.ListPausesRow) Pause {
	return Pause{
		ID: r.Uid.String(), Ref: r.Ref, First: dateOf(r.FirstDay), Last: dateOf(r.LastDay), NoCall: r.NoCall,
		WelcomeBack: r.WelcomeBack, Channel: r.Channel,
	}
}

func pauseDataOf(p Pause) pauseData {
	d := pauseData{NoCall: p.NoCall}
	if !p.First.IsZero() {
		d.First = p.First.Format(time.DateOnly)
	}
	if !p.Last.IsZero() {
		d.Last = p.Last.Format(time.DateOnly)
	}
	return d
}

// lastDay turns a last day into what the database keeps; the zero time is never.
func lastDay(t time.Time) pgtype.Date {
	if t.IsZero() {
		return pgtype.Date{InfinityModifier: pgtype.Infinity, Valid: true}
	}
	return localDate(t)
}
