package asterisk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/CyCoreSystems/ari/v5"

	"github.com/rappel-tel/rappel/pkg/telephony"
)

// Connect places a call by one command; asterisk/extensions.conf does the rest.
func (s *Switch) Connect(ctx context.Context, c telephony.Connect) error {
	device, err := deviceOf(c.CallerEndpoint, c.CallerNumber, c.CallerTrunk)
	if err != nil {
		return fmt.Errorf("connect: caller: %w", err)
	}
	if _, err := deviceOf("", c.Number, c.Trunk); err != nil {
		return fmt.Errorf("connect: beneficiary: %w", err)
	}
	for _, v := range []string{c.Channel, c.BeneficiaryLeg} {
		if !word(v) {
			return fmt.Errorf("connect: %w: leg %q is not a word", telephony.ErrRefused, v)
		}
	}
	vars := map[string]string{
		"RAPPEL_NUMBER": c.Number, "RAPPEL_TRUNK": c.Trunk, "RAPPEL_RING": seconds(c.BeneficiaryRing),
		"RAPPEL_LEG": c.BeneficiaryLeg, "RAPPEL_ATTEMPT": c.Attempt, "RAPPEL_CLI": c.CLI, "RAPPEL_LANGUAGE": c.Language,
		"RAPPEL_DIAL_BY": dialBy(c.DialBy),
	}
	if c.CallerLanguage != "" {
		vars["CHANNEL(language)"] = c.CallerLanguage
	}
	if c.Confirm {
		vars["RAPPEL_CONFIRM"] = "1"
	}
	if c.ProposedBy != "" {
		vars["RAPPEL_PROPOSED_BY"] = c.ProposedBy
	}
	if c.WrapUp {
		vars["RAPPEL_WRAPUP"] = "1"
	}
	if err := readable("connect", vars); err != nil {
		return err
	}
	query := url.Values{
		"endpoint": {device}, "context": {"connect"}, "extension": {"s"}, "priority": {"1"},
		"timeout": {seconds(c.CallerRing)},
	}
	if c.CallerNumber != "" && c.CLI != "" {
		query.Set("callerId", c.CLI)
	}
	return s.place(ctx, "connect", c.Channel, query, vars)
}

// Announce has the dialplan ring one phone alone. What places it is a local channel, of which both halves are named, so that
// a refusal is told in the call's mailbox.
func (s *Switch) Announce(ctx context.Context, a telephony.Announce) error {
	if _, err := deviceOf("", a.Number, a.Trunk); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	for _, v := range []string{a.Channel, a.BeneficiaryLeg} {
		if !word(v) {
			return fmt.Errorf("announce: %w: leg %q is not a word", telephony.ErrRefused, v)
		}
	}
	vars := map[string]string{
		"RAPPEL_NUMBER": a.Number, "RAPPEL_TRUNK": a.Trunk, "RAPPEL_RING": seconds(a.Ring), "RAPPEL_LEG": a.BeneficiaryLeg,
		"RAPPEL_ATTEMPT": a.Attempt, "RAPPEL_CLI": a.CLI, "RAPPEL_LANGUAGE": a.Language, "RAPPEL_DIAL_BY": dialBy(a.DialBy),
	}
	if err := readable("announce", vars); err != nil {
		return err
	}
	return s.place(ctx, "announce", a.Channel, url.Values{
		"endpoint": {"Local/s@automatic"}, "app": {s.opts.App}, "otherChannelId": {a.Channel + "2"}, "timeout": {"10"},
	}, vars)
}

// dialBy writes the instant to dial by as the dialplan reads it; 0 forbids the call.
func dialBy(t time.Time) string {
	if t.IsZero() || t.Unix() <= 0 {
		return "0"
	}
	return strconv.FormatInt(t.Unix(), 10)
}

// readable refuses variables with characters that the dialplan would read.
func readable(command string, vars map[string]string) error {
	for name, v := range vars {
		if strings.ContainsAny(v, ",^()\r\n;\"$") {
			return fmt.Errorf("%s: %w: %s holds a character that the dialplan would read", command, telephony.ErrRefused, name)
		}
	}
	return nil
}

// Originate rings one phone into the application.
func (s *Switch) Originate(ctx context.Context, o telephony.Originate) error {
	device, err := deviceOf(o.Endpoint, o.Number, o.Trunk)
	if err != nil {
		return fmt.Errorf("originate: %w", err)
	}
	for _, a := range o.Args {
		if strings.ContainsAny(a, ",\r\n") {
			return fmt.Errorf("originate: %w: an argument holds a comma", telephony.ErrRefused)
		}
	}
	query := url.Values{
		"endpoint": {device}, "app": {s.opts.App}, "appArgs": {strings.Join(o.Args, ",")}, "timeout": {seconds(o.Ring)},
	}
	if o.CLI != "" {
		query.Set("callerId", o.CLI)
	}
	vars := map[string]string{}
	if o.Language != "" {
		vars["CHANNEL(language)"] = o.Language
	}
	return s.place(ctx, "originate", o.Channel, query, vars)
}

