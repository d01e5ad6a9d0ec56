package call

import "time"

// Event is the envelope of one committed change, which scheme and number name. It holds ids only, never a name, a number or a note. It is written to the
// event table in the transaction of the change and published after the commit.
type Event struct {
	Scheme       string    `json:"scheme"`        // UUIDv7 of the scheme.
	SchemeKey    int64     `json:"-"`             // Key inside the database.
	Entity       string    `json:"entity"`        // "attempt", "occurrence", "caller", "message", …
	EntityID     string    `json:"entity_id"`     // UUIDv7 of the entity.
	EntityNumber int64     `json:"entity_number"` // Counts the entity's events from 1.
	Number       int64     `json:"number"`        // Counts the scheme's events from 1; a gap means lost events.
	Epoch        int64     `json:"epoch"`
	At           time.Time `json:"at"`
	Version      int       `json:"version"` // Of the payload; fields are only ever added.
	Kind         string    `json:"kind"`    // "claimed", "offered", "ringing", "bridged", "ended", "state", …
	Data         any       `json:"data,omitempty"`
}

// Talk is a party on the line who talked to a registrar when the service ended, for adoption after a restart.
type Talk struct {
	Scheme    int64
	Key       string // Of the party's call at the PBX.
	Registrar int64
}

// Live is an attempt that has not ended, as recorded, for adoption after a restart.
type Live struct {
	Order     Order // Of its last offer.
	State     State
	ClaimedAt time.Time
	BridgedAt time.Time
	Channel   string // The beneficiary's channel id, once known.
	Node      string // Whose PBX it runs on: the order's node, or else the one that led when it was claimed. Empty when that is not known.
	// Answers is how many answers she has given by keypad to a call without a caller, and Answer the last of them.
	Answers int
	Answer  string
	// Lost marks one of a time that the records have lost: it is followed only where it lives still.
	Lost bool
}
