package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/speech"
)

// How often changed recordings and names of schemes are looked for; real time.
const (
	recordingsEvery = 2 * time.Second
	greetingsEvery  = 10 * time.Second
)

// errMute is why nothing can be spoken.
var errMute = errors.New("no voices: pico2wave, espeak-ng or sox is not installed, and neither speech.installation nor speech.command is set")

// mute is the Speaker of a service without voices: callers hear tones, and the log says why.
type mute struct{}

// Speak implements speech.Speaker.
func (mute) Speak(context.Context, string, string, string) error { return errMute }

// buildVoice makes the voice and has the fixed prompts spoken in the background.
func (a *App) buildVoice(ctx context.Context, book *ivr.Book) (*speech.Voice, error) {
	speakers, err := a.speakers(ctx)
	if err != nil {
		return nil, err
	}
	_, silent := speakers[0].(mute)
	voice, err := speech.New(speech.Options{
		Speakers: speakers, Dir: a.cfg.Asterisk.Sounds, PBXDir: a.cfg.Asterisk.PBXSounds, Logger: a.log.Named("speech"),
		Registerer: a.registry,
	})
	if err != nil {
		return nil, err
	}
	a.onStop("voice", closeLimit, func(context.Context) error { voice.Close(); return nil })
	a.onStop("recordings", closeLimit, a.background("recordings", func(ctx context.Context) error {
		return a.again(ctx, recordingsEvery, "refresh recordings; trying again", func(ctx context.Context) error {
			return voice.Refresh(ctx, a.store)
		})
	}))
	if !silent {
		a.onStop("greetings", closeLimit, a.background("greetings", func(ctx context.Context) error {
			return a.again(ctx, greetingsEvery, "speak greetings; trying again", func(ctx context.Context) error {
				return a.speakGreetings(ctx, voice, book)
			})
		}))
	}
	prepare := a.background("prompts", func(ctx context.Context) error {
		if silent {
			close(a.spoken)
			a.log.Warn("prompts are heard as tones", zap.Error(errMute))
			return nil
		}
		return a.speakAhead(ctx, voice, book)
	})
	a.onStop("prompts", closeLimit, prepare)
	return voice, nil
}

// speakGreetings has the greeting of every scheme spoken in its languages: it is what is heard first, and names the scheme.
func (a *App) speakGreetings(ctx context.Context, voice *speech.Voice, book *ivr.Book) error {
	schemes, err := a.store.Schemes(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range schemes {
		if s.Spoken == "" {
			continue
		}
		spoken, err := a.store.Languages(ctx, s.Key)
		if err != nil {
			return err
		}
		for _, lang := range spoken {
			errs = append(errs, voice.Say(ctx, lang, book.Text(lang, "line.greeting_named", ivr.Vars{"scheme": s.Spoken})))
		}
	}
	return errors.Join(errs...)
}

// speakers are who speaks, the first one first: the configured command, the voices of an installation that is there already or
// else the machine's own, and their plain voices. It never makes an installation. Without any voice the first one is mute.
func (a *App) speakers(ctx context.Context) ([]speech.Speaker, error) {
	var list []speech.Speaker
	if len(a.cfg.Speech.Command) > 0 {
		own, err := speech.NewCommand(a.cfg.Speech.Command)
		if err != nil {
			return nil, err
		}
		list = append(list, own)
	}
	voice, err := a.installedVoice(ctx)
	switch {
	case errors.Is(err, setup.ErrNoVoice):
	case err != nil:
		return nil, err
	default:
		voice = voice.Wide()
		list = append(list, voice, voice.Plain())
	}
	if len(list) == 0 {
		list = append(list, mute{})
	}
	return list, nil
}

// installedVoice opens the voices of the configured installation, or the machine's own: then the error may be ErrNoVoice.
func (a *App) installedVoice(ctx context.Context) (*setup.Voice, error) {
	dir := a.cfg.Speech.Installation
	if dir == "" {
		voice, err := setup.MachineVoice(filepath.Join(a.cfg.Data, "voice"))
		if err != nil {
			return nil, fmt.Errorf("open the machine's voices: %w", err)
		}
		return voice, nil
	}
	if _, err := os.Stat(filepath.Join(dir, "secrets.json")); err != nil {
		return nil, fmt.Errorf("open the voices of %s: it is no installation that rappel demo made: %w", dir, err)
	}
	inst, err := setup.Prepare(ctx, setup.Options{Dir: dir, WithoutPostgres: true})
	if err != nil {
		return nil, fmt.Errorf("open the voices of %s: %w", dir, err)
	}
	voice, err := setup.NewVoice(inst)
	if err != nil {
		return nil, fmt.Errorf("open the voices of %s: %w", dir, err)
	}
	return voice, nil
}

// OpenVoice opens the voice of a configuration for a command that speaks beside the service. Its Close ends it.
func OpenVoice(ctx context.Context, cfg Config) (*speech.Voice, error) {
	a := &App{cfg: cfg}
	speakers, err := a.speakers(ctx)
	if err != nil {
		return nil, err
	}
	if _, silent := speakers[0].(mute); silent {
		return nil, errMute
	}
	return speech.New(speech.Options{
		Speakers: speakers, Dir: cfg.Asterisk.Sounds, PBXDir: cfg.Asterisk.PBXSounds, Logger: zap.NewNop(),
	})
}
