package ivr

import (
	"maps"
	"slices"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// prompts are what the step says.
func (w *Walker) prompts() []Utterance {
	s := w.step()
	var out []Utterance
	for _, p := range s.Say {
		if p.Foreign && p.In == w.lang || p.Is != "" && w.Text(p.With) != p.Is || p.Recording != "" && !w.has(p.Recording) {
			continue
		}
		if p.Each == "" {
			out = append(out, w.utter(p, w.vars))
			continue
		}
		all, _ := w.vars[p.Each].([]Vars)
		for i, one := range all {
			u := w.utter(p, w.with(one))
			if i > 0 {
				u.Silence = AfterKey
			}
			out = append(out, u)
		}
	}
	if s.Pick == nil {
		return out
	}
	choices, more := w.choices(), w.more()
	for i, choice := range choices {
		vars := w.with(choice)
		vars["n"] = i + 1
		for _, p := range s.Pick.Each {
			out = append(out, w.utter(p, vars))
		}
	}
	if more > 0 {
		out = append(out, w.utter(Prompt{Key: s.Pick.More}, w.with(Vars{"n": more})))
	}
	return out
}

// with is the dialogue's variables with others over them.
func (w *Walker) with(other Vars) Vars {
	vars := maps.Clone(w.vars)
	maps.Copy(vars, other)
	return vars
}

// utter is a prompt with its variables.
func (w *Walker) utter(p Prompt, vars Vars) Utterance {
	lang := w.lang
	if own, _ := vars[p.InVariable].(string); own != "" {
		lang = roster.Language(own)
	}
	if p.In != "" {
		lang = p.In
	}
	simpler := w.has(VarSimpler)
	if p.With != "" && !vars.has(p.With) {
		return Utterance{Key: p.Else, Language: lang, Vars: vars, Spaced: simpler}
	}
	recording, _ := vars[p.Recording].(string)
	return Utterance{Key: p.Key, Else: p.Else, Recording: recording, Language: lang, Vars: vars, Spaced: simpler}
}

// again are the prompts of the step for somebody who did not catch them.
func (w *Walker) again() []Utterance {
	out := w.prompts()
	for i := range out {
		out[i].Spaced = true
	}
	return out
}

// simply ends the key of the simpler words for when a prompt is said again: main.menu.simply stands in for main.menu.
const simply = ".simply"

// Simpler is the wording of the simpler words for when a prompt is said again. It need not exist.
func (w Wording) Simpler() Wording { return Wording{w.Key + simply, w.Language} }

// has reports whether a variable is set and not empty.
func (w *Walker) has(name string) bool { return w.vars.has(name) }

func (v Vars) has(name string) bool { return v[name] != nil && v[name] != "" }

// maxPicked is how many may be picked from where there is no further page: the other keys have a meaning of their own.
const maxPicked = 7

// choices are what may be picked now, the first with key 1.
func (w *Walker) choices() []Vars {
	all, _ := w.vars[w.step().Pick.From].([]Vars)
	switch {
	case w.step().Pick.More == "":
		return all[:min(len(all), maxPicked)]
	case len(all) <= maxOptions:
		return all
	}
	const perPage = maxOptions - 1 // And the key for more.
	begin := w.page * perPage % (perPage * ((len(all) + perPage - 1) / perPage))
	return all[begin:min(len(all), begin+perPage)]
}

// more is the key that leads to the next page; 0 when there is none.
func (w *Walker) more() int {
	all, _ := w.vars[w.step().Pick.From].([]Vars)
	if w.step().Pick.More == "" || len(all) <= maxOptions {
		return 0
	}
	return maxOptions // On every page the same.
}

// say says the prompts; a key just pressed is followed by a moment of silence.
func (w *Walker) say(u ...Utterance) Output {
	if w.after && len(u) > 0 {
		u = slices.Clone(u)
		u[0].Silence = AfterKey
	}
	w.after, w.speaking = false, true
	return Output{Say: u}
}
