package calls

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

// hears waits until somebody has heard how a prompt begins, from an instant on.
func hears(h *house.House, c *phone.Call, after time.Time, key string) phone.Match {
	return h.Hears(c, after, house.Beginning(h.Prompt(key, nil), 3*time.Second), 60*time.Second)
}

// press presses keys and says when.
func press(t *testing.T, c *phone.Call, keys string) time.Time {
	t.Helper()
	at := time.Now()
	require.NoError(t, c.SendDTMF(t.Context(), keys))
	return at
}

// notDue is somebody whose next call is later in the day.
func notDue() house.PersonPlan {
	p := picksUp()
	p.NotDue = true
	return p
}

// reminded: she hears when her next call is, hears it again with nine, and confirms it with one.
func reminded(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{People: []house.PersonPlan{notDue()}})
	person := h.People[0]
	house.Await(t, time.Minute, "her call to be booked", func(context.Context) bool { return len(h.Occurrences(person)) > 0 })
	surge(t, h, call.KindReminder)
	theirs := h.AwaitCall(person)
	now := h.Now()
	opens := time.Date(now.Year(), now.Month(), now.Day(), 15, 0, 0, 0, now.Location())
	when := h.Prompt("reminder.around", ivr.Vars{"opens": opens, "closes": opens.Add(time.Hour), "now": now})
	h.Hears(theirs, time.Time{}, when, 60*time.Second)
	hears(h, theirs, time.Time{}, "reminder.question")
	h.Hears(theirs, press(t, theirs, "9"), when, 60*time.Second)
	hears(h, theirs, press(t, theirs, "1"), "reminder.confirmed")
	h.AwaitDone(theirs, 40*time.Second)
	a := h.AwaitEnd(person)
	require.Equal(t, call.ResultAnswered, a.Result, "%+v", a)
	require.Equal(t, call.AnswerConfirmed, answerOf(t, h, a))
	require.Zero(t, of(h, person, call.KindCallback))
	figures, err := h.Store.Record(t.Context(), h.Scheme.Key, h.Now())
	require.NoError(t, err)
	require.Equal(t, 1, figures.Appointments.Confirmed, "as on the line, and on the wall")
}

// answerOf is what the records keep of what was keyed in a call.
func answerOf(t *testing.T, h *house.House, a house.Attempt) (answer string) {
	t.Helper()
	require.NoError(t, h.Pool().QueryRow(t.Context(), `SELECT answer FROM attempt WHERE scheme_id = $1 AND attempt_id = $2::uuid`,
		h.Scheme.Key, string(a.ID)).Scan(&answer))
	return answer
}

// surveyed: a scale and a yes or no by two people, one of whom leaves half-way, and a third who says nothing; what was answered
// is counted, and nothing says who answered what.
func surveyed(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{People: []house.PersonPlan{notDue(), notDue(), notDue()}})
	surge(t, h, call.KindSurvey)
	all, half, none := h.AwaitCall(h.People[0]), h.AwaitCall(h.People[1]), h.AwaitCall(h.People[2])
	for _, c := range []*phone.Call{all, half} {
		hears(h, c, time.Time{}, "survey.greeting")
		hears(h, c, time.Time{}, "survey.satisfied")
	}
	first, second := press(t, all, "1"), press(t, half, "2")
	hears(h, all, first, "survey.again")
	hears(h, all, press(t, all, "1"), "survey.thanks")
	hears(h, half, second, "survey.again")
	h.HangUp(half)
	for _, c := range []*phone.Call{all, none} {
		h.AwaitDone(c, 3*time.Minute)
	}
	for i, want := range []call.Result{call.ResultAnswered, call.ResultAnswered, call.ResultNoAnswer} {
		a := h.AwaitEnd(h.People[i])
		require.Equal(t, want, a.Result, "%+v", a)
		require.Empty(t, answerOf(t, h, a), "nothing says who answered what")
		require.Zero(t, h.Worries(h.People[i]), "a survey worries nobody")
	}
	var told string // Whatever was told of it, to whomever.
	require.NoError(t, h.Pool().QueryRow(t.Context(), `SELECT coalesce(string_agg(data::text, ' '), '') FROM event
		WHERE scheme_id = $1 AND entity = 'attempt' AND kind = 'answered'`, h.Scheme.Key).Scan(&told))
	require.NotContains(t, told, "answer\":")
	month := time.Date(h.Now().Year(), h.Now().Month(), 1, 0, 0, 0, 0, time.UTC)
	list, err := h.Store.SurveyAnswers(t.Context(), h.Scheme.Key)
	require.NoError(t, err)
	require.Equal(t, []postgres.SurveyAnswer{
		{Survey: "evaluation", Month: month, Question: "again", Answer: "yes", Given: 1, Of: 1, Share: 1},
		{Survey: "evaluation", Month: month, Question: "satisfied", Answer: "3", Given: 1, Of: 2, Share: 0.5},
		{Survey: "evaluation", Month: month, Question: "satisfied", Answer: "4", Given: 1, Of: 2, Share: 0.5},
	}, list)
}

