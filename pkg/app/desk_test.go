package app

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/dispatch/dispatchtest"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// person is the only beneficiary whose name the records know.
type person struct {
	scheme, key int64
	err         error
}

func (p *person) FirstName(_ context.Context, scheme, beneficiary int64) (string, error) {
	if p.err != nil || scheme != p.scheme || beneficiary != p.key {
		return "", errors.Join(p.err, callflow.ErrNothing)
	}
	return "Rose", nil
}

func (p *person) PendingChange(context.Context, int64, int64) (callflow.Change, error) {
	return callflow.Change{Kind: callflow.ChangeSkip}, p.err
}

func TestACallerByTelephone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The bubble's clock starts at midnight UTC on 1 January 2000, a Saturday: this is Tuesday, ten o'clock.
		time.Sleep(82 * time.Hour)
		day := time.Now().UTC().Truncate(24 * time.Hour)
		store, board := dispatchtest.NewMemory(), &dispatchtest.Switchboard{}
		scheme := store.AddScheme(dispatch.Scheme{
			Zone: time.UTC, Trunk: "trunk", Lines: 10, InboundReserve: 2, WrapUp: time.Minute,
		})
		anna := store.AddCaller(scheme, dispatch.Caller{
			Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, Enabled: true,
			Endpoint: "anna", State: call.CallerBreak, Since: time.Now(),
		})
		id := store.AddOccurrence(scheme, dispatch.Occurrence{
			Kind: call.KindScheduled, Opens: day.Add(570 * time.Minute), Closes: day.Add(17 * time.Hour), LocalDate: day,
			Length: 20 * time.Minute, Language: roster.French, Continuity: roster.Preferred, Numbers: []string{"+3281000001"},
			Terms: roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{time.Tuesday}}, Reference: anna,
		})
		d, err := dispatch.New(dispatch.Options{Store: store, Switchboard: board, Logger: zap.NewNop(), Now: time.Now, Gather: -1})
		require.NoError(t, err)
		defer d.Close()
		require.NoError(t, d.Lead(t.Context(), scheme))
		rose := &person{scheme: scheme, key: store.Occurrence(id).Beneficiary}
		warnings, logged := observer.New(zap.WarnLevel)
		c := callers{Dispatcher: d, people: rose, witness: &witness{now: time.Now}, log: zap.New(warnings)}

		next, err := c.Next(t.Context(), scheme, anna)
		require.NoError(t, err)
		require.Equal(t, "Rose", next.Name)
		require.True(t, next.Reference)
		require.Equal(t, callflow.ChangeSkip, next.Asked, "she asks the person about it")
		rose.err = dispatch.ErrStoreDown
		next, err = c.Next(t.Context(), scheme, anna)
		require.NoError(t, err, "she hears the rest")
		require.Empty(t, next.Name)
		require.Equal(t, 2, logged.Len())
		_, err = c.Next(t.Context(), scheme, anna+1000)
		require.ErrorIs(t, err, callflow.ErrUnknownCaller)

		// She takes the call and says by keypad that the next one had better be a day later.
		require.NoError(t, c.SetState(t.Context(), scheme, anna, call.CallerReady, callflow.KnownByNumber))
		synctest.Wait()
		order := board.Started()[0]
		for _, s := range []call.State{call.StateOffered, call.StateAccepted, call.StateRinging, call.StateBridged} {
			d.Step(call.Step{Scheme: scheme, Attempt: order.Attempt, Offer: 1, State: s, At: time.Now()})
		}
		d.Ended(call.Outcome{
			Scheme: scheme, Attempt: order.Attempt, Offer: 1, OfferState: call.OfferAccepted, Result: call.ResultAnswered,
			Fault: call.FaultNone, Rang: true, At: time.Now(),
		})
		require.NoError(t, c.CloseCall(t.Context(), callflow.Closing{
			Scheme: scheme, Attempt: order.Attempt, Caller: anna, DayLater: true, At: time.Now(),
		}))
		synctest.Wait()
		var open []string
		for _, o := range store.Occurrences(scheme) {
			if o.State == call.OccurrenceOpen {
				open = append(open, o.Opens.UTC().Format("Mon 2006-01-02 15:04"))
			}
		}
		require.Equal(t, []string{"Wed 2000-01-12 09:30"}, open)
	})
}
