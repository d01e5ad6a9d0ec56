package callflow

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

func TestAPartyHearsHerPlaceAndMusicUntilItIsHerTurn(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		r.desk.locked(func() { r.desk.staffed, r.desk.place = true, Place{Position: 2, Wait: 210 * time.Second} })
		r.pbx.SetPhone("rosa", telephonytest.Script{Answer: 2 * time.Second, HangUpBridged: time.Minute})
		ch := r.dial(cli, keys(3*time.Second, "0", 5*time.Second, "8", 3*time.Second, "9"), 20*time.Second)
		place := "fr: Vous êtes la deuxième personne.\nfr: L'attente est d'environ quatre minutes.\nfr: Pour que nous vous rappelions"
		heard := r.heard(ch)
		require.Contains(t, heard, place)
		require.GreaterOrEqual(t, strings.Count(heard, place), 3, "at first, again on wish, and after the music (which is short here)")
		require.Contains(t, heard, r.says(roster.French, "emergency.advice"))
		require.Contains(t, heard, "music")
		r.desk.locked(func() {
			r.desk.place = Place{Position: 1}
			r.desk.free = []Registrar{{ID: 1, Endpoint: "rosa"}}
		})
		time.Sleep(50 * time.Second)
		synctest.Wait()
		require.Contains(t, r.heard(ch), "music\nfr: Vous êtes la prochaine personne.\nfr: Pour que", "again and again, and nothing of a wait that is not known")
		r.desk.locked(func() { r.desk.give(ch) })
		time.Sleep(30 * time.Second)
		synctest.Wait()
		seen := r.seen()
		require.Equal(t, 1, seen.joined)
		time.Sleep(2 * time.Minute)
		require.Equal(t, []call.OfferState{call.OfferAccepted}, r.seen().released)
		require.Contains(t, r.heard(ch), r.says(roster.French, "goodbye"))
		r.sound(t)
	})
}

func TestWhoeverHangsUpInTheQueueHasLeftIt(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		r.desk.locked(func() { r.desk.staffed, r.desk.place = true, Place{Position: 3} })
		s := keys(3*time.Second, "0")
		s.HangUp = 20 * time.Second
		r.dial(cli, s, time.Minute)
		require.Equal(t, []LeftReason{LeftAbandoned}, r.seen().leftQueue)
		require.Empty(t, r.seen().turns)
		r.sound(t)
	})
}

func TestThoseWhoWaitAreToldWhenTheLastRegistrarLeaves(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		r.desk.locked(func() { r.desk.staffed, r.desk.place = true, Place{Position: 1} })
		ch := r.dial(cli, keys(3*time.Second, "0"), 30*time.Second)
		r.desk.locked(func() {
			r.desk.staffed = false
			r.desk.give(ch)
		})
		time.Sleep(20 * time.Second)
		synctest.Wait()
		require.Contains(t, r.heard(ch), r.says(roster.French, "person.nobody"))
		require.Contains(t, r.heard(ch), r.says(roster.French, "message.invite"))
		require.Equal(t, []LeftReason{LeftNobody}, r.seen().leftQueue)
	})
}

// TestWhoeverHasWaitedForLongIsOfferedSomethingElse: after the longest wait she hears her choices to the end, and is promised a call
// back; and whoever has talked for longer than any dialogue lasts hears good-bye.
func TestWhoeverHasWaitedForLongIsOfferedSomethingElse(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		r.desk.locked(func() { r.desk.staffed, r.desk.place = true, Place{Position: 1} })
		ch := r.dial(cli, keys(3*time.Second, "0"), queueLimit)
		require.Empty(t, r.seen().leftQueue)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, []LeftReason{LeftNobody}, r.seen().leftQueue)
		require.Contains(t, r.heard(ch), r.says(roster.French, "nobody.choice"))
		for _, key := range []string{"1", "1"} {
			r.pbx.Press(ch, key)
			time.Sleep(5 * time.Second)
		}
		synctest.Wait()
		require.Len(t, r.seen().callbacks, 1)
		require.Contains(t, r.heard(ch), r.says(roster.French, "goodbye"))

		r.pbx.SetPhone("rosa", telephonytest.Script{Answer: 2 * time.Second, HangUpBridged: 2 * sessionLimit})
		r.desk.locked(func() { r.desk.free = []Registrar{{ID: 1, Endpoint: "rosa"}} })
		ch = r.dial(cli, keys(3*time.Second, "0"), 2*sessionLimit+20*time.Second)
		require.Equal(t, 1, r.seen().joined)
		require.Contains(t, r.heard(ch), r.says(roster.French, "goodbye"))
		r.sound(t)
	})
}

