package setup_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
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
			data, err := os.ReadFile(out)
			require.NoError(t, err)
			spoken, err := wav.Decode(data)
			require.NoError(t, err)
			require.Greater(t, wav.Length(spoken), 1500*time.Millisecond)
			require.Less(t, wav.Length(spoken), 10*time.Second)
			// Normalising again changes nothing: the level is right already.
			again := slices.Clone(spoken)
			wav.Normalise(again)
			require.InDeltaSlice(t, spoken, again, 40)
		})
	}
}

// TestMachineVoice speaks with programs of the machine: here small ones that
// hand on to those of the installation's root file system.
func TestMachineVoice(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "voice")
	t.Setenv("PATH", t.TempDir())
	_, err := setup.MachineVoice(empty)
	require.ErrorIs(t, err, setup.ErrNoVoice)
	require.NoDirExists(t, empty)

	bin := t.TempDir()
	for name, script := range map[string]string{
		"pico2wave": `for a; do case $a in --wave=*) out=${a#--wave=};; esac; done; cat >/dev/null; cp "$0.wav" "$out"`,
		"espeak-ng": "exit 3",
		"sox":       `for a; do case $a in *telephone.wav) out=$a;; *spoken.wav) in=$a;; esac; done; cp "$in" "$out"`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(bin, "pico2wave.wav"), tone(), 0o644))
	// Programs run as another user, who must get there.
	for dir := bin; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755))
	}
	t.Setenv("PATH", bin)
	voice, err := setup.MachineVoice(empty)
	require.NoError(t, err)
	out := filepath.Join(t.TempDir(), "out.wav")
	require.NoError(t, voice.Speak(t.Context(), "fr", "Bonjour.", out))
	wav, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Len(t, wav, 44+16000)
	require.Error(t, voice.Speak(t.Context(), "nl", "Goedendag.", filepath.Join(t.TempDir(), "out.wav")))
	left, err := os.ReadDir(filepath.Join(empty, "runs"))
	require.NoError(t, err)
	require.Empty(t, left, "nothing of a text is left behind")
}

// tone is a second of 500 Hz as a WAV file of 8 kHz, 16 bit, mono.
func tone() []byte {
	wav := []byte("RIFF\xa4\x3e\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x80\x3e\x00\x00")
	for i := range 8000 {
		wav = binary.LittleEndian.AppendUint16(wav, uint16(int16(8000*math.Sin(2*math.Pi*float64(i)/16))))
	}
	return wav
}
