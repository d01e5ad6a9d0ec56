package postgres_test

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// follower folds the figures of a scheme as a feed does: from what is published, as far as that comes, and from the records.
type follower struct {
	f       *fixture
	scheme  int64
	fold    *report.Fold
	wire    []call.Event // Published and not delivered yet.
	counted int          // Events that it counted.
}

func (x *follower) begin(t require.TestingT, now time.Time) {
	r, err := x.f.Record(context.Background(), x.scheme, now)
	require.NoError(t, err)
	x.fold, err = report.NewFold(r)
	require.NoError(t, err)
}

// deliver hands over what is on the wire; lose says which event never comes.
func (x *follower) deliver(t require.TestingT, now time.Time, lose func(i int) bool) {
	wire := x.wire
	x.wire = nil
	for i := range wire {
		if !lose(i) {
			x.take(t, &wire[i], now)
		}
	}
}

func (x *follower) take(t require.TestingT, e *call.Event, now time.Time) {
	taken, err := x.fold.Apply(e)
	require.NoError(t, err)
	switch taken {
	case report.TakenGap:
		x.refill(t, e.Number, now)
	case report.TakenUnclear:
		x.begin(t, now)
	case report.TakenApplied:
		x.counted++
	case report.TakenKnown:
	}
}

// refill reads the events up to last.
func (x *follower) refill(t require.TestingT, last int64, now time.Time) {
	events, err := x.f.Events(context.Background(), x.scheme, x.fold.Number()+1, last)
	require.NoError(t, err)
	for i := range events {
		x.take(t, &events[i], now)
	}
}

// live returns the figures once nothing is missing.
func (x *follower) live(t require.TestingT, now time.Time) report.Live {
	last, err := x.f.LastEvent(context.Background(), x.scheme)
	require.NoError(t, err)
	x.refill(t, last, now)
	if !x.fold.Today(now) {
		x.begin(t, now)
	}
	require.Equal(t, last, x.fold.Number())
	return x.fold.Live(now)
}

