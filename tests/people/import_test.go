// Package people_test proves what a town's operator sees when people are brought into the real records from a file.
package people_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/postgres/postgrestest"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/sheet"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

func now() time.Time { return time.Date(2026, 6, 16, 7, 25, 0, 0, time.UTC) }

func newBook(t *testing.T) roster.Book {
	t.Helper()
	store := postgrestest.Store(t)
	scheme, err := store.CreateScheme(t.Context(), postgres.Scheme{Name: t.Name(), Zone: "Europe/Paris", Country: "FR"}, now())
	require.NoError(t, err)
	return store.Book(scheme.Key, now)
}

// As many rows as letters went out in Namur are imported in seconds, in flat memory; twice changes nothing; what is
// exported imports without a change.
func TestNamurSizeIntoPostgres(t *testing.T) {
	book := newBook(t)
	file := letters(17015)
	run := func(text []byte, dry bool) sheet.Summary {
		begin := time.Now()
		summary, err := sheet.Import(t.Context(), bytes.NewReader(text), sheet.ImportOptions{Book: book, Region: "FR", DryRun: dry})
		require.NoError(t, err)
		took := time.Since(begin)
		t.Logf("17,015 rows (dry run: %v) in %s: %d created, %d unchanged, %d hints", dry, took.Round(time.Millisecond),
			summary.Created, summary.Unchanged, summary.Hints)
		return summary
	}
	rehearsed := run(file, true)
	require.Equal(t, 17015, rehearsed.Created)
	for _, err := range book.Beneficiaries(t.Context()) {
		require.NoError(t, err)
		require.Fail(t, "a dry run keeps nobody")
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	first := run(file, false)
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(16<<20))
	rehearsed.DryRun = false
	require.Equal(t, rehearsed, first, "a dry run reports the same")
	require.Equal(t, 17015, run(file, false).Unchanged)

	var exported bytes.Buffer
	n, err := sheet.Export(t.Context(), &exported, sheet.ExportOptions{Book: book})
	require.NoError(t, err)
	require.Equal(t, 17015, n)
	require.Equal(t, 17015, run(exported.Bytes(), false).Unchanged)
}

// An import that is cut off leaves whole rows only, and the next one finishes it.
func TestInterruptedIntoPostgres(t *testing.T) {
	book := newBook(t)
	file := letters(3000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reader := io.MultiReader(bytes.NewReader(file[:len(file)/2]), cut(cancel), bytes.NewReader(file[len(file)/2:]))
	summary, err := sheet.Import(ctx, reader, sheet.ImportOptions{Book: book, Region: "FR", BatchRows: 200})
	require.ErrorIs(t, err, context.Canceled)
	require.Positive(t, summary.Created)
	require.Less(t, summary.Created, 3000)
	kept := 0
	for b, err := range book.Beneficiaries(t.Context()) {
		require.NoError(t, err)
		require.Len(t, b.Numbers, 2, b.Ref)
		require.Equal(t, roster.Weekly, b.Agreement.Cadence, b.Ref)
		require.Equal(t, roster.ConsentGiven, b.Consent.State)
		kept++
	}
	require.Equal(t, summary.Created, kept)
	again, err := sheet.Import(t.Context(), bytes.NewReader(file), sheet.ImportOptions{Book: book, Region: "FR"})
	require.NoError(t, err)
	require.Equal(t, kept, again.Unchanged)
	require.Equal(t, 3000-kept, again.Created)
}

type cut context.CancelFunc

func (c cut) Read([]byte) (int, error) {
	c()
	return 0, io.EOF
}

// letters is a file of n people, every second one with a name that somebody else bears.
func letters(n int) []byte {
	var out bytes.Buffer
	out.WriteString("Référence;Nom;Prénom;Téléphone;GSM;Rythme;Jours;Plages;Consentement;Inscrit par\r\n")
	for i := range n {
		fmt.Fprintf(&out, "N%05d;Dupont%d;Marie;01 99 0%d %02d %02d;06 39 98 %02d %02d;2 fois par semaine;lundi, jeudi;9h30-12h;oui;famille\r\n",
			i, i/2, i/10000, i/100%100, i%100, i/100%100, i%100)
	}
	return out.Bytes()
}
