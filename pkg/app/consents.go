package app

import (
	"context"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// firstCallScript is the prompt that tells a caller what to say at a first call.
const firstCallScript = "dialplan.first-call-script"

// consents is the records as callflow.Consents: the dispatcher learns at once of calls that were booked or called off.
type consents struct {
	*postgres.Store
	dispatcher *dispatch.Dispatcher
	now        func() time.Time
}

var _ callflow.Consents = consents{}

// AnswerFirstCall implements callflow.Consents.
func (c consents) AnswerFirstCall(ctx context.Context, scheme int64, attempt call.ID, answer roster.ConsentAnswer) error {
	err := c.Store.AnswerFirstCall(ctx, scheme, attempt, answer, c.now())
	if err == nil {
		c.dispatcher.Changed(scheme)
	}
	return err
}

// ConsentScript is what a caller may say at a first call, by language.
func ConsentScript(cfg Config) (map[roster.Language]string, error) {
	book, err := shippedBook(cfg)
	if err != nil {
		return nil, err
	}
	texts := map[roster.Language]string{}
	for _, lang := range roster.Languages() {
		texts[lang] = book.Text(lang, firstCallScript, nil)
	}
	return texts, nil
}
