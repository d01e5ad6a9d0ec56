package sheet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
	"github.com/rappel-tel/rappel/pkg/roster/rostertest"
	"github.com/rappel-tel/rappel/pkg/roster/sheet"
)

// words draws texts that a cell can hold: with separators, quotes, accents and beginnings of formulas.
func words(most int) *rapid.Generator[string] {
	letters := []rune("aZé œß'\"=+-@;,|\t€0 9ñ{}…")
	return rapid.Map(rapid.SliceOfN(rapid.SampledFrom(letters), 1, most), func(runes []rune) string {
		text := strings.Join(strings.FieldsFunc(string(runes), func(r rune) bool { return r == '\t' }), " ")
		if text = strings.TrimSpace(text); text == "" {
			return "x"
		}
		return text
	})
}

func date(t *rapid.T, name string) time.Time {
	if rapid.Bool().Draw(t, name+" none") {
		return time.Time{}
	}
	return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 3000).Draw(t, name))
}

func drawNumber(t *rapid.T) roster.Number {
	prefix := rapid.SampledFrom(numbering.FictionalPrefixes("FR")).Draw(t, "prefix")
	number := roster.Number{E164: fmt.Sprintf("%s%04d", prefix, rapid.IntRange(0, 9999).Draw(t, "last digits"))}
	if rapid.IntRange(0, 9).Draw(t, "extension?") == 0 {
		number.Extension = fmt.Sprint(rapid.IntRange(1, 9999).Draw(t, "extension"))
	}
	return number
}

func drawAgreement(t *rapid.T) roster.Agreement {
	a := roster.Agreement{
		Cadence:    rapid.SampledFrom(roster.Cadences()).Draw(t, "cadence"),
		Length:     time.Duration(rapid.IntRange(0, 240).Draw(t, "length")) * time.Minute,
		Continuity: rapid.SampledFrom(roster.Continuities()).Draw(t, "continuity"),
		CallerRing: time.Duration(rapid.IntRange(5, 180).Draw(t, "caller ring")) * time.Second,
		Ring:       time.Duration(rapid.IntRange(5, 180).Draw(t, "ring")) * time.Second,
		ValidFrom:  date(t, "from"),
	}
	for day := range 7 {
		if rapid.IntRange(0, 3).Draw(t, "day") == 0 {
			a.Days = append(a.Days, time.Weekday(day))
		}
	}
	if a.Cadence == roster.Weekly {
		most := 7
		if len(a.Days) > 0 {
			most = len(a.Days)
		}
		a.PerWeek = rapid.IntRange(1, most).Draw(t, "per week")
	}
	for range rapid.IntRange(0, 4).Draw(t, "windows") {
		begin := rapid.IntRange(0, 1439).Draw(t, "begin")
		w := roster.Window{
			Begin: roster.Clock(begin), End: roster.Clock(rapid.IntRange(begin+1, 1440).Draw(t, "end")),
			Days: roster.Weekdays(rapid.IntRange(0, 127).Draw(t, "on")),
		}
		if rapid.Bool().Draw(t, "every day") {
			w.Days = 0
		}
		if windows := append(slices.Clone(a.Windows), w); !roster.Overlap(windows) {
			a.Windows = windows
		}
	}
	switch {
	case a.Cadence == roster.Monthly && len(a.Days) == 1 && rapid.Bool().Draw(t, "nth?"):
		a.Nth = rapid.SampledFrom([]int{-1, 1, 2, 3, 4}).Draw(t, "nth")
	case a.Cadence == roster.Monthly:
		a.MonthDay = rapid.IntRange(0, 31).Draw(t, "month day")
	case a.Cadence == roster.Once:
		for range rapid.IntRange(0, 3).Draw(t, "dates") {
			if d := date(t, "date"); !d.IsZero() {
				a.Dates = append(a.Dates, d)
			}
		}
	}
	if rapid.Bool().Draw(t, "asks for skills") {
		a.Skills = []string{"deuil", "langue des signes"}[:rapid.IntRange(1, 2).Draw(t, "skills asked for")]
	}
	a.Hard = rapid.Bool().Draw(t, "hard")
	if until := date(t, "until"); !until.Before(a.ValidFrom) {
		a.ValidUntil = until
	}
	if a.Cadence == roster.Once && a.ValidFrom.IsZero() && len(a.Dates) == 0 {
		a.ValidFrom = time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC)
		a.ValidUntil = time.Time{}
	}
	return a
}

