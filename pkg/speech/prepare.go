package speech

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Work is what is to be spoken before anybody calls.
type Work struct {
	Prompts *ivr.Catalogue
	// First is the order: see ivr.Book.HeardFirst. What is not in it comes last.
	First []ivr.Wording
	// Languages are those that are spoken, the one of the PBX itself first. Of the others only what First has in a language of
	// its own is spoken now, and the rest when somebody chooses the language.
	Languages []roster.Language
	// Progress, which may be nil, is called with how many are done, once at a time.
	Progress func(done, total int)
}

// soonest is how many prompts are spoken as fast as the machine can, and how many of one language come before the first of
// the next: the way to a person, and the first menus. The others follow one at a time, beside those who call already.
const soonest = 40

// ordered are the fixed prompts to speak, in their order.
func (w *Work) ordered() []ivr.Fixed {
	place := map[ivr.Wording]int{}
	for i, wording := range w.First {
		place[wording] = i
	}
	rank := map[ivr.Wording]int{}
	fixed := slices.DeleteFunc(w.Prompts.Fixed(), func(f ivr.Fixed) bool {
		own := ivr.Wording{Key: f.Key, Language: f.Language}
		n, offered := place[own]
		lang := slices.Index(w.Languages, f.Language)
		if !offered && lang < 0 {
			return true
		}
		if !offered {
			var known bool
			if n, known = place[ivr.Wording{Key: f.Key}]; !known {
				n = len(w.First)
			}
			n += soonest * lang
		}
		rank[own] = n
		return false
	})
	slices.SortStableFunc(fixed, func(a, b ivr.Fixed) int {
		return rank[ivr.Wording{Key: a.Key, Language: a.Language}] - rank[ivr.Wording{Key: b.Key, Language: b.Language}]
	})
	return fixed
}

// PrepareDialplan speaks what the PBX's own dialplan plays, as <language>/<name>.wav and, in the first language,
// <name>.wav below Dir. The dialplan cannot ask for a text: what is not there when it is played is heard as a tone, so
// nobody should be rung before. Prompts that no voice of their language could speak are in the error.
func (v *Voice) PrepareDialplan(ctx context.Context, w Work) error {
	fixed := slices.DeleteFunc(w.ordered(), func(f ivr.Fixed) bool {
		_, ok := ivr.DialplanName(f.Key)
		return !ok
	})
	return v.speakAll(ctx, batch{fixed, w.main(), v.o.Workers, nil})
}

// main is the language of the PBX itself.
func (w *Work) main() roster.Language {
	if len(w.Languages) == 0 {
		return ""
	}
	return w.Languages[0]
}

// Prepare speaks every fixed prompt of the work, so that nobody waits for one, in the order in which people may come to hear
// them. It includes what [Voice.PrepareDialplan] does. Prompts that no voice of their language could speak are in the error; a
// call hears something else. Files of an earlier life that are no longer needed are removed.
func (v *Voice) Prepare(ctx context.Context, w Work) error {
	fixed := w.ordered()
	progress := func(before int) func(int, int) {
		return func(done, _ int) {
			if w.Progress != nil {
				w.Progress(before+done, len(fixed))
			}
		}
	}
	now := min(soonest*max(1, len(w.Languages)), len(fixed))
	err := v.speakAll(ctx, batch{fixed[:now], w.main(), v.o.Workers, progress(0)})
	err = errors.Join(err, v.speakAll(ctx, batch{fixed[now:], w.main(), 1, progress(now)}))
	if err := v.purge(w.Prompts.Fixed()); err != nil {
		v.o.Logger.Warn("remove old prompts failed", zap.Error(err))
	}
	v.disk.Set(float64(DiskUse(v.o.Dir)))
	return err
}

// Render speaks the fixed prompts that are wanted, and says how many had not been spoken yet. Progress is as with Prepare.
// Prompts that no voice of their language could speak are in the error.
func (v *Voice) Render(
	ctx context.Context, prompts *ivr.Catalogue, wanted func(ivr.Fixed) bool, progress func(done, total int),
) (spoken int, err error) {
	fixed := slices.DeleteFunc(prompts.Fixed(), func(f ivr.Fixed) bool {
		file := v.file(name(f.Language, f.Text))
		return !wanted(f) || playable(file) && v.whole(file)
	})
	return len(fixed), v.speakAll(ctx, batch{fixed, "", v.o.Workers, progress})
}

// Say has a text spoken in its language and in no other; the error says why it could not be.
func (v *Voice) Say(ctx context.Context, lang roster.Language, text string) error {
	if _, err := v.render(ctx, lang, text); err != nil {
		return fmt.Errorf("speak: %w", err)
	}
	return nil
}

// batch is what is spoken by so many workers. The language main is the PBX's own; progress may be nil.
type batch struct {
	fixed    []ivr.Fixed
	main     roster.Language
	workers  int
	progress func(done, total int)
}

func (v *Voice) speakAll(ctx context.Context, b batch) error {
	if err := v.writeSound(filepath.Join(v.o.Dir, beepName), beep()); err != nil {
		return fmt.Errorf("prepare prompts: %w", err)
	}
	var told sync.Mutex
	done := 0
	errs := make([]error, len(b.fixed))
	g := new(errgroup.Group)
	g.SetLimit(b.workers)
	for i, f := range b.fixed {
		g.Go(func() error {
			if err := v.prepare(ctx, f, b.main); err != nil {
				errs[i] = fmt.Errorf("%s in %s: %w", f.Key, f.Language, err)
			}
			told.Lock()
			defer told.Unlock()
			if done++; b.progress != nil {
				b.progress(done, len(b.fixed))
			}
			return nil
		})
	}
	_ = g.Wait() // The errors are in errs.
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("prepare prompts: %w", err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("prepare prompts: %w", err)
	}
	return nil
}

func (v *Voice) prepare(ctx context.Context, f ivr.Fixed, main roster.Language) error {
	if err := ctx.Err(); err != nil {
		return err // A rendering that nobody waits for goes on: all that are left would begin at once.
	}
	// The group bounds how many are spoken at once. Whoever listens must not wait behind all of them.
	file, err := v.renderFrom(ctx, nil, f)
	if err != nil {
		return err
	}
	named, ok := ivr.DialplanName(f.Key)
	if !ok {
		return nil
	}
	sound, err := readSound(v.file(file))
	if err != nil {
		return err
	}
	dir := filepath.Join(v.o.Dir, string(f.Language))
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // The PBX reads it.
		return fmt.Errorf("make folder of prompts: %w", err)
	}
	if err := v.writeSound(filepath.Join(dir, named), sound); err != nil {
		return err
	}
	if f.Language != main {
		return nil
	}
	return v.writeSound(filepath.Join(v.o.Dir, named), sound)
}

// purge removes texts that are no fixed prompts once they are old, and what a killed process left half written.
func (v *Voice) purge(fixed []ivr.Fixed) error {
	keep := map[string]bool{}
	for _, f := range fixed {
		keep[name(f.Language, f.Text)] = true
	}
	dir := filepath.Join(v.o.Dir, cacheDir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list prompts: %w", err)
	}
	var errs []error
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || keep[baseOf(e.Name())] {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		limit := v.o.KeepVariable
		if baseOf(e.Name()) == e.Name() {
			limit = time.Hour // Nothing takes that long to speak.
		}
		if time.Since(info.ModTime()) < limit {
			continue
		}
		v.mu.Lock()
		delete(v.ready, baseOf(e.Name()))
		delete(v.failed, strings.TrimSuffix(baseOf(e.Name()), spare))
		v.mu.Unlock()
		errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return errors.Join(errs...)
}
