package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// maxRaces is how often a batch is decided anew when other schemes took what it wanted in the same instant. Every loser
// sees what the winner holds the next time, so that a second race needs a third scheme.
const maxRaces = 5

// Apply implements dispatch.Store. Facts (OfferEnd, Progress, Answer, Finish, CloseCall) are kept whatever the epoch. When somebody
// else leads and the batch holds a decision, ErrFenced is the second result, and the first one, if any, says what became of
// the facts beside it.
//
// Apply goes on when ctx is cancelled, up to Options.Patience, so that a caller who stops never leaves a commit in doubt.
// With a spool, facts that meet a database which is away are on disk when Apply returns ErrStoreDown; applying them again
// is still harmless.
func (s *Store) Apply(ctx context.Context, scheme, epoch int64, now time.Time, ops []dispatch.Op) ([]error, error) {
	if len(ops) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.Patience)
	defer cancel()
	err := s.replay(ctx)
	var refused []error
	if err == nil {
		refused, err = s.commit(ctx, scheme, epoch, now, ops)
	}
	if keepErr := s.keepUnknown(ctx, batchOf{scheme, epoch, now, ops}, refused); keepErr != nil {
		s.log.Error("keep what came of a call that the records do not know", zap.Error(keepErr))
	}
	if errors.Is(err, dispatch.ErrStoreDown) && s.spool != nil {
		if spoolErr := s.spool.append(scheme, epoch, now, ops); spoolErr != nil {
			return nil, errors.Join(err, spoolErr)
		}
	}
	if err != nil {
		return refused, fmt.Errorf("apply batch: %w", err)
	}
	return refused, nil
}

// batchOf is what a dispatcher has decided and learned.
type batchOf struct {
	scheme, epoch int64
	now           time.Time
	ops           []dispatch.Op
}

// commit applies a batch in one transaction and publishes its events. It is one scheme's turn at a time.
func (s *Store) commit(ctx context.Context, scheme, epoch int64, now time.Time, ops []dispatch.Op) ([]error, error) {
	turn := s.turn(scheme)
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: wait for the scheme's turn: %w", dispatch.ErrStoreDown, ctx.Err())
	}
	defer func() { <-turn }()
	m := s.memoryOf(scheme)
	for race := 1; ; race++ {
		b := &batch{scheme: scheme, epoch: epoch, now: now, ops: ops, known: s.lastCommitted(scheme), memory: m}
		b.rules = func(ctx context.Context, q *sqldb.Queries) (schedule.Rules, map[int64][]schedule.Pause, error) {
			return s.rules(ctx, q, scheme, now)
		}
		err := s.tryCommit(ctx, b)
		if err != nil {
			m.forget()
		}
		switch {
		case err == nil:
			m.keep(b.ledger, b.lead)
			if len(b.ledger.journal.events) > 0 {
				s.committed(scheme, b.ledger.journal.number)
				if !b.ledger.fenced { // Whoever leads finds what somebody overtaken could still record.
					s.opts.Publish(b.ledger.journal.events)
				}
			}
			if slices.Contains(b.refused, dispatch.ErrFenced) {
				return b.refused, dispatch.ErrFenced
			}
			return b.refused, nil
		case (isRace(err) || errors.Is(err, errFromMemory)) && race < maxRaces:
			s.log.Debug("decide batch anew", zap.Int("race", race), zap.Error(err))
		default:
			return nil, storeError(err)
		}
	}
}

// turn returns the token by which the batches of one scheme follow one another in this process, so that their events
// are published in order.
func (s *Store) turn(scheme int64) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.turns[scheme]
	if t == nil {
		t = make(chan struct{}, 1)
		s.turns[scheme] = t
	}
	return t
}

// lastCommitted is the number of the last event that a batch of this process committed for the scheme.
func (s *Store) lastCommitted(scheme int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lasts[scheme]
}

func (s *Store) committed(scheme, number int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lasts[scheme] = number
}

func (s *Store) tryCommit(ctx context.Context, b *batch) error {
	conn, err := s.batches.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer conn.Release()
	p := newPipeline(ctx, conn.Conn())
	if plansOf(conn.Conn()).outgrown(len(b.ops), time.Now()) {
		p.command("discard plans")
	}
	if err := b.run(ctx, p); err != nil {
		p.undo(ctx, err)
		return err
	}
	err = p.commit()
	if err == nil {
		return nil
	}
	p.undo(ctx, err)
	if !isAway(err) {
		return fmt.Errorf("write and commit: %w", err)
	}
	return s.resolve(ctx, b.transaction, err)
}

