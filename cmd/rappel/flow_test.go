package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAFlowIsChangedCheckedAndRehearsed walks the way of a coordinator's own flow before it is put to use.
func TestAFlowIsChangedCheckedAndRehearsed(t *testing.T) {
	t.Parallel()
	flow := func(in string, args ...string) (string, string, error) {
		var out, failure bytes.Buffer
		p := &program{out: &out, err: &failure, abort: t.Context()}
		root := p.root()
		root.SetArgs(append([]string{"flow"}, args...))
		root.SetIn(strings.NewReader(in))
		err := root.ExecuteContext(t.Context())
		return out.String(), failure.String(), err
	}
	text, _, err := flow("", "show", "registration")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "registration.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	out, _, err := flow("", "check", file)
	require.NoError(t, err)
	require.Equal(t, file+": nothing wrong\n", out)

	require.NoError(t, os.WriteFile(file, []byte("\ufeff"+strings.ReplaceAll(text, "\n", "\r\n")), 0o600))
	_, _, err = flow("", "check", file)
	require.NoError(t, err, "as Windows' editor writes it")
	require.NoError(t, os.WriteFile(file, []byte("flow: \x1b]0;\xff\xfe"), 0o600))
	_, failure, err := flow("", "check", file)
	require.ErrorIs(t, err, silentError{})
	require.Contains(t, failure, "no UTF-8 text")
	require.NotContains(t, failure, "\x1b", "a terminal would obey it")
	_, _, err = flow("", "check", t.TempDir())
	require.ErrorContains(t, err, "is a directory")
	require.ErrorAs(t, err, new(usageError))

	broken := strings.Replace(text, `"2": register`, `"2": registre`, 1)
	require.NotEqual(t, text, broken)
	require.NoError(t, os.WriteFile(file, []byte(broken), 0o600))
	out, _, err = flow("", "check", file)
	require.ErrorIs(t, err, silentError{})
	require.Contains(t, out, file+":")
	require.Contains(t, out, "leads to registre, which does not exist")

	require.NoError(t, os.WriteFile(file, []byte("flow: [\n"), 0o600))
	_, failure, err = flow("", "check", file)
	require.ErrorIs(t, err, silentError{})
	require.Contains(t, failure, file)

	_, _, err = flow("", "check", "no-such-flow")
	require.ErrorContains(t, err, "rappel flow list")

	out, _, err = flow("\n\n1\nmany\none\n0\n\nnobody\n", "try", "registration", "--language", "nl")
	require.NoError(t, err)
	require.Contains(t, out, "many: that does not fit here: answer failed or one or several or unknown\n")
	require.Contains(t, out, "rond half elf")
	require.Contains(t, out, "⟶ queue registrar\n")

	out, _, err = flow("", "draw", "registration")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(out, "flowchart TD\n"))
}
