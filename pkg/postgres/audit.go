package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// AddAct implements auth.Store.
func (s *Store) AddAct(ctx context.Context, a auth.Act) (int64, error) {
	who, err := uuid.Parse(a.Who)
	if err != nil {
		return 0, fmt.Errorf("read who acts: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	key, err := s.query.InsertAct(ctx, sqldb.InsertActParams{
		SchemeID: a.Scheme, Who: pgtype.UUID{Bytes: who, Valid: true}, Now: instant(a.At), What: a.What,
	})
	if err != nil {
		return 0, fmt.Errorf("write act: %w", storeError(err))
	}
	return key, nil
}

// EndAct implements auth.Store. It is noted even when whoever asked has gone meanwhile.
func (s *Store) EndAct(ctx context.Context, scheme, act int64, status int) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.Patience)
	defer cancel()
	err := s.query.EndAct(ctx, sqldb.EndActParams{SchemeID: scheme, AuditID: act, Status: int16(status)})
	if err != nil {
		return fmt.Errorf("end act: %w", storeError(err))
	}
	return nil
}

// Acts lists what was done over the API, the last first, 200 at most: by everybody, or by the tokens of a name.
func (s *Store) Acts(ctx context.Context, scheme int64, token string) ([]auth.Act, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	rows, err := s.query.ListActs(ctx, sqldb.ListActsParams{SchemeID: scheme, Name: token})
	if err != nil {
		return nil, fmt.Errorf("list acts: %w", storeError(err))
	}
	list := make([]auth.Act, len(rows))
	for i, r := range rows {
		list[i] = auth.Act{
			Scheme: scheme, Who: r.Who.String(), Name: r.Name, At: when(r.At), What: r.What, Status: int(r.Status),
		}
	}
	return list, nil
}
