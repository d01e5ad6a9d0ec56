package asterisk_test

import (
	"testing"

	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

// The real switch keeps to the same suite as the fake, with phones that send real audio.
func TestSwitchConforms(t *testing.T) {
	l := newLab(t)
	telephonytest.Exercise(t, l.suite)
}
