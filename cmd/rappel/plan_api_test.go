package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestADayPlanIsTheSameOverTheAPI: what rappel plan says a program reads with the same figures, whatever is asked, from a service of
// its own; what one refuses the other refuses for the same reason.
func TestADayPlanIsTheSameOverTheAPI(t *testing.T) {
	free, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	dir, _ := place(t, fmt.Sprintf("asterisk: {password: file:ari.secret}\nweb: {listen: %q}\n", address))
	done(t, dir, "migrate")
	id := strings.TrimSpace(done(t, dir, "scheme", "create", "--name", "Namur"))
	done(t, dir, "scheme", "trunk", "town", "--host", "192.0.2.10", "--cli", "+3281000000", "--lines", "10")
	var people strings.Builder
	people.WriteString("référence;type;nom;prénom;téléphone;rythme;plages\nA01;appelante;Dubois;Anne;;;\nA02;appelant;Lambert;Luc;;;\n")
	for i := range 30 {
		fmt.Fprintf(&people, "B%03d;bénéficiaire;Meyer;Odile%d;+32 498 12 %02d %02d;quotidien;9h30-11h30\n", i, i, 30+i/10, 10+i%10)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte(people.String()), 0o600))
	done(t, dir, "import", "people.csv")
	done(t, dir, "shift", "add", "A01", "--days", "mon,tue", "--hours", "9:30-12:30")
	token := strings.TrimSpace(done(t, dir, "user", "token", "new", "the hall"))

	service := rappel(t, dir, "serve", "--roles", "web")
	require.NoError(t, service.Start())
	t.Cleanup(func() {
		_ = service.Process.Signal(syscall.SIGTERM)
		_ = service.Wait() // What it says is not looked at here.
	})
	ask := func(scheme, query string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/api/v1/schemes/"+scheme+"/plan"+query, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
		res, err := client.Do(r)
		if err != nil {
			return 0, ""
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(body)
	}
	require.Eventually(t, func() bool { status, _ := ask(id, "?date=x"); return status != 0 }, time.Minute, 50*time.Millisecond)

	const tuesday, sunday = "2041-11-26", "2041-11-24"
	for query, flags := range map[string][]string{
		"?date=" + tuesday:                                    {"--date", tuesday},
		"?date=" + sunday:                                     {"--date", sunday},
		"?date=" + tuesday + "&runs=20&seed=7":                {"--date", tuesday, "--runs", "20", "--seed", "7"},
		"?date=" + tuesday + "&runs=20&callers=9&target=0.25": {"--date", tuesday, "--runs", "20", "--callers", "9", "--target", "0.25"},
	} {
		printed := done(t, dir, append([]string{"plan", "--json"}, flags...)...)
		status, body := ask(id, query)
		require.Equal(t, http.StatusOK, status, body)
		require.JSONEq(t, printed, body, query)
	}

	for _, c := range []struct {
		query string
		flags []string
		want  string // Said by both.
	}{
		{"?date=24-11-2041", []string{"--date", "24-11-2041"}, "date"},
		{"?date=2026-01-05", []string{"--date", "2026-01-05"}, "that day is over"},
		{"?date=" + tuesday + "&runs=0", []string{"--date", tuesday, "--runs", "0"}, "runs"},
		{"?date=" + tuesday + "&callers=-1", []string{"--date", tuesday, "--callers", "-1"}, "callers"},
		{"?date=" + tuesday + "&target=-1", []string{"--date", tuesday, "--target", "-1"}, "target"},
		{"?date=" + tuesday + "&seed=x", []string{"--date", tuesday, "--seed", "x"}, "seed"},
	} {
		_, errs, exit := said(t, dir, append([]string{"plan"}, c.flags...)...)
		require.Equal(t, 2, exit, "%v: %s", c.flags, errs)
		require.Contains(t, errs, c.want)
		status, body := ask(id, c.query)
		require.Equal(t, http.StatusBadRequest, status, "%s: %s", c.query, body)
		var problem struct{ Detail string }
		require.NoError(t, json.Unmarshal([]byte(body), &problem))
		require.Contains(t, problem.Detail, c.want, body)
	}
	const unknown = "0198a2f0-0000-7000-8000-00000000000f"
	_, errs, exit := said(t, dir, "plan", "--scheme", unknown)
	require.Equal(t, 2, exit, errs)
	require.Contains(t, errs, unknown)
	status, body := ask(unknown, "")
	require.Equal(t, http.StatusNotFound, status, body)
}
