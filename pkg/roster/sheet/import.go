// Package sheet brings people in from a spreadsheet's CSV file and gives them back as one. It reads what towns have: UTF-8,
// UTF-16 or Windows-1252, semicolons, commas or tabs, headings and words in French, Dutch, German or English. Each row carries
// the town's own reference: the same reference updates, a like name or number is only told. A row is kept whole or not at all,
// and a bad one is reported with its line and the reason while the good ones are kept. It does no I/O of its own.
package sheet

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strconv"
	"strings"

	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

// ErrNoHeadings means that the first rows of a file hold no column of references, so that nothing in it can be understood.
var ErrNoHeadings = errors.New("no column of references among the first rows: " +
	"the headings must name one (référence, referentie, Referenz, ref)")

// ImportOptions say how a file is read.
type ImportOptions struct {
	Book   roster.Book
	Region string // Country of numbers without a country code: "FR", "BE". Required.
	// Destinations are the numbers that the scheme may call; a row with another one is refused. The zero value allows those
	// of Region (numbering.NewDestinations).
	Destinations numbering.Destinations
	Hours        roster.Window   // The scheme's, for "morning" and "afternoon"; zero means 9:30 to 17:00.
	Language     roster.Language // Decides about words with two meanings when the headings do not; empty means French.
	DryRun       bool            // Report the same and keep nothing.
	BatchRows    int             // Rows per transaction; 0 means 500.
	// Report is told of every refused row and every hint, in the order of lines. It may be nil.
	Report func(Problem)
}

// Summary counts what an import did. Rows is the sum of Created, Updated, Unchanged and Refused.
type Summary struct {
	Rows      int      `json:"rows"` // Read, blank ones and the headings apart.
	Created   int      `json:"created"`
	Updated   int      `json:"updated"`
	Unchanged int      `json:"unchanged"`
	Refused   int      `json:"refused"`
	Hints     int      `json:"hints"`
	LastLine  int      `json:"last_line"` // Everything up to this line has been dealt with.
	Left      []string `json:"left_out,omitempty"`
	DryRun    bool     `json:"dry_run,omitempty"`
}

// Import reads a file into the book. Rows are committed in batches as it goes: when an error ends it, the summary says up to
// which line rows were kept. A bad row is no error.
func Import(ctx context.Context, file io.Reader, options ImportOptions) (Summary, error) {
	if options.Book == nil {
		return Summary{}, errors.New("import needs a book")
	}
	if options.Destinations.IsZero() {
		region, err := numbering.NewDestinations(numbering.DestinationOptions{Region: options.Region})
		if err != nil {
			return Summary{}, err
		}
		options.Destinations = region
	}
	if options.Hours == (roster.Window{}) {
		options.Hours = roster.Window{Begin: 9*60 + 30, End: 17 * 60}
	}
	if options.BatchRows <= 0 {
		options.BatchRows = 500
	}
	if options.Report == nil {
		options.Report = func(Problem) {}
	}
	im := &importer{ImportOptions: options, seed: maphash.MakeSeed(), lines: map[uint64]int32{}}
	im.sum.DryRun = options.DryRun
	var err error
	if options.DryRun {
		err = options.Book.Rehearse(ctx, func(rehearsed roster.Book) error {
			im.Book = rehearsed
			return im.run(ctx, file)
		})
	} else {
		err = im.run(ctx, file)
	}
	if err != nil {
		return im.sum, fmt.Errorf("import (rows up to line %d were dealt with): %w", im.sum.LastLine, err)
	}
	return im.sum, nil
}

// importer is one import under way. One goroutine uses it.
type importer struct {
	ImportOptions
	list    bool // Of people without refs: see List.
	cells   *cells
	columns []column
	given   map[string]bool
	sum     Summary

	seed  maphash.Seed
	lines map[uint64]int32 // Hash of each ref to its line: a few bytes per row is all that grows with the file.
}

