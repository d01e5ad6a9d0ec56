package postgres

import (
	"context"
	"fmt"

	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

var _ dispatch.Shares = (*Store)(nil)

// ShareTrunks implements dispatch.Shares.
func (s *Store) ShareTrunks(
	ctx context.Context, node string, decide func(all []dispatch.TrunkUse) (mine, gone []dispatch.TrunkUse),
) error {
	err := s.inTx(ctx, s.pool, func(q *sqldb.Queries) error {
		if err := q.LockTrunkGrants(ctx); err != nil {
			return err
		}
		rows, err := q.ReadTrunkGrants(ctx)
		if err != nil {
			return err
		}
		all := make([]dispatch.TrunkUse, len(rows))
		held := map[string]bool{}
		for i, r := range rows {
			all[i] = dispatch.TrunkUse{
				Endpoint: r.Endpoint, Node: r.Node, Granted: int(r.Granted), Inbound: int(r.Inbound), Hungry: r.Hungry, Renewal: r.Renewal,
				Leads: r.Leads,
			}
			held[r.Endpoint] = held[r.Endpoint] || r.Node == node
		}
		mine, gone := decide(all)
		if len(gone) > 0 {
			var p sqldb.DeleteGoneTrunkGrantsParams
			for _, u := range gone {
				p.Endpoints, p.Nodes, p.Renewals = append(p.Endpoints, u.Endpoint), append(p.Nodes, u.Node), append(p.Renewals, u.Renewal)
			}
			if err := q.DeleteGoneTrunkGrants(ctx, p); err != nil {
				return err
			}
		}
		p := sqldb.UpsertTrunkGrantsParams{Node: node}
		for _, u := range mine {
			held[u.Endpoint] = false
			p.Endpoints, p.Granted = append(p.Endpoints, u.Endpoint), append(p.Granted, int32(u.Granted))
			p.Inbound, p.Hungry = append(p.Inbound, int32(u.Inbound)), append(p.Hungry, u.Hungry)
			p.Renewals = append(p.Renewals, u.Renewal)
		}
		left := false
		for _, h := range held {
			left = left || h
		}
		if left { // Trunks that it has no more.
			if err := q.DeleteTrunkGrantsOf(ctx, node); err != nil {
				return err
			}
		}
		if len(mine) == 0 {
			return nil
		}
		return q.UpsertTrunkGrants(ctx, p)
	})
	if err != nil {
		return fmt.Errorf("share trunks: %w", storeError(err))
	}
	return nil
}
