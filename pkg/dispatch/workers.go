package dispatch

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
)

// briefWrapUp is the longest after-call work after an attempt that reached nobody: there is little to write down.
const briefWrapUp = 10 * time.Second

// worker is a caller or registrar. The owner's.
type worker struct {
	Caller
	attempt    call.ID   // The one she is in.
	inbound    string    // Key of the inbound call for which she is reserved as a registrar.
	line       *trunk    // That carries her leg of it, when her phone is an ordinary one.
	keptFrom   time.Time // Since when a conversation of the queue that is over keeps her; zero once her notes are written.
	once       bool      // Takes one more call and then a break.
	readySince time.Time
	wake       time.Time        // When her wrap-up ends.
	after      call.CallerState // What she is then.
	afterWord  string
	wished     bool      // She said herself what she is then: it does not wait for the end of wrap-up.
	present    call.ID   // The attempt after which she is still on the line.
	presentTo  time.Time // Until when that is believed.
	closed     call.ID   // The last attempt she closed as difficult.
	expected   bool      // Her last call was expected to be hard.
	unreached  bool      // Her phone could not be reached by the last offer, and she has said nothing since.
	counted    uint64    // The last turn in which one of her counters changed.
	changed    time.Time // The instant under which her last change of state is recorded.
}

// heard notes that she has taken something or said something herself: what she missed before no longer counts against her.
func (w *worker) heard() { w.MissedInRow, w.unreached = 0, false }

// Words for CallerChange.Reason, of the catalogue.
const (
	reasonMissedOffer = "missed_offer"
	reasonUnreachable = "unreachable"
	reasonDeclined    = "declined"
	reasonPhoneLost   = "phone_lost"
	reasonOneMore     = "one_more"
	reasonElsewhere   = "elsewhere"
	reasonInterrupted = "interrupted"
)

// setState changes a worker's state, records it, and files her on the board.
func (e *Engine) setState(w *worker, state call.CallerState, reason string, now time.Time) {
	if !w.keptFrom.IsZero() && state != call.CallerWrapUp {
		e.handledIn(now.Sub(w.keptFrom))
		w.keptFrom = time.Time{}
	}
	w.State, w.Since = state, now
	w.wake, w.wished = time.Time{}, false
	// No two changes of hers have the same instant, as the records keep it: so they tell one from the same one again.
	at := now.Truncate(time.Microsecond)
	if !at.After(w.changed) {
		at = w.changed.Add(time.Microsecond)
	}
	w.changed = at
	e.record(CallerChange{Caller: w.ID, State: state, Reason: reason, At: at})
	e.board.SetCaller(&w.Caller, now)
}

// restore makes a worker ready as she was before an offer that came to nothing: her place among the idle is kept.
func (e *Engine) restore(w *worker, now time.Time) {
	since := w.readySince
	w.attempt = ""
	e.setState(w, readiness(w.once), "", now)
	if !since.IsZero() {
		w.Since = since
		e.board.SetCaller(&w.Caller, now)
	}
}

func readiness(once bool) call.CallerState {
	if once {
		return call.CallerReadyOnce
	}
	return call.CallerReady
}

// afterOffer says what a caller does after an offer she did not take. Missed-offer protection: whoever lets it ring is set
// aside until she asks for calls again, so that nobody waits for a phone that nobody hears. A phone that could not be reached
// may just have moved to another PBX, and which phones are registered is known some seconds late: so she is left alone for a
// while first, and set aside only if she cannot be reached then either.
func (e *Engine) afterOffer(w *worker, state call.OfferState, now time.Time) {
	if w == nil {
		return
	}
	w.attempt, w.inbound = "", ""
	switch state {
	case call.OfferTimedOut:
		w.MissedInRow++
		if w.MissedInRow >= e.opts.MaxMissed {
			e.setState(w, call.CallerSetAside, reasonMissedOffer, now)
			return
		}
		e.restore(w, now)
	case call.OfferFailed:
		if !w.unreached {
			w.unreached = true
			e.pause(w, e.opts.DeclinePause, reasonUnreachable, now)
			return
		}
		e.setState(w, call.CallerSetAside, reasonUnreachable, now)
	case call.OfferDeclined:
		e.pause(w, e.opts.DeclinePause, reasonDeclined, now)
	default:
		e.restore(w, now)
	}
}

