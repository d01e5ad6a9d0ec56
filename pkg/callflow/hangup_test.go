package callflow

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

// listens is what a party does who presses nothing until what is said is over and a menu has lost its patience.
const listens = "listens"

// scene is a way into a dialogue. Open begins it and returns the party's channel.
type scene struct {
	desk func(*desk)
	open func(*rig) string
	ways []string // Keys that lead on from there before anybody hangs up.
}

// scenes are the ways into every shipped flow.
func scenes() map[string]scene {
	dials := func(r *rig) string { return r.dial(cli, telephonytest.Script{}, time.Second) }
	machine := func(kind call.Kind) scene {
		return scene{
			desk: func(d *desk) {
				d.proposal = Proposal{Opens: time.Now().Add(time.Hour), Closes: time.Now().Add(2 * time.Hour)}
				d.change = Change{Kind: ChangeSkip, Beneficiary: 17, Occurrence: 5, Promised: d.proposal}
			},
			open: func(r *rig) string {
				r.pbx.SetPhone(number, telephonytest.Script{})
				_ = r.c.Start(context.Background(), automaticOrder(kind))
				time.Sleep(time.Second)
				synctest.Wait()
				return r.herChannel()
			},
		}
	}
	opens := time.Date(2000, 1, 4, 9, 30, 0, 0, time.UTC)
	marie := Appointment{Beneficiary: 5, FirstName: "Marie", Opens: opens, Closes: opens.Add(time.Hour)}
	louis := Appointment{Beneficiary: 6, FirstName: "Louis", Opens: opens, Closes: opens.Add(3 * time.Hour)}
	marianne := Caller{Scheme: 1, ID: 7, FirstName: "Marianne", Language: roster.Dutch, Zone: time.UTC}
	return map[string]scene{
		"a stranger":    {open: dials},
		"one is called": {open: dials, desk: func(d *desk) { d.people = []Appointment{marie} }},
		"a household":   {open: dials, desk: func(d *desk) { d.people = []Appointment{marie, louis} }},
		"in the queue":  {open: dials, desk: func(d *desk) { d.staffed = true }},
		"a registrar answers": {open: dials, desk: func(d *desk) {
			d.free = []Registrar{{ID: 1, Endpoint: "rita"}, {ID: 1, Endpoint: "rosa"}}
		}},
		"a caller":                   {open: dials, desk: func(d *desk) { d.colleagues = []Caller{marianne} }},
		"a caller who is called too": {open: dials, desk: func(d *desk) { d.colleagues, d.called = []Caller{marianne}, true }},
		"the records are away":       {open: dials, desk: func(d *desk) { d.peopleErr, d.promiseErr, d.todayErr = errAway, errAway, errAway }},
		"a call is closed": {
			desk: func(d *desk) { d.last = call.NewID() },
			open: func(r *rig) string {
				ch := r.pbx.Feature("anna", "*6", telephonytest.Script{})
				time.Sleep(time.Second)
				synctest.Wait()
				return ch
			},
		},
		"presence": machine(call.KindPresence), "reminder": machine(call.KindReminder), "survey": machine(call.KindSurvey),
		"outreach": machine(call.KindOutreach), "confirmation": machine(call.KindConfirmation),
		// Deeper than a stranger comes who tries every key from the beginning.
		"a registration": {open: dials, ways: []string{"2", "1", "1", "#"}},
		"an appointment": {open: dials, ways: []string{"1", "2"}, desk: func(d *desk) { d.people = []Appointment{marie} }},
		"an answer":      {open: dials, ways: []string{"3", "1"}},
	}
}

// TestHangingUpInEveryStep presses every key at every place that can be reached in the shipped flows, and hangs up there: in
// the middle of what is said, and after it. Nothing of the call is left: no channel, no held number, no place in the queue, no
// registrar who is thought to talk, no message that nobody left.
func TestHangingUpInEveryStep(t *testing.T) {
	t.Parallel()
	for name, s := range scenes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reached, tried, deepest := map[string]bool{}, 0, 6
			if testing.Short() {
				deepest = 2
			}
			todo := [][]string{s.ways}
			deepest = max(deepest, len(s.ways)+2)
			for len(todo) > 0 {
				way := todo[0]
				todo = todo[1:]
				fresh := false
				for _, wait := range []time.Duration{100 * time.Millisecond, 4 * time.Second} {
					tried++
					bubble(t, func(t *testing.T) {
						if place := s.leave(t, way, wait); place != "" && !reached[place] {
							reached[place], fresh = true, true
						}
					})
				}
				if !fresh || len(way) == deepest {
					continue
				}
				for _, next := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#", listens} {
					todo = append(todo, append(append([]string(nil), way...), next))
				}
			}
			t.Logf("%d places, left %d times", len(reached), tried)
			require.Greater(t, len(reached), 1)
		})
	}
}

