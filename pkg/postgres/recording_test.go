package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
)

func TestRecordings(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	store := postgrestest.Store(t)
	now := time.Date(2026, 6, 16, 8, 0, 0, 0, time.UTC)
	var schemes [2]postgres.Scheme
	for i, name := range []string{"Ici", "Ailleurs"} {
		var err error
		schemes[i], err = store.CreateScheme(ctx, postgres.Scheme{Name: name, Zone: "Europe/Brussels", Country: "BE"}, now)
		require.NoError(t, err)
	}
	w := ivr.Wording{Key: "main.menu", Language: roster.Dutch}
	r := ivr.Recording{Wording: w, Length: 2 * time.Second, Sound: wav.Encode(make([]int16, 16000))}
	require.NoError(t, store.SaveRecording(ctx, schemes[0].Key, r, now))
	require.NoError(t, store.SaveRecording(ctx, schemes[1].Key, r, now))
	other := r
	other.Sound = wav.Encode(make([]int16, 8000))
	other.Length = time.Second
	require.NoError(t, store.SaveRecording(ctx, schemes[0].Key, other, now.Add(time.Hour)), "a later one takes its place")

	list, err := store.Recordings(ctx)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, w, list[0].Wording)
	require.Equal(t, time.Second, list[0].Length)
	require.True(t, now.Add(time.Hour).Equal(list[0].At))
	require.NotEqual(t, list[0].Sum, list[1].Sum)
	sound, err := store.RecordingSound(ctx, schemes[0].Key, w)
	require.NoError(t, err)
	require.Equal(t, other.Sound, sound)

	require.NoError(t, store.DropRecording(ctx, schemes[0].Key, w))
	require.ErrorIs(t, store.DropRecording(ctx, schemes[0].Key, w), callflow.ErrNothing)
	_, err = store.RecordingSound(ctx, schemes[0].Key, w)
	require.ErrorIs(t, err, callflow.ErrNothing)
	sound, err = store.RecordingSound(ctx, schemes[1].Key, w)
	require.NoError(t, err)
	require.Equal(t, r.Sound, sound, "the other scheme's stays")
}
