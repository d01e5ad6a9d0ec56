package speech

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
)

// toneName is the file of last resort, and beepName the signal before a message that the dialplan takes.
const (
	// silenceDir holds silences, named by their milliseconds, and silenceStep is what they are multiples of. The PBX's own are
	// whole seconds.
	silenceDir  = "silence"
	silenceStep = 20 * time.Millisecond
	// pbxSilence is the PBX's own, a second of it, and pbxTone its own tone: for when no other can be written.
	pbxSilence telephony.Media = "sound:silence/1"
	pbxTone    telephony.Media = "sound:beep"

	toneName  = "tone"
	beepName  = "fallback-beep"
	musicName = "comfort"
)

// comfort is what somebody hears who waits: a slow chord, note by note, for twenty seconds. It is soft, so that a voice that
// follows is heard at once, and has no note in it that a telephone could take for a key.
func comfort() wav.Sound {
	chords := [][]float64{{220, 277, 330, 440}, {185, 220, 277, 370}, {147, 220, 294, 370}, {165, 247, 330, 415}, {220, 277, 330, 440}}
	var s []int16
	for _, chord := range chords {
		for i := range 8 {
			n := note(chord[[]int{0, 2, 1, 3, 2, 1, 3, 2}[i]], 500)
			for j := range n {
				n[j] = int16(float64(n[j]) * (1 - float64(j)/float64(len(n))) / 2)
			}
			s = append(s, n...)
		}
	}
	return wav.Sound{Rate: wav.Rate, Samples: s}
}

// tone is what is played when nothing can be said: three short soft notes.
func tone() wav.Sound {
	var s []int16
	for range 3 {
		s = append(s, note(440, 250)...)
		s = append(s, make([]int16, wav.Rate/5)...)
	}
	return wav.Sound{Rate: wav.Rate, Samples: s}
}

// beep is the signal before a message.
func beep() wav.Sound { return wav.Sound{Rate: wav.Rate, Samples: note(1000, 350)} }

// note is a sine of so many milliseconds at a quarter of full scale, with soft ends.
func note(hertz float64, ms int) []int16 {
	n := wav.Rate * ms / 1000
	fade := wav.Rate / 50
	out := make([]int16, n)
	for i := range out {
		level := min(1, float64(i)/float64(fade), float64(n-1-i)/float64(fade))
		out[i] = int16(8192 * level * math.Sin(2*math.Pi*hertz*float64(i)/wav.Rate))
	}
	return out
}

// playable reports whether a file exists and begins like one that Asterisk plays.
func playable(file string) bool {
	f, err := os.Open(file) //nolint:gosec // Our own folder.
	if err != nil {
		return false
	}
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	closeErr := f.Close()
	_, notSound := wav.Decode(head[:n])
	return (err == nil || errors.Is(err, io.ErrUnexpectedEOF)) && closeErr == nil && notSound == nil
}

// writeWhole writes a file that appears whole or not at all, also after a power cut.
func writeWhole(file string, data []byte) error {
	dir := filepath.Dir(file)
	f, err := os.CreateTemp(dir, ".writing-")
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(file), err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644) // The PBX runs as another user.
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", filepath.Base(file), err), os.Remove(f.Name()))
	}
	return nil
}

// Length is how long a medium that Media returned lasts; 0 when its file is not there.
func (v *Voice) Length(m telephony.Media) time.Duration {
	rel, ours := strings.CutPrefix(string(m), string(v.media())+"/")
	if !ours {
		return 0
	}
	info, err := os.Stat(filepath.Join(v.o.Dir, filepath.FromSlash(rel)+".wav"))
	if err != nil || info.Size() <= wav.HeaderSize {
		return 0
	}
	return fileLength(info.Size())
}

// Silence is so much of it, rounded up to 20 ms.
func (v *Voice) Silence(d time.Duration) telephony.Media {
	steps := max(1, (d+silenceStep-1)/silenceStep)
	name := strconv.FormatInt((steps * silenceStep).Milliseconds(), 10)
	v.mu.Lock()
	defer v.mu.Unlock() // It takes a moment, once for each length.
	key := silenceDir + "/" + name
	if !v.ready[key] {
		quiet := wav.Sound{Rate: wav.Rate, Samples: make([]int16, int(steps)*int(silenceStep*wav.Rate/time.Second))}
		if err := v.writeFormats(filepath.Join(v.o.Dir, silenceDir, name), quiet, v.formats); err != nil {
			v.o.Logger.Warn("write a silence failed, a whole second is played", zap.Error(err))
			return pbxSilence
		}
	}
	v.ready[key] = true
	return v.media(silenceDir, name)
}
