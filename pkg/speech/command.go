package speech

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Command is a Speaker that runs a program of the installation's own choice: another voice, or one of its own.
type Command struct {
	program string
	args    []string
}

// NewCommand takes the program and its arguments. In an argument {lang} and {out} stand for the language and the file to
// write (WAV, 8 or 16 kHz, mono, 16-bit); the text comes on standard input, where no other user of the machine sees it.
func NewCommand(command []string) (*Command, error) {
	if len(command) == 0 || command[0] == "" {
		return nil, errors.New("speech command: no program is named")
	}
	if !strings.Contains(strings.Join(command[1:], " "), "{out}") {
		return nil, errors.New("speech command: no argument holds {out}, the file to write")
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return nil, fmt.Errorf("speech command: %w", err)
	}
	return &Command{program: path, args: command[1:]}, nil
}

// Speak runs the program and waits for it; ctx ends it.
func (c *Command) Speak(ctx context.Context, lang, text, outWAV string) error {
	replace := strings.NewReplacer("{lang}", lang, "{out}", outWAV)
	args := make([]string, len(c.args))
	for i, a := range c.args {
		args[i] = replace.Replace(a)
	}
	cmd := exec.CommandContext(ctx, c.program, args...) //nolint:gosec // The operator's own configuration.
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run speech command: %w: %s", err, firstLine(out))
	}
	return nil
}

func firstLine(out []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}
