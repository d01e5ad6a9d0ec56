package callflow

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Consents is what people whom somebody else has proposed answer at their first call.
type Consents interface {
	// ProposedBy says who proposed the person of an attempt.
	ProposedBy(ctx context.Context, scheme int64, attempt call.ID) (roster.Source, error)
	// Asks reports whether an attempt was a first call that has reached the person, of which nobody has said what she answered.
	// It returns ErrNotYet while the end of the attempt is not written down.
	Asks(ctx context.Context, scheme int64, attempt call.ID) (bool, error)
	// AnswerFirstCall writes down what the person of an attempt answered. It returns ErrNotYet while the end of the attempt is
	// not written down, and ErrNothing when she has answered otherwise, or is nobody's any more.
	AnswerFirstCall(ctx context.Context, scheme int64, attempt call.ID, answer roster.ConsentAnswer) error
}

// Waits of a first call, real time.
const (
	// sourceWait is how long the records may take to say who proposed the person: her caller's phone rings after that.
	sourceWait = 2 * time.Second
	// answerWait is how long the end of the call may take to be written down before her answer is not. It is shorter than the guard
	// of the caller's line.
	answerWait = 4 * time.Second
)

// proposedBy is who the caller is told has proposed the person. While nobody knows it is the service: she is told to ask all the
// same.
func (c *Connector) proposedBy(o call.Order) string {
	ctx, cancel := context.WithTimeout(c.ctx, sourceWait)
	defer cancel()
	if c.o.Consents != nil {
		source, err := c.o.Consents.ProposedBy(ctx, o.Scheme, o.Attempt)
		if err != nil && c.ctx.Err() == nil {
			c.o.Logger.Warn("look up who proposed a person failed", zap.String("attempt", string(o.Attempt)), zap.Error(err))
		}
		if source != "" && source != roster.SourceSelf {
			return string(source)
		}
	}
	return string(roster.SourceService)
}

// asks says whether the closed call was a first call whose answer is to be told.
func (h *closer) asks(ctx context.Context) (string, bool) {
	if h.c.o.Consents == nil {
		return ivr.AnswerFailed, true
	}
	asked := false
	err := h.written(proposedWait, func() (err error) {
		asked, err = h.c.o.Consents.Asks(ctx, h.closing.Scheme, h.closing.Attempt)
		return err
	})
	switch {
	case h.c.ctx.Err() != nil:
		return "", false
	case err != nil:
		return ivr.AnswerFailed, true
	case asked:
		return "yes", true
	}
	return "no", true
}

// answer writes down what the person has answered. That is done even when the caller hangs up as she presses the key.
func (h *closer) answer(ctx context.Context, answer roster.ConsentAnswer) string {
	if h.c.o.Consents == nil {
		return ivr.AnswerFailed
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerWait)
	defer cancel()
	err := h.written(answerWait, func() error {
		return h.c.o.Consents.AnswerFirstCall(ctx, h.closing.Scheme, h.closing.Attempt, answer)
	})
	switch {
	case errors.Is(err, ErrNothing):
		return "gone"
	case err != nil:
		h.c.o.Logger.Error("write down what somebody answered at her first call failed; rappel consent list shows her",
			zap.String("attempt", string(h.closing.Attempt)), zap.Error(err))
		return ivr.AnswerFailed
	}
	return "done"
}
