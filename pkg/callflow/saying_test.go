package callflow

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

// slowVoice takes a while over every text that it has not spoken yet.
type slowVoice struct {
	spoken
	takes time.Duration
	only  func(text string) bool // Which ones are slow; nil means all.

	mu    sync.Mutex
	ready map[string]time.Time // When a text is.
}

func (v *slowVoice) at(text string) time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, known := v.ready[text]; !known {
		v.ready[text] = time.Now()
		if v.only == nil || v.only(text) {
			v.ready[text] = time.Now().Add(v.takes)
		}
	}
	return v.ready[text]
}

func (v *slowVoice) Ready(lang roster.Language, text string) (telephony.Media, bool) {
	if time.Now().Before(v.at(text)) {
		return "", false
	}
	return v.spoken.Ready(lang, text)
}

func (v *slowVoice) Media(ctx context.Context, lang roster.Language, text string) (telephony.Media, error) {
	time.Sleep(time.Until(v.at(text)))
	return v.spoken.Media(ctx, lang, text)
}

// TestASentenceIsSpokenWhileThoseBeforeItAreHeard: everything is heard in its order, and nobody waits for a later sentence
// before the first.
func TestASentenceIsSpokenWhileThoseBeforeItAreHeard(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.Voice = &slowVoice{takes: 700 * time.Millisecond, ready: map[string]time.Time{}} })
		defer r.close()
		ch := r.dial(cli, telephonytest.Script{}, 750*time.Millisecond)
		require.Equal(t, "fr: Bonjour, et merci de votre appel. Vous êtes bien au service des appels de compagnie.\n", r.heard(ch))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, "fr: Bonjour, et merci de votre appel. Vous êtes bien au service des appels de compagnie.\n"+
			"fr: En cas d'urgence, raccrochez et composez le cent douze. Pour un conseil d'urgence, tapez huit, à tout moment.\n"+
			"fr: Un instant, s'il vous plaît.\nmusic\n"+
			"fr: "+r.book.Text(roster.French, "main.menu", nil)+"\nfr: "+r.book.Text(roster.French, "main.questions", nil)+"\n"+
			"nl: Voor Nederlands, druk op vier.\nde: Für Deutsch drücken Sie vier.\nen: For English, press four.\n", r.heard(ch))
		r.pbx.HangUp(ch, telephony.CauseNormal)
		synctest.Wait()
		r.sound(t)
	})
}

// TestTheUsualGreetingIsSaidWhileTheOneOfTheSchemeIsSpoken.
func TestTheUsualGreetingIsSaidWhileTheOneOfTheSchemeIsSpoken(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		named := func(text string) bool {
			return text == "Bonjour, et merci de votre appel. Vous êtes bien au service Bel âge."
		}
		v := &slowVoice{takes: 3 * time.Second, only: named, ready: map[string]time.Time{}}
		r := newRig(t, func(o *Options) { o.Voice = v })
		r.desk.locked(func() { r.desk.line.Name = "Bel âge" })
		defer r.close()
		for _, want := range []string{"fr: Bonjour, et merci de votre appel. Vous êtes bien au service des appels de compagnie.\n",
			"fr: Bonjour, et merci de votre appel. Vous êtes bien au service Bel âge.\n"} {
			ch := r.dial(cli, telephonytest.Script{}, 200*time.Millisecond)
			require.Contains(t, r.heard(ch), want)
			r.pbx.HangUp(ch, telephony.CauseNormal)
			time.Sleep(4 * time.Second)
		}
		synctest.Wait()
		r.sound(t)
	})
}

// TestARecordingIsHeardFromTheNextCallOn, not in the middle of one.
func TestARecordingIsHeardFromTheNextCallOn(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		var recorded map[ivr.Wording]telephony.Media
		put := func(m map[ivr.Wording]telephony.Media) {
			mu.Lock()
			defer mu.Unlock()
			recorded = m
		}
		r := newRig(t, func(o *Options) {
			o.Voice = spoken{recorded: func() map[ivr.Wording]telephony.Media {
				mu.Lock()
				defer mu.Unlock()
				return recorded
			}}
		})
		defer r.close()
		first := r.dial(cli, telephonytest.Script{}, 500*time.Millisecond)
		put(map[ivr.Wording]telephony.Media{
			{Key: "main.menu", Language: roster.French}:          "sound:anne",
			{Key: "appointment.around", Language: roster.French}: "sound:never",
			{Key: "main.languages", Language: roster.Dutch}:      "sound:griet",
		})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.NotContains(t, r.heard(first), "sound:anne")
		r.pbx.HangUp(first, telephony.CauseNormal)
		second := r.dial(cli, telephonytest.Script{}, 8*time.Second)
		require.Contains(t, r.heard(second), "sound:anne\nfr: "+r.book.Text(roster.French, "main.questions", nil)+"\nsound:griet\n")
		r.pbx.HangUp(second, telephony.CauseNormal)
		synctest.Wait()
		r.sound(t)
	})
}

// slowRecords take their time over the next call of whoever asks.
type slowRecords struct {
	Records
	takes time.Duration
}

func (r slowRecords) Appointments(ctx context.Context, scheme int64, cli string, now time.Time) ([]Appointment, error) {
	time.Sleep(r.takes)
	return r.Records.Appointments(ctx, scheme, cli, now)
}

