package speech

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// PrepareDialplan speaks what the PBX's own dialplan plays, as <language>/<name>.wav and, in the default language,
// <name>.wav below Dir. The dialplan cannot ask for a text: what is not there when it is played is heard as a tone, so
// nobody should be rung before. Prompts that no voice of their language could speak are in the error.
func (v *Voice) PrepareDialplan(ctx context.Context, prompts *ivr.Catalogue, main roster.Language) error {
	fixed := slices.DeleteFunc(prompts.Fixed(), func(f ivr.Fixed) bool {
		_, ok := ivr.DialplanName(f.Key)
		return !ok
	})
	return v.speakAll(ctx, fixed, main, nil)
}

// Prepare speaks every fixed prompt, so that nobody waits for one: the default language before the others. It includes what
// [Voice.PrepareDialplan] does. Progress, which may be nil, is called with how many are done. Prompts that
// no voice of their language could speak are in the error; a call hears them in another voice. Files of an earlier life
// that are no longer needed are removed.
func (v *Voice) Prepare(
	ctx context.Context, prompts *ivr.Catalogue, main roster.Language, progress func(done, total int),
) error {
	fixed := prompts.Fixed()
	rank := func(f ivr.Fixed) int {
		if f.Language == main {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(fixed, func(a, b ivr.Fixed) int { return rank(a) - rank(b) })
	err := v.speakAll(ctx, fixed, main, progress)
	if err := v.purge(fixed); err != nil {
		v.o.Logger.Warn("remove old prompts failed", zap.Error(err))
	}
	return err
}

// Render speaks the fixed prompts that are wanted, and says how many had not been spoken yet. Progress is as with Prepare.
// Prompts that no voice of their language could speak are in the error.
func (v *Voice) Render(
	ctx context.Context, prompts *ivr.Catalogue, wanted func(ivr.Fixed) bool, progress func(done, total int),
) (spoken int, err error) {
	fixed := slices.DeleteFunc(prompts.Fixed(), func(f ivr.Fixed) bool {
		return !wanted(f) || playable(v.file(name(f.Language, f.Text)))
	})
	return len(fixed), v.speakAll(ctx, fixed, "", progress)
}

// Say has a text spoken in its language and in no other; the error says why it could not be.
func (v *Voice) Say(ctx context.Context, lang roster.Language, text string) error {
	if _, err := v.render(ctx, lang, text); err != nil {
		return fmt.Errorf("speak: %w", err)
	}
	return nil
}

func (v *Voice) speakAll(ctx context.Context, fixed []ivr.Fixed, main roster.Language, progress func(done, total int)) error {
	if err := writeChanged(filepath.Join(v.o.Dir, beepName+".wav"), beep()); err != nil {
		return fmt.Errorf("prepare prompts: %w", err)
	}
	var done atomic.Int64
	errs := make([]error, len(fixed))
	g := new(errgroup.Group)
	g.SetLimit(v.o.Workers)
	for i, f := range fixed {
		g.Go(func() error {
			if err := v.prepare(ctx, f, main); err != nil {
				errs[i] = fmt.Errorf("%s in %s: %w", f.Key, f.Language, err)
			}
			n := int(done.Add(1))
			if progress != nil {
				progress(n, len(fixed))
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
	data, err := os.ReadFile(v.file(file))
	if err != nil {
		return fmt.Errorf("read prompt: %w", err)
	}
	dir := filepath.Join(v.o.Dir, string(f.Language))
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // The PBX reads it.
		return fmt.Errorf("make folder of prompts: %w", err)
	}
	if err := writeChanged(filepath.Join(dir, named+".wav"), data); err != nil {
		return err
	}
	if f.Language != main {
		return nil
	}
	return writeChanged(filepath.Join(v.o.Dir, named+".wav"), data)
}

// writeChanged leaves a file alone that has the content already.
func writeChanged(file string, data []byte) error {
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, data) { //nolint:gosec // Our own folder.
		return nil
	}
	return writeWhole(file, data)
}

// purge removes texts that are no fixed prompts once they are old, and what a killed process left half written.
func (v *Voice) purge(fixed []ivr.Fixed) error {
	keep := map[string]bool{}
	for _, f := range fixed {
		keep[name(f.Language, f.Text)+".wav"] = true
	}
	dir := filepath.Join(v.o.Dir, cacheDir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list prompts: %w", err)
	}
	var errs []error
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || keep[e.Name()] {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		limit := v.o.KeepVariable
		if !strings.HasSuffix(e.Name(), ".wav") {
			limit = time.Hour // Nothing takes that long to speak.
		}
		if time.Since(info.ModTime()) < limit {
			continue
		}
		v.mu.Lock()
		delete(v.ready, strings.TrimSuffix(e.Name(), ".wav"))
		delete(v.failed, strings.TrimSuffix(e.Name(), spare+".wav"))
		v.mu.Unlock()
		errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return errors.Join(errs...)
}
