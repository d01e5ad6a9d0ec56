package callflow

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

func automaticOrder(kind call.Kind) call.Order {
	return call.Order{
		Scheme: 1, Attempt: call.NewID(), Kind: kind, Number: number, Trunk: "trunk", Language: "fr",
		BeneficiaryRing: 60 * time.Second, DialBy: time.Now().Add(15 * time.Second),
	}
}

// said is spoken: a silence, what is said, a silence, and so on.
func said(spans ...time.Duration) (list []telephonytest.Speech) {
	for i := 0; i+1 < len(spans); i += 2 {
		list = append(list, telephonytest.Speech{After: spans[i], Lasts: spans[i+1]})
	}
	return list
}

// TestAutomaticPaths walks every path of a call without a caller: what her phone does, and what must come of it.
func TestAutomaticPaths(t *testing.T) {
	t.Parallel()
	type script = telephonytest.Script
	press := func(keys ...string) []telephonytest.Key {
		var out []telephonytest.Key
		for _, k := range keys {
			out = append(out, telephonytest.Key{After: 4 * time.Second, Digit: k})
		}
		return out
	}
	both := []call.State{call.StateRinging, call.StateBridged}
	answered := call.Outcome{Result: call.ResultAnswered, Fault: call.FaultNone, Rang: true}
	silent := call.Outcome{Result: call.ResultNoAnswer, Reason: call.ReasonNoKey, Fault: call.FaultTheirs, Rang: true}
	machine := call.Outcome{Result: call.ResultMachine, Fault: call.FaultTheirs, Rang: true}
	cases := []struct {
		name    string
		kind    call.Kind
		hers    script
		dialBy  time.Duration // From now; 0 means 15 s.
		voice   error
		want    call.Outcome
		steps   []call.State
		answers []string
		hears   string
		rings   int
		nothing error // What is known of her next call.
		refused bool  // She said that she will not be called,
		never   bool  // or says so now.
		reach   error // Whether that can be kept once she has answered.
	}{
		{
			name: "all is well", hers: script{Answer: 5 * time.Second, Keys: press("1")}, want: answered, steps: both,
			answers: []string{call.AnswerWell}, hears: "presence.well", rings: 1,
		},
		{
			name: "call me back", hers: script{Keys: press("2")}, want: answered, steps: both,
			answers: []string{call.AnswerCallBack}, hears: "automatic.call_back", rings: 1,
		},
		{
			name: "a person", hers: script{Keys: press("0")}, want: answered, steps: both,
			answers: []string{call.AnswerCallBack}, hears: "automatic.call_back", rings: 1,
		},
		{
			name: "again, then well", hers: script{Keys: press("9", "1")}, want: answered, steps: both,
			answers: []string{call.AnswerWell}, hears: "presence.well", rings: 1,
		},
		{
			name: "keys that mean nothing are somebody", hers: script{Keys: press("5", "5")}, want: answered, steps: both,
			answers: []string{call.AnswerCallBack}, hears: "automatic.call_back", rings: 1,
		},
		{
			name: "no key", hers: script{}, want: silent, steps: both, hears: "automatic.silent", rings: 1,
		},
		{
			name: "a machine, and its beep", hers: script{Speech: said(600*time.Millisecond, 6*time.Second, 800*time.Millisecond, 500*time.Millisecond)},
			want: machine, steps: both, hears: "automatic.machine", rings: 1,
		},
		{
			name: "a machine that hangs up", hers: script{Speech: said(600*time.Millisecond, 6*time.Second), HangUp: 8 * time.Second},
			want: machine, steps: both, hears: "automatic.machine", rings: 1,
		},
		{
			name: "who was taken for a machine presses a key",
			hers: script{Speech: said(600*time.Millisecond, 6*time.Second), Keys: []telephonytest.Key{{After: 9 * time.Second, Digit: "1"}, {After: 8 * time.Second, Digit: "1"}}},
			want: answered, steps: both, answers: []string{call.AnswerWell}, hears: "presence.well", rings: 1,
		},
		{
			name: "a late hello", hers: script{Speech: said(4*time.Second, 500*time.Millisecond)},
			want: silent, steps: both, hears: "automatic.silent", rings: 1,
		},
		{
			name: "hello again and again",
			hers: script{Speech: said(200*time.Millisecond, time.Second, time.Second, time.Second, time.Second, time.Second, time.Second, time.Second, time.Second, time.Second, time.Second, time.Second)},
			want: silent, steps: both, hears: "automatic.silent", rings: 1,
		},
		{
			name: "who goes on talking after a silence is a person", hers: script{Speech: said(4*time.Second, 9*time.Second)},
			want: silent, steps: both, hears: "automatic.silent", rings: 1,
		},
		{
			name: "she hangs up without a key", hers: script{HangUp: 3 * time.Second}, want: silent, steps: both, rings: 1,
		},
		{
			name: "she hangs up in the thanks", hers: script{Keys: press("1"), HangUp: 4500 * time.Millisecond},
			want: answered, steps: both, answers: []string{call.AnswerWell}, rings: 1,
		},
		{
			name: "busy", hers: script{Refuse: telephony.CauseBusy, Ring: -1},
			want: call.Outcome{Result: call.ResultBusy, Fault: call.FaultTheirs, Cause: 17}, rings: 1,
		},
		{
			name: "no answer", hers: script{Never: true}, steps: both[:1],
			want: call.Outcome{Result: call.ResultNoAnswer, Fault: call.FaultTheirs, Cause: 19, Rang: true}, rings: 1,
		},
		{
			name: "too late", hers: script{}, dialBy: time.Nanosecond,
			want: call.Outcome{Result: call.ResultCancelled, Reason: call.ReasonDialBy, Fault: call.FaultOurs},
		},
		{
			name: "nothing can be said", hers: script{}, voice: errAway,
			want: call.Outcome{Result: call.ResultFailed, Fault: call.FaultOurs},
		},
		{
			name: "a call to come", kind: call.KindReminder, hers: script{Keys: press("1")}, want: answered, steps: both,
			answers: []string{"confirmed"}, hears: "reminder.confirmed", rings: 1,
		},
		{
			name: "no call to come", kind: call.KindReminder, hers: script{}, nothing: ErrNothing,
			want: call.Outcome{Result: call.ResultCancelled, Reason: call.ReasonNothingToSay, Fault: call.FaultNone},
		},
		{
			name: "outreach: she is interested", kind: call.KindOutreach, hers: script{Keys: press("1")}, want: answered, steps: both,
			answers: []string{call.AnswerRegister}, hears: "outreach.register", rings: 1,
		},
		{
			name: "outreach: never again, asked once more", kind: call.KindOutreach, hers: script{Keys: press("2", "2")}, want: answered,
			steps: both, answers: []string{call.AnswerDeclined, call.AnswerNever}, hears: "outreach.never", rings: 1, never: true,
		},
		{
			name: "outreach: no, and no more", kind: call.KindOutreach, hers: script{Keys: press("2")}, want: answered,
			steps: both, answers: []string{call.AnswerDeclined}, hears: "outreach.declined", rings: 1,
		},
		{
			name: "outreach: no cannot be kept", kind: call.KindOutreach, hers: script{Keys: press("2", "2")}, want: answered, reach: errAway,
			steps: both, answers: []string{call.AnswerDeclined, call.AnswerCallBack}, hears: "error.ours", rings: 1,
		},
		{
			name: "outreach: wrong keys", kind: call.KindOutreach, hers: script{Keys: press("7", "7")}, want: answered,
			steps: both, answers: []string{call.AnswerCallBack}, hears: "automatic.call_back", rings: 1,
		},
		{
			name: "outreach: silence", kind: call.KindOutreach, hers: script{}, want: silent, steps: both, hears: "outreach.silent", rings: 1,
		},
		{
			name: "outreach: she refused meanwhile", kind: call.KindOutreach, hers: script{}, refused: true,
			want: call.Outcome{Result: call.ResultCancelled, Reason: call.ReasonNothingToSay, Fault: call.FaultNone},
		},
		{
			name: "the survey, one answer after the other", kind: call.KindSurvey, hers: script{Keys: press("1", "2")},
			want: answered, steps: both, answers: []string{"4", "no"}, hears: "survey.thanks", rings: 1,
		},
		{
			name: "the survey: wrong keys", kind: call.KindSurvey, hers: script{Keys: press("1", "7", "7")}, want: answered, steps: both,
			answers: []string{"4", call.AnswerCallBack}, hears: "automatic.call_back", rings: 1,
		},
		{
			name: "the survey, left half-way", kind: call.KindSurvey,
			hers: script{Keys: press("2"), HangUp: 6 * time.Second}, want: answered, steps: both, answers: []string{"3"}, rings: 1,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, func(o *Options) { o.Voice = spoken{err: c.voice} })
				defer r.close()
				r.pbx.SetPhone(number, c.hers)
				r.desk.locked(func() {
					r.desk.peopleErr = c.nothing
					if c.refused {
						r.desk.forbidden = number
					}
				})
				kind := c.kind
				if kind == "" {
					kind = call.KindPresence
				}
				o := automaticOrder(kind)
				if c.dialBy > 0 {
					o.DialBy = time.Now().Add(c.dialBy)
				}
				require.NoError(t, r.c.Start(t.Context(), o))
				time.Sleep(2 * time.Second)
				r.desk.locked(func() { r.desk.reachErr = c.reach })
				time.Sleep(3 * time.Minute)
				n := r.seen()
				require.Equal(t, c.never, len(n.never) == 1)
				require.Len(t, n.outcomes, 1)
				got := n.outcomes[0]
				require.Positive(t, got.At)
				if c.want.Result == call.ResultAnswered {
					require.Positive(t, got.Talk)
				}
				got.At, got.Talk = time.Time{}, 0
				c.want.Scheme, c.want.Attempt = 1, o.Attempt
				if c.want.Cause == 0 {
					got.Cause = 0 // Of a line that was up.
				}
				require.Equal(t, c.want, got)
				require.Equal(t, c.steps, states(n.steps))
				var answers []string
				for i, a := range n.answers {
					require.Equal(t, i+1, a.N)
					require.Equal(t, kind == call.KindSurvey && a.Answer != call.AnswerCallBack, a.Survey != "")
					answers = append(answers, a.Answer)
				}
				require.Equal(t, c.answers, answers)
				require.Equal(t, c.rings, r.pbx.Rings(number))
				if c.hears != "" {
					require.Contains(t, r.heard(n.steps[0].Channel), r.says(roster.French, c.hears))
				}
				r.sound(t)
			})
		})
	}
}

