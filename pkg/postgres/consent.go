package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// AnswerConsent writes down what a person answered, in one transaction. When she agreed, the calls that were proposed for her are
// booked at once. When she refused, she is erased as by RefusePerson. When she wants to think about it, her next first call is
// booked. Writing the same down again changes nothing. The errors are ErrNoBeneficiary, callflow.ErrNothing when she was not
// proposed or has answered otherwise, ErrRefusalKey, and inbox.ErrInCall when she is being called and refuses.
func (s *Store) AnswerConsent(ctx context.Context, scheme int64, a roster.Answered, now time.Time) error {
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		person, err := findBeneficiary(ctx, q, scheme, a.Ref)
		if err != nil {
			return err
		}
		return s.answer(ctx, q, j, answering{person: person.BeneficiaryID, answer: a.Answer, how: a.How, now: now})
	})
	if err != nil {
		return fmt.Errorf("write down what she answered: %w", err)
	}
	return nil
}

// AnswerFirstCall is AnswerConsent for the person of a first call, by whoever made it. It returns callflow.ErrNotYet while the end
// of the call is not written down.
func (s *Store) AnswerFirstCall(ctx context.Context, scheme int64, attempt call.ID, answer roster.ConsentAnswer, now time.Time) error {
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		asked, err := firstCall(ctx, q, scheme, attempt)
		if err != nil {
			return err
		}
		err = s.answer(ctx, q, j, answering{
			person: asked.BeneficiaryID, occurrence: asked.OccurrenceID, answer: answer, now: now,
			how: fmt.Sprintf("at the first call, to %s, attempt %s", asked.Caller, attempt),
		})
		if errors.Is(err, inbox.ErrInCall) {
			return callflow.ErrNotYet
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("write down the answer of a first call: %w", err)
	}
	return nil
}

// Asks reports whether an attempt was a first call that has reached the person, and nobody has said what she answered. It returns
// callflow.ErrNotYet while its end is not written down.
func (s *Store) Asks(ctx context.Context, scheme int64, attempt call.ID) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	asked, err := firstCall(ctx, s.query, scheme, attempt)
	switch {
	case errors.Is(err, callflow.ErrNothing):
		return false, nil
	case err != nil:
		return false, storeError(err)
	case call.Result(asked.Result) != call.ResultAnswered:
		return false, nil
	}
	p, err := s.query.ReadProposal(ctx, sqldb.ReadProposalParams{SchemeID: scheme, BeneficiaryID: asked.BeneficiaryID})
	if err != nil {
		return false, fmt.Errorf("read proposal: %w", storeError(err))
	}
	answered, err := s.query.IsAnswered(ctx, sqldb.IsAnsweredParams{SchemeID: scheme, OccurrenceID: asked.OccurrenceID})
	if err != nil {
		return false, fmt.Errorf("read what she answered: %w", storeError(err))
	}
	return p.State == string(roster.ConsentProposed) && !answered, nil
}

// ProposedBy says who proposed the person of an attempt.
func (s *Store) ProposedBy(ctx context.Context, scheme int64, attempt call.ID) (roster.Source, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	source, err := s.query.ReadProposedBy(ctx, sqldb.ReadProposedByParams{SchemeID: scheme, AttemptID: attemptUUID(attempt)})
	if err != nil {
		return "", fmt.Errorf("read who proposed her: %w", storeError(err))
	}
	return roster.Source(source), nil
}

// firstCall finds the first call of an attempt that has ended. The errors are callflow.ErrNothing and callflow.ErrNotYet.
func firstCall(ctx context.Context, q *sqldb.Queries, scheme int64, attempt call.ID) (sqldb.FindFirstCallRow, error) {
	row, err := q.FindFirstCall(ctx, sqldb.FindFirstCallParams{SchemeID: scheme, AttemptID: attemptUUID(attempt)})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return row, callflow.ErrNotYet // It may be in the spool.
	case err != nil:
		return row, fmt.Errorf("read the call: %w", err)
	case call.Kind(row.Kind) != call.KindFirst:
		return row, callflow.ErrNothing
	case call.State(row.State) != call.StateEnded:
		return row, callflow.ErrNotYet
	}
	return row, nil
}

// answering is an answer on its way into the records.
type answering struct {
	person     int64
	occurrence int64 // The first call; 0 stands for the last one that has reached her.
	answer     roster.ConsentAnswer
	how        string
	now        time.Time
}

