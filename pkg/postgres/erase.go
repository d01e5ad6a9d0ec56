package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// RefusePerson keeps that the person with a ref will not be called, ever, as Refuse does for each of her numbers, and erases who
// she is, in one transaction: her name, her numbers, where she was called, when she was away, what was registered of her and what
// she has said to the line from numbers that are hers alone. Every call that she would have had is called off. What stays, for
// the figures and the audit, names nobody; her ref becomes one that says nothing. Files of recordings are left to Erasures. The
// errors are ErrNoBeneficiary, ErrRefusalKey, and inbox.ErrInCall while she is being called.
func (s *Store) RefusePerson(ctx context.Context, scheme int64, ref string, now time.Time) error {
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		person, err := findBeneficiary(ctx, q, scheme, ref)
		if err != nil {
			return err
		}
		p, err := q.ReadProposal(ctx, sqldb.ReadProposalParams{SchemeID: scheme, BeneficiaryID: person.BeneficiaryID})
		if err != nil {
			return fmt.Errorf("read proposal: %w", err)
		}
		return s.erase(ctx, q, j, erasure{
			person: person.BeneficiaryID, ref: ref, source: p.Source, occurrence: p.Asked, answer: roster.AnswerRefused, now: now,
		})
	})
	if err != nil {
		return fmt.Errorf("erase who has refused: %w", err)
	}
	return nil
}

// LapseProposals erases everybody who was proposed, was called once at least and gave no answer in time, and registrations that
// nobody has made anything of. They are counted, and may be proposed again. It returns how many of each. Whoever is being called
// stays until the next time, and whoever nobody has had the time to call until somebody has: a town that is late loses nobody.
func (s *Store) LapseProposals(ctx context.Context, scheme int64, now time.Time) (people, registrations int, err error) {
	limited, cancel := context.WithTimeout(ctx, loadPatience)
	defer cancel()
	lapsed, err := s.query.ListLapsed(limited, sqldb.ListLapsedParams{SchemeID: scheme, Now: instant(now), Most: mostProposals})
	if err != nil {
		return 0, 0, fmt.Errorf("list proposals that lapsed: %w", storeError(err))
	}
	for _, person := range lapsed {
		err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
			p, err := q.ReadProposal(ctx, sqldb.ReadProposalParams{SchemeID: scheme, BeneficiaryID: person})
			if err != nil {
				return fmt.Errorf("read proposal: %w", err)
			}
			if p.State != string(roster.ConsentProposed) {
				return inbox.ErrHandled // She has answered meanwhile.
			}
			return s.erase(ctx, q, j, erasure{
				person: person, ref: p.Ref, source: p.Source, occurrence: p.Asked, answer: roster.AnswerLapsed, now: now,
			})
		})
		switch {
		case errors.Is(err, inbox.ErrInCall), errors.Is(err, inbox.ErrHandled):
		case err != nil:
			return people, 0, fmt.Errorf("erase a proposal: %w", err)
		default:
			people++
		}
	}
	err = s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		gone, err := q.LapseRegistrations(ctx, sqldb.LapseRegistrationsParams{SchemeID: scheme, Now: instant(now)})
		if err != nil {
			return fmt.Errorf("erase registrations: %w", err)
		}
		for _, g := range gone {
			j.note("registration", g.RegistrationID.Bytes, 2, "handled", now, handledData{Outcome: string(roster.AnswerLapsed)})
			if err := countRegistration(ctx, q, counting{scheme, now, g.Source, string(roster.AnswerLapsed)}); err != nil {
				return err
			}
		}
		registrations = len(gone)
		return nil
	})
	if err != nil {
		return people, 0, fmt.Errorf("erase registrations that lapsed: %w", err)
	}
	return people, registrations, nil
}

// erasure is of a person who is in the book.
type erasure struct {
	person     int64
	ref        string
	source     string // Counted, and no longer hers.
	occurrence int64  // The first call in which she was asked; 0 when it was none.
	answer     roster.ConsentAnswer
	now        time.Time
}

