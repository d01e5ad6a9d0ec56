package telephone

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// line dials the registration number and goes through the flow by keys, recognising what is heard.
func line(t *testing.T, l *lab) {
	ctx := t.Context()
	dial := func(t *testing.T, from string) *phone.Call {
		t.Helper()
		c, err := l.trunk.Dial(ctx, from, ours, phone.DialOptions{})
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Hangup(context.WithoutCancel(ctx)) }) // It may have ended by itself.
		return c
	}
	hear := func(t *testing.T, c *phone.Call, key string) phone.Match {
		t.Helper()
		limit, cancel := context.WithTimeout(ctx, 40*time.Second)
		defer cancel()
		m, err := c.Hear(limit, l.prompt(key))
		require.NoError(t, err, "%s was not heard: %+v", key, m)
		return m
	}

	t.Run("a registrar", func(t *testing.T) {
		p := l.softphone(t, answer(time.Second, nil))
		l.desk.change(func() { l.desk.free = []callflow.Registrar{{ID: 1, Endpoint: p.User(), Language: roster.French}} })
		c := dial(t, "+3281555012")
		hear(t, c, "line.greeting")
		require.NoError(t, c.SendDTMF(ctx, "2"))
		_, err := c.HearTone(ctx, callerTone)
		require.NoError(t, err)
		require.NoError(t, c.Hangup(ctx))
		l.desk.until(t, "the registrar to be free", func() bool { return len(l.desk.released) == 1 })
		require.Equal(t, call.OfferAccepted, l.desk.released[0])
	})
	// The rest needs no registrar, and is done at the same time.
	t.Run("a greeting in French within a second", func(t *testing.T) {
		t.Parallel()
		c := dial(t, "+3281555010")
		m := hear(t, c, "line.greeting")
		require.Less(t, m.At.Sub(c.Answered()), time.Second)
		l.desk.until(t, "the number to be held", func() bool { return l.desk.held["+3281555010"] })
		require.NoError(t, c.Hangup(ctx))
		l.desk.until(t, "the number to be free", func() bool { return !l.desk.held["+3281555010"] })
	})
	t.Run("the next appointment, twice", func(t *testing.T) {
		t.Parallel()
		opens := time.Date(2031, 11, 25, 9, 30, 0, 0, time.UTC)
		l.desk.people = []callflow.Appointment{{FirstName: "Marie", Opens: opens, Closes: opens.Add(time.Hour)}}
		sentence := l.reference(l.book.Text(roster.French, "appointment.around", ivr.Vars{
			"opens": opens.In(l.desk.zone), "now": time.Now(),
		}), 4*time.Second)
		c := dial(t, "+3281555011")
		hear(t, c, "line.greeting")
		require.NoError(t, c.SendDTMF(ctx, "1"))
		first, err := c.Hear(ctx, sentence)
		require.NoError(t, err)
		require.NoError(t, c.SendDTMF(ctx, "9"))
		_, _, err = c.HearAfter(ctx, first.At.Add(time.Second), sentence)
		require.NoError(t, err)
	})
	t.Run("wrong keys lead to a person, and nobody free to a message", func(t *testing.T) {
		t.Parallel()
		c := dial(t, "+3281555013")
		hear(t, c, "main.menu")
		require.NoError(t, c.SendDTMF(ctx, "7"))
		hear(t, c, "error.wrong_key")
		require.NoError(t, c.SendDTMF(ctx, "8"))
		hear(t, c, "person.nobody")
		hear(t, c, "message.invite")
		c.Say(phone.Tone(700))
		invitation := l.reference(l.book.Text(roster.French, "message.invite", nil), time.Minute)
		<-time.After(time.Duration(len(invitation))*time.Second/8000 + 4*time.Second) // The signal and some words.
		require.NoError(t, c.SendDTMF(ctx, "#"))
		hear(t, c, "message.kept")
		l.desk.until(t, "the message", func() bool { return len(l.desk.messages) == 1 })
		m := l.desk.messages[0]
		require.Equal(t, "+3281555013", m.CLI)
		require.Greater(t, m.Length, time.Second)
		names, err := l.sw.Recordings(ctx)
		require.NoError(t, err)
		require.Contains(t, names, m.Recording)
	})
	t.Run("a feature code", func(t *testing.T) {
		t.Parallel()
		p := l.softphone(t, answer(0, nil))
		c, err := p.Dial(ctx, "*1", phone.DialOptions{})
		require.NoError(t, err)
		hear(t, c, "feature.ready")
		<-c.Done()
		require.Equal(t, []call.CallerState{call.CallerReady}, l.desk.states)
	})
}
