package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// loadPatience bounds the reading of a whole scheme.
const loadPatience = time.Minute

// Lead implements dispatch.Store. Outcomes in the spool are applied first.
func (s *Store) Lead(ctx context.Context, scheme int64, holder string, now time.Time) (int64, error) {
	if err := s.replay(ctx); err != nil {
		return 0, fmt.Errorf("take the lead: %w", err)
	}
	var epoch int64
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		last, err := q.LastHolder(ctx, scheme)
		if err != nil {
			return err
		}
		if epoch, err = q.TakeLead(ctx, sqldb.TakeLeadParams{SchemeID: scheme, Holder: holder, Now: instant(now)}); err != nil {
			return err
		}
		err = q.NoteLeader(ctx, sqldb.NoteLeaderParams{SchemeID: scheme, Epoch: epoch, Holder: holder, TakenAt: instant(now)})
		if err != nil {
			return err
		}
		j.epoch = epoch
		j.noteScheme("lead", now, leadData{Epoch: epoch})
		return loseParties(ctx, q, j, last == holder, now)
	})
	if err != nil {
		return 0, fmt.Errorf("take the lead: %w", err)
	}
	return epoch, nil
}

// transact runs work in a transaction that holds the scheme's lock, writes the events it notes, and publishes them after
// the commit.
func (s *Store) transact(ctx context.Context, scheme int64, work func(*sqldb.Queries, *journal) error) error {
	return s.transactFor(ctx, scheme, s.opts.Patience, work)
}

// transactFor is transact for work that touches everybody and may take longer than one operation.
func (s *Store) transactFor(
	ctx context.Context, scheme int64, patience time.Duration, work func(*sqldb.Queries, *journal) error,
) error {
	turn := s.turn(scheme)
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-turn }()
	var j journal
	err := s.inTxFor(ctx, s.writers, patience, func(q *sqldb.Queries) error {
		lead, err := lockLeadBeside(ctx, q, scheme)
		if err != nil {
			return err
		}
		j = newJournal(scheme, lead.Epoch, lead)
		if err := work(q, &j); err != nil {
			return err
		}
		return j.write(ctx, q)
	})
	if err != nil {
		return storeError(err)
	}
	if fresh := j.events[j.published:]; len(fresh) > 0 {
		s.opts.Publish(fresh)
	}
	return nil
}

// lockLead holds the scheme for a batch of dispatch until the transaction ends, and says how it stands.
func lockLead(ctx context.Context, q *sqldb.Queries, scheme int64) (sqldb.LockLeadRow, error) {
	lead, err := q.LockLead(ctx, scheme)
	return lead, lockError(scheme, err)
}

// lockLeadBeside holds the scheme for anybody else.
func lockLeadBeside(ctx context.Context, q *sqldb.Queries, scheme int64) (sqldb.LockLeadRow, error) {
	lead, err := q.LockLeadBeside(ctx, scheme)
	return sqldb.LockLeadRow(lead), lockError(scheme, err)
}

func lockError(scheme int64, err error) error {
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("lock scheme %d: %w", scheme, errNoScheme)
	case err != nil:
		return fmt.Errorf("lock scheme: %w", err)
	default:
		return nil
	}
}

