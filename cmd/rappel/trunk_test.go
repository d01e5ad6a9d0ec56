package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTrunksAndSurgesFromTheCommandLine: what no flag names stays as it was; a machine's calls in France want a number of their
// own; what will not be called is said when it is asked for.
func TestTrunksAndSurgesFromTheCommandLine(t *testing.T) {
	dir, _ := place(t, "asterisk: {password: file:ari.secret}\n")
	done(t, dir, "migrate")
	done(t, dir, "scheme", "create", "--name", "Colmar", "--country", "FR")
	people := "ref;nom;prénom;téléphone;rythme;consentement;date du consentement\nB1;Meyer;Odile;+33 1 99 00 12 34;quotidien;donné;2026-01-05\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte(people), 0o600))
	done(t, dir, "import", "people.csv")
	t.Setenv("RAPPEL_TRUNK_SECRET", "4af1c09e")
	done(t, dir, "scheme", "trunk", "town", "--host", "192.0.2.10", "--username", "town", "--cli", "+33199001000", "--lines", "20", "--permit", "+33199001001")
	t.Setenv("RAPPEL_TRUNK_SECRET", "")

	_, errs, status := said(t, dir, "surge", "--kind", "presence", "--dry-run")
	require.Equal(t, 2, status)
	require.Contains(t, errs, "rappel scheme trunk NAME --cli-for presence=")
	shown := done(t, dir, "scheme", "trunk", "town", "--cli-for", "presence=+33162000000,survey=+33162000000")
	require.Regexp(t, `user +town\nsecret +set\nlines +20, of which 4 .*(?s:.*)presents +\+33199001000\npresents presence +\+33162000000\npresents survey +\+33162000000\npermits +\+33199001001\n`, shown)
	shown = done(t, dir, "scheme", "trunk", "town", "--cli-for", "survey=", "--username", "")
	require.NotRegexp(t, `user|presents survey`, shown)
	require.Equal(t, shown, done(t, dir, "scheme", "trunk", "town"), "it shows and changes nothing")
	for _, args := range [][]string{
		{"--cli-for", "presence=+33199001000"}, {"--cli-for", "presence=+33639123456"}, {"--cli-for", "presence=+33145678901"},
		{"--cli-for", "presence=+3281247454"}, {"--cli", "+33639123456"}, {"--cli", "+33899123456"}, {"--cli-for", "visit=+33162000000"},
		{"--nodes", "nowhere-1a2b3c4d"}, {"--cli", "+33162000000"}, {"--permit", "12"}, {"--lines", "3", "--inbound-reserve", "4"},
	} {
		_, errs, status := said(t, dir, append([]string{"scheme", "trunk", "town"}, args...)...)
		require.Equal(t, 2, status, "%v: %s", args, errs)
	}
	require.Equal(t, shown, done(t, dir, "scheme", "trunk", "town"), "what was refused has changed nothing")

	_, errs, _ = said(t, dir, "scheme", "trunk", "town", "--nodes", "nowhere-1a2b3c4d")
	require.Contains(t, errs, "nowhere-1a2b3c4d: there is no such node; rappel node list shows them")
	require.Equal(t, shown, done(t, dir, "scheme", "trunk", "town", "--nodes", ""))
	_, errs, status = said(t, dir, "node", "list")
	require.Zero(t, status)
	require.Contains(t, errs, "None was ever there")
	_, errs, _ = said(t, dir, "scheme", "lost", "--close", "all")
	require.Contains(t, errs, "0 facts closed")

	_, errs, status = said(t, dir, "surge")
	require.Equal(t, 2, status, errs)
	done(t, dir, "scheme", "pause")
	_, errs, status = said(t, dir, "surge", "--kind", "presence")
	require.Zero(t, status)
	require.Contains(t, errs, "it takes about 1m0s")
	require.Contains(t, errs, "rappel scheme resume")
	_, errs, status = said(t, dir, "surge", "--kind", "presence", "--class", "3")
	require.Zero(t, status)
	require.Contains(t, errs, "Nobody of that register")
	require.Regexp(t, `disabled +yes`, done(t, dir, "scheme", "trunk", "town", "--disabled"))
	_, errs, status = said(t, dir, "surge", "--kind", "presence")
	require.Equal(t, 2, status)
	require.Contains(t, errs, "a trunk that is in service")
	require.Regexp(t, `presence +1 +open 1 +no`, done(t, dir, "surge", "show"))
	done(t, dir, "surge", "stop")

	done(t, dir, "scheme", "trunk", "town", "--disabled=false")
	_, errs, _ = said(t, dir, "agreement", "set", "B1", "--kind", "presence", "--cadence", "daily", "--window", "3:00-4:00")
	require.Contains(t, errs, "no call comes of it")
	_, errs, _ = said(t, dir, "agreement", "set", "B1", "--kind", "presence", "--window", "10:00-11:00")
	require.NotContains(t, errs, "no call comes of it")
	require.Regexp(t, `presence calls, placed by a machine\ncadence +daily\nwindow +10:00-11:00\n`, done(t, dir, "agreement", "show", "B1"))
	done(t, dir, "agreement", "end", "B1", "--kind", "presence")
	_, errs, status = said(t, dir, "agreement", "end", "B1", "--kind", "presence")
	require.Equal(t, 2, status)
	require.Contains(t, errs, "no presence calls are agreed")

	require.Equal(t, "after  2m0s\nto     any registrar\n", done(t, dir, "line", "overflow"))
	done(t, dir, "line", "overflow", "--after", "90s", "--to", "caller")
	done(t, dir, "scheme", "greeting", "Colmar") // Another command leaves it alone.
	require.Equal(t, "after  1m30s\nto     any registrar, then whoever has the role caller\n", done(t, dir, "line", "overflow"))
	require.Contains(t, done(t, dir, "line", "overflow", "--to", "nobody"), "any registrar\n")
	for _, args := range [][]string{{"--after", "0"}, {"--after", "2h"}, {"--to", "registrar"}} {
		_, errs, status := said(t, dir, append([]string{"line", "overflow"}, args...)...)
		require.Equal(t, 2, status, "%v: %s", args, errs)
	}
}
