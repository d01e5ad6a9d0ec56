package app

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/dispatch/dispatchtest"
	"github.com/rappel-tel/rappel/pkg/natsbus"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// TestACallersCodesReachTheLeader: she dials at a PBX whose node leads nothing.
func TestACallersCodesReachTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := dispatchtest.NewMemory()
		scheme := store.AddScheme(dispatch.Scheme{Zone: time.UTC, Trunk: "trunk", Lines: 10, InboundReserve: 2})
		anna := store.AddCaller(scheme, dispatch.Caller{
			Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, Enabled: true,
			Endpoint: "anna", State: call.CallerBreak, Since: time.Now(),
		})
		node := func() callers {
			d, err := dispatch.New(dispatch.Options{
				Store: store, Switchboard: &dispatchtest.Switchboard{}, Logger: zap.NewNop(), Now: time.Now, Gather: -1,
			})
			require.NoError(t, err)
			t.Cleanup(d.Close)
			return callers{Dispatcher: d, people: &person{}, witness: &witness{now: time.Now}, log: zap.NewNop()}
		}
		leads, other := node(), node()
		require.NoError(t, leads.Lead(t.Context(), scheme))
		other.reach = &reach{ask: func(ctx context.Context, name string, question []byte) ([]byte, error) {
			if name != "leader.desk" {
				return nil, natsbus.ErrNobody
			}
			return hear(ctx, leads, question)
		}}
		ready := func() error {
			return other.SetState(t.Context(), scheme, anna, call.CallerReady, callflow.KnownByPhone)
		}
		require.ErrorIs(t, ready(), dispatch.ErrUnknownScheme, "nobody is known to lead")
		other.reach.know(map[int64]string{scheme: "gone"})
		require.ErrorIs(t, ready(), natsbus.ErrNobody)
		other.reach.know(map[int64]string{scheme: "leader"})
		require.NoError(t, ready())
		synctest.Wait()
		require.Equal(t, call.CallerReady, store.Caller(anna).State)

		_, err := other.Next(t.Context(), scheme, anna)
		require.ErrorIs(t, err, callflow.ErrNothing)
		require.ErrorIs(t, other.SetState(t.Context(), scheme, anna+1000, call.CallerReady, callflow.KnownByPhone), callflow.ErrUnknownCaller)
		store.AddOccurrence(scheme, dispatch.Occurrence{
			Kind: call.KindScheduled, Opens: time.Now().Add(time.Hour), Closes: time.Now().Add(5 * time.Hour), LocalDate: time.Now(),
			Length: 20 * time.Minute, Language: roster.French, Continuity: roster.Preferred, Numbers: []string{"+3281000001"}, Class: 2,
			Terms: roster.Agreement{Cadence: roster.Weekly, Days: []time.Weekday{time.Tuesday}}, Reference: anna,
		})
		leads.Changed(scheme)
		synctest.Wait()
		next, err := other.Next(t.Context(), scheme, anna)
		require.NoError(t, err)
		require.Equal(t, 2, next.Class)
		require.True(t, next.Reference)

		// Without others to reach she hears that nobody knows.
		leads.Resign(scheme)
		require.ErrorIs(t, ready(), dispatch.ErrUnknownScheme)
	})
}

// TestALineIsTakenAtTheLeader: somebody on the line is connected at a PBX whose node leads nothing. Its call counts where the
// scheme is led, and two nodes that name their channels alike do not mix them up.
func TestALineIsTakenAtTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := dispatchtest.NewMemory()
		scheme := store.AddScheme(dispatch.Scheme{Zone: time.UTC, Trunk: "trunk", Lines: 3, InboundReserve: 1})
		node := func() callers {
			d, err := dispatch.New(dispatch.Options{
				Store: store, Switchboard: &dispatchtest.Switchboard{}, Logger: zap.NewNop(), Now: time.Now, Gather: -1,
			})
			require.NoError(t, err)
			t.Cleanup(d.Close)
			return callers{Dispatcher: d, people: &person{}, witness: &witness{now: time.Now}, log: zap.NewNop()}
		}
		leads, east, west := node(), node(), node()
		require.NoError(t, leads.Lead(t.Context(), scheme))
		for name, other := range map[string]*callers{"east": &east, "west": &west} {
			other.reach = &reach{node: name, ask: func(ctx context.Context, _ string, question []byte) ([]byte, error) {
				return hear(ctx, leads, question)
			}}
			_, err := other.TakeLine(t.Context(), scheme, "1.2-t1")
			require.ErrorIs(t, err, dispatch.ErrUnknownScheme, "nobody is known to lead")
			other.reach.know(map[int64]string{scheme: "leader"})
			way, err := other.TakeLine(t.Context(), scheme, "1.2-t1")
			require.NoError(t, err, name)
			require.Equal(t, "trunk", way.Trunk)
		}
		_, err := east.TakeLine(t.Context(), scheme, "1.3-t1")
		require.ErrorIs(t, err, callflow.ErrNoLine, "the last line is for people who ring in")
		_, err = leads.TakeLine(t.Context(), scheme, "1.2-t1")
		require.ErrorIs(t, err, callflow.ErrNoLine)
		east.GiveLine(scheme, "1.2-t1")
		synctest.Wait()
		_, err = leads.TakeLine(t.Context(), scheme, "1.2-t1")
		require.NoError(t, err)

		// A node that was killed gives nothing back.
		time.Sleep(lineKept)
		synctest.Wait()
		_, err = east.TakeLine(t.Context(), scheme, "1.4-t1")
		require.NoError(t, err)
	})
}