// pause leaves a worker alone for a while, after which she is ready again.
func (e *Engine) pause(w *worker, d time.Duration, reason string, now time.Time) {
	w.attempt = ""
	w.after, w.afterWord = readiness(w.once), ""
	e.setState(w, call.CallerWrapUp, reason, now)
	e.wakeAt(w, now.Add(d))
}

// afterAttempt says what a caller does after an attempt of hers has ended.
func (e *Engine) afterAttempt(w *worker, out call.Outcome, now time.Time) {
	switch out.OfferState {
	case call.OfferFailed:
		if out.Fault == call.FaultOurs { // A restart, or a PBX that is gone: it says nothing of her phone.
			e.pause(w, e.opts.DeclinePause, reasonInterrupted, now)
			return
		}
		e.afterOffer(w, out.OfferState, now)
		return
	case call.OfferTimedOut, call.OfferDeclined, call.OfferRecalled:
		e.afterOffer(w, out.OfferState, now)
		return
	default: // She took it.
	}
	w.attempt = ""
	if out.Result == call.ResultAnswered {
		e.count(w, out)
	}
	if out.Reason == call.ReasonBrokenByUs {
		e.setState(w, call.CallerSetAside, reasonPhoneLost, now)
		return
	}
	e.wrapUp(w, out, now)
}

// count takes an answered call into a worker's day. Unless she closes it as difficult it interrupts her hard calls in a row,
// if it was not expected to be one.
func (e *Engine) count(w *worker, out call.Outcome) {
	w.LastEnded, w.LastCall, w.RowBefore = out.At, out.Attempt, w.HardInRow
	w.CallsToday++
	w.TalkToday += e.opts.service(out.Talk)
	w.counted = e.turn
	switch {
	case w.closed == out.Attempt: // She closed it before it had ended.
		w.HardInRow, w.HardEnded = w.RowBefore+1, out.At
		e.rest(w)
	case !w.expected:
		w.HardInRow = 0
	}
}

// feltHard takes it into a worker's day that a call was difficult, or was not after all. After a difficult one she is
// left alone for a while, and hard calls in a row are counted for the last one only.
func (e *Engine) feltHard(w *worker, attempt call.ID, difficult bool) {
	w.counted = e.turn
	last := w.LastCall == attempt
	if difficult {
		w.HardToday, w.closed = w.HardToday+1, attempt
		if last {
			w.HardInRow, w.HardEnded = w.RowBefore+1, w.LastEnded
		}
	} else {
		w.HardToday, w.closed = w.HardToday-1, ""
		if last {
			w.HardInRow, w.HardEnded = 0, time.Time{}
		}
	}
	e.rest(w)
}

// rest says until when a worker is left alone after her last hard call.
func (e *Engine) rest(w *worker) {
	w.Rest = time.Time{}
	if !w.HardEnded.IsZero() {
		w.Rest = w.HardEnded.Add(w.Load.Within(e.settings.Load).Breather)
	}
}

// wrapUp begins after-call work. It lasts as long as the scheme allows, and in any case until she has left the line.
func (e *Engine) wrapUp(w *worker, out call.Outcome, now time.Time) {
	d := e.settings.WrapUp
	w.after, w.afterWord = call.CallerReady, ""
	if out.Result != call.ResultAnswered {
		d = min(d, briefWrapUp)
		w.after = readiness(w.once)
	} else if w.once {
		w.after, w.afterWord = call.CallerBreak, reasonOneMore
	}
	w.present = ""
	if out.CallerPresent {
		w.present, w.presentTo = out.Attempt, now.Add(e.opts.service(e.opts.PresenceLimit))
	}
	if d <= 0 && w.present == "" {
		e.setState(w, w.after, w.afterWord, now)
		return
	}
	e.setState(w, call.CallerWrapUp, "", now)
	e.wakeAt(w, now.Add(max(d, 0)))
}

// wakeUp is an instant at which a worker has to be looked at.
type wakeUp struct {
	at     time.Time
	caller int64
}

