package speech

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/dialplans"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
	"github.com/rappel-tel/rappel/sounds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSpeaker writes a note per text and can be told to fail or to wait.
type fakeSpeaker struct {
	spoken atomic.Int64
	fails  func(lang string) error
	gate   chan struct{}
	data   []byte
}

func (s *fakeSpeaker) Speak(ctx context.Context, lang, _, out string) error {
	s.spoken.Add(1)
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.fails != nil {
		if err := s.fails(lang); err != nil {
			return err
		}
	}
	data := s.data
	if data == nil {
		data = beep().Encode()
	}
	return os.WriteFile(out, data, 0o600)
}

func newVoice(t *testing.T, s Speaker, dir string) *Voice {
	t.Helper()
	return newVoices(t, dir, s)
}

func newVoices(t *testing.T, dir string, speakers ...Speaker) *Voice {
	t.Helper()
	v, err := New(Options{Speakers: speakers, Dir: dir, PBXDir: "/pbx/sounds", Logger: zap.NewNop(), Patience: 5 * time.Second})
	require.NoError(t, err)
	t.Cleanup(v.Close)
	return v
}

// hostFile is where the service finds what the PBX is told to play.
func hostFile(t *testing.T, dir, media string) string {
	t.Helper()
	rest, ok := strings.CutPrefix(media, "sound:/pbx/sounds/")
	require.True(t, ok, media)
	return filepath.Join(dir, rest+".wav")
}

func TestATextIsSpokenOnceWhoeverAsks(t *testing.T) {
	t.Parallel()
	dir, s := t.TempDir(), &fakeSpeaker{gate: make(chan struct{})}
	v := newVoice(t, s, dir)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			m, err := v.Media(t.Context(), roster.French, "Bonjour")
			require.NoError(t, err)
			require.FileExists(t, hostFile(t, dir, string(m)))
		})
	}
	close(s.gate)
	wg.Wait()
	require.EqualValues(t, 1, s.spoken.Load())

	later := &fakeSpeaker{}
	again := newVoice(t, later, dir)
	first, err := again.Media(t.Context(), roster.French, "Bonjour")
	require.NoError(t, err)
	require.Zero(t, later.spoken.Load(), "a later process finds the file")
	other, err := again.Media(t.Context(), roster.Dutch, "Bonjour")
	require.NoError(t, err)
	require.NotEqual(t, first, other)
}

// TestWhatOneVoiceCannotSpeakTheNextOneDoes, in whatever way it fails, and the first is asked again when it may be well.
func TestWhatOneVoiceCannotSpeakTheNextOneDoes(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		first *fakeSpeaker
		hangs bool
	}{
		"it is missing":      {first: &fakeSpeaker{fails: func(string) error { return broken }}},
		"it writes rubbish":  {first: &fakeSpeaker{data: []byte("not a sound")}},
		"it writes nothing":  {first: &fakeSpeaker{data: []byte{}}},
		"it writes silence":  {first: &fakeSpeaker{data: wav.Encode(make([]int16, wav.Rate))}},
		"it has other rates": {first: &fakeSpeaker{data: func() []byte { d := beep().Encode(); d[24], d[25] = 0x11, 0x2b; return d }()}},
		"it hangs":           {first: &fakeSpeaker{gate: make(chan struct{})}, hangs: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				if c.hangs {
					c.first.gate = make(chan struct{}) // Of this bubble.
				}
				second := &fakeSpeaker{}
				v := newVoices(t, dir, c.first, second)
				defer v.Close()
				m, err := v.Media(t.Context(), roster.Dutch, "Goedendag")
				require.NoError(t, err)
				require.True(t, playable(hostFile(t, dir, string(m))))
				ready, ok := v.Ready(roster.Dutch, "Goedendag")
				require.True(t, ok)
				require.Equal(t, m, ready)
				again, err := v.Media(t.Context(), roster.Dutch, "Goedendag")
				require.NoError(t, err)
				require.Equal(t, m, again)
				require.EqualValues(t, 1, c.first.spoken.Load(), "a failing voice is not asked again at once")
				_, err = v.Media(t.Context(), roster.Dutch, "Tot ziens")
				require.NoError(t, err)
				if c.hangs {
					require.EqualValues(t, 1, c.first.spoken.Load(), "one that hangs is not asked anything for a while")
				}
				require.EqualValues(t, 2, second.spoken.Load())

				time.Sleep(failureMemory)
				c.first.fails, c.first.data, c.first.gate = nil, nil, nil
				well, err := v.Media(t.Context(), roster.Dutch, "Goedendag")
				require.NoError(t, err)
				require.NotEqual(t, m, well, "the first speaks again")
				ready, _ = v.Ready(roster.Dutch, "Goedendag")
				require.Equal(t, well, ready)
			})
		})
	}
}

