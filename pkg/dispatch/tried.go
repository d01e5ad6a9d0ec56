package dispatch

import "time"

// tries counts how often a person was tried in vain on one of her dates.
type tries struct {
	at time.Time // When she was counted last.
	n  int
}

// triedToday is how often the person of an occurrence was tried in vain today, on her date.
func (e *Engine) triedToday(o *Occurrence, now time.Time) int {
	t, ok := e.tried[o.Beneficiary]
	if !ok {
		return 0
	}
	rules := o.Rules(e.rules)
	if !rules.DateIn(t.at).Equal(rules.DateIn(now)) {
		delete(e.tried, o.Beneficiary)
		return 0
	}
	return t.n
}

// triedInVain counts an attempt that did not reach a person. Once she was tried as often as the scheme allows for a day, her
// other calls wait for the next day as well.
func (e *Engine) triedInVain(o *Occurrence, now time.Time) {
	n := e.triedToday(o, now) + 1
	e.tried[o.Beneficiary] = tries{at: now, n: n}
	if !e.settings.Retry.Spent(n) {
		return
	}
	for _, id := range e.board.Of(o.Beneficiary) {
		if p := e.occurrences[id]; p != nil && e.spare(&p.Occurrence, now) {
			e.board.Put(&p.Occurrence, now)
		}
	}
}

// forgetTries drops what was counted on dates that are over everywhere.
func (e *Engine) forgetTries(now time.Time) {
	for person, t := range e.tried {
		if now.Sub(t.at) > 48*time.Hour {
			delete(e.tried, person)
		}
	}
}

// spare puts an occurrence off until the person's next date if she was tried often enough today, and reports whether it did. It
// is not recorded: whoever starts anew counts anew.
func (e *Engine) spare(o *Occurrence, now time.Time) bool {
	if o.Kind.Requested() || !e.settings.Retry.Spent(e.triedToday(o, now)) {
		return false
	}
	tomorrow := o.Rules(e.rules).Tomorrow(now)
	if !o.NotBefore.Before(tomorrow) {
		return false
	}
	o.NotBefore = tomorrow
	return true
}