// Load implements dispatch.Store: everything is read from one snapshot of the database.
func (s *Store) Load(ctx context.Context, scheme int64, now, until time.Time) (*dispatch.Snapshot, error) {
	if err := s.replay(ctx); err != nil {
		return nil, fmt.Errorf("load scheme: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, loadPatience)
	defer cancel()
	snap := &dispatch.Snapshot{}
	var former, earliest time.Time
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error {
		q := s.query.WithTx(tx)
		pauses, from, err := s.readScheme(ctx, q, scheme, now, snap)
		if err != nil {
			return err
		}
		former = from
		if err := readCallers(ctx, q, scheme, now, snap); err != nil {
			return err
		}
		if err := readLive(ctx, q, scheme, nil, snap); err != nil {
			return err
		}
		if err := readLost(ctx, q, scheme, snap); err != nil {
			return err
		}
		if err := readTalks(ctx, q, scheme, now, snap); err != nil {
			return err
		}
		if err := readTried(ctx, q, now, snap); err != nil {
			return err
		}
		r := loadRange{from: from, until: until}
		if err := r.reach(ctx, q, scheme, now); err != nil {
			return err
		}
		if r.part {
			snap.Until = r.until
		}
		until = r.until
		earliest, err = loadOccurrences(ctx, q, snap, r, pauses)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load scheme: %w", storeError(err))
	}
	if earliest.IsZero() {
		earliest = until
	}
	if earliest.After(former) {
		s.raiseLoadFrom(ctx, snap, earliest)
	}
	return snap, nil
}

// raiseLoadFrom remembers where the open occurrences begin. It only saves time: an error is not the caller's concern.
func (s *Store) raiseLoadFrom(ctx context.Context, snap *dispatch.Snapshot, earliest time.Time) {
	p := sqldb.RaiseLoadFromParams{SchemeID: snap.Scheme.ID, OpensAt: instant(earliest), EventNumber: snap.EventNumber}
	if err := s.query.RaiseLoadFrom(ctx, p); err != nil {
		s.log.Debug("raise load limit", zap.Error(err))
	}
}

// readScheme reads a scheme, the pauses of its people, and from when on its open occurrences open.
func (s *Store) readScheme(ctx context.Context, q *sqldb.Queries, scheme int64, now time.Time, snap *dispatch.Snapshot) (map[int64][]schedule.Pause, time.Time, error) {
	row, err := q.ReadScheme(ctx, scheme)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, time.Time{}, fmt.Errorf("read scheme %d: %w", scheme, errNoScheme)
	} else if err != nil {
		return nil, time.Time{}, fmt.Errorf("read scheme: %w", err)
	}
	zone, err := time.LoadLocation(row.Zone)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("load zone of the scheme: %w", err)
	}
	snap.EventNumber, snap.Restored = row.EventNumber, row.Restored
	snap.Scheme = dispatch.Scheme{
		ID: scheme, Name: row.Name, Zone: zone, Paused: row.Paused, Hold: milliseconds(row.HoldMs),
		WrapUp: milliseconds(row.WrapUpMs), Opens: roster.Clock(row.Opens), Closes: roster.Clock(row.Closes),
		Overflow: milliseconds(row.OverflowMs), OverflowTo: roster.Role(row.OverflowTo),
		Country: row.Country, Region: row.Region, CLI: map[call.Kind]string{},
	}
	if snap.Scheme.Retry, err = readLadder(ctx, q, scheme); err != nil {
		return nil, time.Time{}, err
	}
	snap.Scheme.Retry.MaxAttempts, snap.Scheme.Retry.PerDay = int(row.MaxAttempts), int(row.TriesPerDay)
	snap.Scheme.Load = limits{row.LoadTalkMs, row.LoadBreatherMs, row.LoadCalls, row.LoadHard, row.LoadInRow}.load()
	if err := readOutbound(ctx, q, &snap.Scheme); err != nil {
		return nil, time.Time{}, err
	}
	pauses, err := readCalendar(ctx, q, now, &snap.Scheme)
	if err != nil {
		return nil, time.Time{}, err
	}
	return pauses, when(row.LoadFrom), nil
}

// readOutbound fills in the trunks that carry outbound calls: the scheme's own that are enabled, in their order, then those that
// others share with it. The first one is the scheme's trunk where only one is asked for.
func readOutbound(ctx context.Context, q *sqldb.Queries, scheme *dispatch.Scheme) error {
	trunks, err := q.ReadTrunks(ctx, scheme.ID)
	if err != nil {
		return fmt.Errorf("read trunks: %w", err)
	}
	numbers, err := q.ReadCLI(ctx, scheme.ID)
	if err != nil {
		return fmt.Errorf("read numbers presented: %w", err)
	}
	for _, t := range trunks {
		if !t.Enabled {
			continue
		}
		way := dispatch.Trunk{
			Endpoint: t.Endpoint, Lines: int(t.Lines), InboundReserve: int(t.InboundReserve), CallsPerSecond: t.CallsPerSecond,
			CLI: map[call.Kind]string{}, Nodes: t.Nodes,
		}
		for _, n := range numbers {
			if n.TrunkID == t.TrunkID {
				way.CLI[call.Kind(n.Kind)] = n.E164
			}
		}
		scheme.Trunks = append(scheme.Trunks, way)
	}
	shared, err := q.ReadSharedTrunks(ctx, scheme.ID)
	if err != nil {
		return fmt.Errorf("read shared trunks: %w", err)
	}
	for _, t := range shared {
		scheme.Trunks = append(scheme.Trunks, dispatch.Trunk{
			Endpoint: t.Endpoint, Lines: int(t.Lines), InboundReserve: int(t.InboundReserve), CallsPerSecond: t.CallsPerSecond,
			CLI: map[call.Kind]string{"": t.E164}, Nodes: t.Nodes,
		})
	}
	if len(scheme.Trunks) > 0 {
		first := scheme.Trunks[0]
		scheme.Trunk, scheme.Lines, scheme.InboundReserve = first.Endpoint, first.Lines, first.InboundReserve
		scheme.CallsPerSecond, scheme.CLI = first.CallsPerSecond, first.CLI
	}
	return nil
}

