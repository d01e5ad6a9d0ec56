package dispatch_test

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
)

// ring is one offer's life on the PBX.
func (w *world) ring(c *simCall) {
	o := c.order
	end := func(out call.Outcome) {
		w.mu.Lock()
		c.over = true
		w.busy[o.Caller] = false
		w.mu.Unlock()
		out.Attempt, out.Offer = o.Attempt, o.Offer
		if out.CallerPresent {
			w.running.Go(func() {
				w.wait(0, 90*time.Second)
				w.mu.Lock()
				f := w.front
				dead := f == nil || f.dead
				w.mu.Unlock()
				if !dead {
					f.desk.CallerLeft(w.scheme, o.Caller, o.Attempt)
				}
			})
		}
		w.report(out)
	}
	if o.Caller == 0 {
		w.dial(c, end)
		return
	}
	w.mu.Lock()
	if w.busy[o.Caller] {
		w.fail("caller %d rung while in a call", o.Caller)
	}
	w.busy[o.Caller] = true
	dice := w.rng.IntN(100)
	pick := w.rng.IntN(15)
	w.mu.Unlock()
	w.step(c, call.StateOffered)
	answer := time.Duration(pick) * time.Second
	if dice < 15 {
		answer = o.CallerRing
	}
	select {
	case <-c.recalled:
		end(call.Outcome{OfferState: call.OfferRecalled})
		return
	case <-time.After(answer):
	}
	switch {
	case dice < 15:
		end(call.Outcome{OfferState: call.OfferTimedOut})
		return
	case dice < 20:
		end(call.Outcome{OfferState: call.OfferDeclined})
		return
	case dice < 23:
		end(call.Outcome{OfferState: call.OfferFailed})
		return
	}
	w.step(c, call.StateAccepted)
	if dice < 26 {
		end(call.Outcome{OfferState: call.OfferAccepted, Result: call.ResultCancelled, Reason: call.ReasonCallerGone})
		return
	}
	if time.Now().After(o.DialBy) {
		end(call.Outcome{OfferState: call.OfferAccepted, Result: call.ResultCancelled, Reason: call.ReasonDialBy, Fault: call.FaultOurs})
		return
	}
	w.dial(c, end)
}

// dial rings her phone.
func (w *world) dial(c *simCall, end func(call.Outcome)) {
	o := c.order
	w.mu.Lock()
	if w.ringing[o.Number] {
		w.fail("%s rung while ringing or talking", o.Number)
	}
	w.ringing[o.Number] = true
	if w.rang[o.Attempt]++; w.rang[o.Attempt] > 1 {
		w.fail("%s rang her twice", o.Attempt)
	}
	a, _ := w.store.Attempt(o.Attempt)
	occ := w.store.Occurrence(a.Occurrence)
	now := time.Now().UTC()
	if now.Before(occ.Opens) || !now.Before(occ.Closes) || now.Hour() < 9 || now.Hour() >= 17 {
		w.fail("%s rung outside its window", o.Number)
	}
	if occ.State.Ended() {
		w.fail("%s rung for an occurrence that is %s", o.Number, occ.State)
	}
	dice := w.rng.IntN(100)
	w.mu.Unlock()
	w.step(c, call.StateRinging)
	done := func(out call.Outcome) {
		w.mu.Lock()
		w.ringing[o.Number] = false
		w.mu.Unlock()
		out.OfferState = call.OfferAccepted
		end(out)
	}
	switch {
	case dice < 10:
		done(call.Outcome{Result: call.ResultBusy, Fault: call.FaultTheirs, Cause: 17})
		return
	case dice < 13:
		done(call.Outcome{Result: call.ResultCongestion, Fault: call.FaultNetwork, Cause: 34})
		return
	case dice < 16:
		done(call.Outcome{Result: call.ResultFailed, Fault: call.FaultTheirs, Reason: call.ReasonInvalidNumber, Cause: 1})
		return
	case dice < 36:
		time.Sleep(o.BeneficiaryRing)
		done(call.Outcome{Result: call.ResultNoAnswer, Fault: call.FaultTheirs, Rang: true})
		return
	}
	w.wait(time.Second, 20*time.Second)
	if dice < 40 {
		done(call.Outcome{Result: call.ResultCancelled, Reason: call.ReasonCallerGone, Rang: true})
		return
	}
	w.step(c, call.StateBridged)
	w.mu.Lock()
	w.bridged++
	w.mu.Unlock()
	bridged := time.Now()
	w.wait(time.Second, 25*time.Minute)
	out := call.Outcome{Result: call.ResultAnswered, Rang: true, Talk: time.Since(bridged), CallerPresent: dice%4 == 0}
	if dice < 44 {
		out.Reason, out.Fault, out.CallerPresent = call.ReasonBrokenByUs, call.FaultOurs, false
	}
	ended := time.Now()
	done(out)
	w.feel(o, ended)
}
