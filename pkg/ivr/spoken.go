package ivr

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// pressing finds "press" and the word for the key behind it, and the word that would follow if the key came first.
func pressing(lang roster.Language) *regexp.Regexp {
	return regexp.MustCompile(pick(lang,
		`(?i)\b(?:tapez|appuyez sur)(?: le| la)? ([\pL-]+)(?: (pour|si)\b)?`,
		`(?i)\bdruk(?:t u)? op ([\pL-]+)(?: (om|voor|als)\b)?`,
		`(?i)\bdrücken Sie(?: die)? ([\pL-]+)(?: (um|für|wenn)\b)?`,
		`(?i)\bpress ([\pL-]+)(?: (to|for|if)\b)?`,
	))
}

// keyWord is how a key is called.
func keyWord(lang roster.Language, key string) string {
	switch key {
	case "#":
		return pick(lang, "dièse", "hekje", "Raute", "hash")
	case "*":
		return pick(lang, "étoile", "sterretje", "Stern", "star")
	case "1":
		return pick(lang, "un", "één", "eins", "one")
	default:
		return Number(lang, int(key[0]-'0'))
	}
}

// heardKeys lists the keys that a text names, in its order, and whether one of them is named before what it is for.
func heardKeys(lang roster.Language, text string) (keys []string, before bool) {
	for _, found := range pressing(lang).FindAllStringSubmatch(text, -1) {
		for key := range strings.SplitSeq("0123456789*#", "") {
			if strings.EqualFold(found[1], keyWord(lang, key)) {
				keys = append(keys, key)
				before = before || found[2] != ""
			}
		}
	}
	return keys, before
}

// checkSpoken says what is wrong with the words of a menu: a key that is not offered, an offer that is not said, and a key
// before what it is for, which is forgotten by then. Each is said once, with the languages of a party who hears it so.
func (b *Book) checkSpoken(s *Step) []string {
	wrong := map[string][]string{}
	for _, chosen := range roster.Languages() {
		for _, repeated := range []bool{false, true} {
			b.checkOffers(s, chosen, repeated, func(problem string) { wrong[problem] = append(wrong[problem], string(chosen)) })
		}
	}
	var out []string
	for _, problem := range slices.Sorted(maps.Keys(wrong)) {
		out = append(out, fmt.Sprintf("%s (%s)", problem, strings.Join(slices.Compact(wrong[problem]), ", ")))
	}
	return out
}

// checkOffers holds the keys that a menu offers against those that it names in a language, the first time or repeated.
func (b *Book) checkOffers(s *Step, chosen roster.Language, repeated bool, note func(problem string)) {
	var heard []string
	for _, p := range s.Say {
		lang := cmp.Or(p.In, chosen)
		if p.Foreign && lang == chosen {
			continue
		}
		for _, key := range []string{p.Key, p.Else} {
			if repeated && b.prompts.Has(lang, key+simply) {
				key += simply
			}
			keys, before := heardKeys(lang, b.prompts.prompts[key].texts[lang])
			heard = append(heard, keys...)
			if before {
				note("names a key before what it is for, in prompt " + key)
			}
		}
	}
	for key := range s.Menu {
		if own(key) && !slices.Contains(heard, key) {
			note("offers key " + key + " and does not say so")
		}
	}
	slices.Sort(heard)
	for _, key := range slices.Compact(heard) {
		if s.Menu[key] == "" && !slices.Contains(everywhere(), key) {
			note("says key " + key + ", which it does not offer")
		}
	}
}
