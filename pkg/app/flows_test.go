package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// flowShelf is flowRecords in memory, for tests of one goroutine.
type flowShelf struct {
	away     error
	versions []postgres.FlowVersion
	pubs     []postgres.FlowPublication
}

func (s *flowShelf) WriteFlow(_ context.Context, _ int64, v postgres.FlowVersion, now time.Time) (postgres.FlowVersion, error) {
	v.Version, v.At = len(s.versions)+1, now
	s.versions = slices.Insert(s.versions, 0, v)
	return v, s.away
}

func (s *flowShelf) PublishFlow(_ context.Context, _ int64, p postgres.FlowPublication, after int, now time.Time) error {
	if after != len(s.pubs) {
		return postgres.ErrFlowsChanged
	}
	p.Number, p.At = after+1, now
	s.pubs = slices.Insert(s.pubs, 0, p)
	return s.away
}

func (s *flowShelf) FlowVersions(context.Context, int64, string) ([]postgres.FlowVersion, error) {
	return s.versions, s.away
}

func (s *flowShelf) FlowPublications(context.Context, int64, string) ([]postgres.FlowPublication, error) {
	return s.pubs, s.away
}

func (s *flowShelf) PublishedFlows(context.Context, int64) ([]postgres.FlowVersion, int, error) {
	found := map[string]postgres.FlowVersion{}
	for _, p := range slices.Backward(s.pubs) {
		delete(found, p.Name)
		for _, v := range s.versions {
			if v.Version == p.Version {
				found[p.Name] = v
			}
		}
	}
	return slices.Collect(maps.Values(found)), len(s.pubs), s.away
}

func (s *flowShelf) FlowNumbers(context.Context) (map[int64]int, error) {
	return map[int64]int{7: len(s.pubs)}, s.away
}

func (s *flowShelf) ChangeDID(_ context.Context, _ int64, number string, change func(*postgres.DID) error) (postgres.DID, error) {
	d := postgres.DID{Number: number}
	return d, errors.Join(change(&d), s.away)
}

// noted is a voice that notes what it was to speak.
type noted struct{ texts []string }

func (n *noted) Media(_ context.Context, _ roster.Language, text string) (telephony.Media, error) {
	n.texts = append(n.texts, text)
	return "", nil
}

// close.yaml as a town would write it, with words of its own.
const ownFlow = `flow: close-last
start: done
prompts:
  town.thanks: {fr: "Merci à vous.", nl: "Dank u.", de: "Vielen Dank.", en: "Thank you."}
steps:
  done:
    say: [town.thanks]
    hangup: true
`

func TestASchemeSpeaksWhatItHasPublished(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	book, err := shippedBook(Defaults())
	require.NoError(t, err)
	shelf, voice := &flowShelf{}, &noted{}
	flows := &Flows{shipped: book, store: shelf}
	all, err := newBooks(flows, voice, zap.NewNop(), prometheus.NewRegistry())
	require.NoError(t, err)
	thanks := func(b *ivr.Book) string { return b.Text(roster.English, "town.thanks", nil) }
	look := func() *ivr.Book {
		require.NoError(t, all.look(ctx))
		return all.book(7)
	}
	publish := func(text string) error {
		v, err := flows.Draft(ctx, 7, postgres.FlowVersion{Text: text, By: "Anne"}, now)
		require.NoError(t, err)
		return flows.Publish(ctx, 7, postgres.FlowPublication{Name: v.Name, Version: v.Version, By: "Anne"}, now)
	}
	require.Empty(t, thanks(look()))

	require.NoError(t, publish(ownFlow))
	began := all.book(7) // A call that is under way.
	require.Equal(t, "Thank you.", thanks(look()))
	require.Contains(t, voice.texts, "Merci à vous.", "nobody waits for what was published")
	words, err := NewPrompts(Defaults(), flows, nil).Catalogue(ctx, 7)
	require.NoError(t, err)
	require.NoError(t, words.MayRecord(ivr.Wording{Key: "town.thanks", Language: roster.French}), "somebody whom people know may say it")
	require.Empty(t, thanks(began), "a book is never changed")
	require.Empty(t, thanks(all.book(8)), "another scheme's")
	require.ErrorIs(t, flows.Publish(ctx, 7, postgres.FlowPublication{Name: "close-last", Version: 1}, now), ErrAlreadySpoken)
	require.ErrorIs(t, flows.Publish(ctx, 7, postgres.FlowPublication{Name: "close-last", Version: 9}, now), postgres.ErrNoFlowVersion)

	broken := strings.Replace(ownFlow, "hangup: true", "next: nowhere", 1)
	err = publish(broken)
	require.ErrorIs(t, err, ErrFlawed)
	require.ErrorContains(t, err, "close-last@2:6: step done leads to nowhere, which does not exist")
	err = publish(strings.Replace(ownFlow, `, en: "Thank you."`, "", 1))
	require.ErrorContains(t, err, `prompt town.thanks is missing in "en"`)

	// The records go away: the scheme goes on with what it had.
	shelf.away = errors.New("away")
	require.Error(t, all.look(ctx))
	require.Equal(t, "Thank you.", thanks(all.book(7)))
	shelf.away = nil

	// An upgrade later what was published has problems: it is told, and what ships is spoken.
	shelf.pubs = slices.Insert(shelf.pubs, 0, postgres.FlowPublication{Number: 2, Name: "close-last", Version: 2})
	require.Empty(t, thanks(look()))
	require.True(t, all.book(7).Has("close-last"))
	require.Empty(t, all.book(7).Check())
	require.InDelta(t, 1, testutil.ToFloat64(all.refused), 0)

	require.NoError(t, flows.Publish(ctx, 7, postgres.FlowPublication{Name: "close-last", Version: Shipped, By: "Anne"}, now))
	require.Empty(t, thanks(look()))
	require.Zero(t, testutil.ToFloat64(all.refused))
}
