package callflow

import (
	"context"
	"os"
	"path/filepath"
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

const cli = "+32470000001"

// keys presses one key after the other, each so long after the one before.
func keys(pairs ...any) telephonytest.Script {
	var s telephonytest.Script
	for i := 0; i < len(pairs); i += 2 {
		s.Keys = append(s.Keys, telephonytest.Key{After: pairs[i].(time.Duration), Digit: pairs[i+1].(string)})
	}
	return s
}

// dial lets somebody call the line and returns the channel after d.
func (r *rig) dial(from string, s telephonytest.Script, d time.Duration) string {
	ch := r.pbx.Inbound(from, did, "trunk", s)
	time.Sleep(d)
	synctest.Wait()
	return ch
}

func TestTheLineAnswersInFrenchAndHoldsTheNumber(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		ch := r.dial(cli, telephonytest.Script{HangUp: 3 * time.Second}, time.Second)
		require.True(t, strings.HasPrefix(r.heard(ch), r.says(roster.French, "line.greeting")))
		require.Equal(t, map[string]string{cli: ch}, r.seen().held)
		time.Sleep(5 * time.Second)
		require.Empty(t, r.seen().held)
		r.sound(t)
	})
}

func TestNextAppointment(t *testing.T) {
	t.Parallel()
	opens := time.Date(2000, 1, 4, 9, 30, 0, 0, time.UTC) // A Tuesday, half past ten in Brussels.
	marie := Appointment{FirstName: "Marie", Opens: opens, Closes: opens.Add(time.Hour)}
	louis := Appointment{FirstName: "Louis", Opens: opens, Closes: opens.Add(3 * time.Hour)}
	cases := []struct {
		name   string
		from   string
		people []Appointment
		err    error
		press  telephonytest.Script
		want   []string
		never  string
	}{
		{
			name: "one person", from: cli, people: []Appointment{marie}, press: keys(3*time.Second, "1"),
			want:  []string{"fr: Votre prochain appel est prévu mardi quatre janvier, vers dix heures trente."},
			never: "Marie",
		},
		{
			name: "a long window, in Dutch", from: cli, people: []Appointment{louis},
			press: keys(3*time.Second, "4", 2*time.Second, "2", 2*time.Second, "1"),
			want:  []string{"nl: Wij bellen u opnieuw op dinsdag vier januari, tussen half elf en half twee."},
		},
		{
			name: "several people behind one number", from: cli, people: []Appointment{marie, louis},
			press: keys(3*time.Second, "1", 2*time.Second, "2"),
			want: []string{
				"fr: Pour Marie, tapez un.", "fr: Pour Louis, tapez deux.", "entre dix heures trente et treize heures trente.",
			},
		},
		{
			name: "known, nothing planned", from: cli, people: []Appointment{{FirstName: "Marie"}},
			press: keys(3*time.Second, "1"), want: []string{"Aucun appel n'est prévu"},
		},
		{name: "unknown number", from: cli, err: ErrNothing, press: keys(3*time.Second, "1"), want: []string{"Je ne reconnais pas"}},
		{name: "withheld number", people: []Appointment{marie}, press: keys(3*time.Second, "1"), want: []string{"Je ne reconnais pas"}},
		{
			name: "the records are away", from: cli, err: errAway, press: keys(3*time.Second, "1"),
			want: []string{"petit souci technique", "Laissez-nous un message"},
		},
		{
			name: "said again", from: cli, people: []Appointment{marie}, press: keys(3*time.Second, "1", 5*time.Second, "9"),
			want: []string{"vers dix heures trente.\n", "vers dix heures trente.\n"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				r.desk.locked(func() { r.desk.people, r.desk.peopleErr = c.people, c.err })
				ch := r.dial(c.from, c.press, 40*time.Second)
				heard := r.heard(ch)
				for _, want := range c.want {
					before, after, found := strings.Cut(heard, want)
					require.True(t, found, "%q not in %q after %q", want, after, before)
					heard = after
				}
				if c.never != "" {
					require.NotContains(t, r.heard(ch), c.never)
				}
				r.pbx.HangUp(ch, telephony.CauseNormal)
				synctest.Wait()
				r.sound(t)
			})
		})
	}
}

