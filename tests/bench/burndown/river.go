package burndown

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// river has River work off as many jobs that do nothing, with the settings of its own benchmark. It is a program of a module
// of its own, so that this one does not depend on it. A job of River carries its arguments and no next call.
func (r *rig) river(ctx context.Context, url string) (float64, error) {
	c := exec.CommandContext(ctx, "go", "run", "./river", "-url", url, "-jobs", strconv.Itoa(r.o.Calls)) //nolint:gosec // Our own program.
	c.Dir = filepath.Join(r.o.Root, "tests", "bench", "peers")
	out, err := c.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return 0, fmt.Errorf("run River: %w", err)
	}
	rate, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		return 0, fmt.Errorf("read River's rate: %w", err)
	}
	return rate, nil
}
