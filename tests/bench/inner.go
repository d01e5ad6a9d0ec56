package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// Inner is what the service and its database say of a trial.
type Inner struct {
	Results       map[string]int     `json:"results"` // Of attempts.
	Bridged       int                `json:"bridged"` // Attempts recorded as joined.
	Attempts      int                `json:"attempts"`
	LateP50       float64            `json:"decision_late_p50_ms"` // From due to decided.
	LateP99       float64            `json:"decision_late_p99_ms"`
	Commits       float64            `json:"commits_per_call"`
	Operations    float64            `json:"operations_per_batch"`
	CommitMean    float64            `json:"commit_mean_ms"`
	ConnectMean   float64            `json:"connect_command_mean_ms"` // Until the PBX has answered the one command of a call.
	Commands      map[string]float64 `json:"commands_per_call"`
	PBXEvents     float64            `json:"pbx_events_per_call"`
	OwnEvents     float64            `json:"events_per_call"` // Published.
	Refused       int                `json:"claims_refused"`
	EventsWaiting float64            `json:"operations_waiting"` // Not committed at the end.
}

// attempts reads what the service recorded of the calls: when each was decided, and what came of it. The instant to dial by
// is in real time and lies a known time after the decision.
func (x *run) attempts(ctx context.Context, sequence int) error {
	rows, err := x.pool.Query(ctx, `SELECT a.number, a.dial_by, a.claimed_at - o.opens_at, coalesce(a.result, a.state),
			a.bridged_at IS NOT NULL
		FROM attempt a JOIN occurrence o USING (scheme_id, occurrence_id)
		WHERE scheme_id = $1 AND o.sequence = $2 AND o.kind = 'scheduled'`, x.scheme.Key, sequence)
	if err != nil {
		return fmt.Errorf("read attempts: %w", err)
	}
	defer rows.Close()
	in := &Inner{Results: map[string]int{}}
	var late []time.Duration
	for rows.Next() {
		var to, result string
		var dialBy time.Time
		var after time.Duration
		var bridged bool
		if err := rows.Scan(&to, &dialBy, &after, &result, &bridged); err != nil {
			return fmt.Errorf("read attempts: %w", err)
		}
		in.Attempts++
		in.Results[result]++
		late = append(late, after)
		x.begun[to] = dialBy.Add(-callerRing - margin)
		if bridged {
			in.Bridged++
		}
		if result != "answered" || !bridged {
			x.errors++
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read attempts: %w", err)
	}
	if len(late) > 0 {
		slices.Sort(late)
		in.LateP50, in.LateP99 = milliseconds(measure.Quantile(late, 0.5)), milliseconds(measure.Quantile(late, 0.99))
	}
	x.trial.Service = in
	return nil
}

// inner computes figures per call from the counters before and after.
func (x *run) inner(before, after map[string]float64) {
	in, calls := x.trial.Service, float64(x.trial.Calls)
	grown := func(name string) float64 { return after[name] - before[name] }
	mean := func(name string, unit float64) float64 {
		n := grown(name + "_count")
		if n == 0 {
			return 0
		}
		return round(grown(name+"_sum") / n * unit)
	}
	mean2 := func(name string) float64 {
		n := grown(name + "_count:connect")
		if n == 0 {
			return 0
		}
		return round(grown(name+"_sum:connect") / n * 1000)
	}
	in.Commits = round(grown("rappel_dispatch_commit_seconds_count") / calls)
	in.Operations = mean("rappel_dispatch_batch_operations", 1)
	in.CommitMean = mean("rappel_dispatch_commit_seconds", 1000)
	in.ConnectMean = mean2("rappel_ari_command_seconds")
	in.Commands = map[string]float64{}
	for name := range after {
		if command, ok := strings.CutPrefix(name, "rappel_ari_commands_total:"); ok && grown(name) > 0 {
			in.Commands[command] = round(grown(name) / calls)
		}
	}
	in.PBXEvents = round(grown("rappel_ari_events_total") / calls)
	in.OwnEvents = round(grown("events") / calls)
	in.Refused = int(grown("rappel_dispatch_claims_refused_total"))
	in.EventsWaiting = after["rappel_dispatch_recorder_queue"]
}
