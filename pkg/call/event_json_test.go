package call_test

import (
	"encoding/json"
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
			ID: word.Draw(t, "id"), Scheme: word.Draw(t, "scheme"), SchemeKey: 1, Entity: word.Draw(t, "entity"), EntityID: word.Draw(t, "of"),
			EntityNumber: rapid.Int64().Draw(t, "nth"), Number: rapid.Int64().Draw(t, "number"), Epoch: rapid.Int64().Draw(t, "epoch"),
			At:      time.Unix(rapid.Int64Range(-62_000_000_000, 250_000_000_000).Draw(t, "at"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC(),
			Version: rapid.IntRange(0, 9).Draw(t, "version"), Kind: word.Draw(t, "kind"), Data: data.Draw(t, "data"),
		}
		want, err := json.Marshal(e)
		require.Equal(t, err == nil, e.At.Year() >= 0 && e.At.Year() <= 9999)
		got, appendErr := e.AppendJSON([]byte("x"))
		require.Equal(t, err == nil, appendErr == nil)
		require.Equal(t, "x"+string(want), string(got))
	})
}