// leave goes a way, hangs up after a while and returns where that was: "" when the call had ended by itself.
func (s scene) leave(t *testing.T, way []string, after time.Duration) (place string) {
	dir := t.TempDir()
	r := newRig(t, func(o *Options) { o.SpoolDir = dir })
	defer r.close()
	r.pbx.SetPhone("rita", telephonytest.Script{Answer: time.Hour})
	r.pbx.SetPhone("rosa", telephonytest.Script{Answer: 2 * time.Second})
	if s.desk != nil {
		r.desk.locked(func() { s.desk(r.desk) })
	}
	ch := s.open(r)
	for _, step := range way {
		if step == listens {
			time.Sleep(25 * time.Second)
		} else {
			r.pbx.Press(ch, step)
			time.Sleep(700 * time.Millisecond)
		}
		synctest.Wait()
	}
	time.Sleep(after)
	synctest.Wait()
	if strings.Contains(r.pbx.String(), ch+" ") {
		heard := r.pbx.Heard(ch)
		recorded := strings.Contains(strings.Join(r.pbx.Commands(), "\n"), "Record ")
		place = fmt.Sprint(recorded, heard[max(0, len(heard)-1):])
	}
	r.pbx.HangUp(ch, telephony.CauseNormal)
	time.Sleep(2 * time.Minute)
	synctest.Wait()

	seen, at := r.seen(), fmt.Sprint(way, " and ", after)
	require.Empty(t, r.pbx.String(), at)
	require.Empty(t, seen.held, at)
	require.Empty(t, seen.turns, at)
	require.Zero(t, testutil.ToFloat64(r.c.metrics.waiting), at)
	if n := len(seen.onLine); n > 0 {
		require.False(t, seen.onLine[n-1], "%s: her phone is thought to be in use", at)
	}
	require.LessOrEqual(t, len(seen.messages), strings.Count(strings.Join(r.pbx.Commands(), "\n"), "Record "), at)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "%s: kept for the records though they are there", at)
	ended := 0
	for _, o := range seen.outcomes {
		if o.AttemptEnded() {
			ended++
		}
	}
	require.LessOrEqual(t, ended, 1, at)
	r.sound(t)
	return place
}

// TestAKeyToldTwiceCountsOnce: the PBX tells some keys again that came too close behind another; whoever presses one key twice is
// slower than that.
func TestAKeyToldTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 6, 16, 10, 0, 0, 0, time.UTC)
	key := func(digit string, ms int) telephony.Event {
		return telephony.Event{Type: telephony.EventDigit, Channel: "c", Digit: digit, Time: at.Add(time.Duration(ms) * time.Millisecond)}
	}
	s := &session{channel: "c"}
	count := func(events ...telephony.Event) (digits string) {
		for _, e := range s.once(events) {
			digits += e.Digit
		}
		return digits
	}
	require.Equal(t, "12", count(key("1", 0), key("2", 10), key("2", 46)))
	require.Equal(t, "22", count(key("2", 146), key("2", 230)), "pressed three times")
	require.Equal(t, "3", count(key("3", 235), key("3", 281)))
	require.Equal(t, "44", count(key("4", 400), key("4", 405), key("4", 450)), "both came at once")
	require.Equal(t, "441", count(key("4", 600), key("4", 605), key("1", 610), key("4", 650), key("1", 696)))
	require.Equal(t, "55", count(key("5", 800), key("5", 855)))
	require.Equal(t, "3", count(telephony.Event{Type: telephony.EventDigit, Channel: "c", Digit: "3"}), "no time, no doubt")
	require.Len(t, s.once([]telephony.Event{{Type: telephony.EventGone, Channel: "c"}}), 1)
}

// TestWhatCannotBeRecordedIsSaid: the PBX refuses to record, or stops by itself on a full disk; she is told so, and called back.
func TestWhatCannotBeRecordedIsSaid(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		r.pbx.FailNext("Record", telephony.ErrRefused, false)
		ch := r.dial(cli, keys(3*time.Second, "0", 4*time.Second, "2"), time.Minute)
		heard := r.heard(ch)
		for _, key := range []string{"message.unrecorded", "message.called_back"} {
			require.Contains(t, heard, r.book.Text(roster.French, key, ivr.Vars{"callback_number": national(cli)}))
		}
		require.Len(t, r.seen().callbacks, 1)
		require.Equal(t, cli, r.seen().callbacks[0].Number)
		require.Empty(t, r.seen().messages)
		require.InDelta(t, 1, testutil.ToFloat64(r.c.metrics.unrecorded), 0)
		r.sound(t)
	})
	for _, full := range []bool{true, false} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, func(o *Options) { o.Full = func() bool { return full } })
			defer r.close()
			ch := r.dial(cli, keys(3*time.Second, "0", 4*time.Second, "2"), 3*time.Minute) // It ends by itself.
			require.Equal(t, full, strings.Contains(r.heard(ch), r.book.Text(roster.French, "message.unrecorded", nil)))
			require.Len(t, r.seen().messages, 1, "what was said until then")
			require.Equal(t, full, len(r.seen().callbacks) == 1)
			r.sound(t)
		})
	}
}
