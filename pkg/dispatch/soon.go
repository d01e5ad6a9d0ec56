package dispatch

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

const (
	// callbackLeast is what must be left of the scheme's hours for a call back to be made today.
	callbackLeast = 15 * time.Minute
	// promptly is how soon somebody is called who asked for it: her call is ordered as if its window ended then, although
	// she is called until the scheme closes.
	promptly = 30 * time.Minute
)

// Soon is the window of a call that nobody agreed beforehand: from now until the scheme closes, or the next time it is open
// when less than least is left. Where the scheme never opens it is a day.
func Soon(now time.Time, least time.Duration, r schedule.Rules) schedule.Slot {
	open, change := r.Open(now)
	if open && change.Sub(now) >= least {
		return schedule.Slot{Date: r.DateIn(now), Opens: now, Closes: change}
	}
	if open {
		_, change = r.Open(change)
	}
	opens := change
	if _, change = r.Open(opens); !change.After(opens) {
		change = opens.AddDate(0, 0, 1)
	}
	return schedule.Slot{Date: r.DateIn(opens), Opens: opens, Closes: change}
}

// SoonFor is the window of a call of a kind that somebody asked for.
func SoonFor(kind call.Kind, now time.Time, r schedule.Rules) schedule.Slot {
	if kind.Automatic() {
		return Soon(now, pauseAfterFault, r)
	}
	return Soon(now, callbackLeast, r)
}

// CallbackOf is the call of a caller that somebody asked for during a call, at once or when the scheme opens next.
func CallbackOf(o *Occurrence, now time.Time, rules schedule.Rules) Occurrence {
	r := o.Rules(rules)
	r.Pauses = nil // She is there, and asks for it.
	b := Following(o, SoonFor(call.KindCallback, now, r))
	b.Kind = call.KindCallback
	b.Continuity = roster.Preferred
	b.Terms = roster.Agreement{} // Those of the call she answered need not be the ones it will hang on.
	return b
}

// prompt reports whether a call is made as soon as anybody can: it waits for no reference caller.
func prompt(k call.Kind) bool { return k == call.KindApology || k == call.KindCallback }

// holdEnds is until when an occurrence is kept for its reference caller, as long as she is worth waiting for. The hold runs from the
// first due time only, and ends with the slack: somebody else must still have time for the whole talk. What is to be made good or
// was asked for does not wait.
func holdEnds(o *Occurrence, hold time.Duration) time.Time {
	if prompt(o.Kind) {
		return o.Opens
	}
	return sooner(o.Opens.Add(hold), slackAt(o))
}

// slackAt is when an occurrence has no slack left: the earlier, the sooner it is called among those of its class.
func slackAt(o *Occurrence) time.Time {
	at := o.Closes.Add(-o.Length)
	if soon := o.Opens.Add(promptly); o.Kind == call.KindCallback && soon.Before(at) {
		return soon
	}
	return at
}
