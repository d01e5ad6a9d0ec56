package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/forecast"
)

func TestADayPlanFromTheCommandLine(t *testing.T) {
	dir, _ := place(t, "asterisk: {password: file:ari.secret}\n")
	done(t, dir, "migrate")
	done(t, dir, "scheme", "create", "--name", "Namur")
	done(t, dir, "scheme", "trunk", "town", "--host", "192.0.2.10", "--cli", "+3281000000", "--lines", "10")
	var people strings.Builder
	people.WriteString("référence;type;nom;prénom;téléphone;rythme;plages\nA01;appelante;Dubois;Anne;;;\nA02;appelant;Lambert;Luc;;;\n")
	for i := range 40 {
		fmt.Fprintf(&people, "B%03d;bénéficiaire;Meyer;Odile%d;+32 498 12 %02d %02d;quotidien;9h30-11h30\n", i, i, 30+i/10, 10+i%10)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte(people.String()), 0o600))
	done(t, dir, "import", "people.csv")

	const tuesday, sunday = "2041-11-26", "2041-11-24"
	sheet := done(t, dir, "plan", "--date", tuesday, "--runs", "40")
	t.Log(sheet)
	for _, line := range []string{
		`Tuesday 26 November 2041, Namur`, `40 promises and 2 callers, played 40 times`, `09:00 +40 +1\.0`, `At risk`, `B\d+ +0 +09:30-11:30 +fr +\d+ %`,
		`more callers from \d\d:00 to \d\d:00 save \d+ promises`, `2 callers without a shift`, `mostly a default, from 0 attempts`,
	} {
		require.Regexp(t, line, sheet)
	}
	require.NotContains(t, sheet, "Odile")
	require.NotContains(t, sheet, "498")

	done(t, dir, "shift", "add", "A01", "--days", "mon,tue", "--hours", "09:30-12:30")
	done(t, dir, "shift", "add", "A01", "--days", "wed", "--hours", "9-17", "--from", "2041-12-01")
	require.Regexp(t, `A01 +mon,tue +9:30-12:30 +- +-\nA01 +wed +9:00-17:00 +2041-12-01 +-`, done(t, dir, "shift", "list"))
	require.Contains(t, done(t, dir, "plan", "--date", tuesday, "--runs", "4"), "1 caller without a shift")
	done(t, dir, "shift", "remove", "A01", "--days", "tue")
	require.Contains(t, done(t, dir, "plan", "--date", tuesday, "--runs", "4"), "40 promises and 1 caller,", "she works on other days")
	require.Contains(t, done(t, dir, "plan", "--date", tuesday, "--runs", "4", "--callers", "20"), "Nothing: ")
	require.Contains(t, done(t, dir, "plan", "--date", sunday), "No promise is open. The scheme is closed that day")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "shifts"), []byte("# who\nA02 9:30-12\n+3 9:30-11,13-17\n"), 0o600))
	args := []string{"plan", "--date", tuesday, "--runs", "20", "--seed", "7", "--shifts", "shifts", "--json"}
	first := done(t, dir, args...)
	require.Equal(t, first, done(t, dir, args...), "a seed gives the same plan")
	var plan forecast.Plan
	require.NoError(t, json.Unmarshal([]byte(first), &plan))
	require.Equal(t, 4, plan.Outlook.Callers)
	require.InDelta(t, 40, plan.Outlook.Kept.Mean+plan.Outlook.Missed.Mean, 1e-9)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "torn"), []byte("\ufeffA02 9:30-12\r\n+3 9:3"), 0o600))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"plan", "--date", "2026-01-05"}, "that day is over"},
		{[]string{"plan", "--date", "tomorrow"}, "is no date such as"},
		{[]string{"plan", "--callers", "2", "--shifts", "shifts"}, "give one of them"},
		{[]string{"plan", "--date", tuesday, "--shifts", "none"}, "no such file"},
		{[]string{"plan", "--date", tuesday, "--runs", "-1"}, "once at least"},
		{[]string{"plan", "--date", tuesday, "--runs", "1000000"}, "at most 100000 are played"},
		{[]string{"plan", "--callers", "-3"}, "write 0 to 10000"},
		{[]string{"plan", "--target", "Inf"}, "write a number of promises"},
		{[]string{"plan", "--date", tuesday, "--shifts", "torn"}, "torn:2: no hours such as"},
		{[]string{"shift", "add", "A09", "--hours", "9-12"}, "A09: nobody who works for the scheme"},
		{[]string{"shift", "add", "A01", "--hours", "22-2"}, "22:00-24:00 of one day"},
		{[]string{"shift", "add", "A01"}, "required flag"},
		{[]string{"shift", "remove", "A02"}, "A02: she has no shift"},
	} {
		_, errs, status := said(t, dir, c.args...)
		require.Equal(t, 2, status, "%v: %s", c.args, errs)
		require.Contains(t, errs, c.want, "%v", c.args)
	}
}
