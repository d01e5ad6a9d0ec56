package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/dialplans"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/sounds"
)

// Errors of flows.
var (
	// ErrFlawed means that a flow has problems, which the error lists by file and line, so that nobody shall hear it.
	ErrFlawed = errors.New("the flow has problems")
	// ErrNoFlow means that there is no flow of that name.
	ErrNoFlow = errors.New("there is no such flow")
	// ErrAlreadySpoken means that the scheme speaks that version of the flow already.
	ErrAlreadySpoken = errors.New("the scheme speaks it already")
	// ErrNothingBefore means that the scheme speaks the flow that ships, so that there is nothing to roll back to.
	ErrNothingBefore = errors.New("the scheme speaks the version that ships, and nothing is before it")
)

// mostText is how long a flow may be, in bytes; those that ship are shorter than 20 KiB. Every version is kept for ever.
const mostText = 256 << 10

// Shipped stands for the version that ships, or that the folder calls.dialplans holds, where versions are numbers.
const Shipped = 0

// Flows are the dialogues of schemes: those that ship, in their place those of the folder calls.dialplans, and in the place of
// these what a scheme has published.
type Flows struct {
	shipped *ivr.Book
	store   flowRecords
}

// flowRecords keep what schemes write and publish. Package postgres implements it.
type flowRecords interface {
	WriteFlow(ctx context.Context, scheme int64, v postgres.FlowVersion, now time.Time) (postgres.FlowVersion, error)
	PublishFlow(ctx context.Context, scheme int64, p postgres.FlowPublication, after int, now time.Time) error
	FlowVersions(ctx context.Context, scheme int64, name string) ([]postgres.FlowVersion, error)
	FlowPublications(ctx context.Context, scheme int64, name string) ([]postgres.FlowPublication, error)
	PublishedFlows(ctx context.Context, scheme int64) ([]postgres.FlowVersion, int, error)
	FlowNumbers(ctx context.Context) (map[int64]int, error)
	ChangeDID(ctx context.Context, scheme int64, number string, change func(*postgres.DID) error) (postgres.DID, error)
}

// NewFlows reads the flows that ship and those of the configured folder, and checks them.
func NewFlows(cfg Config, store *postgres.Store) (*Flows, error) {
	book, err := shippedBook(cfg)
	if err != nil {
		return nil, err
	}
	return &Flows{shipped: book, store: store}, nil
}

// shippedBook is what a scheme speaks that has published nothing.
func shippedBook(cfg Config) (*ivr.Book, error) {
	book, err := ivr.ReadBook(shippedFlows(cfg), sounds.Name, sounds.Prompts())
	if err != nil {
		return nil, fmt.Errorf("read dialplans: %w", err)
	}
	return book, nil
}

// shippedFlows is what ships, and in front of it the configured folder.
func shippedFlows(cfg Config) fs.FS {
	if cfg.Calls.Dialplans == "" {
		return dialplans.Flows()
	}
	return layered{os.DirFS(cfg.Calls.Dialplans), dialplans.Flows()}
}

// ShippedFlow is the text of a flow that ships, or that the folder calls.dialplans holds in its place. The error may be ErrNoFlow.
func ShippedFlow(cfg Config, name string) ([]byte, error) {
	files := shippedFlows(cfg)
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list flows: %w", err)
	}
	for _, file := range names {
		text, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, fmt.Errorf("read flow: %w", err)
		}
		if f, err := ivr.ReadFlow(file, text); err == nil && f.Name == name {
			return text, nil
		}
	}
	return nil, ErrNoFlow
}

// layered is a folder in front of another one: a file hides the one of its name.
type layered struct{ front, back fs.FS }

// Open implements fs.FS.
func (l layered) Open(name string) (fs.File, error) {
	f, err := l.front.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return l.back.Open(name)
	}
	return f, err
}

// ReadDir implements fs.ReadDirFS.
func (l layered) ReadDir(name string) ([]fs.DirEntry, error) {
	front, err := fs.ReadDir(l.front, name)
	if err != nil {
		return nil, err
	}
	back, err := fs.ReadDir(l.back, name)
	if err != nil {
		return nil, err
	}
	byName := func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) }
	for _, e := range back {
		if !slices.ContainsFunc(front, func(f fs.DirEntry) bool { return f.Name() == e.Name() }) {
			front = append(front, e)
		}
	}
	slices.SortFunc(front, byName)
	return front, nil
}

// Book is what a scheme speaks now. Refused holds what is wrong with published flows that it does not speak for that reason,
// by name; number is that of the scheme's newest publication.
func (f *Flows) Book(ctx context.Context, scheme int64) (book *ivr.Book, refused map[string]error, number int, err error) {
	flows, number, err := f.store.PublishedFlows(ctx, scheme)
	if err != nil {
		return nil, nil, 0, err
	}
	texts := make([]ivr.Published, len(flows))
	for i, v := range flows {
		texts[i] = ivr.Published{Name: v.Name, File: fileOf(v), Text: v.Text}
	}
	book, refused = f.shipped.Publish(texts)
	return book, refused, number, nil
}

// fileOf is what problems call a version, which is in no file.
func fileOf(v postgres.FlowVersion) string { return fmt.Sprintf("%s@%d", v.Name, v.Version) }