// counted says the definitions of the figures once more, in SQL, over the rows.
func (f *fixture) counted(t require.TestingT, scheme int64, now time.Time) report.Live {
	ctx := context.Background()
	live := report.Live{At: now}
	one := func(sql string, into ...any) {
		rows, err := f.pool.Query(ctx, sql, pgx.NamedArgs{"scheme": scheme, "now": now})
		require.NoError(t, err)
		_, err = pgx.ForEachRow(rows, into, func() error { return nil })
		require.NoError(t, err, sql)
	}
	d := &live.Today
	var oldest, slack *time.Time
	one(`
		SELECT count(*) FILTER (WHERE state NOT IN ('moved', 'cancelled')),
			count(*) FILTER (WHERE state NOT IN ('moved', 'cancelled') AND opens_at <= @now),
			count(*) FILTER (WHERE state = 'open' AND opens_at <= @now), count(*) FILTER (WHERE state = 'open' AND opens_at > @now),
			count(*) FILTER (WHERE state = 'claimed'), count(*) FILTER (WHERE state = 'live'),
			count(*) FILTER (WHERE state = 'reached'), count(*) FILTER (WHERE state = 'unreached'),
			count(*) FILTER (WHERE state = 'missed'), count(*) FILTER (WHERE state = 'moved'), count(*) FILTER (WHERE state = 'cancelled'),
			count(*) FILTER (WHERE state = 'open' AND opens_at <= @now AND closes_at <= @now::timestamptz + interval '30 min'),
			min(opens_at) FILTER (WHERE state = 'open' AND opens_at <= @now),
			min(closes_at - length_ms * interval '1 ms') FILTER (WHERE state = 'open' AND opens_at <= @now)
		FROM occurrence o JOIN scheme s USING (scheme_id)
		WHERE o.scheme_id = @scheme AND o.local_date = (@now::timestamptz AT TIME ZONE s.zone)::date`,
		&d.Planned, &d.Due, &d.Open, &d.Later, &d.Claimed, &d.Live, &d.Reached, &d.Unreached, &d.Missed, &d.Moved, &d.Cancelled,
		&d.Late, &oldest, &slack)
	if oldest != nil {
		d.OldestOpen, d.LeastSlack = oldest.UTC(), slack.UTC()
	}
	one(`SELECT count(*) FROM voice_message WHERE scheme_id = @scheme AND handled_at IS NULL`, &live.Messages)

	var c report.Working
	var roles []string
	rows, err := f.pool.Query(ctx, `
		SELECT c.uid::text, c.enabled, c.roles, u.state, u.reason, u.since, (SELECT count(*) FROM attempt a
			WHERE a.caller_id = c.caller_id AND a.result = 'answered'
				AND (a.ended_at AT TIME ZONE s.zone)::date = ($2::timestamptz AT TIME ZONE s.zone)::date)
		FROM caller c JOIN caller_status u USING (scheme_id, caller_id) JOIN scheme s USING (scheme_id)
		WHERE scheme_id = $1 AND c.enabled ORDER BY c.uid::text`, scheme, now)
	require.NoError(t, err)
	_, err = pgx.ForEachRow(rows, []any{&c.ID, &c.Enabled, &roles, &c.State, &c.Reason, &c.Since, &c.CallsToday}, func() error {
		c.Registrar, c.Since = slices.Contains(roles, "registrar"), c.Since.UTC()
		live.Callers = append(live.Callers, c)
		return nil
	})
	require.NoError(t, err)

	q := report.Queue{Name: report.QueueRegistrars}
	var first *time.Time
	one(`
		SELECT count(*) FILTER (WHERE answered_at IS NULL AND left_at IS NULL),
			min(queued_at) FILTER (WHERE answered_at IS NULL AND left_at IS NULL),
			count(*) FILTER (WHERE answered_at IS NOT NULL AND ended_at IS NULL),
			(SELECT count(*) FROM occurrence WHERE scheme_id = @scheme AND kind = 'callback' AND state IN ('open', 'claimed', 'live'))
		FROM inbound_party WHERE scheme_id = @scheme`, &q.Waiting, &first, &q.Talking, &q.CallbacksOwed)
	if first != nil {
		q.Oldest = first.UTC()
	}
	one(`
		SELECT count(*), count(answered_at), count(*) FILTER (WHERE answered_at - queued_at <= interval '20 s'),
			count(*) FILTER (WHERE reason = 'abandoned'), count(ended_at),
			coalesce(sum(answered_at - queued_at), interval '0'), coalesce(sum(ended_at - answered_at), interval '0')
		FROM inbound_party p JOIN scheme s USING (scheme_id)
		WHERE scheme_id = @scheme AND (p.queued_at AT TIME ZONE s.zone)::date = (@now::timestamptz AT TIME ZONE s.zone)::date`,
		&q.Offered, &q.Answered, &q.AnsweredInTime, &q.Abandoned, &q.Ended, &q.Wait, &q.Talk)
	live.Queues = []report.Queue{q}
	return live
}

// TestLiveFiguresEqualTheRows applies whatever the ledger takes, and much that it refuses, to a scheme; loses what is
// published, brings it twice, late and out of order, restarts, lets hours pass and days begin; and holds the folded figures to the rows.
func TestLiveFiguresEqualTheRows(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	followers := map[int64]*follower{}
	f := newFixture(t, func(o *postgres.Options) {
		o.Publish = func(events []call.Event) {
			mu.Lock()
			defer mu.Unlock()
			if x := followers[events[0].SchemeKey]; x != nil {
				x.wire = append(x.wire, events...)
			}
		}
	})
	checks, counted := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		checks++
		w := newWorld(f, 1000+checks)
		here := w.towns[0]
		here.scatter(rt, w)
		x := &follower{f: f, scheme: here.scheme}
		mu.Lock()
		followers[here.scheme] = x
		mu.Unlock()
		x.begin(rt, w.now)
		l := &linework{w: w, t: here}
		for range rapid.IntRange(1, 7).Draw(rt, "turns") {
			for range rapid.IntRange(1, 5).Draw(rt, "works") {
				l.work(rt)
			}
			switch rapid.SampledFrom([]string{"all come", "all come", "some are lost", "twice", "out of order", "crash", "none come"}).Draw(rt, "wire") {
			case "all come":
				x.deliver(rt, w.now, func(int) bool { return false })
			case "some are lost":
				x.deliver(rt, w.now, func(int) bool { return rapid.Bool().Draw(rt, "lost") })
			case "twice":
				x.wire = append(slices.Clone(x.wire), x.wire...)
				x.deliver(rt, w.now, func(int) bool { return false })
			case "out of order": // Of a node that led before, and was frozen.
				slices.Reverse(x.wire)
				x.deliver(rt, w.now, func(int) bool { return false })
			case "crash":
				x.wire = nil
				x.begin(rt, w.now)
			}
			passes := rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour, 5 * time.Hour, 17 * time.Hour}).Draw(rt, "passes")
			if passes > time.Hour {
				l.hangUp(rt) // No call lasts for days.
			}
			w.now = w.now.Add(passes)
			got, want := x.live(rt, w.now), f.counted(rt, here.scheme, w.now)
			got.Number = 0
			slices.SortFunc(got.Callers, func(a, b report.Working) int { return cmp.Compare(a.ID, b.ID) })
			require.Equal(rt, want, got)
		}
		counted += x.counted
	})
	require.Positive(t, counted)
}