// resolve finds out what became of a commit whose answer was lost, by asking on another connection until ctx ends.
func (s *Store) resolve(ctx context.Context, transaction string, lost error) error {
	for ctx.Err() == nil {
		state, err := s.query.TransactionState(ctx, transaction)
		switch {
		case err != nil && !isAway(err):
			return fmt.Errorf("%w: %w: %w", dispatch.ErrStoreDown, ErrCommitUnknown, err)
		case err == nil && state == "committed":
			return nil
		case err == nil && state == "aborted":
			return fmt.Errorf("%w: commit: %w", dispatch.ErrStoreDown, lost)
		case err == nil && state != "in progress":
			return fmt.Errorf("%w: %w: %w", dispatch.ErrStoreDown, ErrCommitUnknown, lost)
		}
		pause := time.NewTimer(20 * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
	return fmt.Errorf("%w: %w: %w", dispatch.ErrStoreDown, ErrCommitUnknown, lost)
}

// errFromMemory means that a claim would be refused by what is remembered, which knows nothing of other schemes nor of an
// attempt that has ended: such a batch is decided anew from what is recorded.
var errFromMemory = errors.New("decided from memory")

// batch is one Apply on its way through one transaction.
type batch struct {
	scheme, epoch int64
	now           time.Time
	ops           []dispatch.Op
	rules         rulesReader
	known         int64 // Number of the last event that this process committed.
	memory        *memory

	lead        sqldb.LockLeadRow
	ledger      *ledger
	refused     []error
	transaction string
}

// run decides the batch and leaves its last statements in the pipeline, to be committed with them.
func (b *batch) run(ctx context.Context, p *pipeline) error {
	q, k, m := sqldb.New(p), keysOf(b.ops), b.memory
	var rows rows
	ask := m.unknown(k)
	err := p.together(ctx, func() (err error) {
		if b.lead, err = lockLead(ctx, q, b.scheme); err != nil {
			return err
		}
		rows, err = read(ctx, q, b.scheme, ask)
		return err
	})
	if err != nil {
		return err
	}
	b.transaction = b.lead.Transaction
	zone, err := time.LoadLocation(b.lead.Zone)
	if err != nil {
		return fmt.Errorf("load zone of the scheme: %w", err)
	}
	b.ledger = newLedger(b.scheme, b.epoch, m)
	b.ledger.keys, b.ledger.at, b.ledger.today = k, b.now, schedule.DateIn(b.now, zone)
	// Fewer events than this process has committed: the database was brought back to an earlier moment, and knows neither
	// whom we have called since nor who may have led.
	b.ledger.fenced = b.lead.Epoch != b.epoch || b.lead.EventNumber < b.known
	b.ledger.journal = newJournal(b.scheme, b.epoch, b.lead)
	b.ledger.journal.reserve(2 * len(b.ops))
	if b.ledger.fenced && !slices.ContainsFunc(b.ops, isFact) {
		return dispatch.ErrFenced
	}
	if m.kept && !m.holds(b.lead) {
		m.forget()
		if rows, err = b.readMore(ctx, p, m.unknown(k)); err != nil {
			return err
		}
	}
	b.ledger.take(rows)
	if more := b.ledger.touch(rows.attempts, rows.offers); !more.empty() {
		if rows, err = b.readMore(ctx, p, more); err != nil {
			return err
		}
		b.ledger.take(rows)
	}
	b.ledger.remember()
	b.refused = make([]error, len(b.ops))
	for i, op := range b.ops {
		b.refused[i] = b.ledger.apply(op)
		if _, claim := op.(dispatch.Claim); claim && m.kept && b.refused[i] != nil && !b.ledger.fenced {
			return errFromMemory
		}
	}
	return b.ledger.write(ctx, p, b.rules)
}

// readMore reads within the transaction that holds the scheme.
func (b *batch) readMore(ctx context.Context, p *pipeline, ask *keys) (r rows, err error) {
	err = p.together(ctx, func() (err error) {
		r, err = read(ctx, sqldb.New(p), b.scheme, ask)
		return err
	})
	return r, err
}

// keys are what a batch touches, or asks for.
type keys struct {
	claims      map[call.ID]struct{} // Attempts that are to be made.
	attempts    set[call.ID]
	occurrences set[int64]
	numbers     set[string]
	callers     set[int64]
	parties     set[string]
	// people are occurrences whose people may be in a call, and reserved callers who may be. Only asked for.
	people, reserved []int64
}

func (k *keys) empty() bool {
	return len(k.attempts.list)+len(k.occurrences.list)+len(k.numbers.list)+len(k.callers.list)+len(k.people)+len(k.reserved) == 0
}

// set keeps the order in which members came, so that one batch always asks the same.
type set[T comparable] struct {
	has  map[T]struct{}
	list []T
}

func (s *set[T]) add(v T) {
	if s.has == nil {
		s.has = map[T]struct{}{}
	}
	if _, ok := s.has[v]; !ok {
		s.has[v] = struct{}{}
		s.list = append(s.list, v)
	}
}

// caller adds a caller; there is none with the key 0.
func (k *keys) caller(id int64) {
	if id != 0 {
		k.callers.add(id)
	}
}

func keysOf(ops []dispatch.Op) *keys {
	k := &keys{claims: map[call.ID]struct{}{}}
	for _, op := range ops {
		switch op := op.(type) {
		case dispatch.Claim:
			k.claims[op.Order.Attempt] = struct{}{}
			k.attempts.add(op.Order.Attempt)
			k.occurrences.add(op.Occurrence)
			k.numbers.add(op.Order.Number)
			k.caller(op.Order.Caller)
		case dispatch.Offer:
			k.attempts.add(op.Order.Attempt)
			k.caller(op.Order.Caller)
		case dispatch.OfferEnd:
			k.attempts.add(op.Attempt)
		case dispatch.Progress:
			k.attempts.add(op.Step.Attempt)
		case dispatch.Answer:
			k.attempts.add(op.Given.Attempt)
		case dispatch.Finish:
			k.attempts.add(op.Outcome.Attempt)
			k.occurrences.add(op.Settlement.Occurrence)
		case dispatch.Settle:
			k.occurrences.add(op.Settlement.Occurrence)
		case dispatch.CallerChange:
			k.callers.add(op.Caller)
		case dispatch.CloseCall:
			k.attempts.add(op.Attempt)
			k.callers.add(op.Caller)
		case dispatch.InboundStep:
			k.parties.add(op.Party)
			if op.Registrar != 0 {
				k.callers.add(op.Registrar)
			}
		}
	}
	return k
}
