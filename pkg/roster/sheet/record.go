package sheet

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

// column is one column of the file.
type column struct {
	field   string // One of the column constants; empty when the heading is unknown.
	heading string // As the file writes it.
}

// record is one row, read. given says which columns the file has at all: what it has not stays as it was.
type record struct {
	line     int
	ref      string
	staff    bool // With kind.
	kind     bool // The row says whether it is about staff or a beneficiary.
	given    map[string]bool
	filled   map[string]string // Heading of each column in which the row holds something.
	problems []Problem

	person  roster.Beneficiary // Also carries the names of staff.
	numbers []roster.Number
	cadence bool // The row names one.
	perWeek int
	roles   []roster.Role
	langs   []roster.Language
	skills  []string
	load    roster.Load
	off     bool
}

// Longest texts, in characters.
const (
	maxRef  = 64
	maxName = 100
	maxHow  = 100
)

// read reads the cells of a row. Each column that cannot be read adds its own problem.
func (c *cells) read(line int, columns []column, texts []string, given map[string]bool) *record {
	r := &record{line: line, given: given, filled: map[string]string{}}
	for i, col := range columns {
		text := ""
		if i < len(texts) {
			text = texts[i]
		}
		if col.field == "" || text == "" {
			continue
		}
		r.filled[col.field] = col.heading
		if code, other := c.readCell(r, col.field, text); code != "" {
			r.problem(code, col.heading, text, other)
		}
	}
	if r.ref == "" && len(r.problems) == 0 {
		r.problem(CodeNoRef, "", "", "")
	}
	return r
}

func (r *record) problem(code Code, heading, given, other string) {
	r.problems = append(r.problems, Problem{Line: r.line, Column: heading, Code: code, Given: shorten(given), Other: other})
}

func (c *cells) readCell(r *record, field, text string) (code Code, other string) {
	p := &r.person
	switch field {
	case columnRef:
		if strings.Contains(text, "+") && numbering.Eaten(text) {
			return CodeRefEaten, ""
		}
		return fit(&r.ref, text, maxRef)
	case columnKind:
		return c.readKind(r, text)
	case columnGiven:
		return fit(&p.Given, text, maxName)
	case columnFamily:
		return fit(&p.Family, text, maxName)
	case columnNumber:
		numbers, code := c.numbers(text)
		for _, number := range numbers {
			if !slices.Contains(r.numbers, number) {
				r.numbers = append(r.numbers, number)
			}
		}
		return code, ""
	case columnLanguage:
		words, ok := c.several(c.speech.languages, text)
		for _, word := range words {
			r.langs = append(r.langs, roster.Language(word))
		}
		if !ok {
			return CodeWord, list(languageTerms(), c.lang)
		}
	case columnClass:
		if len(text) != 1 || text[0] < '0' || text[0] > '3' {
			return CodeClass, ""
		}
		p.Class = int(text[0] - '0')
	case columnReference:
		return fit(&p.Reference, text, maxRef)
	case columnDeputy:
		return fit(&p.Deputy, text, maxRef)
	case columnConsent:
		return oneWord(c, &p.Consent.State, c.speech.consents, text, consentTerms())
	case columnConsentOn:
		p.Consent.On, code = c.day(text)
	case columnConsentHow:
		return fit(&p.Consent.How, text, maxHow)
	case columnSource:
		return oneWord(c, &p.Source, c.speech.sources, text, sourceTerms())
	case columnPurpose:
		return oneWord(c, &p.Purpose, c.speech.purposes, text, purposeTerms())
	case columnSkills:
		r.skills = roster.Skills(text)
	case columnActive:
		var active bool
		code, other = c.truth(&active, text)
		r.off = !active
		return code, other
	case columnZone:
		p.Zone, code = c.zone(text)
	case columnWaits:
		return c.truth(&p.LongerWaits, text)
	case columnSimpler:
		return c.truth(&p.Simpler, text)
	case columnStraight:
		return c.truth(&p.StraightToPerson, text)
	case columnContacts:
		if p.Contacts, code = c.contacts(text); code != "" {
			return code, list(relationTerms(), c.lang)
		}
	case columnMaxTalk:
		r.load.Talk, code = c.span(text)
	case columnMaxCalls:
		r.load.Calls, code = c.count(text)
	case columnMaxHard:
		r.load.Hard, code = c.count(text)
	case columnMaxInRow:
		r.load.HardInRow, code = c.count(text)
	case columnBreather:
		r.load.Breather, code = c.span(text)
	default:
		return c.readTerms(r, field, text)
	}
	return code, ""
}

