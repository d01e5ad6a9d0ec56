package house

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Prompt is how a text sounds in French: the file that the service plays, spoken now if it never was.
func (h *House) Prompt(key string, vars ivr.Vars) []int16 {
	h.t.Helper()
	return h.Speak(h.Book.Text(roster.French, key, vars))
}

// Speak is how any French text sounds.
func (h *House) Speak(text string) []int16 {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), startLimit)
	defer cancel()
	media, err := h.voice.Media(ctx, roster.French, text)
	require.NoError(h.t, err)
	file, err := os.Open(strings.TrimPrefix(string(media), "sound:") + ".wav")
	require.NoError(h.t, err)
	defer file.Close() //nolint:errcheck // It was only read.
	samples, err := phone.ReadWAV(file)
	require.NoError(h.t, err)
	return samples
}

// Again is how a prompt begins in French when it is said again.
func (h *House) Again(key string, vars ivr.Vars) []int16 {
	h.t.Helper()
	return h.Speak(h.Book.Sentences(ivr.Utterance{Key: key, Language: roster.French, Vars: vars, Spaced: true})[0])
}

// Beginning is the first part of a prompt, enough to recognise it by.
func Beginning(prompt []int16, d time.Duration) []int16 {
	return prompt[:min(len(prompt), int(d.Seconds()*8000))]
}

// Took prints how long something took that must not be waited for. How long that may be is measured by the benchmarks: a test
// only tells a delay from what has gone wrong.
func Took(t *testing.T, what string, from, to time.Time) {
	t.Helper()
	t.Logf("%s: %s", what, to.Sub(from).Round(time.Millisecond))
	require.WithinDuration(t, from, to, stopLimit)
}

// Hears waits until a call has heard a prompt, whole, from an instant on, and says where it began.
func (h *House) Hears(c *phone.Call, after time.Time, prompt []int16, limit time.Duration) phone.Match {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), limit)
	defer cancel()
	_, match, err := c.HearAfter(ctx, after, prompt)
	require.NoError(h.t, err, "best score %.2f", match.Score)
	return match
}
