package callflow

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

// TestChangesByKey presses every way through what somebody may change, and holds what is asked for, and said, against it. Nothing
// is ever settled on the line.
func TestChangesByKey(t *testing.T) {
	t.Parallel()
	opens := time.Date(2000, 1, 4, 9, 30, 0, 0, time.UTC) // A Tuesday, half past ten in Brussels.
	hers := Appointment{FirstName: "Marie", Opens: opens, Closes: opens.Add(time.Hour), Beneficiary: 17, Occurrence: 5, Changeable: true}
	times := []Proposal{{opens.AddDate(0, 0, 1), opens.AddDate(0, 0, 1).Add(time.Hour)}, {opens.AddDate(0, 0, 3), opens.AddDate(0, 0, 3).Add(time.Hour)}}
	fixed := hers
	fixed.Changeable = false
	slowly := func(digits string) telephonytest.Script {
		steps := []any{3 * time.Second}
		for i, d := range digits {
			if i > 0 {
				steps = append(steps, 3*time.Second)
			}
			steps = append(steps, string(d))
		}
		return keys(steps...)
	}
	away := func(from, back int) Change {
		day := func(d int) time.Time { return time.Date(2000, 1, d, 0, 0, 0, 0, time.UTC) }
		return Change{Kind: ChangeAway, Beneficiary: 17, From: day(from), Back: day(back)}
	}
	cases := []struct {
		name   string
		person Appointment
		press  string
		err    error
		times  []Proposal
		want   Change
		says   string
		ended  string
	}{
		{name: "another time", person: hers, press: "1212", times: times, want: Change{Kind: ChangeMove, Beneficiary: 17, Occurrence: 5, To: times[1]}, says: "vendredi sept janvier", ended: "change"},
		{name: "no other time", person: hers, press: "121", says: "pas d'autre moment", ended: "left"},
		{name: "skip", person: hers, press: "122", want: Change{Kind: ChangeSkip, Beneficiary: 17, Occurrence: 5}, says: "pas d'appel mardi quatre janvier", ended: "change"},
		{name: "away from today", person: hers, press: "1231412011", want: away(1, 12), says: "retour : mercredi douze janvier", ended: "change"},
		{name: "away for two weeks, from a day", person: hers, press: "1233050121", want: away(5, 19), says: "appel : mercredi cinq janvier", ended: "change"},
		{name: "away from tomorrow, for days", person: hers, press: "12323051", want: away(2, 7), says: "appel : demain, dimanche deux janvier", ended: "change"},
		{name: "no such day", person: hers, press: "12333113", says: "Je n'ai pas compris cette date", ended: "left"},
		{name: "back before she leaves", person: hers, press: "1233100140501", says: "Ce jour-là vient avant votre départ", ended: "left"},
		{name: "no day at all", person: hers, press: "1231300", says: "Je n'ai pas compris combien de jours", ended: "left"},
		{name: "no day twice", person: hers, press: "123130000", says: "Une personne peut le faire avec vous", ended: "left"},
		{name: "a change waits", person: hers, press: "122", err: ErrWaits, says: "Un changement est déjà noté", ended: "left"},
		{name: "too often", person: hers, press: "122", err: ErrNotAllowed, says: "Une personne peut le faire avec vous", ended: "left"},
		{name: "too late", person: hers, press: "122", err: ErrGone, says: "Ce n'est plus possible", ended: "left"},
		{name: "the records are away", person: hers, press: "122", err: errAway, says: "petit souci technique", ended: "left"},
		{name: "not an agreed call", person: fixed, press: "12", says: "Une personne peut le faire avec vous", ended: "left"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				r.desk.locked(func() { r.desk.people, r.desk.times = []Appointment{c.person}, c.times })
				if c.err != nil {
					r.desk.locked(func() { r.desk.askErr = c.err })
				}
				ch := r.dial(cli, slowly(c.press), 70*time.Second)
				require.Contains(t, r.heard(ch), c.says)
				n := r.seen()
				require.Equal(t, c.want, n.change)
				require.Empty(t, n.settled)
				r.pbx.HangUp(ch, telephony.CauseNormal)
				synctest.Wait()
				time.Sleep(time.Minute)
				synctest.Wait()
				if c.ended == "change" {
					require.InDelta(t, 1, testutil.ToFloat64(r.c.metrics.steps.WithLabelValues("change")), 0)
				}
				r.sound(t)
			})
		})
	}
}

