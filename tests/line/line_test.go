// Package line proves the registration line, the feature codes and the keypad after a call end to end: the shipped service,
// a real Asterisk, real voices, and phones that recognise what they hear.
package line

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

func TestMain(m *testing.M) {
	house.SideBySide(20)
	// sipgo opens a connection anew for what it sends last, when its phone has just been closed.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/emiago/sipgo/sip.(*TransportUDP).readListenerConnection"))
}

const (
	stranger   = "+33639989001" // Nobody whom the records know.
	inTheMidst = "+33639989002" // She is on the line when the service dies.
	voice      = 500.0          // Hz: what an inbound party says.
	hearLimit  = 40 * time.Second
)

// TestLine dials the line in every way. The ways share one street and run side by side.
func TestLine(t *testing.T) {
	t.Parallel()
	warnings, warned := observer.New(zap.WarnLevel)
	tr := newTrail()
	street := house.Build(t, house.Options{Logger: zap.New(zapcore.NewTee(warnings, tr)), Configure: func(c *app.Config) { c.Speech.Command = failing() }})
	t.Run("ways", func(t *testing.T) {
		for name, way := range map[string]func(*testing.T, *house.Street){
			"greeting and repeat":            greeting,
			"a recording":                    recording,
			"a voice that dies":              failingVoice(dies),
			"a voice that hangs":             failingVoice(hangs),
			"a voice that writes rubbish":    failingVoice(10),
			"next appointment":               appointment,
			"she confirms her call":          confirms,
			"she changes her call":           changesHerCall,
			"a forged change":                forgedChange,
			"she goes away":                  goesAway,
			"nothing personal":               nothingPersonal,
			"zero reaches a registrar":       registrar,
			"she registers herself":          registers,
			"she leaves half-way":            leavesHalfWay,
			"nobody free, a message":         message,
			"two wait for a registrar":       queue,
			"others help the registrars":     overflow,
			"company while she waits":        companyWhileWaiting,
			"a registrar of her language":    herLanguage,
			"call me today":                  callToday,
			"questions and answers":          questions,
			"wrong key":                      wrongKey,
			"silence":                        silence,
			"hang-up at any point":           hangUps,
			"feature codes":                  featureCodes,
			"closing a call by the keypad":   keypad,
			"closing a call by feature code": closeLast,
			"keys of an ordinary phone":      ownPhone,
			"an ordinary phone's other ways": ownPhoneAndLine,
			"keys as RTP events":             typing("rfc4733", phone.KeysEvents),
			"keys as SIP INFO":               typing("info", phone.KeysInfo),
			"keys as tones":                  typing("inband", phone.KeysTones),
			"keys as events, found out":      typing("auto", phone.KeysEvents),
			"keys as tones, found out":       typing("auto", phone.KeysTones),
			"no keys at all":                 rotary,
			"no audio from her":              deaf,
			"two schemes, four numbers":      manyNumbers,
			"a number that is nobody's":      nobodysNumber(warned),
			"hours, dates and holidays":      lineHours,
			"a flow published in a call":     publishes,
			"a flow that fails":              failingFlow,
			"a flow that cannot be read":     unreadableFlow,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				way(t, street)
			})
		}
	})
	// By themselves: whoever types so fast needs a processor, as real telephones have.
	t.Run("hang-up in every step", everyStep(street, tr))
	// Whoever hung up wherever: nothing stays behind.
	house.Await(t, time.Minute, "the PBX to be quiet", func(ctx context.Context) bool {
		out, err := street.Asterisk.Console(ctx, "core show channels count")
		return err == nil && strings.Contains(out, "0 active channels")
	})
}

// dial dials the line and is answered.
func dial(t *testing.T, h *house.House, from string) *phone.Call {
	t.Helper()
	return h.DialLine(from, phone.Tone(voice))
}

// start is enough of a prompt to recognise it by.
func start(h *house.House, key string) []int16 {
	return house.Beginning(h.Prompt(key, nil), 2*time.Second)
}

func press(t *testing.T, c *phone.Call, keys string) time.Time {
	t.Helper()
	at := time.Now()
	require.NoError(t, c.SendDTMF(t.Context(), keys))
	return at
}

