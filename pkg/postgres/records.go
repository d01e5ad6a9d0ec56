package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

var _ callflow.Records = (*Store)(nil)

// longestAttempt bounds how long before its end an attempt may have been claimed, to search by an index.
const longestAttempt = 12 * time.Hour

// Line implements callflow.Records.
func (s *Store) Line(ctx context.Context, did string) (callflow.Line, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	row, err := s.query.FindLine(ctx, did)
	if errors.Is(err, pgx.ErrNoRows) {
		return s.nobodysLine(ctx)
	} else if err != nil {
		return callflow.Line{}, fmt.Errorf("find line: %w", storeError(err))
	}
	return s.answering(ctx, callflow.Line{
		Scheme: row.SchemeID, Name: row.Spoken, Number: row.E164, Region: row.Country, Flow: row.Flow, Languages: languagesOf(row.Languages),
	}, sqldb.FindLineOfRow{Zone: row.Zone, Country: row.Country, Region: row.Region})
}

// LineOf implements callflow.Records.
func (s *Store) LineOf(ctx context.Context, scheme int64) (callflow.Line, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	row, err := s.query.FindLineOf(ctx, scheme)
	if err != nil {
		return callflow.Line{}, fmt.Errorf("find the line of a scheme: %w", storeError(err))
	}
	return s.answering(ctx, callflow.Line{Scheme: scheme, Name: row.Spoken, Region: row.Country}, row)
}

// answering adds when somebody answers a line.
func (s *Store) answering(ctx context.Context, line callflow.Line, of sqldb.FindLineOfRow) (_ callflow.Line, err error) {
	if line.Zone, err = time.LoadLocation(of.Zone); err != nil {
		return callflow.Line{}, fmt.Errorf("load zone of the scheme: %w", err)
	}
	if line.Calendar, err = schedule.NewCalendar(cmp.Or(of.Region, of.Country)); err != nil {
		return callflow.Line{}, fmt.Errorf("find public holidays: %w", err)
	}
	line.Hours, err = s.lineRules(ctx, line)
	return line, err
}

// nobodysLine says in which languages somebody is told that a number is no scheme's.
func (s *Store) nobodysLine(ctx context.Context) (callflow.Line, error) {
	languages, err := s.query.LineLanguages(ctx)
	if err != nil {
		return callflow.Line{}, fmt.Errorf("list languages of lines: %w", storeError(err))
	}
	return callflow.Line{Languages: languagesOf(languages)}, callflow.ErrUnknownLine
}

// Caller implements callflow.Records.
func (s *Store) Caller(ctx context.Context, endpoint string) (callflow.Caller, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	row, err := s.query.FindCaller(ctx, endpoint)
	if errors.Is(err, pgx.ErrNoRows) {
		return callflow.Caller{}, callflow.ErrUnknownCaller
	} else if err != nil {
		return callflow.Caller{}, fmt.Errorf("find caller: %w", storeError(err))
	}
	zone, err := time.LoadLocation(row.Zone)
	if err != nil {
		return callflow.Caller{}, fmt.Errorf("load zone of the scheme: %w", err)
	}
	return callflow.Caller{
		Scheme: row.SchemeID, ID: row.CallerID, Language: roster.Language(row.Languages[0]), Zone: zone,
		State: call.CallerState(row.State),
	}, nil
}

// CallersAt implements callflow.Records.
func (s *Store) CallersAt(ctx context.Context, scheme int64, cli string) (callers []callflow.Caller, called bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.FindCallersAt(ctx, sqldb.FindCallersAtParams{SchemeID: scheme, Cli: cli})
	if err != nil {
		return nil, false, fmt.Errorf("find callers by number: %w", storeError(err))
	}
	if len(rows) == 0 {
		return nil, false, nil
	}
	for _, r := range rows {
		zone, err := time.LoadLocation(r.Zone)
		if err != nil {
			return nil, false, fmt.Errorf("load zone of the scheme: %w", err)
		}
		callers = append(callers, callflow.Caller{
			Scheme: scheme, ID: r.CallerID, FirstName: r.GivenName, Language: roster.Language(r.Languages[0]), Zone: zone,
			State: call.CallerState(r.State),
		})
	}
	if called, err = s.query.IsCalledAt(ctx, sqldb.IsCalledAtParams{SchemeID: scheme, Cli: cli}); err != nil {
		return nil, false, fmt.Errorf("find who is called at a number: %w", storeError(err))
	}
	return callers, called, nil
}

// Proposed implements callflow.Records.
func (s *Store) Proposed(ctx context.Context, scheme int64, attempt call.ID) (callflow.Proposal, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	id, err := uuid.Parse(string(attempt))
	if err != nil {
		return callflow.Proposal{}, callflow.ErrNothing
	}
	row, err := s.query.FindProposed(ctx, sqldb.FindProposedParams{
		SchemeID: scheme, AttemptID: pgtype.UUID{Bytes: id, Valid: true},
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return callflow.Proposal{}, callflow.ErrNothing
	case err != nil:
		return callflow.Proposal{}, fmt.Errorf("find the next call: %w", storeError(err))
	case call.State(row.State) != call.StateEnded:
		return callflow.Proposal{}, callflow.ErrNotYet
	case call.OccurrenceState(row.NextState) != call.OccurrenceOpen:
		return callflow.Proposal{}, callflow.ErrNothing
	}
	zone, err := time.LoadLocation(row.Zone)
	if err != nil {
		return callflow.Proposal{}, fmt.Errorf("load zone of the scheme: %w", err)
	}
	return callflow.Proposal{Opens: when(row.OpensAt).In(zone), Closes: when(row.ClosesAt).In(zone)}, nil
}

// Spoken implements callflow.Records.
func (s *Store) Spoken(ctx context.Context, scheme int64) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	name, err := s.query.ReadSpoken(ctx, scheme)
	if err != nil {
		return "", fmt.Errorf("read what the scheme is called: %w", storeError(err))
	}
	return name, nil
}

