package callflow

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

// wants is an outreach call whose party has pressed one after eight seconds, and then other keys, five seconds apart.
func (r *rig) wants(t *testing.T, registrar *telephonytest.Script, keys ...string) (o call.Order, her string) {
	t.Helper()
	script := telephonytest.Script{Keys: []telephonytest.Key{{After: 8 * time.Second, Digit: "1"}}}
	for _, k := range keys {
		script.Keys = append(script.Keys, telephonytest.Key{After: 5 * time.Second, Digit: k})
	}
	r.pbx.SetPhone(number, script)
	if registrar != nil {
		r.pbx.SetPhone("rosa", *registrar)
		r.desk.locked(func() { r.desk.free = []Registrar{{ID: 1, Endpoint: "rosa"}} })
	}
	o = automaticOrder(call.KindOutreach)
	require.NoError(t, r.c.Start(t.Context(), o))
	time.Sleep(20 * time.Second)
	return o, r.seen().steps[0].Channel
}

func TestOutreachLeadsToARegistrar(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		registrar *telephonytest.Script
		hours     *schedule.Rules
		keys      []string
		hears     []string
		talked    bool
		form      func(*testing.T, Registration)
	}{
		"who is free": {
			registrar: &telephonytest.Script{Answer: 2 * time.Second, HangUpBridged: 2 * time.Minute}, talked: true, hears: []string{"outreach.connecting", "goodbye"},
		},
		"nobody is there": {hears: []string{"outreach.alone", "outreach.register"}},
		"the line is closed": {
			registrar: &telephonytest.Script{}, hours: &schedule.Rules{Zone: time.UTC, Hours: &schedule.Week{}}, hears: []string{"outreach.alone", "outreach.register"},
		},
		"nobody answers, and she is called back": {
			registrar: &telephonytest.Script{Never: true}, keys: []string{"1", "1"}, hears: []string{"outreach.register"},
		},
		"nobody is there, and she registers herself": {
			keys:  []string{"2", "1", "1", "#", "1", "1", "1", "1", "1", "1", "1"},
			hears: []string{"outreach.alone", "register.thanks", "goodbye"},
			form: func(t *testing.T, g Registration) {
				require.Equal(t, roster.ConsentGiven, g.Consent)
				require.Equal(t, roster.Weekly, g.Cadence)
			},
		},
		"nobody is there, and she thinks better of it": {
			keys:  []string{"2", "1", "1", "#", "1", "1", "1", "1", "1", "1", "2"},
			hears: []string{"register.forgotten"}, form: func(*testing.T, Registration) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				r.desk.locked(func() { r.desk.line.Hours = c.hours })
				o, her := r.wants(t, c.registrar, c.keys...)
				time.Sleep(5 * time.Minute)
				n := r.seen()
				for _, key := range c.hears {
					require.Contains(t, r.heard(her), r.says(roster.French, key))
				}
				require.Len(t, n.outcomes, 1)
				require.Equal(t, call.ResultAnswered, n.outcomes[0].Result, "%+v", n.outcomes[0])
				require.Len(t, n.answers, 1)
				require.Equal(t, call.AnswerRegister, n.answers[0].Answer)
				require.Equal(t, c.talked, n.joined == 1)
				if c.talked {
					require.Greater(t, n.outcomes[0].Talk, 2*time.Minute)
					require.Equal(t, []call.OfferState{call.OfferAccepted}, n.released)
				}
				switch {
				case name == "nobody is there, and she thinks better of it":
					require.Empty(t, n.registrations)
				case c.form != nil:
					require.Len(t, n.registrations, 1, "it takes the place of her wish")
					c.form(t, n.registrations[0])
				default:
					require.Len(t, n.registrations, 1)
					require.Equal(t, string(o.Attempt), n.registrations[0].ID)
					require.Equal(t, roster.ConsentProposed, n.registrations[0].Consent, "a key is no consent")
					require.Equal(t, number, n.registrations[0].Number)
				}
				r.sound(t)
			})
		})
	}
}

// TestOutreachIsAdopted: whoever talks to a registrar, or waits for one, goes on when another process takes over.
func TestOutreachIsAdopted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		registrar telephonytest.Script
		busy      bool // She waits at first.
		late      bool // So long after the start that its channels were swept.
		unwritten bool // That she wants to be registered was not written down before the process died.
		joined    int
	}{
		"two who talk": {registrar: telephonytest.Script{HangUpBridged: 10 * time.Minute}, joined: 1},
		"two who talk, of whom nothing was written": {
			registrar: telephonytest.Script{HangUpBridged: 10 * time.Minute}, unwritten: true, joined: 1,
		},
		"two who talk, adopted late":  {registrar: telephonytest.Script{HangUpBridged: 10 * time.Minute}, late: true, joined: 1},
		"while she waits":             {busy: true, registrar: telephonytest.Script{HangUpBridged: 10 * time.Minute}, joined: 1},
		"while the registrar's rings": {registrar: telephonytest.Script{Answer: 18 * time.Second, HangUpBridged: 10 * time.Minute}, joined: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				dir := t.TempDir()
				r := newRig(t, func(o *Options) { o.SpoolDir = dir })
				defer r.close()
				if c.busy {
					r.desk.locked(func() { r.desk.staffed, r.desk.place = true, Place{Position: 1} })
				}
				var registrar *telephonytest.Script
				if !c.busy {
					registrar = &c.registrar
				}
				o, her := r.wants(t, registrar)
				n := r.seen()
				was := call.Live{
					Order: o, State: call.StateBridged, ClaimedAt: time.Now(), BridgedAt: time.Now().Add(-12 * time.Second), Channel: her,
					Answers: len(n.answers), Answer: call.AnswerRegister,
				}
				if c.unwritten {
					was.Answers, was.Answer = 0, ""
				}
				require.Empty(t, n.outcomes)
				r.leave()
				time.Sleep(time.Second)
				r.pbx.SetPhone("rosa", telephonytest.Script{HangUpBridged: 10 * time.Minute})
				r.desk.locked(func() {
					r.desk.staffed = false
					if n.joined == 0 {
						r.desk.free = []Registrar{{ID: 1, Endpoint: "rosa"}}
					}
				})
				var err error
				r.c, err = New(r.c.o)
				require.NoError(t, err)
				r.run()
				if c.late {
					time.Sleep(sweepAttemptsAfter + time.Second)
				}
				r.c.Adopt(t.Context(), []call.Live{was})
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				require.Empty(t, r.seen().outcomes, "two who talk are not hung up on")
				time.Sleep(10 * time.Minute)
				n = r.seen()
				require.Equal(t, c.joined, n.joined)
				require.Len(t, n.outcomes, 1)
				require.Equal(t, call.ResultAnswered, n.outcomes[0].Result, "%+v", n.outcomes[0])
				if !c.late { // Then how long they talked is not known.
					require.Greater(t, n.outcomes[0].Talk, 9*time.Minute)
				}
				require.Len(t, n.answers, 1)
				require.Len(t, n.registrations, 1, "her wish was kept")
				require.Equal(t, 1, r.pbx.Rings(number))
				r.sound(t)
			})
		})
	}
}
