// Package speech turns text into audio files that the PBX plays, once per text: 8 kHz, mono, 16-bit WAV, and beside each the same in
// the codecs of trunks and phones (formats.go), named by their content and written so that a file is whole or absent. What a voice cannot speak the next one does, in the same language,
// until the first is well again; that is logged and counted. What none can speak, or what finds no room on the disk, is an error:
// whoever talks to somebody says something else then (package callflow), and there is always a tone, never silence.
package speech

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
)

// ErrClosed means that the Voice speaks no more.
var ErrClosed = errors.New("the voice is closed")

// Speaker speaks one text into a WAV file. Package setup has one.
type Speaker interface {
	// Speak writes the text, in one of the languages fr, nl, de and en, as a WAV file (8 or 16 kHz, mono, 16-bit PCM).
	Speak(ctx context.Context, lang, text, outWAV string) error
}

// Options is what a Voice is made of.
type Options struct {
	// Speakers are asked in their order: the next one for what the one before cannot speak.
	Speakers []Speaker
	// Dir is where the files are written. The PBX's user must be able to read it.
	Dir string
	// PBXDir is the same folder as the PBX sees it; empty means Dir.
	PBXDir string
	Logger *zap.Logger
	// Codecs are those of phones and trunks, as Asterisk calls them; see Use. Empty means alaw and ulaw.
	Codecs []string
	// Registerer may be nil: then nothing is counted.
	Registerer prometheus.Registerer
	// Workers is how many texts are spoken at the same time; 0 means 2.
	Workers int
	// Patience is how long a Speaker may take over one text; 0 means 6 s, so that the next one is heard within the 8 s that a party
	// waits. One who takes longer rests for a minute.
	Patience time.Duration
	// KeepVariable is how long a text that is no fixed prompt stays, since it may hold a name or a date; 0 means 30 days.
	KeepVariable time.Duration
}

func (o *Options) validate() error {
	var errs []error
	if len(o.Speakers) == 0 || slices.Contains(o.Speakers, nil) {
		errs = append(errs, errors.New("a Speaker is missing"))
	}
	if !filepath.IsAbs(o.Dir) {
		errs = append(errs, fmt.Errorf("the folder Dir %q is not absolute", o.Dir))
	}
	if o.PBXDir != "" && !path.IsAbs(o.PBXDir) {
		errs = append(errs, fmt.Errorf("the folder PBXDir %q is not absolute", o.PBXDir))
	}
	if o.Logger == nil {
		errs = append(errs, errors.New("the Logger is missing"))
	}
	if o.Workers < 0 || o.Patience < 0 || o.KeepVariable < 0 {
		errs = append(errs, errors.New("none of Workers, Patience and KeepVariable may be negative"))
	}
	return errors.Join(errs...)
}

// failureMemory is how long a Speaker that failed on a text is not asked for it again, and one that hung for any.
const failureMemory = time.Minute

// spare ends the names of files that another Speaker than the first spoke: they are played until the first is asked again.
const spare = "-spare"

// cacheDir holds the files named by content, below Options.Dir.
const cacheDir = "cache"

// Voice speaks texts and remembers what it has spoken. Its methods are safe for use by several goroutines.
type Voice struct {
	o       Options
	workers chan struct{} // One token per text being spoken for somebody who listens; preparing has workers of its own.
	counts  *prometheus.CounterVec
	disk    prometheus.Gauge

	ctx    context.Context // Of every rendering; ends with Close.
	cancel context.CancelFunc
	wg     sync.WaitGroup

	cramped     atomic.Bool // The last sound did not find room for all its formats.
	narrowVoice atomic.Bool // The first Speaker spoke at 8 kHz last.

	mu      sync.Mutex
	closed  bool
	formats []format
	ready   map[string]bool
	failed  map[string]failure
	resting []time.Time // Of each Speaker, until when it is not asked.
	pending map[string]*rendering
	// recorded is by scheme; nil before the first Refresh, and replaced as a whole.
	recorded map[int64]map[ivr.Wording]telephony.Media
}

// rendering is one text being spoken, for everybody who asked for it meanwhile.
type rendering struct {
	done chan struct{} // Closed when file and err are set.
	file string        // Its name, without extension.
	err  error
}

// failure is a text that the first Speaker could not speak.
type failure struct {
	at    time.Time
	spare bool // Another could.
}

