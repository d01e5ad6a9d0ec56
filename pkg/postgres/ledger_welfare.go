package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// raiseWelfare begins the welfare ladder for those of whom this batch says that they were not reached, tried as often as the retry
// ladder says and at each of their numbers: one event each, in the transaction in which the promise ends, which it does once, and
// an item of the inbox for whoever has none yet. Whoever announced an absence meanwhile worries nobody. See welfare.go.
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
	var raise sqldb.RaiseWelfareParams
	for _, o := range l.worries {
		if away[day{o.beneficiary, o.localDate.Unix()}] {
			continue
		}
		l.noteOccurrence(o, "welfare", o.ended, welfareData{Step: 1, Ended: string(o.state)})
		raise.Ids = append(raise.Ids, pgtype.UUID{Bytes: o.uid, Valid: true})
		raise.BeneficiaryIds = append(raise.BeneficiaryIds, o.beneficiary)
		raise.Ends, raise.Began = append(raise.Ends, string(o.state)), append(raise.Began, instant(o.ended))
	}
	if len(raise.Ids) == 0 {
		return nil
	}
	raise.SchemeID = l.scheme
	// Whoever was heard from since the last time is looked after anew.
	err = q.CloseWelfare(ctx, sqldb.CloseWelfareParams{SchemeID: l.scheme, BeneficiaryIds: raise.BeneficiaryIds})
	if err != nil {
		return fmt.Errorf("close what is over: %w", err)
	}
	if err := q.RaiseWelfare(ctx, raise); err != nil {
		return fmt.Errorf("write who is to be looked after: %w", err)
	}
	return nil
}
