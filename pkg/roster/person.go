package roster

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Number is one telephone number of a person.
type Number struct {
	E164      string // "+" and digits (ITU-T E.164).
	Extension string // Digits dialled after the answer; empty when there is none.
}

// Consent is where a person stands towards one purpose, and the proof of it.
type Consent struct {
	State ConsentState // Empty means ConsentProposed: asked for at the first call.
	On    time.Time    // Local date (midnight UTC); zero when unknown.
	How   string       // In the town's words, "letter of 3 April"; at most 200 bytes.
}

var (
	// ErrNoBeneficiary means that a scheme has no beneficiary of a ref.
	ErrNoBeneficiary = errors.New("no such beneficiary")
	// ErrNotAgreed means that a person whom others have proposed gets no other call than the first one before she has agreed.
	ErrNotAgreed = errors.New("she has not agreed to be called yet")
	// ErrContactPerson means that a contact person is not to be kept as she was written.
	ErrContactPerson = errors.New("not a contact person")
)

const (
	// MostContactPeople is how many people somebody may have named to be asked after her.
	MostContactPeople = 5
	// longestName of a contact person, in bytes.
	longestName = 200
)

// CheckContactPeople returns what is wrong with whom a person has named; it wraps ErrContactPerson.
func CheckContactPeople(list []ContactPerson) error {
	if len(list) > MostContactPeople {
		return fmt.Errorf("%w: %d are the most", ErrContactPerson, MostContactPeople)
	}
	numbers := map[string]bool{}
	for _, c := range list {
		switch {
		case c.Name == "" || len(c.Name) > longestName || !utf8.ValidString(c.Name) || strings.ContainsFunc(c.Name, unicode.IsControl),
			strings.Contains(c.Name, ";"): // It parts them in a sheet.
			return fmt.Errorf("%w: a name is missing, or is none", ErrContactPerson)
		case !slices.Contains(Relations(), c.Relation):
			return fmt.Errorf("%w: %q is no relation; it is one of %v", ErrContactPerson, c.Relation, Relations())
		case numbers[c.Number]:
			return fmt.Errorf("%w: a number is named twice", ErrContactPerson)
		}
		numbers[c.Number] = true
	}
	return nil
}

// ContactPerson is somebody whom a person has named to be asked after her when she is not reached.
type ContactPerson struct {
	Name     string
	Relation Relation
	Number   string // E.164.
}

// ContactChange adds contact people to those whom somebody has named, and removes some by their numbers.
type ContactChange struct {
	Add    []ContactPerson
	Remove []string // E.164. Whoever is not named any more is no error.
}

