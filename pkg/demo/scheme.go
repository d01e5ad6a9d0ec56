package demo

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

// Figures of the demonstration's scheme. Those of Namur's (2020) are 241 people, 55 % called weekly and 29 % two or three
// times a week, and 46 calls a day.
const (
	Beneficiaries = 241
	Callers       = 12
	Registrars    = 2
	DueOnDay      = 46
)

// How long phones ring, in real time. Shorter than a town would have it, so that a visitor sees something happen.
const (
	callerRingTime = 12 * time.Second
	ringTime       = 25 * time.Second
)

// Cast is everybody of the demonstration, and the day on which it plays. Nobody in it exists: names are drawn from lists and
// numbers from ranges reserved for fiction.
type Cast struct {
	Name    string
	Zone    string // IANA name of the scheme's time zone.
	Country string
	Start   time.Time // What the demonstration's clock shows first: 09:25 of a working day.
	Line    string    // The registration number, E.164, which is also the number presented.

	Staff         []roster.Staff // The callers in pairs, then the registrars.
	Beneficiaries []roster.Beneficiary
}

// The scheme's hours, outside which nobody is called.
const (
	opens  roster.Clock = 9*60 + 30
	closes roster.Clock = 17 * 60
)

// Scheme returns the demonstration's cast. It is a pure function of the seed: the same seed gives the same people, windows
// and due calls, on whatever day it is asked.
func Scheme(seed uint64) Cast { return scheme(seed, DueOnDay) }

// scheme is Scheme with another number of people due on the day, as far as their rhythms allow it.
func scheme(seed uint64, due int) Cast {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		zone = time.FixedZone("CEST", 2*60*60) // Without the zone database; the demonstration's day lies in summer.
	}
	d := &drawer{rand: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), prefixes: numbering.FictionalPrefixes("FR")}
	cast := Cast{
		Name: "Gardons le contact (démonstration)", Zone: "Europe/Paris", Country: "FR",
		// A Tuesday without a holiday near it.
		Start: time.Date(2026, time.June, 16, 9, 25, 0, 0, zone),
		Line:  "+33199009000",
	}
	cast.Staff = d.staff()
	cast.Beneficiaries = d.beneficiaries(cast.Start, due)
	return cast
}

type drawer struct {
	rand     *rand.Rand
	prefixes []string // The last one is mobile.
	numbers  int
}

// number returns a geographic number that nobody was given yet.
func (d *drawer) number() roster.Number {
	prefix := d.prefixes[d.numbers%(len(d.prefixes)-1)]
	d.numbers++
	return roster.Number{E164: fmt.Sprintf("%s%04d", prefix, 1000+d.numbers)}
}

func (d *drawer) mobile() roster.Number {
	d.numbers++
	return roster.Number{E164: fmt.Sprintf("%s%04d", d.prefixes[len(d.prefixes)-1], 1000+d.numbers)}
}

// chance is true p times in a hundred.
func (d *drawer) chance(p int) bool { return d.rand.IntN(100) < p }

func pick[T any](d *drawer, from []T) T { return from[d.rand.IntN(len(from))] }

// staff returns six pairs of callers and the registrars. The last pair but one speaks Dutch too, the last one German.
func (d *drawer) staff() []roster.Staff {
	var out []roster.Staff
	for i := range Callers + Registrars {
		s := roster.Staff{
			Ref: fmt.Sprintf("A%02d", i+1), Given: givenNames()[(i*7)%len(givenNames())], Family: staffNames()[i],
			Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French},
		}
		switch {
		case i >= Callers:
			s.Ref, s.Roles = fmt.Sprintf("I%02d", i-Callers+1), []roster.Role{roster.RoleRegistrar}
		case i >= Callers-2:
			s.Languages = append(s.Languages, roster.German)
		case i >= Callers-4:
			s.Languages = append(s.Languages, roster.Dutch)
		}
		if i%5 == 0 {
			s.Skills = []string{"deuil"}
		}
		out = append(out, s)
	}
	return out
}

