package natsbus_test

import (
	"encoding/json"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
)

// goldenEvents holds one event of each kind, as Postgres commits them.
func goldenEvents() []call.Event {
	at := time.Date(2026, 3, 2, 8, 30, 0, 250_000_000, time.UTC)
	event := func(entity, kind string, data any) call.Event {
		return call.Event{
			Scheme: scheme, SchemeKey: 7, Entity: entity,
			EntityID: "0198a2f0-2222-7000-8000-000000000002", EntityNumber: 2, Number: 41, Epoch: 3, At: at, Version: 1,
			Kind: kind, Data: data,
		}
	}
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	const caller = "0198a2f0-3333-7000-8000-000000000003"
	return []call.Event{
		event("attempt", "claimed", raw(`{"occurrence":"0198a2f0-4444-7000-8000-000000000004","caller":"`+caller+`","offer":1,"call_kind":"scheduled"}`)),
		event("attempt", "offer", raw(`{"caller":"`+caller+`","offer":2}`)),
		event("attempt", "offer_ended", raw(`{"caller":"`+caller+`","offer":1,"state":"timed_out"}`)),
		event("attempt", "offered", raw(`{"offer":1}`)),
		event("attempt", "accepted", raw(`{"offer":1}`)),
		event("attempt", "ringing", raw(`{"offer":1}`)),
		event("attempt", "bridged", raw(`{"offer":1}`)),
		event("attempt", "ended", raw(`{"result":"answered","fault":"none","cause":16,"talk_ms":249000,"rang":true,"caller":"`+caller+`"}`)),
		event("attempt", "answered", raw(`{"n":1,"answer":"well"}`)),
		event("attempt", "closed", raw(`{"disposition":"courtesy","follow_up":false,"day_later":false}`)),
		event("caller", "state", raw(`{"state":"break","reason":"lunch"}`)),
		event("occurrence", "booked", raw(`{"call_kind":"scheduled","opens":"2026-03-09T08:30:00Z","closes":"2026-03-09T11:00:00Z","date":"2026-03-09","length_ms":1200000}`)),
		event("occurrence", "reached", raw(`{"attempts":1,"deferred":0,"rang":true}`)),
		event("occurrence", "unreached", raw(`{"attempts":3,"deferred":1,"rang":true}`)),
		event("occurrence", "missed", raw(`{"attempts":0,"deferred":2,"rang":false}`)),
		event("occurrence", "welfare", raw(`{"step":1,"ended":"unreached"}`)),
		event("occurrence", "cancelled", raw(`{"attempts":0,"deferred":0,"rang":false}`)),
		event("occurrence", "moved", raw(`{"attempts":0,"deferred":0,"rang":false}`)),
		event("message", "left", raw(`{"language":"fr","length_ms":12000}`)),
		event("message", "handled", raw(`{}`)),
		event("inbound", "queued", raw(`{"language":"fr"}`)),
		event("inbound", "answered", raw(`{"language":"fr","caller":"`+caller+`","wait_ms":18000}`)),
		event("inbound", "left", raw(`{"language":"fr","reason":"abandoned","wait_ms":61000}`)),
		event("inbound", "ended", raw(`{"language":"fr","caller":"`+caller+`","talk_ms":249000}`)),
		event("absence", "announced", raw(`{"first":"2026-12-24","last":"2026-12-31"}`)),
		event("absence", "ended", raw(`{"first":"2026-12-24","last":"2026-12-28"}`)),
		event("appointment", "asked", raw(`{"change":"move"}`)),
		event("appointment", "changed", raw(`{"change":"move","pending":true}`)),
		event("appointment", "confirmed", raw(`{"change":"confirm"}`)),
		event("appointment", "lapsed", raw(`{"change":"skip","pending":true}`)),
		event("appointment", "refused", raw(`{"change":"away","pending":true}`)),
		event("hours_exception", "made", raw(`{"first":"2026-12-24","last":"2026-12-24","closed":true}`)),
		event("hours_exception", "revoked", raw(`{}`)),
		event("scheme", "lead", raw(`{"epoch":4}`)),
		event("scheme", "planned", raw(`{"booked":46}`)),
		event("scheme", "changed", raw(`{}`)),
		event("scheme", "questions", raw(`{"questions":38}`)),
		event("scheme", "restored", raw(`{"from":38,"to":40}`)),
		event("scheme", "roster", raw(`{"staff":12,"beneficiaries":241,"cancelled":0}`)),
	}
}
