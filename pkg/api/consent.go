package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Consents is who was proposed by others, and what they answer. Package postgres implements it.
type Consents interface {
	// Proposals lists whoever has not answered yet.
	Proposals(ctx context.Context, scheme int64) ([]roster.Proposal, error)
	// AnswerConsent writes down what somebody answered. The errors are roster.ErrNoBeneficiary, roster.ErrRefusalKey, inbox.ErrInCall, and
	// callflow.ErrNothing when she was not proposed, or has answered otherwise.
	AnswerConsent(ctx context.Context, scheme int64, a roster.Answered, now time.Time) error
	ProposalRules(ctx context.Context, scheme int64) (roster.ProposalRules, error)
	SetProposalRules(ctx context.Context, scheme int64, r roster.ProposalRules) error
	// Origins lists who registers people, and what came of it, by month, the latest first.
	Origins(ctx context.Context, scheme int64) ([]report.Origin, error)
}

// errNotProposed means that a person was not proposed, or has answered otherwise.
var errNotProposed = errors.New("she was not proposed, or has answered otherwise")

// proposalBody is somebody who has not answered yet.
type proposalBody struct {
	Person   string          `json:"person"`
	Source   roster.Source   `json:"source"`
	Language roster.Language `json:"language"`
	Since    time.Time       `json:"since"`
	Until    time.Time       `json:"until"`
	Calls    int             `json:"calls"`
	Next     *timeBody       `json:"next,omitempty"`
	Asked    *time.Time      `json:"asked,omitempty"`
	AskedBy  string          `json:"asked_by,omitempty"`
}

// rulesBody bounds what others may propose.
type rulesBody struct {
	Days int `json:"days"`
}

// consents lists whoever has not answered yet.
func (a *API) consents(q ask) (any, error) {
	list, err := a.opts.Consents.Proposals(q.Context(), q.scheme.Key)
	if err != nil {
		return nil, err
	}
	rules, err := a.opts.Consents.ProposalRules(q.Context(), q.scheme.Key)
	if err != nil {
		return nil, err
	}
	body := struct {
		Proposals []proposalBody `json:"proposals"`
		Rules     rulesBody      `json:"rules"`
	}{[]proposalBody{}, rulesBody(rules)}
	for _, p := range list {
		one := proposalBody{
			Person: p.Ref, Source: p.Source, Language: p.Language, Since: p.Since.UTC(), Until: p.Until.UTC(), Calls: p.Calls,
			Asked: instantOf(p.Asked), AskedBy: p.AskedBy,
		}
		if !p.Opens.IsZero() {
			one.Next = &timeBody{p.Opens.UTC(), p.Closes.UTC()}
		}
		body.Proposals = append(body.Proposals, one)
	}
	return body, nil
}

// answerConsent writes down what somebody answered.
func (a *API) answerConsent(q ask) (any, error) {
	var sent struct {
		Answer roster.ConsentAnswer `json:"answer"`
		How    string               `json:"how"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	if !slices.Contains([]roster.ConsentAnswer{roster.AnswerAgreed, roster.AnswerRefused, roster.AnswerLater}, sent.Answer) {
		return nil, fmt.Errorf("%w: answer is none of agreed, refused and later", errBody)
	}
	if len(sent.How) > roster.MaxHow {
		return nil, fmt.Errorf("%w: how is longer than %d bytes", errBody, roster.MaxHow)
	}
	err := a.opts.Consents.AnswerConsent(q.Context(), q.scheme.Key, roster.Answered{
		Ref: q.PathValue("person"), Answer: sent.Answer, How: sent.How,
	}, q.now)
	if errors.Is(err, callflow.ErrNothing) {
		return nil, errNotProposed
	}
	return nil, err
}

// putConsentRules changes what bounds proposals.
func (a *API) putConsentRules(q ask) (any, error) {
	rules, err := a.opts.Consents.ProposalRules(q.Context(), q.scheme.Key)
	if err != nil {
		return nil, err
	}
	sent := rulesBody(rules)
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	rules = roster.ProposalRules(sent)
	if err := rules.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", errBody, err)
	}
	return nil, a.opts.Consents.SetProposalRules(q.Context(), q.scheme.Key, rules)
}

// consentScript is what a caller may say at a first call, in every language.
func (a *API) consentScript(ask) (any, error) {
	texts := map[roster.Language]string{}
	for _, lang := range roster.Languages() {
		texts[lang] = ""
		if a.opts.Script != nil {
			texts[lang] = a.opts.Script(lang)
		}
	}
	return struct {
		Texts map[roster.Language]string `json:"texts"`
	}{texts}, nil
}

// originBody is how often something came of people whom a source has registered.
type originBody struct {
	Month   string        `json:"month"`
	Source  roster.Source `json:"source"`
	Outcome string        `json:"outcome"`
	Count   int           `json:"count"`
}

// origins tells who registers people, and what came of it. It names nobody.
func (a *API) origins(q ask) (any, error) {
	list, err := a.opts.Consents.Origins(q.Context(), q.scheme.Key)
	if err != nil {
		return nil, err
	}
	body := struct {
		Origins []originBody `json:"origins"`
	}{[]originBody{}}
	for _, o := range list {
		body.Origins = append(body.Origins, originBody{o.Month.Format("2006-01"), o.Source, o.Outcome, o.Count})
	}
	return body, nil
}