// New makes the folders and the tone of last resort.
func New(o Options) (*Voice, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("set up speech: %w", err)
	}
	if o.PBXDir == "" {
		o.PBXDir = o.Dir
	}
	if o.Workers == 0 {
		o.Workers = 2
	}
	if o.Patience == 0 {
		o.Patience = 6 * time.Second
	}
	if o.KeepVariable == 0 {
		o.KeepVariable = 30 * 24 * time.Hour
	}
	for _, dir := range []string{cacheDir, silenceDir} {
		if err := os.MkdirAll(filepath.Join(o.Dir, dir), 0o755); err != nil { //nolint:gosec // The PBX reads it.
			return nil, fmt.Errorf("make folder of prompts: %w", err)
		}
	}
	counts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "rappel", Subsystem: "speech", Name: "texts_total", Help: "Texts asked for, by how they were said.",
	}, []string{"how"})
	disk := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "rappel", Subsystem: "speech", Name: "disk_bytes", Help: "What prompts take on the disk, in every format, when they were last counted.",
	})
	if o.Registerer != nil {
		for _, c := range []prometheus.Collector{counts, disk} {
			if err := o.Registerer.Register(c); err != nil {
				return nil, fmt.Errorf("set up speech: %w", err)
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	v := &Voice{
		o: o, workers: make(chan struct{}, o.Workers), counts: counts, disk: disk, ctx: ctx, cancel: cancel, formats: formatsOf(o.Codecs),
		ready: map[string]bool{}, failed: map[string]failure{}, resting: make([]time.Time, len(o.Speakers)), pending: map[string]*rendering{},
	}
	for name, sound := range map[string]wav.Sound{toneName: tone(), musicName: comfort()} {
		if err := v.writeSound(filepath.Join(o.Dir, name), sound); err != nil {
			o.Logger.Error("write a sound failed; what is there already is played", zap.Error(err)) // A full disk stops nobody from answering.
		}
	}
	return v, nil
}

// Close stops speaking and waits for what is under way.
func (v *Voice) Close() {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.cancel()
	v.wg.Wait()
}

// name is the file of a text, without extension: its content, so that another text is another file. The number is that of the
// way in which voices are worked on: another way is another file too.
func name(lang roster.Language, text string) string {
	sum := sha256.Sum256([]byte("4\x00" + string(lang) + "\x00" + text))
	return hex.EncodeToString(sum[:16])
}

func (v *Voice) file(n string) string { return filepath.Join(v.o.Dir, cacheDir, n+".wav") }

// media is how the PBX calls a file below Dir.
func (v *Voice) media(elem ...string) telephony.Media {
	return telephony.Media("sound:" + path.Join(append([]string{v.o.PBXDir}, elem...)...))
}

// Media returns what says the text in the language. A text said before costs nothing; a new one is spoken first, once,
// whoever else asks for it. The error is ctx's, ErrClosed, or why no Speaker could.
func (v *Voice) Media(ctx context.Context, lang roster.Language, text string) (telephony.Media, error) {
	file, err := v.render(ctx, lang, text)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, ErrClosed) {
			v.counts.WithLabelValues("failed").Inc()
		}
		return "", fmt.Errorf("speak: %w", err)
	}
	v.counts.WithLabelValues("said").Inc()
	return v.media(cacheDir, file), nil
}

// Ready returns what says the text in the language if it was spoken before; it costs nothing. Otherwise it reports false and has
// the text spoken in the background, for whoever asks next.
func (v *Voice) Ready(lang roster.Language, text string) (telephony.Media, bool) {
	n := name(lang, text)
	v.mu.Lock()
	known, other := v.ready[n], v.failed[n].fresh() && v.failed[n].spare
	v.mu.Unlock()
	if !known && !other && playable(v.file(n)) { // Of an earlier life.
		known = true
		v.mu.Lock()
		v.ready[n] = true
		v.mu.Unlock()
	}
	switch {
	case known:
	case other:
		n += spare
	default:
		_, _, _ = v.start(v.workers, lang, text) // Whoever asks next is told of an error.
		return "", false
	}
	v.counts.WithLabelValues("said").Inc()
	return v.media(cacheDir, n), true
}

// Music is what somebody hears who waits: about twenty seconds of it.
func (v *Voice) Music() telephony.Media { return v.media(musicName) }

// Tone is what is heard when nothing can be said: three soft notes.
func (v *Voice) Tone() telephony.Media {
	v.counts.WithLabelValues("tone").Inc()
	if !playable(filepath.Join(v.o.Dir, toneName+".wav")) {
		return pbxTone
	}
	return v.media(toneName)
}

// render makes sure that a file of the text exists, and returns its name without extension.
func (v *Voice) render(ctx context.Context, lang roster.Language, text string) (file string, err error) {
	return v.renderFrom(ctx, v.workers, ivr.Fixed{Language: lang, Text: text})
}

// renderFrom is render with one of some workers; nil has as many as ask.
func (v *Voice) renderFrom(ctx context.Context, workers chan struct{}, f ivr.Fixed) (file string, err error) {
	r, file, err := v.start(workers, f.Language, f.Text)
	if r == nil {
		return file, err
	}
	select {
	case <-r.done:
		return r.file, r.err
	case <-ctx.Done():
		return "", ctx.Err() // It is spoken on for the next one who asks.
	}
}

