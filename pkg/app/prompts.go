package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/speech"
)

// Prompts is what the telephone says, for commands and for programs: api.Prompts.
type Prompts struct {
	flows *Flows
	cfg   Config
	store promptRecords
}

// promptRecords keep what schemes record. Package postgres implements it.
type promptRecords interface {
	speech.Library
	SaveRecording(ctx context.Context, scheme int64, r ivr.Recording, now time.Time) error
	DropRecording(ctx context.Context, scheme int64, w ivr.Wording) error
}

// NewPrompts makes the prompts of schemes that speak these flows.
func NewPrompts(cfg Config, flows *Flows, store promptRecords) *Prompts {
	return &Prompts{flows: flows, cfg: cfg, store: store}
}

// Catalogue is what a scheme says: what ships, and the words of the flows that it has published.
func (p *Prompts) Catalogue(ctx context.Context, scheme int64) (*ivr.Catalogue, error) {
	book, _, _, err := p.flows.Book(ctx, scheme)
	if err != nil {
		return nil, err
	}
	return book.Prompts(), nil
}

// Prompts implements api.Prompts.
func (p *Prompts) Prompts(ctx context.Context, scheme int64) ([]api.Prompt, error) {
	said, err := p.Catalogue(ctx, scheme)
	if err != nil {
		return nil, err
	}
	mine, err := p.recorded(ctx, scheme)
	if err != nil {
		return nil, err
	}
	keys := said.Keys()
	list := make([]api.Prompt, len(keys))
	for i, key := range keys {
		list[i] = api.Prompt{Key: key, Words: map[roster.Language]api.PromptLanguage{}}
		for _, lang := range roster.Languages() {
			w := ivr.Wording{Key: key, Language: lang}
			if said.Has(lang, key) {
				list[i].Words[lang] = p.words(said, w, mine)
			}
		}
	}
	return list, nil
}

// recorded is what a scheme has recorded, without the sound.
func (p *Prompts) recorded(ctx context.Context, scheme int64) (map[ivr.Wording]ivr.Recording, error) {
	all, err := p.store.Recordings(ctx)
	if err != nil {
		return nil, err
	}
	mine := map[ivr.Wording]ivr.Recording{}
	for _, r := range all {
		if r.Scheme == scheme {
			mine[r.Wording] = r
		}
	}
	return mine, nil
}

// words is a wording as the scheme's callers hear it.
func (p *Prompts) words(said *ivr.Catalogue, w ivr.Wording, mine map[ivr.Wording]ivr.Recording) api.PromptLanguage {
	out := api.PromptLanguage{Text: said.Template(w), State: api.PromptVaries, Recordable: said.MayRecord(w) == nil}
	length := func(d time.Duration) {
		ms := d.Milliseconds()
		out.Length = &ms
	}
	if r, ok := mine[w]; ok {
		at := r.At.UTC()
		out.State, out.Recorded = api.PromptRecorded, &at
		length(r.Length)
		return out
	}
	if !said.IsFixed(w) {
		return out
	}
	out.State = api.PromptUnspoken
	if _, d, ok := speech.File(p.cfg.Asterisk.Sounds, w.Language, said.Text(w.Language, w.Key, nil)); ok {
		out.State = api.PromptSpoken
		length(d)
	}
	return out
}

// PromptSound implements api.Prompts.
func (p *Prompts) PromptSound(ctx context.Context, scheme int64, w ivr.Wording, now time.Time) ([]byte, error) {
	said, err := p.Catalogue(ctx, scheme)
	if err != nil {
		return nil, err
	}
	if !said.Has(w.Language, w.Key) {
		return nil, ivr.ErrNoPrompt
	}
	sound, err := p.store.RecordingSound(ctx, scheme, w)
	if !errors.Is(err, callflow.ErrNothing) {
		return sound, err
	}
	file, err := p.File(ctx, said, w, now)
	if err != nil {
		return nil, err
	}
	if sound, err = os.ReadFile(file); err != nil {
		return nil, fmt.Errorf("read prompt: %w", err)
	}
	return sound, nil
}

// File is where a wording of a catalogue lies as a voice speaks it, now if it never did; one that varies with an example.
func (p *Prompts) File(ctx context.Context, said *ivr.Catalogue, w ivr.Wording, now time.Time) (string, error) {
	text := said.Text(w.Language, w.Key, said.Example(w, now))
	if file, _, ok := speech.File(p.cfg.Asterisk.Sounds, w.Language, text); ok {
		return file, nil
	}
	voice, err := OpenVoice(ctx, p.cfg)
	if err != nil {
		return "", err
	}
	defer voice.Close()
	if err := voice.Say(ctx, w.Language, text); err != nil {
		return "", err
	}
	file, _, ok := speech.File(p.cfg.Asterisk.Sounds, w.Language, text)
	if !ok {
		return "", fmt.Errorf("the voice wrote nothing to %s", p.cfg.Asterisk.Sounds)
	}
	return file, nil
}

// RenderPrompts implements api.Prompts.
func (p *Prompts) RenderPrompts(ctx context.Context, scheme int64, w ivr.Wording) (int, error) {
	return p.Render(ctx, scheme, w, nil)
}

// Render is RenderPrompts with a progress, which may be nil.
func (p *Prompts) Render(ctx context.Context, scheme int64, w ivr.Wording, progress func(done, total int)) (int, error) {
	said, err := p.Catalogue(ctx, scheme)
	if err != nil {
		return 0, err
	}
	if w.Key != "" && !slices.Contains(said.Keys(), w.Key) || w.Language != "" && !slices.Contains(roster.Languages(), w.Language) {
		return 0, ivr.ErrNoPrompt
	}
	voice, err := OpenVoice(ctx, p.cfg)
	if err != nil {
		return 0, err
	}
	defer voice.Close()
	return voice.Render(ctx, said, func(f ivr.Fixed) bool {
		return (w.Key == "" || f.Key == w.Key) && (w.Language == "" || f.Language == w.Language)
	}, progress)
}

// ReplacePrompt implements api.Prompts.
func (p *Prompts) ReplacePrompt(ctx context.Context, scheme int64, w ivr.Wording, file []byte, now time.Time) (ivr.Recording, error) {
	said, err := p.Catalogue(ctx, scheme)
	if err != nil {
		return ivr.Recording{}, err
	}
	r, err := said.Record(w, file)
	if err != nil {
		return r, err
	}
	return r, p.store.SaveRecording(ctx, scheme, r, now)
}

// RestorePrompt implements api.Prompts. What was recorded for a flow that is no longer spoken goes, too.
func (p *Prompts) RestorePrompt(ctx context.Context, scheme int64, w ivr.Wording) error {
	err := p.store.DropRecording(ctx, scheme, w)
	if !errors.Is(err, callflow.ErrNothing) {
		return err
	}
	said, err := p.Catalogue(ctx, scheme)
	if err == nil && !said.Has(w.Language, w.Key) {
		return ivr.ErrNoPrompt
	}
	return err
}
