package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAbsencesAndHoursFromTheCommandLine(t *testing.T) {
	dir, _ := place(t, "asterisk: {password: file:ari.secret}\n")
	done(t, dir, "migrate")
	done(t, dir, "scheme", "create", "--name", "Colmar", "--country", "FR")
	people := "ref;nom;prénom;téléphone;rythme\nB1;Meyer;Odile;+33 1 99 00 12 34;quotidien\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte(people), 0o600))
	done(t, dir, "import", "people.csv")

	done(t, dir, "absence", "add", "B1", "--from", "2041-03-04", "--until", "2041-03-08")
	done(t, dir, "absence", "add", "B1", "--from", "2042-03-04", "--no-call")
	for _, again := range [][]string{{"--from", "2041-03-04", "--until", "2041-03-08"}, {"--from", "2042-03-04", "--no-call"}} {
		_, errs, status := said(t, dir, append([]string{"absence", "add", "B1"}, again...)...)
		require.Zero(t, status)
		require.Contains(t, errs, "noted already")
	}
	list := done(t, dir, "absence", "list", "B1")
	require.Equal(t, 3, strings.Count(list, "\n"), list)
	require.Regexp(t, `B1 +2041-03-04 +2041-03-08 +absence +yes`, list)
	require.Regexp(t, `B1 +2042-03-04 +further notice +no calls +no`, list)
	done(t, dir, "absence", "end", "B1", "--back", "2041-03-06")
	require.Regexp(t, `B1 +2041-03-04 +2041-03-05`, done(t, dir, "absence", "list"))

	done(t, dir, "hours", "set", "fri,sat", "10-12,13:30-16:00")
	done(t, dir, "hours", "close", "2041-12-24", "--until", "2041-12-31")
	done(t, dir, "hours", "open", "2041-12-26", "10:00-12:00")
	done(t, dir, "hours", "holidays", "FR-68")
	shown := done(t, dir, "hours", "show")
	for _, line := range []string{
		`Mon +9:30-17:00`, `Fri +10:00-12:00,13:30-16:00`, `Sat +10:00-12:00,13:30-16:00`, `Sun +closed`,
		`2041-12-24 to 2041-12-31 +closed`, `2041-12-26 +10:00-12:00`, `holidays +FR-68`,
	} {
		require.Regexp(t, line, shown)
	}
	done(t, dir, "hours", "usual", "2041-12-26")
	require.NotContains(t, done(t, dir, "hours", "show"), "2041-12-26 ")

	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"absence", "add", "B9"}, "no such beneficiary"},
		{[]string{"absence", "add", "B1", "--from", "24/12/2041"}, "is no date such as"},
		{[]string{"absence", "add", "B1", "--from", "2041-12-24", "--until", "2041-12-20"}, "the last day is before the first"},
		{[]string{"hours", "set", "lundi", "9-12"}, "no days such as"},
		{[]string{"hours", "set", "mon", "12-9"}, "no hours such as"},
		{[]string{"hours", "usual", "2041-01-01"}, "no exception"},
		{[]string{"hours", "holidays", "BE"}, "no public holidays of its own"},
		{[]string{"scheme", "greeting", strings.Repeat("Gardons le contact ", 6)}, "read out for too long; 100 are allowed"},
	} {
		_, errs, status := said(t, dir, c.args...)
		require.Equal(t, 2, status, "%v: %s", c.args, errs)
		require.Contains(t, errs, c.want, "%v", c.args)
	}
}

func TestAgreementsFromTheCommandLine(t *testing.T) {
	dir, _ := place(t, "asterisk: {password: file:ari.secret}\n")
	done(t, dir, "migrate")
	done(t, dir, "scheme", "create", "--name", "Namur")
	people := "ref;nom;prénom;téléphone;rythme\nB1;Meyer;Odile;+32 498 12 34 56;quotidien\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte(people), 0o600))
	done(t, dir, "import", "people.csv")
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"--cadence", "monthly", "--days", "tue", "--nth", "2"}, []string{`cadence +monthly`, `days +tue`, `nth +2`}},
		{[]string{"--month-day", "31"}, []string{`month day +31`}},
		{[]string{"--cadence", "weekly", "--days", "mon,thu", "--window", "mon 9:30-11", "--window", "thu 14-16", "--zone", "Indian/Reunion"},
			[]string{`cadence +weekly`, `per week +2`, `window +mon 9:30-11:00`, `window +thu 14:00-16:00`, `zone +Indian/Reunion`}},
		{[]string{"--cadence", "once", "--days", "free", "--dates", "2041-02-03,2041-03-04"}, []string{`cadence +once`, `date +2041-02-03`, `date +2041-03-04`}},
	} {
		done(t, dir, append([]string{"agreement", "set", "B1"}, c.args...)...)
		shown := done(t, dir, "agreement", "show", "B1")
		for _, line := range c.want {
			require.Regexp(t, line, shown, "%v", c.args)
		}
	}
	_, errs, status := said(t, dir, "agreement", "set", "B1", "--skills", "Dementia, bereavement", "--hard")
	require.Zero(t, status)
	require.Contains(t, errs, "no caller who speaks her language has these skills")
	// What was agreed survives a way through a sheet.
	done(t, dir, "agreement", "set", "B1", "--cadence", "weekly", "--window", "mon 9:30-11", "--window", "tue,thu 14-16")
	require.Regexp(t, `skills +bereavement, dementia\nhard +yes`, done(t, dir, "agreement", "show", "B1"))
	before := done(t, dir, "agreement", "show", "B1")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "again.csv"), []byte(done(t, dir, "export")), 0o600))
	done(t, dir, "import", "again.csv")
	require.Equal(t, before, done(t, dir, "agreement", "show", "B1"))
	for _, args := range [][]string{
		{"B9"}, {"B1", "--nth", "2"}, {"B1", "--dates", "2041-02-03"}, {"B1", "--window", "9-8"}, {"B1", "--window", "9-12", "--window", "mon 11-13"}, {"B1", "--zone", "Mars"}, {"B1", "--per-week", "8"},
		{"B1", "--cadence", "yearly"},
	} {
		_, errs, status := said(t, dir, append([]string{"agreement", "set"}, args...)...)
		require.Equal(t, 2, status, "%v: %s", args, errs)
	}
}

