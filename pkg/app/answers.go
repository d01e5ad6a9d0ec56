package app

import (
	"context"
	"time"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/speech"
)

// answersEvery is how often it is asked who has changed what the line answers; real time.
const answersEvery = 5 * time.Second

// speakAnswers has everything spoken that lines may answer, and what is changed as soon as it is, so that nobody waits for a
// voice. One text at a time: those who are on the line come first. What is asked for before its turn is spoken then.
func (a *App) speakAnswers(ctx context.Context, voice *speech.Voice, prompts *ivr.Catalogue) error {
	spoken := map[int64]time.Time{} // The change up to which a scheme's answers were spoken.
	return a.again(ctx, answersEvery, "speak the line's answers ahead; trying again", func(ctx context.Context) error {
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
			for _, said := range answers.Texts(prompts, answers.First) {
				if _, err := voice.Media(ctx, said.Language, said.Text); err != nil {
					return err
				}
			}
			spoken[scheme] = edited
		}
		return nil
	})
}
