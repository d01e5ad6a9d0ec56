package wav_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/telephony/wav"
)

// TestAFileThatNobodyFinished is whole again; one that is whole stays as it is, and what is none is left alone.
func TestAFileThatNobodyFinished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "message.wav")
	whole := wav.Encode(make([]int16, 3*wav.Rate))
	cut := append([]byte(nil), whole...)
	copy(cut[4:], []byte{0, 0, 0, 0})
	copy(cut[40:], []byte{0, 0, 0, 0})
	require.NoError(t, os.WriteFile(path, cut, 0o600))
	length, err := wav.Mend(path)
	require.NoError(t, err)
	require.Equal(t, 3*time.Second, length)
	for range 2 {
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, whole, got)
		length, err = wav.Mend(path)
		require.NoError(t, err)
		require.Zero(t, length)
	}
	require.NoError(t, os.WriteFile(path, []byte("RIFF"), 0o600))
	_, err = wav.Mend(path)
	require.ErrorIs(t, err, wav.ErrNotWAV)
	_, err = wav.Mend(path + "x")
	require.ErrorIs(t, err, os.ErrNotExist)
}