func TestARegistrarIsRungAndBridged(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		r.desk.locked(func() { r.desk.free = []Registrar{{ID: 1, Endpoint: "rosa"}, {ID: 2, Endpoint: "rita"}} })
		r.pbx.SetPhone("rosa", telephonytest.Script{Never: true})
		r.pbx.SetPhone("rita", telephonytest.Script{Answer: 5 * time.Second, HangUpBridged: time.Minute})
		ch := r.dial(cli, keys(3*time.Second, "0"), 10*time.Second)
		require.InDelta(t, 1, testutil.ToFloat64(r.c.metrics.waiting), 0)
		require.Contains(t, r.heard(ch), "tone:ring")
		time.Sleep(25 * time.Second)
		require.Zero(t, testutil.ToFloat64(r.c.metrics.waiting))
		time.Sleep(2 * time.Minute)
		require.Equal(t, []call.OfferState{call.OfferTimedOut, call.OfferAccepted}, r.seen().released)
		require.Contains(t, r.heard(ch), r.says(roster.French, "goodbye"))
		require.Empty(t, r.pbx.String())
		r.sound(t)
	})
}

func TestARegistrarWhoLeftTheSchemeTakesNoCall(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		r.desk.locked(func() {
			r.desk.free, r.desk.disabled = []Registrar{{ID: 1, Endpoint: "rosa"}, {ID: 2, Endpoint: "rita"}}, 1
		})
		r.pbx.SetPhone("rosa", telephonytest.Script{Answer: 2 * time.Second})
		r.pbx.SetPhone("rita", telephonytest.Script{Answer: 2 * time.Second, HangUpBridged: time.Minute})
		ch := r.dial(cli, keys(3*time.Second, "0"), 12*time.Second)
		require.Empty(t, r.pbx.Find(ch+"-c1"), "she is let go")
		require.NotEmpty(t, r.pbx.Find(ch+"-c2"))
		time.Sleep(2 * time.Minute)
		require.Equal(t, []call.OfferState{call.OfferFailed, call.OfferAccepted}, r.seen().released)
		r.sound(t)
	})
}

func TestAMessageIsTakenWhenNobodyIsFree(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		script telephonytest.Script
		kept   bool
		says   string
	}{
		"ended by the hash key": {script: keys(3*time.Second, "0", 40*time.Second, "#"), kept: true, says: "message.kept"},
		"ended by hanging up":   {script: telephonytest.Script{Keys: keys(3*time.Second, "0").Keys, HangUp: 30 * time.Second}, kept: true},
		"a few words, then she hangs up": {
			script: telephonytest.Script{Keys: keys(3*time.Second, "0", 4*time.Second, "2").Keys, HangUp: 14 * time.Second}, kept: true,
		},
		"nothing said": {script: keys(3*time.Second, "0", 4*time.Second, "2", 3*time.Second, "#"), says: "message.empty"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				ch := r.dial(cli, c.script, 2*time.Minute)
				require.Equal(t, c.kept, len(r.seen().messages) == 1, "%v", r.seen().messages)
				if c.kept {
					m := r.seen().messages[0]
					require.Equal(t, []any{int64(1), cli, roster.French, "messages/" + m.ID},
						[]any{m.Scheme, m.CLI, m.Language, m.Recording})
					require.Greater(t, m.Length, 2*time.Second)
				}
				if c.says != "" {
					require.Contains(t, r.heard(ch), r.says(roster.French, c.says))
				}
				r.sound(t)
			})
		})
	}
}

// TestMessagesSurviveTheRecords: the records are away while a message is left and the process ends before they are back.
func TestMessagesSurviveTheRecords(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "spool")
	bubble(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.SpoolDir = dir })
		r.desk.locked(func() { r.desk.saveErr, r.desk.lineErr = errAway, errAway })
		ch := r.dial(cli, keys(3*time.Second, "0", 40*time.Second, "#"), 2*time.Minute)
		require.Contains(t, r.heard(ch), r.says(roster.French, "message.kept"))
		require.Empty(t, r.seen().messages)
		r.close()

		next := newRig(t, func(o *Options) { o.SpoolDir = dir })
		defer next.close()
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, next.seen().messages, 1)
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

