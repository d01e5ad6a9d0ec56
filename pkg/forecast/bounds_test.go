package forecast

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// TestASimulatedDayKeepsTheBoundsOfARealOne holds every order of a simulated day against what a dispatcher never does. Shifts are
// the simulation's own: nobody is rung before hers begins or after it has ended.
func TestASimulatedDayKeepsTheBoundsOfARealOne(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		day := town(rapid.IntRange(1, 60).Draw(rt, "promises"), rapid.IntRange(1, 6).Draw(rt, "callers"), rapid.Uint64().Draw(rt, "town"))
		for i := range day.Promises {
			p := &day.Promises[i]
			p.Beneficiary = int64(i/2 + 1) // Two promises for one person,
			p.Numbers = []string{fmt.Sprint(i / 3), fmt.Sprint(1000 + i)}
			if i%7 == 0 {
				p.Skills = []string{"dementia"}
			}
		}
		for i := range day.Callers {
			if i%2 == 0 {
				day.Callers[i].Skills = []string{"dementia"}
			}
		}
		s, err := newStage(day, newModel(&day.History), nil)
		require.NoError(rt, err)
		s.seen = func(p *play, i int32, o *call.Order) {
			person, c := &s.day.Promises[i], &s.callers[p.caller[o.Caller]]
			require.False(rt, p.now.Before(person.Opens) || !p.now.Before(person.Closes), "%s outside its window", person.Ref)
			require.Contains(rt, person.Numbers, o.Number)
			require.Contains(rt, c.Languages, person.Language)
			for _, skill := range person.Skills {
				require.Contains(rt, c.Skills, skill)
			}
			if person.Continuity == roster.Strict {
				require.Contains(rt, []int64{person.Reference, person.Deputy}, o.Caller)
			}
			require.True(rt, slices.ContainsFunc(c.Shifts, func(x Shift) bool { return !p.now.Before(x.Begins) && !p.now.After(x.Ends) }),
				"%s is rung at %s", c.Ref, p.now.Format(time.TimeOnly))
			for slot := range p.calls {
				r := &p.calls[slot]
				if slices.Contains(p.spare, int32(slot)) {
					continue
				}
				require.NotEqual(rt, r.order.Number, o.Number, "a number is rung twice at once")
				require.NotEqual(rt, s.day.Promises[r.promise].Beneficiary, person.Beneficiary, "a person is rung twice at once")
				require.NotEqual(rt, r.order.Caller, o.Caller, "a caller is rung twice at once")
			}
		}
		_, err = s.playOnce(t.Context(), chance(rapid.Uint64().Draw(rt, "seed")))
		require.NoError(rt, err)
	})
}
