package house

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// Prompt is how a text sounds in French: the file that the service plays, spoken now if it never was.
func (h *House) Prompt(key string, vars ivr.Vars) []int16 {
	h.t.Helper()
	return h.PromptIn(roster.French, key, vars)
}

// PromptIn is Prompt in any language.
func (h *House) PromptIn(lang roster.Language, key string, vars ivr.Vars) []int16 {
	h.t.Helper()
	return h.speak(lang, h.Book.Text(lang, key, vars))
}

// Speak is how any French text sounds.
func (h *House) Speak(text string) []int16 {
	h.t.Helper()
	return h.speak(roster.French, text)
}

func (h *House) speak(lang roster.Language, text string) []int16 {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), startLimit)
	defer cancel()
	media, err := h.voice.Media(ctx, lang, text)
	require.NoError(h.t, err)
	return h.sound(media)
}

// Music is what somebody hears who waits.
func (h *House) Music() []int16 {
	h.t.Helper()
	return h.sound(h.voice.Music())
}

func (h *House) sound(media telephony.Media) []int16 {
	h.t.Helper()
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
	if err != nil {
		require.NoError(h.t, err, "best score %.2f; heard instead:\n%s", match.Score, h.transcript(c))
	}
	return match
}

// transcript is which prompts a call has heard, in order, and how well it could hear: what a test is told that has listened in
// vain. Texts with variables are left out.
func (h *House) transcript(c *phone.Call) string {
	type line struct {
		at   time.Duration
		text string
	}
	var lines []line
	for _, key := range h.Book.Prompts().Keys() {
		if len(h.Book.Prompts().Variables(roster.French, key)) > 0 {
			continue
		}
		m, err := c.Compare(Beginning(h.Prompt(key, nil), 1500*time.Millisecond))
		if err == nil && m.Score > 0.5 {
			lines = append(lines, line{m.Offset, fmt.Sprintf("  %6.2f s  %s (%.2f)\n", m.Offset.Seconds(), key, m.Score)})
		}
	}
	slices.SortFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	var out strings.Builder
	for _, l := range lines {
		out.WriteString(l.text)
	}
	heard := c.Heard()
	fmt.Fprintf(&out, "  %d packets heard, %d lost; answered %s ago, last sound %s ago, longest silence %s", heard.Packets, heard.Lost,
		time.Since(c.Answered()).Round(time.Millisecond), time.Since(heard.Last).Round(time.Millisecond), heard.LongestSilence.Round(time.Millisecond))
	return out.String()
}
