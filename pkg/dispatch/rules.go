package dispatch

import (
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// RulesOf gives the rules by which the calls of a scheme are dated. Seed and Pauses are left to the agreement at hand.
func RulesOf(s *Scheme, calendar *schedule.Calendar) schedule.Rules {
	return schedule.Rules{
		Zone: s.Zone, Opens: s.Opens, Closes: s.Closes, Calendar: calendar, Closures: s.Closures,
	}
}

// Following is the scheduled occurrence of a slot, made from an earlier occurrence of the same agreement. Its ID is 0.
func Following(o *Occurrence, slot schedule.Slot) Occurrence {
	next := *o
	next.ID = 0
	next.Kind = call.KindScheduled
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