// drawPeople draws a book's content.
func drawPeople(t *rapid.T) roster.People {
	var out roster.People
	refs := rapid.SliceOfNDistinct(words(8), 1, 12, rapid.ID[string]).Draw(t, "refs")
	refs = slices.DeleteFunc(refs, func(ref string) bool { return numbering.Eaten(ref) })
	callers := []string{""}
	for i, ref := range refs {
		given, family := "", words(20).Draw(t, "family")
		if rapid.Bool().Draw(t, "given?") {
			given = words(20).Draw(t, "given")
		}
		if i%3 == 0 {
			s := roster.Staff{
				Ref: ref, Given: given, Family: family, Disabled: rapid.Bool().Draw(t, "disabled"),
				Roles:     rapid.SliceOfNDistinct(rapid.SampledFrom(roster.Roles()), 1, 3, rapid.ID[roster.Role]).Draw(t, "roles"),
				Languages: rapid.SliceOfNDistinct(rapid.SampledFrom(roster.Languages()), 0, 4, rapid.ID[roster.Language]).Draw(t, "languages"),
			}
			if rapid.Bool().Draw(t, "number?") {
				s.Number = drawNumber(t)
			}
			if rapid.Bool().Draw(t, "skills?") {
				s.Skills = []string{"deuil", "langue des signes"}
			}
			minutes := func(name string) time.Duration {
				return time.Duration(rapid.SampledFrom([]int{0, 1, 90, 960}).Draw(t, name)) * time.Minute
			}
			count := func(name string) int { return rapid.SampledFrom([]int{0, 1, 12, 1000}).Draw(t, name) }
			s.Load = roster.Load{
				Talk: minutes("talk"), Calls: count("calls"), Hard: count("hard"), HardInRow: count("in a row"), Breather: minutes("breather"),
			}
			if slices.Contains(s.Roles, roster.RoleCaller) {
				callers = append(callers, ref)
			}
			out.Staff = append(out.Staff, s)
			continue
		}
		b := roster.Beneficiary{
			Ref: ref, Given: given, Family: family,
			Numbers:  rapid.SliceOfNDistinct(rapid.Custom(drawNumber), 1, 5, rapid.ID[roster.Number]).Draw(t, "numbers"),
			Language: rapid.SampledFrom(roster.Languages()).Draw(t, "language"),
			Class:    rapid.IntRange(0, 3).Draw(t, "class"),
			Zone:     rapid.SampledFrom([]string{"", "", "Indian/Reunion", "Europe/Brussels"}).Draw(t, "zone"),
			Purpose:  rapid.SampledFrom(roster.Purposes()).Draw(t, "purpose"),
			Consent: roster.Consent{
				State: rapid.SampledFrom(roster.ConsentStates()).Draw(t, "consent"), On: date(t, "consent on"),
			},
			Source:    rapid.SampledFrom(roster.Sources()).Draw(t, "source"),
			Reference: rapid.SampledFrom(callers).Draw(t, "reference"),
		}
		b.LongerWaits, b.Simpler = rapid.Bool().Draw(t, "longer waits"), rapid.Bool().Draw(t, "simpler")
		b.StraightToPerson = rapid.Bool().Draw(t, "straight to a person")
		for _, number := range rapid.SliceOfNDistinct(rapid.Custom(drawNumber), 0, 5, func(n roster.Number) string { return n.E164 }).Draw(t, "contacts") {
			b.Contacts = append(b.Contacts, roster.ContactPerson{
				Name:     strings.ReplaceAll(words(12).Draw(t, "contact"), ";", ","),
				Relation: rapid.SampledFrom(roster.Relations()).Draw(t, "relation"), Number: number.E164,
			})
		}
		if rapid.Bool().Draw(t, "how?") {
			b.Consent.How = words(30).Draw(t, "how")
		}
		if deputy := rapid.SampledFrom(callers).Draw(t, "deputy"); deputy != b.Reference {
			b.Deputy = deputy
		}
		if rapid.IntRange(0, 4).Draw(t, "agreement?") > 0 {
			b.Agreement = drawAgreement(t)
		}
		out.Beneficiaries = append(out.Beneficiaries, b)
	}
	return out
}

