package dispatch

import (
	"cmp"
	"slices"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// RulesOf gives the rules by which the calls of a scheme are dated. What concerns one person is left to the agreement at
// hand: Occurrence.Rules.
func RulesOf(s *Scheme, calendar *schedule.Calendar) schedule.Rules {
	r := schedule.Rules{Zone: s.Zone, Hours: s.Hours, Calendar: calendar, Exceptions: s.Exceptions}
	if r.Hours == nil && (s.Opens != 0 || s.Closes != 0) {
		r.Hours = schedule.Workdays(s.Opens, s.Closes)
	}
	return r
}

// Calendar computes the public holidays on which the scheme does not call. The error is schedule.ErrUnknownCountry.
func (s *Scheme) Calendar() (*schedule.Calendar, error) {
	if s.Region != "" {
		return schedule.NewCalendar(s.Region)
	}
	return schedule.NewCalendar(s.Country)
}

// Rules narrows a scheme's rules to the person and the agreement of an occurrence.
func (o *Occurrence) Rules(of schedule.Rules) schedule.Rules {
	of.Seed, of.PersonZone, of.Pauses = o.Agreement, o.PersonZone, PausesFor(o.Agreed, o.Pauses)
	return of
}

// PausesFor are a person's pauses as they bear on an agreement about calls of a kind: nobody but a caller welcomes her back, and
// only a caller's call is skipped.
func PausesFor(agreed call.Kind, pauses []schedule.Pause) []schedule.Pause {
	if !agreed.Automatic() || len(pauses) == 0 {
		return pauses
	}
	plain := slices.DeleteFunc(slices.Clone(pauses), func(p schedule.Pause) bool { return p.Skip })
	for i := range plain {
		plain[i].WelcomeBack = false
	}
	return plain
}

// Following is the occurrence of a slot, of the kind that was agreed, or the welcome-back call of one, made from an earlier occurrence of the
// same agreement. Its ID is 0.
func Following(o *Occurrence, slot schedule.Slot) Occurrence {
	next := *o
	next.ID = 0
	next.Kind = cmp.Or(o.Agreed, call.KindScheduled)
	if slot.WelcomeBack {
		next.Kind = call.KindWelcomeBack
	}
	next.State = call.OccurrenceOpen
	next.Opens, next.Closes, next.NotBefore = slot.Opens, slot.Closes, slot.Opens
	next.LocalDate = slot.Date
	next.Deferred, next.Attempts, next.Rang = 0, 0, false
	next.Length = schedule.Length(o.Terms)
	if o.Terms.Continuity != "" {
		next.Continuity = o.Terms.Continuity
	}
	if next.Continuity == "" {
		next.Continuity = roster.Preferred
	}
	return next
}