func TestACallThatIsConfirmedIsRecorded(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		opens := time.Date(2000, 1, 4, 9, 30, 0, 0, time.UTC)
		r.desk.locked(func() {
			r.desk.people = []Appointment{{Opens: opens, Closes: opens.Add(time.Hour), Beneficiary: 17, Occurrence: 5}}
		})
		ch := r.dial(cli, keys(3*time.Second, "1", 3*time.Second, "1"), 20*time.Second)
		require.Contains(t, r.heard(ch), r.says(roster.French, "appointment.confirmed"))
		require.Equal(t, []int64{5}, r.seen().confirmed)
		r.pbx.HangUp(ch, telephony.CauseNormal)
		synctest.Wait()
		r.sound(t)
	})
}

// TestTheCallBackSettlesAChange: only a key in the call back does, once, and only what was asked.
func TestTheCallBackSettlesAChange(t *testing.T) {
	t.Parallel()
	opens := time.Date(2000, 1, 4, 9, 30, 0, 0, time.UTC)
	skip := Change{ID: "one", Kind: ChangeSkip, Beneficiary: 17, Occurrence: 5, Promised: Proposal{opens, opens.Add(time.Hour)}}
	for name, c := range map[string]struct {
		change  Change
		press   string
		err     error
		settled []bool // Whether she agreed.
		result  call.Result
		reason  call.Reason
		hears   string
	}{
		"she agrees":           {change: skip, press: "1", settled: []bool{true}, result: call.ResultAnswered, hears: "confirmation.skipped"},
		"she does not":         {change: skip, press: "2", settled: []bool{false}, result: call.ResultAnswered, hears: "confirmation.refused"},
		"she says nothing":     {change: skip, result: call.ResultNoAnswer, reason: call.ReasonNoKey, hears: "automatic.silent"},
		"too late":             {change: skip, press: "1", err: ErrGone, result: call.ResultAnswered, hears: "confirmation.gone"},
		"the records are away": {change: skip, press: "1", err: errAway, result: call.ResultNoAnswer, reason: call.ReasonNoKey, hears: "confirmation.failed"},
		"she wants a person":   {change: skip, press: "0", result: call.ResultAnswered, hears: "automatic.call_back"},
		"nothing waits":        {result: call.ResultCancelled, reason: call.ReasonNothingToSay},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				var script telephonytest.Script
				if c.press != "" {
					script.Keys = []telephonytest.Key{{After: 8 * time.Second, Digit: c.press}}
				}
				r.pbx.SetPhone(number, script)
				r.desk.locked(func() { r.desk.change, r.desk.settleErr = c.change, c.err })
				o := automaticOrder(call.KindConfirmation)
				require.NoError(t, r.c.Start(t.Context(), o))
				time.Sleep(3 * time.Minute)
				n := r.seen()
				require.Len(t, n.outcomes, 1)
				require.Equal(t, c.result, n.outcomes[0].Result)
				require.Equal(t, c.reason, n.outcomes[0].Reason)
				require.Equal(t, c.settled, agreed(n.settled))
				if c.hears != "" {
					// Its beginning; the rest names a day.
					want := r.says(roster.French, c.hears)
					require.Contains(t, r.heard(n.steps[0].Channel), want[:min(len(want), 20)])
				}
				r.sound(t)
			})
		})
	}
}

// agreed is what was said of changes.
func agreed(list []Told) (out []bool) {
	for _, told := range list {
		if told.Change == "one" {
			out = append(out, told.Agreed)
		}
	}
	return out
}

