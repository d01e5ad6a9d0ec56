package speech

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
)

// smallDisk is a file system of 3 MiB that ends with the test. Where the machine does not let us mount one the test is skipped,
// but not where it must run.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("rappel", dir, "tmpfs", 0, "size=3m"); err != nil {
		if os.Getenv("CI") == "true" || !errors.Is(err, syscall.EPERM) {
			require.NoError(t, err)
		}
		t.Skip("only root may mount a small file system")
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// TestAFullDisk loses nothing that was spoken or recorded before; what is new is an error that is logged and counted, and there
// is always something to hear. When there is room again it is spoken.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	logs, logged := observer.New(zap.WarnLevel)
	v, err := New(Options{
		Speakers: []Speaker{&fakeSpeaker{}, &fakeSpeaker{}}, Dir: dir, Logger: zap.New(logs), Registerer: prometheus.NewRegistry(),
	})
	require.NoError(t, err)
	t.Cleanup(v.Close)
	before, err := v.Media(t.Context(), roster.French, "Bonjour")
	require.NoError(t, err)
	half := v.Silence(ivr.AfterKey)
	menu, bye := ivr.Wording{Key: "main.menu", Language: roster.French}, ivr.Wording{Key: "goodbye", Language: roster.French}
	l := &library{list: []ivr.Recording{{Wording: menu, Scheme: 1, Sum: "aa", Sound: beep().Encode()}}}
	require.NoError(t, v.Refresh(t.Context(), l))

	ballast := filepath.Join(dir, "ballast")
	fill := os.WriteFile(ballast, make([]byte, 4<<20), 0o600)
	require.ErrorIs(t, fill, syscall.ENOSPC)
	_, err = v.Media(t.Context(), roster.French, "Votre prochain appel est mardi.")
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.InDelta(t, 1, testutil.ToFloat64(v.counts.WithLabelValues("failed")), 0)
	require.NotEmpty(t, logged.FilterMessage("a voice failed on a text").All())
	l.list = append(l.list, ivr.Recording{Wording: bye, Scheme: 1, Sum: "bb", Sound: wav.Encode(note(500, 2000))})
	require.ErrorIs(t, v.Refresh(t.Context(), l), syscall.ENOSPC)

	again, ok := v.Ready(roster.French, "Bonjour")
	require.True(t, ok)
	require.Equal(t, before, again)
	for _, media := range []string{string(before), string(half), string(v.Tone()), string(v.Music()), string(v.Recorded(1)[menu])} {
		require.True(t, playable(media[len("sound:"):]+".wav"), media)
	}
	require.NotContains(t, v.Recorded(1), bye, "its text is spoken")
	require.Equal(t, pbxSilence, v.Silence(ivr.BetweenSentences), "a longer one")
	left, err := filepath.Glob(filepath.Join(dir, "*", ".writing-*"))
	require.NoError(t, err)
	require.Empty(t, left, "nothing half written")

	anew, err := New(Options{Speakers: []Speaker{&fakeSpeaker{}}, Dir: dir, Logger: zap.New(logs)})
	require.NoError(t, err, "a service starts all the same")
	t.Cleanup(anew.Close)
	_, ok = anew.Ready(roster.French, "Bonjour")
	require.True(t, ok)
	require.Equal(t, v.Tone(), anew.Tone())
	require.NoError(t, os.Remove(filepath.Join(dir, toneName+".wav")))
	require.Equal(t, pbxTone, anew.Tone())

	require.NoError(t, os.Remove(ballast))
	require.NoError(t, v.Refresh(t.Context(), l))
	require.Contains(t, v.Recorded(1), bye)
	_, err = v.Media(t.Context(), roster.French, "Votre prochain appel est mercredi.")
	require.NoError(t, err)
}

// TestADiskThatIsNearlyFull: the WAV file alone is heard while there is no room for other formats, and they follow when there is.
func TestADiskThatIsNearlyFull(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	logs, logged := observer.New(zap.WarnLevel)
	s := &fakeSpeaker{data: wav.Encode(note(300, 1000))}
	v, err := New(Options{Speakers: []Speaker{s}, Dir: dir, Logger: zap.New(logs)})
	require.NoError(t, err)
	t.Cleanup(v.Close)
	ballast := filepath.Join(dir, "ballast")
	require.ErrorIs(t, os.WriteFile(ballast, make([]byte, 4<<20), 0o600), syscall.ENOSPC)
	info, err := os.Stat(ballast)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(ballast, info.Size()-9*4096)) // What is spoken and the WAV file take four pages each.
	m, err := v.Media(t.Context(), roster.French, "Bonjour")
	require.NoError(t, err)
	file := string(m[len("sound:"):]) + ".wav"
	require.True(t, playable(file))
	require.Equal(t, []string{"wav"}, formats(t, file))
	require.Len(t, logged.FilterMessageSnippet("in every format").All(), 1)
	left, err := filepath.Glob(filepath.Join(dir, "*", ".writing-*"))
	require.NoError(t, err)
	require.Empty(t, left)

	require.NoError(t, os.Remove(ballast))
	anew, err := New(Options{Speakers: []Speaker{s}, Dir: dir, Logger: zap.New(logs)})
	require.NoError(t, err)
	t.Cleanup(anew.Close)
	_, err = anew.Media(t.Context(), roster.French, "Bonjour")
	require.NoError(t, err)
	require.Equal(t, []string{"alaw", "ulaw", "wav"}, formats(t, file))
}