// TestAMessageSurvivesTheService: the process ends in the middle of a message, which the PBX records to its end.
func TestAMessageSurvivesTheService(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "spool")
	bubble(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.SpoolDir = dir })
		r.dial(cli, keys(3*time.Second, "0"), 20*time.Second)
		require.NotEmpty(t, r.pbx.Commands())
		require.Empty(t, r.seen().messages)
		r.close()
		next := newRig(t, func(o *Options) { o.SpoolDir = dir })
		defer next.close()
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, next.seen().messages, 1)
		require.Equal(t, cli, next.seen().messages[0].CLI)
		// Nothing is kept of a message that nobody left.
		next.dial(cli, keys(3*time.Second, "0", 4*time.Second, "2", 3*time.Second, "#"), time.Minute)
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left)
		require.Len(t, next.seen().messages, 1)
	})
}

// TestHangingUpAtAnyMoment ends an inbound call at every tenth of a second of a dialogue with a registrar and a message.
func TestHangingUpAtAnyMoment(t *testing.T) {
	t.Parallel()
	for at := 100 * time.Millisecond; at < 45*time.Second; at += 700 * time.Millisecond {
		bubble(t, func(t *testing.T) {
			r := newRig(t, nil)
			defer r.close()
			r.desk.locked(func() { r.desk.free = []Registrar{{ID: 1, Endpoint: "rosa"}} })
			r.pbx.SetPhone("rosa", telephonytest.Script{Never: true})
			s := keys(2*time.Second, "7", 2*time.Second, "2")
			s.HangUp = at
			r.dial(cli, s, 2*time.Minute)
			require.Empty(t, r.seen().held)
			require.Empty(t, r.pbx.String())
			require.Zero(t, testutil.ToFloat64(r.c.metrics.waiting))
			r.sound(t)
		})
	}
}

func TestErrorsNeverEndTheCall(t *testing.T) {
	t.Parallel()
	cases := map[string]telephonytest.Script{
		"wrong keys": keys(3*time.Second, "7", 3*time.Second, "8"),
		"silence":    {},
	}
	for name, s := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				ch := r.dial(cli, s, time.Minute)
				require.Contains(t, r.heard(ch), r.says(roster.French, "person.wait"), "two failures lead to a person")
				require.Contains(t, r.heard(ch), r.says(roster.French, "message.invite"), "nobody free: a message")
				r.pbx.HangUp(ch, telephony.CauseNormal)
				synctest.Wait()
				r.sound(t)
			})
		})
	}
}

func TestUnknownLinesAndLinesFromMemory(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		ch := r.pbx.Inbound(cli, "+3281999999", "trunk", telephonytest.Script{})
		time.Sleep(5 * time.Second)
		require.Contains(t, r.heard(ch), r.says(roster.French, "dialplan.line-unknown"))
		r.desk.locked(func() { r.desk.line.Languages = []roster.Language{roster.German} })
		r.dial(cli, telephonytest.Script{HangUp: time.Second}, 2*time.Second)
		r.desk.locked(func() { r.desk.lineErr = errAway })
		ch = r.dial(cli, telephonytest.Script{HangUp: time.Second}, 2*time.Second)
		require.Contains(t, r.heard(ch), r.says(roster.German, "line.greeting"))
		r.sound(t)
	})
}

