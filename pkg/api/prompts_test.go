package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
	"github.com/rappel-tel/rappel/sounds"
)

// cassettes keep one recording.
type cassettes struct {
	kept     ivr.Recording
	rendered ivr.Wording
	err      error
}

func (c *cassettes) Prompts(context.Context, int64) ([]api.Prompt, error) {
	length := int64(3500)
	return []api.Prompt{{Key: "main.menu", Words: map[roster.Language]api.PromptLanguage{
		roster.French: {Text: "Pour parler à une personne, tapez zéro.", State: api.PromptRecorded, Length: &length, Recorded: &nine, Recordable: true},
		roster.Dutch:  {Text: "{at}", State: api.PromptVaries},
	}}}, c.err
}

func (c *cassettes) PromptSound(_ context.Context, _ int64, w ivr.Wording, _ time.Time) ([]byte, error) {
	if w.Key != "main.menu" || w.Language != roster.French {
		return nil, ivr.ErrNoPrompt
	}
	return wav.Encode(make([]int16, 80)), c.err
}

func (c *cassettes) RenderPrompts(_ context.Context, _ int64, w ivr.Wording) (int, error) {
	c.rendered = w
	return 3, c.err
}

func (c *cassettes) ReplacePrompt(_ context.Context, _ int64, w ivr.Wording, file []byte, _ time.Time) (ivr.Recording, error) {
	catalogue, err := ivr.ReadCatalogue(sounds.Name, sounds.Prompts())
	if err != nil {
		return ivr.Recording{}, err
	}
	if c.kept, err = catalogue.Record(w, file); err == nil {
		err = c.err
	}
	return c.kept, err
}

func (c *cassettes) RestorePrompt(context.Context, int64, ivr.Wording) error {
	c.kept = ivr.Recording{}
	return c.err
}

// TestPrompts: a program lists, hears, replaces and restores what the telephone says; what is no prompt is refused with the reason.
func TestPrompts(t *testing.T) {
	h := newHouse(t)
	writing, err := h.door.NewToken(t.Context(), auth.Token{Scheme: 1, Name: "the studio", Scope: auth.ScopeWrite}, time.Now())
	require.NoError(t, err)
	write := bearer(writing)
	path := "/api/v1/schemes/" + ours + "/prompts"
	menu := path + "/main.menu/fr"
	audio := func(r *http.Request) { r.Header.Set("Content-Type", "audio/wav") }
	speech := make([]int16, 2*wav.Rate)
	for i := range speech {
		speech[i] = int16(4000 * (i%40 - 20) / 20)
	}
	good := string(wav.Encode(speech))

	h.valid(h.ask(path).body, "Prompts")
	heard := h.ask(menu, write)
	require.Equal(t, 200, heard.status)
	require.True(t, strings.HasPrefix(string(heard.body), "RIFF"))
	res := h.ask(menu, send("PUT", good, write, audio))
	require.Equal(t, 200, res.status, "%s", res.body)
	require.JSONEq(t, `{"key":"main.menu","language":"fr","length_ms":2000}`, string(res.body))
	require.Equal(t, 2*time.Second, h.prompts.kept.Length)
	require.Equal(t, 204, h.ask(menu, send("DELETE", "", write)).status)
	require.Empty(t, h.prompts.kept.Key)
	res = h.ask(path+"/render", send("POST", `{"key":"main.menu","language":"nl"}`, write))
	require.JSONEq(t, `{"spoken":3}`, string(res.body))
	require.Equal(t, ivr.Wording{Key: "main.menu", Language: roster.Dutch}, h.prompts.rendered)

	require.Len(t, h.store.Acts(), 4, "each but the list is in the audit")

	for name, c := range map[string]struct {
		path, method, body string
		change             func(*http.Request)
		status             int
		kind, detail       string
	}{
		"a token that reads":  {menu, "PUT", good, bearer(h.token), 403, "scope", ""},
		"no WAV file":         {menu, "PUT", "MP3", write, 422, "recording", "WAV"},
		"nothing":             {menu, "PUT", "", write, 422, "recording", "WAV"},
		"a header alone":      {menu, "PUT", good[:44], write, 422, "recording", ""},
		"a lie of its length": {menu, "PUT", good[:40] + "\xff\xff\xff\xff" + good[44:60], write, 422, "recording", ""},
		"silence":             {menu, "PUT", string(wav.Encode(make([]int16, wav.Rate))), write, 422, "recording", "nothing is heard"},
		"too long":            {menu, "PUT", string(wav.Encode(slices.Repeat(speech, 8))), write, 422, "recording", "12"},
		"too large":           {menu, "PUT", good + strings.Repeat("\x00", api.MaxRecording), write, 413, "too-long", "20971520"},
		"with variables":      {path + "/appointment.around/fr", "PUT", good, write, 422, "recording", "changes"},
		"of the PBX":          {path + "/dialplan.service-away/fr", "PUT", good, write, 422, "recording", "PBX"},
		"no such prompt":      {path + "/x/fr", "PUT", good, write, 404, "no-prompt", ""},
		"no such language":    {path + "/main.menu/it", "PUT", good, write, 404, "no-prompt", ""},
		"a way out":           {path + "/..%2F..%2Fetc/fr", "GET", "", write, 404, "no-prompt", ""},
	} {
		res := h.ask(c.path, send(c.method, c.body, c.change, audio))
		require.Equal(t, c.status, res.status, "%s: %s", name, res.body)
		var told struct{ Type, Detail string }
		require.NoError(t, json.Unmarshal(res.body, &told))
		require.Equal(t, "urn:rappel:problem:"+c.kind, told.Type, name)
		require.Contains(t, told.Detail, c.detail, name)
	}
	res = h.ask(menu, send("PUT", "{}", write))
	require.Equal(t, 415, res.status, "JSON is no sound")
}
