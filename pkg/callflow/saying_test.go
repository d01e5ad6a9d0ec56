package callflow

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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