// scatter gives the town promises with windows of all kinds around today, and a callback.
func (h *town) scatter(rt *rapid.T, w *world) {
	day := today.Truncate(24 * time.Hour)
	for range rapid.IntRange(1, 6).Draw(rt, "promises") {
		date := day.AddDate(0, 0, rapid.IntRange(-1, 1).Draw(rt, "day"))
		opens := date.Add(time.Duration(rapid.IntRange(0, 46).Draw(rt, "opens")) * 30 * time.Minute)
		id := w.f.AddOccurrence(h.scheme, dispatch.Occurrence{
			Kind:  rapid.SampledFrom([]call.Kind{call.KindScheduled, call.KindScheduled, call.KindCallback}).Draw(rt, "kind"),
			Opens: opens, Closes: opens.Add(time.Duration(rapid.IntRange(1, 8).Draw(rt, "window")) * 20 * time.Minute),
			Length: 10 * time.Minute, LocalDate: date, Numbers: []string{w.numbers[0]}, Terms: roster.Agreement{Cadence: roster.Daily},
		})
		h.calls = append(h.calls, id)
		h.state[id] = call.OccurrenceOpen
	}
}

// linework does what changes a scheme's figures.
type linework struct {
	w        *world
	t        *town
	parties  []string
	messages []string
}

func (l *linework) work(rt *rapid.T) {
	ctx, f, w, here := context.Background(), l.w.f, l.w, l.t
	w.now = w.now.Add(time.Duration(rapid.IntRange(1, 40_000_000).Draw(rt, "later")) * time.Microsecond)
	var ops []dispatch.Op
	switch rapid.SampledFrom([]string{
		"calls", "calls", "calls", "calls", "caller", "caller", "line", "line", "line", "message", "lead", "callback", "next", "import", "plan",
	}).Draw(rt, "work") {
	case "calls":
		for range rapid.IntRange(1, 6).Draw(rt, "size") {
			op := w.draw(rt, here)
			_ = w.apply(here, op)
			ops = append(ops, op)
		}
	case "caller":
		ops = append(ops, dispatch.CallerChange{
			Caller: rapid.SampledFrom(here.callers).Draw(rt, "caller"), State: rapid.SampledFrom(call.CallerStates()).Draw(rt, "state"),
			Reason: rapid.SampledFrom([]string{"", "lunch"}).Draw(rt, "reason"), At: w.now,
		})
	case "line":
		ops = append(ops, l.step(rt))
	case "message":
		l.message(rt)
	case "lead":
		w.lead(here)
	case "callback":
		person := f.one(`SELECT min(beneficiary_id) FROM beneficiary WHERE scheme_id = $1`, here.scheme)
		_, err := f.BookCallback(ctx, here.scheme, postgres.Callback{Beneficiary: person}, w.now)
		require.NoError(rt, err)
	case "next":
		id := rapid.SampledFrom(here.calls).Draw(rt, "occurrence")
		o := f.Occurrence(id)
		o.ID, o.Length, o.Opens = 0, 5*time.Minute, w.now.Add(time.Hour)
		o.Closes, o.LocalDate = o.Opens.Add(time.Hour), o.Opens.Truncate(24*time.Hour)
		op := dispatch.Settle{Settlement: dispatch.Settlement{Occurrence: id, State: call.OccurrenceMoved, Next: &o, At: w.now}}
		_ = w.apply(here, op)
		ops = append(ops, op)
	case "import":
		here.callers = append(here.callers, f.AddCaller(here.scheme, dispatch.Caller{
			Roles: []roster.Role{roster.RoleCaller}, Enabled: rapid.Bool().Draw(rt, "enabled"), State: call.CallerOff, Since: w.now,
		}))
	case "plan":
		_, err := f.Plan(ctx, here.scheme, here.epoch, w.now, w.now.AddDate(0, 0, 2))
		require.NoError(rt, err)
	}
	if len(ops) > 0 {
		_, err := f.Apply(ctx, here.scheme, here.epoch, w.now, ops)
		require.NoError(rt, err)
	}
}

