package asteriskconf_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	asteriskconf "github.com/rappel-tel/rappel/asterisk"
)

func good() asteriskconf.Settings {
	return asteriskconf.Settings{
		EtcDir: "/etc/asterisk", RunDir: "/run", LogDir: "/log", SpoolDir: "/spool", LibDir: "/lib",
		ModuleDir: "/modules", DataDir: "/data", SoundsDir: "/sounds",
		HTTP: netip.MustParseAddrPort("127.0.0.1:8088"), SIP: netip.MustParseAddrPort("127.0.0.1:5060"),
		RTPStart: 10000, RTPEnd: 10399,
		ARIUser: "rappel", ARIHash: "$5$x", MonitorUser: "monitor", MonitorHash: "$5$y",
		MaxFiles: 1024, Language: "fr", RTPTimeout: 8 * time.Second,
	}
}

func TestRender(t *testing.T) {
	files, err := asteriskconf.Render(good())
	require.NoError(t, err)
	for name, content := range files {
		require.NotContains(t, string(content), "{{", name)
		require.NotContains(t, string(content), "<no value>", name)
	}
	require.Contains(t, string(files["pjsip_templates.conf"]), "rtp_timeout = 8\n")
	require.NotContains(t, string(files["pjsip.conf"]), "transport-tls]")
	require.NotContains(t, string(files["http.conf"]), "tlsenable")

	s := good()
	s.HTTPS = netip.MustParseAddrPort("192.0.2.7:8089")
	s.SIPTLS = netip.MustParseAddrPort("192.0.2.7:5061")
	s.CertFile, s.KeyFile = "/cert", "/key"
	s.ExternalAddress = "198.51.100.9"
	s.LocalNets = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	files, err = asteriskconf.Render(s)
	require.NoError(t, err)
	require.Contains(t, string(files["http.conf"]), "tlsbindaddr = 192.0.2.7:8089\n")
	require.Contains(t, string(files["http.conf"]), "bindaddr = 127.0.0.1\n", "ARI stays on loopback")
	require.Contains(t, string(files["rtp.conf"]), "ice_permit = 192.0.2.7/32\n")
	require.Equal(t, 3, strings.Count(string(files["pjsip.conf"]), "external_media_address = 198.51.100.9\n"))
	require.Equal(t, 3, strings.Count(string(files["pjsip.conf"]), "local_net = 192.0.2.0/24\n"))
}

func TestValidate(t *testing.T) {
	require.NoError(t, good().Validate())
	for want, change := range map[string]func(*asteriskconf.Settings){
		"EtcDir is empty":           func(s *asteriskconf.Settings) { s.EtcDir = "" },
		"line break or a semicolon": func(s *asteriskconf.Settings) { s.Language = "fr\nenabled=yes" },
		"must listen on a loopback": func(s *asteriskconf.Settings) { s.HTTP = netip.MustParseAddrPort("0.0.0.0:8088") },
		"TLS needs CertFile":        func(s *asteriskconf.Settings) { s.HTTPS = netip.MustParseAddrPort("0.0.0.0:8089") },
		"are not a range":           func(s *asteriskconf.Settings) { s.RTPEnd = s.RTPStart },
		"at least 256":              func(s *asteriskconf.Settings) { s.MaxFiles = 12 },
	} {
		s := good()
		change(&s)
		require.ErrorContains(t, s.Validate(), want)
		_, err := asteriskconf.Render(s)
		require.Error(t, err)
	}
}

// TestHardening keeps the lines that matter most from being lost.
func TestHardening(t *testing.T) {
	files, err := asteriskconf.Render(good())
	require.NoError(t, err)
	for name, lines := range map[string][]string{
		"asterisk.conf": {"live_dangerously = no", "disable_remote_console_shell = yes"},
		"http.conf":     {"enable_status = no", "enable_static = no", "[/ari]", "deny = 0.0.0.0/0.0.0.0", "permit = 127.0.0.0/255.0.0.0"},
		"ari.conf":      {"password_format = crypt", "read_only = yes"},
		"manager.conf":  {"enabled = no", "webenabled = no"},
		"rtp.conf":      {"strictrtp = yes", "srtpreplayprotection = yes"},
		"logger.conf":   {"security.log => security"},
		"pjsip.conf":    {"endpoint_identifier_order = username,ip"},
		"pjsip_templates.conf": {
			"allow_transfer = no", "allow_subscribe = no", "allow_overlap = no",
			"allow_unauthenticated_options = no", "max_contacts = 1", "remove_existing = yes", "max_retries = 1000000", "auth_rejection_permanent = no",
			"media_encryption_optimistic = no",
		},
		"modules.conf": {
			"noload = chan_iax2.so", "noload = chan_unistim.so", "noload = chan_ooh323.so", "noload = res_phoneprov.so",
			"noload = res_xmpp.so", "noload = app_sms.so", "noload = res_pjsip_messaging.so", "noload = cdr_pgsql.so",
			"noload = cel_pgsql.so", "noload = res_config_ldap.so", "noload = app_voicemail.so", "noload = pbx_dundi.so",
			"noload = res_stir_shaken.so", "noload = app_system.so", "noload = func_shell.so",
			"noload = res_pjsip_endpoint_identifier_anonymous.so",
		},
	} {
		for _, line := range lines {
			require.Contains(t, "\n"+string(files[name]), "\n"+line+"\n", name)
		}
	}
}

// TestOutdated: what another release wrote is told apart from what an operator has changed.
func TestOutdated(t *testing.T) {
	t.Parallel()
	rendered, err := asteriskconf.Render(good())
	require.NoError(t, err)
	dir := fstest.MapFS{}
	for name, text := range rendered {
		dir[name] = &fstest.MapFile{Data: text}
	}
	old, err := asteriskconf.Outdated(dir)
	require.NoError(t, err)
	require.Empty(t, old)
	dir["logger.conf"].Data = append(dir["logger.conf"].Data, "; of the town's own\n"...)
	dir["extensions.conf"].Data = append([]byte("; rappel pbx files: 000000000000\n"), dir["extensions.conf"].Data...)
	delete(dir, "stasis.conf")
	old, err = asteriskconf.Outdated(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"extensions.conf", "stasis.conf"}, old)
}
