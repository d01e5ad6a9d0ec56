package numbering_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

func TestWhatCallsMayPresent(t *testing.T) {
	for _, test := range []struct {
		number, region string
		people, by     bool // Whether people's calls, and those of a machine, may present it.
	}{
		{"+33162000000", "FR", true, true},
		{"+33163123456", "FR", true, true},
		{"+33270123456", "FR", true, true},
		{"+33569123456", "FR", true, true},
		{"+33949123456", "FR", true, true},
		{"+33937123456", "FR", true, true},
		{"+33947512345", "FR", true, true},
		{"+33947112345", "FR", true, false}, // No overseas range.
		{"+33800123456", "FR", true, true},
		{"+33145678901", "FR", true, false},
		{"+33164123456", "FR", true, false},
		{"+33972123456", "FR", true, false},
		{"+33639123456", "FR", false, false},
		{"+33700000001", "FR", false, false},
		{"+33899123456", "FR", false, false}, // Premium.
		{"+3281247454", "FR", true, false},   // Foreign.
		{"+447911123456", "FR", true, false},
		{"+33639980001", "FR", false, false}, // Fiction, and mobile.
		{"+33199001000", "FR", true, true},   // Fiction.
		{"+3281247454", "BE", true, true},
		{"+32470123456", "BE", true, true},
		{"+3290212345", "BE", false, false}, // Premium.
		{"0162000000", "FR", false, false},
		{"", "FR", false, false},
	} {
		for _, machine := range []bool{false, true} {
			err := numbering.Presentable(test.number, test.region, machine)
			if want := test.people && !machine || test.by && machine; want {
				require.NoError(t, err, "%s %v", test.number, machine)
			} else {
				require.ErrorIs(t, err, numbering.ErrNotPresentable, "%s %v", test.number, machine)
			}
		}
	}
}
