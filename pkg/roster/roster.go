// Package roster is the vocabulary of people: beneficiaries with their agreements, callers, registrars, pairs, registers and
// consent. It imports nothing of ours and does no I/O.
package roster

import "time"

// Language is a language in which a person is spoken to.
type Language string

// The languages, in the order in which they are tried when a text is missing.
const (
	French  Language = "fr"
	Dutch   Language = "nl"
	German  Language = "de"
	English Language = "en"
)

// Languages lists the languages.
func Languages() []Language { return []Language{French, Dutch, German, English} }

// Role is what a person may do in a scheme.
type Role string

// The roles.
const (
	RoleCaller      Role = "caller"
	RoleRegistrar   Role = "registrar"
	RoleCoordinator Role = "coordinator"
)

// Roles lists the roles.
func Roles() []Role { return []Role{RoleCaller, RoleRegistrar, RoleCoordinator} }

// Cadence is how often a person is called.
type Cadence string

// The cadences. Days of the week, or a number per week, refine them in Agreement.
const (
	Daily       Cadence = "daily"
	Weekly      Cadence = "weekly" // PerWeek times a week, on Days when given, on free days otherwise.
	Fortnightly Cadence = "fortnightly"
	Monthly     Cadence = "monthly"
	Once        Cadence = "once" // On the agreement's first day.
)

// Cadences lists the cadences.
func Cadences() []Cadence { return []Cadence{Daily, Weekly, Fortnightly, Monthly, Once} }

// Continuity says how strictly the reference caller is kept to.
type Continuity string

// The continuity policies.
const (
	Strict    Continuity = "strict"    // Only the reference caller and the deputy.
	Preferred Continuity = "preferred" // They first, the pool after the hold.
	Rotate    Continuity = "rotate"    // Anybody but the last one, if possible.
)

// Continuities lists the continuity policies.
func Continuities() []Continuity { return []Continuity{Strict, Preferred, Rotate} }

// ConsentState is where a person's consent to one purpose stands.
type ConsentState string

// The states of consent.
const (
	ConsentProposed  ConsentState = "proposed" // Registered by somebody else; asked at the first call.
	ConsentGiven     ConsentState = "given"
	ConsentRefused   ConsentState = "refused"
	ConsentWithdrawn ConsentState = "withdrawn"
)

// ConsentStates lists the states of consent.
func ConsentStates() []ConsentState {
	return []ConsentState{ConsentProposed, ConsentGiven, ConsentRefused, ConsentWithdrawn}
}

// ConsentAnswer is what a person answered whom somebody else has proposed, when she was asked whether she agrees to be called.
type ConsentAnswer string

// The answers, and what it is called when there was none in time.
const (
	AnswerAgreed  ConsentAnswer = "agreed"
	AnswerRefused ConsentAnswer = "refused" // She is erased but for keyed hashes of her numbers.
	AnswerLater   ConsentAnswer = "later"   // She wants to think about it: she is asked again.
	AnswerLapsed  ConsentAnswer = "lapsed"  // Nobody had an answer in time: she is erased.
)

// ConsentAnswers lists every answer.
func ConsentAnswers() []ConsentAnswer {
	return []ConsentAnswer{AnswerAgreed, AnswerRefused, AnswerLater, AnswerLapsed}
}

// DayPart is the part of the day in which a person would rather be called; empty means any.
type DayPart string

// The parts of a day.
const (
	Morning   DayPart = "morning"
	Afternoon DayPart = "afternoon"
)

// DayParts lists the parts of a day.
func DayParts() []DayPart { return []DayPart{Morning, Afternoon} }

// Purpose is what a register may be used for. Another purpose needs fresh consent.
type Purpose string

// The purposes.
const (
	PurposeCallingScheme Purpose = "calling_scheme"
	PurposeHeatRegister  Purpose = "heat_register"
	PurposeOutreach      Purpose = "outreach"
)

// Purposes lists the purposes.
func Purposes() []Purpose {
	return []Purpose{PurposeCallingScheme, PurposeHeatRegister, PurposeOutreach}
}

// Relation is what a contact person is to whom she may be asked after.
type Relation string

