// Package inbox is the vocabulary of what waits for the registrars: messages left on the line, callbacks that are owed,
// registrations by keypad and voice, and people who were not reached. It does no I/O.
package inbox

import (
	"errors"
	"fmt"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Errors of working with the inbox.
var (
	// ErrNoItem means that nothing of this id is in the inbox.
	ErrNoItem = errors.New("nothing of this id is in the inbox")
	// ErrTaken means that somebody else has taken the item.
	ErrTaken = errors.New("somebody else has taken it")
	// ErrHandled means that the item was closed before, in another way.
	ErrHandled = errors.New("it was closed before")
	// ErrNoConsent means that a person is not registered who has not agreed yet.
	ErrNoConsent = errors.New("the person has not agreed yet")
	// ErrIncomplete means that something is missing to make a person of a registration.
	ErrIncomplete = errors.New("something is missing")
	// ErrNotThis means that an item of this kind cannot be closed, or called, like this.
	ErrNotThis = errors.New("that is not done with an item of this kind")
	// ErrInCall means that a call is under way to somebody who is to be erased: the calls of that moment still need her number.
	ErrInCall = errors.New("she is being called just now: do it when the call has ended")
	// ErrNoContact means that the person has named nobody, or not so many, to be asked after her.
	ErrNoContact = errors.New("she has not named so many to be asked after her")
	// ErrRefTaken means that somebody else has the ref.
	ErrRefTaken = errors.New("somebody else has this ref")
)

// Kind is what an item is.
type Kind string

// The kinds.
const (
	Message      Kind = "message"
	Callback     Kind = "callback" // Owed by the line: it is dialled when its turn comes.
	Registration Kind = "registration"
	Welfare      Kind = "welfare" // Somebody was not reached as she was promised: a registrar looks after her.
)

// Kinds lists every kind.
func Kinds() []Kind { return []Kind{Message, Callback, Registration, Welfare} }

// Item is one thing that waits, or waited, for a registrar.
type Item struct {
	ID        string // UUID seen outside.
	Kind      Kind
	At        time.Time // When it was left.
	CLI       string    // The number rung from, E.164; empty when withheld.
	Number    string    // At which somebody is to be called, E.164; empty when none is known.
	Language  roster.Language
	Recording string        // A message, or a name: a file below the PBX's recordings folder, without extension; empty when there is none.
	Length    time.Duration // Of a message; 0 when it is not known.

	// Ended is how the call ended that was promised to whom the item is about, unreached or missed; of Welfare alone, like Contacts:
	// whom she has named to be asked after her, in the order in which they are asked.
	Ended    call.OccurrenceState
	Contacts []roster.ContactPerson

	// What follows is of a registration. An empty Consent means that it is unfinished.
	Source  roster.Source
	Cadence roster.Cadence
	PerWeek int
	Days    []time.Weekday
	Part    roster.DayPart
	Consent roster.ConsentState
	Wording string // What was read out before she agreed, or how her consent was heard at the first call.

	TakenBy   string // In the words of whoever took it; empty when nobody did.
	TakenAt   time.Time
	HandledBy string
	HandledAt time.Time // Zero while it waits.
	Person    string    // Ref of whom it became, or was about.

	// Alike are the refs of whoever is reached at Number, in order: one may be the person herself, or share her phone. Nothing is
	// ever merged on it.
	Alike []string
	// Others counts the other registrations at Number that wait.
	Others int
	// Refused is set when nobody is to be called at Number, for ever, until that is lifted.
	Refused bool
}

// Outcome is what a registrar makes of an item.
type Outcome string

// The outcomes.
const (
	Done       Outcome = "done"       // A message or a callback: it was dealt with.
	Registered Outcome = "registered" // A registration became a person.
	Into       Outcome = "into"       // It was about somebody who is there already; nothing of hers changes.
	Refused    Outcome = "refused"    // She will not be called: everything goes but a keyed hash of her number.
	Discarded  Outcome = "discarded"  // Nothing came of it, and nothing of it is kept.
)

// Outcomes lists every outcome.
func Outcomes() []Outcome { return []Outcome{Done, Registered, Into, Refused, Discarded} }

// Fits reports whether an item of the kind may be closed like this.
func (o Outcome) Fits(k Kind) bool {
	switch o {
	case Done:
		return k != Registration
	case Registered, Refused, Discarded:
		return k == Registration
	default:
		return o == Into && k != Welfare
	}
}

// Resolution closes an item.
type Resolution struct {
	Outcome Outcome
	By      string // Who closes it.
	// Ref, Given, Family and Class are of the person, for Registered; Ref alone for Into.
	Ref, Given, Family string
	Class              int
	// Agreed says how somebody else's proposal was agreed to when the registrar rang her: it becomes the proof of consent. Without
	// it she stays proposed, and her first call asks her. It is not asked for where she has agreed by keypad.
	Agreed string
}

// Hours are when a scheme may call: minutes after local midnight.
type Hours struct{ Opens, Closes roster.Clock }

// noon parts the morning from the afternoon.
const noon roster.Clock = 12 * 60

// Beneficiary is the person that a registration becomes, with consent and agreement. Whoever was proposed by others and has
// not agreed yet stays proposed: her first call asks her. It returns ErrNoConsent when she registered herself without
// accepting what was read out, or when nothing is known of the calls she is to have, and an error that says what is missing.
func (i Item) Beneficiary(r Resolution, hours Hours, today time.Time) (roster.Beneficiary, error) {
	switch {
	case i.Kind != Registration:
		return roster.Beneficiary{}, ErrNotThis
	case r.Ref == "" || r.Given+r.Family == "":
		return roster.Beneficiary{}, fmt.Errorf("%w: a person needs a ref and a name", ErrIncomplete)
	case i.Number == "":
		return roster.Beneficiary{}, fmt.Errorf("%w: no number was confirmed; register her with rappel import, and discard this", ErrIncomplete)
	case r.Class < 0 || r.Class > 3:
		return roster.Beneficiary{}, fmt.Errorf("%w: the class is 0 to 3", ErrIncomplete)
	}
	consent := roster.Consent{State: roster.ConsentGiven, On: today, How: r.Agreed}
	switch {
	case i.Consent == roster.ConsentGiven && i.Wording != "" && r.Agreed == "":
		consent.On, consent.How = dateOf(i.At), fmt.Sprintf("by keypad on the line, registration %s", i.ID)
		if i.Source != roster.SourceSelf {
			consent.How = fmt.Sprintf("by telephone at the first call, registration %s", i.ID)
		}
	case r.Agreed == "" && i.Source != roster.SourceSelf && i.Source != "" && i.Cadence != "":
		consent = roster.Consent{State: roster.ConsentProposed}
	case r.Agreed == "":
		return roster.Beneficiary{}, ErrNoConsent
	}
	source := i.Source
	if source == "" {
		source = roster.SourceSelf
	}
	agreement := roster.Agreement{Cadence: i.Cadence, PerWeek: i.PerWeek, Days: i.Days}
	if i.Cadence == roster.Weekly && len(i.Days) > 0 {
		agreement.PerWeek = min(i.PerWeek, len(i.Days))
	}
	switch {
	case i.Cadence == "": // Nothing was agreed.
		agreement = roster.Agreement{}
	case i.Part == roster.Morning && hours.Opens < noon:
		agreement.Windows = []roster.Window{{Begin: hours.Opens, End: min(noon, hours.Closes)}}
	case i.Part == roster.Afternoon && hours.Closes > noon:
		agreement.Windows = []roster.Window{{Begin: max(noon, hours.Opens), End: hours.Closes}}
	}
	return roster.Beneficiary{
		Ref: r.Ref, Given: r.Given, Family: r.Family, Numbers: []roster.Number{{E164: i.Number}}, Language: i.Language,
		Class: r.Class, Consent: consent, Source: source, Agreement: agreement,
	}.Normal(), nil
}

// dateOf is the date of an instant in its own zone, as the book keeps dates.
func dateOf(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