// hangUp ends every call and every wait.
func (l *linework) hangUp(rt *rapid.T) {
	var ops []dispatch.Op
	for _, id := range l.w.order {
		a := l.w.attempts[id]
		if a.town != l.t || a.state == call.StateEnded {
			continue
		}
		op := dispatch.Finish{
			Outcome: call.Outcome{
				Scheme: l.t.scheme, Attempt: id, Offer: len(a.offers), Result: call.ResultNoAnswer, Fault: call.FaultTheirs, At: l.w.now,
			},
			Settlement: dispatch.Settlement{Occurrence: a.occurrence, State: call.OccurrenceUnreached, Attempts: 1, At: l.w.now},
		}
		_ = l.w.apply(l.t, op)
		ops = append(ops, op)
	}
	for _, party := range l.parties {
		for _, kind := range []dispatch.InboundKind{dispatch.InboundLeft, dispatch.InboundEnded} {
			ops = append(ops, dispatch.InboundStep{Party: party, Kind: kind, Reason: dispatch.InboundAbandoned, At: l.w.now})
		}
	}
	_, err := l.w.f.Apply(context.Background(), l.t.scheme, l.t.epoch, l.w.now, ops)
	require.NoError(rt, err)
}

// step lets a party come, or get on.
func (l *linework) step(rt *rapid.T) dispatch.Op {
	s := dispatch.InboundStep{Kind: dispatch.InboundQueued, Language: roster.French, At: l.w.now}
	if len(l.parties) > 0 && rapid.IntRange(0, 2).Draw(rt, "old") > 0 {
		s.Party = rapid.SampledFrom(l.parties).Draw(rt, "party")
		s.Kind = rapid.SampledFrom([]dispatch.InboundKind{dispatch.InboundAnswered, dispatch.InboundLeft, dispatch.InboundEnded}).Draw(rt, "step")
		s.Reason = rapid.SampledFrom(dispatch.InboundReasons()).Draw(rt, "why")
		s.Registrar = l.t.callers[0]
		return s
	}
	s.Party = uuid.Must(uuid.NewV7()).String()
	s.Key = rapid.SampledFrom([]string{"", "1764061500.7"}).Draw(rt, "call") // Who leads again finds those who talk in one.
	l.parties = append(l.parties, s.Party)
	return s
}

// message lets somebody leave a message, or have it handled.
func (l *linework) message(rt *rapid.T) {
	ctx := context.Background()
	if len(l.messages) > 0 && rapid.Bool().Draw(rt, "handled") {
		err := l.w.f.HandleMessage(ctx, l.t.scheme, l.messages[0], 0, l.w.now)
		require.NoError(rt, err)
		l.messages = l.messages[1:]
		return
	}
	id := uuid.Must(uuid.NewV7()).String()
	require.NoError(rt, l.w.f.SaveMessage(ctx, callflow.Message{
		ID: id, Scheme: l.t.scheme, Language: roster.French, Recording: "messages/" + id, At: l.w.now,
	}))
	l.messages = append(l.messages, id)
}
