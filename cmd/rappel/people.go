package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
	"github.com/rappel-tel/rappel/pkg/roster/sheet"
)

func (p *program) importPeople() *cobra.Command {
	var b bringing
	c := p.inScheme(&cobra.Command{
		Use:   "import FILE.csv",
		Short: "Bring people in from a spreadsheet's file; good rows are kept, bad ones named by line and reason",
		Long: `Brings people in from a spreadsheet's file (CSV). Good rows are kept, bad ones named by line and reason. What the file has no column for
stays as it was; an empty cell of a column that it has empties it. Headings and words may be French, Dutch, German or English:

  who           ref, kind (beneficiary, caller, registrar, coordinator), family name, given name, phone, language, class
  the line      more time, simpler words, straight to a person
  asked after   contact people: "Marie Dupont, neighbour, +33199001234; …"
  agreement     cadence, times a week, days, windows, length, from, until, reference caller, deputy, hard calls, skills …
  consent       consent, consent date, consent proof, registered by, register

rappel export writes every column that there is. deploy/example/personnes.csv is an example.`,
		Example: "  rappel import people.csv --dry-run\n  rappel import people.csv",
		Args:    exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		b.file = args[0]
		return p.bring(ctx, r, b)
	})
	c.Flags().Var(language(&b.language), "language", "language of the report: fr, nl, de or en (default: the scheme's)")
	c.Flags().BoolVar(&b.dry, "dry-run", false, "report the same and keep nothing")
	c.Flags().BoolVar(&b.asJSON, "json", false, "print one JSON object per problem, and the summary last")
	return c
}

// bringing is what import was asked for.
type bringing struct {
	file        string
	language    roster.Language // Of the report; empty means the scheme's.
	dry, asJSON bool
}

func (p *program) bring(ctx context.Context, r records, b bringing) error {
	file := os.Stdin
	if b.file != "-" {
		f, err := os.Open(b.file)
		if err != nil {
			return usageError{fmt.Errorf("open file: %w", err)}
		}
		defer func() { _ = f.Close() }() // It was only read.
		file = f
	}
	if b.language == "" {
		b.language = r.scheme.Language
	}
	prefixes, err := r.Destinations(ctx, r.scheme.Key)
	if err != nil {
		return err
	}
	destinations, err := numbering.NewDestinations(numbering.DestinationOptions{Region: r.scheme.Country, Prefixes: prefixes})
	if err != nil {
		return err
	}
	enc := json.NewEncoder(p.out)
	summary, err := sheet.Import(ctx, file, sheet.ImportOptions{
		Book: r.Book(r.scheme.Key, time.Now), Region: r.scheme.Country, Destinations: destinations, Language: b.language, DryRun: b.dry,
		Hours: roster.Window{Begin: r.scheme.Opens, End: r.scheme.Closes},
		Report: func(problem sheet.Problem) {
			if b.asJSON {
				_ = enc.Encode(problem) // The summary shows a broken pipe.
				return
			}
			kind := "refused"
			if problem.Hint {
				kind = "hint"
			}
			where := fmt.Sprintf("line %d", problem.Line)
			if problem.Column != "" {
				where += ", " + problem.Column
			}
			fmt.Fprintf(p.err, "%s: %s: %s\n", where, kind, problem.In(b.language))
		},
	})
	if b.asJSON {
		err = errors.Join(err, enc.Encode(summary))
	} else {
		fmt.Fprintf(p.out, "%d rows: %d new, %d changed, %d unchanged, %d refused, %s\n",
			summary.Rows, summary.Created, summary.Updated, summary.Unchanged, summary.Refused, count(summary.Hints, "hint"))
		if b.dry {
			fmt.Fprintln(p.out, "Nothing was kept. Type the same without --dry-run to keep it.")
		} else if err == nil {
			err = p.tellProposals(ctx, r)
		}
	}
	if err != nil {
		err = fmt.Errorf("%w; the same file may be imported again", err)
		if file, ok := errors.AsType[*fs.PathError](err); (ok && file.Op == "read") || errors.Is(err, sheet.ErrNoHeadings) {
			return usageError{err}
		}
		return err
	}
	if summary.Refused > 0 {
		return silentError{}
	}
	return nil
}

func (p *program) exportPeople() *cobra.Command {
	var words roster.Language
	c := p.inScheme(&cobra.Command{
		Use:   "export [FILE.csv]",
		Short: "Write everybody as a spreadsheet's file that import reads back",
		Long: `Writes everybody as a spreadsheet's file with every column that import knows: how the line treats a person, and whom she has named to be
asked after her, too. Importing it changes nothing.`,
		Example: "  rappel export people.csv\n  rappel export --language nl > mensen.csv",
		Args:    atMostOne,
	}, func(ctx context.Context, r records, args []string) (err error) {
		out := p.out
		if len(args) == 1 {
			f, openErr := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if openErr != nil {
				return usageError{fmt.Errorf("make file: %w", openErr)}
			}
			defer func() {
				if err = errors.Join(err, f.Close()); err != nil {
					_ = os.Remove(args[0]) // Half of it is worth nothing, and would be in the way of the next try.
				}
			}()
			out = f
		}
		if words == "" {
			words = r.scheme.Language
		}
		n, err := sheet.Export(ctx, out, sheet.ExportOptions{Book: r.Book(r.scheme.Key, time.Now), Language: words})
		if err != nil {
			return err
		}
		fmt.Fprintf(p.err, "%d people\n", n)
		return nil
	})
	c.Flags().Var(language(&words), "language", "language of headings and words: fr, nl, de or en (default: the scheme's)")
	return c
}

// mostProposals is how many are listed at most.
const mostProposals = 1000

// tellProposals says how many people of the scheme have not agreed yet, and what that means for them.
func (p *program) tellProposals(ctx context.Context, r records) error {
	waiting, err := r.Proposals(ctx, r.scheme.Key)
	if err != nil || len(waiting) == 0 {
		return err
	}
	rules, err := r.ProposalRules(ctx, r.scheme.Key)
	if err != nil {
		return err
	}
	many := fmt.Sprint(len(waiting))
	if len(waiting) >= mostProposals {
		many = "At least " + many
	}
	_, err = fmt.Fprintf(p.out, `%s of the scheme have not agreed yet: a first call asks each of them, and no other call is made before. Whoever was called
and gives no answer within %d days is erased. rappel consent list shows them; for people who did agree, import the sheet again with the columns "consent" (given) and "consent date".
`, many, rules.Days)
	return err
}
