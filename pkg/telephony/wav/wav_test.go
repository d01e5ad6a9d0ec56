package wav_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/telephony/wav"
)

// TestNormalise brings tones of any level between pauses to one level.
func TestNormalise(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.Float64Range(100, 30_000).Draw(t, "level")
		frames := rapid.IntRange(1, 50).Draw(t, "frames")
		pause := rapid.IntRange(0, 50).Draw(t, "pause")
		samples := make([]int16, (frames+pause)*160)
		for i := range frames * 160 {
			samples[i] = int16(level * math.Sin(float64(i)*2*math.Pi*400/8000))
		}
		wav.Normalise(samples)
		require.InDelta(t, -17.0, peak(samples), 0.3, "the peak of a sine is 3 dB above its level")
	})
	silent := make([]int16, 800)
	wav.Normalise(silent)
	require.Equal(t, make([]int16, 800), silent)
}

// peak is the highest sample in dB relative to full scale.
func peak(samples []int16) float64 {
	var top float64
	for _, s := range samples {
		top = max(top, math.Abs(float64(s)))
	}
	return 20 * math.Log10(top/(1<<15))
}

func TestDecodeReadsWhatEncodeWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Int16(), 1, 500).Draw(t, "samples")
		got, err := wav.Decode(wav.Encode(want))
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
	for _, bad := range []string{"", "RIFF", "RIFF\x00\x00\x00\x00WAVE", "RIFF\x00\x00\x00\x00WAVEdata\x02\x00\x00\x00xx", string(wav.Encode(nil))} {
		_, err := wav.Decode([]byte(bad))
		require.ErrorIs(t, err, wav.ErrNotWAV)
	}
}

// spec is how somebody's recorder writes.
type spec struct {
	kind, channels, rate, bits int
}

// file writes what sound says at each instant, in seconds, for so long.
func (s spec) file(length time.Duration, sound func(at float64) float64) []byte {
	n := int(length.Seconds() * float64(s.rate))
	var body []byte
	for i := range n {
		v := sound(float64(i) / float64(s.rate))
		for range s.channels {
			switch {
			case s.kind == 3:
				body = binary.LittleEndian.AppendUint32(body, math.Float32bits(float32(v)))
			case s.bits == 8:
				body = append(body, byte(128+127*v))
			case s.bits == 16:
				body = binary.LittleEndian.AppendUint16(body, uint16(int16(v*math.MaxInt16)))
			case s.bits == 24:
				x := uint32(int32(v * (1<<23 - 1)))
				body = append(body, byte(x), byte(x>>8), byte(x>>16))
			default:
				body = binary.LittleEndian.AppendUint32(body, uint32(int32(v*math.MaxInt32)))
			}
		}
	}
	out := []byte("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00")
	le := binary.LittleEndian
	out = le.AppendUint16(out, uint16(s.kind))
	out = le.AppendUint16(out, uint16(s.channels))
	out = le.AppendUint32(out, uint32(s.rate))
	out = le.AppendUint32(out, uint32(s.rate*s.channels*s.bits/8))
	out = le.AppendUint16(out, uint16(s.channels*s.bits/8))
	out = le.AppendUint16(out, uint16(s.bits))
	// A recorder adds what it likes; an odd part is followed by one byte.
	out = append(out, "LIST\x03\x00\x00\x00abc\x00data\xff\xff\xff\xff"...)
	return append(out, body...)
}

// tone is a sine between half a second of silence and half a second of silence.
func tone(hertz, level float64, length time.Duration) func(float64) float64 {
	return func(at float64) float64 {
		if at < 0.5 || at > 0.5+length.Seconds() {
			return 0
		}
		return level * math.Sin(2*math.Pi*hertz*at)
	}
}

func TestARecordingOfAnyKindBecomesAPrompt(t *testing.T) {
	t.Parallel()
	for _, s := range []spec{
		{1, 1, 8000, 8}, {1, 1, 8000, 16}, {1, 2, 16000, 16}, {1, 1, 22050, 16}, {1, 2, 44100, 16}, {1, 2, 48000, 24}, {1, 1, 48000, 32}, {3, 2, 48000, 32},
	} {
		got, err := wav.Recording(s.file(3*time.Second, tone(800, 0.1, 2*time.Second)))
		require.NoError(t, err, "%+v", s)
		length := wav.Length(got)
		require.InDelta(t, 2.2, length.Seconds(), 0.08, "%+v: the silent ends are taken away", s)
		require.InDelta(t, -17, peak(got), 1.5, "%+v: as loud as the voices", s)
		require.InDelta(t, 1600, crossings(got[1600:9600]), 8, "%+v: it sounds the same", s)
	}
}

// crossings counts how often a sound changes its sign.
func crossings(s []int16) (n int) {
	for i := 1; i < len(s); i++ {
		if (s[i] < 0) != (s[i-1] < 0) {
			n++
		}
	}
	return n
}

