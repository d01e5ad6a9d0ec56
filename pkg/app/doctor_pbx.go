package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	asteriskconf "github.com/rappel-tel/rappel/asterisk"
)

const (
	leastAsteriskMajor = 22
	leastAsteriskMinor = 10
	probeApplication   = "rappel_doctor" // Never the service's own: Asterisk would hand its calls over.
	largestAnswer      = 4 << 20
)

// requiredModules are those without which some call cannot run.
func requiredModules() []string {
	return []string{
		"chan_pjsip.so", "res_pjsip.so", "res_pjsip_session.so", "res_pjsip_outbound_registration.so", "res_ari.so",
		"res_ari_channels.so", "res_ari_bridges.so", "res_ari_recordings.so", "res_ari_events.so", "res_stasis.so",
		"res_stasis_playback.so", "res_stasis_recording.so", "app_stasis.so", "app_originate.so", "app_bridgewait.so",
		"app_dial.so", "app_record.so", "app_read.so", "app_userevent.so", "bridge_holding.so", "bridge_simple.so",
		"res_rtp_asterisk.so", "res_srtp.so", "res_http_websocket.so", "format_wav.so", "func_channel.so", "func_strings.so",
	}
}

// requiredCodecs are the modules that turn one sound format into another.
func requiredCodecs() []string {
	return []string{"codec_alaw.so", "codec_ulaw.so", "codec_g722.so", "codec_resample.so"}
}

// ariProbe asks ARI without any of the service's own state.
type ariProbe struct {
	base           string
	user, password string
	client         *http.Client
}

// ask sends one request and returns the status, the clock of the answer and the body.
func (p *ariProbe) ask(ctx context.Context, method, path string) (int, time.Time, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(p.base, "/")+path, nil)
	if err != nil {
		return 0, time.Time{}, nil, fmt.Errorf("make request: %w", err)
	}
	req.SetBasicAuth(p.user, p.password)
	res, err := p.client.Do(req)
	if err != nil {
		return 0, time.Time{}, nil, fmt.Errorf("ask ARI: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // It was read.
	body, err := io.ReadAll(io.LimitReader(res.Body, largestAnswer))
	if err != nil {
		return 0, time.Time{}, nil, fmt.Errorf("read ARI: %w", err)
	}
	// A missing Date leaves the zero time, which says that the clock is not known.
	date, _ := http.ParseTime(res.Header.Get("Date"))
	return res.StatusCode, date, body, nil
}

func (p *ariProbe) read(ctx context.Context, path string, into any) error {
	status, _, body, err := p.ask(ctx, http.MethodGet, path)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("ask ARI for %s: status %d", path, status)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("decode %s: %w", path, err)
	}
	return nil
}

func (e *examination) probe() *ariProbe {
	return &ariProbe{
		base: e.cfg.Asterisk.ARI, user: e.cfg.Asterisk.User, password: e.cfg.Asterisk.Password.Value(),
		client: &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{}},
	}
}