// rhythm is a share of the people and how many of them are due on the day.
type rhythm struct {
	people, due int
	cadence     roster.Cadence
	perWeek     int
}

// rhythms adds up to Beneficiaries and DueOnDay: 133 of 241 are 55 %, 70 are 29 %.
func rhythms() []rhythm {
	return []rhythm{
		{people: 133, due: 22, cadence: roster.Weekly, perWeek: 1},
		{people: 42, due: 9, cadence: roster.Weekly, perWeek: 2},
		{people: 28, due: 7, cadence: roster.Weekly, perWeek: 3},
		{people: 6, due: 6, cadence: roster.Daily},
		{people: 20, due: 2, cadence: roster.Fortnightly},
		{people: 12, due: 0, cadence: roster.Monthly},
	}
}

func (d *drawer) beneficiaries(start time.Time, due int) []roster.Beneficiary {
	people := make([]roster.Beneficiary, 0, Beneficiaries)
	more := due - DueOnDay
	for _, r := range rhythms() {
		if r.cadence == roster.Weekly && more > 0 {
			added := min(more, r.people-r.due)
			r.due += added
			more -= added
		}
		for i := range r.people {
			b := d.person(len(people))
			b.Agreement.Cadence, b.Agreement.PerWeek = r.cadence, r.perWeek
			d.days(&b.Agreement, start, i < r.due)
			people = append(people, b)
		}
	}
	d.rand.Shuffle(len(people), func(i, j int) { people[i], people[j] = people[j], people[i] })
	d.households(people)
	for i := range people {
		people[i].Ref = fmt.Sprintf("B%03d", i+1)
	}
	return people
}

// days chooses the days of an agreement, with the day of the demonstration or without it.
func (d *drawer) days(a *roster.Agreement, start time.Time, due bool) {
	today := start.Weekday()
	var others []time.Weekday
	for day := time.Monday; day <= time.Friday; day++ {
		if day != today {
			others = append(others, day)
		}
	}
	d.rand.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	count := max(a.PerWeek, 1)
	a.Days = others[:count]
	if due {
		a.Days = append([]time.Weekday{today}, others[:count-1]...)
	}
	if a.Cadence == roster.Daily {
		a.Days = nil
	}
	if a.Cadence == roster.Fortnightly {
		// Fortnights are counted from the week of the agreement's first day: this week or the last one.
		a.ValidFrom = midnight(start).AddDate(0, 0, -14*(1+d.rand.IntN(3)))
		if !due {
			a.ValidFrom = a.ValidFrom.AddDate(0, 0, -7)
		}
	}
	slices.SortFunc(a.Days, func(x, y time.Weekday) int { return int(x) - int(y) })
}

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// person draws somebody without a ref and without a rhythm. i spreads the people over the pairs.
func (d *drawer) person(i int) roster.Beneficiary {
	b := roster.Beneficiary{
		Given: pick(d, givenNames()), Family: pick(d, familyNames()), Numbers: []roster.Number{d.number()},
		Language: roster.French, Class: d.class(), Purpose: roster.PurposeCallingScheme,
		Consent: roster.Consent{
			State: roster.ConsentGiven, On: time.Date(2026, time.April, 1+d.rand.IntN(28), 0, 0, 0, 0, time.UTC), How: "lettre",
		},
		Source: roster.SourceSelf,
	}
	if d.chance(18) {
		b.Numbers = append(b.Numbers, d.mobile())
	}
	pair := i % (Callers/2 - 2)
	switch n := d.rand.IntN(100); {
	case n < 6:
		b.Language, pair = roster.Dutch, Callers/2-2
	case n < 10:
		b.Language, pair = roster.German, Callers/2-1
	case n < 24:
		pair = Callers/2 - 1 - d.rand.IntN(2)
	}
	first, second := 2*pair+1, 2*pair+2
	if d.chance(50) {
		first, second = second, first
	}
	b.Reference, b.Deputy = fmt.Sprintf("A%02d", first), fmt.Sprintf("A%02d", second)
	if d.chance(30) {
		b.Source = pick(d, []roster.Source{
			roster.SourceFamily, roster.SourceFamily, roster.SourceNeighbour, roster.SourcePharmacist, roster.SourceNurse,
			roster.SourceShop, roster.SourceService,
		})
		if d.chance(40) { // Somebody else spoke for them: asked at the first call.
			b.Consent = roster.Consent{State: roster.ConsentProposed}
		}
	}
	b.Agreement = roster.Agreement{
		Windows: d.windows(), Length: time.Duration(pick(d, []int{15, 20, 20, 20, 30, 45})) * time.Minute,
		ValidFrom: time.Date(2026, time.April, 1, 0, 0, 0, 0, time.UTC), Continuity: roster.Preferred,
		CallerRing: callerRingTime, Ring: ringTime,
	}
	if d.chance(6) {
		b.Agreement.Continuity = roster.Rotate
	}
	return b
}

