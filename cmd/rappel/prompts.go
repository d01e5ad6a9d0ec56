package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
)

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
		prompts, err := r.prompts()
		if err != nil {
			return err
		}
		list, err := prompts.Prompts(ctx, r.scheme.Key)
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
		for _, prompt := range list {
			if len(args) == 1 && !strings.HasPrefix(prompt.Key, args[0]) {
				continue
			}
			cells, has := make([]string, 0, 4), false
			for _, lang := range roster.Languages() {
				words, there := prompt.Words[lang]
				has = has || words.State == api.PromptRecorded
				cells = append(cells, lengthOf(words, there))
			}
			if recorded && !has {
				continue
			}
			fmt.Fprintf(w, "%s\t%s\n", prompt.Key, strings.Join(cells, "\t"))
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
func lengthOf(w api.PromptLanguage, there bool) string {
	switch {
	case !there:
		return "-"
	case w.Length == nil:
		return string(w.State)
	case w.State == api.PromptRecorded:
		return fmt.Sprintf("%.1f s recorded", float64(*w.Length)/1000)
	default:
		return fmt.Sprintf("%.1f s", float64(*w.Length)/1000)
	}
}

// prompts is what the telephone says.
func (r records) prompts() (*app.Prompts, error) {
	flows, err := app.NewFlows(r.config, r.Store)
	if err != nil {
		return nil, err
	}
	return app.NewPrompts(r.config, flows, r.Store), nil
}

// wording reads KEY and LANGUAGE, and refuses a prompt that is not there.
func wording(said *ivr.Catalogue, key, lang string) (ivr.Wording, error) {
	w := ivr.Wording{Key: key}
	if err := language(&w.Language).Set(lang); err != nil {
		return w, usageError{fmt.Errorf("language %s: %w", lang, err)}
	}
	if !said.Has(w.Language, key) {
		return w, usageError{fmt.Errorf("%s: %w; rappel prompts list shows them", key, ivr.ErrNoPrompt)}
	}
	return w, nil
}

func (p *program) renderPrompts() *cobra.Command {
	var key string
	var lang roster.Language
	c := p.inScheme(&cobra.Command{
		Use:   "render",
		Short: "Have prompts spoken now, so that nobody waits for them; those spoken already are left alone",
		Example: `  rappel prompts render
  rappel prompts render --key main.menu --lang nl`,
		Args: exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		prompts, err := r.prompts()
		if err != nil {
			return err
		}
		spoken, err := prompts.Render(ctx, r.scheme.Key, ivr.Wording{Key: key, Language: lang}, func(done, total int) {
			if done%10 == 0 || done == total {
				fmt.Fprintf(p.err, "%d of %d\n", done, total)
			}
		})
		if errors.Is(err, ivr.ErrNoPrompt) {
			return usageError{fmt.Errorf("--key %s: %w; rappel prompts list shows them", key, ivr.ErrNoPrompt)}
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(p.out, "%s spoken, the others were already\n", count(spoken, "prompt"))
		return nil
	})
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
		prompts, err := r.prompts()
		if err != nil {
			return err
		}
		said, err := prompts.Catalogue(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		w, err := wording(said, args[0], args[1])
		if err != nil {
			return err
		}
		now := time.Now().In(r.zone())
		if len(args) == 2 {
			if _, err := r.RecordingSound(ctx, r.scheme.Key, w); err == nil {
				return usageError{errors.New("it is a recording, kept in the database; name a file to write it to")}
			} else if !errors.Is(err, callflow.ErrNothing) {
				return err
			}
			file, err := prompts.File(ctx, said, w, now)
			if err != nil {
				return err
			}
			fmt.Fprintln(p.out, file)
			return nil
		}
		sound, err := prompts.PromptSound(ctx, r.scheme.Key, w, now)
		if err != nil {
			return err
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

func (p *program) replacePrompt() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "replace KEY LANGUAGE FILE.wav",
		Short: "Put a recording in the place of a prompt in one language; calls that begin from then on hear it",
		Long: fmt.Sprintf(`Puts a recording in the place of one prompt in one language. Any WAV file of plain samples will do, with one or two channels;
its silent ends are taken away and it is made as loud as the other prompts. It may last %.0f seconds. - is standard input.

A prompt that names a day, a number or a name (rappel prompts list: "varies") keeps the machine's voice for the whole of it; with
speech.command that voice is one of your own.`, wav.LongestPrompt.Seconds()),
		Example: "  rappel prompts replace line.emergency fr anne.wav",
		Args:    exactly(3),
	}, func(ctx context.Context, r records, args []string) error {
		prompts, err := r.prompts()
		if err != nil {
			return err
		}
		said, err := prompts.Catalogue(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		w, err := wording(said, args[0], args[1])
		if err != nil {
			return err
		}
		if err := said.MayRecord(w); errors.Is(err, ivr.ErrVariables) {
			return usageError{fmt.Errorf("%w; the machine's voice says it whole. To have one voice throughout, give the machine that voice: speech.command", err)}
		} else if err != nil {
			return usageError{err}
		}
		data, err := readUpload(args[2])
		if err != nil {
			return usageError{err}
		}
		recording, err := prompts.ReplacePrompt(ctx, r.scheme.Key, w, data, time.Now())
		if err != nil && recording.Length == 0 {
			return usageError{fmt.Errorf("%s: %w", args[2], err)}
		} else if err != nil {
			return err
		}
		fmt.Fprintf(p.out, "%s in %s is a recording of %.1f seconds now; calls that begin in a few seconds hear it.\n",
			w.Key, w.Language, recording.Length.Seconds())
		fmt.Fprintf(p.out, "It shall say: %s\n", said.Text(w.Language, w.Key, nil))
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
	data, err := io.ReadAll(io.LimitReader(file, api.MaxRecording+1))
	if err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}
	if len(data) > api.MaxRecording {
		return nil, fmt.Errorf("%s: larger than %d MB, which is no prompt", name, api.MaxRecording>>20)
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
		if err == nil {
			_, err = fmt.Fprintf(p.out, "%s in %s has its voice back; calls that begin in a few seconds hear it.\n", w.Key, w.Language)
		}
		return err
	})
}
