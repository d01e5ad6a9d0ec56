package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// What rappel pbx files writes is what the real Asterisk runs with, and the doctor finds nothing wrong with it.
func TestPBXFilesRunARealAsterisk(t *testing.T) {
	pbx := setuptest.Asterisk(t)
	t.Setenv("ARI_PASSWORD", pbx.ARIPassword())
	dir, _ := place(t, pbxConfig(pbx)+"speech: {language: nl}\n")
	s := pbx.Settings()
	write := []string{
		"pbx", "files", "pbx", "--etc", s.EtcDir, "--run", s.RunDir, "--log", s.LogDir, "--spool", s.SpoolDir, "--lib", s.LibDir,
		"--modules", s.ModuleDir, "--data", s.DataDir, "--sip-tls", "127.0.0.1:" + fmt.Sprint(s.SIP.Port()+2),
		"--certificate", s.CertFile, "--key", s.KeyFile, "--rtp", fmt.Sprintf("%d-%d", s.RTPStart, s.RTPEnd),
	}
	out := done(t, dir, write...)
	last := out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:]
	require.Contains(t, last, "Next: cp pbx/*.conf "+s.EtcDir+"/ && ")
	require.Contains(t, last, "&& rappel doctor --config rappel.yaml\n")

	entries, err := os.ReadDir(filepath.Join(dir, "pbx"))
	require.NoError(t, err)
	require.Greater(t, len(entries), 25)
	for _, e := range entries {
		path := filepath.Join(dir, "pbx", e.Name())
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o640), info.Mode().Perm(), e.Name())
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContains(t, string(text), pbx.ARIPassword(), "only its hash is written")
		require.NotContains(t, string(text), "{{")
		require.NoError(t, pbx.WriteConfig(e.Name(), text))
	}
	require.NoError(t, pbx.Restart(t.Context()))
	listening, err := pbx.Console(t.Context(), "pjsip show transports")
	require.NoError(t, err)
	require.Contains(t, listening, "transport-tls")
	language, err := pbx.Console(t.Context(), "core show settings")
	require.NoError(t, err)
	require.Regexp(t, `Default language: +nl`, language)

	done(t, dir, "migrate")
	done(t, dir, "scheme", "create", "--name", "Namur")
	done(t, dir, "scheme", "trunk", "town", "--host", "192.0.2.10", "--cli", "+3281000000")
	// As on a second node before its service was ever there: rappel doctor && rappel serve begins.
	text, _, status := said(t, dir, "doctor", "--json")
	require.Zero(t, status, text)
	var d app.Diagnosis
	require.NoError(t, json.Unmarshal([]byte(text), &d))
	looked := map[string]bool{}
	for _, f := range d.Checks {
		if f.Check == "trunk.online" {
			require.Equal(t, app.VerdictWarn, f.Verdict, "%s: %s", f.Detail, f.Cause)
		}
		if strings.HasPrefix(f.Check, "pbx.") {
			looked[f.Check] = true
			require.Equal(t, app.VerdictOK, f.Verdict, "%s: %s %s %s", f.Check, f.Detail, f.Cause, f.Fix)
		}
	}
	require.True(t, looked["pbx.reachable"] && looked["pbx.rights"] && looked["pbx.modules"] && looked["pbx.accounts"])

	// Nothing is overwritten by accident, and the service's own files never.
	_, errs, status := said(t, dir, write...)
	require.Equal(t, 2, status)
	require.Contains(t, errs, "--force")
	accounts, changed := filepath.Join(dir, "pbx", "pjsip_accounts.conf"), filepath.Join(dir, "pbx", "ari.conf")
	require.NoError(t, os.WriteFile(accounts, []byte("; the service's\n"), 0o640))
	require.NoError(t, os.WriteFile(changed, nil, 0o600))
	done(t, dir, append(write, "--force")...)
	text2, err := os.ReadFile(accounts)
	require.NoError(t, err)
	require.Equal(t, "; the service's\n", string(text2))
	text2, err = os.ReadFile(changed)
	require.NoError(t, err)
	require.Contains(t, string(text2), "[rappel]")
}

func TestPBXFilesRefuseWhatCouldNotWork(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ari.secret"), []byte("4af1c09e4af1c09e4af1c09e\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "short.secret"), []byte("4af1c09e\n"), 0o600))
	for _, c := range []struct{ asterisk, flags, want string }{
		{"password: file:short.secret", "", "openssl rand"},
		{"{password: file:ari.secret, ari: 'http://192.0.2.1:8088/ari'}", "", "beside the service"},
		{"{password: file:ari.secret, application: other}", "", "leave it away"},
		{"{password: file:ari.secret, recordings: /srv/messages}", "", "--spool"},
		{"{password: file:ari.secret}", "--rtp many", "is not a range"},
		{"{password: file:ari.secret}", "--sip here", "is not ADDRESS:PORT"},
		{"{password: file:ari.secret}", "--wss 0.0.0.0:8089", "TLS needs"},
		{"{password: file:ari.secret}", "--local-net here", "is not a network"},
	} {
		asterisk := c.asterisk
		if !strings.HasPrefix(asterisk, "{") {
			asterisk = "{" + asterisk + "}"
		}
		text := "postgres: {url: 'postgres://rappel:zb7uhJ@127.0.0.1/rappel'}\nasterisk: " + asterisk + "\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, "rappel.yaml"), []byte(text), 0o600))
		_, errs, status := said(t, dir, append([]string{"pbx", "files", "pbx"}, strings.Fields(c.flags)...)...)
		require.Equal(t, 2, status, "%s: %s", c.want, errs)
		require.Contains(t, errs, c.want)
		require.NoDirExists(t, filepath.Join(dir, "pbx"))
	}
}
