package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

const (
	// replayBatch is how many facts of the spool are applied in one transaction.
	replayBatch = 500
	// replayEvery is how often a spool that holds something tries the database, real time.
	replayEvery = time.Second
	// partitionDays is how many days ahead the event table has its partitions.
	partitionDays = 14
	// partitionEvery is how often that is seen to, real time.
	partitionEvery = time.Hour
)

// Run brings spooled facts to the database once it answers again, makes the event table's partitions ahead of time, and drops
// those that are no longer kept. It returns when ctx ends. Now is the service's clock.
func (s *Store) Run(ctx context.Context, now func() time.Time) error {
	spool := time.NewTicker(replayEvery)
	defer spool.Stop()
	partitions := time.NewTicker(partitionEvery)
	defer partitions.Stop()
	made := s.tryPartitions(ctx, now())
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-partitions.C:
			made = s.tryPartitions(ctx, now())
		case <-spool.C:
			if !made {
				made = s.tryPartitions(ctx, now())
			}
			if err := s.replay(ctx); err != nil && !errors.Is(err, dispatch.ErrStoreDown) {
				s.log.Error("replay spool", zap.Error(err))
			}
			if err := s.fileRefused(ctx); err != nil && !errors.Is(err, dispatch.ErrStoreDown) {
				s.log.Error("bring what was refused where a person finds it", zap.Error(err))
			}
		}
	}
}

func (s *Store) tryPartitions(ctx context.Context, now time.Time) bool {
	_, err := s.MakePartitions(ctx, now)
	if err == nil {
		dropped, dropErr := s.DropEvents(ctx, now)
		switch {
		case dropErr != nil && !errors.Is(dropErr, dispatch.ErrStoreDown):
			s.log.Warn("drop old events; trying again in an hour", zap.Error(dropErr))
		case dropped > 0:
			s.log.Info("dropped old events", zap.Int("days", dropped))
		}
	}
	if err != nil && !errors.Is(err, dispatch.ErrStoreDown) {
		s.log.Error("make event partitions", zap.Error(err))
	}
	return err == nil
}

// MakePartitions makes the partitions of the event table for now's day and the days ahead, and returns how many were made.
// Without them events go into the default partition: nothing fails, only dropping old days becomes dearer.
func (s *Store) MakePartitions(ctx context.Context, now time.Time) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	made, err := s.query.MakeEventPartitions(ctx, sqldb.MakeEventPartitionsParams{
		FirstDay: localDate(now.UTC().Truncate(24 * time.Hour)), Days: partitionDays,
	})
	if err != nil {
		return 0, fmt.Errorf("make event partitions: %w", storeError(err))
	}
	return int(made), nil
}

// DropEvents drops the events of days that lie further back than they are kept, and returns of how many days. Of the last
// thirty days nothing is dropped.
func (s *Store) DropEvents(ctx context.Context, now time.Time) (int, error) {
	if s.opts.KeepEvents <= 0 {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, loadPatience)
	defer cancel()
	dropped, err := s.query.DropEventPartitions(ctx, localDate(now.Add(-s.opts.KeepEvents).UTC().Truncate(24*time.Hour)))
	if err != nil {
		return 0, fmt.Errorf("drop old events: %w", storeError(err))
	}
	return int(dropped), nil
}

// RefreshStatistics tells the database's planner how much there is. It is called when much has come at once, after an
// import for example; in the course of a day the database sees to it by itself.
func (s *Store) RefreshStatistics(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, loadPatience)
	defer cancel()
	if err := s.query.RefreshStatistics(ctx); err != nil {
		return fmt.Errorf("refresh statistics: %w", storeError(err))
	}
	return nil
}

// Spooled counts the facts that wait for the database.
func (s *Store) Spooled() int {
	if s.spool == nil {
		return 0
	}
	return s.spool.Len()
}

// replay applies what the spool holds. It returns an error that wraps dispatch.ErrStoreDown when the database is away; what
// was not applied stays in the spool.
func (s *Store) replay(ctx context.Context) error {
	if s.Spooled() == 0 {
		return nil
	}
	select {
	case s.replaying <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w: wait for the spool: %w", dispatch.ErrStoreDown, ctx.Err())
	}
	defer func() { <-s.replaying }()
	for {
		facts := s.spool.take()
		if len(facts) == 0 {
			return nil
		}
		n := sameBatch(facts)
		if err := s.replayFacts(ctx, facts[:n]); err != nil {
			return fmt.Errorf("replay spool: %w", err)
		}
		if err := s.spool.drop(n); err != nil {
			return err
		}
		s.log.Info("spooled facts are recorded", zap.Int("facts", n))
	}
}

// sameBatch returns how many facts from the first on belong to one scheme and epoch; messages go one by one.
func sameBatch(facts []fact) int {
	n := 1
	for n < min(len(facts), replayBatch) && facts[0].Message == nil && facts[n].Message == nil &&
		facts[n].Scheme == facts[0].Scheme && facts[n].Epoch == facts[0].Epoch {
		n++
	}
	return n
}

// replayFacts applies facts of one scheme and epoch. Facts that the database will never take, and those of calls that it never heard
// of, are set aside for a person, so that they do not keep the others waiting.
func (s *Store) replayFacts(ctx context.Context, facts []fact) error {
	first := facts[0]
	var err error
	if first.Message != nil {
		err = s.insertMessage(ctx, first.Scheme, *first.Message)
	} else {
		ops := make([]dispatch.Op, 0, len(facts))
		told := facts[:0:0]
		for _, f := range facts {
			if op, ok := f.op(); ok {
				ops, told = append(ops, op), append(told, f)
			}
		}
		var refused []error
		refused, err = s.commit(ctx, first.Scheme, first.Epoch, first.Now, ops)
		for i := range refused {
			if err == nil && errors.Is(refused[i], errUnknownAttempt) { // What is merely known already is not set aside.
				if err := s.spool.refuse(told[i], refused[i], time.Now()); err != nil {
					return err
				}
			}
		}
	}
	switch {
	case err == nil || errors.Is(err, dispatch.ErrStoreDown):
		return err
	case len(facts) > 1:
		for i := range facts {
			if err := s.replayFacts(ctx, facts[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	default:
		s.log.Error("spooled fact refused and set aside", zap.Error(err))
		return s.spool.refuse(first, err, time.Now())
	}
}
