package crash

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

// killedWhileTheyRegister: of a list one presses one and talks to a registrar, and another waits for her. The service is killed: the
// two who talk hear each other on, and whoever waits is told of it and waits on, until the registrar has time for her.
func killedWhileTheyRegister(t *testing.T, street *house.Street, program string, service *house.Process) *house.Process {
	t.Helper()
	h := street.Move(t, house.Plan{Registrars: 1, WrapUp: time.Second})
	desk := h.Registrars[0]
	h.Ready(desk)
	picks := phone.Answers(300*time.Millisecond, house.PersonTone)
	first, second := h.Stranger(picks), h.Stranger(picks)
	outreach := func(p *house.Person) *phone.Call {
		_, err := h.Store.AddOutreach(t.Context(), h.Scheme.Key, []roster.Beneficiary{{
			Family: "Martin", Numbers: []roster.Number{{E164: p.Number}}, Language: roster.French,
		}}, h.Now(), false)
		require.NoError(t, err)
		require.NoError(t, h.Pool().QueryRow(t.Context(), `SELECT beneficiary_id FROM contact_number WHERE scheme_id = $1 AND e164 = $2`,
			h.Scheme.Key, p.Number).Scan(&p.Key))
		_, err = h.Store.StartOutreach(t.Context(), h.Scheme.Key, h.Now(), false)
		require.NoError(t, err)
		theirs := h.AwaitCall(p)
		h.Hears(theirs, time.Time{}, house.Beginning(h.Prompt("outreach.question", nil), 3*time.Second), 60*time.Second)
		require.NoError(t, theirs.SendDTMF(t.Context(), "1"))
		return theirs
	}
	tone := func(c *phone.Call, hz float64) {
		_, err := c.HearTone(t.Context(), hz)
		require.NoError(t, err)
	}
	theirs := outreach(first)
	hers := h.Take(desk)
	tone(theirs, house.CallerTone)
	tone(hers, house.PersonTone)
	talking := time.Now()
	waits := outreach(second)
	h.Hears(waits, time.Time{}, h.Prompt("queue.first", nil), 60*time.Second)
	for _, p := range []*house.Person{first, second} {
		house.Await(t, 30*time.Second, "her wish to be written down", func(ctx context.Context) bool { return answer(ctx, t, h, p) == call.AnswerRegister })
	}
	service.Kill()
	killed := time.Now()

	service = street.Serve(t, program)
	h.Hears(waits, killed, house.Beginning(h.Prompt("outreach.again", nil), 3*time.Second), 60*time.Second)
	h.Hears(waits, killed, house.Beginning(h.Prompt("outreach.connecting", nil), 3*time.Second), 60*time.Second)
	now := time.Now().Add(-200 * time.Millisecond)
	require.Less(t, theirs.LongestToneGap(house.CallerTone, talking, now), soundLimit)
	require.Less(t, hers.LongestToneGap(house.PersonTone, talking, now), soundLimit)
	talked := time.Since(theirs.Answered())
	h.HangUp(theirs)
	h.AwaitDone(hers, 30*time.Second)
	ended := h.AwaitEnd(first)
	require.Equal(t, call.ResultAnswered, ended.Result, "%+v", ended)
	talkedFor(t, talked, ended.Talk)

	// Nobody knows of a registrar who was in a call of the line that died: she is ready once it is over.
	hers = h.Take(desk)
	tone(waits, house.CallerTone)
	tone(hers, house.PersonTone)
	h.HangUp(hers)
	h.Hears(waits, killed, h.Prompt("goodbye", nil), 60*time.Second)
	h.AwaitDone(waits, 30*time.Second)
	for _, p := range []*house.Person{first, second} {
		a := h.AwaitEnd(p)
		require.Equal(t, call.ResultAnswered, a.Result, "%+v", a)
		require.Equal(t, 1, h.Ends(a.ID))
		require.Len(t, h.Rang(p.Number), 1, "rung again")
	}
	house.Await(t, 30*time.Second, "both wishes to be in the inbox", func(ctx context.Context) bool {
		list, err := h.Store.Inbox(ctx, h.Scheme.Key, false)
		return err == nil && len(list) == 2 && list[0].Number == first.Number && list[1].Number == second.Number
	})
	return service
}

// answer is what the records have of what was keyed in her call.
func answer(ctx context.Context, t *testing.T, h *house.House, p *house.Person) (answer string) {
	t.Helper()
	require.NoError(t, h.Pool().QueryRow(ctx, `SELECT coalesce(max(answer), '') FROM attempt WHERE scheme_id = $1 AND beneficiary_id = $2`,
		h.Scheme.Key, p.Key).Scan(&answer))
	return answer
}