// readTerms reads the columns of the agreement.
func (c *cells) readTerms(r *record, field, text string) (code Code, other string) {
	a := &r.person.Agreement
	switch field {
	case columnCadence:
		var perWeek int
		a.Cadence, perWeek, code = c.cadence(text)
		if code != "" {
			return code, list(cadenceTerms(), c.lang)
		}
		r.cadence = true
		if r.perWeek == 0 {
			r.perWeek = perWeek
		}
	case columnPerWeek:
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 7 {
			return CodePerWeek, ""
		}
		r.perWeek = n
	case columnDays:
		a.Days, code = c.days(text)
	case columnWindows:
		a.Windows, code = c.windows(text)
	case columnLength:
		a.Length, code = c.length(text)
	case columnFrom:
		a.ValidFrom, code = c.day(text)
	case columnUntil:
		a.ValidUntil, code = c.day(text)
	case columnContinuity:
		return oneWord(c, &a.Continuity, c.speech.continuities, text, continuityTerms())
	case columnCallerRing:
		a.CallerRing, code = c.ring(text)
	case columnRing:
		a.Ring, code = c.ring(text)
	case columnMonthDay:
		if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= 31 {
			a.MonthDay = n
		} else {
			return CodeMonthDay, ""
		}
	case columnNth:
		if a.Nth, code = c.nth(text); code != "" {
			return code, list(nthTerms(), c.lang)
		}
	case columnDates:
		a.Dates, code = c.dates(text)
	case columnHard:
		return c.truth(&a.Hard, text)
	}
	return code, ""
}

func (c *cells) truth(into *bool, text string) (Code, string) {
	truth, ambiguous := c.speech.truths.read(text, c.lang)
	if truth == "" || ambiguous {
		return CodeWord, list(truthTerms(), c.lang)
	}
	*into = truth == "yes"
	return "", ""
}

func (c *cells) readKind(r *record, text string) (Code, string) {
	kinds, ok := c.several(c.speech.kinds, text)
	if !ok || len(kinds) > 1 && slices.Contains(kinds, "beneficiary") {
		return CodeKind, list(kindTerms(), c.lang)
	}
	r.kind = true
	if kinds[0] == "beneficiary" {
		return "", ""
	}
	r.staff = true
	for _, kind := range kinds {
		r.roles = append(r.roles, roster.Role(kind))
	}
	return "", ""
}

func fit(into *string, text string, most int) (Code, string) {
	if utf8.RuneCountInString(text) > most {
		return CodeTooLong, strconv.Itoa(most)
	}
	*into = text
	return "", ""
}

func oneWord[T ~string](c *cells, into *T, words lexicon, text string, terms []term) (Code, string) {
	value, ambiguous := words.read(text, c.lang)
	if value == "" || ambiguous {
		return CodeWord, list(terms, c.lang)
	}
	*into = T(value)
	return "", ""
}

// termColumns are the columns of the agreement besides its cadence.
func termColumns() []string {
	return []string{
		columnPerWeek, columnDays, columnWindows, columnLength, columnFrom, columnUntil, columnContinuity, columnCallerRing, columnRing,
		columnMonthDay, columnNth, columnDates, columnHard,
	}
}

// loadColumns are what a caller is given on a day.
func loadColumns() []string {
	return []string{columnMaxTalk, columnMaxCalls, columnMaxHard, columnMaxInRow, columnBreather}
}

