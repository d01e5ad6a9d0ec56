package call

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ErrBadLeg means that a channel id is not the id of one of our legs.
var ErrBadLeg = errors.New("not a leg id")

// ID names an attempt outside the database: a UUIDv7 (RFC 9562) written as 32 lower-case hexadecimal digits. It holds no
// dash, so that the text before the first dash of a leg id is always the id of its call. The zero value is no attempt.
type ID string

// NewID returns a fresh ID. It panics only when the operating system has no randomness left.
func NewID() ID {
	u := uuid.Must(uuid.NewV7())
	return ID(hex.EncodeToString(u[:]))
}

// ParseID reads an ID in either UUID notation.
func ParseID(s string) (ID, error) {
	u, err := uuid.Parse(s)
	if err != nil {
		return "", fmt.Errorf("parse attempt id: %w", err)
	}
	return ID(hex.EncodeToString(u[:])), nil
}

// CallerLeg is the channel id of the nth offer's leg (n counts from 1). It is posted to the PBX at most once.
func (id ID) CallerLeg(n int) string { return string(id) + "-c" + strconv.Itoa(n) }

// BeneficiaryLeg names the beneficiary's leg. The PBX chooses that channel's own id; this name travels with the channel
// as its account code.
func (id ID) BeneficiaryLeg() string { return string(id) + "-b" }

// AnnounceLeg is the channel id of what has the beneficiary's phone dialled when there is no caller; the PBX appends a
// figure for its other half. It is posted to the PBX at most once.
func (id ID) AnnounceLeg() string { return string(id) + "-a" }

// Of returns the key of the call to which a channel id or an account code belongs: what stands before the first dash.
func Of(channel string) string {
	key, _, _ := strings.Cut(channel, "-")
	return key
}

// Side tells the two people of a call apart.
type Side string

// The sides of a call.
const (
	SideCaller      Side = "caller"
	SideBeneficiary Side = "beneficiary"
)

// ParseLeg splits a leg id made by CallerLeg or BeneficiaryLeg. The offer is 0 for the beneficiary's leg.
func ParseLeg(leg string) (id ID, side Side, offer int, err error) {
	key, rest, _ := strings.Cut(leg, "-")
	if len(key) != 32 {
		return "", "", 0, fmt.Errorf("%w: %q", ErrBadLeg, leg)
	}
	if rest == "b" {
		return ID(key), SideBeneficiary, 0, nil
	}
	n, convErr := strconv.Atoi(strings.TrimPrefix(rest, "c"))
	if !strings.HasPrefix(rest, "c") || convErr != nil || n < 1 {
		return "", "", 0, fmt.Errorf("%w: %q", ErrBadLeg, leg)
	}
	return ID(key), SideCaller, n, nil
}

// Time returns the millisecond in which the id was made (RFC 9562, section 5.7).
func (id ID) Time() time.Time {
	u, err := uuid.Parse(string(id))
	if err != nil {
		return time.Time{}
	}
	sec, nsec := u.Time().UnixTime()
	return time.Unix(sec, nsec)
}
