package report

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Origin is how often in a month something came of people whom a source has registered.
type Origin struct {
	Month  time.Time     // Its first day.
	Source roster.Source // Empty where a registration was left before that was said.
	// Outcome is finished or unfinished for a registration on the line; registered or discarded for what a registrar made of it; and
	// agreed, refused or lapsed for what somebody answered who was proposed.
	Outcome string
	Count   int
}

// Outcomes lists what may come of a registration, in the order in which it does.
func Outcomes() []string {
	return []string{"finished", "unfinished", "registered", "discarded", "agreed", "refused", "lapsed"}
}
