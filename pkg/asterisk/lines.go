package asterisk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	asteriskconf "github.com/rappel-tel/rappel/asterisk"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Line is a number that people dial, for the time in which the service is away.
type Line struct {
	// Dialled is the number as a trunk delivers it: digits and a plus. "s" is a call of which the operator does not say what was
	// dialled. Anything else can never be dialled, and is left out.
	Dialled string
	// Languages are those in which the dialplan speaks, in their order. None is the default of the PBX.
	Languages []roster.Language
}

// noLine is the extension of a number that is no line of ours. No number that is dialled is called so.
const noLine = "none"

// SyncLines makes the PBX's own dialplan know exactly these numbers: it writes the file that extensions.conf includes, and has
// the dialplan read again, but only when the file changed. Calls under way go on. Whoever dials another number is told so in
// the languages of nobody; without any lines, and before the first SyncLines, every number is taken for one of ours.
func (s *Switch) SyncLines(ctx context.Context, lines []Line, nobody []roster.Language) error {
	s.sync.Lock()
	defer s.sync.Unlock()
	if s.opts.AccountsFile == "" {
		return errors.New("sync lines: Options name no files")
	}
	text, err := renderLines(lines, nobody)
	if err != nil {
		return fmt.Errorf("sync lines: %w", err)
	}
	file := filepath.Join(filepath.Dir(s.opts.AccountsFile), asteriskconf.LinesFile)
	old, changed, err := replaceFile(file, text)
	if err != nil {
		return fmt.Errorf("write lines: %w", err)
	}
	if !changed {
		return nil
	}
	if err := s.ReloadModule(ctx, "pbx_config.so"); err != nil {
		// What the file held before goes back, so that the next call tries again.
		_, _, back := replaceFile(file, old)
		return fmt.Errorf("reload lines: %w", errors.Join(err, back))
	}
	return nil
}

func renderLines(lines []Line, nobody []roster.Language) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(fileHead)
	if len(lines) == 0 {
		return b.Bytes(), nil
	}
	b.WriteString("[lines]\n")
	lines = slices.SortedStableFunc(slices.Values(append([]Line{{noLine, nobody}}, lines...)), func(x, y Line) int {
		return strings.Compare(x.Dialled, y.Dialled)
	})
	last := ""
	for _, l := range lines {
		if l.Dialled == last || l.Dialled != noLine && l.Dialled != "s" && (l.Dialled == "" || strings.Trim(l.Dialled, "+0123456789") != "") {
			continue
		}
		last = l.Dialled
		words := make([]string, len(l.Languages))
		for i, lang := range l.Languages {
			if !slices.Contains(roster.Languages(), lang) {
				return nil, fmt.Errorf("%w: language %q of a line", ErrBadRecord, lang)
			}
			words[i] = string(lang)
		}
		fmt.Fprintf(&b, "exten => %s,1,Set(RAPPEL_LANGUAGES=%s)\n same => n,Return()\n", l.Dialled, strings.Join(words, "-"))
	}
	return b.Bytes(), nil
}