// Upcoming implements callflow.Records.
func (s *Store) Upcoming(ctx context.Context, scheme int64, attempt call.ID, now time.Time) (callflow.Appointment, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	row, err := s.query.FindUpcoming(ctx, sqldb.FindUpcomingParams{
		SchemeID: scheme, AttemptID: attemptUUID(attempt), Now: instant(now),
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return callflow.Appointment{}, callflow.ErrNothing
	} else if err != nil {
		return callflow.Appointment{}, fmt.Errorf("find the next call: %w", storeError(err))
	}
	zone, err := time.LoadLocation(row.Zone)
	if err != nil {
		return callflow.Appointment{}, fmt.Errorf("load zone of the scheme: %w", err)
	}
	return callflow.Appointment{
		Opens: when(row.OpensAt).In(zone), Closes: when(row.ClosesAt).In(zone), Beneficiary: row.BeneficiaryID,
		Occurrence: row.OccurrenceID, Changeable: row.Changeable,
	}, nil
}

// Appointments implements callflow.Records. A call whose window has begun counts until the window ends.
func (s *Store) Appointments(ctx context.Context, scheme int64, cli string, now time.Time) ([]callflow.Appointment, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.FindAppointments(ctx, sqldb.FindAppointmentsParams{
		SchemeID: scheme, Cli: cli, Now: instant(now),
		// The local date only narrows the search: a day earlier is safe in every zone.
		Today: localDate(schedule.DateIn(now, time.UTC).AddDate(0, 0, -1)),
	})
	if err != nil {
		return nil, fmt.Errorf("find appointments: %w", storeError(err))
	}
	if len(rows) == 0 {
		return nil, callflow.ErrNothing
	}
	list := make([]callflow.Appointment, len(rows))
	for i, r := range rows {
		list[i] = callflow.Appointment{
			FirstName: r.GivenName, Opens: when(r.OpensAt), Closes: when(r.ClosesAt), Beneficiary: r.BeneficiaryID,
			Occurrence: r.OccurrenceID, Changeable: r.Changeable,
		}
	}
	return list, nil
}

// FirstName returns the given name of a beneficiary of the scheme, to be spoken to whoever is about to call her; empty when
// it is not known. It returns callflow.ErrNothing when the scheme has no such person.
func (s *Store) FirstName(ctx context.Context, scheme, beneficiary int64) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	name, err := s.query.FindFirstName(ctx, sqldb.FindFirstNameParams{SchemeID: scheme, BeneficiaryID: beneficiary})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", callflow.ErrNothing
	} else if err != nil {
		return "", fmt.Errorf("find first name: %w", storeError(err))
	}
	return name, nil
}

// LastAttempt implements callflow.Records.
func (s *Store) LastAttempt(ctx context.Context, scheme, caller int64, since time.Time) (call.ID, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	id, err := s.query.FindLastAttempt(ctx, sqldb.FindLastAttemptParams{
		SchemeID: scheme, CallerID: caller, Since: instant(since), ClaimedSince: instant(since.Add(-longestAttempt)),
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", callflow.ErrNothing
	} else if err != nil {
		return "", fmt.Errorf("find last attempt: %w", storeError(err))
	}
	return attemptID(id), nil
}

// SaveMessage implements callflow.Records. While the database is away the message is kept in the spool.
func (s *Store) SaveMessage(ctx context.Context, m callflow.Message) error {
	err := s.saveMessage(ctx, m.Scheme, voiceMessage{
		ID: m.ID, CLI: m.CLI, Language: m.Language, Recording: m.Recording, Length: m.Length, At: m.At,
	})
	if err != nil {
		return fmt.Errorf("save message: %w", err)
	}
	return nil
}

// Messages lists the scheme's messages, the newest first, at most a hundred: those nobody has handled yet, or all.
func (s *Store) Messages(ctx context.Context, scheme int64, handledToo bool) ([]callflow.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	const most = 100
	rows, err := s.query.ListMessages(ctx, sqldb.ListMessagesParams{SchemeID: scheme, HandledToo: handledToo, Most: most})
	if err != nil {
		return nil, fmt.Errorf("list messages: %w", storeError(err))
	}
	list := make([]callflow.Message, len(rows))
	for i, r := range rows {
		list[i] = callflow.Message{
			ID: r.MessageID.String(), Scheme: scheme, CLI: r.Cli, Language: roster.Language(r.Language), Recording: r.Recording,
			Length: milliseconds(r.LengthMs), At: when(r.LeftAt),
		}
	}
	return list, nil
}

// HandleMessage marks a message as handled; caller 0 leaves open by whom. One that was handled before, or does not exist,
// gives callflow.ErrNothing.
func (s *Store) HandleMessage(ctx context.Context, scheme int64, id string, caller int64, now time.Time) error {
	message, err := uuid.Parse(id)
	if err != nil {
		return callflow.ErrNothing
	}
	return s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		n, err := q.HandleMessage(ctx, sqldb.HandleMessageParams{
			SchemeID: scheme, MessageID: pgtype.UUID{Bytes: message, Valid: true}, Now: instant(now),
			HandledBy: pgtype.Int8{Int64: caller, Valid: caller != 0},
		})
		if err != nil {
			return fmt.Errorf("handle message: %w", err)
		}
		if n == 0 {
			return callflow.ErrNothing
		}
		j.note("message", message, 2, "handled", now, struct{}{})
		return nil
	})
}