// pbx looks at Asterisk.
func (e *examination) pbx(ctx context.Context) {
	rest := []string{"pbx.user", "pbx.version", "pbx.rights", "pbx.events", "pbx.modules", "pbx.codecs", "prompts.sounds"}
	if !e.cfg.Has(RoleSwitch) {
		e.leave("this process does not drive a PBX", append(rest, "pbx.files", "pbx.reachable")...)
		return
	}
	e.look("pbx.files", "configuration of this release", func() outcome { return pbxFiles(filepath.Dir(e.cfg.Asterisk.Accounts), e.file) })
	p := e.probe()
	defer p.client.CloseIdleConnections()
	var status int
	var info struct {
		System struct {
			Version string `json:"version"`
		} `json:"system"`
		Status struct {
			StartupTime string `json:"startup_time"`
		} `json:"status"`
	}
	if !e.look("pbx.reachable", "ARI answers", func() outcome {
		begun := time.Now()
		var date time.Time
		var body []byte
		var err error
		status, date, body, err = p.ask(ctx, http.MethodGet, "/asterisk/info")
		if err != nil {
			return wrong(p.base, "nothing answers there: "+short(err), "sudo systemctl start asterisk; check enabled=yes and bindaddr in http.conf and ari.conf")
		}
		if !date.IsZero() {
			e.mu.Lock()
			e.pbxNow = offsetOf{known: true, offset: time.Until(date.Add(500 * time.Millisecond)), within: time.Second}
			e.mu.Unlock()
		}
		if status == http.StatusNotFound {
			return wrong(p.base, "a web server answers, but ARI is not there", "set enabled=yes in ari.conf, load res_ari.so, and end asterisk.ari with /ari")
		}
		if status == http.StatusOK {
			if err := json.Unmarshal(body, &info); err != nil {
				return wrong(p.base, "what answers is not Asterisk: "+short(err), "correct asterisk.ari")
			}
		}
		return fine("%s in %d ms", p.base, time.Since(begun).Milliseconds())
	}) {
		e.leave("ARI does not answer", rest...)
		return
	}
	if !e.look("pbx.user", "ARI user is known", func() outcome {
		switch status {
		case http.StatusOK:
			return fine("%s", p.user)
		case http.StatusUnauthorized, http.StatusForbidden:
			return wrong(p.user, "user or password are wrong, or ari.conf does not permit this address", "compare with asterisk.user and asterisk.password: sudo grep -A5 '^\\["+p.user+"\\]' /etc/asterisk/ari.conf; then: sudo asterisk -rx 'module reload res_ari.so'")
		}
		return wrong(fmt.Sprintf("status %d", status), "ARI answers with an error", "read Asterisk's log")
	}) {
		e.leave("ARI refuses the user", rest[1:]...)
		return
	}
	e.mu.Lock()
	e.pbxAnswers = true
	e.mu.Unlock()
	e.look("pbx.version", "Asterisk 22.10 or newer", func() outcome { return asteriskVersion(info.System.Version) })
	e.look("pbx.rights", "ARI user may act", func() outcome {
		// Stopping a playback that does not exist changes nothing and needs the right to write.
		status, _, _, err := p.ask(ctx, http.MethodDelete, "/playbacks/rappel-doctor")
		switch {
		case err != nil:
			return wrong("unknown", short(err), "read Asterisk's log")
		case status == http.StatusForbidden || status == http.StatusUnauthorized:
			return wrong(p.user+" may only read", "read_only=yes in ari.conf", "set read_only=no for "+p.user+", then: sudo asterisk -rx 'module reload res_ari.so'")
		}
		return fine("%s may read and write", p.user)
	})
	e.look("pbx.events", "event stream opens", func() outcome { return eventStream(ctx, p) })
	e.modules(ctx, p)
	e.look("prompts.sounds", "sounds of the PBX", func() outcome { return e.sounds(ctx, p) })
}

func asteriskVersion(version string) outcome {
	parts := strings.SplitN(strings.TrimPrefix(version, "certified/"), ".", 3)
	major, err := strconv.Atoi(parts[0])
	minor := 0
	if err == nil && len(parts) > 1 {
		minor, err = strconv.Atoi(strings.TrimRightFunc(parts[1], func(r rune) bool { return r < '0' || r > '9' }))
	}
	if err != nil {
		return doubtful(version, "the version cannot be read", "asterisk -V")
	}
	if major < leastAsteriskMajor || (major == leastAsteriskMajor && minor < leastAsteriskMinor) {
		return wrong(version, "older releases lack fixes of 2026 and REST over the event stream", "install Asterisk 22.10 or newer; rappel demo shows how in a root file system of its own")
	}
	return fine("%s", version)
}

// eventStream opens the stream under a name of its own and waits for nothing.
func eventStream(ctx context.Context, p *ariProbe) outcome {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	address := strings.Replace(strings.TrimSuffix(p.base, "/"), "http", "ws", 1) + "/events?" + url.Values{"app": {probeApplication}}.Encode()
	req := http.Header{}
	withAuth := http.Request{Header: req}
	withAuth.SetBasicAuth(p.user, p.password)
	conn, res, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPHeader: req, HTTPClient: p.client})
	if res != nil && res.Body != nil {
		defer func() { _ = res.Body.Close() }() // The library owns the connection.
	}
	if err != nil {
		return wrong("refused", short(err), "load res_http_websocket.so and res_ari_events.so; a proxy in between must pass upgrades on")
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		return doubtful("opened, and closed badly", short(err), "look for a proxy between service and PBX")
	}
	return fine("opened and closed")
}

func (e *examination) modules(ctx context.Context, p *ariProbe) {
	var modules []struct {
		Name   string `json:"name"`
		Status string `json:"status"`
	}
	err := p.read(ctx, "/asterisk/modules", &modules)
	running := map[string]bool{}
	for _, m := range modules {
		running[m.Name] = strings.EqualFold(m.Status, "Running")
	}
	missing := func(required []string) []string {
		return slices.DeleteFunc(slices.Clone(required), func(m string) bool { return running[m] })
	}
	for _, c := range []struct {
		name, title string
		required    []string
	}{
		{"pbx.modules", "modules that calls need", requiredModules()},
		{"pbx.codecs", "codecs of phones and trunks", requiredCodecs()},
	} {
		e.look(c.name, c.title, func() outcome {
			if err != nil {
				return wrong("unknown", short(err), "sudo asterisk -rx 'module show'")
			}
			if lacking := missing(c.required); len(lacking) > 0 {
				return wrong("missing: "+strings.Join(lacking, ", "), "they are not installed, or noload in modules.conf",
					"remove their noload lines and: sudo asterisk -rx 'module load "+lacking[0]+"'")
			}
			return fine("all %d run", len(c.required))
		})
	}
	e.look("pbx.opus", "codec of browser phones", func() outcome {
		if running["codec_opus_open_source.so"] || running["codec_opus.so"] {
			return fine("opus")
		}
		return doubtful("no opus", "browser phones fall back to G.711 and sound worse on bad lines", "apt-get install asterisk-opus")
	})
	e.look("pbx.dangerous", "modules that nobody should need", func() outcome {
		var found []string
		for _, m := range []string{"app_system.so", "func_shell.so", "app_externalivr.so", "chan_iax2.so", "res_xmpp.so", "pbx_dundi.so"} {
			if running[m] {
				found = append(found, m)
			}
		}
		if len(found) > 0 {
			return doubtful(strings.Join(found, ", "), "whoever gets into the dialplan could run programs", "add noload lines for them to modules.conf, as in asterisk/modules.conf")
		}
		return fine("none runs")
	})
}