// TestWhatNoVoiceCanSpeakIsAnError, and there is a tone.
func TestWhatNoVoiceCanSpeakIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &fakeSpeaker{fails: func(string) error { return errors.New("broken") }}
	v := newVoices(t, dir, s, s)
	_, err := v.Media(t.Context(), roster.Dutch, "Goedendag")
	require.ErrorContains(t, err, "broken")
	_, ok := v.Ready(roster.Dutch, "Goedendag")
	require.False(t, ok)
	require.EqualValues(t, 2, s.spoken.Load())
	require.True(t, playable(hostFile(t, dir, string(v.Tone()))))
}

// TestSilenceIsAsLongAsItSays.
func TestSilenceIsAsLongAsItSays(t *testing.T) {
	t.Parallel()
	v := newVoice(t, &fakeSpeaker{}, t.TempDir())
	for d, want := range map[time.Duration]time.Duration{
		ivr.AfterKey: ivr.AfterKey, ivr.BetweenSentences: 260 * time.Millisecond, time.Millisecond: 20 * time.Millisecond,
	} {
		require.Equal(t, want, v.Length(v.Silence(d)))
		require.Equal(t, v.Silence(d), v.Silence(want))
	}
}

func TestAnImpatientCallerLeavesTheTextToBeSpoken(t *testing.T) {
	t.Parallel()
	dir, s := t.TempDir(), &fakeSpeaker{gate: make(chan struct{})}
	v := newVoice(t, s, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := v.Media(ctx, roster.French, "Bonjour")
	require.ErrorIs(t, err, context.Canceled)
	close(s.gate)
	_, err = v.Media(t.Context(), roster.French, "Bonjour")
	require.NoError(t, err)
	require.EqualValues(t, 1, s.spoken.Load())
	v.Close()
	_, err = v.Media(t.Context(), roster.French, "Un autre texte")
	require.ErrorIs(t, err, ErrClosed)
}

func TestPrepareSpeaksEveryFixedPromptAndNamesTheDialplans(t *testing.T) {
	t.Parallel()
	dir, s := t.TempDir(), &fakeSpeaker{}
	v := newVoice(t, s, dir)
	catalogue := shippedPrompts(t)
	stale := filepath.Join(dir, cacheDir, "speaking-old")
	require.NoError(t, os.Mkdir(stale, 0o700))
	var last atomic.Int64
	require.NoError(t, v.Prepare(t.Context(), Work{Prompts: catalogue, Languages: roster.Languages(), Progress: func(_, total int) { last.Store(int64(total)) }}))
	require.EqualValues(t, len(catalogue.Fixed()), last.Load())
	// What extensions.conf plays by itself.
	for _, n := range []string{
		"press-a-key", "call-not-placed", "caller-gone", "not-reached", "fallback-greeting", "fallback-emergency",
		"fallback-message", "fallback-key", "fallback-thanks", "line-unknown", "service-away", "echo-test",
		"first-call", "first-call-by-pharmacist", "first-call-script",
	} {
		require.True(t, playable(filepath.Join(dir, n+".wav")), n)
		for _, lang := range roster.Languages() {
			require.True(t, playable(filepath.Join(dir, string(lang), n+".wav")), "%s in %s", n, lang)
		}
	}
	require.True(t, playable(filepath.Join(dir, beepName+".wav")))
	spoken := s.spoken.Load()
	require.NoError(t, v.Prepare(t.Context(), Work{Prompts: catalogue, Languages: roster.Languages()}))
	require.Equal(t, spoken, s.spoken.Load(), "a second start speaks nothing")
}

func shippedPrompts(t *testing.T) *ivr.Catalogue {
	t.Helper()
	catalogue, err := ivr.ReadCatalogue(sounds.Name, sounds.Prompts())
	require.NoError(t, err)
	return catalogue
}

// TestTheFirstMenusAreSpokenFirst, in the languages of the scheme, and of another language only how it is offered.
func TestTheFirstMenusAreSpokenFirst(t *testing.T) {
	t.Parallel()
	book, err := ivr.ReadBook(dialplans.Flows(), sounds.Name, sounds.Prompts())
	require.NoError(t, err)
	work := Work{
		Prompts: book.Prompts(), First: book.HeardFirst("registration"), Languages: []roster.Language{roster.Dutch, roster.French},
	}
	order := map[ivr.Wording]int{}
	for i, f := range work.ordered() {
		order[ivr.Wording{Key: f.Key, Language: f.Language}] = i
	}
	for _, key := range []string{"error.silence", "error.ours", "moment", "line.greeting", "line.emergency", "main.menu", "person.wait", "emergency.advice"} {
		at, there := order[ivr.Wording{Key: key, Language: roster.Dutch}]
		require.True(t, there, key)
		require.Less(t, at, soonest, key)
		at, there = order[ivr.Wording{Key: key, Language: roster.French}]
		require.True(t, there, key)
		require.Less(t, at, 3*soonest, key)
	}
	for _, f := range book.Prompts().Fixed() {
		if _, there := order[ivr.Wording{Key: f.Key, Language: f.Language}]; f.Language == roster.Dutch || f.Language == roster.French {
			require.True(t, there, f.Key)
		}
	}
	require.Contains(t, order, ivr.Wording{Key: "main.languages", Language: roster.German}, "the language is offered")
	require.NotContains(t, order, ivr.Wording{Key: "main.menu", Language: roster.German})
	require.Less(t, len(order), len(book.Prompts().Fixed())*6/10)
}

// TestPreparingStopsWithItsContext: of what is left, nothing is begun any more.
func TestPreparingStopsWithItsContext(t *testing.T) {
	t.Parallel()
	s := &fakeSpeaker{gate: make(chan struct{})}
	v := newVoice(t, s, t.TempDir())
	catalogue := shippedPrompts(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- v.Prepare(ctx, Work{Prompts: catalogue, Languages: roster.Languages()}) }()
	s.gate <- struct{}{} // One is being spoken.
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	v.Close()
	require.LessOrEqual(t, s.spoken.Load(), int64(1+v.o.Workers))
}

func TestCommandSpeaks(t *testing.T) {
	t.Parallel()
	_, err := NewCommand([]string{"cp"})
	require.ErrorContains(t, err, "{out}")
	_, err = NewCommand([]string{"no-such-program", "{out}"})
	require.Error(t, err)
	c, err := NewCommand([]string{"sh", "-c", `cat >"$1"; printf " in %s" "$2" >>"$1"`, "sh", "{out}", "{lang}"})
	require.NoError(t, err)
	out := filepath.Join(t.TempDir(), "out.wav")
	require.NoError(t, c.Speak(t.Context(), "fr", "Bonjour", out))
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, "Bonjour in fr", string(data))
	fails, err := NewCommand([]string{"sh", "-c", "echo no such voice >&2; exit 3", "{out}"})
	require.NoError(t, err)
	require.ErrorContains(t, fails.Speak(t.Context(), "fr", "Bonjour", out), "no such voice")
}
