package postgres_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// TestPartiesInTheQueueAreWrittenDownOnce: whatever is applied twice, and whoever leads next, each step of a party is one event.
func TestPartiesInTheQueueAreWrittenDownOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	scheme := f.AddScheme(dispatch.Scheme{Name: "Queue", Zone: time.UTC, Country: "BE", Lines: 5, CallsPerSecond: 1})
	rosa := f.AddCaller(scheme, dispatch.Caller{
		Roles: []roster.Role{roster.RoleRegistrar}, Enabled: true, State: "ready", Since: today,
	})
	epoch, err := f.Lead(t.Context(), scheme, "one", today)
	require.NoError(t, err)
	party := func() string { return uuid.Must(uuid.NewV7()).String() }
	talked, gone, waits := party(), party(), party()
	step := func(who string, kind dispatch.InboundKind, after time.Duration) dispatch.InboundStep {
		s := dispatch.InboundStep{Party: who, Kind: kind, At: today.Add(after)}
		switch kind {
		case dispatch.InboundQueued:
			s.Language = roster.Dutch
		case dispatch.InboundLeft:
			s.Reason = dispatch.InboundAbandoned
		default:
			s.Registrar = rosa
		}
		return s
	}
	for range 2 {
		errs, err := f.Apply(t.Context(), scheme, epoch, today, []dispatch.Op{
			step(talked, dispatch.InboundQueued, 0), step(gone, dispatch.InboundQueued, 0), step(waits, dispatch.InboundQueued, 0),
			step(talked, dispatch.InboundAnswered, 18*time.Second), step(gone, dispatch.InboundLeft, 30*time.Second),
			step(talked, dispatch.InboundEnded, time.Minute),
		})
		require.NoError(t, err)
		require.Equal(t, make([]error, 6), errs)
	}
	next, err := f.Lead(t.Context(), scheme, "two", today.Add(2*time.Minute))
	require.NoError(t, err)
	_, err = f.Apply(t.Context(), scheme, epoch, today, []dispatch.Op{step(waits, dispatch.InboundAnswered, 0)})
	require.ErrorIs(t, err, dispatch.ErrFenced)
	errs, err := f.Apply(t.Context(), scheme, next, today, []dispatch.Op{step(party(), dispatch.InboundLeft, 0)})
	require.NoError(t, err)
	require.ErrorIs(t, errs[0], dispatch.ErrStale, "nobody who was never there")

	events, err := f.Events(t.Context(), scheme, 1, 100)
	require.NoError(t, err)
	var told []string
	for _, e := range events {
		if e.Entity == "inbound" {
			require.JSONEq(t, `"nl"`, language(t, e.Data))
			told = append(told, e.Kind)
		}
	}
	require.Equal(t, []string{"queued", "queued", "queued", "answered", "left", "ended", "left"}, told)

	// Whoever leads again finds who talks; for anybody else the talk is over.
	talks := party()
	begun := step(talks, dispatch.InboundQueued, 0)
	begun.Key = "1764061500.7"
	_, err = f.Apply(t.Context(), scheme, next, today, []dispatch.Op{begun, step(talks, dispatch.InboundAnswered, time.Minute)})
	require.NoError(t, err)
	found := func(holder string) []dispatch.Talk {
		_, err := f.Lead(t.Context(), scheme, holder, today.Add(3*time.Minute))
		require.NoError(t, err)
		snap, err := f.Load(t.Context(), scheme, today, today)
		require.NoError(t, err)
		return snap.Talks
	}
	require.Equal(t, []dispatch.Talk{{
		Party: dispatch.Party{Key: begun.Key, ID: talks, Language: roster.Dutch}, Registrar: rosa, Queued: today, Answered: today.Add(time.Minute),
	}}, found("two"))
	require.Empty(t, found("one"))
	require.EqualValues(t, 1, f.one(`SELECT count(*) FROM inbound_party WHERE party_id = $1::uuid AND ended_at IS NOT NULL`, talks))
}

// language is that of an event, as JSON.
func language(t *testing.T, data any) string {
	t.Helper()
	raw, ok := data.(json.RawMessage)
	require.True(t, ok)
	var of struct{ Language json.RawMessage }
	require.NoError(t, json.Unmarshal(raw, &of))
	return string(of.Language)
}