// answer writes an answer down, under the scheme's lock.
func (s *Store) answer(ctx context.Context, q *sqldb.Queries, j *journal, a answering) error {
	p, err := q.ReadProposal(ctx, sqldb.ReadProposalParams{SchemeID: j.scheme, BeneficiaryID: a.person})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ErrNoBeneficiary
	case err != nil:
		return fmt.Errorf("read proposal: %w", err)
	case p.State == string(roster.ConsentGiven) && a.answer == roster.AnswerAgreed:
		return nil
	case p.State == string(roster.ConsentRefused) && a.answer == roster.AnswerRefused:
		return nil
	case p.State != string(roster.ConsentProposed):
		return callflow.ErrNothing
	}
	if a.occurrence == 0 {
		a.occurrence = p.Asked
	}
	if a.answer == roster.AnswerRefused {
		return s.erase(ctx, q, j, erasure{person: a.person, ref: p.Ref, source: p.Source, occurrence: a.occurrence, answer: a.answer, now: a.now})
	}
	if err := noteAnswer(ctx, q, j, a); err != nil {
		return err
	}
	again := replanning{now: a.now, people: []int64{a.person}}
	switch a.answer {
	case roster.AnswerAgreed:
		if err := s.agree(ctx, q, j, a, p); err != nil {
			return err
		}
	case roster.AnswerLater:
		again.held, again.asked = true, a.now
	default:
		return fmt.Errorf("%q is no answer that a person gives", a.answer)
	}
	_, err = s.rearrange(ctx, q, j, again)
	return err
}

// agree writes down that she has agreed, and calls off whatever would still ask her.
func (s *Store) agree(ctx context.Context, q *sqldb.Queries, j *journal, a answering, p sqldb.ReadProposalRow) error {
	zone, err := s.zoneOf(ctx, q, j.scheme, a.now)
	if err != nil {
		return err
	}
	if a.how == "" {
		a.how = "at the first call"
	}
	err = q.InsertConsent(ctx, sqldb.InsertConsentParams{
		SchemeID: j.scheme, BeneficiaryID: a.person, Purpose: p.Purpose, State: string(roster.ConsentGiven),
		GivenOn: localDate(schedule.DateIn(a.now, zone)), How: a.how, Now: instant(a.now),
	})
	if err != nil {
		return fmt.Errorf("write consent: %w", err)
	}
	open, err := q.ReadFirstCalls(ctx, sqldb.ReadFirstCallsParams{SchemeID: j.scheme, BeneficiaryID: a.person})
	if err != nil {
		return fmt.Errorf("read first calls: %w", err)
	}
	var ids []int64
	for _, o := range open {
		if call.OccurrenceState(o.State) == call.OccurrenceOpen {
			ids = append(ids, o.OccurrenceID)
		}
	}
	if _, err := j.cancelPromises(ctx, q, ids, a.now); err != nil {
		return err
	}
	return countRegistration(ctx, q, counting{j.scheme, a.now, p.Source, string(roster.AnswerAgreed)})
}

// zoneOf is the zone of a scheme.
func (s *Store) zoneOf(ctx context.Context, q *sqldb.Queries, scheme int64, now time.Time) (*time.Location, error) {
	rules, _, err := s.rules(ctx, q, scheme, now)
	if err != nil {
		return nil, err
	}
	return rules.Zone, nil
}

// noteAnswer keeps an answer, and tells of it without saying whose it is.
func noteAnswer(ctx context.Context, q *sqldb.Queries, j *journal, a answering) error {
	err := q.InsertConsentAnswer(ctx, sqldb.InsertConsentAnswerParams{
		SchemeID: j.scheme, BeneficiaryID: a.person, OccurrenceID: a.occurrence, Answer: string(a.answer), Now: instant(a.now),
	})
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	j.noteScheme("consent", a.now, consentData{Answer: string(a.answer)})
	return nil
}

// mostProposals is how many proposals are listed, and erased in one go.
const mostProposals = 1000

// Proposals lists the scheme's proposals that wait for an answer, the oldest first, 1,000 at most.
func (s *Store) Proposals(ctx context.Context, scheme int64) ([]roster.Proposal, error) {
	ctx, cancel := context.WithTimeout(ctx, loadPatience)
	defer cancel()
	rows, err := s.query.ListProposals(ctx, sqldb.ListProposalsParams{SchemeID: scheme, Most: mostProposals})
	if err != nil {
		return nil, fmt.Errorf("list proposals: %w", storeError(err))
	}
	list := make([]roster.Proposal, len(rows))
	for i, r := range rows {
		list[i] = roster.Proposal{
			Ref: r.Ref, Source: roster.Source(r.Source), Language: roster.Language(r.Language), Since: when(r.Since), Until: when(r.Until),
			Calls: int(r.Calls), Opens: when(r.OpensAt), Closes: when(r.ClosesAt), Asked: when(r.AskedAt), AskedBy: r.AskedBy,
		}
	}
	return list, nil
}

// ProposalRules returns a scheme's rules.
func (s *Store) ProposalRules(ctx context.Context, scheme int64) (roster.ProposalRules, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	days, err := s.query.ReadProposalRules(ctx, scheme)
	if err != nil {
		return roster.ProposalRules{}, fmt.Errorf("read the rules of proposals: %w", storeError(err))
	}
	return roster.ProposalRules{Days: int(days)}, nil
}

// SetProposalRules changes them.
func (s *Store) SetProposalRules(ctx context.Context, scheme int64, r roster.ProposalRules) error {
	if err := r.Check(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	err := s.query.SetProposals(ctx, sqldb.SetProposalsParams{
		SchemeID: scheme, ProposalDays: int16(r.Days),
	})
	if err != nil {
		return fmt.Errorf("write the rules of proposals: %w", storeError(err))
	}
	return nil
}
