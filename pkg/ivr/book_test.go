package ivr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/dialplans"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/sounds"
)

func TestShippedFlowsAreSound(t *testing.T) {
	t.Parallel()
	_, err := ivr.ReadBook(dialplans.Flows(), sounds.Name, sounds.Prompts())
	require.NoError(t, err)
}
