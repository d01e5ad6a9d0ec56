package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// gate is whom others have proposed, and who has refused.
type gate struct {
	answered []roster.Answered
	rules    roster.ProposalRules
	refused  []string
	erased   []string
	err      error
}

func (g *gate) Proposals(context.Context, int64) ([]roster.Proposal, error) {
	return []roster.Proposal{
		{
			Ref: "B017", Source: roster.SourcePharmacist, Language: roster.Dutch, Since: nine, Until: nine.AddDate(0, 0, 30), Calls: 1,
			Asked: nine, AskedBy: "A01",
		},
		{Ref: "B018", Source: roster.SourceFamily, Language: roster.French, Since: nine, Until: nine, Opens: nine, Closes: nine.Add(time.Hour)},
	}, nil
}

func (g *gate) AnswerConsent(_ context.Context, _ int64, a roster.Answered, _ time.Time) error {
	switch {
	case a.Ref == "B019":
		return callflow.ErrNothing
	case a.Ref != "B017":
		return roster.ErrNoBeneficiary
	case g.err != nil:
		return g.err
	}
	g.answered = append(g.answered, a)
	return nil
}

func (g *gate) ProposalRules(context.Context, int64) (roster.ProposalRules, error) {
	return g.rules, nil
}

func (g *gate) SetProposalRules(_ context.Context, _ int64, r roster.ProposalRules) error {
	g.rules = r
	return nil
}

func (g *gate) Origins(context.Context, int64) ([]report.Origin, error) {
	return []report.Origin{{Month: nine, Source: roster.SourceNurse, Outcome: "agreed", Count: 3}, {Month: nine, Outcome: "unfinished", Count: 1}}, nil
}

func (g *gate) RefuseNumber(_ context.Context, _ int64, number string, _ time.Time) error {
	g.refused = append(g.refused, number)
	return g.err
}

func (g *gate) Refused(_ context.Context, _ int64, numbers []string) (map[string]bool, error) {
	return map[string]bool{numbers[0]: slices.Contains(g.refused, numbers[0])}, nil
}

func (g *gate) LiftRefusal(_ context.Context, _ int64, number string) (bool, error) {
	was := slices.Contains(g.refused, number)
	g.refused = nil
	return was, nil
}

func (g *gate) RefusePerson(_ context.Context, _ int64, ref string, _ time.Time) error {
	if ref != "B017" {
		return roster.ErrNoBeneficiary
	}
	g.erased = append(g.erased, ref)
	return nil
}

// TestConsentsAndRefusals are told and written down by programs as by the command line.
func TestConsentsAndRefusals(t *testing.T) {
	h := newHouse(t)
	h.gate.rules = roster.ProposalRules{Days: 30}
	writing, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "the desk", Scope: auth.ScopeWrite}, time.Now())
	require.NoError(t, err)
	write, path := bearer(writing), "/api/v1/schemes/"+ours
	post := func(what, body string) answer { return h.ask(path+what, send("POST", body, write)) }

	require.Equal(t, 403, h.ask(path+"/consents").status, "a token that reads figures")
	list := h.valid(h.ask(path+"/consents", write).body, "Proposals")["proposals"].([]any)
	require.Equal(t, "A01", list[0].(map[string]any)["asked_by"])
	require.NotNil(t, list[1].(map[string]any)["next"])
	for name, c := range map[string]struct {
		person, body string
		status       int
	}{
		"agreed":           {"B017", `{"answer":"agreed","how":"letter"}`, 204},
		"no answer":        {"B017", `{"answer":"lapsed"}`, 400},
		"nothing":          {"B017", ``, 400},
		"nobody":           {"B099", `{"answer":"agreed"}`, 404},
		"not proposed":     {"B019", `{"answer":"refused"}`, 409},
		"unknown word":     {"B017", `{"answer":"agreed","when":"now"}`, 400},
		"proof is a story": {"B017", `{"answer":"agreed","how":"` + strings.Repeat("x", roster.MaxHow+1) + `"}`, 400},
	} {
		require.Equal(t, c.status, post("/consents/"+c.person, c.body).status, name)
	}
	require.Equal(t, []roster.Answered{{Ref: "B017", Answer: roster.AnswerAgreed, How: "letter"}}, h.gate.answered)
	h.gate.err = inbox.ErrInCall
	require.Equal(t, 409, post("/consents/B017", `{"answer":"refused"}`).status)
	require.Equal(t, 204, h.ask(path+"/consents", send("PUT", `{"days":14}`, write)).status)
	require.Equal(t, 400, h.ask(path+"/consents", send("PUT", `{"days":0}`, write)).status)
	require.Equal(t, roster.ProposalRules{Days: 14}, h.gate.rules)
	require.Contains(t, string(h.ask(path+"/consent-script").body), `"fr":"Êtes-vous d'accord ?"`, "it names nobody")

	origins := h.valid(h.ask(path+"/origins").body, "Origins")["origins"].([]any)
	require.Equal(t, map[string]any{"month": nine.Format("2006-01"), "source": "nurse", "outcome": "agreed", "count": json.Number("3")}, origins[0])

	h.gate.err = nil
	require.Equal(t, 400, post("/refusals", `{"number":"0199001234"}`).status)
	require.Equal(t, 204, post("/refusals", `{"number":"+33199001234"}`).status)
	require.JSONEq(t, `{"refused":true}`, string(post("/refusals/check", `{"number":"+33199001234"}`).body))
	require.JSONEq(t, `{"lifted":true}`, string(post("/refusals/lift", `{"number":"+33199001234"}`).body))
	require.JSONEq(t, `{"refused":false}`, string(post("/refusals/check", `{"number":"+33199001234"}`).body))
	require.Equal(t, 404, post("/refusals/person", `{"person":"B099"}`).status)
	require.Equal(t, 400, post("/refusals/person", `{}`).status)
	require.Equal(t, 204, post("/refusals/person", `{"person":"B017"}`).status)
	require.Equal(t, []string{"B017"}, h.gate.erased)
	require.Equal(t, 403, h.ask(path+"/refusals/person", send("POST", `{"person":"B017"}`)).status)
	h.gate.err = errors.Join(roster.ErrRefusalKey, errors.New("gone"))
	require.Equal(t, 503, post("/refusals", `{"number":"+33199001234"}`).status)

	// However an address is escaped, the audit holds it in one way, in which a ref is found that is to be forgotten.
	require.Equal(t, 404, post("/consents/B%20%31", `{"answer":"later"}`).status)
	require.True(t, slices.ContainsFunc(h.store.Acts(), func(a auth.Act) bool { return a.What == "POST consents/B%201" }))
}