// To returns a list as it is after the change; the list itself stays. Who is named so already is not named twice. The error
// wraps ErrContactPerson.
func (c ContactChange) To(list []ContactPerson) ([]ContactPerson, error) {
	out := slices.DeleteFunc(slices.Clone(list), func(p ContactPerson) bool { return slices.Contains(c.Remove, p.Number) })
	for _, p := range c.Add {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out, CheckContactPeople(out)
}

// Beneficiary is a person who is called, with what was agreed with her, as the town's own list knows her.
type Beneficiary struct {
	Ref       string // The town's own reference, unique in the scheme across beneficiaries and staff; never empty.
	Given     string
	Family    string
	Numbers   []Number // In the order in which they are tried; never empty in a book.
	Language  Language // Empty means French.
	Zone      string   // IANA zone of her windows and absences; empty means the scheme's.
	Class     int      // 0 to 3; 3 is the most vulnerable.
	Purpose   Purpose  // The register she is on; empty means PurposeCallingScheme.
	Consent   Consent  // For that purpose.
	Source    Source   // Who registered her; empty means SourceService.
	Reference string   // Ref of her reference caller; empty means none.
	Deputy    string   // Ref of the deputy; empty means none.
	// How the line treats her when she rings from a number of hers: twice as long waits for every key, simpler words sentence by
	// sentence, a person without a menu.
	LongerWaits, Simpler, StraightToPerson bool
	// Contacts are whom she has named to be asked after her when she is not reached, in that order.
	Contacts []ContactPerson
	// Agreement is what was agreed about calls. An empty Cadence means that nothing was agreed: she is on the register and
	// no call is booked.
	Agreement Agreement
}

// Staff is a caller, a registrar or a coordinator.
type Staff struct {
	Ref       string // As of a Beneficiary.
	Given     string
	Family    string
	Roles     []Role     // Never empty in a book.
	Languages []Language // Spoken, the first one is that of prompts to her; empty means French.
	Skills    []string   // Words of the town's own choice, lower case, sorted.
	Load      Load       // What she is given on a day at most; a zero field takes the scheme's.
	Number    Number     // An ordinary phone; zero when she works from a softphone.
	Disabled  bool       // She no longer works for the scheme: her phone account is cut.
}

// Serves reports whether somebody may call a beneficiary: a caller who works for the scheme, speaks her language and has the
// skills that her agreement asks for.
func (s Staff) Serves(b Beneficiary) bool {
	s, b = s.Normal(), b.Normal()
	return !s.Disabled && slices.Contains(s.Roles, RoleCaller) && slices.Contains(s.Languages, b.Language) &&
		!slices.ContainsFunc(b.Agreement.Skills, func(skill string) bool { return !slices.Contains(s.Skills, skill) })
}

// Name is the whole name, as it is shown.
func (b Beneficiary) Name() string { return joinName(b.Given, b.Family) }

// Name is the whole name, as it is shown.
func (s Staff) Name() string { return joinName(s.Given, s.Family) }

func joinName(given, family string) string {
	switch {
	case given == "":
		return family
	case family == "":
		return given
	default:
		return given + " " + family
	}
}

// Normal returns the beneficiary with every default written out and every list in its canonical order, so that two that
// mean the same are Equal. It shares no slice with b.
func (b Beneficiary) Normal() Beneficiary {
	b.Numbers, b.Contacts = slices.Clone(b.Numbers), slices.Clone(b.Contacts)
	b.Language = orElse(b.Language, French)
	b.Purpose = orElse(b.Purpose, PurposeCallingScheme)
	b.Consent.State = orElse(b.Consent.State, ConsentProposed)
	b.Source = orElse(b.Source, SourceService)
	b.Agreement = b.Agreement.Normal()
	return b
}

// Normal returns the staff member with every default written out, as of a Beneficiary. It shares no slice with s.
func (s Staff) Normal() Staff {
	s.Roles = slices.Clone(s.Roles)
	slices.SortFunc(s.Roles, func(a, b Role) int { return slices.Index(Roles(), a) - slices.Index(Roles(), b) })
	s.Roles = slices.Compact(s.Roles)
	s.Languages = slices.Clone(s.Languages)
	if len(s.Languages) == 0 {
		s.Languages = []Language{French}
	}
	s.Skills = sortedSkills(s.Skills)
	return s
}

// Normal returns the agreement with every default written out, days from Monday on and windows in order. Without a cadence
// it is the zero Agreement.
func (a Agreement) Normal() Agreement {
	if a.Cadence == "" {
		return Agreement{}
	}
	a.Days = slices.Clone(a.Days)
	slices.SortFunc(a.Days, func(x, y time.Weekday) int { return int(x+6)%7 - int(y+6)%7 })
	a.Days = slices.Compact(a.Days)
	if a.Cadence == Weekly {
		if a.PerWeek == 0 {
			a.PerWeek = max(len(a.Days), 1)
		}
	} else {
		a.PerWeek = 0
	}
	a.Windows = slices.Clone(a.Windows)
	for i := range a.Windows {
		if a.Windows[i].Days == EveryDay {
			a.Windows[i].Days = 0
		}
	}
	slices.SortFunc(a.Windows, func(x, y Window) int {
		return cmp.Or(cmp.Compare(x.Begin, y.Begin), cmp.Compare(x.End, y.End), cmp.Compare(x.Days, y.Days))
	})
	a.Windows = slices.Compact(a.Windows)
	if a.Cadence != Monthly {
		a.MonthDay, a.Nth = 0, 0
	}
	a.Dates = slices.Clone(a.Dates)
	if a.Cadence != Once {
		a.Dates = nil
	}
	slices.SortFunc(a.Dates, time.Time.Compare)
	a.Dates = slices.CompactFunc(a.Dates, time.Time.Equal)
	if a.Length == 0 {
		a.Length = 20 * time.Minute
	}
	a.Continuity = orElse(a.Continuity, Preferred)
	if a.CallerRing == 0 {
		a.CallerRing = 20 * time.Second
	}
	if a.Ring == 0 {
		a.Ring = 60 * time.Second
	}
	a.Skills = sortedSkills(a.Skills)
	return a
}

// Equal reports whether two beneficiaries are the same after Normal.
func (b Beneficiary) Equal(other Beneficiary) bool {
	x, y := b.Normal(), other.Normal()
	return x.Ref == y.Ref && x.Given == y.Given && x.Family == y.Family && slices.Equal(x.Numbers, y.Numbers) &&
		x.Language == y.Language && x.Zone == y.Zone && x.Class == y.Class && x.Purpose == y.Purpose &&
		x.Consent.State == y.Consent.State && x.Consent.On.Equal(y.Consent.On) && x.Consent.How == y.Consent.How &&
		x.Source == y.Source && x.Reference == y.Reference && x.Deputy == y.Deputy && x.LongerWaits == y.LongerWaits &&
		x.Simpler == y.Simpler && x.StraightToPerson == y.StraightToPerson && slices.Equal(x.Contacts, y.Contacts) &&
		x.Agreement.Equal(y.Agreement)
}

// Equal reports whether two agreements are the same after Normal.
func (a Agreement) Equal(other Agreement) bool {
	x, y := a.Normal(), other.Normal()
	return x.Cadence == y.Cadence && x.PerWeek == y.PerWeek && slices.Equal(x.Days, y.Days) &&
		slices.Equal(x.Windows, y.Windows) && x.Length == y.Length && x.ValidFrom.Equal(y.ValidFrom) &&
		x.ValidUntil.Equal(y.ValidUntil) && x.MonthDay == y.MonthDay && x.Nth == y.Nth &&
		slices.EqualFunc(x.Dates, y.Dates, time.Time.Equal) && x.Continuity == y.Continuity && x.CallerRing == y.CallerRing && x.Ring == y.Ring &&
		slices.Equal(x.Skills, y.Skills) && x.Hard == y.Hard
}

// Equal reports whether two staff members are the same after Normal.
func (s Staff) Equal(other Staff) bool {
	x, y := s.Normal(), other.Normal()
	return x.Ref == y.Ref && x.Given == y.Given && x.Family == y.Family && slices.Equal(x.Roles, y.Roles) &&
		slices.Equal(x.Languages, y.Languages) && slices.Equal(x.Skills, y.Skills) && x.Load == y.Load &&
		x.Number == y.Number && x.Disabled == y.Disabled
}

func orElse[T ~string](value, otherwise T) T {
	if value == "" {
		return otherwise
	}
	return value
}