// TestASilenceIsNoLongerForWhatIsLookedUp: half a second after a key, and then the answer, or else that it takes a moment.
func TestASilenceIsNoLongerForWhatIsLookedUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		takes time.Duration
		keys  []any    // Besides the first.
		want  []string // Before the answer.
		then  string   // After it.
	}{
		"at once":       {want: []string{"silence:500"}},
		"a moment":      {takes: 300 * time.Millisecond, want: []string{"silence:200"}},
		"long":          {takes: 1200 * time.Millisecond, want: []string{"fr: Un instant, s'il vous plaît.", "music"}},
		"longer":        {takes: 4 * time.Second, want: []string{"fr: Un instant, s'il vous plaît.", "music"}},
		"long, and a 9": {takes: 1200 * time.Millisecond, keys: []any{3300 * time.Millisecond, "9"}, want: []string{"fr: Un instant, s'il vous plaît.", "music"}, then: "silence:500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, func(o *Options) { o.Records = slowRecords{o.Records, c.takes} })
				opens := time.Now().Add(26 * time.Hour)
				hers := Appointment{FirstName: "Marie", Opens: opens, Closes: opens.Add(time.Hour), Beneficiary: 17, Occurrence: 5}
				r.desk.locked(func() { r.desk.people = []Appointment{hers} })
				defer r.close()
				ch := r.dial(cli, keys(append([]any{2500 * time.Millisecond, "1"}, c.keys...)...), 8*time.Second)
				said := strings.Split(strings.TrimSpace(r.heard(ch)), "\n")
				at := slices.IndexFunc(said, func(s string) bool { return strings.Contains(s, "Votre prochain appel") })
				require.GreaterOrEqual(t, at, len(c.want), said)
				require.Equal(t, c.want, said[at-len(c.want):at])
				if c.then != "" {
					require.Contains(t, said[at:], c.then)
				}
				r.pbx.HangUp(ch, telephony.CauseNormal)
				synctest.Wait()
				r.sound(t)
			})
		})
	}
}

// brokenVoice cannot speak what it is told not to, or hangs over it; what is ready was spoken before.
type brokenVoice struct {
	spoken
	hangs  bool
	cannot func(lang roster.Language, text string) bool
}

func (v brokenVoice) Ready(lang roster.Language, text string) (telephony.Media, bool) {
	if v.cannot(lang, text) {
		return "", false
	}
	return v.spoken.Ready(lang, text)
}

func (v brokenVoice) Media(ctx context.Context, lang roster.Language, text string) (telephony.Media, error) {
	switch {
	case v.hangs && v.cannot(lang, text):
		<-ctx.Done()
		return "", ctx.Err()
	case v.cannot(lang, text):
		return "", errAway
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	return v.spoken.Media(ctx, lang, text)
}

// TestAVoiceThatFailsIsHeardAsNoSilence: another language, else that something is wrong, and the dialogue goes on.
func TestAVoiceThatFailsIsHeardAsNoSilence(t *testing.T) {
	t.Parallel()
	appointment := func(lang roster.Language, text string) bool {
		return strings.Contains(text, "rochain appel est") || strings.Contains(text, "bellen u opnieuw") || lang == roster.German
	}
	french := func(lang roster.Language, text string) bool {
		return lang == roster.French && strings.Contains(text, "rochain appel est")
	}
	for name, c := range map[string]struct {
		voice brokenVoice
		want  []string
		heard string
	}{
		"one language":       {brokenVoice{cannot: french}, []string{"silence:500", "nl: "}, "other_language"},
		"one language hangs": {brokenVoice{cannot: french, hangs: true}, []string{"fr: Un instant", "music", "fr: Excusez-nous"}, "apology"},
		"no day can be said": {brokenVoice{cannot: func(lang roster.Language, text string) bool {
			return appointment(lang, text) || lang == roster.English
		}}, []string{"silence:500", "fr: Excusez-nous"}, "apology"},
		"nothing can be said": {brokenVoice{cannot: func(roster.Language, string) bool { return true }}, []string{"tone"}, "tone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, func(o *Options) { o.Voice = c.voice })
				opens := time.Now().Add(26 * time.Hour)
				hers := Appointment{FirstName: "Marie", Opens: opens, Closes: opens.Add(time.Hour), Beneficiary: 17, Occurrence: 5, Changeable: true}
				r.desk.locked(func() { r.desk.people = []Appointment{hers} })
				defer r.close()
				ch := r.dial(cli, keys(2500*time.Millisecond, "1"), 16*time.Second)
				said := strings.Split(strings.TrimSpace(r.heard(ch)), "\n")
				at := 0
				for _, want := range c.want {
					next := slices.IndexFunc(said[at:], func(s string) bool { return strings.HasPrefix(s, want) })
					require.GreaterOrEqual(t, next, 0, "%s: %q", want, said[at:])
					at += next + 1
				}
				require.GreaterOrEqual(t, testutil.ToFloat64(r.c.metrics.substitutes.WithLabelValues(c.heard)), 1.0)
				require.NotEmpty(t, said[at:], "it goes on")
				r.pbx.HangUp(ch, telephony.CauseNormal)
				synctest.Wait()
				r.sound(t)
			})
		})
	}
}
