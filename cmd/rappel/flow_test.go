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
	require.Contains(t, out, "many: that does not fit here: answer failed or one or several or slow or unknown\n")
	require.Contains(t, out, "rond half elf")
	require.Contains(t, out, "⟶ queue registrar\n")

	out, _, err = flow("\n\n0\n", "try", "registration", "--fact", "hours=closed", "--fact", "language=de", "--fact", "holiday=no")
	require.NoError(t, err)
	require.Contains(t, out, "    (hours: closed)\n")
	require.Contains(t, out, "[de]")
	require.Contains(t, out, "halb zwei", "when it opens")
	for fact, want := range map[string]string{
		"weather=rain": "the facts are hours", "hours=late": "but open, closed", "queue=3+": "a number such as 0", "known": "but yes, no, withheld",
	} {
		_, _, err = flow("", "try", "registration", "--fact", fact)
		require.ErrorContains(t, err, want)
		require.ErrorAs(t, err, new(usageError))
	}
	out, _, err = flow("", "check")
	require.NoError(t, err)
	require.Contains(t, out, "registration, reminder, survey: nothing wrong\n", "everything that ships")
	_, _, err = flow("", "check", "registration", "--version", "draft")
	require.ErrorContains(t, err, "only what ships")

	out, _, err = flow("", "draw", "registration")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(out, "flowchart TD\n"))
}

// TestAFlowIsPublishedAndRolledBack walks the way of a coordinator's own flow into the scheme and out of it.
func TestAFlowIsPublishedAndRolledBack(t *testing.T) {
	t.Parallel()
	dir, _ := place(t, "asterisk: {password: file:ari.secret}\n")
	done(t, dir, "migrate")
	done(t, dir, "scheme", "create", "--name", "Gardons le contact", "--country", "FR")
	shipped := done(t, dir, "flow", "show", "close-last")
	require.True(t, strings.HasPrefix(shipped, "# close-last: the version that ships\n"), shipped)
	write := func(text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(text), 0o600))
	}
	write(shipped + "# ours\n")
	require.Contains(t, done(t, dir, "flow", "draft", "own.yaml", "--by", "Anne"), "close-last: version 1 is kept")
	require.Equal(t, shipped, done(t, dir, "flow", "show", "close-last"), "nobody hears a draft")
	require.Contains(t, done(t, dir, "flow", "publish", "close-last"), "speaks version 1 within seconds")
	require.Contains(t, done(t, dir, "flow", "publish", "own.yaml"), "speaks version 1 already", "the same text is not kept twice")

	now := done(t, dir, "flow", "show", "close-last")
	require.Contains(t, now, "# close-last: version 1, written ")
	require.Contains(t, now, "# ours\n")
	require.NotContains(t, now, "the version that ships", "the line of an earlier show goes")
	write("\ufeff" + now + "# ours, again\n")
	require.Contains(t, done(t, dir, "flow", "publish", "own.yaml"), "speaks version 2")
	require.NotContains(t, done(t, dir, "flow", "show", "close-last"), "\ufeff")

	write(strings.Replace(now, "run: ", "run: no-", 1))
	out, _, status := said(t, dir, "flow", "publish", "own.yaml")
	require.Equal(t, 1, status)
	require.Regexp(t, `^own.yaml:\d+: step \S+ runs no-\S+, which does not exist\n$`, out)
	require.Contains(t, done(t, dir, "flow", "draft", "own.yaml"), "version 3 is kept", "a draft may have problems")
	_, _, status = said(t, dir, "flow", "publish", "close-last")
	require.Equal(t, 1, status)
	require.Regexp(t, `close-last\s+2\s`, done(t, dir, "flow", "list"))
	require.Equal(t, "close-last: nothing wrong\n", done(t, dir, "flow", "check", "close-last"), "what is spoken")
	out, _, status = said(t, dir, "flow", "check", "close-last", "--version", "draft")
	require.Equal(t, 1, status)
	require.Regexp(t, `^close-last@draft:\d+: step \S+ runs no-\S+, which does not exist\n$`, out)
	require.Contains(t, done(t, dir, "flow", "draw", "close-last", "--version", "draft"), "flowchart TD")
	require.Contains(t, done(t, dir, "flow", "check"), "nothing wrong")

	require.Contains(t, done(t, dir, "flow", "rollback", "close-last"), "speaks version 1")
	require.Contains(t, done(t, dir, "flow", "rollback", "close-last"), "the version that ships")
	_, errs, status := said(t, dir, "flow", "rollback", "close-last")
	require.Equal(t, 2, status)
	require.Contains(t, errs, "nothing is before it")
	_, errs, status = said(t, dir, "flow", "rollback", "close-last", "--to", "9")
	require.Equal(t, 2, status)
	require.Contains(t, errs, "rappel flow history")
	write(strings.Replace(shipped, "flow: close-last", "flow: ours", 1))
	require.Contains(t, done(t, dir, "flow", "publish", "own.yaml"), "ours: the scheme speaks version 1")
	for _, args := range [][]string{{"rollback", "ours"}, {"rollback", "nosuch"}, {"history", "nosuch"}} {
		_, errs, status = said(t, dir, append([]string{"flow"}, args...)...)
		require.Equal(t, 2, status, "what does not ship is no version to go back to: %s", errs)
	}
	write(strings.Replace(shipped, "flow: close-last", "flow: ../Ours", 1))
	out, _, status = said(t, dir, "flow", "draft", "own.yaml")
	require.Equal(t, 1, status)
	require.Contains(t, out, `own.yaml:1: flow: "../Ours" is no name`)
	history := done(t, dir, "flow", "history", "close-last")
	require.Equal(t, 8, strings.Count(history, "\n"), "a heading, three versions, four publications: %s", history)
	require.Contains(t, history, "Anne")
	require.Equal(t, shipped, done(t, dir, "flow", "show", "close-last"))
}