func TestFeatureCodes(t *testing.T) {
	t.Parallel()
	attempt := call.NewID()
	cases := []struct {
		name, endpoint, code string
		desk                 func(*desk)
		press                telephonytest.Script
		says                 string
		vars                 ivr.Vars
		state                call.CallerState
	}{
		{name: "ready", endpoint: "anna", code: "*1", says: "feature.ready", state: call.CallerReady},
		{name: "once more", endpoint: "anna", code: "*2", says: "feature.ready_once", state: call.CallerReadyOnce},
		{name: "break", endpoint: "anna", code: "*3", says: "feature.break", state: call.CallerBreak},
		{name: "off", endpoint: "PJSIP/anna", code: "*4", says: "feature.off", state: call.CallerOff},
		{
			name: "in a call", endpoint: "anna", code: "*3", says: "feature.not_now", state: call.CallerBreak,
			desk: func(d *desk) { d.stateErr = ErrRefusedNow },
		},
		{
			name: "no dispatcher", endpoint: "anna", code: "*1", says: "feature.unavailable", state: call.CallerReady,
			desk: func(d *desk) { d.stateErr = errAway },
		},
		{
			name: "nobody next", endpoint: "anna", code: "*5", says: "feature.nothing_next",
			desk: func(d *desk) { d.nextErr = ErrNothing },
		},
		{
			name: "somebody now", endpoint: "anna", code: "*5", says: "feature.next_now_name", vars: ivr.Vars{"name": "Marie"},
			desk: func(d *desk) { d.next = NextCall{Name: "Marie"} },
		},
		{
			name: "somebody later", endpoint: "anna", code: "*5", says: "feature.next_at",
			vars: ivr.Vars{"at": time.Date(2000, 1, 5, 10, 30, 0, 0, time.UTC)},
			desk: func(d *desk) { d.next = NextCall{At: time.Date(2000, 1, 5, 10, 30, 0, 0, time.UTC)} },
		},
		{name: "nothing to close", endpoint: "anna", code: "*6", says: "feature.nothing_to_close"},
		{
			name: "close the last call", endpoint: "anna", code: "*6", says: "close.difficult",
			press: keys(3*time.Second, "2"), desk: func(d *desk) { d.last = attempt },
		},
		{name: "unknown code", endpoint: "anna", code: "*8", says: "feature.unknown_code"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				if c.desk != nil {
					c.desk(r.desk)
				}
				ch := r.pbx.Feature(c.endpoint, c.code, c.press)
				time.Sleep(time.Minute)
				synctest.Wait()
				require.Contains(t, r.heard(ch), "nl: "+r.book.Text(roster.Dutch, c.says, c.vars))
				if c.state != "" {
					require.Equal(t, []call.CallerState{c.state}, r.seen().states)
				}
				if c.name == "close the last call" {
					require.Equal(t, []Closing{{
						Scheme: 1, Attempt: attempt, Caller: 7, Disposition: call.DispositionDifficult,
					}}, r.seen().closings)
				}
				require.Empty(t, r.pbx.String())
				require.Equal(t, []bool{true, false}, r.seen().onLine, "her phone was in use, and is free again")
				r.sound(t)
			})
		})
	}
	t.Run("a phone of nobody", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			r := newRig(t, nil)
			defer r.close()
			ch := r.pbx.Feature("stranger", "*1", telephonytest.Script{})
			time.Sleep(time.Minute)
			require.Contains(t, r.heard(ch), r.says(roster.French, "feature.unknown_caller"))
			require.Empty(t, r.seen().states)
			r.sound(t)
		})
	})
}

// TestACallerWithAnOrdinaryPhone changes her state by the keypad of the line, known by her number.
func TestACallerWithAnOrdinaryPhone(t *testing.T) {
	t.Parallel()
	marianne := Caller{Scheme: 1, ID: 7, FirstName: "Marianne", Language: roster.Dutch, Zone: time.UTC}
	denis := Caller{Scheme: 1, ID: 8, FirstName: "Denis", Language: roster.Dutch, Zone: time.UTC}
	cases := []struct {
		name   string
		keys   telephonytest.Script
		desk   func(d *desk)
		says   string
		vars   ivr.Vars
		states []call.CallerState
		stays  bool // On the line, in the menu.
	}{
		{name: "ready", keys: keys(3*time.Second, "1"), says: "feature.ready", states: []call.CallerState{call.CallerReady}},
		{name: "before the menu is said", keys: keys(time.Second, "4"), says: "feature.off", states: []call.CallerState{call.CallerOff}},
		{name: "one more", keys: keys(3*time.Second, "2"), says: "feature.ready_once", states: []call.CallerState{call.CallerReadyOnce}},
		{
			name: "a break in a call", keys: keys(3*time.Second, "3"), says: "feature.not_now", stays: true,
			states: []call.CallerState{call.CallerBreak}, desk: func(d *desk) { d.stateErr = ErrRefusedNow },
		},
		{
			name: "next call, nobody named", keys: keys(3*time.Second, "5"), says: "feature.next_at", stays: true,
			vars: ivr.Vars{"at": time.Date(2000, 1, 5, 10, 30, 0, 0, time.UTC)},
			desk: func(d *desk) { d.next = NextCall{At: time.Date(2000, 1, 5, 9, 30, 0, 0, time.UTC), Name: "Rose"} },
		},
		{name: "the usual menu", keys: keys(3*time.Second, "7"), says: "main.menu", stays: true},
		{name: "a person", keys: keys(3*time.Second, "0"), says: "person.nobody", stays: true},
		{
			name: "two callers, one phone", keys: keys(3*time.Second, "2", 3*time.Second, "1"), says: "feature.ready",
			desk: func(d *desk) { d.colleagues = []Caller{marianne, denis} }, states: []call.CallerState{call.CallerReady},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				r.desk.locked(func() { r.desk.colleagues = []Caller{marianne} })
				if c.desk != nil {
					c.desk(r.desk)
				}
				ch := r.dial(cli, c.keys, 14*time.Second)
				require.Contains(t, r.heard(ch), "nl: "+r.book.Text(roster.Dutch, c.says, c.vars))
				require.NotContains(t, r.heard(ch), "Rose")
				require.Equal(t, c.states, r.seen().states)
				for _, known := range r.seen().known {
					require.Equal(t, KnownByNumber, known)
				}
				if c.stays {
					require.NotContains(t, r.seen().onLine, false)
					r.pbx.HangUp(ch, telephony.CauseNormal)
				}
				synctest.Wait()
				require.Empty(t, r.pbx.String(), "her phone is free")
				require.Contains(t, r.seen().onLine, false)
				require.Empty(t, r.seen().held)
				require.Empty(t, r.seen().closings)
				r.sound(t)
			})
		})
	}
}