func readCallers(ctx context.Context, q *sqldb.Queries, scheme int64, now time.Time, snap *dispatch.Snapshot) error {
	rows, err := q.ReadCallers(ctx, scheme)
	if err != nil {
		return fmt.Errorf("read callers: %w", err)
	}
	today := schedule.DateIn(now, snap.Scheme.Zone)
	for _, r := range rows {
		c := dispatch.Caller{
			ID: r.CallerID, Skills: r.Skills, State: call.CallerState(r.State), Since: when(r.Since), Enabled: r.Enabled,
			MissedInRow: int(r.MissedInRow), LastEnded: when(r.LastEnded),
			Load: limits{r.LoadTalkMs, r.LoadBreatherMs, r.LoadCalls, r.LoadHard, r.LoadInRow}.load(),
		}
		if r.Phone == PhoneOrdinary {
			c.Number = r.Number
		} else {
			c.Endpoint = r.Endpoint
		}
		if dateOf(r.Day).Equal(today) {
			c.CallsToday, c.HardToday, c.TalkToday = int(r.CallsToday), int(r.HardToday), milliseconds(r.TalkTodayMs)
			c.HardInRow, c.RowBefore, c.LastCall = int(r.HardInRow), int(r.RowBefore), attemptOrNone(r.LastCall)
			c.HardEnded = when(r.HardEnded)
		}
		for _, role := range r.Roles {
			c.Roles = append(c.Roles, roster.Role(role))
		}
		for _, language := range r.Languages {
			c.Languages = append(c.Languages, roster.Language(language))
		}
		snap.Callers = append(snap.Callers, c)
	}
	return nil
}

// Live lists the attempts of a scheme that have not ended: those named, or all when none is.
func (s *Store) Live(ctx context.Context, scheme int64, attempts ...call.ID) ([]dispatch.LiveAttempt, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	var snap dispatch.Snapshot
	if err := readLive(ctx, s.query, scheme, attempts, &snap); err != nil {
		return nil, storeError(err)
	}
	return snap.Live, nil
}

func readLive(ctx context.Context, q *sqldb.Queries, scheme int64, attempts []call.ID, snap *dispatch.Snapshot) error {
	p := sqldb.ReadLiveParams{SchemeID: scheme}
	for _, id := range attempts {
		p.AttemptIds = append(p.AttemptIds, attemptUUID(id))
	}
	rows, err := q.ReadLive(ctx, p)
	if err != nil {
		return fmt.Errorf("read live attempts: %w", err)
	}
	for _, r := range rows {
		snap.Live = append(snap.Live, dispatch.LiveAttempt{
			Occurrence: r.OccurrenceID,
			Live: call.Live{
				State: call.State(r.State), ClaimedAt: when(r.ClaimedAt), BridgedAt: when(r.BridgedAt), Channel: r.Channel,
				Node:   r.Node,
				Answer: r.Answer, Answers: int(r.Answers),
				Order: call.Order{
					Scheme: scheme, Attempt: attemptID(r.AttemptID), Offer: int(r.Offer), Kind: call.Kind(r.Kind), Node: r.PlacedAt,
					Caller: r.CallerID, CallerEndpoint: r.Endpoint, CallerNumber: r.CallerNumber,
					CallerLanguage: r.CallerLanguage, Number: r.Number, Trunk: r.Trunk, CLI: r.Cli, Language: r.Language,
					CallerRing: milliseconds(r.CallerRingMs), BeneficiaryRing: milliseconds(r.RingMs),
					DialBy: when(r.DialBy), RungBefore: r.RungBefore,
				},
			},
		})
	}
	return nil
}

// limits is a roster.Load as a row has it.
type limits struct {
	talkMS, breatherMS int64
	calls, hard, inRow int32
}

func (l limits) load() roster.Load {
	return roster.Load{
		Talk: milliseconds(l.talkMS), Calls: int(l.calls), Hard: int(l.hard), HardInRow: int(l.inRow),
		Breather: milliseconds(l.breatherMS),
	}
}
