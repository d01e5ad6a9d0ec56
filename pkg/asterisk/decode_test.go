package asterisk

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/telephony"
)

const channelJSON = `{"id":"01a20044df8a7779b991ace973d72e25-c1","name":"PJSIP/anna-desk-0000002a","state":"Up",` +
	`"caller":{"name":"","number":"+32 81 55-50 10"},"connected":{"name":"","number":""},"accountcode":"",` +
	`"dialplan":{"context":"inbound","exten":"s","priority":1,"app_name":"Stasis","app_data":"rappel"},` +
	`"creationtime":"2026-11-21T22:16:59.826+0000","language":"fr"}`

const herJSON = `{"id":"1795300347.29862","name":"PJSIP/trunk-00006b16","state":"Ringing","accountcode":"01a2-b"}`

func eventJSON(typ, rest string) string {
	return `{"type":"` + typ + `","application":"rappel","timestamp":"2026-11-21T22:17:00.000+0000","asterisk_id":"x"` +
		rest + `}`
}

func samples() []string {
	return []string{
		eventJSON("StasisStart", `,"args":["inbound","+3281555000"],"channel":`+channelJSON),
		eventJSON("StasisEnd", `,"channel":`+channelJSON),
		eventJSON("Dial", `,"dialstatus":"","peer":`+herJSON),
		eventJSON("Dial", `,"dialstatus":"RINGING","peer":`+herJSON),
		eventJSON("Dial", `,"dialstatus":"PROGRESS","peer":`+herJSON),
		eventJSON("Dial", `,"dialstatus":"BUSY","peer":`+herJSON),
		eventJSON("Dial", `,"dialstatus":"ANSWER","peer":`+herJSON),
		eventJSON("ChannelDestroyed", `,"cause":17,"cause_txt":"busy","channel":`+herJSON),
		eventJSON("ChannelDtmfReceived", `,"digit":"5","duration_ms":100,"channel":`+channelJSON),
		eventJSON("ChannelTalkingStarted", `,"channel":`+herJSON),
		eventJSON("ChannelTalkingFinished", `,"duration":1240,"channel":`+herJSON),
		eventJSON("ChannelEnteredBridge", `,"bridge":{"id":"x","bridge_type":"holding"},"channel":`+channelJSON),
		eventJSON("ChannelEnteredBridge", `,"bridge":{"id":"x","bridge_type":"mixing"},"channel":`+channelJSON),
		eventJSON("ChannelLeftBridge", `,"bridge":{"id":"x","bridge_type":"mixing"},"channel":`+channelJSON),
		eventJSON("ChannelUserevent", `,"eventname":"rappel-refused","userevent":{"reason":"dial_by"},"channel":`+channelJSON),
		eventJSON("ChannelUserevent", `,"eventname":"other","userevent":{},"channel":`+channelJSON),
		eventJSON("PlaybackFinished", `,"playback":{"id":"p","target_uri":"channel:1795300347.29862","state":"failed"}`),
		eventJSON("PlaybackFinished", `,"playback":{"id":"p","target_uri":"bridge:b","state":"done"}`),
		eventJSON("RecordingFinished", `,"recording":{"name":"m","target_uri":"channel:1","duration":7,"state":"done"}`),
		eventJSON("RecordingFailed", `,"recording":{"name":"m","target_uri":"channel:1","cause":"x","state":"failed"}`),
		eventJSON("ApplicationReplaced", ""),
		eventJSON("ChannelToneDetected", `,"channel":`+channelJSON),
	}
}

