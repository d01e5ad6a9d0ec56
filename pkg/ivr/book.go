package ivr

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Book is every flow and every prompt of a scheme. It is never changed: publishing makes a new one.
type Book struct {
	flows   map[string]*Flow
	prompts *Catalogue
}

// ReadBook reads every *.yaml of the root of flows and the prompts, and checks them: a book with a problem is refused, with
// every problem named by file and line.
func ReadBook(flows fs.FS, promptsName string, prompts []byte) (*Book, error) {
	b, err := ReadDraft(flows, promptsName, prompts)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, p := range b.Check() {
		errs = append(errs, p)
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("check flows: %w", errors.Join(errs...))
	}
	return b, nil
}

// ReadDraft reads a book as ReadBook does, and leaves its problems for Check to tell: it is not for calls.
func ReadDraft(flows fs.FS, promptsName string, prompts []byte) (*Book, error) {
	catalogue, err := ReadCatalogue(promptsName, prompts)
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(flows, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list flows: %w", err)
	}
	b := &Book{flows: map[string]*Flow{}, prompts: catalogue}
	var errs []error
	for _, name := range names {
		data, err := fs.ReadFile(flows, name)
		if err != nil {
			return nil, fmt.Errorf("read flow %s: %w", name, err)
		}
		f, err := ReadFlow(path.Base(name), data)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if b.flows[f.Name] != nil {
			errs = append(errs, fmt.Errorf("%s: flow %q is in %s already", name, f.Name, b.flows[f.Name].file))
		}
		b.flows[f.Name] = f
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return b, nil
}

// With returns the book with a flow in the place of the one of its name.
func (b *Book) With(f *Flow) *Book {
	flows := maps.Clone(b.flows)
	flows[f.Name] = f
	return &Book{flows: flows, prompts: b.prompts}
}

// Has reports whether the book holds the flow.
func (b *Book) Has(flow string) bool { return b.flows[flow] != nil }

// Flows lists the flows' names, sorted.
func (b *Book) Flows() []string {
	names := make([]string, 0, len(b.flows))
	for n := range b.flows {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Text is what a prompt says: see Catalogue.Text.
func (b *Book) Text(lang roster.Language, key string, vars Vars) string {
	return b.prompts.Text(lang, key, vars)
}

// Prompts is the catalogue of the book.
func (b *Book) Prompts() *Catalogue { return b.prompts }
