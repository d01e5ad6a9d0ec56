package ivr

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
)

// AtLine is what a reader of YAML has found wrong with a file, as everything else that is wrong with one is told: "file:line: what".
func AtLine(file string, err error) error {
	if found, ok := errors.AsType[yaml.Error](err); ok && found.GetToken() != nil && found.GetToken().Position != nil {
		return fmt.Errorf("%s:%d: %s", file, found.GetToken().Position.Line, found.GetMessage())
	}
	return fmt.Errorf("%s: %w", file, err)
}
