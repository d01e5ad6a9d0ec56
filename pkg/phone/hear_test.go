package phone

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// prompts are different sentences of one voice, the first two with the same
// beginning: real speech where a synthesiser can be found, else synthetic.
func prompts(t testing.TB) [][]int16 {
	t.Helper()
	sentences := []string{
		"Votre prochain appel est prévu jeudi à dix heures trente.",
		"Votre prochain appel est prévu mardi à seize heures quinze, avec Madame Lambert.",
		"Bonjour. Vous êtes bien au service d'appels de la ville. Tapez un pour votre rendez-vous.",
		"Personne n'est libre pour le moment. Laissez un message après le signal.",
	}
	var out [][]int16
	for _, text := range sentences {
		pcm, ok := speak(t, text)
		if !ok {
			same := synthetic(99, 8000) // a shared beginning
			a, b := append(same[:8000:8000], synthetic(1, 24000)...), append(same[:8000:8000], synthetic(2, 28000)...)
			return [][]int16{a, b, synthetic(3, 40000), synthetic(4, 32000)}
		}
		out = append(out, pcm)
	}
	return out
}

// speak speaks with the installation's voice, which only root can run.
func speak(t testing.TB, text string) ([]int16, bool) {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil, false
	}
	voice, err := setup.NewVoice(setuptest.Installation(t))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "spoken.wav")
	require.NoError(t, voice.Speak(t.Context(), "fr", text, path))
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	pcm, err := ReadWAV(bytes.NewReader(raw))
	require.NoError(t, err)
	return pcm, true
}

// stream feeds ears with packets as a network delivers them: late by up to jitter,
// lossy, and from a stream whose clock begins anywhere.
type stream struct {
	ears *ears
	rng  *rand.Rand
	p    packet
	now  time.Time
}

func newStream(codec Codec) *stream {
	start := time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	return &stream{
		ears: newEars(start, time.Minute, nil),
		rng:  rand.New(rand.NewPCG(1, 2)),
		p:    packet{payloadType: uint8(codec), sequence: 65000, timestamp: math.MaxUint32 - 3000, ssrc: 5},
		now:  start.Add(40 * time.Millisecond),
	}
}

func (s *stream) play(pcm []int16, jitter time.Duration, loss float64) {
	codec := Codec(s.p.payloadType)
	for from := 0; from < len(pcm); from += frameSamples {
		s.p.payload = codec.encodeAll(pcm[from:min(from+frameSamples, len(pcm))])
		if s.rng.Float64() >= loss {
			s.ears.hear(s.now.Add(time.Duration(s.rng.Int64N(int64(jitter)+1))), s.p)
		}
		s.p.sequence++
		s.p.timestamp += frameSamples
		s.now = s.now.Add(frameTime)
	}
}

// pause lets time go by without packets; counted says whether the sender's clock knows.
func (s *stream) pause(d time.Duration, counted bool) {
	s.now = s.now.Add(d)
	if counted {
		s.p.timestamp += uint32(d * sampleRate / time.Second)
	}
}

func TestPromptsAreToldApart(t *testing.T) {
	known := prompts(t)
	for _, codec := range []Codec{PCMU, PCMA} {
		for played := range known {
			s := newStream(codec)
			s.play(make([]int16, 4000), 15*time.Millisecond, 0)
			s.pause(700*time.Millisecond, true)
			from := s.now
			s.play(known[played], 60*time.Millisecond, 0.02)
			s.play(make([]int16, 800), 0, 0)
			for i, reference := range known {
				search, err := newSearch(reference)
				require.NoError(t, err)
				search.advance(s.ears)
				m := s.ears.match(search)
				t.Logf("%s: played %d, looked for %d: %.3f at %s", codec, played, i, m.Score, m.Offset)
				if i != played {
					require.Less(t, m.Score, HearScore-0.1)
					continue
				}
				require.Greater(t, m.Score, HearScore+0.15)
				require.WithinDuration(t, from, m.At, 100*time.Millisecond)
			}
		}
	}
}

// TestSearchGrows looks while the audio arrives, over more than is kept, and must
// find what a single look at the end finds.
func TestSearchGrows(t *testing.T) {
	known := prompts(t)
	s := newStream(PCMU)
	search, err := newSearch(known[0])
	require.NoError(t, err)
	other, err := newSearch(known[3])
	require.NoError(t, err)
	for range 12 { // over a minute of something else
		s.play(known[2], time.Millisecond, 0)
		search.advance(s.ears)
		other.advance(s.ears)
	}
	require.Less(t, s.ears.match(search).Score, HearScore)
	at := s.now
	for from := 0; from < len(known[0]); from += 1920 { // whole packets
		s.play(known[0][from:min(from+1920, len(known[0]))], time.Millisecond, 0)
		search.advance(s.ears)
		other.advance(s.ears)
	}
	m := s.ears.match(search)
	require.Greater(t, m.Score, 0.9)
	require.WithinDuration(t, at, m.At, 25*time.Millisecond)
	require.Less(t, s.ears.match(other).Score, HearScore)

	// The same once more is found once more, and only once.
	heard, again := &Media{ears: s.ears}, s.now
	s.play(known[0], time.Millisecond, 0)
	_, m, err = heard.HearAfter(t.Context(), again, known[0])
	require.NoError(t, err)
	require.WithinDuration(t, again, m.At, 25*time.Millisecond)
	s.ears.close(s.now)
	_, _, err = heard.HearAfter(t.Context(), s.now, known[0])
	require.ErrorIs(t, err, ErrAudioEnded)
}

