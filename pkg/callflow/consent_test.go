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

// A caller is told before a first call, and keys afterwards what the person answered.
func TestAFirstCallIsToldAndAnswered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keys  []string
		said  []roster.ConsentAnswer
		hears string // In Dutch, before she hangs up.
		slow  int    // How often the end of the call is not written down yet.
	}{
		"agreed":              {keys: []string{"1"}, said: []roster.ConsentAnswer{roster.AnswerAgreed}, hears: "consent.agreed"},
		"refused, once asked": {keys: []string{"2"}, hears: "consent.sure"},
		"refused": {
			keys: []string{"2", "2"}, said: []roster.ConsentAnswer{roster.AnswerRefused}, hears: "consent.refused",
		},
		"not refused after all": {keys: []string{"2", "1", "3"}, said: []roster.ConsentAnswer{roster.AnswerLater}, hears: "consent.asked_again"},
		"written down late":     {keys: []string{"1"}, said: []roster.ConsentAnswer{roster.AnswerAgreed}, hears: "consent.agreed", slow: 20},
		"never written down":    {keys: []string{"1"}, hears: "consent.by_hand", slow: 100_000},
		"not said":              {hears: "consent.menu"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				r.pbx.SetPhone("anna", telephonytest.Script{})
				r.pbx.SetPhone(number, telephonytest.Script{HangUpBridged: time.Minute})
				o := order()
				o.Kind = call.KindFirst
				require.NoError(t, r.c.Start(t.Context(), o))
				time.Sleep(70 * time.Second)
				synctest.Wait()
				r.desk.locked(func() { r.desk.notYet = c.slow })
				leg := o.Attempt.CallerLeg(1)
				for _, key := range c.keys {
					r.pbx.Press(leg, key)
					time.Sleep(5 * time.Second)
				}
				if c.slow > 0 {
					time.Sleep(answerWait)
				}
				synctest.Wait()
				require.Contains(t, r.heard(leg), r.says(roster.Dutch, c.hears))
				r.pbx.HangUp(leg, telephony.CauseNormal)
				require.Equal(t, c.said, r.seen().said)
				require.Equal(t, []call.ID{o.Attempt}, r.seen().left)
				require.Equal(t, "pharmacist", r.c.proposedBy(o))
				r.sound(t)
			})
		})
	}
}

// What she keys as she hangs up is kept; an ordinary call asks nothing of the kind.
func TestAnAnswerOutlivesTheCallersLine(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		r.pbx.SetPhone("anna", telephonytest.Script{})
		r.pbx.SetPhone(number, telephonytest.Script{HangUpBridged: time.Minute})
		o := order()
		o.Kind = call.KindFirst
		require.NoError(t, r.c.Start(t.Context(), o))
		time.Sleep(70 * time.Second)
		r.desk.locked(func() { r.desk.notYet = 20 })
		leg := o.Attempt.CallerLeg(1)
		r.pbx.Press(leg, "1")
		time.Sleep(100 * time.Millisecond)
		r.pbx.HangUp(leg, telephony.CauseNormal)
		time.Sleep(answerWait)
		require.Equal(t, []roster.ConsentAnswer{roster.AnswerAgreed}, r.seen().said)
	})
}