// trunkStates compares the trunks of the records with what the PBX says of them, once both have answered.
func (e *examination) trunkStates(ctx context.Context) outcome {
	switch {
	case !e.cfg.Has(RoleSwitch):
		return skipped("this process does not drive a PBX")
	case !e.pbxAnswers:
		return skipped("the PBX does not answer")
	case !e.recordsRead:
		return skipped("the records cannot be read")
	case len(e.trunks) == 0:
		return doubtful("the records name no trunk", "nobody can be called", "rappel scheme trunk NAME --host HOST --cli NUMBER --config "+e.file)
	}
	p := e.probe()
	defer p.client.CloseIdleConnections()
	var endpoints []struct {
		Resource string `json:"resource"`
		State    string `json:"state"`
	}
	status, _, body, err := p.ask(ctx, http.MethodGet, "/endpoints/PJSIP")
	if err == nil && status == http.StatusOK {
		err = json.Unmarshal(body, &endpoints)
	}
	if err != nil {
		return wrong("unknown", short(err), "sudo asterisk -rx 'pjsip show endpoints'")
	}
	states := map[string]string{}
	for _, ep := range endpoints {
		states[ep.Resource] = ep.State
	}
	var bad []string
	unknown := 0
	for _, t := range e.trunks {
		if s := states[t.name]; s != "online" {
			if s == "" {
				s, unknown = "unknown to the PBX", unknown+1
			}
			bad = append(bad, t.name+" is "+s)
		}
	}
	if told, err := os.ReadFile(e.cfg.Asterisk.Trunks); err == nil && len(bytes.TrimSpace(told)) == 0 && unknown == len(e.trunks) {
		return doubtful(strings.Join(bad, ", "), "the service tells it at its first start beside this PBX", "start the service once: rappel serve")
	}
	if len(bad) > 0 && unknown == len(e.trunks) {
		return wrong(strings.Join(bad, ", "), "the service has not told the PBX of them yet, or the PBX has not read "+e.cfg.Asterisk.Trunks,
			"start the service: rappel serve --config "+e.file)
	}
	if len(bad) > 0 {
		return wrong(strings.Join(bad, ", "), "the operator's side does not answer OPTIONS, or the service never wrote the trunk",
			"sudo asterisk -rx 'pjsip show contacts'; check host, port and firewall of the trunk")
	}
	return fine("%d online", len(e.trunks))
}

// sounds asks which of the PBX's own sounds are there: the dialplan's last resort when the service is away.
func (e *examination) sounds(ctx context.Context, p *ariProbe) outcome {
	var missing []string
	for _, s := range []struct{ id, lang string }{{"beep", "en"}, {"vm-intro", "fr"}} {
		status, _, _, err := p.ask(ctx, http.MethodGet, "/sounds/"+s.id+"?lang="+s.lang)
		if err != nil {
			return wrong("unknown", short(err), "sudo asterisk -rx 'core show sounds'")
		}
		if status != http.StatusOK {
			missing = append(missing, s.id+" ("+s.lang+")")
		}
	}
	if len(missing) > 0 {
		return doubtful("missing: "+strings.Join(missing, ", "), "the core sounds are not installed", "apt-get install asterisk-core-sounds-fr-wav asterisk-core-sounds-en-wav")
	}
	return fine("core sounds are there")
}

// pbxFiles finds files of the PBX's configuration that another release has written: an upgrade of the service alone does not bring
// them.
func pbxFiles(dir, config string) outcome {
	old, err := asteriskconf.Outdated(os.DirFS(dir))
	if err != nil {
		return skipped("the files of " + dir + " cannot be read: " + short(err))
	}
	if len(old) > 0 {
		return doubtful(fmt.Sprintf("%d of the files in %s are of another release: %s", len(old), dir, strings.Join(old, ", ")),
			"an upgrade replaces the program, not the PBX's own files",
			"rappel pbx files --config "+config+" NEW-FOLDER, with the flags of the first time; compare with diff -r, and copy them to "+dir)
	}
	return fine("%s", dir)
}