func greeting(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{Spoken: "Gardons le contact"})
	named := h.Prompt("line.greeting_named", ivr.Vars{"scheme": "Gardons le contact"}) // Spoken now: nobody waits for a voice that is busy.
	party := dial(t, h, stranger)
	heard := h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	house.Took(t, "until the greeting", party.Answered(), heard.At)
	h.Hears(party, time.Time{}, named, hearLimit)
	menu := h.Hears(party, time.Time{}, start(h, "main.menu"), hearLimit)
	untranscoded(t, street)
	again := press(t, party, "9")
	h.Hears(party, again, h.Again("main.menu", nil), hearLimit)
	require.Greater(t, again, menu.At)
	h.HangUp(party)
}

// untranscoded asserts that the PBX converts nothing for somebody who listens to a prompt.
func untranscoded(t *testing.T, street *house.Street) {
	t.Helper()
	channels, err := street.Asterisk.Console(t.Context(), "core show channels concise")
	require.NoError(t, err)
	listening := 0
	for line := range strings.Lines(channels) {
		name, _, _ := strings.Cut(line, "!")
		about, err := street.Asterisk.Console(t.Context(), "core show channel "+name)
		require.NoError(t, err)
		if strings.Contains(about, "rappel,inbound") && strings.Contains(about, "(Not bridged)") && strings.Contains(about, "WriteFormat: alaw") {
			require.Contains(t, about, "WriteTranscode: No")
			listening++
		}
	}
	require.Positive(t, listening, "somebody who listens is there, and hears A-law")
}

func appointment(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{People: []house.PersonPlan{{NotDue: true}}})
	person := h.People[0]
	house.Await(t, hearLimit, "her call to be booked", func(context.Context) bool { return len(h.Occurrences(person)) > 0 })
	party := dial(t, h, person.Number)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	asked := press(t, party, "1")
	now := h.Now()
	at := func(hour int) ivr.Vars {
		opens := time.Date(now.Year(), now.Month(), now.Day(), hour, 0, 0, 0, now.Location())
		return ivr.Vars{"opens": opens, "closes": opens.Add(time.Hour), "now": now}
	}
	h.Hears(party, asked, h.Prompt("appointment.around", at(15)), hearLimit)
	right, err := party.Compare(h.Prompt("appointment.around", at(15)))
	require.NoError(t, err)
	wrong, err := party.Compare(h.Prompt("appointment.around", at(11)))
	require.NoError(t, err)
	require.Greater(t, right.Score, wrong.Score+0.1, "the hour is recognised")
	h.HangUp(party)
}

func registrar(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{Registrars: 1})
	desk := h.Registrars[0]
	h.Ready(desk)
	party := dial(t, h, stranger)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	press(t, party, "0")
	hers := h.Take(desk)
	ctx, cancel := context.WithTimeout(t.Context(), hearLimit)
	defer cancel()
	joined, err := party.HearTone(ctx, house.CallerTone)
	require.NoError(t, err)
	house.Took(t, "until they hear each other", hers.Answered(), joined)
	joined, err = hers.HearTone(ctx, voice)
	require.NoError(t, err)
	house.Took(t, "until they hear each other", hers.Answered(), joined)
	h.HangUp(party)
	h.AwaitDone(hers, hearLimit)
	h.AwaitState(desk, call.CallerWrapUp)
}

func message(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{})
	party := dial(t, h, stranger)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	press(t, party, "0")
	h.Hears(party, time.Time{}, start(h, "person.nobody"), hearLimit)
	h.Hears(party, time.Time{}, start(h, "message.invite"), hearLimit)
	h.MessageUnderWay(3*time.Second, hearLimit)
	done := press(t, party, "#")
	h.Hears(party, done, start(h, "message.kept"), hearLimit)
	h.AwaitDone(party, hearLimit)
	kept := messages(t, h, 1)[0]
	require.Equal(t, stranger, kept.CLI)
	require.Greater(t, kept.Length, 2*time.Second)
	_, err := os.Stat(filepath.Join(street.Asterisk.RecordingsDir(), kept.Recording+".wav"))
	require.NoError(t, err)
}

