package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/speech"
	"github.com/rappel-tel/rappel/sounds"
)

// promptFile is the smallest WAV file that holds a word.
const promptFile = 2_000

// prompts looks at what callers hear: the flows, the voices, and the files that the dialplan plays by itself.
func (e *examination) prompts(ctx context.Context) {
	if !e.cfg.Has(RoleSwitch) {
		e.leave("this process does not speak", "prompts.flows", "prompts.voices", "prompts.dialplan")
		return
	}
	a := &App{cfg: e.cfg}
	e.look("prompts.flows", "dialogues are sound", func() outcome {
		book, err := shippedBook(e.cfg)
		if err != nil {
			return wrong(e.cfg.Calls.Dialplans, short(err), "correct the file it names")
		}
		return fine("%s", strings.Join(book.Flows(), ", "))
	})
	e.look("prompts.voices", "voices of four languages", func() outcome { return a.tryVoices(ctx) })
	e.look("prompts.dialplan", "prompts for when the service is away", func() outcome { return fallbackFiles(e.cfg.Asterisk.Sounds, e.spoken(ctx)) })
}

// spoken are the languages that schemes use: in the others the service speaks nothing ahead.
func (e *examination) spoken(ctx context.Context) []roster.Language {
	used := []roster.Language{roster.Language(e.cfg.Speech.Language)}
	store, err := e.openRecords(ctx)
	if err != nil {
		return used // That is said elsewhere.
	}
	defer func() { _ = store.Close() }() // It only read.
	if found, err := languages(ctx, e.cfg, store); err == nil {
		used = found
	}
	return used
}

// publishedFlows looks at what schemes published of dialogues: what has problems, since an upgrade perhaps, is not spoken. It
// also finds numbers that people dial whose dialogue is not there.
func (e *examination) publishedFlows(ctx context.Context) outcome {
	const fix = "rappel flow check NAME shows every problem; mend it and rappel flow publish FILE, or rappel flow rollback NAME"
	store, err := e.openRecords(ctx)
	if err != nil {
		return wrong("unknown", short(err), "correct postgres.url")
	}
	defer func() { _ = store.Close() }() // It only read.
	flows, err := NewFlows(e.cfg, store)
	if err != nil {
		return skipped("the dialogues that ship are not sound")
	}
	schemes, err := store.Schemes(ctx)
	if err != nil {
		return wrong("unknown", short(err), "rappel migrate --config "+e.file)
	}
	published, lines := 0, 0
	for _, s := range schemes {
		book, refused, number, err := flows.Book(ctx, s.Key)
		if err != nil {
			return wrong("unknown", short(err), "rappel flow list --scheme "+s.ID)
		}
		for _, name := range slices.Sorted(maps.Keys(refused)) {
			first, _, _ := strings.Cut(strings.TrimSpace(refused[name].Error()), "\n")
			return wrong(s.Name+": "+name, "the scheme speaks the version that ships, if there is one: "+first, fix)
		}
		dialled, err := store.DIDs(ctx, s.Key)
		if err != nil {
			return wrong("unknown", short(err), "rappel line list --scheme "+s.ID)
		}
		for _, d := range dialled {
			if !book.Has(d.Flow) {
				return wrong(s.Name+": "+d.Flow, "a number is to be answered by it, and it is not there; the line's own dialogue answers",
					"rappel line add NUMBER --flow registration, or rappel flow publish FILE")
			}
		}
		lines += len(dialled)
		published += min(number, 1)
	}
	return fine("%d numbers, %d schemes with dialogues of their own", lines, published)
}

// tryVoices has one word spoken in every language.
func (a *App) tryVoices(ctx context.Context) outcome {
	dir, err := os.MkdirTemp("", "rappel-doctor-voice-")
	if err != nil {
		return wrong("no temporary directory", short(err), "df -h /tmp")
	}
	defer func() { _ = os.RemoveAll(dir) }() // Below /tmp, swept anyway.
	a.cfg.Data = dir                         // Where the voices write: the doctor changes nothing of the service's.
	speakers, err := a.speakers(ctx)
	if err != nil {
		return wrong(a.cfg.Speech.Installation, short(err), "rappel demo makes an installation with voices; name its folder in speech.installation")
	}
	speaker := speakers[0]
	if _, silent := speaker.(mute); silent {
		return doubtful("none", errMute.Error()+": people hear a tone where a text should be", "apt-get install libttspico-utils espeak-ng sox (the first is in Debian's non-free), or set speech.installation to a folder that rappel demo made (.rappel)")
	}
	var silent []string
	var cause error
	for _, l := range roster.Languages() {
		file := filepath.Join(dir, string(l)+".wav")
		err := speaker.Speak(ctx, string(l), "Rappel", file)
		if info, statErr := os.Stat(file); err == nil && (statErr != nil || info.Size() < promptFile) {
			err = errors.New("the file holds no speech")
		}
		if err != nil {
			silent, cause = append(silent, string(l)), err
		}
	}
	if len(silent) > 0 {
		if a.cfg.Speech.Installation == "" {
			return wrong("silent: "+strings.Join(silent, ", "), short(cause), "apt-get install --reinstall libttspico-utils espeak-ng sox")
		}
		return wrong("silent: "+strings.Join(silent, ", "), short(cause), "remove "+filepath.Join(a.cfg.Speech.Installation, "asterisk-root")+" and run rappel demo again")
	}
	return fine("fr, nl, de and en speak")
}

// fallbackFiles looks for the prompts that the dialplan plays by itself. The service writes them when it starts.
func fallbackFiles(dir string, spoken []roster.Language) outcome {
	catalogue, err := ivr.ReadCatalogue(sounds.Name, sounds.Prompts())
	if err != nil {
		return wrong("unknown", short(err), "install the release again")
	}
	var missing []string
	n := 0
	for _, p := range catalogue.Fixed() {
		name, ok := ivr.DialplanName(p.Key)
		if !ok || !slices.Contains(spoken, p.Language) {
			continue
		}
		n++
		file := filepath.Join(string(p.Language), name+".wav")
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Size() < promptFile {
			missing = append(missing, file)
		}
	}
	if len(missing) > 0 {
		return doubtful(fmt.Sprintf("%d of %d missing, such as %s", len(missing), n, missing[0]),
			"the service writes them within a minute of its first start", "start the service once: rappel serve")
	}
	return fine("%d files; all prompts take %d MB", n, speech.DiskUse(dir)>>20)
}