// TestAutomaticIsAdopted: whoever listens when the service dies hears the flow again from the next one, and what she had keyed
// counts.
func TestAutomaticIsAdopted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		dies   time.Duration // After the order.
		keyed  int           // What is recorded by then.
		result call.Result
		rings  int
	}{
		"before her phone rings":         {dies: 500 * time.Microsecond, result: call.ResultAnswered, rings: 1},
		"while it rings":                 {dies: 3 * time.Second, result: call.ResultAnswered, rings: 1},
		"while she listens":              {dies: 7 * time.Second, result: call.ResultAnswered, rings: 1},
		"after she has keyed her answer": {dies: 20*time.Second + 100*time.Millisecond, keyed: 1, result: call.ResultAnswered, rings: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				r.pbx.SetPhone(number, telephonytest.Script{
					Answer: 5 * time.Second, Keys: []telephonytest.Key{{After: 15 * time.Second, Digit: "1"}},
				})
				o := automaticOrder(call.KindPresence)
				require.NoError(t, r.c.Start(t.Context(), o))
				time.Sleep(c.dies)
				n := r.seen()
				require.Len(t, n.answers, c.keyed)
				require.Empty(t, n.outcomes)
				r.leave()
				was := call.Live{Order: o, State: call.StateIntent, ClaimedAt: time.Now(), Answers: len(n.answers)}
				for _, s := range n.steps {
					was.State, was.Channel = s.State, s.Channel
				}
				time.Sleep(time.Second)
				var err error
				r.c, err = New(r.c.o)
				require.NoError(t, err)
				r.run()
				r.c.Adopt(t.Context(), []call.Live{was})
				time.Sleep(3 * time.Minute)
				n = r.seen()
				require.Len(t, n.outcomes, 1)
				require.Equal(t, c.result, n.outcomes[0].Result, "%+v", n.outcomes[0])
				require.Len(t, n.answers, 1)
				require.Equal(t, c.rings, r.pbx.Rings(number))
				r.sound(t)
			})
		})
	}
}

