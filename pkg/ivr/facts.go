package ivr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// What a flow may branch on besides the variables it was given: how things are in the moment in which the branch is reached.
// What the host cannot find out leads to Branch.Else.
const (
	FactHours    = "hours"    // Of the line: open, closed. When they are closed the variable reopens says until when.
	FactHoliday  = "holiday"  // A public holiday of the scheme's country: yes, no.
	FactKnown    = "known"    // Somebody whom the scheme calls is reached at the party's number: yes, no, withheld.
	FactLanguage = "language" // The one spoken now: fr, nl, de, en.
	FactQueue    = "queue"    // How many wait for a registrar: a number, or "3+" for three or more.
)

// Values of facts.
const (
	HoursOpen     = "open"
	HoursClosed   = "closed"
	Yes           = "yes"
	No            = "no"
	KnownWithheld = "withheld"
)

// Facts lists what a flow may branch on besides its variables.
func Facts() []string { return []string{FactHours, FactHoliday, FactKnown, FactLanguage, FactQueue} }

func isFact(name string) bool { return slices.Contains(Facts(), name) }

// onlyHostKnows reports whether only the host knows the fact.
func onlyHostKnows(name string) bool { return isFact(name) && name != FactLanguage }

// FactValues lists what a fact may be; nil for a number, and for what is no fact.
func FactValues(name string) []string {
	switch name {
	case FactHours:
		return []string{HoursOpen, HoursClosed}
	case FactHoliday:
		return []string{Yes, No}
	case FactKnown:
		return []string{Yes, No, KnownWithheld}
	case FactLanguage:
		var all []string
		for _, l := range roster.Languages() {
			all = append(all, string(l))
		}
		return all
	default:
		return nil
	}
}

// factWords says what a fact may be.
func factWords(name string) string {
	if name == FactQueue {
		return "a number such as 0, or 3+ for three or more"
	}
	return strings.Join(FactValues(name), ", ")
}

// possible reports whether a branch may have a way for the value.
func possible(fact, value string) bool {
	switch {
	case fact == FactQueue:
		n, err := strconv.Atoi(strings.TrimSuffix(value, "+"))
		return err == nil && n >= 0
	case isFact(fact):
		return slices.Contains(FactValues(fact), value)
	default:
		return true
	}
}

// CheckFact says why a fact cannot have a value, in words for whoever wrote it; nil when it can.
func CheckFact(name, value string) error {
	switch {
	case !isFact(name):
		return fmt.Errorf("the facts are %s", strings.Join(Facts(), ", "))
	case !possible(name, value) || strings.HasSuffix(value, "+"):
		return fmt.Errorf("%s is never %q, but %s", name, value, strings.TrimSuffix(factWords(name), ", or 3+ for three or more"))
	}
	return nil
}

// leads is the step for a value: that of the value itself, else that of the highest "n+" which a number reaches, else Else.
func (b *Branch) leads(value string) string {
	if to, ok := b.To[value]; ok {
		return to
	}
	to, most := b.Else, -1
	n, err := strconv.Atoi(value)
	if err != nil {
		return to
	}
	for label, step := range b.To {
		least, atLeast := strings.CutSuffix(label, "+")
		if from, err := strconv.Atoi(least); atLeast && err == nil && from <= n && from > most {
			to, most = step, from
		}
	}
	return to
}
