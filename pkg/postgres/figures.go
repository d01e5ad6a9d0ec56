package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/faq"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

var _ report.Records = (*Store)(nil)

// lastAmong is among how many of the attempts claimed last those that ended last are looked for.
const lastAmong = 500

// Scheme implements report.Records.
func (s *Store) Scheme(ctx context.Context, id string) (report.Scheme, error) {
	uid, err := uuid.Parse(id)
	if err != nil {
		return report.Scheme{}, report.ErrNoScheme
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	row, err := s.query.FindScheme(ctx, pgtype.UUID{Bytes: uid, Valid: true})
	if errors.Is(err, pgx.ErrNoRows) {
		return report.Scheme{}, report.ErrNoScheme
	} else if err != nil {
		return report.Scheme{}, fmt.Errorf("find scheme: %w", storeError(err))
	}
	return schemeOf(row), nil
}

func schemeOf(r sqldb.FindSchemeRow) report.Scheme {
	return report.Scheme{
		Key: r.SchemeID, ID: r.Uid.String(), Name: r.Name, Zone: r.Zone, Language: roster.Language(r.Language), Paused: r.Paused,
	}
}

// Roll implements report.Records, from one snapshot of the database.
func (s *Store) Roll(ctx context.Context, scheme int64, now time.Time) (report.Roll, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	roll := report.Roll{Names: map[string]string{}}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error {
		r := rollReader{query: s.query.WithTx(tx), scheme: scheme, now: now, roll: &roll}
		for _, read := range []func(context.Context) error{r.head, r.names, r.live, r.last, r.welfare, r.inbox, r.proposed, r.asked} {
			if err := read(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return report.Roll{}, fmt.Errorf("read the wall's roll: %w", storeError(err))
	}
	return roll, nil
}

// rollReader fills in one roll.
type rollReader struct {
	query  *sqldb.Queries
	scheme int64
	now    time.Time
	roll   *report.Roll
}

func (r *rollReader) head(ctx context.Context) error {
	row, err := r.query.WallScheme(ctx, r.scheme)
	if errors.Is(err, pgx.ErrNoRows) {
		return report.ErrNoScheme
	} else if err != nil {
		return fmt.Errorf("read scheme: %w", err)
	}
	r.roll.Scheme = schemeOf(sqldb.FindSchemeRow(row))
	return nil
}

func (r *rollReader) inbox(ctx context.Context) error {
	oldest, err := r.query.WallInbox(ctx, r.scheme)
	if err != nil {
		return fmt.Errorf("read since when the inbox waits: %w", err)
	}
	r.roll.Oldest = when(oldest)
	return nil
}

func (r *rollReader) proposed(ctx context.Context) error {
	row, err := r.query.CountProposals(ctx, r.scheme)
	if err != nil {
		return fmt.Errorf("count who has not answered yet: %w", err)
	}
	r.roll.Proposed, r.roll.Untold = int(row.Waiting), int(row.Untold)
	return nil
}

// asked reads what the line was asked most. What is asked no more has no title, and is left out.
func (r *rollReader) asked(ctx context.Context) error {
	zone, err := time.LoadLocation(r.roll.Scheme.Zone)
	if err != nil {
		return fmt.Errorf("load zone of the scheme: %w", err)
	}
	today := schedule.DateIn(r.now, zone)
	rows, err := r.query.ReadQuestionsAsked(ctx, sqldb.ReadQuestionsAskedParams{
		SchemeID: r.scheme, FirstDay: localDate(today.AddDate(0, 0, 1-report.AskedDays)), LastDay: localDate(today),
	})
	if err != nil || len(rows) == 0 {
		return err
	}
	answers, err := readAnswers(ctx, r.query, r.scheme)
	if err != nil {
		return err
	}
	titles := map[string]faq.Texts{}
	for _, topic := range answers.Tree.Topics {
		for _, q := range topic.Questions {
			titles[q.Name] = q.Title
		}
	}
	for _, row := range rows {
		if title, known := titles[row.Question]; known && len(r.roll.Asked) < report.MostAsked {
			r.roll.Asked = append(r.roll.Asked, report.Asked{Title: title, Times: int(row.Asked)})
		}
	}
	return nil
}

func (r *rollReader) names(ctx context.Context) error {
	rows, err := r.query.WallNames(ctx, r.scheme)
	if err != nil {
		return fmt.Errorf("read callers: %w", err)
	}
	for _, row := range rows {
		r.roll.Names[row.Uid.String()] = fullName(row.GivenName, row.FamilyName)
	}
	return nil
}

func (r *rollReader) live(ctx context.Context) error {
	rows, err := r.query.WallLive(ctx, r.scheme)
	if err != nil {
		return fmt.Errorf("read live calls: %w", err)
	}
	for _, row := range rows {
		live := report.LiveCall{
			Attempt: attemptID(row.AttemptID), Kind: call.Kind(row.Kind), State: call.State(row.State), Since: when(row.ClaimedAt),
			Caller: fullName(row.GivenName, row.FamilyName), Beneficiary: row.Beneficiary, Class: int(row.Class),
		}
		switch live.State {
		case call.StateOffered:
			live.Since = when(row.MadeAt)
		case call.StateAccepted:
			live.Since = when(row.AcceptedAt)
		case call.StateRinging:
			live.Since = when(row.RingingAt)
		case call.StateBridged:
			live.Since = when(row.BridgedAt)
		case call.StateIntent, call.StateEnded:
		}
		if row.EndedAt.Valid {
			live.Caller = "" // The last offer is over and the next one not made.
		}
		r.roll.Calls = append(r.roll.Calls, live)
	}
	return nil
}

func (r *rollReader) last(ctx context.Context) error {
	rows, err := r.query.WallLast(ctx, sqldb.WallLastParams{
		SchemeID: r.scheme, Since: instant(r.now.Add(-longestAttempt)), Among: lastAmong, Most: report.LastEnded,
	})
	if err != nil {
		return fmt.Errorf("read last outcomes: %w", err)
	}
	for _, row := range rows {
		r.roll.Last = append(r.roll.Last, report.Ended{
			Attempt: attemptID(row.AttemptID), Kind: call.Kind(row.Kind), At: when(row.EndedAt), Result: call.Result(row.Result),
			Reason: call.Reason(row.Reason), Fault: call.Fault(row.Fault), Talk: milliseconds(row.TalkMs),
			Caller: fullName(row.GivenName, row.FamilyName), Beneficiary: row.Beneficiary,
		})
	}
	return nil
}

func (r *rollReader) welfare(ctx context.Context) error {
	rows, err := r.query.WallWelfare(ctx, sqldb.WallWelfareParams{SchemeID: r.scheme, Most: report.MostWelfare})
	if err != nil {
		return fmt.Errorf("read who waits to be looked after: %w", err)
	}
	for _, row := range rows {
		w := report.Worry{
			Item: row.WelfareID.String(), Beneficiary: row.Ref, Class: int(row.Class), Ended: call.OccurrenceState(row.Ended),
			Since: when(row.BeganAt), TakenBy: row.TakenBy,
		}
		// Whoever takes her has as long as there was for somebody to take her.
		from := w.Since
		if row.TakenAt.Valid {
			from = when(row.TakenAt)
		}
		w.Due = from.Add(milliseconds(row.WelfareMs))
		r.roll.Welfare = append(r.roll.Welfare, w)
	}
	return nil
}

func fullName(given, family string) string { return strings.TrimSpace(given + " " + family) }