func (d *drawer) class() int {
	switch n := d.rand.IntN(100); {
	case n < 35:
		return 0
	case n < 70:
		return 1
	case n < 90:
		return 2
	default:
		return 3
	}
}

// windows draws when somebody may be called: care in the morning, a walk in the afternoon.
func (d *drawer) windows() []roster.Window {
	w := func(begin, end roster.Clock) []roster.Window { return []roster.Window{{Begin: begin, End: end}} }
	switch n := d.rand.IntN(100); {
	case n < 34:
		return w(opens, 12*60)
	case n < 50:
		return w(10*60, 11*60+30)
	case n < 70:
		return w(14*60, closes)
	case n < 80:
		return w(13*60+30, 15*60+30)
	case n < 88:
		return w(11*60, 13*60)
	case n < 94:
		return append(w(opens, 11*60), w(15*60, closes)...)
	default:
		return w(opens, closes)
	}
}

// households makes nine couples and neighbours share a telephone.
func (d *drawer) households(people []roster.Beneficiary) {
	for i := range 9 {
		one, two := &people[26*i], &people[26*i+1]
		two.Numbers = append([]roster.Number{one.Numbers[0]}, two.Numbers[1:]...)
		if i%3 != 2 {
			two.Family = one.Family
		}
	}
}

func givenNames() []string {
	return []string{
		"Marie", "Jeanne", "Andrée", "Simone", "Yvette", "Ginette", "Lucienne", "Odette", "Paulette", "Denise", "Colette",
		"Monique", "Jacqueline", "Thérèse", "Huguette", "Renée", "Suzanne", "Madeleine", "Léa", "Rosa", "Marcel", "André",
		"Roger", "Robert", "René", "Henri", "Albert", "Émile", "Lucien", "Georges", "Joseph", "Fernand", "Gaston", "Raymond",
	}
}

func familyNames() []string {
	return []string{
		"Lambert", "Dupont", "Martin", "Dubois", "Simon", "Laurent", "Lefèvre", "Leroy", "Mercier", "Gérard", "Renard",
		"Petit", "Lemaire", "Denis", "Fontaine", "Noël", "Jacques", "Marchal", "Collin", "Bastin", "Lejeune", "Evrard",
		"Gilles", "Georges", "Charlier", "Delvaux", "Toussaint", "Massart", "Thiry", "Wauters", "Claes", "Willems",
		"Schmitz", "Müller", "Piron", "Hubert", "Henry", "Poncelet", "Servais", "Collard",
	}
}

func staffNames() []string {
	return []string{
		"Arnould", "Baudoux", "Cornet", "Delhaye", "Etienne", "Fauville", "Goffin", "Hanot", "Indekeu", "Jansen", "Kessler",
		"Lorenz", "Moreau", "Nizet",
	}
}