// beneficiary lays the row over what the book holds (the zero value for a new person). Problems are added to the record.
func (r *record) beneficiary(old roster.Beneficiary) roster.Beneficiary {
	b := old.Normal()
	b.Ref = r.ref
	lay(r, columnGiven, &b.Given, r.person.Given)
	lay(r, columnFamily, &b.Family, r.person.Family)
	lay(r, columnClass, &b.Class, r.person.Class)
	lay(r, columnReference, &b.Reference, r.person.Reference)
	lay(r, columnDeputy, &b.Deputy, r.person.Deputy)
	lay(r, columnConsent, &b.Consent.State, r.person.Consent.State)
	lay(r, columnConsentOn, &b.Consent.On, r.person.Consent.On)
	lay(r, columnConsentHow, &b.Consent.How, r.person.Consent.How)
	lay(r, columnSource, &b.Source, r.person.Source)
	lay(r, columnPurpose, &b.Purpose, r.person.Purpose)
	lay(r, columnZone, &b.Zone, r.person.Zone)
	lay(r, columnWaits, &b.LongerWaits, r.person.LongerWaits)
	lay(r, columnSimpler, &b.Simpler, r.person.Simpler)
	lay(r, columnStraight, &b.StraightToPerson, r.person.StraightToPerson)
	lay(r, columnContacts, &b.Contacts, r.person.Contacts)
	if r.given[columnNumber] {
		b.Numbers = r.numbers
	}
	if r.given[columnLanguage] {
		b.Language = ""
		if len(r.langs) > 0 {
			b.Language = r.langs[0]
		}
		if len(r.langs) > 1 {
			r.problem(CodeOneLanguage, r.filled[columnLanguage], "", "")
		}
	}
	b.Agreement = r.agreement(b.Agreement)
	for _, field := range append(loadColumns(), columnActive) {
		if heading, ok := r.filled[field]; ok {
			r.problem(CodeNotForCalled, heading, "", "")
		}
	}
	switch {
	case b.Given == "" && b.Family == "":
		r.problem(CodeNoName, "", "", "")
	case len(b.Numbers) == 0:
		r.problem(CodeNoNumber, "", "", "")
	case b.Reference != "" && b.Reference == b.Deputy:
		r.problem(CodeSameCaller, r.filled[columnDeputy], "", "")
	}
	return b.Normal()
}

func (r *record) agreement(a roster.Agreement) roster.Agreement {
	t := r.person.Agreement
	lay(r, columnCadence, &a.Cadence, t.Cadence)
	if !r.cadence && r.perWeek > 0 {
		a.Cadence = roster.Weekly
	}
	if r.given[columnCadence] || r.given[columnPerWeek] || r.given[columnDays] {
		a.PerWeek = r.perWeek
	}
	lay(r, columnDays, &a.Days, t.Days)
	lay(r, columnWindows, &a.Windows, t.Windows)
	lay(r, columnLength, &a.Length, t.Length)
	lay(r, columnFrom, &a.ValidFrom, t.ValidFrom)
	lay(r, columnUntil, &a.ValidUntil, t.ValidUntil)
	lay(r, columnContinuity, &a.Continuity, t.Continuity)
	lay(r, columnCallerRing, &a.CallerRing, t.CallerRing)
	lay(r, columnRing, &a.Ring, t.Ring)
	lay(r, columnDates, &a.Dates, t.Dates)
	lay(r, columnHard, &a.Hard, t.Hard)
	lay(r, columnSkills, &a.Skills, r.skills)
	r.dayOfMonth(&a)
	if a.Cadence == "" {
		for _, field := range append(termColumns(), columnSkills) {
			if heading, ok := r.filled[field]; ok {
				r.problem(CodeNoCadence, heading, "", "")
				break
			}
		}
		return roster.Agreement{}
	}
	switch {
	case a.Cadence != roster.Weekly && r.perWeek > 0:
		r.problem(CodePerWeekCadence, r.filled[columnPerWeek], "", "")
	case a.Cadence == roster.Weekly && len(a.Days) > 0 && a.PerWeek > len(a.Days):
		r.problem(CodePerWeekDays, r.filled[columnDays], strconv.Itoa(a.PerWeek), strconv.Itoa(len(a.Days)))
	case a.Cadence != roster.Monthly && t.MonthDay != 0:
		r.problem(CodeMonthly, r.filled[columnMonthDay], "", "")
	case a.Cadence != roster.Monthly && t.Nth != 0:
		r.problem(CodeMonthly, r.filled[columnNth], "", "")
	case a.Cadence == roster.Monthly && a.Nth != 0 && (len(a.Days) != 1 || a.MonthDay != 0):
		r.problem(CodeNthDay, r.filled[columnNth], "", "")
	case a.Cadence != roster.Once && len(t.Dates) > 0:
		r.problem(CodeDatesOnce, r.filled[columnDates], "", "")
	case a.Cadence == roster.Once && a.ValidFrom.IsZero() && len(a.Dates) == 0:
		r.problem(CodeOnceNoDate, r.filled[columnCadence], "", "")
	case !a.ValidUntil.IsZero() && a.ValidUntil.Before(a.ValidFrom):
		r.problem(CodeDatesBackward, r.filled[columnUntil], "", "")
	}
	return a
}

