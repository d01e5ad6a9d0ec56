package speech

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/telephony/g711"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
)

// format is a sound format beside the WAV file of 8 kHz, by the ending of its files, which Asterisk knows: of the files that bear one
// name it plays the one that needs the least work for whoever listens.
type format string

// The formats.
const (
	formatALaw format = "alaw"
	formatULaw format = "ulaw"
	// formatWide is what wideband codecs are made of: 16 kHz, mono, 16 bit, without a header. It is there where the voice spoke so.
	formatWide format = "sln16"
)

func allFormats() []format { return []format{formatALaw, formatULaw, formatWide} }

// formatsOf is what codecs ask for, in the order of allFormats. None at all stands for those that every phone has.
func formatsOf(codecs []string) []format {
	if len(codecs) == 0 {
		codecs = []string{"alaw", "ulaw"}
	}
	asked := map[format]bool{}
	for _, codec := range codecs {
		switch codec {
		case "alaw":
			asked[formatALaw] = true
		case "ulaw":
			asked[formatULaw] = true
		case "g722", "opus":
			asked[formatWide] = true
		}
	}
	return slices.DeleteFunc(allFormats(), func(f format) bool { return !asked[f] })
}

// Use says which codecs phones and trunks have now, as Asterisk calls them. It reports whether a format has come in: then Prepare
// writes it for what was spoken before. What is no longer asked for stays until its text is purged.
func (v *Voice) Use(codecs []string) bool {
	formats := formatsOf(codecs)
	v.mu.Lock()
	defer v.mu.Unlock()
	more := slices.ContainsFunc(formats, func(f format) bool { return !slices.Contains(v.formats, f) })
	v.formats = formats
	if more {
		clear(v.ready)
	}
	return more
}

func (v *Voice) wanted() []format {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.formats
}

// whole reports whether every format that is wanted stands beside a WAV file that is playable. One of another length belongs to another
// sound, or was cut by a power cut: it is removed, so that nobody hears it.
func (v *Voice) whole(file string) bool {
	info, err := os.Stat(file)
	if err != nil {
		return false
	}
	samples := (info.Size() - wav.HeaderSize) / 2
	missing := false
	for _, f := range allFormats() {
		beside := strings.TrimSuffix(file, ".wav") + "." + string(f)
		found, err := os.Stat(beside)
		switch {
		case err != nil:
			// Speech that was never wide cannot become so: what is recorded, and a voice of 8 kHz.
			missing = missing || slices.Contains(v.wanted(), f) && (f != formatWide || v.spokenWide(file))
		case !f.fits(found.Size(), samples):
			missing = true
			_ = os.Remove(beside) // It is written anew.
		}
	}
	return !missing
}

// fits reports whether a file of so many bytes holds so many samples of 8 kHz.
func (f format) fits(size, samples int64) bool {
	if f == formatWide {
		return size/4 == samples
	}
	return size == samples
}

// spokenWide reports whether a file is of a voice, which may speak wideband when it is asked again.
func (v *Voice) spokenWide(file string) bool {
	return !v.narrowVoice.Load() && filepath.Dir(file) == filepath.Join(v.o.Dir, cacheDir) && !strings.HasSuffix(file, spare+".wav")
}

// writeSound writes a sound in every format that is wanted, each whole or not at all, the WAV file first: it alone is enough. A sound that
// is there already is left alone.
func (v *Voice) writeSound(base string, s wav.Sound) error {
	return v.writeFormats(base, s, v.wanted())
}

func (v *Voice) writeFormats(base string, s wav.Sound, formats []format) error {
	wide := s
	if s.Rate == wav.Wideband {
		s = s.Narrow()
		s.Normalise()
		wide.Samples = wide.Samples[:2*len(s.Samples)]
	}
	file, data := base+".wav", s.Encode()
	if old, err := os.ReadFile(file); err != nil || !bytes.Equal(old, data) { //nolint:gosec // Our own folder.
		// Another sound: nobody is to hear the one before in another format.
		for _, f := range allFormats() {
			if err := os.Remove(base + "." + string(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove the sound before: %w", err)
			}
		}
		if err := writeWhole(file, data); err != nil {
			return err
		}
	}
	var failed error
	for _, f := range formats {
		var data []byte
		switch {
		case f == formatWide && wide.Rate != wav.Wideband:
			continue
		case f == formatWide:
			data = make([]byte, 0, 2*len(wide.Samples))
			for _, sample := range wide.Samples {
				data = binary.LittleEndian.AppendUint16(data, uint16(sample)) //nolint:gosec // The same bits.
			}
		default:
			encode := map[format]func(int16) byte{formatALaw: g711.EncodeALaw, formatULaw: g711.EncodeULaw}[f]
			data = make([]byte, len(s.Samples))
			for i, sample := range s.Samples {
				data[i] = encode(sample)
			}
		}
		beside := base + "." + string(f)
		if old, err := os.Stat(beside); err == nil && old.Size() == int64(len(data)) {
			continue // It was written from the same sound.
		}
		if failed = writeWhole(beside, data); failed != nil {
			break // The PBX converts the WAV file.
		}
	}
	if was := v.cramped.Swap(failed != nil); failed != nil && !was {
		v.o.Logger.Warn("a sound could not be written in every format; the PBX converts it for each party", zap.Error(failed))
	}
	return nil
}

// readSound reads a sound that was written, wideband where it is.
func readSound(file string) (wav.Sound, error) {
	data, err := os.ReadFile(file) //nolint:gosec // Our own folder.
	if err != nil {
		return wav.Sound{}, fmt.Errorf("read prompt: %w", err)
	}
	sound, err := wav.DecodeSound(data)
	if err != nil {
		return wav.Sound{}, fmt.Errorf("read prompt: %w", err)
	}
	data, err = os.ReadFile(strings.TrimSuffix(file, ".wav") + "." + string(formatWide))
	if err != nil || len(data) != 4*len(sound.Samples) {
		return sound, nil //nolint:nilerr // Then it was never wide.
	}
	wide := wav.Sound{Rate: wav.Wideband, Samples: make([]int16, 2*len(sound.Samples))}
	for i := range wide.Samples {
		wide.Samples[i] = int16(binary.LittleEndian.Uint16(data[2*i:])) //nolint:gosec // The same bits.
	}
	return wide, nil
}

// baseOf is the name of a sound's file without the ending of its format; any other name stays.
func baseOf(name string) string {
	for _, f := range append(allFormats(), "wav") {
		if base, ok := strings.CutSuffix(name, "."+string(f)); ok {
			return base
		}
	}
	return name
}

// DiskUse is how many bytes the files of a folder of prompts hold. What cannot be read counts for nothing.
func DiskUse(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				bytes += info.Size()
			}
		}
		return nil
	})
	return bytes
}
