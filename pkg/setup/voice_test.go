package setup_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

func TestSpeak(t *testing.T) {
	voice, err := setup.NewVoice(setuptest.Installation(t))
	require.NoError(t, err)
	for lang, text := range map[string]string{
		"fr": "Bonjour. Votre prochain appel est prévu mardi à dix heures.",
		"nl": "Goedendag. Uw volgende oproep is dinsdag om tien uur.",
		"de": "Guten Tag. Ihr nächster Anruf ist am Dienstag um zehn Uhr.",
		"en": "Good morning. Your next call is on Tuesday at ten o'clock.",
	} {
		t.Run(lang, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.wav")
			require.NoError(t, voice.Speak(t.Context(), lang, text, out))
			wav, err := os.ReadFile(out)
			require.NoError(t, err)
			seconds := float64(len(wav)-44) / 16000
			require.Greater(t, seconds, 1.5)
			require.Less(t, seconds, 10.0)
			// Normalising again changes nothing: the level is right already.
			again, err := setup.Normalise(wav)
			require.NoError(t, err)
			require.InDeltaSlice(t, samples(wav), samples(again), 40)
		})
	}
}

func samples(wav []byte) []float64 {
	var out []float64
	for i := 44; i+1 < len(wav); i += 2 {
		out = append(out, float64(int16(uint16(wav[i])|uint16(wav[i+1])<<8)))
	}
	return out
}