func (im *importer) run(ctx context.Context, file io.Reader) error {
	in, err := newLines(file)
	if err != nil {
		return fmt.Errorf("read the file: %w", err)
	}
	rows, err := im.readHeadings(in)
	if err != nil {
		return err
	}
	batch := make([]*record, 0, im.BatchRows)
	for {
		row, err := rows.next()
		if err != nil {
			if flushErr := im.flush(ctx, batch); flushErr != nil || errors.Is(err, io.EOF) {
				return flushErr
			}
			return fmt.Errorf("read the file: %w", err)
		}
		if row.blank() {
			continue
		}
		batch = append(batch, im.record(row))
		if len(batch) == im.BatchRows {
			if err := im.flush(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
}

// record reads a row and refuses a ref that an earlier row bears.
func (im *importer) record(row row) *record {
	switch most := len(im.columns); {
	case row.problem != "":
		return &record{line: row.line, problems: []Problem{{Line: row.line, Code: row.problem}}}
	case !row.ended && len(row.cells) < most:
		r := &record{line: row.line}
		r.problem(CodeCut, "", strconv.Itoa(len(row.cells)), strconv.Itoa(most))
		return r
	case len(row.cells) > most && strings.Join(row.cells[most:], "") != "":
		r := &record{line: row.line}
		r.problem(CodeTooManyCells, "", strconv.Itoa(len(row.cells)), strconv.Itoa(most))
		return r
	}
	r := im.cells.read(row.line, im.columns, row.cells, im.given)
	if r.ref != "" {
		key := maphash.String(im.seed, r.ref)
		if earlier, ok := im.lines[key]; ok {
			r.problem(CodeRefTwice, r.filled[columnRef], r.ref, strconv.Itoa(int(earlier)))
		} else if len(r.problems) == 0 {
			im.lines[key] = int32(min(row.line, 1<<31-1))
		}
	}
	return r
}

// readHeadings finds the headings, and by them the separator and the language, in the first rows.
func (im *importer) readHeadings(in *lines) (*rows, error) {
	const rowsTried = 10
	words := newLexicon(headingTerms())
	separator := byte(0)
	for range rowsTried {
		first, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the file: %w", err)
		}
		if rest, ok := strings.CutPrefix(strings.ToLower(first.text), "sep="); ok && len(rest) == 1 {
			separator = rest[0] // As spreadsheets announce it.
			continue
		}
		best, known := headings{}, 0
		for _, candidate := range []byte(";,\t|") {
			if separator != 0 && candidate != separator {
				continue
			}
			if h := readHeadings(words, first.text, candidate); h.given[im.needed()] && h.known > known {
				best, known = h, h.known
			}
		}
		if known == 0 {
			continue
		}
		lang := best.lang
		if lang < 0 {
			lang = languageIndex(im.Language)
		}
		im.columns, im.given = best.columns, best.given
		im.cells = newCells(lang, im.Region, im.Destinations, im.Hours)
		for _, col := range best.columns {
			if col.field == "" && col.heading != "" {
				im.sum.Left = append(im.sum.Left, col.heading)
				im.hint(Problem{Line: first.number, Column: col.heading, Code: CodeUnknownHeading, Hint: true})
			}
		}
		if best.twice != "" {
			return nil, fmt.Errorf("line %d: two columns mean %q: leave one out", first.number, best.twice)
		}
		return &rows{lines: in, separator: best.separator}, nil
	}
	return nil, ErrNoHeadings
}

func (im *importer) hint(p Problem) {
	im.sum.Hints++
	im.Report(p)
}

// headings is one way of reading the row of headings.
type headings struct {
	separator byte
	columns   []column
	given     map[string]bool
	known     int
	lang      int    // In which most headings are; -1 when two languages are equal.
	twice     string // A heading whose meaning another column has already.
}

func readHeadings(words lexicon, text string, separator byte) headings {
	h := headings{separator: separator, given: map[string]bool{}}
	texts, open, problem := split(text, separator)
	if open || problem != "" {
		return h
	}
	var votes [4]int
	for _, heading := range texts {
		key := roster.Fold(heading)
		values, ok := words.values[key]
		if !ok { // "Téléphone 2", "gsm2".
			key = strings.TrimRight(strings.TrimRight(key, "0123456789"), " ")
			if values, ok = words.values[key]; ok && only(values) != columnNumber {
				ok = false
			}
		}
		field := ""
		if ok {
			field = only(values)
			h.known++
			for lang, value := range values {
				if value != "" {
					votes[lang]++
				}
			}
			if h.given[field] && field != columnNumber {
				h.twice = heading
			}
			h.given[field] = true
		}
		h.columns = append(h.columns, column{field: field, heading: heading})
	}
	h.lang = -1
	most := 0
	for lang, n := range votes {
		if n > most {
			h.lang, most = lang, n
		} else if n == most {
			h.lang = -1
		}
	}
	return h
}

// only is the value that a word has in whatever language; headings never mean two things (a test sees to it).
func only(values [4]string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}