// TestWhatATelephoneDoesNotCarryIsTakenAway: a whistle above 4 kHz would be heard as another tone.
func TestWhatATelephoneDoesNotCarryIsTakenAway(t *testing.T) {
	t.Parallel()
	s := spec{1, 1, 44100, 16}
	both := func(at float64) float64 {
		return tone(800, 0.3, 2*time.Second)(at) + tone(6000, 0.3, 2*time.Second)(at) + tone(30, 0.3, 2*time.Second)(at)
	}
	got, err := wav.Recording(s.file(3*time.Second, both))
	require.NoError(t, err)
	require.InDelta(t, 1600, crossings(got[1600:9600]), 8)
}

func TestARecordingThatCannotBeAPromptIsRefused(t *testing.T) {
	t.Parallel()
	s := spec{1, 1, 16000, 16}
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"no sound at all":  {[]byte("<html>"), wav.ErrNotWAV},
		"empty":            {nil, wav.ErrNotWAV},
		"an MP3 in a WAV":  {spec{85, 1, 44100, 0}.file(0, nil), wav.ErrNotWAV},
		"five channels":    {spec{1, 5, 16000, 16}.file(time.Second, tone(500, 0.2, time.Second)), wav.ErrNotWAV},
		"slow":             {spec{1, 1, 4000, 16}.file(time.Second, tone(500, 0.2, time.Second)), wav.ErrNotWAV},
		"no samples":       {s.file(0, nil), wav.ErrSilent},
		"silent":           {s.file(2*time.Second, tone(500, 0, time.Second)), wav.ErrSilent},
		"noise of nothing": {s.file(2*time.Second, tone(500, 0.001, time.Second)), wav.ErrSilent},
		"a click":          {s.file(2*time.Second, tone(500, 0.5, time.Millisecond)), wav.ErrSilent},
		"hum":              {s.file(2*time.Second, tone(10, 0.1, time.Second)), wav.ErrSilent},
		"too long":         {s.file(15*time.Second, tone(500, 0.3, 13*time.Second)), wav.ErrTooLong},
		"far too long":     {s.file(2*time.Minute, tone(500, 0.3, time.Second)), wav.ErrTooLong},
		"overdriven": {s.file(2*time.Second, func(at float64) float64 {
			return max(-1, min(1, 3*tone(500, 1, time.Second)(at)))
		}), wav.ErrClipped},
	} {
		_, err := wav.Recording(c.file)
		require.ErrorIs(t, err, c.want, name)
	}
	_, err := wav.Recording(s.file(14*time.Second, tone(500, 0.3, 11500*time.Millisecond)))
	require.NoError(t, err, "only what is said counts")
}

func FuzzRecording(f *testing.F) {
	f.Add(spec{1, 2, 44100, 16}.file(time.Second/10, tone(800, 0.3, time.Second)))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00data"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := wav.Recording(data)
		if err == nil {
			require.LessOrEqual(t, wav.Length(got), wav.LongestPrompt)
			require.NotEmpty(t, got)
		}
	})
}

func TestAVoiceIsTightened(t *testing.T) {
	t.Parallel()
	say := func(ms int) []int16 {
		out := make([]int16, 8*ms)
		for i := range out {
			out[i] = int16(3000 * math.Sin(2*math.Pi*500*float64(i)/8000))
		}
		return out
	}
	pause := func(ms int) []int16 { return make([]int16, 8*ms) }
	tighten := func(s []int16) []int16 { return wav.Sound{Rate: wav.Rate, Samples: s}.Tighten().Samples }
	got := tighten(slices.Concat(pause(200), say(400), pause(900), say(400), pause(300), say(400), pause(700)))
	require.Equal(t, slices.Concat(pause(40), say(400), pause(440), say(400), pause(300), say(400), pause(240)), got)
	require.Equal(t, got, tighten(got), "once is enough")
	require.Len(t, tighten(pause(500)), 4000, "silence stays silence")
}

// TestNarrow keeps what a telephone carries as it is, and takes away what would fold into it.
func TestNarrow(t *testing.T) {
	t.Parallel()
	tone := func(hertz float64, rate int) []int16 {
		s := make([]int16, rate)
		for i := range s {
			s[i] = int16(10_000 * math.Sin(2*math.Pi*hertz*float64(i)/float64(rate)))
		}
		return s
	}
	for hertz, kept := range map[float64]bool{200: true, 1000: true, 3000: true, 5000: false, 6500: false} {
		narrow := wav.Sound{Rate: wav.Wideband, Samples: tone(hertz, wav.Wideband)}.Narrow()
		require.Equal(t, wav.Rate, narrow.Rate)
		require.Len(t, narrow.Samples, wav.Rate)
		inside := narrow.Samples[100 : wav.Rate-100]
		if kept {
			require.InDeltaSlice(t, tone(hertz, wav.Rate)[100:wav.Rate-100], inside, 200, "%g Hz", hertz)
		} else {
			require.Less(t, peak(inside), -40.0, "%g Hz", hertz)
		}
	}
	both := wav.Sound{Rate: wav.Wideband, Samples: tone(440, wav.Wideband)}
	again, err := wav.DecodeSound(both.Encode())
	require.NoError(t, err)
	require.Equal(t, both, again)
	_, err = wav.Decode(both.Encode())
	require.ErrorIs(t, err, wav.ErrNotWAV, "it is no telephone's")
}
