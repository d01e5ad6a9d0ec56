package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/speech"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
	"github.com/rappel-tel/rappel/sounds"
)

// largestUpload is the largest file that is read as a recording: a minute of the best sound anybody records at home.
const largestUpload = 20 << 20

func (p *program) prompts() *cobra.Command {
	c := &cobra.Command{
		Use:   "prompts",
		Short: "List what the telephone says, hear it, and replace a prompt by a recording of your own",
		Long: `A prompt is something that the telephone says: a text in four languages, spoken by a synthetic voice. A recording of somebody
whom people know replaces one prompt in one language, for one scheme; calls that begin from then on hear it.

  rappel prompts list main
  rappel prompts hear main.menu fr menu.wav
  rappel prompts replace main.menu fr anne.wav
  rappel prompts restore main.menu fr`,
	}
	c.AddCommand(p.listPrompts(), p.renderPrompts(), p.hearPrompt(), p.replacePrompt(), p.restorePrompt())
	return c
}

// catalogue is what the telephone says.
func catalogue() (*ivr.Catalogue, error) { return ivr.ReadCatalogue(sounds.Name, sounds.Prompts()) }

// own lists what a scheme has recorded, by wording.
func own(ctx context.Context, r records) (map[ivr.Wording]ivr.Recording, error) {
	list, err := r.Recordings(ctx)
	if err != nil {
		return nil, err
	}
	mine := map[ivr.Wording]ivr.Recording{}
	for _, one := range list {
		if one.Scheme == r.scheme.Key {
			mine[one.Wording] = one
		}
	}
	return mine, nil
}

func (p *program) listPrompts() *cobra.Command {
	var recorded bool
	c := p.inScheme(&cobra.Command{
		Use:   "list [BEGINNING]",
		Short: "List prompts by key, with how long each lasts in each language, spoken or recorded",
		Long: `Lists prompts by key, with how long each lasts in each language. "varies" is spoken anew for each call, because it names a
day, a number or a name; "unspoken" was not needed yet, and rappel prompts render speaks it now.`,
		Example: "  rappel prompts list main\n  rappel prompts list --recorded",
		Args:    atMostOne,
	}, func(ctx context.Context, r records, args []string) error {
		prompts, err := catalogue()
		if err != nil {
			return err
		}
		mine, err := own(ctx, r)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprint(w, "KEY")
		for _, lang := range roster.Languages() {
			fmt.Fprintf(w, "\t%s", strings.ToUpper(string(lang)))
		}
		fmt.Fprintln(w)
		shown := 0
		for _, key := range prompts.Keys() {
			if len(args) == 1 && !strings.HasPrefix(key, args[0]) {
				continue
			}
			cells, has := make([]string, 0, 4), false
			for _, lang := range roster.Languages() {
				wording := ivr.Wording{Key: key, Language: lang}
				has = has || mine[wording].Sum != ""
				cells = append(cells, lengthOf(r.config, prompts, wording, mine))
			}
			if recorded && !has {
				continue
			}
			fmt.Fprintf(w, "%s\t%s\n", key, strings.Join(cells, "\t"))
			shown++
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if shown == 0 && len(args) == 1 && !recorded {
			return usageError{fmt.Errorf("no prompt begins with %q; rappel prompts list shows them all", args[0])}
		}
		return nil
	})
	c.Flags().BoolVar(&recorded, "recorded", false, "only those with a recording")
	return c
}

// lengthOf says how long a wording lasts, and who says it.
func lengthOf(cfg app.Config, prompts *ivr.Catalogue, w ivr.Wording, mine map[ivr.Wording]ivr.Recording) string {
	if r, ok := mine[w]; ok {
		return fmt.Sprintf("%.1f s recorded", r.Length.Seconds())
	}
	if !prompts.Has(w.Language, w.Key) {
		return "-"
	}
	if !prompts.IsFixed(w) {
		return "varies"
	}
	_, length, ok := speech.File(cfg.Asterisk.Sounds, w.Language, prompts.Text(w.Language, w.Key, nil))
	if !ok {
		return "unspoken"
	}
	return fmt.Sprintf("%.1f s", length.Seconds())
}

// wording reads KEY and LANGUAGE, and refuses a prompt that is not there.
func wording(prompts *ivr.Catalogue, key, lang string) (ivr.Wording, error) {
	w := ivr.Wording{Key: key}
	if err := language(&w.Language).Set(lang); err != nil {
		return w, usageError{fmt.Errorf("language %s: %w", lang, err)}
	}
	if !prompts.Has(w.Language, key) {
		return w, usageError{fmt.Errorf("%s: %w; rappel prompts list shows them", key, ivr.ErrNoPrompt)}
	}
	return w, nil
}

func (p *program) renderPrompts() *cobra.Command {
	var key string
	var lang roster.Language
	c := &cobra.Command{
		Use:   "render",
		Short: "Have prompts spoken now, so that nobody waits for them; those spoken already are left alone",
		Example: `  rappel prompts render
  rappel prompts render --key main.menu --lang nl`,
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			prompts, err := catalogue()
			if err != nil {
				return err
			}
			if key != "" && !slices.Contains(prompts.Keys(), key) {
				return usageError{fmt.Errorf("--key %s: %w; rappel prompts list shows them", key, ivr.ErrNoPrompt)}
			}
			cfg, err := app.Read(p.config)
			if err != nil {
				return err
			}
			voice, err := app.OpenVoice(c.Context(), cfg)
			if err != nil {
				return err
			}
			defer voice.Close()
			wanted := func(f ivr.Fixed) bool { return (key == "" || f.Key == key) && (lang == "" || f.Language == lang) }
			spoken, err := voice.Render(c.Context(), prompts, wanted, func(done, total int) {
				if done%10 == 0 || done == total {
					fmt.Fprintf(p.err, "%d of %d\n", done, total)
				}
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(p.out, "%s spoken, the others were already\n", count(spoken, "prompt"))
			return nil
		},
	}
	c.Flags().StringVar(&key, "key", "", "only this prompt")
	c.Flags().Var(language(&lang), "lang", "only this language: fr, nl, de or en")
	return c
}

func (p *program) hearPrompt() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "hear KEY LANGUAGE [FILE.wav]",
		Short: "Write what a prompt sounds like into a WAV file, or print where it lies; - is standard output",
		Long: `Writes what a prompt sounds like, as the scheme's callers hear it, into a WAV file. Without a file it prints where the sound
lies. A prompt that varies is heard with an example.`,
		Example: "  rappel prompts hear main.menu fr menu.wav\n  rappel prompts hear appointment.around nl - | aplay",
		Args:    fromTo(2, 3),
	}, func(ctx context.Context, r records, args []string) error {
		prompts, err := catalogue()
		if err != nil {
			return err
		}
		w, err := wording(prompts, args[0], args[1])
		if err != nil {
			return err
		}
		mine, err := own(ctx, r)
		if err != nil {
			return err
		}
		var sound []byte
		var file string
		if _, ok := mine[w]; ok {
			if sound, err = r.RecordingSound(ctx, r.scheme.Key, w); err != nil {
				return err
			}
			if len(args) == 2 {
				return usageError{errors.New("it is a recording, kept in the database; name a file to write it to")}
			}
		} else {
			text := prompts.Text(w.Language, w.Key, prompts.Example(w, time.Now().In(r.zone())))
			if file, err = spokenFile(ctx, r.config, w.Language, text); err != nil {
				return err
			}
			if len(args) == 2 {
				fmt.Fprintln(p.out, file)
				return nil
			}
			if sound, err = os.ReadFile(file); err != nil {
				return fmt.Errorf("read prompt: %w", err)
			}
		}
		if args[2] == "-" {
			_, err = p.out.Write(sound)
			return err
		}
		if err := os.WriteFile(args[2], sound, 0o644); err != nil { //nolint:gosec // A prompt is no secret.
			return usageError{err}
		}
		return nil
	})
}

