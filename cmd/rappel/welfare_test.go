package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestContactPeopleFromTheCommandLine: who is asked after somebody is named, listed in order and taken back; how soon is said.
func TestContactPeopleFromTheCommandLine(t *testing.T) {
	dir, _ := place(t, "asterisk: {password: file:ari.secret}\n")
	done(t, dir, "migrate")
	done(t, dir, "scheme", "create", "--name", "Colmar", "--country", "FR")
	people := "ref;nom;prénom;téléphone;rythme\nB1;Meyer;Odile;+33 1 99 00 12 34;quotidien\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte(people), 0o600))
	done(t, dir, "import", "people.csv")
	require.Empty(t, done(t, dir, "person", "contacts", "B1"))
	done(t, dir, "person", "contacts", "B1", "--add", "Marie Dupont, neighbour, 01 99 00 00 01")
	shown := done(t, dir, "person", "contacts", "B1", "--add", "Dr Luc, doctor, +33199000002")
	require.Regexp(t, `^1 +Marie Dupont +neighbour +\+33199000001\n2 +Dr Luc +doctor +\+33199000002\n$`, shown)
	for _, args := range [][]string{
		{"B2", "--add", "Marie, neighbour, +33199000003"}, {"B1", "--add", "Marie, neighbour"}, {"B1", "--add", "Marie, cat, +33199000003"},
		{"B1", "--add", ", family, +33199000003"}, {"B1", "--add", "Anne, family, 12"}, {"B1", "--add", "Anne, family, +33199000002"},
		{"B1", "--remove", "+33199000009"},
	} {
		_, errs, status := said(t, dir, append([]string{"person", "contacts"}, args...)...)
		require.Equal(t, 2, status, "%v: %s", args, errs)
	}
	require.Equal(t, shown, done(t, dir, "person", "contacts", "B1"))
	require.Regexp(t, `^1 +Dr Luc`, done(t, dir, "person", "contacts", "B1", "--remove", "01 99 00 00 01"))

	require.Contains(t, done(t, dir, "scheme", "welfare"), "within 1h0m0s")
	require.Contains(t, done(t, dir, "scheme", "welfare", "--within", "30m"), "within 30m0s")
	done(t, dir, "scheme", "greeting", "Colmar") // Another command leaves it alone.
	require.Contains(t, done(t, dir, "scheme", "welfare"), "within 30m0s")
	for _, within := range []string{"0", "59s", "25h"} {
		_, errs, status := said(t, dir, "scheme", "welfare", "--within", within)
		require.Equal(t, 2, status, errs)
	}
}