// recorded waits until a recording holds so much.
func recorded(t *testing.T, street *house.Street, pattern string, length time.Duration) {
	t.Helper()
	house.Await(t, hearLimit, "a recording", func(context.Context) bool {
		files, err := filepath.Glob(filepath.Join(street.Asterisk.RecordingsDir(), pattern))
		require.NoError(t, err)
		for _, file := range files {
			if info, err := os.Stat(file); err == nil && info.Size() > int64(length.Seconds()*16000) {
				return true
			}
		}
		return false
	})
}

// messages waits until so many messages are listed for the registrars.
func messages(t *testing.T, h *house.House, n int) []callflow.Message {
	t.Helper()
	var list []callflow.Message
	house.Await(t, hearLimit, "a message to be listed", func(ctx context.Context) bool {
		var err error
		list, err = h.Store.Messages(ctx, h.Scheme.Key, false)
		return err == nil && len(list) == n
	})
	return list
}

func wrongKey(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{})
	party := dial(t, h, stranger)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	press(t, party, "4")
	h.Hears(party, time.Time{}, start(h, "languages.french"), hearLimit)
	wrong := press(t, party, "7")
	h.Hears(party, wrong, start(h, "error.wrong_key"), hearLimit)
	// The choices are said again; somebody who is helpless twice is led to a person.
	h.Hears(party, wrong, h.Again("languages.french", nil), hearLimit)
	press(t, party, "8")
	h.Hears(party, wrong, start(h, "person.wait"), hearLimit)
	h.HangUp(party)
}

func silence(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{})
	party := dial(t, h, stranger)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	press(t, party, "4")
	h.Hears(party, time.Time{}, start(h, "error.silence"), hearLimit)
	again := time.Now()
	h.Hears(party, again, h.Again("languages.french", nil), hearLimit)
	french := press(t, party, "1")
	h.Hears(party, french, start(h, "main.menu"), hearLimit)
	h.HangUp(party)
}

// hangUps hangs up at seeded moments, also while a registrar's phone rings and in a message; the line goes on.
func hangUps(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{Registrars: 1})
	h.Ready(h.Registrars[0])
	r := rand.New(rand.NewPCG(3, 5)) //nolint:gosec // Moments, not secrets.
	for _, keys := range []string{"", "1", "2", "3", "4", "9", "7", "0"} {
		party := dial(t, h, stranger)
		leave := time.Now().Add(time.Duration(r.Int64N(int64(1200 * time.Millisecond))))
		if keys != "" {
			press(t, party, keys)
		}
		house.Await(t, hearLimit, "the moment to hang up", func(context.Context) bool { return time.Now().After(leave) })
		h.HangUp(party)
	}
	// The registrar whose phone rang for somebody who left is none the worse for it.
	h.AwaitState(h.Registrars[0], call.CallerReady)
	party := dial(t, h, stranger)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	h.HangUp(party)
}

func featureCodes(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{Callers: []house.CallerPlan{{}}})
	caller := h.Callers[0]
	for _, f := range []struct {
		code, prompt string
		state        call.CallerState
	}{
		{"*3", "feature.break", call.CallerBreak},
		{"*2", "feature.ready_once", call.CallerReadyOnce},
		{"*1", "feature.ready", call.CallerReady},
		{"*5", "feature.nothing_next", call.CallerReady},
		{"*9", "feature.unknown_code", call.CallerReady},
		{"*6", "feature.nothing_to_close", call.CallerReady},
		{"*4", "feature.off", call.CallerOff},
	} {
		line, err := caller.Phone.Dial(t.Context(), f.code, phone.DialOptions{Say: phone.Silence()})
		require.NoError(t, err)
		h.Hears(line, time.Time{}, start(h, f.prompt), hearLimit)
		h.AwaitState(caller, f.state)
		h.HangUp(line)
	}
}

