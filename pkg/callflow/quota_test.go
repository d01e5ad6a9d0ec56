package callflow

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/roster"
)

func TestNobodyFillsTheInbox(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from string
		most int
	}{
		"from one number": {cli, mostMessages}, "withheld": {"", mostMessages * withheldShare},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				leave := func() string {
					s := keys(3*time.Second, "0", 3*time.Second, "2")
					s.HangUp = 40 * time.Second // While she speaks.
					return r.dial(c.from, s, time.Minute)
				}
				for range c.most {
					leave()
				}
				require.Len(t, r.seen().messages, c.most)
				again := leave()
				require.Len(t, r.seen().messages, c.most)
				require.Contains(t, r.heard(again), r.says(roster.French, "message.full"))
				other := r.dial("+3281000977", keys(3*time.Second, "0", 3*time.Second, "2"), 2*time.Minute)
				require.NotContains(t, r.heard(other), r.says(roster.French, "message.full"), "nobody else is kept from it")

				// A person, and what to do in an emergency, are there for the nuisance caller too.
				r.desk.locked(func() { r.desk.free = []Registrar{{ID: 1, Endpoint: "rosa"}} })
				require.Contains(t, r.heard(r.dial(c.from, keys(3*time.Second, "8"), time.Minute)), r.says(roster.French, "emergency.advice"))
				time.Sleep(time.Hour)
				leave()
				require.Greater(t, len(r.seen().messages), c.most, "an hour later")
				r.sound(t)
			})
		})
	}
}

func TestRegistrationsAreBounded(t *testing.T) {
	t.Parallel()
	var q quota
	now := time.Now()
	of := quotaOf{1, cli, "registration"}
	for range mostRegistrations {
		require.True(t, q.take(of, now))
	}
	require.False(t, q.take(of, now))
	require.True(t, q.take(quotaOf{1, cli, "callback"}, now))
	require.True(t, q.take(quotaOf{2, cli, "registration"}, now), "another scheme's line")
	q.giveBack(of)
	require.True(t, q.take(of, now.Add(time.Minute)), "one was not left after all")
	require.True(t, q.take(of, now.Add(-time.Minute)), "the clock was set back")
	require.True(t, q.take(of, now.Add(quotaWindow)))
}