// TestTimeline: a prompt stays one piece whatever happens in the middle of it.
func TestTimeline(t *testing.T) {
	before, voice, after := synthetic(7, 8000), synthetic(5, 16000), synthetic(8, 8000)
	for name, disturb := range map[string]func(*stream){
		"nothing":        func(*stream) {},
		"sender is late": func(s *stream) { s.pause(300*time.Millisecond, true) },
		"late and catches up": func(s *stream) { // as Asterisk does: its clock goes there and back
			s.p.timestamp += 800
			s.play(voice[8000:8800], 0, 0)
			s.p.timestamp -= 800
			s.now = s.now.Add(-100 * time.Millisecond)
		},
		"pause without clock": func(s *stream) { s.pause(5*time.Second, false) },
		"new stream":          func(s *stream) { s.p.ssrc, s.p.timestamp, s.p.sequence = 9, 77, 3 },
		"clock jumps":         func(s *stream) { s.p.timestamp += 1 << 30 },
		"sequence jumps":      func(s *stream) { s.p.sequence += 20000 },
		"network stalls": func(s *stream) { // 600 ms of packets come at once
			s.now = s.now.Add(600 * time.Millisecond)
		},
		"order": func(s *stream) {
			first, second := s.p, s.p
			first.payload = PCMA.encodeAll(voice[8000:8160])
			second.payload = PCMA.encodeAll(voice[8160:8320])
			second.sequence++
			s.ears.hear(s.now, second)
			s.ears.hear(s.now, first)
			s.ears.hear(s.now, second)
			s.p.sequence += 2
		},
		"keys": func(s *stream) {
			for range 8 {
				s.ears.key(s.now, s.p, keyPress{digit: '1'})
				s.p.sequence++
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStream(PCMA)
			s.play(before, 0, 0)
			at := s.now
			s.play(voice[:8000], 30*time.Millisecond, 0)
			disturb(s)
			switch name { // these have said a part of it
			case "late and catches up":
				s.play(voice[8800:], 30*time.Millisecond, 0)
			case "order":
				s.play(voice[8320:], 30*time.Millisecond, 0)
			default:
				s.play(voice[8000:], 30*time.Millisecond, 0)
			}
			s.play(after, 0, 0)
			search, err := newSearch(voice)
			require.NoError(t, err)
			search.advance(s.ears)
			m := s.ears.match(search)
			require.Greater(t, m.Score, 0.97)
			require.WithinDuration(t, at, m.At, 50*time.Millisecond)
			require.Equal(t, time.Second, m.Offset)
			require.Zero(t, s.ears.summary(s.now).Lost)
		})
	}
}

func TestTones(t *testing.T) {
	s := newStream(PCMU)
	mixed := Tone(1000, 1400).pcm
	s.play(make([]int16, 8000), 0, 0)
	began := s.now
	s.play(mixed, 0, 0)
	ended := s.now
	s.play(prompts(t)[2], 0, 0)
	m := &Media{ears: s.ears}
	for _, hz := range []float64{1000, 1400} {
		since, ok := m.HeardTone(hz)
		require.True(t, ok)
		require.Equal(t, began, since)
		require.InDelta(t, 80*time.Millisecond, m.LongestToneGap(hz, began, ended), float64(30*time.Millisecond))
	}
	for hz := 700.0; hz < 2000; hz += 50 { // nothing else: speech is no tone
		if math.Abs(hz-1000) > 50 && math.Abs(hz-1400) > 50 {
			_, ok := m.HeardTone(hz)
			require.False(t, ok, "%g Hz", hz)
		}
	}
	require.InDelta(t, time.Second, m.LongestSilence(began.Add(-time.Second), ended), float64(50*time.Millisecond))
}

// BenchmarkHear is one look at the latest 625 ms for a five-second prompt, as
// [Media.Hear] takes them.
func BenchmarkHear(b *testing.B) {
	s := newStream(PCMA)
	s.play(synthetic(6, 30*sampleRate), 0, 0)
	search, err := newSearch(synthetic(5, 5*sampleRate))
	require.NoError(b, err)
	search.advance(s.ears)
	for b.Loop() {
		search.from -= 5000
		search.advance(s.ears)
	}
}