// SAFETY: importing what was exported changes nothing, into the book it came from; and makes the same book of an empty one.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		content := drawPeople(rt)
		book := &rostertest.Memory{}
		require.NoError(rt, book.Edit(t.Context(), func(page roster.Page) error { return page.Put(t.Context(), content) }))
		options := sheet.ExportOptions{
			Book: book, Language: rapid.SampledFrom(roster.Languages()).Draw(rt, "written in"),
			Separator: rapid.SampledFrom([]rune(";,\t")).Draw(rt, "separator"),
		}
		var file bytes.Buffer
		n, err := sheet.Export(t.Context(), &file, options)
		require.NoError(rt, err)
		require.Equal(rt, content.Len(), n)

		puts := book.Puts()
		for _, into := range []*rostertest.Memory{book, {}} {
			// Whoever reads it speaks any language.
			summary, err := sheet.Import(t.Context(), bytes.NewReader(file.Bytes()), sheet.ImportOptions{
				Book: into, Region: "BE", Destinations: french(t), BatchRows: rapid.IntRange(1, 5).Draw(rt, "batch"),
				Language: rapid.SampledFrom(roster.Languages()).Draw(rt, "read in"),
				Report:   func(p sheet.Problem) { require.True(rt, p.Hint, "%s\n%s", p.Text(roster.English), file.String()) },
			})
			require.NoError(rt, err)
			require.Equal(rt, content.Len(), summary.Rows)
			if into == book {
				require.Equal(rt, content.Len(), summary.Unchanged, file.String())
				require.Equal(rt, puts, book.Puts())
				continue
			}
			require.Equal(rt, content.Len(), summary.Created)
			var again bytes.Buffer
			options.Book = into
			_, err = sheet.Export(t.Context(), &again, options)
			require.NoError(rt, err)
			require.Equal(rt, file.String(), again.String())
		}
	})
}

func french(t testing.TB) numbering.Destinations {
	t.Helper()
	d, err := numbering.NewDestinations(numbering.DestinationOptions{Region: "FR"})
	require.NoError(t, err)
	return d
}

// SAFETY: whatever a file holds, the reader neither fails nor keeps half a row, and reading the file again changes nothing.
func FuzzImport(f *testing.F) {
	f.Add([]byte(frenchSheet), uint8(3))
	f.Add([]byte("ref,name,phone\r\n1,\"a\"\"b\nc\",0199000001\r\n2,\"open,x\n3,y,0639980001"), uint8(1))
	f.Add([]byte("\xef\xbb\xbfref\tnom\ttel\n1\t\xe9\t+33199000001"), uint8(2))
	f.Add([]byte("\xff\xfer\x00e\x00f\x00;\x00\n\x001\x00;\x00"), uint8(0))
	f.Fuzz(func(t *testing.T, file []byte, batch uint8) {
		book := &rostertest.Memory{}
		options := sheet.ImportOptions{Book: book, Region: "FR", BatchRows: int(batch)}
		options.Report = func(p sheet.Problem) { require.NotContains(t, p.Text(roster.Dutch), "{other}") }
		first, err := sheet.Import(t.Context(), bytes.NewReader(file), options)
		if err != nil {
			require.Zero(t, book.Puts())
			return
		}
		content := people(t, book)
		require.Equal(t, first.Created, content.Len())
		for _, b := range content.Beneficiaries {
			require.NotEmpty(t, b.Ref)
			require.NotEmpty(t, b.Name())
			require.NotEmpty(t, b.Numbers)
		}
		second, err := sheet.Import(t.Context(), bytes.NewReader(file), options)
		require.NoError(t, err)
		require.Equal(t, first.Created, second.Unchanged)
		require.Equal(t, first.Refused, second.Refused)
		require.Equal(t, content, people(t, book))
	})
}

