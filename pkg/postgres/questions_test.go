package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/faq"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// TestQuestions: a scheme answers what ships until it edits; what it edits is checked as a whole, kept for it alone, and can
// be given back.
func TestQuestions(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	store := postgrestest.Open(t, postgrestest.URL(t))
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	create := func(name, country string) int64 {
		s, err := store.CreateScheme(ctx, postgres.Scheme{Name: name, Zone: "Europe/Paris", Country: country, Language: roster.French}, now)
		require.NoError(t, err)
		return s.Key
	}
	namur, lille := create("Namur", "BE"), create("Lille", "FR")
	shipped, err := faq.Shipped("BE")
	require.NoError(t, err)

	a, err := store.Answers(ctx, namur)
	require.NoError(t, err)
	require.False(t, a.Own)
	require.Equal(t, shipped, a.Tree)
	_, q := a.Question("suicide-fr")
	require.Nil(t, q, "another country's")

	_, err = store.EditQuestions(ctx, namur, func(tree *faq.Tree) error {
		_, q := tree.Question("heat")
		q.Answer = faq.Texts{roster.French: "Buvez de l'eau. La fontaine de la place est ouverte.", roster.Dutch: q.Answer[roster.Dutch]}
		q.Title = faq.Texts{roster.French: q.Title[roster.French], roster.Dutch: q.Title[roster.Dutch]}
		q.Until = "2026-09-30"
		return nil
	}, now)
	require.NoError(t, err)
	a, err = store.Answers(ctx, namur)
	require.NoError(t, err)
	require.True(t, a.Own)
	_, q = a.Question("heat")
	require.Equal(t, faq.Date("2026-09-30"), q.Until)
	require.Equal(t, []roster.Language{roster.French, roster.Dutch}, q.Languages())
	tree, first, err := store.Questions(ctx, namur, now)
	require.NoError(t, err)
	require.Equal(t, roster.French, first)
	_, q = tree.Question("heat")
	require.Nil(t, q, "it does not hold any more")
	other, err := store.Answers(ctx, lille)
	require.NoError(t, err)
	require.False(t, other.Own, "another scheme's is untouched")

	// A mistake keeps everything as it was, and says what it is.
	_, err = store.EditQuestions(ctx, namur, func(tree *faq.Tree) error {
		_, q := tree.Question("cold")
		q.Answer[roster.French] = "Appelez le 0123456789."
		return nil
	}, now)
	require.ErrorIs(t, err, faq.ErrMistakes)
	require.ErrorContains(t, err, "cold has an answer in fr that cannot be spoken")
	a, err = store.Answers(ctx, namur)
	require.NoError(t, err)
	_, q = a.Question("cold")
	require.NotContains(t, q.Answer[roster.French], "0123456789")

	edits, err := store.QuestionEdits(ctx)
	require.NoError(t, err)
	require.Equal(t, now, edits[namur].UTC())
	require.True(t, edits[lille].IsZero())
	require.NoError(t, store.ResetQuestions(ctx, namur, now))
	a, err = store.Answers(ctx, namur)
	require.NoError(t, err)
	require.False(t, a.Own)
}

// TestQuestionsAsked: what is asked most is told first, from the next day on, and only counts are kept.
func TestQuestionsAsked(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	store := postgrestest.Open(t, postgrestest.URL(t))
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	s, err := store.CreateScheme(ctx, postgres.Scheme{Name: "Namur", Zone: "Europe/Brussels", Country: "BE", Language: roster.French}, now)
	require.NoError(t, err)
	other, err := store.CreateScheme(ctx, postgres.Scheme{Name: "Lille", Zone: "Europe/Paris", Country: "FR", Language: roster.French}, now)
	require.NoError(t, err)
	before, _, err := store.Questions(ctx, s.Key, now)
	require.NoError(t, err)

	var all sync.WaitGroup // Parties of one moment.
	for range 8 {
		all.Go(func() {
			if err := store.CountQuestion(ctx, s.Key, "sleep", now); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.NoError(t, store.CountQuestion(ctx, s.Key, "heat", now.AddDate(0, 0, -40)))
	same, _, err := store.Questions(ctx, s.Key, now)
	require.NoError(t, err)
	require.Equal(t, before, same, "the order of a day stands")

	tomorrow, _, err := store.Questions(ctx, s.Key, now.AddDate(0, 0, 1))
	require.NoError(t, err)
	require.Equal(t, "morale", tomorrow.Topics[0].Name)
	require.Equal(t, "sleep", tomorrow.Topics[0].Questions[0].Name)
	require.Equal(t, before.Topics[0].Name, tomorrow.Topics[1].Name, "the others stay in their order")

	asked, err := store.QuestionsAsked(ctx, s.Key, now.AddDate(0, 0, -60), now)
	require.NoError(t, err)
	require.Equal(t, []faq.Asked{{Question: "sleep", Asked: 8}, {Question: "heat", Asked: 1}}, asked)
	asked, err = store.QuestionsAsked(ctx, other.Key, now.AddDate(0, 0, -60), now)
	require.NoError(t, err)
	require.Empty(t, asked)
	days, err := store.QuestionDays(ctx, s.Key, now, now)
	require.NoError(t, err)
	require.Len(t, days, 1)
	require.Equal(t, "2026-11-22", string(days[0].Day))
	require.Equal(t, 8, days[0].Asked)
}