func TestACallbackInsteadOfWaiting(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		from   string
		err    error
		press  telephonytest.Script
		number string
		says   []string
	}{
		"the number she rings from": {
			from: cli, press: keys(3*time.Second, "0", 5*time.Second, "1", 3*time.Second, "1"), number: cli,
			says: []string{"zéro, quatre, sept, zéro", "Vous gardez votre place"},
		},
		"another number, read back": {
			from: cli, number: "+3281247454",
			press: keys(3*time.Second, "0", 5*time.Second, "1", 3*time.Second, "2", 2*time.Second, "0", time.Second, "8",
				time.Second, "1", time.Second, "2", time.Second, "4", time.Second, "7", time.Second, "4", time.Second, "5",
				time.Second, "4", time.Second, "#", 3*time.Second, "1"),
			says: []string{"Vous avez tapé zéro, huit, un, deux, quatre", "Vous gardez votre place"},
		},
		"withheld: she is asked for one": {
			press: keys(3*time.Second, "0", 5*time.Second, "1", 2*time.Second, "1", time.Second, "2", time.Second, "3",
				time.Second, "4", time.Second, "5", time.Second, "6", time.Second, "#"),
			says: []string{"Tapez le numéro", "Ce n'est pas un numéro de téléphone"},
		},
		"mistyped twice: she leaves a message": {
			press: keys(3*time.Second, "0", 5*time.Second, "1", 2*time.Second, "1", time.Second, "2", time.Second, "3", time.Second, "4",
				time.Second, "5", time.Second, "6", time.Second, "#", 3*time.Second, "1", time.Second, "2", time.Second, "3", time.Second, "4",
				time.Second, "5", time.Second, "6", time.Second, "#"),
			says: []string{"Tapez le numéro", "Ce n'est pas un numéro de téléphone", "faisons autrement", "Laissez-nous un message"},
		},
		"a number that may not be rung": {
			from: cli, err: ErrNotAllowed, press: keys(3*time.Second, "0", 5*time.Second, "1", 3*time.Second, "1"),
			says: []string{"Nous ne pouvons pas appeler ce numéro", "Laissez-nous un message"},
		},
		"the records are away": {
			from: cli, err: errAway, press: keys(3*time.Second, "0", 5*time.Second, "1", 3*time.Second, "1"),
			says: []string{"petit souci technique", "Laissez-nous un message"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				r.desk.locked(func() { r.desk.staffed, r.desk.place, r.desk.promiseErr = true, Place{Position: 2}, c.err })
				c.press.HangUp = time.Minute
				began := time.Now()
				ch := r.dial(c.from, c.press, 2*time.Minute)
				heard := r.heard(ch)
				for _, want := range c.says {
					_, after, found := strings.Cut(heard, want)
					require.True(t, found, "%q not in %q", want, heard)
					heard = after
				}
				seen := r.seen()
				require.Equal(t, LeftCallback, seen.leftQueue[0])
				if c.number == "" {
					require.Empty(t, seen.callbacks)
					return
				}
				require.Len(t, seen.callbacks, 1)
				require.Equal(t, c.number, seen.callbacks[0].Number)
				require.Equal(t, c.number != c.from, seen.callbacks[0].Typed)
				require.WithinDuration(t, began.Add(4*time.Second), seen.callbacks[0].Asked, time.Second, "her place is that of the queue")
				r.sound(t)
			})
		})
	}
}

func TestACallTodayIsSaidHonestly(t *testing.T) {
	t.Parallel()
	opens := time.Date(2000, 1, 4, 9, 30, 0, 0, time.UTC)
	for err, key := range map[error]string{nil: "today.yes", ErrNoRoom: "today.no", ErrAlready: "today.already", errAway: "error.ours"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				at := time.Date(2000, 1, 1, 14, 0, 0, 0, time.UTC) // Three o'clock in Brussels.
				r.desk.locked(func() {
					r.desk.people = []Appointment{{Beneficiary: 9, FirstName: "Marie", Opens: opens, Closes: opens.Add(time.Hour)}}
					r.desk.todayAt, r.desk.todayErr = at, err
				})
				ch := r.dial(cli, keys(3*time.Second, "1", 5*time.Second, "3"), 15*time.Second)
				brussels := r.desk.line.Zone
				require.Contains(t, r.heard(ch), "fr: "+r.book.Text(roster.French, key, ivr.Vars{"at": at.In(brussels)}))
				require.Equal(t, []int64{9}, r.seen().today)
			})
		})
	}
}