// place posts a channel. It is refused without a stream of events, because its answer would be missed.
func (s *Switch) place(ctx context.Context, name, id string, query url.Values, vars map[string]string) error {
	if !s.connected.Load() {
		return fmt.Errorf("%s: event stream: %w", name, telephony.ErrDown)
	}
	err := s.rest.do(ctx, request{
		name: name, method: http.MethodPost, path: []string{"channels", id}, query: query,
		body: map[string]any{"variables": vars},
	})
	switch status(err) {
	case http.StatusConflict:
		return s.conflict(ctx, name, id)
	case http.StatusNotFound:
		return fmt.Errorf("%s: %w", name, telephony.ErrRefused)
	}
	return err
}

// conflict tells what a 409 means. Asterisk 22 keeps the reason of a failed allocation in a variable of the HTTP session's
// thread and never clears it (main/channel_internal_api.c): after one true 409 every other failure on that connection
// reads "already exists" as well. So the channel is asked for.
func (s *Switch) conflict(ctx context.Context, name, id string) error {
	err := s.rest.do(ctx, request{name: "channel", method: http.MethodGet, path: []string{"channels", id}})
	switch {
	case err == nil:
		return fmt.Errorf("%s: %w", name, telephony.ErrExists)
	case errors.Is(err, telephony.ErrNoChannel):
		return fmt.Errorf("%s: phone cannot be rung: %w", name, telephony.ErrRefused)
	default:
		return fmt.Errorf("%s: %w: %w", name, telephony.ErrUnanswered, err)
	}
}

// deviceOf is the device that Asterisk rings: a softphone, or a number through a trunk.
func deviceOf(endpoint, number, trunk string) (string, error) {
	switch {
	case endpoint != "" && word(endpoint):
		return "PJSIP/" + endpoint, nil
	case endpoint != "":
		return "", fmt.Errorf("%w: endpoint is not a word", telephony.ErrRefused)
	case !trunkName(trunk):
		return "", fmt.Errorf("%w: trunk is not a word without dashes", telephony.ErrRefused)
	case !dialable(number):
		return "", fmt.Errorf("%w: number is not + and digits", telephony.ErrRefused)
	default:
		return "PJSIP/" + number + "@" + trunk, nil
	}
}

