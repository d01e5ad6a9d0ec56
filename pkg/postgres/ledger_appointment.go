package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// lapseChanges drops the changes whose call back has ended in this batch without the person's word: her calls stay as promised.
func (l *ledger) lapseChanges(ctx context.Context, q *sqldb.Queries) error {
	if len(l.asked) == 0 {
		return nil
	}
	p := sqldb.LapseChangesParams{SchemeID: l.scheme, Now: instant(l.at)}
	for _, o := range l.asked {
		p.Confirmations = append(p.Confirmations, o.id)
	}
	rows, err := q.LapseChanges(ctx, p)
	if err != nil {
		return fmt.Errorf("drop changes: %w", err)
	}
	for _, r := range rows {
		l.journal.note("appointment", uuid.UUID(r.Uid.Bytes), int(r.Events), "lapsed", l.at, appointmentData{Change: r.Kind, Pending: true})
	}
	return nil
}
