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

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
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
		data = beep()
	}
	return os.WriteFile(out, data, 0o600)
}

func newVoice(t *testing.T, s Speaker, dir string) *Voice {
	t.Helper()
	v, err := New(Options{Speaker: s, Dir: dir, PBXDir: "/pbx/sounds", Logger: zap.NewNop()})
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

func TestFallingBackNeverEndsInSilence(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	cases := map[string]struct {
		fails func(string) error
		data  []byte
		tone  bool
	}{
		"one voice is missing": {fails: func(lang string) error {
			if lang == "nl" {
				return broken
			}
			return nil
		}},
		"every voice is missing": {fails: func(string) error { return broken }, tone: true},
		"a voice writes rubbish": {data: []byte("not a sound"), tone: true},
		"a voice writes nothing": {data: []byte{}, tone: true},
		"a voice of another rate": {data: func() []byte {
			d := beep()
			d[24] = 0x80 // 16,000 Hz.
			d[25] = 0x3e
			return d
		}(), tone: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := &fakeSpeaker{fails: c.fails, data: c.data}
			v := newVoice(t, s, dir)
			m, err := v.Media(t.Context(), roster.Dutch, "Goedendag")
			require.NoError(t, err)
			require.True(t, playable(hostFile(t, dir, string(m))))
			require.Equal(t, c.tone, strings.HasSuffix(string(m), "/"+toneName))
			asked := s.spoken.Load()
			_, err = v.Media(t.Context(), roster.Dutch, "Goedendag")
			require.NoError(t, err)
			require.Equal(t, asked, s.spoken.Load(), "a failing voice is not asked again at once")
		})
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
	catalogue, err := ivr.ReadCatalogue(sounds.Name, sounds.Prompts())
	require.NoError(t, err)
	stale := filepath.Join(dir, cacheDir, "speaking-old")
	require.NoError(t, os.Mkdir(stale, 0o700))
	var last atomic.Int64
	require.NoError(t, v.Prepare(t.Context(), catalogue, roster.French, func(_, total int) { last.Store(int64(total)) }))
	require.EqualValues(t, len(catalogue.Fixed()), last.Load())
	// What extensions.conf plays by itself.
	for _, n := range []string{
		"press-a-key", "call-not-placed", "caller-gone", "not-reached", "fallback-greeting", "fallback-emergency",
		"fallback-message", "fallback-key", "fallback-thanks", "line-unknown", "service-away", "echo-test",
	} {
		require.True(t, playable(filepath.Join(dir, n+".wav")), n)
		for _, lang := range roster.Languages() {
			require.True(t, playable(filepath.Join(dir, string(lang), n+".wav")), "%s in %s", n, lang)
		}
	}
	require.True(t, playable(filepath.Join(dir, beepName+".wav")))
	spoken := s.spoken.Load()
	require.NoError(t, v.Prepare(t.Context(), catalogue, roster.French, nil))
	require.Equal(t, spoken, s.spoken.Load(), "a second start speaks nothing")
}

// TestPreparingStopsWithItsContext: of what is left, nothing is begun any more.
func TestPreparingStopsWithItsContext(t *testing.T) {
	t.Parallel()
	s := &fakeSpeaker{gate: make(chan struct{})}
	v := newVoice(t, s, t.TempDir())
	catalogue, err := ivr.ReadCatalogue(sounds.Name, sounds.Prompts())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- v.Prepare(ctx, catalogue, roster.French, nil) }()
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
