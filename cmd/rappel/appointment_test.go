package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAppointmentsFromTheCommandLine shows, confirms, moves and skips a call as a registrar types it, and what is refused.
func TestAppointmentsFromTheCommandLine(t *testing.T) {
	dir, _ := place(t, "asterisk: {password: file:ari.secret}\n")
	done(t, dir, "migrate")
	done(t, dir, "scheme", "create", "--name", "Colmar", "--country", "FR")
	people := "ref;nom;prénom;téléphone;rythme;consentement;date du consentement\nB1;Meyer;Odile;+33 1 99 00 12 34;hebdomadaire;donné;2026-01-05\nB2;Weber;Rose;+33 1 99 00 12 35;;donné;2026-01-05\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte(people), 0o600))
	staff := "ref;nom;prénom;rôle\nA1;Klein;Anne;appelant\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "staff.csv"), []byte(staff), 0o600))
	done(t, dir, "import", "people.csv")
	done(t, dir, "import", "staff.csv")
	done(t, dir, "hours", "close", "2041-12-24") // Plans everybody's calls anew, and so books them.

	require.Contains(t, done(t, dir, "appointment", "confirm", "B1"), "B1 expects the call of ")
	shown := done(t, dir, "appointment", "show", "B1")
	require.Contains(t, shown, "which she has confirmed")
	times := regexp.MustCompile(`(?m)^  \w{3} (\S+ \S+)-`).FindAllStringSubmatch(shown, -1)
	require.NotEmpty(t, times, shown)
	require.Contains(t, done(t, dir, "appointment", "move", "B1", "--to", times[0][1]), "instead of")
	require.Contains(t, done(t, dir, "appointment", "show", "B1"), "B1 will be called ")
	require.Contains(t, done(t, dir, "appointment", "move", "B1", "--to", times[0][1]), "already", "once more")
	day := times[0][1][:len("2026-11-27")]
	require.Contains(t, done(t, dir, "appointment", "skip", "B1", "--call", day), "The next call is ")
	next := done(t, dir, "appointment", "show", "B1")
	require.Contains(t, done(t, dir, "appointment", "skip", "B1", "--call", day), "called off already")
	require.Equal(t, next, done(t, dir, "appointment", "show", "B1"), "the same typed twice skips one call")
	list := done(t, dir, "appointment", "changes", "B1")
	for _, change := range []string{"confirm", "move", "skip"} {
		require.Regexp(t, `B1 +`+change+` .* done +registrar`, list)
	}

	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"appointment", "show", "B9"}, "no such beneficiary"},
		{[]string{"appointment", "changes", "B9"}, "no such beneficiary"},
		{[]string{"appointment", "skip", "B2", "--call", "1999-01-01"}, "rappel agreement show B2"},
		{[]string{"appointment", "skip", "B1"}, "rappel appointment skip B1 --call 20"},
		{[]string{"appointment", "skip", "B1", "--call", "1999-01-01"}, "rappel appointment skip B1 --call 20"},
		{[]string{"appointment", "agree", "B1"}, "rappel appointment changes B1"},
		{[]string{"appointment", "refuse", "B9"}, "no such beneficiary"},
		{[]string{"appointment", "move", "B1"}, "rappel appointment show B1"},
		{[]string{"appointment", "move", "B1", "--to", "1999-01-01"}, "rappel appointment show B1"},
	} {
		_, errs, status := said(t, dir, c.args...)
		require.NotZero(t, status, c.args)
		require.Contains(t, errs, c.want, c.args)
	}
}
