package app

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

// lists are the records of two schemes: 1 in Belgium with a list of its own, 2 in France without.
type lists struct {
	prefixes []string
	err      error
}

func (l *lists) Schemes(context.Context) ([]postgres.Scheme, error) {
	return []postgres.Scheme{{Key: 1, Country: "BE"}, {Key: 2, Country: "FR"}}, l.err
}

func (l *lists) Destinations(_ context.Context, scheme int64) ([]string, error) {
	if scheme == 1 {
		return l.prefixes, l.err
	}
	return nil, l.err
}

func TestOnlyNumbersOfTheAllowListAreRung(t *testing.T) {
	records := &lists{prefixes: []string{"+3281"}}
	g := &gate{records: records}
	now := time.Date(2026, time.June, 16, 10, 0, 0, 0, time.UTC)
	order := func(scheme int64, number, caller string) call.Order {
		return call.Order{Scheme: scheme, Number: number, CallerNumber: caller}
	}
	for _, c := range []struct {
		order call.Order
		pass  bool
	}{
		{order(1, "+3281247454", ""), true},
		{order(1, "+3222345678", ""), false},
		{order(1, "+3281247454", "+3222345678"), false},
		{order(1, "+3290012345", ""), false},
		{order(1, "", ""), true},
		{order(2, "+33199001000", ""), true},
		{order(2, "+3281247454", ""), false},
		{order(2, "+33899701234", ""), false},
		{order(2, "+33199001000\n", ""), false},
	} {
		err := g.pass(t.Context(), c.order, now)
		if c.pass {
			require.NoError(t, err, "%+v", c.order)
		} else {
			require.ErrorIs(t, err, dispatch.ErrNotPermitted, "%+v", c.order)
		}
	}
	other := order(1, "+3222345678", "")
	records.prefixes = []string{"+322"}
	require.Error(t, g.pass(t.Context(), other, now.Add(listKept-1)))
	require.NoError(t, g.pass(t.Context(), other, now.Add(listKept)), "a change counts within seconds")
	records.err = errors.New("away")
	require.NoError(t, g.pass(t.Context(), other, now.Add(time.Hour)), "while the records are away the last list holds")
	err := (&gate{records: records}).pass(t.Context(), other, now)
	require.ErrorIs(t, err, records.err, "unknown is not permitted")
	require.NotErrorIs(t, err, dispatch.ErrNotPermitted)
	records.err = nil
	require.ErrorIs(t, g.pass(t.Context(), order(3, "+3281247454", ""), now), dispatch.ErrUnknownScheme)
}
