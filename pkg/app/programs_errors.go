package app

import (
	"errors"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

// asProgram turns an error into what programs are told of it; one that they are told nothing of stays as it is.
func asProgram(err error) error {
	if errors.Is(err, ErrFlawed) {
		return problemsOf(err)
	}
	for ours, theirs := range map[error]error{
		postgres.ErrNoBeneficiary: api.ErrNoPerson, postgres.ErrNotAway: api.ErrNotAway, postgres.ErrDatesBackward: api.ErrDatesBackward,
		postgres.ErrNoDID: api.ErrNoNumber, postgres.ErrTaken: api.ErrTaken, postgres.ErrNoException: api.ErrNoException,
		postgres.ErrHours: api.ErrHours, postgres.ErrOverflow: api.ErrOverflow, postgres.ErrGreeting: api.ErrGreeting,
		ErrNoFlow: api.ErrNoFlow, postgres.ErrNoFlowVersion: api.ErrNoFlow, postgres.ErrFlowsChanged: api.ErrFlowsChanged,
		postgres.ErrNoSurge: api.ErrNoSurge, ErrNothingBefore: api.ErrNothingBefore,
	} {
		if errors.Is(err, ours) {
			return theirs
		}
	}
	return err
}
