package speech

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
)

// Library keeps the recordings that replace prompts. Package postgres implements it.
type Library interface {
	// Recordings lists those of all schemes, without their sound.
	Recordings(ctx context.Context) ([]ivr.Recording, error)
	// RecordingSound returns the WAV file of one.
	RecordingSound(ctx context.Context, scheme int64, w ivr.Wording) ([]byte, error)
}

// recordedDir holds recordings, named by their content, below Options.Dir.
const recordedDir = "recorded"

// Recorded is what a scheme has recorded, as of the last Refresh. It must not be changed; a dialogue that keeps it goes on as
// it began.
func (v *Voice) Recorded(scheme int64) map[ivr.Wording]telephony.Media {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.recorded[scheme]
}

// Refresh looks at the recordings of a library and brings those that are new to where the PBX plays them. What cannot be
// brought is not played: the voice speaks its text, and the next Refresh tries again. After an error what was known stays.
func (v *Voice) Refresh(ctx context.Context, from Library) error {
	list, err := from.Recordings(ctx)
	if err != nil {
		return fmt.Errorf("refresh recordings: %w", err)
	}
	dir := filepath.Join(v.o.Dir, recordedDir)
	now, used := map[int64]map[ivr.Wording]telephony.Media{}, map[string]bool{}
	var failed error
	for _, r := range list {
		file := filepath.Join(dir, filepath.Base(r.Sum)+".wav")
		if !playable(file) || !v.whole(file) {
			if err := v.bring(ctx, from, r, file); err != nil {
				failed = fmt.Errorf("bring recording of %s in %s: %w", r.Key, r.Language, err)
				continue
			}
		}
		if now[r.Scheme] == nil {
			now[r.Scheme] = map[ivr.Wording]telephony.Media{}
		}
		used[baseOf(filepath.Base(file))] = true
		now[r.Scheme][r.Wording] = v.media(recordedDir, strings.TrimSuffix(filepath.Base(file), ".wav"))
	}
	v.mu.Lock()
	first := v.recorded == nil
	if !maps.EqualFunc(v.recorded, now, maps.Equal) || first {
		v.recorded = now
	}
	v.mu.Unlock()
	if first && failed == nil {
		// Only at the beginning, when no dialogue of ours counts on what was replaced since.
		failed = sweep(dir, used, time.Now().Add(-v.o.KeepVariable))
	}
	return failed
}

func (v *Voice) bring(ctx context.Context, from Library, r ivr.Recording, file string) error {
	sound, err := from.RecordingSound(ctx, r.Scheme, r.Wording)
	if err != nil {
		return err
	}
	samples, err := wav.Decode(sound)
	if err != nil {
		return fmt.Errorf("check recording: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // The PBX reads it.
		return fmt.Errorf("make folder of recordings: %w", err)
	}
	return v.writeSound(strings.TrimSuffix(file, ".wav"), wav.Sound{Rate: wav.Rate, Samples: samples})
}

// sweep removes the files that are not used and were written before an instant: a service beside this one may use the others.
func sweep(dir string, used map[string]bool, before time.Time) error {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("list recordings: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || used[baseOf(e.Name())] || info.ModTime().After(before) {
			continue // One that is gone meanwhile was somebody else's to remove.
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("remove old recording: %w", err)
		}
	}
	return nil
}

// File is where a text that was spoken lies below a folder of prompts, and how long it lasts; ok is false when nobody has
// spoken it yet.
func File(dir string, lang roster.Language, text string) (file string, length time.Duration, ok bool) {
	file = filepath.Join(dir, cacheDir, name(lang, text)+".wav")
	info, err := os.Stat(file)
	if err != nil || info.Size() <= wav.HeaderSize {
		return "", 0, false
	}
	return file, fileLength(info.Size()), true
}

// fileLength is how long a WAV file of so many bytes lasts.
func fileLength(size int64) time.Duration {
	return time.Duration(size-wav.HeaderSize) * time.Second / (2 * wav.Rate)
}
