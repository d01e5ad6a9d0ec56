package ivr

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Book is every flow and every prompt of a scheme. It is never changed: publishing makes a new one.
type Book struct {
	flows   map[string]*Flow
	common  *Catalogue // The prompts without those of the flows.
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
	b := &Book{flows: map[string]*Flow{}, common: catalogue}
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
	b.gather()
	return b, nil
}

// gather makes the catalogue of the common prompts and those of the flows.
func (b *Book) gather() {
	b.prompts = &Catalogue{prompts: maps.Clone(b.common.prompts)}
	for _, name := range b.Flows() {
		f := b.flows[name]
		own, _ := readPrompts(f.file, f.Prompts, f.promptLines) // ReadFlow has told what is wrong.
		for key, p := range own {
			if common, replaces := b.common.prompts[key]; replaces {
				texts := maps.Clone(common.texts)
				maps.Copy(texts, p.texts)
				p.texts = texts
			}
			b.prompts.prompts[key] = p
		}
	}
}

// With returns the book with a flow in the place of the one of its name.
func (b *Book) With(f *Flow) *Book {
	out := &Book{flows: maps.Clone(b.flows), common: b.common}
	out.flows[f.Name] = f
	out.gather()
	return out
}

// Published is a flow that a scheme speaks in the place of the one that ships.
type Published struct {
	Name string // Of the flow; the text gives it the same.
	File string // What problems call the text.
	Text string
}

// Publish returns the book with flows in the places of those of their names. A text that cannot be read, is of another flow,
// or has a problem in the book that comes of it is left out, and what it was to replace stays: so the book that is returned
// has no problem that b has not. Refused holds what is wrong, by the name of the flow.
func (b *Book) Publish(texts []Published) (_ *Book, refused map[string]error) {
	refused = map[string]error{}
	flows := map[string]*Flow{}
	for _, t := range texts {
		f, err := ReadFlow(t.File, []byte(t.Text))
		switch {
		case err != nil:
			refused[t.Name] = err
		case f.Name != t.Name:
			refused[t.Name] = fmt.Errorf("%s: its name is %q, not %q", t.File, f.Name, t.Name)
		default:
			flows[t.Name] = f
		}
	}
	for {
		out := b
		for _, name := range slices.Sorted(maps.Keys(flows)) {
			out = out.With(flows[name])
		}
		wrong := map[string][]error{} // By file.
		for _, p := range out.Check() {
			wrong[p.File] = append(wrong[p.File], p)
		}
		left := len(flows)
		for name, f := range flows {
			if errs := wrong[f.file]; errs != nil {
				refused[name] = errors.Join(errs...)
				delete(flows, name)
			}
		}
		switch {
		case len(wrong) == 0 || left == 0:
			return out, refused
		case left == len(flows): // Only others have a problem now, which these leave without something.
			for name := range flows {
				var errs []error
				for _, list := range wrong {
					errs = append(errs, list...)
				}
				refused[name] = errors.Join(errs...)
			}
			clear(flows)
		}
	}
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

// Sentences is what an utterance says, a text for each time that the voice speaks: the whole, or its sentences when it is
// spaced. Nothing gives nothing.
func (b *Book) Sentences(u Utterance) []string {
	if simpler := (Wording{u.Key, u.Language}).Simpler(); u.Spaced && b.prompts.Has(u.Language, simpler.Key) {
		u.Key = simpler.Key
	}
	text := b.Text(u.Language, u.Key, u.Vars)
	switch {
	case text == "":
		return nil
	case !u.Spaced:
		return []string{text}
	}
	var out []string
	for {
		end := strings.IndexAny(text, ".?!")
		for end >= 0 && end+1 < len(text) && text[end+1] != ' ' {
			next := strings.IndexAny(text[end+1:], ".?!")
			if next < 0 {
				end = -1
				break
			}
			end += 1 + next
		}
		if end < 0 || end+1 >= len(text) {
			return append(out, text)
		}
		out = append(out, text[:end+1])
		text = text[end+2:]
	}
}

// Prompts is the catalogue of the book.
func (b *Book) Prompts() *Catalogue { return b.prompts }