// TestAChangeIsToldInTheNextCall: whatever automatic call she answers first tells her of a change that was asked for, and a key there
// settles it; without one she has answered all the same.
func TestAChangeIsToldInTheNextCall(t *testing.T) {
	t.Parallel()
	opens := time.Date(2000, 1, 4, 9, 30, 0, 0, time.UTC)
	skip := Change{ID: "one", Kind: ChangeSkip, Beneficiary: 17, Occurrence: 5, Promised: Proposal{opens, opens.Add(time.Hour)}}
	for name, c := range map[string]struct {
		kind    call.Kind
		keys    []string
		err     error
		settled []bool
		answers []string
		hears   string
	}{
		"presence":         {kind: call.KindPresence, keys: []string{"1", "1"}, settled: []bool{true}, answers: []string{"well", "agreed"}, hears: "confirmation.skipped"},
		"presence, no":     {kind: call.KindPresence, keys: []string{"1", "2"}, settled: []bool{false}, answers: []string{"well", "refused"}, hears: "confirmation.refused"},
		"presence, silent": {kind: call.KindPresence, keys: []string{"1"}, answers: []string{"well"}, hears: "presence.well"},
		"a reminder":       {kind: call.KindReminder, keys: []string{"1", "1"}, settled: []bool{true}, answers: []string{"confirmed", "agreed"}, hears: "confirmation.skipped"},
		"a survey":         {kind: call.KindSurvey, keys: []string{"1", "1", "1"}, settled: []bool{true}, answers: []string{"4", "yes", "agreed"}, hears: "confirmation.skipped"},
		"too late":         {kind: call.KindPresence, keys: []string{"1", "1"}, err: ErrGone, answers: []string{"well", "gone"}, hears: "confirmation.gone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				var script telephonytest.Script
				for _, digit := range c.keys {
					script.Keys = append(script.Keys, telephonytest.Key{After: 9 * time.Second, Digit: digit})
				}
				r.pbx.SetPhone(number, script)
				r.desk.locked(func() {
					r.desk.change, r.desk.settleErr = skip, c.err
					r.desk.proposal = Proposal{opens, opens.Add(time.Hour)}
				})
				require.NoError(t, r.c.Start(t.Context(), automaticOrder(c.kind)))
				time.Sleep(3 * time.Minute)
				n := r.seen()
				require.Len(t, n.outcomes, 1)
				require.Equal(t, call.ResultAnswered, n.outcomes[0].Result)
				require.Equal(t, c.settled, agreed(n.settled))
				var answers []string
				for _, a := range n.answers {
					answers = append(answers, a.Answer)
				}
				require.Equal(t, c.answers, answers)
				want := r.says(roster.French, c.hears)
				require.Contains(t, r.heard(n.steps[0].Channel), want[:min(len(want), 20)])
				r.sound(t)
			})
		})
	}
}

// TestAReminderIsAnsweredAsOnTheLine: one confirms the call that she is reminded of, and two changes it at once, because the number
// that is known was rung.
func TestAReminderIsAnsweredAsOnTheLine(t *testing.T) {
	t.Parallel()
	opens := time.Date(2000, 1, 4, 9, 30, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		keys      []string
		err       error
		confirmed []int64
		made      []Change
		answers   []string
		hears     string
	}{
		"she confirms":         {keys: []string{"1"}, confirmed: []int64{5}, answers: []string{"confirmed"}, hears: "reminder.confirmed"},
		"not this one":         {keys: []string{"2", "2"}, made: []Change{{Kind: ChangeSkip, Beneficiary: 17, Occurrence: 5}}, answers: []string{"changed"}, hears: "confirmation.skipped"},
		"it has begun":         {keys: []string{"2", "2"}, err: ErrGone, answers: []string{"call_back"}, hears: "appointment.gone"},
		"the records are away": {keys: []string{"2", "2"}, err: errAway, answers: []string{"call_back"}, hears: "error.ours"},
		"she wants a person":   {keys: []string{"0"}, answers: []string{"call_back"}, hears: "automatic.call_back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				var script telephonytest.Script
				for _, digit := range c.keys {
					script.Keys = append(script.Keys, telephonytest.Key{After: 6 * time.Second, Digit: digit})
				}
				r.pbx.SetPhone(number, script)
				r.desk.locked(func() { r.desk.askErr, r.desk.proposal = c.err, Proposal{opens, opens.Add(time.Hour)} })
				require.NoError(t, r.c.Start(t.Context(), automaticOrder(call.KindReminder)))
				time.Sleep(3 * time.Minute)
				n := r.seen()
				require.Len(t, n.outcomes, 1)
				require.Equal(t, call.ResultAnswered, n.outcomes[0].Result)
				require.Equal(t, c.confirmed, n.confirmed)
				require.Equal(t, c.made, n.made)
				require.Len(t, n.answers, len(c.answers))
				for i, a := range n.answers {
					require.Equal(t, c.answers[i], a.Answer)
				}
				want := r.says(roster.French, c.hears)
				require.Contains(t, r.heard(n.steps[0].Channel), want[:min(len(want), 20)])
				r.sound(t)
			})
		})
	}
}

