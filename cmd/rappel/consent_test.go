package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever is on the town's list without having agreed is asked first, and her answer can be told by command.
func TestConsentFromTheCommandLine(t *testing.T) {
	dir, _ := place(t, "asterisk: {password: file:ari.secret}\n")
	done(t, dir, "migrate")
	done(t, dir, "scheme", "create", "--name", "Colmar", "--country", "FR")
	people := "ref;nom;prénom;téléphone;rythme\nB1;Meyer;Odile;+33 1 99 00 12 34;hebdomadaire\nB2;Weber;Rose;+33 1 99 00 12 35;quotidien\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte(people), 0o600))
	require.Contains(t, done(t, dir, "import", "people.csv"), "2 of the scheme have not agreed yet")

	list := done(t, dir, "consent", "list")
	require.Contains(t, list, "B1")
	require.Contains(t, list, "B2")
	require.NotContains(t, list, "Odile")
	script := done(t, dir, "consent", "script")
	for _, word := range []string{"fr", "nl", "de", "en"} {
		require.Contains(t, script, word)
	}

	done(t, dir, "consent", "agreed", "B1")
	require.NotContains(t, done(t, dir, "consent", "list"), "B1")
	require.Contains(t, done(t, dir, "appointment", "show", "B1"), "B1", "her calls are planned")
	done(t, dir, "consent", "later", "B2")
	done(t, dir, "consent", "refused", "B2")
	require.NotContains(t, done(t, dir, "consent", "list"), "B2")
	require.Contains(t, done(t, dir, "refusal", "check", "+33199001235"), "nobody is to be called there")
	done(t, dir, "export", "exported.csv")
	require.Contains(t, done(t, dir, "import", "exported.csv", "--dry-run"), " 0 refused", "whoever is erased is in no sheet")
	_, errs, status := said(t, dir, "consent", "agreed", "B2")
	require.NotZero(t, status)
	require.Contains(t, errs, "B2")

	require.Contains(t, done(t, dir, "consent", "rules"), "waits 30 days")
	require.Contains(t, done(t, dir, "consent", "rules", "--days", "14"), "waits 14 days")
	_, errs, status = said(t, dir, "consent", "rules", "--days", "400")
	require.Equal(t, 2, status)
	require.Contains(t, errs, "1 to 365 days")
}
