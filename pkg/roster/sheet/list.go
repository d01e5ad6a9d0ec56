package sheet

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

// ErrNoNumbers means that the first rows of a file hold no column of telephone numbers.
var ErrNoNumbers = errors.New("no column of telephone numbers among the first rows: " +
	"the headings must name one (téléphone, telefoon, Telefon, phone)")

// needed is the column without which a file cannot be understood.
func (im *importer) needed() string {
	if im.list {
		return columnNumber
	}
	return columnRef
}

// List reads a list of people without references, such as a town's list of addresses: telephone numbers and, where the file has
// such columns, names and the language. Other columns are left alone. A row that cannot be read is told to Report and left
// out. Of the options Region, Destinations, Language and Report count. The error may be ErrNoNumbers.
func List(file io.Reader, options ImportOptions) (people []roster.Beneficiary, rows int, err error) {
	if options.Destinations.IsZero() {
		if options.Destinations, err = numbering.NewDestinations(numbering.DestinationOptions{Region: options.Region}); err != nil {
			return nil, 0, err
		}
	}
	if options.Report == nil {
		options.Report = func(Problem) {}
	}
	im := &importer{ImportOptions: options, list: true}
	in, err := newLines(file)
	if err != nil {
		return nil, 0, fmt.Errorf("read the file: %w", err)
	}
	all, err := im.readHeadings(in)
	if errors.Is(err, ErrNoHeadings) {
		return nil, 0, ErrNoNumbers
	} else if err != nil {
		return nil, 0, err
	}
	for i, col := range im.columns {
		if !slices.Contains([]string{columnNumber, columnGiven, columnFamily, columnLanguage}, col.field) {
			im.columns[i].field = ""
		}
	}
	for {
		row, err := all.next()
		if errors.Is(err, io.EOF) {
			return people, rows, nil
		} else if err != nil {
			return people, rows, fmt.Errorf("read the file: %w", err)
		}
		if row.blank() {
			continue
		}
		rows++
		if person, ok := im.listed(row); ok {
			people = append(people, person)
		}
	}
}

// listed reads one row of a list.
func (im *importer) listed(row row) (roster.Beneficiary, bool) {
	r := &record{line: row.line}
	switch {
	case row.problem != "":
		r.problem(row.problem, "", "", "")
	default:
		r = im.cells.read(row.line, im.columns, row.cells, im.given)
		r.problems = slices.DeleteFunc(r.problems, func(p Problem) bool { return p.Code == CodeNoRef })
		if len(r.problems) == 0 && len(r.numbers) == 0 {
			r.problem(CodeNoNumber, "", "", "")
		}
	}
	for _, p := range r.problems {
		im.Report(p)
	}
	r.person.Numbers = r.numbers
	if len(r.langs) > 0 {
		r.person.Language = r.langs[0]
	}
	if r.person.Language == "" {
		r.person.Language = im.Language
	}
	return r.person, len(r.problems) == 0
}
