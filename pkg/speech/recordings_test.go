package speech

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// library is a Library in memory.
type library struct {
	list  []ivr.Recording
	err   error
	reads int
}

func (l *library) Recordings(context.Context) ([]ivr.Recording, error) { return l.list, l.err }

func (l *library) RecordingSound(_ context.Context, scheme int64, w ivr.Wording) ([]byte, error) {
	l.reads++
	for _, r := range l.list {
		if r.Scheme == scheme && r.Wording == w {
			return r.Sound, l.err
		}
	}
	return nil, errors.New("there is none")
}

func TestRecordingsComeToWhereThePBXPlaysThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := newVoice(t, &fakeSpeaker{}, dir)
	menu := ivr.Wording{Key: "main.menu", Language: roster.French}
	bye := ivr.Wording{Key: "goodbye", Language: roster.Dutch}
	l := &library{list: []ivr.Recording{
		{Wording: menu, Scheme: 1, Sum: "aa", Sound: beep().Encode()}, {Wording: menu, Scheme: 2, Sum: "bb", Sound: tone().Encode()},
		{Wording: bye, Scheme: 2, Sum: "cc", Sound: []byte("rubbish")},
	}}
	require.NoError(t, os.MkdirAll(filepath.Join(dir, recordedDir), 0o755))
	old, young := filepath.Join(dir, recordedDir, "old.wav"), filepath.Join(dir, recordedDir, "young.wav")
	for _, file := range []string{old, young} {
		require.NoError(t, os.WriteFile(file, tone().Encode(), 0o600))
	}
	long := time.Now().Add(-365 * 24 * time.Hour)
	require.NoError(t, os.Chtimes(old, long, long))

	require.Empty(t, v.Recorded(1))
	require.Error(t, v.Refresh(t.Context(), l), "what is no sound is not played")
	require.Len(t, v.Recorded(2), 1)
	before := v.Recorded(1)
	require.True(t, playable(hostFile(t, dir, string(before[menu]))))
	require.NotEqual(t, v.Recorded(1)[menu], v.Recorded(2)[menu])
	reads := l.reads

	l.list = l.list[:2]
	require.NoError(t, v.Refresh(t.Context(), l))
	require.Equal(t, reads, l.reads, "a sound is brought once")
	l.err = errors.New("the database is away")
	require.Error(t, v.Refresh(t.Context(), l))
	require.Len(t, v.Recorded(1), 1, "what was known stays")

	l.err, l.list[0].Sum, l.list[0].Sound = nil, "dd", tone().Encode()
	require.NoError(t, v.Refresh(t.Context(), l))
	require.NotEqual(t, before[menu], v.Recorded(1)[menu])
	require.True(t, playable(hostFile(t, dir, string(before[menu]))), "a dialogue that goes on still hears the former")
	l.list = l.list[1:]
	require.NoError(t, v.Refresh(t.Context(), l))
	require.Empty(t, v.Recorded(1))

	later := newVoice(t, &fakeSpeaker{}, dir)
	require.NoError(t, later.Refresh(t.Context(), l))
	require.NoFileExists(t, old)
	require.FileExists(t, young)
}
