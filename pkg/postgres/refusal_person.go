package postgres

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// RefusePerson keeps that the person with a ref will not be called, ever, as Refuse does for each of her numbers, and erases who
// she is, in one transaction: her name, her numbers, where she was called, and what was registered of her. Every call that she
// would have had is called off. What stays, for the figures, names nobody; her ref becomes one that says nothing. The errors are
// ErrNoBeneficiary, ErrRefusalKey, and inbox.ErrInCall while she is being called.
func (s *Store) RefusePerson(ctx context.Context, scheme int64, ref string, now time.Time) error {
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		person, err := findBeneficiary(ctx, q, scheme, ref)
		if err != nil {
			return err
		}
		if err := s.refuseNumbers(ctx, q, refusal{scheme: scheme, person: person.BeneficiaryID, now: now}); err != nil {
			return err
		}
		if err := dropPending(ctx, q, j, person.BeneficiaryID, now, true); err != nil {
			return err
		}
		if err := endCalls(ctx, q, j, person.BeneficiaryID, now); err != nil {
			return err
		}
		becomes := "X-" + rand.Text()[:12]
		err = q.InsertRefs(ctx, sqldb.InsertRefsParams{SchemeID: scheme, Refs: []string{becomes}})
		if err != nil {
			return fmt.Errorf("write ref: %w", err)
		}
		err = q.ErasePerson(ctx, sqldb.ErasePersonParams{
			SchemeID: scheme, BeneficiaryID: person.BeneficiaryID, Ref: ref, Becomes: becomes, Now: instant(now),
		})
		if err != nil {
			return fmt.Errorf("erase: %w", err)
		}
		if err := q.ForgetRef(ctx, sqldb.ForgetRefParams{SchemeID: scheme, Ref: ref}); err != nil {
			return fmt.Errorf("forget ref: %w", err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("erase who has refused: %w", err)
	}
	return nil
}

// refusal is of a person who is in the book.
type refusal struct {
	scheme, person int64
	now            time.Time
}

// refuseNumbers keeps the refusal of a person's numbers.
func (s *Store) refuseNumbers(ctx context.Context, q *sqldb.Queries, r refusal) error {
	rows, err := q.NumbersOf(ctx, sqldb.NumbersOfParams{SchemeID: r.scheme, BeneficiaryIds: []int64{r.person}})
	if err != nil {
		return fmt.Errorf("read numbers: %w", err)
	}
	state, err := q.ConsentOf(ctx, sqldb.ConsentOfParams{SchemeID: r.scheme, BeneficiaryID: r.person})
	if err != nil {
		return fmt.Errorf("read consent: %w", err)
	}
	refusing := refusing{scheme: r.scheme, how: RefusedToRegistrar, now: r.now}
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
