package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// The welfare ladder, when somebody is not reached as she was promised:
//
//	step                   who acts                                 until
//	tries, at each number  the dispatcher: the scheme's retries     the window closes, or they are spent
//	an item of the inbox   the registrars: one takes it             Scheme.Welfare
//	call her, or those     whoever took it: rappel inbox call,      Scheme.Welfare after that
//	  whom she has named     which rings both in the line's queue
//	an alert on the wall   the coordinator                          somebody takes the item, or closes it
//
// It ends when somebody closes the item, when any call reaches her, and when she announces an absence. No step is forgotten in a
// restart: each is read from what is recorded, and the time.

// ContactPeople returns whom the person of a ref has named to be asked after her when she is not reached, in that order. Of somebody
// whom nobody knows there are none.
func (s *Store) ContactPeople(ctx context.Context, scheme int64, ref string) ([]roster.ContactPerson, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	return s.contactPeople(ctx, s.query, scheme, ref)
}

func (s *Store) contactPeople(ctx context.Context, q *sqldb.Queries, scheme int64, ref string) ([]roster.ContactPerson, error) {
	rows, err := q.ReadContactPeople(ctx, sqldb.ReadContactPeopleParams{SchemeID: scheme, Ref: ref})
	if err != nil {
		return nil, fmt.Errorf("read contact people: %w", storeError(err))
	}
	list := make([]roster.ContactPerson, len(rows))
	for i, r := range rows {
		list[i] = roster.ContactPerson{Name: r.Name, Relation: roster.Relation(r.Relation), Number: r.E164}
	}
	return list, nil
}

// ChangeContactPeople changes whom the person of a ref has named to be asked after her, and returns whom she has named then. Change is
// given the list as it is; of two who change it at once the second is given what the first has made of it. It must not call the
// Store, and its error is returned as it is. The others are ErrNoBeneficiary, and one that wraps roster.ErrContactPerson.
func (s *Store) ChangeContactPeople(
	ctx context.Context, scheme int64, ref string, change func([]roster.ContactPerson) ([]roster.ContactPerson, error),
) (list []roster.ContactPerson, err error) {
	err = s.inTx(ctx, s.pool, func(q *sqldb.Queries) error {
		person, err := q.LockBeneficiary(ctx, sqldb.LockBeneficiaryParams{SchemeID: scheme, Ref: ref})
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNoBeneficiary
		} else if err != nil {
			return fmt.Errorf("lock beneficiary: %w", storeError(err))
		}
		was, err := s.contactPeople(ctx, q, scheme, ref)
		if err != nil {
			return err
		}
		if list, err = change(was); err != nil {
			return err
		}
		if err := roster.CheckContactPeople(list); err != nil {
			return err
		}
		p := sqldb.InsertContactPeopleParams{SchemeID: scheme, BeneficiaryID: person}
		for _, c := range list {
			p.Names, p.Relations, p.Numbers = append(p.Names, c.Name), append(p.Relations, string(c.Relation)), append(p.Numbers, c.Number)
		}
		err = q.DeleteContactPeople(ctx, sqldb.DeleteContactPeopleParams{SchemeID: scheme, BeneficiaryID: person})
		if err == nil {
			err = q.InsertContactPeople(ctx, p)
		}
		if err != nil {
			return fmt.Errorf("change contact people: %w", storeError(err))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}
