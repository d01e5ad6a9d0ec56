// Package model checks the protocol by which one person's phone is rung by one call at a time: attempt.pml, in every order
// of events there is, by the model checker Spin (Debian's package spin). Leaving out any guard must be found out.
package model

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// patience bounds one search, which takes seconds on an idle machine.
const patience = 5 * time.Minute

func TestNobodyIsRungTwice(t *testing.T) {
	for name, flags := range map[string][]string{
		"two nodes lead one scheme":            nil,
		"two schemes know one person":          {"-DTWO_SCHEMES", "-DLEADS=2"},
		"the call is at a PBX of another node": {"-DELSEWHERE"},
	} {
		t.Run(name, func(t *testing.T) {
			out := search(t, flags...)
			require.Regexp(t, `errors: 0\n`, out)
			require.NotContains(t, out, "Search not completed")
			require.NotContains(t, out, "max search depth too small")
		})
	}
}

func TestEveryGuardIsNeeded(t *testing.T) {
	for guard, broken := range map[string]string{
		"NO_EPOCH":  `mine==epoch`,
		"NO_DIALBY": `rings<=1`,
		"NO_UNIQUE": `rings<=1`,
		"NO_WAIT":   `rings<=1`,
		"NO_OFFER":  `rings<=1`,
		"REPOST":    `rung\[\d\]<=1`,
	} {
		t.Run(guard, func(t *testing.T) {
			flags := []string{"-D" + guard}
			if guard == "NO_UNIQUE" {
				flags = append(flags, "-DTWO_SCHEMES")
			}
			require.Regexp(t, `assertion violated \(*`+broken, search(t, flags...))
			if guard == "NO_WAIT" || guard == "NO_DIALBY" { // Which alone guard a call of which nothing is heard.
				require.Regexp(t, `assertion violated \(*`+broken, search(t, append(flags, "-DELSEWHERE")...))
			}
		})
	}
}

// search runs the model checker over the whole model and returns its report.
func search(t *testing.T, flags ...string) string {
	t.Helper()
	spin := setuptest.Spin(t)
	dir := t.TempDir()
	source, err := os.ReadFile("attempt.pml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "attempt.pml"), source, 0o600))
	run(t, dir, spin, append(flags, "-a", "attempt.pml")...)
	// pan.c is made code, at which recent compilers wonder.
	run(t, dir, "gcc", "-O2", "-w", "-DSAFETY", "-o", "pan", "pan.c")
	return run(t, dir, "./pan", "-E", "-m100000")
}

func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}
