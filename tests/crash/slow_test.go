package crash

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

// slowPBX: a real PBX whose answers come most of a second late is given fewer calls at once, and everybody is called all the same, once.
func slowPBX(t *testing.T, _ string) {
	var way *relay
	street := house.Build(t, house.Options{Configure: func(c *app.Config) {
		to := hostOf(t, c.Asterisk.ARI)
		way = newRelay(t, to)
		c.Asterisk.ARI = strings.Replace(c.Asterisk.ARI, to, way.address(), 1)
	}})
	rate := func() float64 {
		found := regexp.MustCompile(`(?m)^rappel_dispatch_admission_rate\S* (\S+)$`).FindStringSubmatch(street.Metrics(t))
		require.NotNil(t, found)
		r, err := strconv.ParseFloat(found[1], 64)
		require.NoError(t, err)
		return r
	}
	before := rate()
	require.InDelta(t, street.Config.Asterisk.StartsPerSecond, before, 0)
	plan := house.Plan{NotReady: true}
	for i := range 6 {
		plan.Callers = append(plan.Callers, house.CallerPlan{})
		plan.People = append(plan.People, house.PersonPlan{
			Does: phone.Answers(200*time.Millisecond, house.PersonTone).HangsUpAfter(5 * time.Second), Reference: i + 1, Continuity: roster.Strict,
		})
	}
	h := street.Move(t, plan)
	for _, c := range h.Callers[:3] {
		h.Ready(c)
		h.Take(c)
	}
	way.delay(700 * time.Millisecond)
	for _, c := range h.Callers[3:] { // One slow answer is bad luck.
		h.Ready(c)
		h.Take(c)
	}
	house.Await(t, time.Minute, "the PBX to be given less", func(context.Context) bool { return rate() <= before/2 })
	way.delay(0)
	for _, p := range h.People {
		require.Equal(t, call.ResultAnswered, h.AwaitEnd(p).Result)
		require.Len(t, h.Rang(p.Number), 1)
	}
	require.Zero(t, h.Trunk.Ledger().Summary().SilentCalls)
}