// wakeAt has a worker looked at later.
func (e *Engine) wakeAt(w *worker, at time.Time) {
	w.wake = at
	h := append(e.alarms, wakeUp{at: at, caller: w.ID})
	for i := len(h) - 1; i > 0 && h[i].at.Before(h[(i-1)/2].at); i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
	e.alarms = h
}

// rouse ends the wrap-ups that are over.
func (e *Engine) rouse(now time.Time) {
	for len(e.alarms) > 0 && !e.alarms[0].at.After(now) {
		a := e.popAlarm()
		w := e.staff[a.caller]
		if w == nil || w.State != call.CallerWrapUp || !w.wake.Equal(a.at) {
			continue
		}
		if w.present != "" && now.Before(w.presentTo) {
			e.wakeAt(w, w.presentTo)
			continue
		}
		w.present = ""
		e.setState(w, w.after, w.afterWord, now)
	}
}

func (e *Engine) popAlarm() wakeUp {
	h := e.alarms
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].at.Before(h[least].at) {
				least = child
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	e.alarms = h
	return top
}

// left learns that a caller in wrap-up has left the line.
func (e *Engine) left(caller int64, attempt call.ID, now time.Time) {
	w := e.staff[caller]
	if w == nil || w.present != attempt || attempt == "" {
		return
	}
	w.present = ""
	if w.State != call.CallerWrapUp {
		return
	}
	if end := w.Since.Add(e.settings.WrapUp); !w.wished && now.Before(end) {
		e.wakeAt(w, end)
		return
	}
	e.setState(w, w.after, w.afterWord, now)
}

// wish changes a state at the worker's own wish. In a call she may not; in wrap-up while she is still on the line the
// wish is kept until she has left it.
func (e *Engine) wish(caller int64, state call.CallerState, reason string, now time.Time) error {
	w := e.staff[caller]
	switch {
	case w == nil || !w.Enabled:
		return ErrUnknownCaller
	case w.State == call.CallerReserved || w.State == call.CallerInCall:
		return ErrCallerBusy
	}
	switch state {
	case call.CallerOff, call.CallerReady, call.CallerReadyOnce, call.CallerBreak, call.CallerDebrief:
	default:
		return ErrCallerBusy
	}
	w.once = state == call.CallerReadyOnce
	w.heard()
	if w.State == call.CallerWrapUp && w.present != "" {
		w.after, w.afterWord, w.wished = state, reason, true
		return nil
	}
	if w.State == state {
		return nil
	}
	e.setState(w, state, reason, now)
	return nil
}

// onLine files a worker whose own phone is in use, or free again.
func (e *Engine) onLine(caller int64, inUse bool, now time.Time) {
	if w := e.staff[caller]; w != nil && w.OnLine != inUse {
		w.OnLine = inUse
		e.board.SetCaller(&w.Caller, now)
	}
}

// enrol takes a caller or registrar over as she was recorded. An unfinished call of hers is either live or over, or she talks to
// somebody on the line (adoptTalk).
func (e *Engine) enrol(c Caller, live *LiveAttempt, talks bool, now time.Time) {
	w := &worker{Caller: c, changed: c.Since}
	w.recall()
	e.rest(w)
	e.staff[c.ID] = w
	was := c.State
	switch {
	case live != nil && (live.State == call.StateIntent || live.State == call.StateOffered):
		w.State = call.CallerReserved
	case live != nil, talks && was == call.CallerInCall:
		w.State = call.CallerInCall
	case was == call.CallerReserved || was == call.CallerInCall || was == call.CallerWrapUp:
		w.State, w.after = call.CallerWrapUp, call.CallerReady
	}
	w.once = was == call.CallerReadyOnce
	if w.State != was {
		e.setState(w, w.State, "", now)
	} else {
		e.board.SetCaller(&w.Caller, now)
	}
	if w.State == call.CallerWrapUp {
		e.wakeAt(w, later(w.Since, w.LastEnded).Add(e.settings.WrapUp))
	}
}

// recall remembers from the records which call of a worker's it was that she closed as difficult last.
func (w *worker) recall() {
	if w.LastCall != "" && w.HardInRow > w.RowBefore {
		w.closed = w.LastCall
	}
}
