package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/pkg/telephony/wav"
)

// speakPatience bounds the speaking of one text.
const speakPatience = 30 * time.Second

// ErrNoVoice says that no voice speaks the language.
var ErrNoVoice = errors.New("no voice for this language")

// Voice turns text into telephone audio with the installation's speech
// programs. It keeps no state; its methods may be called from several
// goroutines.
type Voice struct {
	inst *Installation
	// plain has espeak-ng speak every language.
	plain bool
	// wide has it speak at 16 kHz.
	wide bool
}

// NewVoice returns the voices of an installation.
func NewVoice(inst *Installation) (*Voice, error) {
	if inst == nil || inst.voices.sox == "" {
		return nil, errors.New("new voice: the installation was prepared without voices: call Prepare with Asterisk")
	}
	return &Voice{inst: inst}, nil
}

// Plain returns the voice that speaks every language in the plainest way: for
// when the better ones fail.
func (v *Voice) Plain() *Voice { return &Voice{inst: v.inst, plain: true, wide: v.wide} }

// Wide returns the voice at 16 kHz, for phones and trunks that carry more than a
// telephone.
func (v *Voice) Wide() *Voice { return &Voice{inst: v.inst, plain: v.plain, wide: true} }

func (v *Voice) rate() int {
	if v.wide {
		return wav.Wideband
	}
	return wav.Rate
}

// MachineVoice returns the voices of the machine's own pico2wave, espeak-ng and
// sox, for a service without root. What it writes meanwhile is below dir, which
// is made when something is spoken. ErrNoVoice says that one is not installed.
func MachineVoice(dir string) (*Voice, error) {
	voices, ok := machineVoices()
	if !ok {
		return nil, fmt.Errorf("find pico2wave, espeak-ng and sox: %w", ErrNoVoice)
	}
	return &Voice{inst: &Installation{Dir: dir, voices: voices}}, nil
}

// picoLanguage is the name pico2wave knows a language by; other languages are
// spoken by espeak-ng.
func picoLanguage(lang string) (string, bool) {
	switch lang {
	case "fr":
		return "fr-FR", true
	case "de":
		return "de-DE", true
	case "en":
		return "en-GB", true
	}
	return "", false
}

// Speak writes the text, spoken in one of fr, nl, de and en, as a WAV file of
// 8 kHz (or 16, see Wide), 16 bit, mono, at the loudness of wav.Normalise. The file appears complete
// or not at all. ErrNoVoice is returned for other languages.
func (v *Voice) Speak(ctx context.Context, lang, text, outWAV string) error {
	if strings.TrimSpace(text) == "" {
		return errors.New("speak: the text is empty")
	}
	ctx, cancel := context.WithTimeout(ctx, speakPatience)
	defer cancel()
	dir, err := v.inst.NewRunDir("voice")
	if err != nil {
		return fmt.Errorf("speak: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // What remains is removed by a later Prepare.
	if err := makeRunDir(dir, voiceUID, 0o700); err != nil {
		return fmt.Errorf("speak: %w", err)
	}
	c := v.confinement(dir)
	if err := v.synthesise(ctx, c, dir, lang, text); err != nil {
		return fmt.Errorf("speak %s: %w", lang, err)
	}
	sox := v.confinement(dir)
	sox.path = v.inst.voices.sox
	// The filters keep what a telephone carries; -G guards against clipping.
	sox.args = []string{
		"-G", sox.inside("spoken.wav"), "-r", strconv.Itoa(v.rate()), "-c", "1", "-b", "16", "-e", "signed-integer",
		sox.inside("telephone.wav"), "highpass", "120",
	}
	if _, err := sox.run(ctx); err != nil {
		return fmt.Errorf("speak %s: resample: %w", lang, err)
	}
	spoken, err := os.ReadFile(filepath.Join(dir, "telephone.wav"))
	if err != nil {
		return fmt.Errorf("speak %s: %w", lang, err)
	}
	sound, err := wav.DecodeSound(spoken)
	if err != nil {
		return fmt.Errorf("speak %s: %w", lang, err)
	}
	sound = sound.Tighten()
	sound.Normalise()
	if err := writeFile(outWAV, sound.Encode(), 0o644); err != nil {
		return fmt.Errorf("write speech: %w", err)
	}
	return nil
}

func (v *Voice) confinement(dir string) *confinement {
	return &confinement{
		root:   v.inst.voices.root,
		runDir: dir,
		uid:    voiceUID,
		user:   "rappel-voice",
		env:    []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=" + viewDir},
	}
}

// synthesise writes spoken.wav at the voice's own rate. The text goes through
// standard input where the program allows it, since arguments are visible to
// the whole machine.
func (v *Voice) synthesise(ctx context.Context, c *confinement, dir, lang, text string) error {
	name, pico := picoLanguage(lang)
	if !pico && lang != "nl" {
		return fmt.Errorf("%q: %w", lang, ErrNoVoice)
	}
	if pico && !v.plain {
		c.path = v.inst.voices.pico2wave
		c.args = []string{"--wave=" + c.inside("spoken.wav"), "--lang=" + name}
		c.stdin = strings.NewReader(text)
	} else {
		c.path = v.inst.voices.espeak
		c.args = []string{"-v", lang, "-s", "150", "-b", "1", "-w", c.inside("spoken.wav"), "--stdin"}
		c.stdin = strings.NewReader(text)
	}
	if _, err := c.run(ctx); err != nil {
		return err
	}
	if info, err := os.Stat(filepath.Join(dir, "spoken.wav")); err != nil || info.Size() <= 44 {
		return fmt.Errorf("%s wrote no audio", filepath.Base(c.path))
	}
	return nil
}
