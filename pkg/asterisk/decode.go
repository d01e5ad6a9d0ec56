package asterisk

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/CyCoreSystems/ari/v5"

	"github.com/rappel-tel/rappel/pkg/telephony"
)

var (
	errUnknownEvent = errors.New("unknown event type")
	errBadEvent     = errors.New("malformed event")
)

// userEventRefused is the name of the event by which the dialplan says that it does not ring the beneficiary.
const userEventRefused = "rappel-refused"

// decoded is what an event of ARI means to us.
type decoded struct {
	typ      string          // ARI's name of the event type.
	event    telephony.Event // With an empty Type: nothing that concerns a call. Leg is set when the event names it.
	replaced bool            // Another process owns the application now.
}

// wanted lists the event types that decode understands. It is the stream's filter: ARI has over forty types, and most of
// the events of a bridged call are about variables.
func wanted() []string {
	return []string{
		"ApplicationReplaced", "ChannelDestroyed", "ChannelDtmfReceived", "ChannelEnteredBridge", "ChannelLeftBridge",
		"ChannelTalkingFinished", "ChannelTalkingStarted", "ChannelUserevent", "Dial", "PlaybackFinished", "RecordingFailed", "RecordingFinished", "StasisEnd", "StasisStart",
	}
}

// frequent is what is read of the events that every call has. DecodeEvent of ari/v5 reads an event twice, and each channel in
// it twice more, to fill in what nobody here asks for.
type frequent struct {
	Type       string       `json:"type"`
	Timestamp  ari.DateTime `json:"timestamp"`
	Dialstatus string       `json:"dialstatus"`
	Cause      int          `json:"cause"`
	Peer       channelName  `json:"peer"`
	Channel    channelName  `json:"channel"`
	Bridge     struct {
		Type string `json:"bridge_type"`
	} `json:"bridge"`
}

// channelName is by what a channel is found.
type channelName struct {
	ID          string `json:"id"`
	Accountcode string `json:"accountcode"`
}

// data is the channel in the type of ari/v5, as far as it is known.
func (c channelName) data() *ari.ChannelData {
	return &ari.ChannelData{ID: c.ID, Accountcode: c.Accountcode}
}

// decodeFrequent reads the events that every call has, and reports whether this is one of them.
func decodeFrequent(data []byte) (d decoded, ok bool) {
	var e frequent
	if json.Unmarshal(data, &e) != nil {
		return d, false
	}
	d.typ = e.Type
	switch e.Type {
	case ari.Events.Dial:
		d.event = dialEvent(e.Dialstatus, e.Peer.data(), e.Timestamp)
	case ari.Events.ChannelDestroyed:
		d.event = on(e.Channel.data(), telephony.EventGone, e.Timestamp)
		d.event.Cause = telephony.Cause(e.Cause)
	case ari.Events.ChannelEnteredBridge:
		d.event = bridgeEvent(e.Bridge.Type, e.Channel.data(), telephony.EventBridged, e.Timestamp)
	case ari.Events.ChannelLeftBridge:
		d.event = bridgeEvent(e.Bridge.Type, e.Channel.data(), telephony.EventUnbridged, e.Timestamp)
	default:
		return d, false
	}
	if d.event.Channel == "" {
		d.event = telephony.Event{}
	}
	return d, true
}

// decode reads one event. It returns errUnknownEvent for a type that ari/v5 does not know and errBadEvent for anything
// that is no event at all; it never panics.
func decode(data []byte) (decoded, error) {
	if d, ok := decodeFrequent(data); ok {
		return d, nil
	}
	raw, err := ari.DecodeEvent(data)
	if err != nil {
		var m ari.Message
		if json.Unmarshal(data, &m) == nil && m.Type != "" && raw == nil {
			return decoded{typ: m.Type}, fmt.Errorf("%w: %w", errUnknownEvent, err)
		}
		return decoded{}, fmt.Errorf("%w: %w", errBadEvent, err)
	}
	d := decoded{typ: raw.GetType()}
	switch e := raw.(type) {
	case *ari.StasisStart:
		d.event = entered(e, data)
	case *ari.StasisEnd:
		d.event = on(&e.Channel, telephony.EventLeft, e.Timestamp)
	case *ari.ChannelDtmfReceived:
		d.event = on(&e.Channel, telephony.EventDigit, e.Timestamp)
		d.event.Digit = e.Digit
	case *ari.ChannelTalkingStarted:
		d.event = on(&e.Channel, telephony.EventSpeaking, e.Timestamp)
	case *ari.ChannelTalkingFinished:
		d.event = on(&e.Channel, telephony.EventSilent, e.Timestamp)
		d.event.Length = max(0, time.Duration(e.Duration)*time.Millisecond)
	case *ari.ChannelUserevent:
		d.event = userEvent(e)
	case *ari.PlaybackFinished:
		d.event = onTarget(e.Playback.TargetURI, telephony.EventPlaybackDone, e.Timestamp)
		d.event.Playback, d.event.Failed = e.Playback.ID, e.Playback.State == "failed"
	case *ari.RecordingFinished:
		d.event = onTarget(e.Recording.TargetURI, telephony.EventRecordingDone, e.Timestamp)
		d.event.Recording, d.event.Length = e.Recording.Name, time.Duration(e.Recording.Duration)
	case *ari.RecordingFailed:
		d.event = onTarget(e.Recording.TargetURI, telephony.EventRecordingFailed, e.Timestamp)
		d.event.Recording, d.event.Failed = e.Recording.Name, true
	case *ari.ApplicationReplaced:
		d.replaced = true
	}
	if d.event.Channel == "" {
		d.event = telephony.Event{}
	}
	return d, nil
}

