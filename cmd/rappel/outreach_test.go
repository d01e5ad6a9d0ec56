package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
)

// TestAListFromTheCommandLine: a town's own sheet is understood, whoever is known is left out, and nobody is called before there
// is a number that a machine may show, of whatever kind its calls are.
func TestAListFromTheCommandLine(t *testing.T) {
	dir, _ := place(t, "asterisk: {password: file:ari.secret}\n")
	done(t, dir, "migrate")
	done(t, dir, "scheme", "create", "--name", "Colmar", "--country", "FR")
	done(t, dir, "scheme", "pause")
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("people.csv", "ref;nom;prénom;téléphone;rythme\nB1;Meyer;Odile;+33 1 99 00 12 34;quotidien\n")
	done(t, dir, "import", "people.csv")
	write("list.csv", "Nom;Adresse;Téléphone;Langue\nMeyer;rue Haute;01 99 00 12 34;français\nHug;rue Basse;01 99 00 12 35;allemand\nRoth;;01 99 00 12 36;\nKlein;;0199;\n;;;\nHug;;0199001235;\n")
	_, errs, status := said(t, dir, "outreach", "import", "people.txt")
	require.Equal(t, 2, status, errs)
	write("bad.csv", "nom;adresse\nMeyer;rue Haute\n")
	_, errs, status = said(t, dir, "outreach", "import", "bad.csv")
	require.Equal(t, 2, status)
	require.Contains(t, errs, "no column of telephone numbers")
	for _, args := range [][]string{{"--dry-run"}, nil} {
		out, errs, status := said(t, dir, append([]string{"outreach", "import", "list.csv"}, args...)...)
		require.Equal(t, 1, status, "a row was left out")
		require.Contains(t, out, "5 rows: 2 added, 2 known already, 0 will not be called, 1 unreadable")
		require.Contains(t, errs, "line 5: left out: ")
	}

	t.Setenv("RAPPEL_TRUNK_SECRET", "4af1c09e")
	done(t, dir, "scheme", "trunk", "town", "--host", "192.0.2.10", "--username", "town", "--cli", "+33199001000", "--lines", "20")
	t.Setenv("RAPPEL_TRUNK_SECRET", "")
	_, errs, status = said(t, dir, "outreach", "start")
	require.Equal(t, 2, status)
	require.Contains(t, errs, "rappel scheme trunk NAME --cli-for outreach=")
	for _, kind := range call.Kinds() {
		if !kind.Automatic() {
			continue
		}
		for _, number := range []string{"+33199001000", "+33639980001"} { // The town's own, and a mobile one.
			_, errs, status := said(t, dir, "scheme", "trunk", "town", "--cli-for", string(kind)+"="+number)
			require.Equal(t, 2, status, kind)
			require.Contains(t, errs, "in France", kind)
		}
	}
	done(t, dir, "scheme", "trunk", "town", "--cli-for", "outreach=+33162000000")
	require.Regexp(t, `would be booked +2\n`, done(t, dir, "outreach", "start", "--dry-run"))
	require.Regexp(t, `booked +2\n(?s:.*)days +1\n`, done(t, dir, "outreach", "start"))
	_, errs, status = said(t, dir, "outreach", "start")
	require.Zero(t, status)
	require.Contains(t, errs, "has a call already")
	require.Regexp(t, `on the list +2\n(?s:.*)waiting or under way +2\n`, done(t, dir, "outreach", "show"))
	done(t, dir, "outreach", "stop")
	_, errs, status = said(t, dir, "outreach", "stop")
	require.Equal(t, 2, status, errs)
	require.Regexp(t, `without a call .* 2\n`, done(t, dir, "outreach", "show"))
	_, errs, status = said(t, dir, "outreach", "end")
	require.Zero(t, status, errs)
	require.Contains(t, errs, "people erased: 2")
	require.Regexp(t, `on the list +0\n`, done(t, dir, "outreach", "show"))
}
