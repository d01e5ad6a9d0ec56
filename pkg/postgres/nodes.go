package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// NodeSilent is how long a node may have said nothing to count as there: see CheckIn.
const NodeSilent = time.Minute

// nodeForgotten is after how long a node that has said nothing is known no more.
const nodeForgotten = 30 * 24 * time.Hour

// Node is a node of the installation, as the records know it.
type Node struct {
	Name   string
	Silent time.Duration // Since it checked in, by the database's clock.
	Leads  int           // Schemes of which it was the last to take the lead.
}

// Here reports whether the node is there.
func (n Node) Here() bool { return n.Silent < NodeSilent }

// CheckIn says that a node is there, and forgets those that have been silent for a month.
func (s *Store) CheckIn(ctx context.Context, node string) error {
	err := s.inTx(ctx, s.pool, func(q *sqldb.Queries) error {
		if err := q.CheckIn(ctx, node); err != nil {
			return err
		}
		return q.ForgetNodes(ctx, nodeForgotten.Milliseconds())
	})
	if err != nil {
		return fmt.Errorf("check in: %w", storeError(err))
	}
	return nil
}

// Nodes lists the nodes that have checked in within a month, by name.
func (s *Store) Nodes(ctx context.Context) ([]Node, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ListNodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", storeError(err))
	}
	nodes := make([]Node, len(rows))
	for i, r := range rows {
		nodes[i] = Node{Name: r.Node, Silent: milliseconds(r.SilentMs), Leads: int(r.Leads)}
	}
	return nodes, nil
}

// Clock is what the database's clock shows.
func (s *Store) Clock(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	now, err := s.query.ReadClock(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the database's clock: %w", storeError(err))
	}
	return when(now), nil
}

// HoldNumbers says which numbers (E.164) are on the line at a node's PBX now, in place of those said before.
func (s *Store) HoldNumbers(ctx context.Context, node string, numbers []string) error {
	numbers = append([]string{}, numbers...)
	err := s.inTx(ctx, s.pool, func(q *sqldb.Queries) error {
		if err := q.CheckIn(ctx, node); err != nil {
			return err
		}
		if err := q.DeleteHeldNumbers(ctx, sqldb.DeleteHeldNumbersParams{Node: node, Numbers: numbers}); err != nil {
			return err
		}
		return q.InsertHeldNumbers(ctx, sqldb.InsertHeldNumbersParams{Node: node, Numbers: numbers})
	})
	if err != nil {
		return fmt.Errorf("hold numbers: %w", storeError(err))
	}
	return nil
}

// HeldNumbers lists the numbers that are on the line at a node's PBX.
func (s *Store) HeldNumbers(ctx context.Context, node string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	numbers, err := s.query.ListHeldNumbers(ctx, node)
	if err != nil {
		return nil, fmt.Errorf("read numbers on the line: %w", storeError(err))
	}
	return numbers, nil
}
