package postgres

import (
	"context"
	"fmt"

	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// contacts replaces whom people have named to be asked after them.
func (w *putting) contacts(ctx context.Context, ids []int64, people map[int64]roster.Beneficiary) error {
	if err := w.query.DeleteContacts(ctx, sqldb.DeleteContactsParams{SchemeID: w.scheme, BeneficiaryIds: ids}); err != nil {
		return fmt.Errorf("replace contact people: %w", err)
	}
	p := sqldb.InsertContactsParams{SchemeID: w.scheme}
	for _, id := range ids {
		for i, c := range people[id].Contacts {
			p.BeneficiaryIds, p.Positions = append(p.BeneficiaryIds, id), append(p.Positions, int16(i+1))
			p.Names, p.Relations, p.Numbers = append(p.Names, c.Name), append(p.Relations, string(c.Relation)), append(p.Numbers, c.Number)
		}
	}
	if len(p.Names) == 0 {
		return nil
	}
	if err := w.query.InsertContacts(ctx, p); err != nil {
		return fmt.Errorf("write contact people: %w", err)
	}
	return nil
}
