package rostertest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/rostertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	rostertest.Exercise(t, func(*testing.T) roster.Book { return &rostertest.Memory{} })
}
