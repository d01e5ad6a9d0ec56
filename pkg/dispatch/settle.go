package dispatch

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// The waits before an occurrence is tried again after an attempt that was none of hers.
const (
	// pauseAfterRing spares her a phone that rings again at once after it stopped because the caller left.
	pauseAfterRing = time.Minute
	// pauseAfterRefusal passes before an order is repeated that the PBX refused (dial-by, number in use).
	pauseAfterRefusal = time.Minute
	// pauseAfterFault passes when our side failed and the ladder names no wait.
	pauseAfterFault = time.Minute
	// pauseAfterBan passes when the number is not on the allow-list: a person has to act first.
	pauseAfterBan = 10 * time.Minute
	// apologyWindow is the least time in which an apology is called.
	apologyWindow = 30 * time.Minute
)

// Terms is what a settlement depends on besides the occurrence and its outcome.
type Terms struct {
	Ladder RetryLadder
	Rules  schedule.Rules // Of the scheme; what concerns the person comes from the occurrence.
	// Tried is how often she was tried in vain today, on her date and over all her calls, before this attempt.
	Tried int
	// UnknownUntil is until when the phone may still ring by an order whose fate is unknown: its dial-by instant plus
	// the ring time, by the service's clock.
	UnknownUntil time.Time
}

// of narrows the terms to an occurrence.
func (t Terms) of(o *Occurrence) Terms {
	t.Ladder = t.Ladder.For(o.Kind)
	if o.Kind.Requested() {
		t.Ladder.PerDay = 0
	}
	return t
}

// SettlementOf says what becomes of an occurrence after an attempt ended with the outcome.
//
// Answered ends it as reached. When the caller's phone was lost while they talked (broken_by_us), it is reached all the
// same, because they talked, and the next one booked is an apology, to be called at once; the scheduled one follows when
// that has ended. An apology that breaks is itself opened again while tries are left, and so is a first call. After a first call
// that has reached her, nothing is booked before somebody has said what she answered.
//
// Busy, no answer and machine are her attempts: the ladder says when she is tried again, at her next number. So is a
// failure that is not ours, such as a number that does not exist. A cancelled attempt, an unknown one, congestion and
// failures of ours are none of hers: they are repeated until the window closes, an unknown one only after UnknownUntil. Where
// nothing was to be said, as by a reminder of a call that is no longer to come, the occurrence ends as cancelled.
//
// What can no longer be tried in this window moves to a later one of its day, if the agreement has one, with a ladder of its
// own. Otherwise it ends as unreached when her phone rang (or was busy) inside the window, and as missed when it never did;
// what an absence announced meanwhile has called off ends as cancelled. Once she was tried as often as the ladder allows for a
// day, over all her calls, nothing more is tried on it but what she asks for herself.
func SettlementOf(o *Occurrence, out call.Outcome, t Terms) Settlement {
	t = t.of(o)
	s := Settlement{Occurrence: o.ID, Attempts: o.Attempts, Deferred: o.Deferred, Rang: o.Rang || out.Rang, At: out.At}
	again := time.Time{} // The next try; zero means that the ladder is spent.
	switch out.Result {
	case call.ResultAnswered:
		if out.Reason == call.ReasonAnsweredUnheld {
			// She heard a prompt instead of a person: that is no talk.
			s.Rang = true
			again = out.At
			break
		}
		s.Attempts++
		s.Rang = true
		s.State = call.OccurrenceReached
		if out.Reason == call.ReasonBrokenByUs {
			asks := o.Kind == call.KindFirst // No other call is hers yet, not even to apologise.
			if (asks || o.Kind == call.KindApology) && s.Attempts < t.Ladder.Tries() {
				again = out.At
				break
			}
			if !asks && o.Kind != call.KindApology {
				s.Next = apology(o, out.At, o.Rules(t.Rules))
				return s
			}
		}
		if o.Kind != call.KindFirst {
			s.Next = t.next(o, out.At)
		}
		return s
	case call.ResultBusy, call.ResultNoAnswer, call.ResultMachine:
		s.Attempts++
		s.Rang = true
		again, _ = t.Ladder.Retry(out.At, out.Result, s.Attempts, o.Closes)
	case call.ResultFailed, call.ResultCongestion:
		again = t.afterFailure(&s, o, out)
	case call.ResultUnknown:
		again = later(t.UnknownUntil, out.At)
	default: // Cancelled.
		if out.Reason == call.ReasonNothingToSay {
			s.State, s.Next = call.OccurrenceCancelled, t.next(o, out.At)
			return s
		}
		again = afterCancel(out)
	}
	if out.Result != call.ResultAnswered {
		t.Tried += s.Attempts - o.Attempts
	}
	if !again.IsZero() && again.Before(o.Closes) && !t.Ladder.Spent(t.Tried) && !o.calledOff(again, t) {
		s.State, s.NotBefore = call.OccurrenceOpen, again
		return s
	}
	t.close(&s, o, out.At.Add(t.Ladder.Wait(out.Result)))
	return s
}