func TestRetriesFromTheCommandLine(t *testing.T) {
	dir, _ := place(t, "asterisk: {password: file:ari.secret}\n")
	done(t, dir, "migrate")
	done(t, dir, "scheme", "create", "--name", "Namur")
	shown := done(t, dir, "scheme", "retries")
	require.Regexp(t, `any +5m0s +30m0s +30m0s +1m0s +1m0s +3\n`, shown)
	require.Contains(t, shown, "per person and day: 6")

	done(t, dir, "scheme", "retries", "--busy", "2m", "--tries", "4", "--per-day", "8")
	shown = done(t, dir, "scheme", "retries", "--kind", "presence", "--no-answer", "10m", "--machine", "0", "--tries", "2")
	require.Regexp(t, `any +2m0s +30m0s +30m0s +1m0s +1m0s +4\n`, shown)
	require.Regexp(t, `presence +2m0s +10m0s +never +1m0s +1m0s +2\n`, shown)
	require.Contains(t, shown, "per person and day: 8")
	shown = done(t, dir, "scheme", "retries", "--kind", "presence", "--usual")
	require.NotContains(t, shown, "presence")
	shown = done(t, dir, "scheme", "retries", "--usual", "--per-day", "0")
	require.Regexp(t, `any +5m0s .* 3\n`, shown)
	require.Contains(t, shown, "as often as that comes to")

	for _, args := range [][]string{
		{"--busy", "-1m"}, {"--busy", "48h"}, {"--tries", "0"}, {"--kind", "presence", "--per-day", "4"}, {"--kind", "visit"}, {"--per-day", "-2"},
	} {
		_, errs, status := said(t, dir, append([]string{"scheme", "retries"}, args...)...)
		require.Equal(t, 2, status, "%v: %s", args, errs)
	}
}

func TestLimitsFromTheCommandLine(t *testing.T) {
	dir, _ := place(t, "asterisk: {password: file:ari.secret}\n")
	done(t, dir, "migrate")
	done(t, dir, "scheme", "create", "--name", "Namur")
	people := "ref;type;nom;minutes par jour;compétences\nA1;appelante;Lambert;90;deuil\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte(people), 0o600))
	done(t, dir, "import", "people.csv")
	require.Regexp(t, `talk +no bound\ncalls +no bound`, done(t, dir, "scheme", "limits"))
	require.Regexp(t, `calls +12\nhard calls +4\nin a row +2\nbreather +10m0s`,
		done(t, dir, "scheme", "limits", "--calls", "12", "--hard", "4", "--in-a-row", "2", "--breather", "10m"))
	require.Regexp(t, `skills +deuil\ntalk +1h30m0s\ncalls +12 \(the scheme's\)`, done(t, dir, "caller", "set", "A1"))
	shown := done(t, dir, "caller", "set", "A1", "--skills", "langue des signes,Deuil", "--calls", "6", "--talk", "0")
	require.Regexp(t, `skills +deuil, langue des signes\ntalk +no bound\ncalls +6\n`, shown)
	require.Contains(t, done(t, dir, "export"), ";deuil, langue des signes;;6;;;;oui")
	for _, args := range [][]string{
		{"caller", "set", "A9"}, {"caller", "set", "A1", "--talk", "90s"}, {"scheme", "limits", "--calls", "-1"}, {"scheme", "limits", "--breather", "20h"},
	} {
		_, errs, status := said(t, dir, args...)
		require.Equal(t, 2, status, "%v: %s", args, errs)
	}
}