// An interrupted import leaves whole rows and says how far it got.
func TestInterrupted(t *testing.T) {
	book := &rostertest.Memory{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	options := sheet.ImportOptions{Book: book, Region: "FR", BatchRows: 10}
	summary, err := sheet.Import(ctx, io.MultiReader(made(45), stopper(cancel), more(50)), options)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 40, summary.Created)
	require.Equal(t, 41, summary.LastLine)
	require.ErrorContains(t, err, "line 41")
	require.Equal(t, 40, people(t, book).Len())

	// A file that breaks off in the middle of a row, or of the reading, keeps the rows before.
	text, err := io.ReadAll(made(45))
	require.NoError(t, err)
	book = &rostertest.Memory{}
	options.Book = book
	summary, err = sheet.Import(t.Context(), bytes.NewReader(text[:len(text)-20]), options)
	require.NoError(t, err)
	require.Equal(t, 44, summary.Created)
	require.Equal(t, 1, summary.Refused)
	broken := errors.New("the disk is gone")
	summary, err = sheet.Import(t.Context(), io.MultiReader(made(45), failing{broken}), options)
	require.ErrorIs(t, err, broken)
	require.Equal(t, 44, summary.Unchanged)
	require.Equal(t, 1, summary.Created)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type stopper context.CancelFunc

func (s stopper) Read([]byte) (int, error) {
	s()
	return 0, io.EOF
}

// A row that the store itself refuses takes no other one with it.
func TestStoreRefusesOneRow(t *testing.T) {
	book := &picky{Memory: &rostertest.Memory{}, dislikes: "B7"}
	var problems []sheet.Problem
	summary, err := sheet.Import(t.Context(), made(20), sheet.ImportOptions{
		Book: book, Region: "FR", Report: func(p sheet.Problem) { problems = append(problems, p) },
	})
	require.NoError(t, err)
	require.Equal(t, 19, summary.Created)
	require.Equal(t, 1, summary.Refused)
	require.Len(t, problems, 1)
	require.Equal(t, sheet.CodeRefused, problems[0].Code)
	require.Equal(t, 8, problems[0].Line)
}

// picky refuses one ref, as a constraint of a database might.
type picky struct {
	*rostertest.Memory
	dislikes string
}

func (p *picky) Edit(ctx context.Context, change func(roster.Page) error) error {
	return p.Memory.Edit(ctx, func(page roster.Page) error { return change(pickyPage{page, p.dislikes}) })
}

type pickyPage struct {
	roster.Page
	dislikes string
}

func (p pickyPage) Put(ctx context.Context, people roster.People) error {
	for _, b := range people.Beneficiaries {
		if b.Ref == p.dislikes {
			return fmt.Errorf("put %s: %w", b.Ref, roster.ErrRefused)
		}
	}
	return p.Page.Put(ctx, people)
}

// BenchmarkImport imports as many rows as letters went out in Namur, then the same file again, of which nothing is new.
func BenchmarkImport(b *testing.B) {
	const rows = 17015
	for b.Loop() {
		book := &rostertest.Memory{}
		for _, want := range []sheet.Summary{
			{Rows: rows, Created: rows, LastLine: rows + 1}, {Rows: rows, Unchanged: rows, LastLine: rows + 1},
		} {
			summary, err := sheet.Import(b.Context(), made(rows), sheet.ImportOptions{Book: book, Region: "FR"})
			require.NoError(b, err)
			summary.Hints = 0
			require.Equal(b, want, summary)
		}
	}
	b.ReportMetric(float64(2*rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// The memory that an import needs grows by a few bytes per row: its refs' hashes.
func TestMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector, which tests in short, changes what it measures")
	}
	grown := func(rows int) uint64 {
		book := forgetful{}
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		most := uint64(0)
		_, err := sheet.Import(t.Context(), io.MultiReader(made(rows), probe(func() {
			runtime.GC()
			runtime.ReadMemStats(&after)
			most = after.HeapAlloc
		})), sheet.ImportOptions{Book: book, Region: "FR"})
		require.NoError(t, err)
		if most < before.HeapAlloc {
			return 0
		}
		return most - before.HeapAlloc
	}
	grown(1000) // The numbering plans are loaded once.
	small, large := grown(1000), grown(100_000)
	t.Logf("held at the end: %d KiB after 1,000 rows, %d KiB after 100,000", small>>10, large>>10)
	require.Less(t, large, small+8<<20)
}

// probe is read at the end of a file.
type probe func()

func (p probe) Read([]byte) (int, error) {
	p()
	return 0, io.EOF
}

// forgetful is a book that keeps nobody.
type forgetful struct{}

func (f forgetful) Edit(_ context.Context, change func(roster.Page) error) error { return change(f) }

func (f forgetful) Rehearse(_ context.Context, work func(roster.Book) error) error { return work(f) }

func (forgetful) Staff(context.Context) iter.Seq2[roster.Staff, error] {
	return func(func(roster.Staff, error) bool) {}
}

func (forgetful) Beneficiaries(context.Context) iter.Seq2[roster.Beneficiary, error] {
	return func(func(roster.Beneficiary, error) bool) {}
}

func (forgetful) Find(context.Context, []string) (roster.People, error) { return roster.People{}, nil }
func (forgetful) Put(context.Context, roster.People) error              { return nil }
func (forgetful) Alike(context.Context, roster.People) ([]roster.Likeness, error) {
	return nil, nil
}

// made is a file of n beneficiaries, made as it is read.
func made(n int) io.Reader { return &lineReader{next: 0, last: n} }

// more is what follows in such a file: n rows without headings.
func more(n int) io.Reader { return &lineReader{next: 1000, last: 999 + n} }

func madeRow(i int) string {
	return fmt.Sprintf("B%d;Nom%d;Prénom%d;01 99 00 %02d %02d;06 39 98 %02d %02d;2 fois par semaine;9h30-12h, 14h-17h;oui;famille\n",
		i, i, i%97, i/100%100, i%100, i/100%100, i%100)
}

type lineReader struct {
	next, last int
	rest       string
}

func (r *lineReader) Read(into []byte) (int, error) {
	if r.rest == "" {
		switch {
		case r.next > r.last:
			return 0, io.EOF
		case r.next == 0:
			r.rest = "ref;nom;prénom;téléphone;gsm;rythme;plages;consentement;source\n"
		default:
			r.rest = madeRow(r.next)
		}
		r.next++
	}
	n := copy(into, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
