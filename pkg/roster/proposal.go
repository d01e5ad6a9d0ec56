package roster

import (
	"errors"
	"time"
)

// MaxHow is how many bytes say how consent was given, at most.
const MaxHow = 100

// ErrRefusalKey means that refusals can be neither kept nor looked up, because their key is missing, is too short, or is not the
// one that the scheme's refusals were made with. Nobody is registered then, rather than somebody who has refused.
var ErrRefusalKey = errors.New("the key of refusals (secrets.refusals) is not there")

// Answered is what a person answered when she was asked whether she agrees to be called.
type Answered struct {
	Ref    string
	Answer ConsentAnswer // AnswerAgreed, AnswerRefused or AnswerLater.
	// How says how she agreed, as the proof of consent; empty stands for the first call.
	How string
}

// Proposal is a person whom somebody else has proposed, and who has not answered yet.
type Proposal struct {
	Ref      string
	Source   Source
	Language Language
	Since    time.Time
	Until    time.Time // When she is erased if nobody has an answer by then.
	Calls    int       // First calls that were made, or tried in vain on a day.
	// Opens and Closes are of her next first call; zero when none is booked.
	Opens, Closes time.Time
	// Asked is when a first call reached her of which nobody has said what she answered, and AskedBy the ref of its caller; zero
	// and empty when there is none. Nobody rings her again before that is said.
	Asked   time.Time
	AskedBy string
}

// ProposalRules bound what others may propose.
type ProposalRules struct {
	Days int // For how many days a proposal waits for an answer before it is erased: 1 to 365, 30 by default.
}

// Check reports rules that are none.
func (r ProposalRules) Check() error {
	if r.Days < 1 || r.Days > 365 {
		return errors.New("a proposal waits for 1 to 365 days")
	}
	return nil
}