// spokenFile is where a text lies that was spoken, now if it never was.
func spokenFile(ctx context.Context, cfg app.Config, lang roster.Language, text string) (string, error) {
	if file, _, ok := speech.File(cfg.Asterisk.Sounds, lang, text); ok {
		return file, nil
	}
	voice, err := app.OpenVoice(ctx, cfg)
	if err != nil {
		return "", err
	}
	defer voice.Close()
	if err := voice.Say(ctx, lang, text); err != nil {
		return "", err
	}
	file, _, ok := speech.File(cfg.Asterisk.Sounds, lang, text)
	if !ok {
		return "", fmt.Errorf("the voice wrote nothing to %s", cfg.Asterisk.Sounds)
	}
	return file, nil
}

func (p *program) replacePrompt() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "replace KEY LANGUAGE FILE.wav",
		Short: "Put a recording in the place of a prompt in one language; calls that begin from then on hear it",
		Long: fmt.Sprintf(`Puts a recording in the place of one prompt in one language. Any WAV file of plain samples will do, with one or two channels;
its silent ends are taken away and it is made as loud as the other prompts. It may last %.0f seconds. - is standard input.

A prompt that names a day, a number or a name (rappel prompts list: "varies") keeps its voice.`, wav.LongestPrompt.Seconds()),
		Example: "  rappel prompts replace line.emergency fr anne.wav",
		Args:    exactly(3),
	}, func(ctx context.Context, r records, args []string) error {
		prompts, err := catalogue()
		if err != nil {
			return err
		}
		w, err := wording(prompts, args[0], args[1])
		if err != nil {
			return err
		}
		if err := prompts.MayRecord(w); err != nil {
			return usageError{err}
		}
		data, err := readUpload(args[2])
		if err != nil {
			return usageError{err}
		}
		recording, err := prompts.Record(w, data)
		if err != nil {
			return usageError{fmt.Errorf("%s: %w", args[2], err)}
		}
		if err := r.SaveRecording(ctx, r.scheme.Key, recording, time.Now()); err != nil {
			return err
		}
		fmt.Fprintf(p.out, "%s in %s is a recording of %.1f seconds now; calls that begin in a few seconds hear it.\n",
			w.Key, w.Language, recording.Length.Seconds())
		fmt.Fprintf(p.out, "It shall say: %s\n", prompts.Text(w.Language, w.Key, nil))
		return nil
	})
}

// readUpload reads a recording; - is standard input.
func readUpload(name string) ([]byte, error) {
	file := os.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("open recording: %w", err)
		}
		defer func() { _ = f.Close() }() // It was only read.
		file = f
	}
	data, err := io.ReadAll(io.LimitReader(file, largestUpload+1))
	if err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	if len(data) > largestUpload {
		return nil, fmt.Errorf("%s: larger than %d MB, which is no prompt", name, largestUpload>>20)
	}
	return data, nil
}

func (p *program) restorePrompt() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:     "restore KEY LANGUAGE",
		Short:   "Give a prompt its voice back",
		Example: "  rappel prompts restore line.emergency fr",
		Args:    exactly(2),
	}, func(ctx context.Context, r records, args []string) error {
		w := ivr.Wording{Key: args[0], Language: roster.Language(args[1])}
		err := r.DropRecording(ctx, r.scheme.Key, w)
		if errors.Is(err, callflow.ErrNothing) {
			return usageError{fmt.Errorf("%s in %s has no recording; rappel prompts list --recorded shows those that have", args[0], args[1])}
		}
		return err
	})
}