// The relations.
const (
	RelationFamily    Relation = "family"
	RelationNeighbour Relation = "neighbour"
	RelationFriend    Relation = "friend"
	RelationDoctor    Relation = "doctor"
	RelationNurse     Relation = "nurse"
	RelationOther     Relation = "other"
)

// Relations lists the relations.
func Relations() []Relation {
	return []Relation{RelationFamily, RelationNeighbour, RelationFriend, RelationDoctor, RelationNurse, RelationOther}
}

// Source is who registered a person.
type Source string

// The sources.
const (
	SourceSelf       Source = "self"
	SourceFamily     Source = "family"
	SourceNeighbour  Source = "neighbour"
	SourcePharmacist Source = "pharmacist"
	SourceNurse      Source = "nurse"
	SourceShop       Source = "shop"
	SourceService    Source = "service"
)

// Sources lists the sources.
func Sources() []Source {
	return []Source{SourceSelf, SourceFamily, SourceNeighbour, SourcePharmacist, SourceNurse, SourceShop, SourceService}
}

// Clock is a local time of day in minutes after midnight, 0 to 1440.
type Clock int

// Weekdays is a set of days of the week: bit n is time.Weekday n. The zero value is the empty set.
type Weekdays uint8

// WeekdaysOf returns the set of the days.
func WeekdaysOf(days ...time.Weekday) Weekdays {
	var set Weekdays
	for _, d := range days {
		set |= 1 << d
	}
	return set
}

// Has reports whether the day is in the set.
func (w Weekdays) Has(day time.Weekday) bool { return w>>day&1 == 1 }

// Window is a stretch of a local day in which a person may be called. Begin is before End.
type Window struct {
	Begin, End Clock
	Days       Weekdays // The days on which it holds; empty means every day.
}

// EveryDay is the set of all days of the week.
const EveryDay Weekdays = 1<<7 - 1

// MostWindows is how many windows an agreement has at most.
const MostWindows = 8

// Overlap reports whether two of the windows hold at the same time of the same day.
func Overlap(windows []Window) bool {
	for i, w := range windows {
		for _, other := range windows[:i] {
			together := w.Days == 0 || other.Days == 0 || w.Days&other.Days != 0
			if together && w.Begin < other.End && other.Begin < w.End {
				return true
			}
		}
	}
	return false
}

// On reports whether the window holds on a day of the week.
func (w Window) On(day time.Weekday) bool { return w.Days == 0 || w.Days.Has(day) }

// Place is where a scheme has put an agreement that leaves the days free, so that calls spread over the week. It is chosen
// once and stays, so that a person keeps her days whoever comes or goes. The zero Place leaves them to the agreement's key.
type Place struct {
	Days Weekdays // As many as calls a week.
	Week int      // With Fortnightly 0 or 1, the weeks that count; with Monthly 1 to 4, which such day of the month.
}

// Agreement is what was agreed with a person about the calls.
type Agreement struct {
	Cadence    Cadence
	PerWeek    int            // 1 to 7, with Weekly; 0 means once, or on each of Days.
	Days       []time.Weekday // Chosen days, of which the first PerWeek count; empty leaves them free.
	Windows    []Window       // In the person's time zone; empty means the scheme's hours.
	Length     time.Duration  // Planned length; 0 means 20 min.
	ValidFrom  time.Time      // Local date (midnight UTC); zero means from the start.
	ValidUntil time.Time      // Local date, the last day; zero means without end.
	MonthDay   int            // With Monthly, the day of the month, 1 to 31: past a month's end it is its last day. 0 means none.
	Nth        int            // With Monthly, which of the first of Days: 1 to 4, or -1 for the last of the month. 0 leaves it free.
	Dates      []time.Time    // With Once, the local dates (midnight UTC); empty means ValidFrom.
	Place      Place          // Chosen by the scheme, not agreed: Equal does not compare it.
	Continuity Continuity     // Empty means Preferred.
	CallerRing time.Duration  // 0 means 20 s.
	Ring       time.Duration  // How long her phone rings; 0 means 60 s.
	Skills     []string       // That whoever calls her has to have; none asks for none.
	Hard       bool           // Calls with her are expected to be hard: callers who are spared those are not given them.
}
