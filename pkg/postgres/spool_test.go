package postgres

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/roster"
)

var spoolNow = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func drawFact(t *rapid.T) dispatch.Op {
	id := call.NewID()
	n := rapid.IntRange(0, 1000).Draw(t, "n")
	switch rapid.IntRange(0, 3).Draw(t, "op") {
	case 0:
		return dispatch.Progress{Step: call.Step{Attempt: id, Offer: n, State: call.StateBridged, At: spoolNow, Channel: "a\nb"}}
	case 1:
		return dispatch.OfferEnd{Attempt: id, Offer: n, State: call.OfferTimedOut, At: spoolNow}
	case 2:
		return dispatch.CloseCall{Attempt: id, Caller: int64(n), Disposition: call.DispositionDifficult, At: spoolNow}
	default:
		return dispatch.Finish{
			Outcome: call.Outcome{Attempt: id, Offer: n, Result: call.ResultAnswered, Talk: time.Duration(n) * time.Second, At: spoolNow},
			Settlement: dispatch.Settlement{
				Occurrence: int64(n), State: call.OccurrenceReached, At: spoolNow,
				Next: &dispatch.Occurrence{Agreement: 1, Kind: call.KindScheduled, Opens: spoolNow, LocalDate: spoolNow},
			},
		}
	}
}

// TestAnyPrefixOfTheSpoolReplaysAPrefix cuts the file anywhere, as a crash may.
func TestAnyPrefixOfTheSpoolReplaysAPrefix(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(dir, "spool")
		require.NoError(rt, os.RemoveAll(path))
		s, err := OpenSpool(path)
		require.NoError(rt, err)
		for range rapid.IntRange(1, 5).Draw(rt, "batches") {
			var ops []dispatch.Op
			for range rapid.IntRange(1, 4).Draw(rt, "ops") {
				ops = append(ops, drawFact(rt))
			}
			require.NoError(rt, s.append(1, 2, spoolNow, ops))
			require.NoError(rt, s.append(1, 3, spoolNow.Add(time.Hour), ops), "kept once")
		}
		all := s.take()
		require.NoError(rt, s.Close())
		data, err := os.ReadFile(path)
		require.NoError(rt, err)

		cut := rapid.IntRange(0, len(data)).Draw(rt, "cut")
		require.NoError(rt, os.WriteFile(path, data[:cut], 0o600))
		s, err = OpenSpool(path)
		require.NoError(rt, err)
		got := s.take()
		require.Equal(rt, all[:len(got)], append([]fact{}, got...))
		if cut == len(data) {
			require.Len(rt, got, len(all))
		}
		// What comes after the tear is readable.
		require.NoError(rt, s.append(1, 2, spoolNow, []dispatch.Op{drawFact(rt)}))
		require.NoError(rt, s.Close())
		s, err = OpenSpool(path)
		require.NoError(rt, err)
		require.Equal(rt, len(got)+1, s.Len())
		require.NoError(rt, s.drop(s.Len()))
		info, err := os.Stat(path)
		require.NoError(rt, err)
		require.Zero(rt, info.Size())
		require.Equal(rt, os.FileMode(0o600), info.Mode().Perm())
		require.NoError(rt, s.Close())
		_, err = os.Stat(path + ".damaged")
		require.ErrorIs(rt, err, os.ErrNotExist)
	})
}

func TestSpoolKeepsADamagedFileForALook(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "spool")
	s, err := OpenSpool(path)
	require.NoError(t, err)
	_, err = OpenSpool(path)
	require.ErrorIs(t, err, ErrSpoolInUse)
	for i := range 3 {
		require.NoError(t, s.append(1, 1, spoolNow, []dispatch.Op{dispatch.OfferEnd{Offer: i}}))
	}
	require.NoError(t, s.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data[len(data)/2] ^= 1
	require.NoError(t, os.WriteFile(path, data, 0o600))
	s, err = OpenSpool(path)
	require.NoError(t, err)
	require.Equal(t, 2, s.Len())
	require.NoError(t, s.Close())
	kept, err := os.ReadFile(path + ".damaged")
	require.NoError(t, err)
	require.Equal(t, data, kept)
}

func TestSpoolHoldsNoNumbers(t *testing.T) {
	t.Parallel()
	f, ok := factOf(dispatch.Finish{Settlement: dispatch.Settlement{Next: &dispatch.Occurrence{
		Numbers: []string{"+3281990000"}, Terms: roster.Agreement{Cadence: roster.Daily},
	}}})
	require.True(t, ok)
	text, err := f.text()
	require.NoError(t, err)
	require.NotContains(t, string(text), "3281990000")
	_, ok = factOf(dispatch.Claim{})
	require.False(t, ok, "a decision is no fact")
}