// TestTheDialplanTakesOverFromADeadService, wherever the dialogue was; two people who talk are left in peace.
func TestTheDialplanTakesOverFromADeadService(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.desk.locked(func() { r.desk.free = []Registrar{{ID: 1, Endpoint: "rosa"}} })
		r.pbx.SetPhone("rosa", telephonytest.Script{})
		talking := r.dial(cli, keys(time.Second, "0"), 10*time.Second)
		saying := r.dial(cli, telephonytest.Script{}, 500*time.Millisecond)
		waiting := r.dial(cli, keys(time.Second, "3"), 20*time.Second)
		feature := r.pbx.Feature("anna", "*6", telephonytest.Script{})
		r.desk.locked(func() { r.desk.last = call.NewID() })
		time.Sleep(5 * time.Second)
		require.NotContains(t, r.heard(saying)+r.heard(waiting), "dialplan", "nobody is cut off while the service lives")
		r.leave()
		time.Sleep(guardLimit + 20*time.Second) // What is being said is said to its end.
		require.Contains(t, r.heard(saying), "dialplan")
		require.Contains(t, r.heard(waiting), "dialplan")
		require.Empty(t, r.pbx.Find(feature))
		require.NotContains(t, r.heard(talking), "dialplan")
		time.Sleep(time.Hour)
		require.NotEmpty(t, r.pbx.Find(talking), "they talk on")
		r.pbx.Close()
	})
}

// TestForgottenChannels: what an earlier process left in the application is not left in silence.
func TestForgottenChannels(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		r.desk.locked(func() { r.desk.free = []Registrar{{ID: 1, Endpoint: "rosa"}} })
		r.pbx.SetPhone("rosa", telephonytest.Script{})
		talking := r.dial(cli, keys(time.Second, "0"), 10*time.Second)
		menu := r.dial(cli, telephonytest.Script{}, 2*time.Second)
		r.leave()
		reborn, err := New(r.c.o)
		require.NoError(t, err)
		r.c = reborn
		r.run()
		time.Sleep(time.Minute)
		require.Contains(t, r.pbx.Commands(), "Send "+menu+" inbound-fallback,s")
		r.pbx.HangUp(talking, telephony.CauseNormal)
		synctest.Wait()
		require.Empty(t, r.pbx.Find(talking+"-c1"), "the registrar is let go")
		r.pbx.HangUp(menu, telephony.CauseNormal)
		synctest.Wait()
		r.sound(t)
	})
}

// recorded is a PBX that has recorded something by itself.
type recorded []string

func (r recorded) Recordings(context.Context) ([]string, error) { return r, nil }

func (r recorded) DeleteRecording(context.Context, string) error { return nil }

func TestMessagesOfTheDialplanAreListedOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) {
			o.Recordings = recorded{
				"messages/1795211111_" + did + "_" + cli + "_1795211111.5", "messages/1795211112_s__1795211112.7", "messages/x", "hello",
			}
		})
		defer r.close()
		time.Sleep(time.Second)
		require.Len(t, r.seen().messages, 1, "the other one's line is not known yet")
		m := r.seen().messages[0]
		require.Equal(t, []any{int64(1), cli, roster.French, int64(1795211111)}, []any{m.Scheme, m.CLI, m.Language, m.At.Unix()})
		r.dial(cli, telephonytest.Script{HangUp: time.Second}, 10*time.Minute)
		require.Len(t, r.seen().messages, 2)
		require.Empty(t, r.seen().messages[1].CLI)
	})
}
