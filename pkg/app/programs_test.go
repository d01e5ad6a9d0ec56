package app

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

// TestAProgramChangesAFlow: it is told what is wrong, each for itself, and goes back as far as what ships.
func TestAProgramChangesAFlow(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	book, err := shippedBook(Defaults())
	require.NoError(t, err)
	shelf := &flowShelf{}
	flows := programFlows{&Flows{shipped: book, store: shelf}, Defaults()}
	publish := func(version api.FlowNumber) (int, error) {
		now = now.Add(time.Minute)
		return flows.PublishFlow(ctx, 7, api.FlowPublication{Name: "close-last", Version: version, By: "Anne"}, now)
	}
	draft := func(text string) (api.FlowVersion, error) {
		now = now.Add(time.Minute)
		return flows.DraftFlow(ctx, 7, api.FlowVersion{Name: "close-last", Text: text, By: "Anne"}, now)
	}
	shipped, err := flows.FlowText(ctx, 7, "close-last", api.FlowSpoken)
	require.NoError(t, err)
	require.Contains(t, shipped.Text, "flow: close-last")
	require.Zero(t, shipped.Version)
	_, err = publish(api.FlowNewest)
	require.ErrorIs(t, err, api.ErrNoFlow)
	_, err = publish(api.FlowBefore)
	require.ErrorIs(t, err, api.ErrNothingBefore)
	n, err := publish(api.FlowShipped)
	require.NoError(t, err, "it speaks that already")
	require.Zero(t, n)
	_, err = flows.PublishFlow(ctx, 7, api.FlowPublication{Name: "x"}, now)
	require.ErrorIs(t, err, api.ErrNoFlow)

	var found api.FlowProblems
	for text, want := range map[string]int{ownFlow: 0, "flow: [\n": 1, "": 1, "flow: other\nsteps: {}\n": 1} {
		_, err := draft(text)
		if want > 0 {
			require.ErrorAs(t, err, &found)
			require.Len(t, found, want)
			require.Contains(t, found[0], "close-last")
		}
	}
	require.Len(t, shelf.versions, 1, "what is no flow is not kept")
	n, err = publish(api.FlowNewest)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	kept, err := draft(strings.Replace(strings.Replace(ownFlow, "hangup: true", "next: nowhere", 1), `, en: "Thank you."`, "", 1))
	require.Equal(t, 2, kept.Version, "what only has problems is")
	require.ErrorAs(t, err, &found)
	require.Len(t, found, 2)
	require.Contains(t, found, "close-last:6: step done leads to nowhere, which does not exist")
	_, err = publish(2)
	require.ErrorAs(t, err, &found)
	require.Len(t, found, 2)
	_, err = publish(9)
	require.ErrorIs(t, err, api.ErrNoFlow)

	spoken, err := flows.FlowText(ctx, 7, "close-last", api.FlowSpoken)
	require.NoError(t, err)
	require.Equal(t, ownFlow, spoken.Text)
	// An upgrade later what was published has problems.
	shelf.pubs = slices.Insert(shelf.pubs, 0, postgres.FlowPublication{Number: 2, Name: "close-last", Version: 2, At: now, By: "Anne"})
	list, err := flows.SpokenFlows(ctx, 7)
	require.NoError(t, err)
	require.Len(t, list, len(book.Flows()))
	i := slices.IndexFunc(list, func(f api.SpokenFlow) bool { return f.Name == "close-last" })
	require.Equal(t, 2, list[i].Version)
	require.NotEmpty(t, list[i].Problems)
	require.Empty(t, list[0].Problems)

	n, err = publish(api.FlowBefore)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	n, err = publish(api.FlowBefore)
	require.NoError(t, err)
	require.Zero(t, n)
	history, err := flows.FlowHistory(ctx, 7, "close-last")
	require.NoError(t, err)
	require.Len(t, history, 6)
	require.True(t, slices.IsSortedFunc(history, func(a, b api.FlowChange) int { return b.At.Compare(a.At) }))
}
