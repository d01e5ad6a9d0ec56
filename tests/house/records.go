package house

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
)

// Attempt is an attempt's row.
type Attempt struct {
	ID          call.ID
	Occurrence  int64
	Caller      int64
	State       call.State
	Result      call.Result
	Reason      call.Reason
	Fault       call.Fault
	Cause       int
	Talk        time.Duration
	Rang        bool
	Estimated   bool
	Disposition call.Disposition
	FollowUp    bool
	DayLater    bool
	Bridged     *time.Time
}

// OfferRow is an offer's row.
type OfferRow struct {
	Number int
	Caller int64
	State  call.OfferState
}

// Occurrence is an occurrence's row.
type Occurrence struct {
	Key      int64
	Kind     call.Kind
	State    call.OccurrenceState
	Date     time.Time
	Attempts int
	Rang     bool
}

// readKeys learns the keys that the records gave to the people, and the callers' SIP accounts.
func (h *House) readKeys() {
	t, ctx := h.t, h.t.Context()
	for _, c := range append(append([]*Caller(nil), h.Callers...), h.Registrars...) {
		var endpoint string
		require.NoError(t, h.pool.QueryRow(ctx, `SELECT caller_id, endpoint, secret FROM caller WHERE scheme_id = $1 AND ref = $2`,
			h.Scheme.Key, c.Ref).Scan(&c.Key, &endpoint, &c.secret))
		if c.Number == "" {
			c.Endpoint = endpoint
		}
	}
	for _, p := range h.People {
		require.NoError(t, h.pool.QueryRow(ctx, `SELECT beneficiary_id FROM beneficiary WHERE scheme_id = $1 AND ref = $2`,
			h.Scheme.Key, p.Ref).Scan(&p.Key))
	}
}

// CallerState is what the records say of a caller; empty when she was never seen.
func (h *House) CallerState(c *Caller) call.CallerState {
	var state string
	err := h.pool.QueryRow(h.t.Context(), `SELECT state FROM caller_status WHERE scheme_id = $1 AND caller_id = $2`,
		h.Scheme.Key, c.Key).Scan(&state)
	if err != nil {
		require.ErrorIs(h.t, err, pgx.ErrNoRows)
	}
	return call.CallerState(state)
}

// AwaitState waits until the records have a caller in a state.
func (h *House) AwaitState(c *Caller, state call.CallerState) {
	h.t.Helper()
	Await(h.t, startLimit, "caller "+c.Ref+" to be "+string(state), func(context.Context) bool { return h.CallerState(c) == state })
}

// Lead says which node leads the scheme, and in which epoch.
func (h *House) Lead() (node string, epoch int) {
	require.NoError(h.t, h.pool.QueryRow(h.t.Context(), `SELECT holder, epoch FROM scheme_lead WHERE scheme_id = $1`,
		h.Scheme.Key).Scan(&node, &epoch))
	return node, epoch
}

// Attempts are the attempts to reach somebody, in the order of their claims.
func (h *House) Attempts(p *Person) []Attempt {
	rows, err := h.pool.Query(h.t.Context(), `SELECT replace(attempt_id::text, '-', ''), occurrence_id, coalesce(caller_id, 0), state, coalesce(result, ''),
			reason, coalesce(fault, ''), cause, talk_ms, rang, end_estimated, disposition, follow_up, day_later, bridged_at
		FROM attempt WHERE scheme_id = $1 AND beneficiary_id = $2 ORDER BY claimed_at, attempt_id`, h.Scheme.Key, p.Key)
	require.NoError(h.t, err)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Attempt, error) {
		var a Attempt
		var talk int64
		err := row.Scan(&a.ID, &a.Occurrence, &a.Caller, &a.State, &a.Result, &a.Reason, &a.Fault, &a.Cause, &talk, &a.Rang,
			&a.Estimated, &a.Disposition, &a.FollowUp, &a.DayLater, &a.Bridged)
		a.Talk = time.Duration(talk) * time.Millisecond
		return a, err
	})
	require.NoError(h.t, err)
	return list
}

// AwaitAttempt waits until the nth attempt (from 1) to reach somebody is in a state.
func (h *House) AwaitAttempt(p *Person, n int, state call.State) Attempt {
	h.t.Helper()
	var a Attempt
	Await(h.t, startLimit, "attempt to be "+string(state), func(context.Context) bool {
		list := h.Attempts(p)
		if len(list) < n {
			return false
		}
		a = list[n-1]
		return a.State == state
	})
	return a
}

// AwaitEnd waits until the first attempt to reach somebody has ended.
func (h *House) AwaitEnd(p *Person) Attempt {
	h.t.Helper()
	return h.AwaitAttempt(p, 1, call.StateEnded)
}

// Tried counts the people with an attempt that has ended.
func (h *House) Tried() int {
	var n int
	require.NoError(h.t, h.pool.QueryRow(h.t.Context(), `SELECT count(DISTINCT beneficiary_id) FROM attempt
		WHERE scheme_id = $1 AND state = 'ended'`, h.Scheme.Key).Scan(&n))
	return n
}

// Offers are the offers of an attempt.
func (h *House) Offers(attempt call.ID) []OfferRow {
	rows, err := h.pool.Query(h.t.Context(), `SELECT offer, caller_id, state FROM offer WHERE scheme_id = $1 AND attempt_id = $2::uuid ORDER BY offer`,
		h.Scheme.Key, string(attempt))
	require.NoError(h.t, err)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[OfferRow])
	require.NoError(h.t, err)
	return list
}

// Occurrences are somebody's promised calls by date.
func (h *House) Occurrences(p *Person) []Occurrence {
	rows, err := h.pool.Query(h.t.Context(), `SELECT occurrence_id, kind, state, local_date, attempts, rang FROM occurrence
		WHERE scheme_id = $1 AND beneficiary_id = $2 ORDER BY local_date, sequence, occurrence_id`, h.Scheme.Key, p.Key)
	require.NoError(h.t, err)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Occurrence])
	require.NoError(h.t, err)
	return list
}

// Worries counts how often the welfare ladder was begun for somebody.
func (h *House) Worries(p *Person) int {
	var n int
	require.NoError(h.t, h.pool.QueryRow(h.t.Context(), `SELECT count(*) FROM event e
		JOIN occurrence o ON o.scheme_id = e.scheme_id AND o.uid = e.entity_id
		WHERE e.scheme_id = $1 AND e.entity = 'occurrence' AND e.kind = 'welfare' AND o.beneficiary_id = $2`,
		h.Scheme.Key, p.Key).Scan(&n))
	return n
}

// Ends counts the events that tell of the end of an attempt.
func (h *House) Ends(attempt call.ID) int {
	var n int
	require.NoError(h.t, h.pool.QueryRow(h.t.Context(), `SELECT count(*) FROM event
		WHERE scheme_id = $1 AND entity = 'attempt' AND entity_id = $2::uuid AND kind = 'ended'`, h.Scheme.Key, string(attempt)).Scan(&n))
	return n
}
