// Package rostertest holds a roster.Book in memory and the suite that every Book must pass.
package rostertest

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Memory is a roster.Book that lives in memory. The zero value is an empty book, ready for use by several goroutines.
type Memory struct {
	mu    sync.Mutex // Held for a whole Edit.
	pages page
	// Puts counts the records that Put was given, rehearsals apart.
	puts int
}

var _ roster.Book = (*Memory)(nil)

// Puts is how many records were put and kept since the book was made.
func (m *Memory) Puts() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.puts
}

// Edit implements roster.Book.
func (m *Memory) Edit(ctx context.Context, change func(roster.Page) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("edit the book: %w", err)
	}
	draft := m.pages.copy()
	if err := change(&draft); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("commit the book: %w", err)
	}
	m.puts += draft.puts
	draft.puts = 0
	m.pages = draft
	return nil
}

// Rehearse implements roster.Book.
func (m *Memory) Rehearse(_ context.Context, work func(roster.Book) error) error {
	m.mu.Lock()
	draft := &Memory{pages: m.pages.copy()}
	m.mu.Unlock()
	return work(draft)
}

// Staff implements roster.Book.
func (m *Memory) Staff(ctx context.Context) iter.Seq2[roster.Staff, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return inOrder(ctx, maps.Clone(m.pages.staff))
}

// Beneficiaries implements roster.Book.
func (m *Memory) Beneficiaries(ctx context.Context) iter.Seq2[roster.Beneficiary, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return inOrder(ctx, maps.Clone(m.pages.beneficiaries))
}

func inOrder[T any](ctx context.Context, people map[string]T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, ref := range slices.Sorted(maps.Keys(people)) {
			if err := ctx.Err(); err != nil {
				var none T
				yield(none, err)
				return
			}
			if !yield(people[ref], nil) {
				return
			}
		}
	}
}

// page is the content of a book. Its maps are copied on the first write of an Edit, so that a reading Edit costs nothing.
type page struct {
	staff         map[string]roster.Staff
	beneficiaries map[string]roster.Beneficiary
	names         map[string][]string // Kind and NameKey to refs.
	numbers       map[string][]string // Kind and E.164 to refs.
	owned         bool
	puts          int
}

func (p page) copy() page {
	p.owned = false
	return p
}

func (p *page) own() {
	if p.owned {
		return
	}
	p.owned = true
	cloneOrMake(&p.staff)
	cloneOrMake(&p.beneficiaries)
	cloneOrMake(&p.names)
	cloneOrMake(&p.numbers)
}

func cloneOrMake[V any](m *map[string]V) {
	if *m = maps.Clone(*m); *m == nil {
		*m = map[string]V{}
	}
}

// Find implements roster.Page.
func (p *page) Find(_ context.Context, refs []string) (roster.People, error) {
	var found roster.People
	seen := map[string]bool{}
	for _, ref := range refs {
		if seen[ref] {
			continue
		}
		seen[ref] = true
		if s, ok := p.staff[ref]; ok {
			found.Staff = append(found.Staff, s.Normal())
		}
		if b, ok := p.beneficiaries[ref]; ok {
			found.Beneficiaries = append(found.Beneficiaries, b.Normal())
		}
	}
	return found, nil
}

// Put implements roster.Page.
func (p *page) Put(_ context.Context, people roster.People) error {
	p.own()
	for _, s := range people.Staff {
		if _, taken := p.beneficiaries[s.Ref]; taken || s.Ref == "" || len(s.Roles) == 0 {
			return fmt.Errorf("put staff: %w", roster.ErrRefused)
		}
		if old, ok := p.staff[s.Ref]; ok {
			p.index(staffKeys(old), s.Ref, false)
		}
		p.staff[s.Ref] = s.Normal()
		p.index(staffKeys(s), s.Ref, true)
	}
	for _, b := range people.Beneficiaries {
		if _, taken := p.staff[b.Ref]; taken || b.Ref == "" || len(b.Numbers) == 0 || !p.worksHere(b.Reference, b.Deputy) {
			return fmt.Errorf("put beneficiaries: %w", roster.ErrRefused)
		}
		if old, ok := p.beneficiaries[b.Ref]; ok {
			p.index(beneficiaryKeys(old), b.Ref, false)
		}
		p.beneficiaries[b.Ref] = b.Normal()
		p.index(beneficiaryKeys(b), b.Ref, true)
	}
	p.puts += people.Len()
	return nil
}

func (p *page) worksHere(refs ...string) bool {
	for _, ref := range refs {
		if _, ok := p.staff[ref]; ref != "" && !ok {
			return false
		}
	}
	return true
}

// keys are the texts by which one record is found to be like another; name is empty when there is none.
type keys struct {
	name    string
	numbers []string
}

func staffKeys(s roster.Staff) keys {
	k := keys{}
	if name := roster.NameKey(s.Given, s.Family); name != "" {
		k.name = "s " + name
	}
	if s.Number.E164 != "" {
		k.numbers = []string{"s " + s.Number.E164}
	}
	return k
}

func beneficiaryKeys(b roster.Beneficiary) keys {
	k := keys{}
	if name := roster.NameKey(b.Given, b.Family); name != "" {
		k.name = "b " + name
	}
	for _, n := range b.Numbers {
		k.numbers = append(k.numbers, "b "+n.E164)
	}
	return k
}

func (p *page) index(k keys, ref string, add bool) {
	change := func(index map[string][]string, key string) {
		refs := slices.DeleteFunc(slices.Clone(index[key]), func(r string) bool { return r == ref })
		if add {
			refs = append(refs, ref)
		}
		index[key] = refs
	}
	if k.name != "" {
		change(p.names, k.name)
	}
	for _, number := range k.numbers {
		change(p.numbers, number)
	}
}

// Alike implements roster.Page.
func (p *page) Alike(_ context.Context, people roster.People) ([]roster.Likeness, error) {
	var out []roster.Likeness
	for _, s := range people.Staff {
		out = append(out, p.like(s.Ref, staffKeys(s))...)
	}
	for _, b := range people.Beneficiaries {
		out = append(out, p.like(b.Ref, beneficiaryKeys(b))...)
	}
	return out, nil
}

func (p *page) like(ref string, k keys) []roster.Likeness {
	found := map[string]roster.Likeness{}
	if k.name != "" {
		for _, other := range p.names[k.name] {
			found[other] = roster.Likeness{Ref: ref, Other: other, Name: true}
		}
	}
	for _, number := range k.numbers {
		for _, other := range p.numbers[number] {
			like := found[other]
			like.Ref, like.Other, like.Number = ref, other, true
			found[other] = like
		}
	}
	delete(found, ref)
	out := slices.SortedFunc(maps.Values(found), func(a, b roster.Likeness) int {
		if a.Other < b.Other {
			return -1
		}
		return 1
	})
	return out[:min(len(out), 10)]
}
