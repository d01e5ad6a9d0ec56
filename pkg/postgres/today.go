package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Wanted is a call of a person as dispatch.Today.Room needs it: for whom, how long, by whom. The error is ErrNoBeneficiary when
// the scheme has no such person, and ErrNotAgreed when it may not call her so yet.
func (s *Store) Wanted(ctx context.Context, scheme, beneficiary int64) (dispatch.Occurrence, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	r, err := s.query.ReadWanted(ctx, sqldb.ReadWantedParams{SchemeID: scheme, BeneficiaryID: beneficiary})
	if errors.Is(err, pgx.ErrNoRows) {
		return dispatch.Occurrence{}, ErrNoBeneficiary
	} else if err != nil {
		return dispatch.Occurrence{}, fmt.Errorf("read who wants a call: %w", storeError(err))
	}
	if r.Consent != string(roster.ConsentGiven) {
		return dispatch.Occurrence{}, ErrNotAgreed
	}
	o := dispatch.Occurrence{
		Beneficiary: beneficiary, Kind: call.KindCallToday, Language: roster.Language(r.Language), Class: int(r.Class),
		Reference: r.ReferenceID, Deputy: r.DeputyID, Length: milliseconds(r.LengthMs), Continuity: roster.Continuity(r.Continuity),
		Skills: r.Skills, Hard: r.Hard,
	}
	if o.Length == 0 {
		o.Length = schedule.DefaultLength
	}
	return o, nil
}

// KeyOf is the key of the beneficiary with a ref; ErrNoBeneficiary when there is none.
func (s *Store) KeyOf(ctx context.Context, scheme int64, ref string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	person, err := findBeneficiary(ctx, s.query, scheme, ref)
	return person.BeneficiaryID, err
}

// RoomToday is dispatch.Today.Room with what the records hold, for a process that does not lead the scheme.
func (s *Store) RoomToday(ctx context.Context, scheme int64, want dispatch.Occurrence, now time.Time) (at, closes time.Time, err error) {
	snap, err := s.Load(ctx, scheme, now, now.Add(24*time.Hour))
	if err != nil {
		return at, closes, err
	}
	calendar, err := snap.Scheme.Calendar()
	if err != nil {
		return at, closes, fmt.Errorf("read calendar: %w", err)
	}
	return dispatch.Today{
		Scheme: &snap.Scheme, Rules: dispatch.RulesOf(&snap.Scheme, calendar), Calls: snap.Occurrences, Callers: snap.Callers, Now: now,
	}.Room(want)
}

// CallToday books a call today for the person with a ref, for a process that does not lead the scheme, and says at about what time.
// It returns dispatch.ErrNoRoom when the call could not be kept or would break a promise, dispatch.ErrAlready when she has a call
// today or had the one that she asked for, ErrNoBeneficiary, and ErrNotAgreed.
func (s *Store) CallToday(ctx context.Context, scheme int64, ref string, now time.Time) (time.Time, error) {
	person, err := s.KeyOf(ctx, scheme, ref)
	if err != nil {
		return time.Time{}, err
	}
	want, err := s.Wanted(ctx, scheme, person)
	if err != nil {
		return time.Time{}, err
	}
	at, closes, err := s.RoomToday(ctx, scheme, want, now)
	if err != nil {
		return time.Time{}, err
	}
	return at, s.BookToday(ctx, scheme, person, closes, now)
}

// BookToday books the call for which there is room until closes, as dispatch.Today.Room says, or returns dispatch.ErrAlready when she
// had the one that she asked for.
func (s *Store) BookToday(ctx context.Context, scheme, beneficiary int64, closes, now time.Time) error {
	booked, err := s.BookCallback(ctx, scheme, Callback{
		Beneficiary: beneficiary, Kind: call.KindCallToday, Opens: now, Closes: closes,
	}, now)
	if err == nil && booked.Before {
		return dispatch.ErrAlready
	}
	return err
}