// TestACallerSettlesAChangeByKey: behind a call in which she talked to the person, she says what that person said of a change.
func TestACallerSettlesAChangeByKey(t *testing.T) {
	t.Parallel()
	opens := time.Date(2000, 1, 4, 9, 30, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		press   string
		settled []bool
		hears   string
	}{
		"yes":           {press: "6", settled: []bool{true}, hears: "close.agreed"},
		"no":            {press: "7", settled: []bool{false}, hears: "close.refused"},
		"she says none": {hears: "close.menu"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				r.desk.locked(func() {
					r.desk.last = call.NewID()
					r.desk.change = Change{ID: "one", Kind: ChangeSkip, Beneficiary: 17, Occurrence: 5, Promised: Proposal{opens, opens.Add(time.Hour)}}
				})
				var script telephonytest.Script
				if c.press != "" {
					script = keys(6*time.Second, c.press)
				}
				ch := r.pbx.Feature("anna", "*6", script)
				time.Sleep(40 * time.Second)
				require.Equal(t, c.settled, agreed(r.seen().settled))
				want := r.says(roster.Dutch, c.hears)
				require.Contains(t, r.heard(ch), want[:min(len(want), 20)])
				r.pbx.HangUp(ch, telephony.CauseNormal)
				synctest.Wait()
				time.Sleep(time.Minute)
				synctest.Wait()
				r.sound(t)
			})
		})
	}
}

// TestProbingIsSlowed: what is told beyond the bounds is the same for every number, known or not, and the next window begins anew.
func TestProbingIsSlowed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var p probes
		now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
		known := func(n int) bool { return n < 3 }
		told, strangers := map[int]int{}, 0
		for range 200 {
			n := rapid.IntRange(0, 40).Draw(t, "number")
			if !p.may("line", fmt.Sprint(n), now) {
				require.True(t, told[n] >= mostAsks || strangers >= mostUnknown, "told nothing though little was asked")
				continue
			}
			require.Less(t, told[n], mostAsks)
			require.Less(t, strangers, mostUnknown)
			if told[n]++; !known(n) {
				strangers++
				p.unknown("line", now)
			}
		}
		require.True(t, p.may("another line", "0", now), "a line does not slow another")
		require.True(t, p.may("line", "0", now.Add(probeWindow)))
	})
	var p probes
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for n := range mostNumbers {
		p.may("line", fmt.Sprint(n), now)
	}
	require.False(t, p.may("line", "one more", now), "what is remembered is bounded")
	require.True(t, p.may("line", "5", now))
}

func TestADayTypedByKeys(t *testing.T) {
	t.Parallel()
	today := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for digits, want := range map[string]string{
		"2311": "2026-11-23", "0512": "2026-12-05", "0103": "2027-03-01", "2211": "", "2111": "", "3006": "", "3102": "", "3113": "",
		"0000": "", "1234": "", "051": "", "": "", "05*2": "", "2902": "",
	} {
		day, ok := readDay(digits, today)
		require.Equal(t, want != "", ok, digits)
		if ok {
			require.Equal(t, want, day.Format(time.DateOnly), digits)
		}
	}
	leap, ok := readDay("2902", time.Date(2027, 11, 22, 0, 0, 0, 0, time.UTC))
	require.True(t, ok)
	require.Equal(t, "2028-02-29", leap.Format(time.DateOnly))
}
