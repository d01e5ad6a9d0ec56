package faq

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Answers is what a scheme's line answers.
type Answers struct {
	Tree
	Own     bool // The scheme keeps it; otherwise it is what ships.
	Country string
	First   roster.Language // The scheme's.
}

// Terms are what a tree of the scheme is checked against, on a local date.
func (a *Answers) Terms(today time.Time) Terms {
	return Terms{Country: a.Country, First: a.First, Today: DateOf(today)}
}

// Asked is how often a question was asked.
type Asked struct {
	Day      Date   // Empty for a sum over several.
	Question string // Its name; it may be gone since.
	Asked    int
}
