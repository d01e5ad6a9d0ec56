package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// SaveRecording puts a recording in the place of a prompt, or of an earlier recording. Of r it takes the wording, the sound
// and its length. The running services play it within seconds, from their next call on.
func (s *Store) SaveRecording(ctx context.Context, scheme int64, r ivr.Recording, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	sum := sha256.Sum256(r.Sound)
	err := s.query.PutRecording(ctx, sqldb.PutRecordingParams{
		SchemeID: scheme, Key: r.Key, Language: string(r.Language), Sound: r.Sound, Sum: hex.EncodeToString(sum[:16]),
		LengthMs: r.Length.Milliseconds(), Now: instant(now),
	})
	if err != nil {
		return fmt.Errorf("save recording: %w", storeError(err))
	}
	return nil
}

// DropRecording gives a prompt its voice back; callflow.ErrNothing means that there was no recording.
func (s *Store) DropRecording(ctx context.Context, scheme int64, w ivr.Wording) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	n, err := s.query.DeleteRecording(ctx, sqldb.DeleteRecordingParams{SchemeID: scheme, Key: w.Key, Language: string(w.Language)})
	switch {
	case err != nil:
		return fmt.Errorf("drop recording: %w", storeError(err))
	case n == 0:
		return fmt.Errorf("drop recording: %w", callflow.ErrNothing)
	}
	return nil
}

// Recordings lists the recordings of all schemes, without their sound.
func (s *Store) Recordings(ctx context.Context) ([]ivr.Recording, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ListRecordings(ctx)
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", storeError(err))
	}
	list := make([]ivr.Recording, len(rows))
	for i, r := range rows {
		list[i] = ivr.Recording{
			Wording: ivr.Wording{Key: r.Key, Language: roster.Language(r.Language)}, Scheme: r.SchemeID,
			Length: milliseconds(r.LengthMs), At: when(r.ReplacedAt), Sum: r.Sum,
		}
	}
	return list, nil
}

// RecordingSound returns the sound of a recording, a WAV file; callflow.ErrNothing means that there is none.
func (s *Store) RecordingSound(ctx context.Context, scheme int64, w ivr.Wording) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	sound, err := s.query.ReadRecording(ctx, sqldb.ReadRecordingParams{SchemeID: scheme, Key: w.Key, Language: string(w.Language)})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("read recording: %w", callflow.ErrNothing)
	} else if err != nil {
		return nil, fmt.Errorf("read recording: %w", storeError(err))
	}
	return sound, nil
}