// fresh reports whether it is too soon to try again.
func (f failure) fresh() bool { return !f.at.IsZero() && time.Since(f.at) < failureMemory }

// start has a text spoken, unless it is already: then there is no rendering to wait for, and its file.
func (v *Voice) start(workers chan struct{}, lang roster.Language, text string) (r *rendering, file string, err error) {
	n := name(lang, text)
	v.mu.Lock()
	defer v.mu.Unlock()
	switch f := v.failed[n]; {
	case v.ready[n]:
		return nil, n, nil
	case v.closed:
		return nil, "", ErrClosed
	case f.fresh() && f.spare:
		return nil, n + spare, nil
	case f.fresh():
		return nil, "", errors.New("it failed on this text a moment ago")
	}
	r = v.pending[n]
	if r == nil {
		r = &rendering{done: make(chan struct{})}
		v.pending[n] = r
		v.wg.Go(func() { v.speak(r, workers, lang, text) })
	}
	return r, "", nil
}

// speak speaks one text for everybody who waits.
func (v *Voice) speak(r *rendering, workers chan struct{}, lang roster.Language, text string) {
	n := name(lang, text)
	r.file, r.err = v.produce(workers, lang, text)
	v.mu.Lock()
	delete(v.pending, n)
	delete(v.failed, n)
	switch {
	case r.err == nil && r.file == n:
		v.ready[n] = true
	case v.ctx.Err() == nil:
		v.failed[n] = failure{time.Now(), r.err == nil}
	}
	v.mu.Unlock()
	close(r.done)
}

// produce has the Speakers try, in their order, and returns the name of the file.
func (v *Voice) produce(workers chan struct{}, lang roster.Language, text string) (file string, err error) {
	n := name(lang, text)
	spoken := playable(v.file(n))
	if spoken && v.whole(v.file(n)) {
		return n, nil
	}
	defer func() {
		if err != nil && spoken && v.ctx.Err() == nil {
			file, err = n, nil // The PBX converts what is there.
		}
	}()
	if workers != nil {
		select {
		case workers <- struct{}{}:
			defer func() { <-workers }()
		case <-v.ctx.Done():
			return "", ErrClosed
		}
	}
	var errs []error
	for i, speaker := range v.o.Speakers {
		if !v.awake(i) {
			errs = append(errs, fmt.Errorf("voice %d took too long a moment ago", i+1))
			continue
		}
		if file = n; i > 0 {
			file += spare
		}
		err := v.utter(i, speaker, utterance{lang, text, v.file(file)})
		switch {
		case err == nil:
			if i > 0 {
				v.counts.WithLabelValues("other_voice").Inc()
			}
			return file, nil
		case v.ctx.Err() != nil:
			return "", ErrClosed
		}
		errs = append(errs, err)
		v.o.Logger.Warn("a voice failed on a text", zap.Int("voice", i+1), zap.Int("of", len(v.o.Speakers)),
			zap.String("language", string(lang)), zap.Error(err))
	}
	return "", errors.Join(errs...)
}

// awake reports whether a Speaker is to be asked.
func (v *Voice) awake(i int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return !time.Now().Before(v.resting[i])
}

// utterance is what a Speaker is to say, and where.
type utterance struct {
	lang roster.Language
	text string
	file string
}

// utter has one Speaker say something, and keeps it when it is a sound, as loud as all others.
func (v *Voice) utter(i int, speaker Speaker, u utterance) error {
	ctx, cancel := context.WithTimeout(v.ctx, v.o.Patience)
	defer cancel()
	// The Speaker may be another program under another user, so that it gets a folder of its own.
	dir, err := os.MkdirTemp(filepath.Join(v.o.Dir, cacheDir), "speaking-")
	if err != nil {
		return fmt.Errorf("make room for speech: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // What remains is removed by Prepare.
	spoken := filepath.Join(dir, "spoken.wav")
	if err := speaker.Speak(ctx, string(u.lang), u.text, spoken); err != nil {
		if ctx.Err() != nil && v.ctx.Err() == nil {
			v.mu.Lock()
			v.resting[i] = time.Now().Add(failureMemory)
			v.mu.Unlock()
		}
		return fmt.Errorf("speak: %w", err)
	}
	data, err := os.ReadFile(spoken) //nolint:gosec // Our own folder.
	if err != nil {
		return fmt.Errorf("read speech: %w", err)
	}
	sound, err := wav.DecodeSound(data)
	if err != nil {
		return fmt.Errorf("check speech: %w", err)
	}
	if sound = sound.Tighten(); sound.Silent() {
		return errors.New("check speech: nothing is heard in it")
	}
	sound.Normalise()
	if i == 0 {
		v.narrowVoice.Store(sound.Rate != wav.Wideband)
	}
	return v.writeSound(strings.TrimSuffix(u.file, ".wav"), sound)
}