// TestACallbackOfTheLineIsKept: a number without a person is called back as well, once, and a restart finds the promise.
func TestACallbackOfTheLineIsKept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	scheme := f.AddScheme(dispatch.Scheme{
		Name: "Back", Zone: time.UTC, Country: "BE", Lines: 5, CallsPerSecond: 1, Opens: 9 * 60, Closes: 17 * 60,
	})
	rosa := f.AddCaller(scheme, dispatch.Caller{
		Roles: []roster.Role{roster.RoleRegistrar}, Enabled: true, State: "ready", Since: today,
	})
	lea := f.AddOccurrence(scheme, dispatch.Occurrence{
		Kind: call.KindScheduled, Opens: today, Closes: today.Add(time.Hour), Length: time.Minute,
		LocalDate: today.Truncate(24 * time.Hour), Numbers: []string{"+3281000001"}, Terms: roster.Agreement{Cadence: roster.Daily},
	})
	epoch, err := f.Lead(t.Context(), scheme, "one", today)
	require.NoError(t, err)
	asked := today.Add(-2 * time.Minute)
	want := postgres.LineCallback{Number: "+3281000077", Language: roster.Dutch, Asked: asked}
	o, booked, err := f.PromiseCallback(t.Context(), scheme, want, today)
	require.NoError(t, err)
	require.True(t, booked)
	again, booked, err := f.PromiseCallback(t.Context(), scheme, want, today.Add(time.Minute))
	require.NoError(t, err)
	require.False(t, booked, "a number that is owed a call is owed no other")
	events, err := f.Events(t.Context(), scheme, 1, 1000)
	require.NoError(t, err)
	changed := slices.DeleteFunc(events, func(e call.Event) bool { return e.Entity != "scheme" || e.Kind != "changed" })
	require.Len(t, changed, 1, "whoever leads the scheme elsewhere is told once")
	require.Equal(t, o.ID, again.ID)
	known, booked, err := f.PromiseCallback(t.Context(), scheme, postgres.LineCallback{
		Number: "+3281000001", Language: roster.French, Asked: asked,
	}, today)
	require.NoError(t, err)
	require.True(t, booked)
	require.Equal(t, f.Occurrence(lea).Beneficiary, known.Beneficiary, "the person who is reached there")

	snap, err := f.Load(t.Context(), scheme, today, today.Add(36*time.Hour))
	require.NoError(t, err)
	found := map[int64]dispatch.Occurrence{}
	for _, o := range snap.Occurrences {
		found[o.ID] = o
	}
	require.True(t, found[o.ID].Opens.Equal(asked))
	require.Equal(t, []string{"+3281000077"}, found[o.ID].Numbers)
	require.Equal(t, roster.Dutch, found[o.ID].Language)
	require.True(t, found[o.ID].Queued && found[known.ID].Queued && !found[lea].Queued)

	// It is called like any other, and nothing follows it.
	id := call.NewID()
	order := call.Order{Scheme: scheme, Attempt: id, Offer: 1, Kind: call.KindCallback, Caller: rosa, Number: "+3281000077", DialBy: today}
	out := call.Outcome{Scheme: scheme, Attempt: id, Offer: 1, OfferState: call.OfferAccepted, Result: call.ResultAnswered, At: today, Rang: true}
	errs, err := f.Apply(t.Context(), scheme, epoch, today, []dispatch.Op{
		dispatch.Claim{Occurrence: o.ID, Order: order, At: today},
		dispatch.Finish{Outcome: out, Settlement: dispatch.SettlementOf(&o, out, dispatch.Terms{})},
		dispatch.CloseCall{Attempt: id, Caller: rosa, DayLater: true, At: today},
	})
	require.NoError(t, err)
	require.Equal(t, make([]error, 3), errs)
	require.Equal(t, call.OccurrenceReached, f.Occurrence(o.ID).State)
}

// TestATrunkIsShared: a scheme calls through another's trunk too, after its own, with a number that is permitted there.
func TestATrunkIsShared(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	town := func(name, cli string) int64 {
		return f.AddScheme(dispatch.Scheme{
			Name: name, Zone: time.UTC, Country: "BE", Trunk: "t-" + name, Lines: 5, CallsPerSecond: 2, CLI: map[call.Kind]string{"": cli},
		})
	}
	namur, jambes := town("namur", "+3281000001"), town("jambes", "+3281000002")
	snap, err := f.Load(t.Context(), namur, today, today)
	require.NoError(t, err)
	require.Len(t, snap.Scheme.Trunks, 1)
	theirs := snap.Scheme.Trunks[0].Endpoint
	require.ErrorIs(t, f.ShareTrunk(t.Context(), jambes, theirs, "+3281000002", today), postgres.ErrNotShared, "not permitted there")
	require.ErrorIs(t, f.ShareTrunk(t.Context(), namur, theirs, "+3281000001", today), postgres.ErrNotShared, "its own")
	require.NoError(t, f.ShareTrunk(t.Context(), jambes, theirs, "+3281000001", today))
	snap, err = f.Load(t.Context(), jambes, today, today)
	require.NoError(t, err)
	require.Len(t, snap.Scheme.Trunks, 2)
	require.Equal(t, snap.Scheme.Trunk, snap.Scheme.Trunks[0].Endpoint, "its own first")
	require.Equal(t, dispatch.Trunk{
		Endpoint: theirs, Lines: 5, InboundReserve: snap.Scheme.Trunks[1].InboundReserve, CallsPerSecond: 2,
		CLI: map[call.Kind]string{"": "+3281000001"}, Nodes: []string{},
	}, snap.Scheme.Trunks[1])

	// It may be at the PBXs of some nodes only, of those that there are.
	require.NoError(t, f.CheckIn(t.Context(), "north"))
	require.NoError(t, f.CheckIn(t.Context(), "north"))
	nodes, err := f.Nodes(t.Context())
	require.NoError(t, err)
	at := slices.IndexFunc(nodes, func(n postgres.Node) bool { return n.Name == "north" })
	require.True(t, nodes[at].Here())
	require.Zero(t, nodes[at].Leads)
	trunk, err := f.Trunk(t.Context(), namur, theirs)
	require.NoError(t, err)
	require.True(t, trunk.At("north") && trunk.At("south"))
	trunk.Nodes = []string{"north"}
	require.True(t, trunk.At("north") && !trunk.At("south"))
	require.NoError(t, f.SaveTrunk(t.Context(), namur, trunk))
	for _, scheme := range []int64{namur, jambes} {
		snap, err = f.Load(t.Context(), scheme, today, today)
		require.NoError(t, err)
		require.Equal(t, []string{"north"}, snap.Scheme.Trunks[len(snap.Scheme.Trunks)-1].Nodes)
	}
	require.NoError(t, f.ShareTrunk(t.Context(), jambes, theirs, "", today))
	require.ErrorIs(t, f.ShareTrunk(t.Context(), jambes, theirs, "", today), postgres.ErrNotShared)
}
