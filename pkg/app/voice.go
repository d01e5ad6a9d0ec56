package app

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/speech"
)

// errMute is why nothing can be spoken.
var errMute = errors.New("no voices: speech.installation is not set")

// mute is the Speaker of a service without voices: callers hear tones, and the log says why.
type mute struct{}

// Speak implements speech.Speaker.
func (mute) Speak(context.Context, string, string, string) error { return errMute }

// buildVoice makes the voice and has the fixed prompts spoken in the background.
func (a *App) buildVoice(book *ivr.Book) (*speech.Voice, error) {
	speaker, err := a.speaker()
	if err != nil {
		return nil, err
	}
	voice, err := speech.New(speech.Options{
		Speaker: speaker, Dir: a.cfg.Asterisk.Sounds, PBXDir: a.cfg.Asterisk.PBXSounds, Logger: a.log.Named("speech"),
		Registerer: a.registry,
	})
	if err != nil {
		return nil, err
	}
	a.onStop("voice", closeLimit, func(context.Context) error { voice.Close(); return nil })
	prepare := a.background("prompts", func(ctx context.Context) error {
		if _, silent := speaker.(mute); silent {
			a.log.Warn("prompts are heard as tones", zap.Error(errMute))
			return nil
		}
		if err := voice.Prepare(ctx, book.Prompts(), roster.Language(a.cfg.Speech.Language), nil); err != nil && ctx.Err() == nil {
			a.log.Warn("some prompts are heard in another voice", zap.Error(err))
		}
		return nil
	})
	a.onStop("prompts", closeLimit, prepare)
	return voice, nil
}

func (a *App) speaker() (speech.Speaker, error) {
	if a.cfg.Speech.Installation == "" {
		return mute{}, nil
	}
	inst, err := setup.Prepare(context.Background(), setup.Options{Dir: a.cfg.Speech.Installation, WithoutPostgres: true})
	if err != nil {
		return nil, fmt.Errorf("open the voices of %s: %w", a.cfg.Speech.Installation, err)
	}
	voice, err := setup.NewVoice(inst)
	if err != nil {
		return nil, fmt.Errorf("open the voices of %s: %w", a.cfg.Speech.Installation, err)
	}
	return voice, nil
}
