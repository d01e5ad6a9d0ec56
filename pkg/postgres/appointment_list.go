package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// NextAppointment returns the next agreed call of a person that has not begun, and what is noted about it; its Opens is zero when
// there is none. The error is callflow.ErrNothing, with ErrNoBeneficiary, when the scheme has no such person.
func (s *Store) NextAppointment(ctx context.Context, scheme int64, ref string, now time.Time) (callflow.Next, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	var next callflow.Next
	person, err := findBeneficiary(ctx, s.query, scheme, ref)
	if errors.Is(err, ErrNoBeneficiary) {
		return next, fmt.Errorf("%w: %w", callflow.ErrNothing, err)
	} else if err != nil {
		return next, storeError(err)
	}
	next.Beneficiary = person.BeneficiaryID
	if next.Pending, err = s.PendingChange(ctx, scheme, person.BeneficiaryID); err != nil {
		return next, err
	}
	row, err := s.query.FindNext(ctx, sqldb.FindNextParams{SchemeID: scheme, BeneficiaryID: person.BeneficiaryID, Now: instant(now)})
	if errors.Is(err, pgx.ErrNoRows) {
		return next, nil
	} else if err != nil {
		return next, fmt.Errorf("find the next call: %w", storeError(err))
	}
	next.Occurrence, next.Opens, next.Closes = row.OccurrenceID, when(row.OpensAt), when(row.ClosesAt)
	next.Changeable = call.Kind(row.Kind) == call.KindScheduled
	next.Confirmed, err = s.query.IsConfirmed(ctx, sqldb.IsConfirmedParams{
		SchemeID: scheme, BeneficiaryID: person.BeneficiaryID, OccurrenceID: row.OccurrenceID,
	})
	if err != nil {
		return next, fmt.Errorf("find out whether a call is confirmed: %w", storeError(err))
	}
	return next, nil
}

// Changes lists what was asked of people's calls since an instant, the latest first, at most 200; of one person when a ref is
// given. An unknown ref has none.
func (s *Store) Changes(ctx context.Context, scheme int64, ref string, since time.Time) ([]callflow.Noted, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ListChanges(ctx, sqldb.ListChangesParams{SchemeID: scheme, Since: instant(since), Ref: ref})
	if err != nil {
		return nil, fmt.Errorf("list changes: %w", storeError(err))
	}
	list := make([]callflow.Noted, len(rows))
	for i, r := range rows {
		list[i] = callflow.Noted{
			Ref: r.Ref, State: callflow.ChangeState(r.State), At: when(r.AskedAt), Settled: when(r.SettledAt), Channel: r.Channel,
			Change: callflow.Change{
				ID: r.Uid.String(), Kind: callflow.ChangeKind(r.Kind), To: callflow.Proposal{Opens: when(r.OpensAt), Closes: when(r.ClosesAt)},
				Promised: callflow.Proposal{Opens: when(r.PromisedOpens), Closes: when(r.PromisedCloses)},
			},
		}
		if r.LastDay.Valid {
			list[i].From, list[i].Back = dateOf(r.FirstDay), dateOf(r.LastDay).AddDate(0, 0, 1)
		}
	}
	return list, nil
}
