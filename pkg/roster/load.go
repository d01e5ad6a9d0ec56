package roster

import (
	"slices"
	"strings"
	"time"
)

// Load bounds what one caller is given on a day, so that nobody is worn out and the burden is shared. A zero field sets no
// bound.
type Load struct {
	Talk  time.Duration // Once she has talked so long today she is given no further call.
	Calls int           // Once she has had so many answered calls today she is given no further one.
	Hard  int           // Once she has had so many hard calls today she is given courtesy calls only.
	// HardInRow is after how many hard calls in a row she is given courtesy calls only, until she has had one.
	HardInRow int
	// Breather is how long she is left alone after a hard call, counted from when it ended.
	Breather time.Duration
}

// Within fills in what a caller's own bounds leave open.
func (l Load) Within(scheme Load) Load {
	orDefault(&l.Talk, scheme.Talk)
	orDefault(&l.Calls, scheme.Calls)
	orDefault(&l.Hard, scheme.Hard)
	orDefault(&l.HardInRow, scheme.HardInRow)
	orDefault(&l.Breather, scheme.Breather)
	return l
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Skills reads skills as people write them, parted by commas and the like: words of the town's own choice, in lower case,
// sorted, each once.
func Skills(text string) []string {
	var list []string
	for _, skill := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune(",;|", r) }) {
		if skill = strings.Join(strings.Fields(skill), " "); skill != "" {
			list = append(list, skill)
		}
	}
	return sortedSkills(list)
}

func sortedSkills(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
