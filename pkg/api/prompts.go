package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// MaxRecording is how long a file may be that is sent as a recording, in bytes: a minute of the best sound anybody records at home.
const MaxRecording = 20 << 20

// Prompts is what the telephone says. Package app implements it. A wording that is not there is ivr.ErrNoPrompt.
type Prompts interface {
	// Prompts lists every prompt by key, with what a scheme's callers hear.
	Prompts(ctx context.Context, scheme int64) ([]Prompt, error)
	// PromptSound returns what a wording sounds like, a WAV file, spoken now if it never was; one that varies with an example.
	PromptSound(ctx context.Context, scheme int64, w ivr.Wording, now time.Time) ([]byte, error)
	// RenderPrompts has the scheme's prompts spoken that are wanted and were not yet, and says how many were not. An empty key or
	// language is any.
	RenderPrompts(ctx context.Context, scheme int64, w ivr.Wording) (int, error)
	// ReplacePrompt puts a recording in the place of a wording. The error is one of ivr.Catalogue.Record when it cannot be one.
	ReplacePrompt(ctx context.Context, scheme int64, w ivr.Wording, file []byte, now time.Time) (ivr.Recording, error)
	// RestorePrompt gives a wording its voice back. That it has it already is no error.
	RestorePrompt(ctx context.Context, scheme int64, w ivr.Wording) error
}

// PromptState says who speaks a wording.
type PromptState string

// The states.
const (
	PromptSpoken   PromptState = "spoken"   // By a voice, already.
	PromptUnspoken PromptState = "unspoken" // It will be when it is needed.
	PromptVaries   PromptState = "varies"   // Spoken anew for each call, because it names a day, a number or a name.
	PromptRecorded PromptState = "recorded" // By somebody of the scheme.
)

// Prompt is one prompt in every language that it has.
type Prompt struct {
	Key   string                             `json:"key"`
	Words map[roster.Language]PromptLanguage `json:"words"`
}

// PromptLanguage is a prompt in one language.
type PromptLanguage struct {
	Text     string      `json:"text"` // With its variables in braces.
	State    PromptState `json:"state"`
	Length   *int64      `json:"length_ms,omitempty"`
	Recorded *time.Time  `json:"recorded_at,omitempty"`
	// Recordable says whether a recording may take its place.
	Recordable bool `json:"recordable"`
}

// errAudio means that something else than a WAV file was sent.
var errAudio = errors.New("what was sent is no WAV file")

// prompts lists everything that the telephone says.
func (a *API) prompts(q ask) (any, error) {
	list, err := a.opts.Prompts.Prompts(q.Context(), q.scheme.Key)
	if err != nil {
		return nil, err
	}
	return struct {
		Prompts []Prompt `json:"prompts"`
	}{append([]Prompt{}, list...)}, nil
}

// wording is the prompt and the language of the path.
func (q ask) wording() ivr.Wording {
	return ivr.Wording{Key: q.PathValue("prompt"), Language: roster.Language(q.PathValue("language"))}
}

// hearPrompt answers with what the scheme's callers hear.
func (a *API) hearPrompt(q ask) (any, error) {
	sound, err := a.opts.Prompts.PromptSound(q.Context(), q.scheme.Key, q.wording(), q.now)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/wav")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(sound))
	}), nil
}

// replacePrompt puts the recording that is sent in the place of a prompt.
func (a *API) replacePrompt(q ask) (any, error) {
	kind, _, err := mime.ParseMediaType(q.Header.Get("Content-Type"))
	if err != nil || kind != "audio/wav" && kind != "audio/x-wav" && kind != "audio/wave" && kind != "audio/vnd.wave" {
		return nil, errAudio
	}
	file, err := io.ReadAll(q.Body)
	if long, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, fmt.Errorf("%w: a recording has %d bytes at most", errTooLong, long.Limit)
	} else if err != nil {
		return nil, fmt.Errorf("%w: it broke off", errBody)
	}
	kept, err := a.opts.Prompts.ReplacePrompt(q.Context(), q.scheme.Key, q.wording(), file, q.now)
	if err != nil {
		return nil, err
	}
	return struct {
		Key      string          `json:"key"`
		Language roster.Language `json:"language"`
		Length   int64           `json:"length_ms"`
	}{kept.Key, kept.Language, kept.Length.Milliseconds()}, nil
}

// restorePrompt gives a prompt its voice back.
func (a *API) restorePrompt(q ask) (any, error) {
	return nil, a.opts.Prompts.RestorePrompt(q.Context(), q.scheme.Key, q.wording())
}

// renderPrompts has prompts spoken now: all, or those of a key or a language.
func (a *API) renderPrompts(q ask) (any, error) {
	var sent struct {
		Key      string          `json:"key"`
		Language roster.Language `json:"language"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	spoken, err := a.opts.Prompts.RenderPrompts(q.Context(), q.scheme.Key, ivr.Wording{Key: sent.Key, Language: sent.Language})
	if err != nil {
		return nil, err
	}
	return struct {
		Spoken int `json:"spoken"`
	}{spoken}, nil
}
