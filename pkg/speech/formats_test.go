package speech

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony/g711"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
)

// wideSpeaker speaks at 16 kHz.
func wideSpeaker() *fakeSpeaker {
	return &fakeSpeaker{data: wav.Sound{Rate: wav.Wideband, Samples: note(300, 1000)}.Encode()}
}

// formats are the endings of the files of a sound, sorted.
func formats(t *testing.T, file string) (list []string) {
	t.Helper()
	base := strings.TrimSuffix(file, ".wav")
	found, err := filepath.Glob(base + ".*")
	require.NoError(t, err)
	for _, f := range found {
		list = append(list, strings.TrimPrefix(f, base+"."))
	}
	slices.Sort(list)
	return list
}

func TestASoundIsThereInTheCodecsOfPhonesAndTrunks(t *testing.T) {
	t.Parallel()
	dir, s := t.TempDir(), wideSpeaker()
	v, err := New(Options{Speakers: []Speaker{s}, Dir: dir, Logger: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(v.Close)
	spoken := func(text string) string {
		m, err := v.Media(t.Context(), roster.French, text)
		require.NoError(t, err)
		return strings.TrimPrefix(string(m), "sound:") + ".wav"
	}
	file := spoken("Bonjour")
	require.Equal(t, []string{"alaw", "ulaw", "wav"}, formats(t, file))
	sound, err := readSound(file)
	require.NoError(t, err)
	law, err := os.ReadFile(strings.TrimSuffix(file, "wav") + "alaw")
	require.NoError(t, err)
	require.Len(t, law, len(sound.Samples))
	for i, b := range law {
		require.Equal(t, g711.EncodeALaw(sound.Samples[i]), b)
	}

	require.False(t, v.Use([]string{"alaw", "gsm"}), "nothing more is asked for")
	require.Equal(t, []string{"alaw", "wav"}, formats(t, spoken("Bonsoir")))
	require.True(t, v.Use([]string{"alaw", "g722"}), "wideband is")
	require.Equal(t, file, spoken("Bonjour"), "it is spoken again, at its place")
	require.Equal(t, []string{"alaw", "sln16", "ulaw", "wav"}, formats(t, file))
	wide, err := readSound(file)
	require.NoError(t, err)
	require.Equal(t, wav.Wideband, wide.Rate)
	require.Equal(t, sound.Samples, narrowed(wide))
	require.EqualValues(t, 3, s.spoken.Load())

	// What a power cut left of a file is heard by nobody, and what it belongs to is made whole.
	require.NoError(t, os.WriteFile(strings.TrimSuffix(file, "wav")+"alaw", law[:80], 0o600))
	anew, err := New(Options{Speakers: []Speaker{s}, Dir: dir, Logger: zap.NewNop(), Codecs: []string{"alaw", "g722"}})
	require.NoError(t, err)
	t.Cleanup(anew.Close)
	_, err = anew.Media(t.Context(), roster.French, "Bonjour")
	require.NoError(t, err)
	mended, err := os.ReadFile(strings.TrimSuffix(file, "wav") + "alaw")
	require.NoError(t, err)
	require.Equal(t, law, mended)

	// Another sound under a name leaves nothing of the one before.
	base := filepath.Join(dir, "named")
	require.NoError(t, v.writeSound(base, wide))
	require.NoError(t, anew.writeFormats(base, wav.Sound{Rate: wav.Rate, Samples: note(500, 400)}, []format{formatULaw}))
	require.Equal(t, []string{"ulaw", "wav"}, formats(t, base+".wav"))
}

func narrowed(s wav.Sound) []int16 {
	s = s.Narrow()
	s.Normalise()
	return s.Samples
}

// TestAVoiceOfATelephone never becomes wide: it is not asked again and again.
func TestAVoiceOfATelephone(t *testing.T) {
	t.Parallel()
	s := &fakeSpeaker{}
	v, err := New(Options{Speakers: []Speaker{s}, Dir: t.TempDir(), Logger: zap.NewNop(), Codecs: []string{"opus", "alaw"}})
	require.NoError(t, err)
	t.Cleanup(v.Close)
	book, err := ivr.ReadCatalogue("p.yaml", []byte("a:\n  fr: Bonjour\n  nl: Goedendag\n  de: Guten Tag\n  en: Hello\n"))
	require.NoError(t, err)
	work := Work{Prompts: book, Languages: roster.Languages()}
	require.NoError(t, v.Prepare(t.Context(), work))
	require.NoError(t, v.Prepare(t.Context(), work))
	require.EqualValues(t, 4, s.spoken.Load())
	require.Positive(t, DiskUse(v.o.Dir))
}
