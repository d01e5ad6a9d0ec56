package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/speech"
)

const (
	// aheadEvery is how often it is looked for languages that schemes speak and answers that were changed; real time.
	aheadEvery = 5 * time.Second
	// firstFlow is the dialogue whose prompts are spoken first.
	firstFlow = "registration"
	// toldEvery is how often it is logged how far speaking ahead is; real time.
	toldEvery = 10 * time.Second
)

// speakAhead has everything spoken that people may come to hear, so that nobody waits for a voice, in the languages that a scheme
// uses: at first what the PBX says by itself, then the first menus, then everything else, one text at a time, because those who are
// on the line come first. What is asked for before its turn is spoken then. It goes on with what is changed later.
func (a *App) speakAhead(ctx context.Context, voice *speech.Voice, book *ivr.Book) error {
	begun := time.Now()
	work := speech.Work{
		Prompts: book.Prompts(), First: book.HeardFirst(firstFlow), Languages: []roster.Language{roster.Language(a.cfg.Speech.Language)},
		Progress: a.tellProgress(),
	}
	if used, err := languages(ctx, a.cfg, a.store); err == nil { // Else it is asked again below.
		work.Languages = used
	}
	err := voice.PrepareDialplan(ctx, work)
	close(a.spoken)
	if err != nil && ctx.Err() == nil {
		a.log.Warn("some prompts of the PBX are heard in another voice, or as tones", zap.Error(err))
	}
	var prepared []roster.Language
	answers := map[int64]time.Time{} // The change up to which a scheme's answers were spoken.
	return a.again(ctx, aheadEvery, "speak ahead; trying again", func(ctx context.Context) error {
		used, err := languages(ctx, a.cfg, a.store)
		if err == nil {
			work.Languages = used
		}
		if reformat := a.reformat.Swap(false); reformat || !slices.Equal(prepared, work.Languages) {
			if err := voice.Prepare(ctx, work); err != nil && ctx.Err() == nil {
				a.log.Warn("some prompts are heard in another voice or language", zap.Error(err))
			}
			prepared = slices.Clone(work.Languages)
			clear(answers)
			a.log.Info("prompts are spoken", zap.Any("languages", prepared), zap.Duration("after", time.Since(begun)))
		}
		return errors.Join(err, a.speakAnswers(ctx, voice, work, answers))
	})
}

// tellProgress logs now and then how many prompts are spoken.
func (a *App) tellProgress() func(done, total int) {
	told := time.Now()
	return func(done, total int) {
		if time.Since(told) < toldEvery {
			return
		}
		told = time.Now()
		a.log.Info("speaking prompts", zap.Int("done", done), zap.Int("of", total))
	}
}

// languages are those that any scheme uses, the PBX's own first.
func languages(ctx context.Context, cfg Config, store *postgres.Store) ([]roster.Language, error) {
	schemes, err := store.Schemes(ctx)
	if err != nil {
		return nil, err
	}
	used := []roster.Language{roster.Language(cfg.Speech.Language)}
	for _, s := range schemes {
		spoken, err := store.Languages(ctx, s.Key)
		if err != nil {
			return nil, err
		}
		for _, lang := range spoken {
			if !slices.Contains(used, lang) {
				used = append(used, lang)
			}
		}
	}
	slices.Sort(used[1:]) // The order of schemes means nothing.
	return used, nil
}

// speakAnswers has what lines answer spoken, where it was changed since.
func (a *App) speakAnswers(ctx context.Context, voice *speech.Voice, work speech.Work, spoken map[int64]time.Time) error {
	edits, err := a.store.QuestionEdits(ctx)
	if err != nil {
		return err
	}
	for scheme, edited := range edits {
		if known, ok := spoken[scheme]; ok && known.Equal(edited) {
			continue
		}
		answers, err := a.store.Answers(ctx, scheme)
		if err != nil {
			return err
		}
		var failed error
		for _, said := range answers.Texts(work.Prompts, answers.First) {
			if !slices.Contains(work.Languages, said.Language) {
				continue
			}
			if _, err := voice.Media(ctx, said.Language, said.Text); err != nil {
				failed = err // The others may be spoken.
			}
			if ctx.Err() != nil {
				return failed
			}
		}
		if failed != nil {
			return failed
		}
		spoken[scheme] = edited
	}
	return nil
}
