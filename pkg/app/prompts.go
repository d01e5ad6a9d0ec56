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
	"github.com/rappel-tel/rappel/sounds"
)

// Prompts is what the telephone says, for commands and for programs: api.Prompts.
type Prompts struct {
	*ivr.Catalogue
	cfg   Config
	store promptRecords
}

// promptRecords keep what schemes record. Package postgres implements it.
type promptRecords interface {
	speech.Library
	SaveRecording(ctx context.Context, scheme int64, r ivr.Recording, now time.Time) error
	DropRecording(ctx context.Context, scheme int64, w ivr.Wording) error
}

// NewPrompts reads what ships.
func NewPrompts(cfg Config, store promptRecords) (*Prompts, error) {
	c, err := ivr.ReadCatalogue(sounds.Name, sounds.Prompts())
	if err != nil {
		return nil, fmt.Errorf("read prompts: %w", err)
	}
	return &Prompts{Catalogue: c, cfg: cfg, store: store}, nil
}

// Prompts implements api.Prompts.
func (p *Prompts) Prompts(ctx context.Context, scheme int64) ([]api.Prompt, error) {
	mine, err := p.recorded(ctx, scheme)
	if err != nil {
		return nil, err
	}
	keys := p.Keys()
	list := make([]api.Prompt, len(keys))
	for i, key := range keys {
		list[i] = api.Prompt{Key: key, Words: map[roster.Language]api.PromptLanguage{}}
		for _, lang := range roster.Languages() {
			w := ivr.Wording{Key: key, Language: lang}
			if p.Has(lang, key) {
				list[i].Words[lang] = p.words(w, mine)
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
func (p *Prompts) words(w ivr.Wording, mine map[ivr.Wording]ivr.Recording) api.PromptLanguage {
	out := api.PromptLanguage{Text: p.Template(w), State: api.PromptVaries, Recordable: p.MayRecord(w) == nil}
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
	if !p.IsFixed(w) {
		return out
	}
	out.State = api.PromptUnspoken
	if _, d, ok := speech.File(p.cfg.Asterisk.Sounds, w.Language, p.Text(w.Language, w.Key, nil)); ok {
		out.State = api.PromptSpoken
		length(d)
	}
	return out
}

// PromptSound implements api.Prompts.
func (p *Prompts) PromptSound(ctx context.Context, scheme int64, w ivr.Wording, now time.Time) ([]byte, error) {
	if !p.Has(w.Language, w.Key) {
		return nil, ivr.ErrNoPrompt
	}
	sound, err := p.store.RecordingSound(ctx, scheme, w)
	if !errors.Is(err, callflow.ErrNothing) {
		return sound, err
	}
	file, err := p.File(ctx, w, now)
	if err != nil {
		return nil, err
	}
	if sound, err = os.ReadFile(file); err != nil {
		return nil, fmt.Errorf("read prompt: %w", err)
	}
	return sound, nil
}

// File is where a wording lies as a voice speaks it, now if it never did; one that varies with an example.
func (p *Prompts) File(ctx context.Context, w ivr.Wording, now time.Time) (string, error) {
	text := p.Text(w.Language, w.Key, p.Example(w, now))
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
func (p *Prompts) RenderPrompts(ctx context.Context, w ivr.Wording) (int, error) {
	return p.Render(ctx, w, nil)
}

// Render is RenderPrompts with a progress, which may be nil.
func (p *Prompts) Render(ctx context.Context, w ivr.Wording, progress func(done, total int)) (int, error) {
	if w.Key != "" && !slices.Contains(p.Keys(), w.Key) || w.Language != "" && !slices.Contains(roster.Languages(), w.Language) {
		return 0, ivr.ErrNoPrompt
	}
	voice, err := OpenVoice(ctx, p.cfg)
	if err != nil {
		return 0, err
	}
	defer voice.Close()
	return voice.Render(ctx, p.Catalogue, func(f ivr.Fixed) bool {
		return (w.Key == "" || f.Key == w.Key) && (w.Language == "" || f.Language == w.Language)
	}, progress)
}

// ReplacePrompt implements api.Prompts.
func (p *Prompts) ReplacePrompt(ctx context.Context, scheme int64, w ivr.Wording, file []byte, now time.Time) (ivr.Recording, error) {
	r, err := p.Record(w, file)
	if err != nil {
		return r, err
	}
	return r, p.store.SaveRecording(ctx, scheme, r, now)
}

// RestorePrompt implements api.Prompts.
func (p *Prompts) RestorePrompt(ctx context.Context, scheme int64, w ivr.Wording) error {
	if !p.Has(w.Language, w.Key) {
		return ivr.ErrNoPrompt
	}
	if err := p.store.DropRecording(ctx, scheme, w); err != nil && !errors.Is(err, callflow.ErrNothing) {
		return err
	}
	return nil
}