func on(c *ari.ChannelData, typ telephony.EventType, at ari.DateTime) telephony.Event {
	return telephony.Event{Type: typ, Channel: c.ID, Leg: c.Accountcode, Time: time.Time(at)}
}

// onTarget is for events that name their channel as "channel:<id>" only.
func onTarget(uri string, typ telephony.EventType, at ari.DateTime) telephony.Event {
	id, ok := strings.CutPrefix(uri, "channel:")
	if !ok {
		return telephony.Event{}
	}
	return telephony.Event{Type: typ, Channel: id, Time: time.Time(at)}
}

// dialEvent reads how the ringing of a phone gets on. The first Dial event of a channel has no status.
func dialEvent(status string, peer *ari.ChannelData, at ari.DateTime) telephony.Event {
	switch status {
	case "":
		return on(peer, telephony.EventDialling, at)
	case "RINGING":
		return on(peer, telephony.EventRinging, at)
	case "ANSWER":
		return on(peer, telephony.EventUp, at)
	case "PROGRESS", "PROCEEDING":
		// An announcement of her network before the answer, or a mere "100 Trying": nobody answered.
		return telephony.Event{}
	default:
		ev := on(peer, telephony.EventDialEnded, at)
		ev.Dial = status
		return ev
	}
}

// bridgeEvent ignores the holding bridge in which a caller hears ringing.
func bridgeEvent(kind string, c *ari.ChannelData, typ telephony.EventType, at ari.DateTime) telephony.Event {
	if kind == "holding" {
		return telephony.Event{}
	}
	return on(c, typ, at)
}

func userEvent(e *ari.ChannelUserevent) telephony.Event {
	values, _ := e.Userevent.(map[string]any)
	if e.Eventname != userEventRefused {
		return telephony.Event{}
	}
	why, _ := values["reason"].(string)
	ev := on(&e.Channel, telephony.EventRefused, e.Timestamp)
	ev.Args = []string{why}
	return ev
}

func entered(e *ari.StasisStart, data []byte) telephony.Event {
	ev := on(&e.Channel, telephony.EventEntered, e.Timestamp)
	ev.Args = e.Args
	ev.Endpoint = endpointOf(e.Channel.Name)
	// The decoder of v5.3.1 leaves the language out.
	var extra struct{ Channel struct{ Language string } }
	if json.Unmarshal(data, &extra) == nil {
		ev.Language = extra.Channel.Language
	}
	if len(e.Args) > 1 && (e.Args[0] == telephony.EnteredInbound || e.Args[0] == telephony.EnteredFeature) {
		ev.Dialled = e.Args[1]
		if e.Channel.Caller != nil {
			ev.CLI = cli(e.Channel.Caller.Number)
		}
	}
	return ev
}

// endpointOf returns the endpoint in a channel name such as "PJSIP/anna-desk-0000002a".
func endpointOf(name string) string {
	_, rest, _ := strings.Cut(name, "/")
	if i := strings.LastIndexByte(rest, '-'); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

// cli keeps the digits of a number presented to us, with a leading plus. Anything else that a SIP header may hold, such as
// "anonymous", is a withheld number.
func cli(number string) string {
	var b strings.Builder
	for i, r := range number {
		switch {
		case r >= '0' && r <= '9', r == '+' && i == 0:
			b.WriteRune(r)
		case r == ' ' || r == '-' || r == '.' || r == '(' || r == ')':
		default:
			return ""
		}
	}
	if b.Len() > 20 || b.String() == "+" {
		return ""
	}
	return b.String()
}