// Draft keeps a text as the newest version of the flow it is, which nobody hears before it is published. Only what is no flow
// at all is refused, with ErrFlawed: Check tells what else is wrong.
func (f *Flows) Draft(ctx context.Context, scheme int64, v postgres.FlowVersion, now time.Time) (postgres.FlowVersion, error) {
	flow, err := ivr.ReadFlow("flow", []byte(v.Text))
	switch {
	case flow == nil:
		return postgres.FlowVersion{}, fmt.Errorf("%w: %w", ErrFlawed, err)
	case len(v.Text) > mostText:
		return postgres.FlowVersion{}, fmt.Errorf("%w: flow: it is longer than %d KiB", ErrFlawed, mostText>>10)
	case flow.NameProblem() != "":
		return postgres.FlowVersion{}, fmt.Errorf("%w: flow:1: %s", ErrFlawed, flow.NameProblem())
	}
	v.Name = flow.Name
	return f.store.WriteFlow(ctx, scheme, v, now)
}

// Check says what is wrong with a text in the place of what the scheme speaks of that flow: ErrFlawed, or nothing.
func (f *Flows) Check(ctx context.Context, scheme int64, file, text string) error {
	if len(text) > mostText {
		return fmt.Errorf("%w: %s: it is longer than %d KiB", ErrFlawed, file, mostText>>10)
	}
	flow, err := ivr.ReadFlow(file, []byte(text))
	if err == nil {
		var book *ivr.Book
		if book, _, _, err = f.Book(ctx, scheme); err != nil {
			return err
		}
		err = flawed(book.With(flow))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFlawed, err)
	}
	return nil
}

// flawed is what is wrong with a book.
func flawed(book *ivr.Book) error {
	var errs []error
	for _, p := range book.Check() {
		errs = append(errs, p)
	}
	return errors.Join(errs...)
}

// Publish has the scheme speak a version of a flow, or the flow that ships when the version is Shipped. Whoever rings from
// the next seconds on hears it; nobody who talks does. The errors are ErrFlawed, ErrNoFlow, ErrAlreadySpoken,
// postgres.ErrNoFlowVersion and postgres.ErrFlowsChanged.
func (f *Flows) Publish(ctx context.Context, scheme int64, p postgres.FlowPublication, now time.Time) error {
	// Without what is published of the flow now: it is not what is to be spoken.
	flows, number, err := f.store.PublishedFlows(ctx, scheme)
	if err != nil {
		return err
	}
	if p.Version == Shipped && !f.shipped.Has(p.Name) {
		return fmt.Errorf("%w among those that ship: %s", ErrNoFlow, p.Name)
	}
	current := Shipped
	var others []ivr.Published
	for _, v := range flows {
		if v.Name == p.Name {
			current = v.Version
			continue
		}
		others = append(others, ivr.Published{Name: v.Name, File: fileOf(v), Text: v.Text})
	}
	if current == p.Version {
		return ErrAlreadySpoken
	}
	book, _ := f.shipped.Publish(others)
	if p.Version != Shipped {
		text, err := f.version(ctx, scheme, p)
		if err != nil {
			return err
		}
		flow, err := ivr.ReadFlow(fileOf(text), []byte(text.Text))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrFlawed, err)
		}
		book = book.With(flow)
	}
	if err := flawed(book); err != nil {
		return fmt.Errorf("%w: %w", ErrFlawed, err)
	}
	return f.store.PublishFlow(ctx, scheme, p, number, now)
}

// Before is the version of a flow that a scheme spoke before the present one, and before the first Shipped. The error may be
// ErrNoFlow or ErrNothingBefore.
func (f *Flows) Before(ctx context.Context, scheme int64, name string) (int, error) {
	pubs, err := f.store.FlowPublications(ctx, scheme, name)
	if err != nil {
		return 0, err
	}
	switch {
	case len(pubs) == 0 && !f.shipped.Has(name):
		return 0, ErrNoFlow
	case len(pubs) == 0 || pubs[0].Version == Shipped:
		return 0, ErrNothingBefore
	}
	before := Shipped
	for _, was := range pubs {
		if was.Version < pubs[0].Version {
			before = max(before, was.Version)
		}
	}
	return before, nil
}

func (f *Flows) version(ctx context.Context, scheme int64, p postgres.FlowPublication) (postgres.FlowVersion, error) {
	versions, err := f.store.FlowVersions(ctx, scheme, p.Name)
	if err != nil {
		return postgres.FlowVersion{}, err
	}
	for _, v := range versions {
		if v.Version == p.Version {
			return v, nil
		}
	}
	return postgres.FlowVersion{}, postgres.ErrNoFlowVersion
}

// ChangeLine changes a number that people dial, or makes it: change decides on it as it stands. One whose flow is not there is refused
// with ErrNoFlow, since people would hear nothing but an apology; the error may be postgres.ErrTaken.
func (f *Flows) ChangeLine(ctx context.Context, scheme int64, number string, change func(*postgres.DID)) (postgres.DID, error) {
	book, _, _, err := f.Book(ctx, scheme)
	if err != nil {
		return postgres.DID{}, err
	}
	return f.store.ChangeDID(ctx, scheme, number, func(d *postgres.DID) error {
		change(d)
		if d.Flow != "" && !book.Has(d.Flow) {
			return fmt.Errorf("line %s: %w %q; there are %s", d.Number, ErrNoFlow, d.Flow, strings.Join(book.Flows(), ", "))
		}
		return nil
	})
}