// TestARegistrarsNumberOffTheListIsNotRung: whoever registers people by an ordinary phone is rung only where the scheme may call.
func TestARegistrarsNumberOffTheListIsNotRung(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		const far = "+8816000001"
		r.desk.locked(func() {
			r.desk.forbidden = far
			r.desk.free = []Registrar{{ID: 1, Number: far, Trunk: "trunk"}, {ID: 2, Number: number, Trunk: "trunk"}}
		})
		for _, n := range []string{far, number} {
			r.pbx.SetPhone(n, telephonytest.Script{HangUpBridged: time.Minute})
		}
		r.dial(cli, keys(3*time.Second, "0"), 30*time.Second)
		require.Zero(t, r.pbx.Rings(far))
		require.Equal(t, 1, r.seen().joined, "the next one takes it")
		time.Sleep(2 * time.Minute)
		require.Equal(t, []call.OfferState{call.OfferFailed, call.OfferAccepted}, r.seen().released)
	})
}

// TestKeysPressedBeforeTheQueue count in it: whoever knows the way asks at once to be called back, whether somebody is on shift
// or not.
func TestKeysPressedBeforeTheQueue(t *testing.T) {
	t.Parallel()
	for name, staffed := range map[string]bool{"somebody is on shift": true, "nobody is": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				r.desk.locked(func() { r.desk.staffed = staffed })
				ch := r.dial(cli, telephonytest.Script{}, time.Second)
				for _, key := range "0120470123456#1" {
					r.pbx.Press(ch, string(key))
					time.Sleep(100 * time.Millisecond)
				}
				synctest.Wait()
				require.Len(t, r.seen().callbacks, 1)
				require.Equal(t, "+32470123456", r.seen().callbacks[0].Number)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				require.Contains(t, r.heard(ch), r.says(roster.French, "callback.promised"))
				require.Empty(t, r.pbx.String())
				r.sound(t)
			})
		})
	}
}

// TestATalkIsFollowedAfterARestart: the two who talk when the service dies are followed by the next one, which says when they are done;
// what was over meanwhile is said at once, and whoever is left alone does not listen to silence.
func TestATalkIsFollowedAfterARestart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		gone func(party, registrar string) []string // Who hangs up while nobody serves.
		late time.Duration                          // Until the lead is taken.
		over bool
	}{
		"both talk":                 {},
		"both talk, adopted late":   {late: time.Minute},
		"the party has gone":        {gone: func(party, _ string) []string { return []string{party} }, over: true},
		"the registrar has gone":    {gone: func(_, registrar string) []string { return []string{registrar} }, over: true},
		"both have gone":            {gone: func(party, registrar string) []string { return []string{party, registrar} }, over: true},
		"both have gone, late lead": {gone: func(party, registrar string) []string { return []string{party, registrar} }, over: true, late: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				r.desk.locked(func() { r.desk.free = []Registrar{{ID: 7, Endpoint: "rosa"}} })
				r.pbx.SetPhone("rosa", telephonytest.Script{HangUpBridged: 10 * time.Minute})
				party := r.dial(cli, keys(3*time.Second, "0"), 20*time.Second)
				require.Equal(t, 1, r.seen().joined)
				r.leave()
				before := len(r.seen().released)
				if c.gone != nil {
					for _, leg := range c.gone(party, party+"-c1") {
						r.pbx.HangUp(r.pbx.Find(leg), telephony.CauseNormal)
					}
				}
				time.Sleep(time.Second)
				var err error
				r.c, err = New(r.c.o)
				require.NoError(t, err)
				r.run()
				time.Sleep(c.late)
				r.c.AdoptTalks(t.Context(), []call.Talk{{Scheme: 1, Key: party, Registrar: 7}})
				time.Sleep(time.Minute)
				released := func() []call.OfferState { return r.seen().released[before:] }
				if !c.over {
					require.Empty(t, released(), "they talk")
					time.Sleep(10 * time.Minute)
				}
				require.Equal(t, []call.OfferState{call.OfferAccepted}, released())
				require.Empty(t, r.pbx.Find(party+"-c1"), "nobody is left to talk to")
				r.sound(t)
			})
		})
	}
}