// dayOfMonth lays the day of a monthly call over what was agreed: of a date of the month and an nth weekday, the one that the
// row fills in takes the other's place when the file has no column for that.
func (r *record) dayOfMonth(a *roster.Agreement) {
	t := r.person.Agreement
	lay(r, columnMonthDay, &a.MonthDay, t.MonthDay)
	lay(r, columnNth, &a.Nth, t.Nth)
	if t.MonthDay != 0 && !r.given[columnNth] {
		a.Nth = 0
	}
	if t.Nth != 0 && !r.given[columnMonthDay] {
		a.MonthDay = 0
	}
}

// member lays the row over what the book holds of a member of staff.
func (r *record) member(old roster.Staff) roster.Staff {
	s := old.Normal()
	s.Ref = r.ref
	lay(r, columnGiven, &s.Given, r.person.Given)
	lay(r, columnFamily, &s.Family, r.person.Family)
	if r.kind {
		s.Roles = r.roles
	}
	if r.given[columnLanguage] {
		s.Languages = r.langs
	}
	if r.given[columnSkills] {
		s.Skills = r.skills
	}
	if r.given[columnActive] {
		s.Disabled = r.off
	}
	lay(r, columnMaxTalk, &s.Load.Talk, r.load.Talk)
	lay(r, columnMaxCalls, &s.Load.Calls, r.load.Calls)
	lay(r, columnMaxHard, &s.Load.Hard, r.load.Hard)
	lay(r, columnMaxInRow, &s.Load.HardInRow, r.load.HardInRow)
	lay(r, columnBreather, &s.Load.Breather, r.load.Breather)
	if r.given[columnNumber] {
		s.Number = roster.Number{}
		if len(r.numbers) > 0 {
			s.Number = r.numbers[0]
		}
		if len(r.numbers) > 1 {
			r.problem(CodeOneNumber, r.filled[columnNumber], "", "")
		}
	}
	for _, field := range append(termColumns(), columnCadence, columnClass, columnReference, columnDeputy, columnConsent,
		columnConsentOn, columnConsentHow, columnSource, columnPurpose, columnZone, columnWaits, columnSimpler, columnStraight, columnContacts) {
		if heading, ok := r.filled[field]; ok {
			r.problem(CodeNotForStaff, heading, "", "")
		}
	}
	if s.Given == "" && s.Family == "" {
		r.problem(CodeNoName, "", "", "")
	}
	return s.Normal()
}

// lay sets a field when the file has its column.
func lay[T string | int | bool | time.Time | []time.Time | []string | time.Duration | []time.Weekday | []roster.Window | roster.ConsentState | roster.Source |
	roster.Purpose | roster.Cadence | roster.Continuity | []roster.ContactPerson](r *record, field string, into *T, value T) {
	if r.given[field] {
		*into = value
	}
}