// erase erases a person under the scheme's lock. Unless nobody had an answer, it is kept that she refused.
func (s *Store) erase(ctx context.Context, q *sqldb.Queries, j *journal, e erasure) error {
	state := roster.ConsentWithdrawn
	if e.answer == roster.AnswerRefused {
		state = roster.ConsentRefused
		if err := s.refuseNumbers(ctx, q, j.scheme, e); err != nil {
			return err
		}
	}
	if err := dropPending(ctx, q, j, e.person, e.now, true); err != nil {
		return err
	}
	if err := endCalls(ctx, q, j, e.person, e.now); err != nil {
		return err
	}
	own, err := q.HerOwnNumbers(ctx, sqldb.HerOwnNumbersParams{SchemeID: j.scheme, BeneficiaryID: e.person})
	if err != nil {
		return fmt.Errorf("read numbers that are hers alone: %w", err)
	}
	if err := q.EraseTraces(ctx, sqldb.EraseTracesParams{SchemeID: j.scheme, Numbers: own, Now: instant(e.now)}); err != nil {
		return fmt.Errorf("erase what she has said: %w", err)
	}
	becomes := "X-" + rand.Text()[:12]
	if err := q.InsertRefs(ctx, sqldb.InsertRefsParams{SchemeID: j.scheme, Refs: []string{becomes}}); err != nil {
		return fmt.Errorf("write ref: %w", err)
	}
	err = q.ErasePerson(ctx, sqldb.ErasePersonParams{
		SchemeID: j.scheme, BeneficiaryID: e.person, Ref: e.ref, Becomes: becomes, State: string(state), Now: instant(e.now),
	})
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	if err := q.ForgetRef(ctx, sqldb.ForgetRefParams{SchemeID: j.scheme, Ref: e.ref}); err != nil {
		return fmt.Errorf("forget ref: %w", err)
	}
	// The audit holds addresses, in which a ref is escaped.
	if _, err := q.ForgetInAudit(ctx, sqldb.ForgetInAuditParams{SchemeID: j.scheme, Ref: url.PathEscape(e.ref)}); err != nil {
		return fmt.Errorf("forget ref in the audit: %w", err)
	}
	if err := noteAnswer(ctx, q, j, answering{person: e.person, occurrence: e.occurrence, answer: e.answer, now: e.now}); err != nil {
		return err
	}
	return countRegistration(ctx, q, counting{j.scheme, e.now, e.source, string(e.answer)})
}

// refuseNumbers keeps the refusal of a person's numbers.
func (s *Store) refuseNumbers(ctx context.Context, q *sqldb.Queries, scheme int64, e erasure) error {
	rows, err := q.NumbersOf(ctx, sqldb.NumbersOfParams{SchemeID: scheme, BeneficiaryIds: []int64{e.person}})
	if err != nil {
		return fmt.Errorf("read numbers: %w", err)
	}
	state, err := q.ConsentOf(ctx, sqldb.ConsentOfParams{SchemeID: scheme, BeneficiaryID: e.person})
	if err != nil {
		return fmt.Errorf("read consent: %w", err)
	}
	refusing := refusing{scheme: scheme, how: RefusedToRegistrar, now: e.now}
	if state == string(roster.ConsentProposed) {
		refusing.how = RefusedAtFirstCall
	}
	for _, n := range rows {
		refusing.numbers = append(refusing.numbers, n.E164)
	}
	return s.refuse(ctx, q, refusing)
}

// endCalls calls off whatever call a person would have had. It returns inbox.ErrInCall while one is under way.
func endCalls(ctx context.Context, q *sqldb.Queries, j *journal, person int64, now time.Time) error {
	open, err := q.ReadOpenOf(ctx, sqldb.ReadOpenOfParams{SchemeID: j.scheme, BeneficiaryID: person})
	if err != nil {
		return fmt.Errorf("read calls: %w", err)
	}
	var ids []int64
	for _, o := range open {
		if call.OccurrenceState(o.State) != call.OccurrenceOpen {
			return inbox.ErrInCall
		}
		ids = append(ids, o.OccurrenceID)
	}
	cancelled, err := j.cancelPromises(ctx, q, ids, now)
	if err != nil {
		return err
	}
	j.noteScheme("changed", now, changedData{Cancelled: cancelled})
	return nil
}

// Erasure is a recording whose file is to be erased, at whichever PBX has it.
type Erasure struct {
	Recording string
	Since     time.Time
}

// Erasures lists the recordings of people who were erased whose files may still be there.
func (s *Store) Erasures(ctx context.Context, scheme int64) ([]Erasure, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ReadErasures(ctx, scheme)
	if err != nil {
		return nil, fmt.Errorf("list recordings to erase: %w", storeError(err))
	}
	list := make([]Erasure, len(rows))
	for i, r := range rows {
		list[i] = Erasure{Recording: r.Recording, Since: when(r.Since)}
	}
	return list, nil
}

// Erased forgets a recording whose file is gone.
func (s *Store) Erased(ctx context.Context, scheme int64, recording string) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	if err := s.query.DeleteErasure(ctx, sqldb.DeleteErasureParams{SchemeID: scheme, Recording: recording}); err != nil {
		return fmt.Errorf("forget a recording: %w", storeError(err))
	}
	return nil
}
