package call_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
)

// TestEventAppendJSON holds AppendJSON against json.Marshal, for words and for anything else.
func TestEventAppendJSON(t *testing.T) {
	word := rapid.OneOf(rapid.StringMatching(`[a-z0-9_-]{0,36}`), rapid.String())
	data := rapid.OneOf(
		rapid.Just[any](nil), rapid.Just[any](json.RawMessage(nil)), rapid.Just[any](map[string]int{"offer": 1}),
		rapid.Map(rapid.MapOf(rapid.String(), rapid.Int64()), func(m map[string]int64) any {
			raw, err := json.Marshal(m)
			require.NoError(t, err)
			return json.RawMessage(raw)
		}),
	)
	rapid.Check(t, func(t *rapid.T) {
		e := call.Event{
			Scheme: word.Draw(t, "scheme"), SchemeKey: 1, Entity: word.Draw(t, "entity"), EntityID: word.Draw(t, "of"),
			EntityNumber: rapid.Int64().Draw(t, "nth"), Number: rapid.Int64().Draw(t, "number"), Epoch: rapid.Int64().Draw(t, "epoch"),
			At:      time.Unix(rapid.Int64Range(-62_000_000_000, 250_000_000_000).Draw(t, "at"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC(),
			Version: rapid.IntRange(0, 9).Draw(t, "version"), Kind: word.Draw(t, "kind"), Data: data.Draw(t, "data"),
		}
		want, err := json.Marshal(e)
		require.Equal(t, err == nil, e.At.Year() >= 0 && e.At.Year() <= 9999)
		got, appendErr := e.AppendJSON([]byte("x"))
		require.Equal(t, err == nil, appendErr == nil)
		require.Equal(t, "x"+string(want), string(got))
		requireCut(t, append(got[1:], `,{"scheme"`...), len(want))
	})
}

// wire is an event as json.Unmarshal reads it, with its payload as it was written.
type wire struct {
	call.Event
	Data json.RawMessage `json:"data"`
}

// requireCut holds CutJSON against json.Unmarshal: it reads the same or nothing.
func requireCut(t *rapid.T, text []byte, length int) {
	var cut call.Event
	rest, ok := cut.CutJSON(text)
	if !ok {
		return
	}
	require.Equal(t, string(text[length:]), string(rest))
	var whole wire
	require.NoError(t, json.Unmarshal(text[:length], &whole))
	whole.Event.Data = whole.Data
	require.Equal(t, whole.Event, cut)
}

// TestEventCutJSON reads what AppendJSON writes, and nothing that json.Unmarshal reads otherwise.
func TestEventCutJSON(t *testing.T) {
	e := call.Event{
		Scheme: "b", Entity: "attempt", EntityID: "c", EntityNumber: 2, Number: 41, Epoch: 3, Version: 1, Kind: "ended",
		At: time.Date(2026, 3, 2, 8, 30, 0, 250_000_000, time.UTC), Data: json.RawMessage(`{"a":"} \\\" {","b":{"c":1}}`),
	}
	text, err := e.AppendJSON(nil)
	require.NoError(t, err)
	var read call.Event
	rest, ok := read.CutJSON(append(text, "]"...))
	require.True(t, ok)
	require.Equal(t, "]", string(rest))
	require.Equal(t, e, read)
	rapid.Check(t, func(t *rapid.T) {
		changed := slices.Clone(text)
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			at := rapid.IntRange(0, len(changed)-1).Draw(t, "at")
			changed = slices.Replace(changed, at, at+rapid.IntRange(0, 1).Draw(t, "less"), rapid.SliceOfN(rapid.SampledFrom([]byte(`{}[]"\\,:0-19eTZ.a `)), 0, 2).Draw(t, "more")...)
			if len(changed) == 0 {
				return
			}
		}
		var cut call.Event
		if rest, ok := cut.CutJSON(changed); ok {
			requireCut(t, changed, len(changed)-len(rest))
		}
	})
}
