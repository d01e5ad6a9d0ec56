package roster

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold writes a text without accents, case, punctuation and surplus spaces, so that two ways of writing one word compare
// equal: "  Éléonore  d'Hooghe" becomes "eleonore d hooghe". Digits and letters are kept, everything else becomes one space.
func Fold(s string) string {
	var out strings.Builder
	out.Grow(len(s))
	gap := false
	for _, r := range norm.NFKD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r):
			continue
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if gap && out.Len() > 0 {
				out.WriteByte(' ')
			}
			gap = false
			switch r {
			case 'ß', 'ẞ':
				out.WriteString("ss")
			case 'œ', 'Œ':
				out.WriteString("oe")
			case 'æ', 'Æ':
				out.WriteString("ae")
			case 'ø', 'Ø':
				out.WriteByte('o')
			default:
				out.WriteRune(unicode.ToLower(r))
			}
		default:
			gap = true
		}
	}
	return out.String()
}

// NameKey is what is compared to find people of the same name: the folded words of both names in alphabetical order, so that
// a list with one column for both finds its twin too. It is empty when there is no name.
func NameKey(given, family string) string {
	words := strings.Fields(Fold(given + " " + family))
	slices.Sort(words)
	return strings.Join(words, " ")
}