// dialable reports whether the number is E.164 with or without the plus, at most 15 digits (ITU-T E.164, 6.1).
func dialable(number string) bool {
	digits := strings.TrimPrefix(number, "+")
	if len(digits) < 3 || len(digits) > 15 {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}

// seconds rounds up to whole seconds, at least 1.
func seconds(d time.Duration) string {
	return strconv.Itoa(max(1, int((d+time.Second-1)/time.Second)))
}

// Answer answers an inbound channel.
func (s *Switch) Answer(ctx context.Context, channel string) error {
	return s.rest.do(ctx, request{name: "answer", method: http.MethodPost, path: []string{"channels", channel, "answer"}})
}

// Hangup ends a channel with that cause, or 16 when it is zero.
func (s *Switch) Hangup(ctx context.Context, channel string, cause telephony.Cause) error {
	if cause == telephony.CauseNone {
		cause = telephony.CauseNormal
	}
	return ignoreAbsent(s.rest.do(ctx, request{
		name: "hangup", method: http.MethodDelete, path: []string{"channels", channel},
		query: url.Values{"reason_code": {strconv.Itoa(int(cause))}},
	}))
}

func ignoreAbsent(err error) error {
	if errors.Is(err, telephony.ErrNoChannel) {
		return nil
	}
	return err
}

// Play starts a playback. Silence is rounded up to whole seconds, because Asterisk has it in files.
func (s *Switch) Play(ctx context.Context, channel, playback string, media ...telephony.Media) error {
	uris := make([]string, 0, len(media))
	for _, m := range media {
		list, err := mediaURI(m)
		if err != nil {
			return fmt.Errorf("play: %w", err)
		}
		uris = append(uris, list...)
	}
	return s.rest.do(ctx, request{
		name: "play", method: http.MethodPost, path: []string{"channels", channel, "play", playback},
		query: url.Values{"media": {strings.Join(uris, ",")}},
	})
}

func mediaURI(m telephony.Media) ([]string, error) {
	text := string(m)
	if strings.ContainsAny(text, ",\r\n") || !strings.Contains(text, ":") {
		return nil, fmt.Errorf("%w: media %q", telephony.ErrRefused, text)
	}
	ms, ok := strings.CutPrefix(text, "silence:")
	if !ok {
		return []string{text}, nil
	}
	n, err := strconv.Atoi(ms)
	if err != nil || n < 0 || n > 600_000 {
		return nil, fmt.Errorf("%w: media %q", telephony.ErrRefused, text)
	}
	var out []string
	for left := (n + 999) / 1000; left > 0; left -= 9 {
		out = append(out, "sound:silence/"+strconv.Itoa(min(left, 9)))
	}
	return out, nil
}

// StopPlay ends a playback.
func (s *Switch) StopPlay(ctx context.Context, playback string) error {
	return ignoreAbsent(s.rest.do(ctx, request{
		name: "stop_play", method: http.MethodDelete, path: []string{"playbacks", playback},
	}))
}

// Record records a channel as a WAV file below Asterisk's recordings folder; a name is used once.
func (s *Switch) Record(ctx context.Context, channel string, r telephony.Recording) error {
	query := url.Values{"name": {r.Name}, "format": {"wav"}, "ifExists": {"fail"}, "beep": {strconv.FormatBool(r.Beep)}}
	if r.MaxLength > 0 {
		query.Set("maxDurationSeconds", seconds(r.MaxLength))
	}
	if r.MaxSilence > 0 {
		query.Set("maxSilenceSeconds", seconds(r.MaxSilence))
	}
	if r.TerminateOn != "" {
		query.Set("terminateOn", r.TerminateOn)
	}
	return s.rest.do(ctx, request{
		name: "record", method: http.MethodPost, path: []string{"channels", channel, "record"}, query: query,
	})
}

// Ring starts or stops a ringing tone.
func (s *Switch) Ring(ctx context.Context, channel string, on bool) error {
	method := http.MethodPost
	if !on {
		method = http.MethodDelete
	}
	return s.rest.do(ctx, request{name: "ring", method: method, path: []string{"channels", channel, "ring"}})
}

// Bridge joins channels in a mixing bridge, which is made when it does not exist.
func (s *Switch) Bridge(ctx context.Context, bridge string, channels ...string) error {
	err := s.rest.do(ctx, request{
		name: "create_bridge", method: http.MethodPost, path: []string{"bridges", bridge},
		query: url.Values{"type": {"mixing"}},
	})
	if err != nil {
		return err
	}
	return s.rest.do(ctx, request{
		name: "bridge", method: http.MethodPost, path: []string{"bridges", bridge, "addChannel"},
		query: url.Values{"channel": {strings.Join(channels, ",")}},
	})
}

// Unbridge lets the channels leave and then deletes the bridge, one bridge at a time.
func (s *Switch) Unbridge(ctx context.Context, bridge string) error {
	s.unbridge.Lock()
	defer s.unbridge.Unlock()
	var data ari.BridgeData
	err := s.rest.do(ctx, request{
		name: "get_bridge", method: http.MethodGet, path: []string{"bridges", bridge}, out: &data,
	})
	if err != nil {
		return ignoreAbsent(err)
	}
	if len(data.ChannelIDs) > 0 {
		err := s.rest.do(ctx, request{
			name: "leave_bridge", method: http.MethodPost, path: []string{"bridges", bridge, "removeChannel"},
			query: url.Values{"channel": {strings.Join(data.ChannelIDs, ",")}},
		})
		// A channel that left by itself in the meantime makes this fail; the bridge is deleted all the same.
		if err != nil && status(err) == 0 {
			return err
		}
	}
	return ignoreAbsent(s.rest.do(ctx, request{
		name: "delete_bridge", method: http.MethodDelete, path: []string{"bridges", bridge},
	}))
}

// Guard sets the channel's absolute timeout: when it has passed Asterisk ends the Stasis application and goes on at the
// extension T of the channel's context. Fractions of a second are rounded up; zero is no timeout.
func (s *Switch) Guard(ctx context.Context, channel string, d time.Duration) error {
	value := "0"
	if d > 0 {
		value = seconds(d)
	}
	return s.rest.do(ctx, request{
		name: "guard", method: http.MethodPost, path: []string{"channels", channel, "variable"},
		query: url.Values{"variable": {"TIMEOUT(absolute)"}, "value": {value}},
	})
}

// Send hands a channel back to the dialplan.
func (s *Switch) Send(ctx context.Context, channel, dialplanContext, extension string) error {
	return s.rest.do(ctx, request{
		name: "send", method: http.MethodPost, path: []string{"channels", channel, "continue"},
		query: url.Values{"context": {dialplanContext}, "extension": {extension}, "priority": {"1"}},
	})
}
