package calls

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

// asked lets a caller be told that somebody was proposed by her pharmacist, and talk to her; it returns when the caller is asked
// what she answered.
func asked(t *testing.T, street *house.Street) (*house.House, *house.Person, *phone.Call) {
	t.Helper()
	plan := picksUp()
	plan.Change = func(b *roster.Beneficiary) {
		b.Consent, b.Source = roster.Consent{State: roster.ConsentProposed}, roster.SourcePharmacist
		b.Agreement.Cadence, b.Agreement.Days = roster.Daily, nil
	}
	h, caller, person := one(t, street, plan)
	require.Len(t, calls(t, h, person), 1, "one call, whatever was proposed")
	hers := h.Take(caller)
	h.Hears(hers, time.Time{}, h.Prompt("dialplan.first-call", nil), time.Minute)
	h.Hears(hers, time.Time{}, h.Prompt("dialplan.first-call-by-pharmacist", nil), time.Minute)
	require.Empty(t, h.Rang(person.Number), "nobody is rung before her caller knows what to ask")
	require.NoError(t, hers.SendDTMF(t.Context(), "1")) // She knows the rest by heart.
	theirs := h.AwaitCall(person)
	eachHears(t, hers, theirs)
	ends := time.Now()
	h.HangUp(theirs)
	h.Hears(hers, ends, house.Beginning(h.Prompt("consent.menu", nil), 4*time.Second), time.Minute)
	return h, person, hers
}

// calls lists a person's calls, the earliest first.
func calls(t *testing.T, h *house.House, p *house.Person) []string {
	t.Helper()
	rows, err := h.Pool().Query(t.Context(), `SELECT kind || ' ' || state FROM occurrence
		WHERE scheme_id = $1 AND beneficiary_id = $2 ORDER BY opens_at, occurrence_id`, h.Scheme.Key, p.Key)
	require.NoError(t, err)
	var list []string
	for rows.Next() {
		var text string
		require.NoError(t, rows.Scan(&text))
		list = append(list, text)
	}
	require.NoError(t, rows.Err())
	return list
}

// agreesToBeCalled at her first call: the calls that were proposed are planned at once.
func agreesToBeCalled(t *testing.T, street *house.Street) {
	h, person, hers := asked(t, street)
	require.NoError(t, hers.SendDTMF(t.Context(), "1"))
	h.Hears(hers, time.Time{}, h.Prompt("consent.agreed", nil), time.Minute)
	list := calls(t, h, person)
	require.Greater(t, len(list), 5)
	require.Equal(t, []string{"first_call reached", "scheduled open", "scheduled open"}, list[:3])
	tomorrow := h.Occurrences(person)[1]
	require.Equal(t, call.OccurrenceOpen, tomorrow.State)
	h.HangUp(hers)
}

// refusesToBeCalled at her first call: nothing stays of her but a keyed hash.
func refusesToBeCalled(t *testing.T, street *house.Street) {
	h, person, hers := asked(t, street)
	require.NoError(t, hers.SendDTMF(t.Context(), "2"))
	h.Hears(hers, time.Time{}, h.Prompt("consent.sure", nil), time.Minute)
	require.NoError(t, hers.SendDTMF(t.Context(), "2"))
	h.Hears(hers, time.Time{}, h.Prompt("consent.refused", nil), time.Minute)
	for b, err := range h.Store.Book(h.Scheme.Key, h.Now).Beneficiaries(t.Context()) {
		require.NoError(t, err)
		require.NotEqual(t, person.Ref, b.Ref)
		require.Empty(t, b.Given+b.Family)
		require.Empty(t, b.Numbers)
	}
	require.Equal(t, []string{"first_call reached"}, calls(t, h, person))
	refused, err := h.Store.Refused(t.Context(), h.Scheme.Key, []string{person.Number})
	require.NoError(t, err)
	require.True(t, refused[person.Number])
	again := roster.Beneficiary{Ref: "B77", Given: "Odette", Numbers: []roster.Number{{E164: person.Number}}}
	err = h.Store.Book(h.Scheme.Key, h.Now).Edit(t.Context(), func(page roster.Page) error {
		return page.Put(context.Background(), roster.People{Beneficiaries: []roster.Beneficiary{again}})
	})
	require.ErrorIs(t, err, roster.ErrNumberRefused)
	h.HangUp(hers)
}