// TestReminderIsAdopted: what she is reminded of is looked up anew, also when the instant to dial by has passed; where it cannot
// be, her phone stops ringing.
func TestReminderIsAdopted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		seen   bool // Her phone is known to ring.
		away   bool // The records, while the call is adopted.
		later  bool // They are still away when she answers.
		result call.Result
		heard  bool
	}{
		"after its instant to dial by":               {seen: true, result: call.ResultAnswered, heard: true},
		"with nothing to say":                        {seen: true, away: true, result: call.ResultFailed},
		"with nothing to say before her phone rings": {away: true, result: call.ResultAnswered, heard: true},
		"with nothing to say when she answers":       {away: true, later: true, result: call.ResultFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				r.pbx.SetPhone(number, telephonytest.Script{
					Answer: 25 * time.Second, Keys: []telephonytest.Key{{After: 10 * time.Second, Digit: "1"}},
				})
				r.desk.locked(func() {
					opens := time.Now().Add(24 * time.Hour)
					r.desk.proposal = Proposal{Opens: opens, Closes: opens.Add(time.Hour)}
				})
				o := automaticOrder(call.KindReminder)
				require.NoError(t, r.c.Start(t.Context(), o))
				wait := 500 * time.Microsecond
				if c.seen {
					wait = 18 * time.Second
				}
				time.Sleep(wait)
				was := call.Live{Order: o, State: call.StateIntent, ClaimedAt: time.Now()}
				for _, s := range r.seen().steps {
					was.State, was.Channel = s.State, s.Channel
				}
				r.leave()
				if c.away {
					r.desk.locked(func() { r.desk.peopleErr = errAway })
				}
				var err error
				r.c, err = New(r.c.o)
				require.NoError(t, err)
				r.run()
				r.c.Adopt(t.Context(), []call.Live{was})
				time.Sleep(2 * time.Second)
				if !c.later {
					r.desk.locked(func() { r.desk.peopleErr = nil })
				}
				time.Sleep(3 * time.Minute)
				n := r.seen()
				require.Len(t, n.outcomes, 1)
				require.Equal(t, c.result, n.outcomes[0].Result, "%+v", n.outcomes[0])
				require.Equal(t, c.heard, len(n.answers) == 1)
			})
		})
	}
}

// TestAutomaticGoneWhileNobodyLooked: nobody knows what she did, so that she is called again.
func TestAutomaticGoneWhileNobodyLooked(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		o := automaticOrder(call.KindPresence)
		r.c.Adopt(t.Context(), []call.Live{
			{Order: o, State: call.StateBridged, Channel: "1700000000.99", ClaimedAt: time.Now()},
		})
		synctest.Wait()
		time.Sleep(5 * time.Minute)
		n := r.seen()
		require.Len(t, n.outcomes, 1)
		require.Equal(t, call.ResultUnknown, n.outcomes[0].Result)
		require.Zero(t, r.pbx.Rings(number))
		r.sound(t)
	})
}
