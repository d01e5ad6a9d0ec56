package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestQuestionsFromTheCommandLine: a coordinator edits one question, then the whole tree in an editor, is told every mistake with
// its line, and has what ships back.
func TestQuestionsFromTheCommandLine(t *testing.T) {
	dir, _ := place(t, "asterisk: {password: file:ari.secret}\n")
	done(t, dir, "migrate")
	done(t, dir, "scheme", "create", "--name", "Namur", "--country", "BE")
	list := done(t, dir, "faq", "list")
	require.Contains(t, list, "the scheme has changed nothing")
	require.Regexp(t, `suicide-be .*fr nl de en +always +2026-11-22 +0800 32 123 +0`, list)
	require.NotContains(t, list, "suicide-fr")
	require.Contains(t, done(t, dir, "faq", "show", "emergency-be"), "composez le cent douze.")
	require.NotContains(t, list, "never")

	done(t, dir, "faq", "add", "town", "--title", "Dans notre commune", "--place", "1")
	out := done(t, dir, "faq", "add", "masks", "--topic", "town", "--title", "Où trouver un masque",
		"--answer", "La mairie en donne 2 par personne, le mardi. Appelez le {081 24 74 54}.", "--checked", "today", "--until", "2041-03-31")
	require.Contains(t, out, "masks says no source (may stay so)")
	require.Contains(t, out, "masks is not there in nl")
	require.Contains(t, done(t, dir, "faq", "show", "masks"), "zéro quatre-vingt-un, vingt-quatre, soixante-quatorze, cinquante-quatre")
	done(t, dir, "faq", "set", "masks", "--language", "nl", "--title", "Mondmaskers", "--answer", "Op het gemeentehuis.")
	done(t, dir, "faq", "set", "masks", "--topic", "health", "--place", "1", "--transfer", "081 24 74 54", "--until", "-")
	require.Regexp(t, `health +Santé et sécurité\s+\n +masks +Où trouver un masque +fr nl +always`, done(t, dir, "faq", "list"))
	done(t, dir, "faq", "remove", "town")

	exported := done(t, dir, "faq", "export")
	file := filepath.Join(dir, "questions.yaml")
	require.NoError(t, os.WriteFile(file, []byte(exported), 0o600))
	done(t, dir, "faq", "import", "questions.yaml")
	require.Equal(t, exported, done(t, dir, "faq", "export"), "a round trip changes nothing")
	wrong := strings.Replace(exported, "{081 24 74 54}", "081247454", 1)
	wrong = strings.Replace(wrong, `name: "heat"`, `name: "cold"`, 1)
	require.NoError(t, os.WriteFile(file, []byte(wrong), 0o600))
	for _, command := range []string{"check", "import"} {
		out, _, status := said(t, dir, "faq", command, "questions.yaml")
		require.Equal(t, 1, status)
		require.Regexp(t, `questions.yaml:\d+: masks has an answer in fr that cannot be spoken: 081247454`, out)
		require.Regexp(t, `questions.yaml:\d+: cold is the name of another topic or question too`, out)
	}
	require.Equal(t, exported, done(t, dir, "faq", "export"), "nothing of a wrong file is taken over")

	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"show", "nonsense"}, "there is no question"},
		{[]string{"set", "nonsense", "--until", "2041-01-01"}, "there is no question"},
		{[]string{"set", "heat", "--until", "demain"}, "write it as 2026-11-22"},
		{[]string{"set", "heat", "--transfer", "0800 32 123"}, "which no answer names"},
		{[]string{"set", "heat", "--topic", "nowhere"}, "there is no topic"},
		{[]string{"set", "heat", "--transfer", "112"}, "a short number is told in the answer"},
		{[]string{"set", "heat", "--title", ""}, "has no title in the scheme's first language"},
		{[]string{"add", "heat", "--topic", "health"}, "change it with rappel faq set heat"},
		{[]string{"add", "Heat Wave", "--topic", "health"}, "small letters"},
		{[]string{"import", "missing.yaml"}, "no such file"},
		{[]string{"reset"}, "--yes"},
		{[]string{"figures", "--days", "0"}, "from 1 to 3660"},
	} {
		out, errs, status := said(t, dir, append([]string{"faq"}, c.args...)...)
		require.Equal(t, 2, status, "%v: %s%s", c.args, out, errs)
		require.Contains(t, errs, c.want)
	}
	done(t, dir, "faq", "reset", "--yes")
	require.Contains(t, done(t, dir, "faq", "list"), "the scheme has changed nothing")
	require.Contains(t, done(t, dir, "faq", "figures", "--by-day"), "QUESTION")
}
