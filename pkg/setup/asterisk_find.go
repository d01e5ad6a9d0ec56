package setup

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// asteriskPrograms are what an instance is made of, as seen from root.
type asteriskPrograms struct {
	root      string
	asterisk  string
	moduleDir string
	dataDir   string
	version   string
}

// voicePrograms are the speech tools as seen from root.
type voicePrograms struct {
	root                   string
	pico2wave, espeak, sox string
}

// Oldest Asterisk that has everything Rappel relies on.
const (
	asteriskMajor = 22
	asteriskMinor = 10
)

// neededModules must be present in an Asterisk that we did not install.
func neededModules() []string {
	return []string{
		"app_dial", "app_playback", "app_read", "app_record", "app_stack", "app_stasis",
		"bridge_native_rtp", "bridge_simple", "bridge_softmix",
		"chan_pjsip", "codec_alaw", "codec_resample", "codec_ulaw", "format_pcm", "format_wav",
		"func_channel", "func_callerid", "func_logic", "func_pjsip_endpoint", "func_strings", "func_talkdetect",
		"pbx_config", "res_ari", "res_ari_applications", "res_ari_asterisk", "res_ari_bridges",
		"res_ari_channels", "res_ari_endpoints", "res_ari_events", "res_ari_playbacks",
		"res_ari_recordings", "res_ari_sounds", "res_http_websocket", "res_musiconhold",
		"res_pjsip", "res_pjsip_authenticator_digest", "res_pjsip_endpoint_identifier_ip",
		"res_pjsip_endpoint_identifier_user", "res_pjsip_header_funcs", "res_pjsip_outbound_registration",
		"res_pjsip_registrar", "res_pjsip_sdp_rtp", "res_pjsip_session", "res_pjsip_transport_websocket",
		"res_rtp_asterisk", "res_security_log", "res_sorcery_config", "res_srtp",
		"res_stasis", "res_stasis_answer", "res_stasis_playback", "res_stasis_recording", "res_stasis_snoop",
	}
}

// prepareAsterisk takes the machine's own Asterisk and speech tools when both
// are good enough, and builds a root file system for what is missing.
func (p *preparer) prepareAsterisk(ctx context.Context) (asteriskPrograms, voicePrograms, error) {
	var found asteriskPrograms
	var voices voicePrograms
	var haveAsterisk, haveVoices bool
	if !p.options.ignoreMachine {
		found, haveAsterisk = machineAsterisk(ctx)
		voices, haveVoices = machineVoices()
	}
	if haveAsterisk && haveVoices {
		return found, voices, nil
	}
	root, err := p.prepareRoot(ctx, "asterisk-root", asteriskRootSpec())
	if err != nil {
		return asteriskPrograms{}, voicePrograms{}, err
	}
	if !haveVoices {
		voices = voicePrograms{root: root, pico2wave: "/usr/bin/pico2wave", espeak: "/usr/bin/espeak-ng", sox: "/usr/bin/sox"}
	}
	if haveAsterisk {
		return found, voices, nil
	}
	if found, err = asteriskIn(ctx, root); err != nil {
		return asteriskPrograms{}, voicePrograms{}, fmt.Errorf("%w; remove %s and try again", err, root)
	}
	return found, voices, nil
}

// asteriskIn looks at the Asterisk installed in a root; empty is the machine.
func asteriskIn(ctx context.Context, root string) (asteriskPrograms, error) {
	found := asteriskPrograms{root: root, asterisk: "/usr/sbin/asterisk"}
	if root == "" {
		path, err := exec.LookPath("asterisk")
		if err != nil {
			return asteriskPrograms{}, fmt.Errorf("find Asterisk: %w", err)
		}
		found.asterisk = path
	}
	c := &confinement{root: root, uid: asteriskUID, user: "rappel-asterisk", path: found.asterisk, args: []string{"-V"}}
	var err error
	if found.version, err = c.version(ctx); err != nil {
		return asteriskPrograms{}, fmt.Errorf("look at Asterisk: %w", err)
	}
	if !newEnough(found.version) {
		return asteriskPrograms{}, fmt.Errorf("asterisk is %s, Rappel needs %d.%d or newer", found.version, asteriskMajor, asteriskMinor)
	}
	for _, pattern := range []string{"/usr/lib/*/asterisk/modules", "/usr/lib/asterisk/modules", "/usr/lib64/asterisk/modules"} {
		dirs, err := filepath.Glob(filepath.Join(root+"/", pattern))
		if err != nil || len(dirs) == 0 {
			continue
		}
		found.moduleDir = strings.TrimPrefix(dirs[0], root)
		break
	}
	for _, dir := range []string{"/usr/share/asterisk", "/var/lib/asterisk"} {
		if _, err := os.Stat(filepath.Join(root+"/", dir, "sounds")); err == nil {
			found.dataDir = dir
			break
		}
	}
	if found.moduleDir == "" || found.dataDir == "" {
		return asteriskPrograms{}, fmt.Errorf("find Asterisk's modules and data: %w", os.ErrNotExist)
	}
	var missing []string
	for _, name := range neededModules() {
		if _, err := os.Stat(filepath.Join(root+"/", found.moduleDir, name+".so")); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return asteriskPrograms{}, fmt.Errorf("modules %s are missing: %w", strings.Join(missing, ", "), os.ErrNotExist)
	}
	return found, nil
}

func machineAsterisk(ctx context.Context) (asteriskPrograms, bool) {
	found, err := asteriskIn(ctx, "")
	return found, err == nil
}

func machineVoices() (voicePrograms, bool) {
	var v voicePrograms
	for _, tool := range []struct {
		name string
		path *string
	}{{"pico2wave", &v.pico2wave}, {"espeak-ng", &v.espeak}, {"sox", &v.sox}} {
		path, err := exec.LookPath(tool.name)
		if err != nil {
			return voicePrograms{}, false
		}
		*tool.path = path
	}
	return v, true
}

// newEnough compares the first two numbers of a version.
func newEnough(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return false
	}
	minor, err := strconv.Atoi(parts[1])
	if err != nil {
		return false
	}
	return major > asteriskMajor || major == asteriskMajor && minor >= asteriskMinor
}
