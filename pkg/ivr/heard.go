package ivr

import (
	"maps"
	"slices"
)

// HeardFirst lists the prompts of every dialogue in the order in which somebody on a telephone may come to hear them: what may
// be heard anywhere, what a flow says, the fewer steps it takes to be there the earlier, and then all others. A prompt that a
// flow says in a language of its own, whatever the dialogue's, is told apart: the language of the others is empty.
func (b *Book) HeardFirst(flow string) []Wording {
	var list []Wording
	seen := map[Wording]bool{}
	add := func(w Wording) {
		if w.Key != "" && !seen[w] {
			seen[w] = true
			list = append(list, w)
		}
	}
	for _, key := range append(standardPrompts(), "moment", "error.ours") {
		add(Wording{Key: key})
	}
	for _, name := range append([]string{flow}, slices.Sorted(maps.Keys(b.flows))...) {
		b.walkPrompts(name, add)
	}
	for _, key := range b.prompts.Keys() {
		add(Wording{Key: key})
	}
	return list
}

// walkPrompts goes through a flow and those that it runs, step by step from the beginning, and tells of what is said.
func (b *Book) walkPrompts(flow string, add func(Wording)) {
	f := b.flows[flow]
	if f == nil {
		return
	}
	type place struct {
		flow *Flow
		step string
	}
	next := []place{{f, f.Start}, {f, f.Person}, {f, f.Emergency}, {f, f.Failed}, {f, f.Machine}}
	for seen := map[place]bool{}; len(next) > 0; next = next[1:] {
		at := next[0]
		s := at.flow.Steps[at.step]
		if s == nil || seen[at] {
			continue
		}
		seen[at] = true
		said := s.Say
		if s.Pick != nil {
			said = append(slices.Clone(said), s.Pick.Each...)
			add(Wording{Key: s.Pick.More})
		}
		for _, p := range said {
			for _, key := range []string{p.Key, p.Else} {
				add(Wording{key, p.In})
				if p.In == "" {
					add(Wording{Key: key}.Simpler())
				}
			}
		}
		for _, name := range s.ways() {
			next = append(next, place{at.flow, name})
		}
		if sub := b.flows[s.Flow]; sub != nil {
			next = append(next, place{sub, sub.Start})
		}
	}
}