// ownPhone: a caller who has no SIP phone becomes ready, and whatever else, by the keypad of the line, known by her number.
func ownPhone(t *testing.T, street *house.Street) {
	h := street.Move(t, house.Plan{Callers: []house.CallerPlan{{Ordinary: true}}, NotReady: true})
	caller := h.Callers[0]
	for i, k := range []struct {
		key, prompt string
		state       call.CallerState
	}{
		{"1", "feature.ready", call.CallerReady},
		{"2", "feature.ready_once", call.CallerReadyOnce},
		{"3", "feature.break", call.CallerBreak},
		{"4", "feature.off", call.CallerOff},
	} {
		line := dial(t, h, caller.Number)
		if i == 0 {
			h.Hears(line, time.Time{}, start(h, "own.menu"), hearLimit)
		} else { // She knows them by now, and presses into the greeting.
			h.Hears(line, time.Time{}, house.Beginning(h.Prompt("line.greeting", nil), time.Second), hearLimit)
		}
		press(t, line, k.key)
		h.Hears(line, time.Time{}, start(h, k.prompt), hearLimit)
		h.AwaitDone(line, hearLimit) // Her phone must be free for what comes.
		h.AwaitState(caller, k.state)
	}
	// Every change says that her number alone spoke for her.
	var changes, byNumber int
	require.NoError(t, h.Pool().QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE data->>'reason' = 'by_number')
		FROM event WHERE scheme_id = $1 AND entity = 'caller' AND kind = 'state'`, h.Scheme.Key).Scan(&changes, &byNumber))
	require.Equal(t, 4, changes)
	require.Equal(t, changes, byNumber)
}

// ownPhoneAndLine: the line stays a line for a caller too, who may live with somebody who is called.
func ownPhoneAndLine(t *testing.T, street *house.Street) {
	number := street.Number()
	h := street.Move(t, house.Plan{
		Callers: []house.CallerPlan{{Ordinary: true, Number: number}, {Ordinary: true}}, NotReady: true,
		People: []house.PersonPlan{{NotDue: true, Number: number}},
	})
	shared := dial(t, h, number)
	h.Hears(shared, time.Time{}, start(h, "main.own"), hearLimit)
	own := press(t, shared, "7")
	h.Hears(shared, own, start(h, "own.menu"), hearLimit)
	h.HangUp(shared)

	line := dial(t, h, h.Callers[1].Number)
	h.Hears(line, time.Time{}, start(h, "own.menu"), hearLimit)
	next := press(t, line, "5")
	now := h.Now()
	at := time.Date(now.Year(), now.Month(), now.Day(), 15, 0, 0, 0, now.Location())
	h.Hears(line, next, h.Prompt("feature.next_at", ivr.Vars{"at": at, "now": now}), hearLimit)
	h.Hears(line, next, start(h, "own.menu"), hearLimit)
	usual := press(t, line, "7")
	h.Hears(line, usual, start(h, "main.menu"), hearLimit)
	person := press(t, line, "0")
	h.Hears(line, person, start(h, "person.nobody"), hearLimit)
	h.HangUp(line)
}

// talked is a house in which a call has just ended, the caller still on the line.
func talked(t *testing.T, street *house.Street) (*house.House, *phone.Call) {
	t.Helper()
	h := street.Move(t, house.Plan{
		Callers: []house.CallerPlan{{}},
		People:  []house.PersonPlan{{Does: phone.Answers(200*time.Millisecond, house.PersonTone), Reference: 1}},
	})
	hers := h.Take(h.Callers[0])
	theirs := h.AwaitCall(h.People[0])
	_, err := theirs.HearTone(t.Context(), house.CallerTone)
	require.NoError(t, err)
	h.HangUp(theirs)
	require.Equal(t, call.ResultAnswered, h.AwaitEnd(h.People[0]).Result)
	return h, hers
}

// proposed waits until she is told when her next call is proposed: a week after this one.
func proposed(h *house.House, hers *phone.Call, after time.Time) {
	now := h.Now()
	day := now.AddDate(0, 0, 7)
	opens := time.Date(day.Year(), day.Month(), day.Day(), 9, 30, 0, 0, day.Location())
	h.Hears(hers, after, h.Prompt("close.next_between", ivr.Vars{
		"opens": opens, "closes": opens.Add(7*time.Hour + 30*time.Minute), "now": now,
	}), hearLimit)
}

func keypad(t *testing.T, street *house.Street) {
	h, hers := talked(t, street)
	proposed(h, hers, time.Time{})
	h.Hears(hers, time.Time{}, start(h, "close.menu"), hearLimit)
	difficult := press(t, hers, "2")
	h.Hears(hers, difficult, house.Beginning(h.Prompt("close.difficult", nil), time.Second), hearLimit)
	followUp := press(t, hers, "3")
	h.Hears(hers, followUp, house.Beginning(h.Prompt("close.follow_up", nil), time.Second), hearLimit)
	later := press(t, hers, "4")
	h.Hears(hers, later, house.Beginning(h.Prompt("close.day_later", nil), time.Second), hearLimit)
	h.HangUp(hers)
	var a house.Attempt
	house.Await(t, hearLimit, "the call to be closed", func(context.Context) bool {
		a = h.Attempts(h.People[0])[0]
		return a.DayLater
	})
	require.Equal(t, call.DispositionDifficult, a.Disposition)
	require.True(t, a.FollowUp)
	putOff(t, h)
}

// putOff requires the next call to stand on a later day than the one proposed, which is a week after this one.
func putOff(t *testing.T, h *house.House) {
	t.Helper()
	list := h.Occurrences(h.People[0])
	require.GreaterOrEqual(t, len(list), 3, "those of later weeks may be booked already")
	require.Equal(t, call.OccurrenceReached, list[0].State)
	require.Equal(t, call.OccurrenceMoved, list[1].State)
	require.Equal(t, list[0].Date.AddDate(0, 0, 7), list[1].Date)
	require.Equal(t, call.OccurrenceOpen, list[2].State)
	require.Equal(t, list[0].Date.AddDate(0, 0, 8), list[2].Date, "a week and a day")
	for _, o := range list[3:] {
		require.Equal(t, call.OccurrenceOpen, o.State)
		require.True(t, o.Date.After(list[2].Date), "%+v", list)
	}
}

func closeLast(t *testing.T, street *house.Street) {
	h, hers := talked(t, street)
	h.HangUp(hers)
	line, err := h.Callers[0].Phone.Dial(t.Context(), "*6", phone.DialOptions{Say: phone.Silence()})
	require.NoError(t, err)
	h.Hears(line, time.Time{}, start(h, "close.menu"), hearLimit)
	courtesy := press(t, line, "1")
	house.Await(t, hearLimit, "the call to be closed", func(context.Context) bool {
		return h.Attempts(h.People[0])[0].Disposition == call.DispositionCourtesy
	})
	h.Hears(line, courtesy, house.Beginning(h.Prompt("close.courtesy", nil), time.Second), hearLimit)
	press(t, line, "4")
	house.Await(t, hearLimit, "the next call to be put off", func(context.Context) bool {
		return h.Attempts(h.People[0])[0].DayLater
	})
	putOff(t, h)
	h.HangUp(line)
}

// TestServiceAway: without the service the dialplan alone greets, warns and takes a message, which is listed once the service
// is back. Whoever was on the line when the service died, or when it stood still, is not left in silence.
func TestServiceAway(t *testing.T) {
	t.Parallel()
	street := house.Build(t, house.Options{Outside: true})
	program := house.Program(t)
	service := street.Serve(t, program)
	h, hers := talked(t, street)
	promptsReady(t, street)
	// A caller is about to close her call, and somebody is on the line.
	h.Hears(hers, time.Time{}, house.Beginning(h.Prompt("close.ended", nil), time.Second), hearLimit)
	early := dial(t, h, inTheMidst)
	h.Hears(early, time.Time{}, start(h, "line.greeting"), hearLimit)
	dutch := anotherLine(t, h, roster.Dutch, roster.German)
	gone := anotherLine(t, h, roster.English)
	require.NoError(t, street.Store.RemoveDID(t.Context(), h.Scheme.Key, gone))
	pbxKnows(t, street, gone, dutch)
	killed := time.Now()
	service.Kill()
	party := dial(t, h, stranger)
	heard := h.Hears(party, time.Time{}, start(h, "dialplan.fallback-greeting"), hearLimit)
	house.Took(t, "until the dialplan speaks", party.Answered(), heard.At)
	h.Hears(party, time.Time{}, start(h, "dialplan.fallback-emergency"), hearLimit)
	h.HangUp(party)
	// A caller's own phones say so too, the one that is on a call and the one that dials a code.
	h.Hears(hers, killed, start(h, "dialplan.service-away"), hearLimit)
	h.AwaitDone(hers, hearLimit)
	line := feature(t, h, "*1")
	h.Hears(line, time.Time{}, start(h, "dialplan.service-away"), hearLimit)
	h.HangUp(line)
	at := h.Hears(early, killed, start(h, "dialplan.fallback-greeting"), hearLimit).At
	t.Logf("somebody on the line heard the dialplan %v after the death of the service", at.Sub(killed).Round(time.Millisecond))
	leaveMessage(t, h, early, inTheMidst)
	awayInEveryLanguage(t, h, dutch)
	awayFromNobodysNumber(t, h, gone)

	service = street.Serve(t, program)
	kept := messages(t, h, 2)
	require.ElementsMatch(t, []string{inTheMidst, "+33639989005"}, []string{kept[0].CLI, kept[1].CLI})
	// She closes her call as if nothing had happened.
	house.Await(t, hearLimit, "her call to be there to be closed", func(context.Context) bool {
		line = feature(t, h, "*6")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, _, err := line.HearAfter(ctx, time.Time{}, start(h, "close.ended"))
		if err != nil {
			h.HangUp(line)
		}
		return err == nil
	})
	proposed(h, line, time.Time{})
	later := press(t, line, "4")
	h.Hears(line, later, house.Beginning(h.Prompt("close.day_later", nil), time.Second), hearLimit)
	h.HangUp(line)
	house.Await(t, hearLimit, "the next call to be put off", func(context.Context) bool {
		return h.Attempts(h.People[0])[0].DayLater
	})
	putOff(t, h)
	require.Len(t, h.Rang(h.People[0].Number), 1, "she was rung once")

	frozen(t, h, service)
	t.Run("callback", func(t *testing.T) { callbackKept(t, street, program, service) })
}

// promptsReady waits until the dialplan can speak.
func promptsReady(t *testing.T, street *house.Street) {
	t.Helper()
	house.Await(t, hearLimit, "the dialplan's prompts", func(context.Context) bool {
		_, err := os.Stat(filepath.Join(street.Asterisk.SoundsDir(), "fallback-thanks.wav"))
		return err == nil
	})
}

func feature(t *testing.T, h *house.House, code string) *phone.Call {
	t.Helper()
	line, err := h.Callers[0].Phone.Dial(t.Context(), code, phone.DialOptions{Say: phone.Silence()})
	require.NoError(t, err)
	return line
}

// leaveMessage leaves a message with the dialplan, whose file tells the number rung from.
func leaveMessage(t *testing.T, h *house.House, party *phone.Call, from string) {
	t.Helper()
	h.Hears(party, time.Time{}, start(h, "dialplan.fallback-message"), hearLimit)
	press(t, party, "1") // It would be said in three more languages first.
	recorded(t, h.Street, "messages/*_*"+strings.TrimPrefix(from, "+33")+"_*.*", 3*time.Second)
	done := press(t, party, "#")
	h.Hears(party, done, start(h, "dialplan.fallback-thanks"), hearLimit)
	h.AwaitDone(party, hearLimit)
}

// frozen: a service that stands still while its connections are open. Who is on the line, and who dials it then, is answered
// by the dialplan; the service, moving again, lets them finish.
func frozen(t *testing.T, h *house.House, service *house.Process) {
	t.Helper()
	early := dial(t, h, "+33639989003")
	h.Hears(early, time.Time{}, start(h, "line.greeting"), hearLimit)
	stopped := time.Now()
	service.Pause(t)
	late := dial(t, h, "+33639989004")
	h.Hears(late, time.Time{}, start(h, "dialplan.fallback-greeting"), hearLimit)
	at := h.Hears(early, stopped, start(h, "dialplan.fallback-greeting"), hearLimit).At
	t.Logf("somebody on the line heard the dialplan %v after the service stood still", at.Sub(stopped).Round(time.Millisecond))
	service.Continue(t)
	h.Hears(late, time.Time{}, start(h, "dialplan.fallback-message"), hearLimit)
	h.HangUp(late)
	h.HangUp(early)
	party := dial(t, h, stranger)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	h.HangUp(party)
}
