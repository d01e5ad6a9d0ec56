package dispatch

import (
	"time"

	"pgregory.net/rapid"
)

// checkWaiting holds the counts of those who wait against why each of them does.
func (b *Board) checkWaiting(t *rapid.T, now time.Time) {
	var want Waiting
	nobody := 0
	for id, i := range b.byID {
		it := &b.items[i]
		if it.phase != phaseLapsed && now.UnixNano() >= it.closes-int64(b.limits.Lead) {
			return // It is too late for it, which the next look at it shows.
		}
		if it.phase == phaseQueued {
			want.Queued++
			continue
		}
		switch b.Why(id, now) {
		case CauseFuture, CauseTaken, CauseUnknown:
		case CauseLapsed:
			want.TooLate++
		case CauseInCall:
			want.InCall++
		case CauseClock:
			want.Clock++
		case CausePaused:
			want.Paused++
		case CauseClosed:
			want.Hours++
		case CauseHeld:
			want.Held++
		case CauseNobody:
			nobody++
		case CauseLines:
			want.Lines++
		case CausePace:
			want.Rate++
		case CauseNone:
			want.Starting++
		}
	}
	got := b.Waiting(now)
	if b.lines() == 1 {
		return // Whoever needs two lines counts as free here.
	}
	for k := range b.clerks {
		if c := &b.clerks[k]; got.LoadLimit > 0 && (c.spent || c.light || c.fit && !b.isFree(int32(k))) {
			want.LoadLimit = got.LoadLimit
		}
	}
	want.NoCaller = nobody - want.LoadLimit
	if got != want {
		t.Fatalf("those who wait are counted as %+v, want %+v", got, want)
	}
}
