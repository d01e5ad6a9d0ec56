package natsbus_test

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
)

// goldenEvents holds one event of each kind, as Postgres commits them.
func goldenEvents() []call.Event {
	at := time.Date(2026, 3, 2, 8, 30, 0, 250_000_000, time.UTC)
	event := func(entity, kind string, data any) call.Event {
		return call.Event{
			ID: "0198a2f0-1111-7000-8000-000000000001", Scheme: scheme, SchemeKey: 7, Entity: entity,
			EntityID: "0198a2f0-2222-7000-8000-000000000002", EntityNumber: 2, Number: 41, Epoch: 3, At: at, Version: 1,
			Kind: kind, Data: data,
		}
	}
	return []call.Event{
		event("attempt", "claimed", nil),
		event("attempt", "offered", nil),
		event("attempt", "accepted", nil),
		event("attempt", "ringing", nil),
		event("attempt", "bridged", nil),
		event("attempt", "ended", nil),
		event("caller", "state", nil),
		event("occurrence", "settled", nil),
	}
}
