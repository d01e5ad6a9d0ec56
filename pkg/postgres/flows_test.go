package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
)

// TestFlowsOnlyGrow publishes, rolls back and races, in two schemes.
func TestFlowsOnlyGrow(t *testing.T) {
	t.Parallel()
	store := postgrestest.Open(t, postgrestest.URL(t))
	ctx, now := t.Context(), clock()
	here, there := newScheme(t, store, "here").Key, newScheme(t, store, "there").Key
	write := func(scheme int64, text string) int {
		v, err := store.WriteFlow(ctx, scheme, postgres.FlowVersion{Name: "registration", Text: text, By: "Anne"}, now)
		require.NoError(t, err)
		require.Equal(t, "registration", v.Name)
		return v.Version
	}
	require.Equal(t, 1, write(here, "one"))
	require.Equal(t, 1, write(here, "one"), "the same is not kept twice")
	require.Equal(t, 2, write(here, "two"))
	require.Equal(t, 1, write(there, "theirs"))

	publish := func(version, after int) error {
		return store.PublishFlow(ctx, here, postgres.FlowPublication{Name: "registration", Version: version, By: "Anne"}, after, now.Add(time.Hour))
	}
	spoken := func() (texts []string, number int) {
		flows, number, err := store.PublishedFlows(ctx, here)
		require.NoError(t, err)
		for _, f := range flows {
			texts = append(texts, f.Text)
		}
		return texts, number
	}
	texts, number := spoken()
	require.Empty(t, texts)
	require.Zero(t, number)
	require.NoError(t, publish(2, 0))
	require.ErrorIs(t, publish(1, 0), postgres.ErrFlowsChanged, "somebody else was faster")
	require.ErrorIs(t, publish(3, 1), postgres.ErrNoFlowVersion)
	require.NoError(t, publish(1, 1))
	texts, number = spoken()
	require.Equal(t, []string{"one"}, texts)
	require.Equal(t, 2, number)
	require.NoError(t, publish(0, 2))
	texts, _ = spoken()
	require.Empty(t, texts, "what ships is spoken")
	numbers, err := store.FlowNumbers(ctx)
	require.NoError(t, err)
	require.Equal(t, map[int64]int{here: 3}, numbers)
	pubs, err := store.FlowPublications(ctx, here, "")
	require.NoError(t, err)
	require.Len(t, pubs, 3)
	require.Equal(t, postgres.FlowPublication{Number: 3, Name: "registration", At: pubs[0].At, By: "Anne"}, pubs[0])
	require.True(t, pubs[0].At.Equal(now.Add(time.Hour)))
}
