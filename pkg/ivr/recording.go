package ivr

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
)

// Why a prompt cannot be recorded.
var (
	// ErrNoPrompt means that no prompt has the key, or that it has no words in the language.
	ErrNoPrompt = errors.New("there is no such prompt")
	// ErrVariables means that what a prompt says changes from call to call.
	ErrVariables = errors.New("what it says changes from call to call, so that no recording can say it")
	// ErrDialplan means that the PBX says it by itself, to the callers of every scheme.
	ErrDialplan = errors.New("the PBX says it by itself, for every scheme, so that it keeps its voice")
)

// dialplanPrefix begins the keys of prompts that the PBX's own dialplan plays, under fixed names, also while the service is
// away.
const dialplanPrefix = "dialplan."

// DialplanName is the name under which the PBX's own dialplan plays a prompt; ok is false for all others.
func DialplanName(key string) (name string, ok bool) { return strings.CutPrefix(key, dialplanPrefix) }

// Wording is one prompt in one language.
type Wording struct {
	Key      string
	Language roster.Language
}

// Recording is a voice of a scheme's own in the place of one wording.
type Recording struct {
	Wording
	Scheme int64
	Length time.Duration
	At     time.Time // When it took the place.
	// Sum names the content of Sound, which is a WAV file of 8 kHz, mono, 16 bit, and not always there.
	Sum   string
	Sound []byte
}

// IsFixed reports whether a wording has words and no variables.
func (c *Catalogue) IsFixed(w Wording) bool {
	return c.Has(w.Language, w.Key) && len(c.Variables(w.Language, w.Key)) == 0
}

// MayRecord says why a recording cannot take the place of a wording: ErrNoPrompt, ErrVariables or ErrDialplan.
func (c *Catalogue) MayRecord(w Wording) error {
	if !c.Has(w.Language, w.Key) {
		return fmt.Errorf("%s in %q: %w", w.Key, w.Language, ErrNoPrompt)
	}
	if _, ok := DialplanName(w.Key); ok {
		return fmt.Errorf("%s: %w", w.Key, ErrDialplan)
	}
	if !c.IsFixed(w) {
		return fmt.Errorf("%s speaks {%s}: %w", w.Key, strings.Join(slices.Compact(c.Variables(w.Language, w.Key)), "}, {"), ErrVariables)
	}
	return nil
}

// Record makes a recording of a WAV file for a wording, trimmed and as loud as the voices. The error is one of MayRecord or
// of wav.Recording.
func (c *Catalogue) Record(w Wording, file []byte) (Recording, error) {
	if err := c.MayRecord(w); err != nil {
		return Recording{}, err
	}
	samples, err := wav.Recording(file)
	if err != nil {
		return Recording{}, fmt.Errorf("read recording of %s: %w", w.Key, err)
	}
	return Recording{Wording: w, Length: wav.Length(samples), Sound: wav.Encode(samples)}, nil
}

// Example gives every variable of a wording a value, to hear or show what it may say: half past ten tomorrow, three,
// "Marie".
func (c *Catalogue) Example(w Wording, now time.Time) Vars {
	at := time.Date(now.Year(), now.Month(), now.Day()+1, 10, 30, 0, 0, now.Location())
	vars := Vars{}
	text := c.prompts[w.Key].texts[w.Language]
	for _, name := range c.Variables(w.Language, w.Key) {
		switch {
		case strings.Contains(text, "{"+name+":digits}"):
			vars[name] = "0639980012"
		case strings.Contains(text, "{"+name+":day}"), strings.Contains(text, "{"+name+":hour}"), name == "at":
			vars[name] = at
		case strings.Contains(text, "{"+name+":ordinal}"), slices.Contains([]string{"n", "ahead", "minutes"}, name):
			vars[name] = 3
		default:
			vars[name] = "Marie"
		}
	}
	return vars
}
