package postgres

import (
	"context"
	"fmt"

	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// raiseWelfare begins the welfare ladder for those of whom this batch says that they were not reached: one event each, in
// the transaction in which the promise ends, which it does once. Whoever announced an absence meanwhile worries nobody.
func (l *ledger) raiseWelfare(ctx context.Context, q *sqldb.Queries) error {
	if len(l.worries) == 0 {
		return nil
	}
	p := sqldb.ReadAwayParams{SchemeID: l.scheme}
	for _, o := range l.worries {
		p.BeneficiaryIds = append(p.BeneficiaryIds, o.beneficiary)
		p.LocalDates = append(p.LocalDates, localDate(o.localDate))
	}
	rows, err := q.ReadAway(ctx, p)
	if err != nil {
		return fmt.Errorf("read who is away: %w", err)
	}
	type day struct{ person, date int64 }
	away := make(map[day]bool, len(rows))
	for _, r := range rows {
		away[day{r.BeneficiaryID, dateOf(r.LocalDate).Unix()}] = true
	}
	for _, o := range l.worries {
		if !away[day{o.beneficiary, o.localDate.Unix()}] {
			l.noteOccurrence(o, "welfare", o.ended, welfareData{Step: 1, Ended: string(o.state)})
		}
	}
	return nil
}