// Vain reports whether the attempt counts among those in which a person was tried in vain; the occurrence is as it was before.
func (f *Finish) Vain(o *Occurrence) bool {
	return f.Settlement.Attempts > o.Attempts && f.Outcome.Result != call.ResultAnswered
}

// calledOff reports whether an absence or a no-call period that was announced meanwhile covers an instant. Whoever asked for
// a call herself is called all the same.
func (o *Occurrence) calledOff(at time.Time, t Terms) bool {
	return !o.Kind.Requested() && o.Rules(t.Rules).Away(at)
}

// LapsedSettlement says what becomes of an occurrence whose window closed at now without an attempt under way.
func LapsedSettlement(o *Occurrence, now time.Time, t Terms) Settlement {
	t = t.of(o)
	s := Settlement{Occurrence: o.ID, Attempts: o.Attempts, Deferred: o.Deferred, Rang: o.Rang, At: now}
	t.close(&s, o, now)
	return s
}

// close ends an occurrence that is not tried again in its window; notBefore is when she may be rung again at the earliest.
func (t Terms) close(s *Settlement, o *Occurrence, notBefore time.Time) {
	if o.calledOff(s.At, t) {
		// She went away while her phone rang, or said so at the line: that is no promise broken.
		s.State, s.Next = call.OccurrenceCancelled, t.next(o, s.At)
		return
	}
	spent := t.Ladder.Spent(t.Tried)
	if !spent {
		if s.Next = t.again(s, o, notBefore); s.Next != nil {
			s.State = call.OccurrenceMoved
			return
		}
	}
	s.State = call.OccurrenceMissed
	if s.Rang || spent { // Spent: she was rung today as often as she may be, by her other calls perhaps.
		s.State = call.OccurrenceUnreached
	}
	s.Next = t.next(o, s.At)
}

// again is the same promise in a later window of its day; nil when there is none. That she was rung before stays known.
func (t Terms) again(s *Settlement, o *Occurrence, notBefore time.Time) *Occurrence {
	if o.Agreement == 0 || o.Terms.Cadence == "" || o.Kind.Requested() || o.Kind == call.KindApology {
		return nil
	}
	slot, ok := schedule.LaterWindow(o.Terms, o.Rules(t.Rules), o.LocalDate, later(o.Closes, s.At))
	if !ok || !notBefore.Before(slot.Closes) {
		return nil
	}
	further := Following(o, slot)
	further.Kind, further.Rang, further.NotBefore = o.Kind, s.Rang, later(slot.Opens, notBefore)
	return &further
}

// afterFailure says when to try again after a failed or congested attempt.
func (t Terms) afterFailure(s *Settlement, o *Occurrence, out call.Outcome) time.Time {
	switch {
	case out.Reason == call.ReasonNotPermitted:
		return out.At.Add(pauseAfterBan)
	case out.Result == call.ResultFailed && (out.Fault == call.FaultTheirs || out.Reason == call.ReasonInvalidNumber):
		s.Attempts++
		again, _ := t.Ladder.Retry(out.At, out.Result, s.Attempts, o.Closes)
		return again
	default:
		again, ok := t.Ladder.Retry(out.At, out.Result, 0, o.Closes)
		if !ok {
			again = out.At.Add(pauseAfterFault)
		}
		return again
	}
}

func afterCancel(out call.Outcome) time.Time {
	switch {
	case out.Reason == call.ReasonNotPermitted:
		return out.At.Add(pauseAfterBan)
	case out.Reason == call.ReasonDialBy, out.Reason == call.ReasonNumberInUse:
		return out.At.Add(pauseAfterRefusal)
	case out.Rang:
		return out.At.Add(pauseAfterRing)
	default:
		return out.At
	}
}

// sooner is the earlier of two instants of which the zero one is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// next is the following occurrence of the agreement, on a later local day than both the one that ended and now; nil
// when the agreement has none.
func (t Terms) next(o *Occurrence, now time.Time) *Occurrence {
	if o.Agreement == 0 || o.Terms.Cadence == "" || o.Kind == call.KindConfirmation {
		return nil // What is confirmed books what it needs itself.
	}
	find := schedule.Next
	if o.Kind == call.KindFirst {
		find = schedule.AskAgain
	}
	slot, ok := find(o.Terms, o.Rules(t.Rules), later(o.Opens, now))
	if !ok {
		return nil
	}
	following := Following(o, slot)
	if o.Kind == call.KindFirst {
		following.Kind = call.KindFirst
	}
	return &following
}

// apology is a call to be made at once, or when the scheme opens next: by the reference caller or her deputy if they are
// free, by anybody else otherwise.
func apology(o *Occurrence, now time.Time, r schedule.Rules) *Occurrence {
	open, change := r.Open(now)
	opens, closes := now, later(o.Closes, now.Add(apologyWindow))
	if open && closes.After(change) {
		closes = change
	}
	if !open || closes.Sub(now) < pauseAfterFault {
		if open {
			_, change = r.Open(change)
		}
		opens = change
		_, closes = r.Open(opens)
	}
	a := Following(o, schedule.Slot{Opens: opens, Closes: closes})
	a.Kind = call.KindApology
	a.Continuity = roster.Preferred
	a.LocalDate = r.DateIn(opens)
	return &a
}