func TestDecode(t *testing.T) {
	want := []string{
		"entered 01a20044df8a7779b991ace973d72e25-c1  [inbound +3281555000] +3281555010 +3281555000 anna-desk fr",
		"left 01a20044df8a7779b991ace973d72e25-c1  []    ",
		"dialling 1795300347.29862 01a2-b []    ",
		"ringing 1795300347.29862 01a2-b []    ",
		"   []    ",
		"dial_ended 1795300347.29862 01a2-b [] BUSY    ",
		"up 1795300347.29862 01a2-b []    ",
		"gone 1795300347.29862 01a2-b [] 17    ",
		"digit 01a20044df8a7779b991ace973d72e25-c1  [] 5    ",
		"speaking 1795300347.29862 01a2-b []    ",
		"silent 1795300347.29862 01a2-b [] 1.24s    ",
		"   []    ",
		"bridged 01a20044df8a7779b991ace973d72e25-c1  []    ",
		"unbridged 01a20044df8a7779b991ace973d72e25-c1  []    ",
		"refused 01a20044df8a7779b991ace973d72e25-c1  [dial_by]    ",
		"   []    ",
		"playback_done 1795300347.29862  [] p failed    ",
		"   []    ",
		"recording_done 1  [] m 7s    ",
		"recording_failed 1  [] m failed    ",
		"   []    ",
		"unknown event type",
	}
	for i, text := range samples() {
		d, err := decode([]byte(text))
		if err != nil {
			require.ErrorIs(t, err, errUnknownEvent)
			require.Equal(t, want[i], errUnknownEvent.Error())
			require.Equal(t, "ChannelToneDetected", d.typ)
			continue
		}
		e := d.event
		extra := ""
		for _, v := range []string{e.Dial, e.Digit, e.Playback, e.Recording} {
			if v != "" {
				extra += " " + v
			}
		}
		if e.Cause != 0 {
			extra += " " + strconv.Itoa(int(e.Cause))
		}
		if e.Length != 0 {
			extra += " " + e.Length.String()
		}
		if e.Failed {
			extra += " failed"
		}
		got := fmt.Sprintf("%s %s %s %v%s %s %s %s %s", e.Type, e.Channel, e.Leg, e.Args, extra, e.CLI, e.Dialled, e.Endpoint, e.Language)
		if e.Type != telephony.EventEntered {
			got = fmt.Sprintf("%s %s %s %v%s    ", e.Type, e.Channel, e.Leg, e.Args, extra)
		}
		require.Equal(t, want[i], got, text)
		require.Equal(t, d.typ == "ApplicationReplaced", d.replaced)
	}
}

func TestNumbersPresented(t *testing.T) {
	for in, want := range map[string]string{
		"+32 81 55.50-10": "+3281555010", "081555010": "081555010", "anonymous": "", "": "", "+": "",
		"<script>": "", "1234567890123456789012345": "", "12+3": "", "0032/81": "",
	} {
		require.Equal(t, want, cli(in), in)
	}
	require.Equal(t, "anna-desk", endpointOf("PJSIP/anna-desk-0000002a"))
	require.Empty(t, endpointOf(""))
}

// FuzzDecode: nothing that arrives can panic the reader, every input is an event, unknown or malformed, and an event that
// concerns a call names its channel.
func FuzzDecode(f *testing.F) {
	for _, s := range samples() {
		f.Add([]byte(s))
	}
	f.Add([]byte(`{"type":"Dial","peer":null}`))
	f.Add([]byte(`{"type":"ChannelUserevent","userevent":[1]}`))
	f.Add([]byte(`[]`))
	r := newRouter(newMetrics())
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := decode(data)
		if err != nil {
			require.NotEqual(t, errors.Is(err, errUnknownEvent), errors.Is(err, errBadEvent))
			return
		}
		require.NotEmpty(t, d.typ)
		if d.event.Type != "" {
			require.NotEmpty(t, d.event.Channel)
			r.route(d.event)
			r.arrivals.Take()
		}
	})
}

func TestEventsWithoutAMailboxAreCounted(t *testing.T) {
	m := newMetrics()
	r := newRouter(m)
	box := r.open("01a2")
	route := func(text string) {
		d, err := decode([]byte(text))
		require.NoError(t, err)
		r.route(d.event)
	}
	s := samples()
	for _, i := range []int{2, 3, 6, 16, 7} { // Her dialling, ringing, up, a playback by channel id only, gone.
		route(s[i])
	}
	events := box.Take()
	require.Len(t, events, 5)
	require.Equal(t, "01a2-b", events[3].Leg)
	require.Equal(t, "01a2", events[3].Key)
	require.Empty(t, r.legs)
	require.Panics(t, func() { r.open("01a2") })
	box.Close()
	route(s[7])
	require.InDelta(t, 1, testutil.ToFloat64(m.unrouted.WithLabelValues("gone")), 0)
	route(s[0])
	require.Len(t, r.arrivals.Take(), 1)
}

// BenchmarkEvent shows what one event costs from the wire to its mailbox, whatever the number of live calls.
func BenchmarkEvent(b *testing.B) {
	data := []byte(samples()[3])
	for _, open := range []int{1, 1_000, 10_000} {
		b.Run(fmt.Sprintf("mailboxes=%d", open), func(b *testing.B) {
			r := newRouter(newMetrics())
			box := r.open("01a2")
			for i := range open - 1 {
				r.open("other" + strconv.Itoa(i))
			}
			b.ReportAllocs()
			for b.Loop() {
				d, err := decode(data)
				if err != nil {
					b.Fatal(err)
				}
				r.route(d.event)
				box.Take()
			}
		})
	}
}