// zeroAndEight lead to a person, and to what to do in an emergency, from an automatic call too.
func zeroAndEight(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{People: []house.PersonPlan{notDue(), notDue()}})
	surge(t, h, call.KindPresence)
	var calls []*phone.Call
	for i, key := range []string{"0", "8"} {
		theirs := h.AwaitCall(h.People[i])
		hears(h, theirs, time.Time{}, "presence.question")
		press(t, theirs, key)
		calls = append(calls, theirs)
	}
	hears(h, calls[1], time.Time{}, "automatic.emergency")
	for i, theirs := range calls {
		hears(h, theirs, time.Time{}, "automatic.call_back")
		h.AwaitDone(theirs, 40*time.Second)
		require.Equal(t, call.AnswerCallBack, answerOf(t, h, h.AwaitEnd(h.People[i])))
		require.Equal(t, call.OccurrenceOpen, of(h, h.People[i], call.KindCallback).State)
	}
}

// listCalled: of a list one is interested and waits for a registrar, one never wants to be called again and is erased, and one
// does not answer; she is tried again, and then left alone.
func listCalled(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{
		Spoken: "Gardons le contact", MaxAttempts: 2,
		Retry: map[call.Result]time.Duration{call.ResultBusy: 2 * time.Second},
	})
	picks := phone.Answers(300*time.Millisecond, house.PersonTone)
	interested, never, busy, refused := h.Stranger(picks), h.Stranger(picks), h.Stranger(phone.Busy()), h.Stranger(picks)
	var list []roster.Beneficiary
	for _, p := range []*house.Person{interested, never, busy, refused} {
		list = append(list, roster.Beneficiary{
			Family: "Martin", Numbers: []roster.Number{{E164: p.Number}}, Language: roster.French,
		})
	}
	added, err := h.Store.AddOutreach(t.Context(), h.Scheme.Key, list, h.Now(), false)
	require.NoError(t, err)
	require.Equal(t, report.OutreachAdded{Added: 4}, added)
	require.NoError(t, h.Store.Refuse(t.Context(), h.Scheme.Key, []string{refused.Number}, postgres.RefusedToRegistrar, h.Now()))
	for _, p := range []*house.Person{interested, never, busy, refused} {
		require.NoError(t, h.Pool().QueryRow(t.Context(), `SELECT beneficiary_id FROM contact_number WHERE scheme_id = $1 AND e164 = $2`,
			h.Scheme.Key, p.Number).Scan(&p.Key))
	}
	done, err := h.Store.StartOutreach(t.Context(), h.Scheme.Key, h.Now(), false)
	require.NoError(t, err)
	require.Equal(t, []int{3, 1}, []int{done.Booked, done.Refused})

	yes, no := h.AwaitCall(interested), h.AwaitCall(never)
	for _, c := range []*phone.Call{yes, no} {
		h.Hears(c, time.Time{}, h.Prompt("outreach.greeting_named", ivr.Vars{"scheme": "Gardons le contact"}), 60*time.Second)
		hears(h, c, time.Time{}, "outreach.why")
		hears(h, c, time.Time{}, "outreach.question")
	}
	hears(h, no, press(t, no, "2"), "outreach.sure")
	press(t, no, "2")
	hears(h, yes, press(t, yes, "1"), "outreach.alone") // No registrar is on shift.
	hears(h, yes, press(t, yes, "1"), "outreach.register")
	hears(h, no, time.Time{}, "outreach.never")
	h.AwaitDone(yes, 60*time.Second)
	h.AwaitDone(no, 60*time.Second)

	require.Equal(t, call.AnswerNever, answerOf(t, h, h.AwaitEnd(never)))
	var known int
	require.NoError(t, h.Pool().QueryRow(t.Context(), `SELECT (SELECT count(*) FROM contact_number WHERE beneficiary_id = $1)
		+ (SELECT count(*) FROM attempt WHERE beneficiary_id = $1 AND number = $2)
		+ (SELECT count(*) FROM beneficiary WHERE beneficiary_id = $1 AND family_name || name_key <> '')`, never.Key, never.Number).Scan(&known))
	require.Zero(t, known, "she is erased")
	never2, err := h.Store.AddOutreach(t.Context(), h.Scheme.Key, list, h.Now(), true)
	require.NoError(t, err)
	require.Equal(t, report.OutreachAdded{Known: 2, Refused: 2}, never2, "nobody puts her on a list again")

	require.Equal(t, call.AnswerRegister, answerOf(t, h, h.AwaitEnd(interested)))
	waits, err := h.Store.Inbox(t.Context(), h.Scheme.Key, false)
	require.NoError(t, err)
	require.Len(t, waits, 1, "she waits for a registrar")
	require.Equal(t, interested.Number, waits[0].Number)
	require.Equal(t, roster.ConsentProposed, waits[0].Consent, "a key is no consent")

	h.AwaitAttempt(busy, 2, call.StateEnded)
	require.Len(t, h.Rang(busy.Number), 2, "as often as the ladder says")
	require.Equal(t, call.OccurrenceUnreached, of(h, busy, call.KindOutreach).State)
	require.Zero(t, h.Worries(busy), "who was never promised a call worries nobody")
	require.Empty(t, h.Rang(refused.Number))
	require.Len(t, h.Rang(never.Number), 1)
	done, err = h.Store.StartOutreach(t.Context(), h.Scheme.Key, h.Now(), false)
	require.NoError(t, err)
	require.Zero(t, done.Booked, "nobody is called twice")
}
