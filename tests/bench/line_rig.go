package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"

	asteriskconf "github.com/rappel-tel/rappel/asterisk"
	"github.com/rappel-tel/rappel/dialplans"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/speech"
	"github.com/rappel-tel/rappel/pkg/telephony/wav"
	"github.com/rappel-tel/rappel/sounds"
)

// lineRig is a PBX, a database, the service as a process of its own, and the telephones of a town, in this process.
type lineRig struct {
	database
	options LineOptions
	dir     string
	sounds  string
	phones  netip.AddrPort // Where the telephones are.
	number  string         // Of the line.
	inst    *setup.Installation
	pbx     *setup.Asterisk
	ari     *ari
	scheme  postgres.Scheme
	service *service
	trunk   *phone.Trunk
	voice   *speech.Voice
	book    *ivr.Book

	greeting, dutch []int16 // What is heard first, and at the end of a stroll.
}

// lineParty is the number of the nth party, from 0. Every one of them is called by the scheme.
func lineParty(n int) string { return number(1000 + n) }

// spokenName is what the line calls the scheme in its greeting.
const spokenName = "Gardons le contact"

// lineHost is where the telephones are.
const lineHost = "127.0.0.9"

func buildLine(ctx context.Context, o LineOptions) (*lineRig, error) {
	r := &lineRig{options: o, number: number(1)}
	root, err := moduleRoot()
	if err != nil {
		return r, err
	}
	if r.inst, err = setup.Prepare(ctx, setup.Options{Dir: filepath.Join(root, ".rappel")}); err != nil {
		return r, err
	}
	if r.dir, err = r.inst.NewRunDir("bench-line"); err != nil {
		return r, err
	}
	port, err := freePort(lineHost)
	if err != nil {
		return r, err
	}
	r.phones = netip.AddrPortFrom(netip.MustParseAddr(lineHost), port)
	for _, part := range []func(context.Context) error{r.speak, r.openRecords, r.startPBX} {
		if err := part(ctx); err != nil {
			return r, err
		}
	}
	return r, nil
}

// close stops what was started, in reverse.
func (r *lineRig) close(ctx context.Context) error {
	var errs []error
	if r.service != nil {
		errs = append(errs, r.service.stop())
	}
	for _, stop := range slices.Backward(r.stops) {
		errs = append(errs, stop(ctx))
	}
	if r.dir != "" && !r.options.Keep {
		errs = append(errs, os.RemoveAll(r.dir))
	}
	return errors.Join(errs...)
}

// speak has every fixed prompt spoken, as publishing does, and reads what is listened for.
func (r *lineRig) speak(ctx context.Context) error {
	r.sounds = filepath.Join(r.dir, "sounds")
	voice, err := setup.NewVoice(r.inst)
	if err != nil {
		return err
	}
	if r.book, err = ivr.ReadBook(dialplans.Flows(), sounds.Name, sounds.Prompts()); err != nil {
		return err
	}
	if r.voice, err = speech.New(speech.Options{Speakers: []speech.Speaker{voice.Wide()}, Dir: r.sounds, Logger: zap.NewNop()}); err != nil {
		return err
	}
	r.stops = append(r.stops, func(context.Context) error { r.voice.Close(); return nil })
	r.borrow()
	if _, err := r.voice.Render(ctx, r.book.Prompts(), func(ivr.Fixed) bool { return true }, func(done, total int) {
		if done%100 == 0 || done == total {
			r.options.tell("%d of %d prompts", done, total)
		}
	}); err != nil {
		return err
	}
	r.greeting, err = r.sound(ctx, roster.French, "Bonjour, et merci de votre appel.")
	if err != nil {
		return err
	}
	r.dutch, err = r.sound(ctx, roster.Dutch, "Goedendag, en dank u voor uw telefoontje.")
	return err
}

// borrow links the fixed prompts that tests had spoken before, which takes minutes.
func (r *lineRig) borrow() {
	for _, f := range r.book.Prompts().Fixed() {
		if file, _, ok := speech.File(filepath.Join(r.inst.Dir, "prompts"), f.Language, f.Text); ok {
			_ = os.Link(file, filepath.Join(r.sounds, "cache", filepath.Base(file))) // If not, it is spoken.
		}
	}
}

// sound is how a text sounds, without its last part: the whole sentence may end otherwise.
func (r *lineRig) sound(ctx context.Context, lang roster.Language, text string) ([]int16, error) {
	if err := r.voice.Say(ctx, lang, text); err != nil {
		return nil, err
	}
	file, _, _ := speech.File(r.sounds, lang, text)
	data, err := os.ReadFile(file) //nolint:gosec // Our own folder.
	if err != nil {
		return nil, fmt.Errorf("read prompt: %w", err)
	}
	samples, err := wav.Decode(data)
	return samples[:len(samples)*2/3], err
}

// openRecords starts a database with one scheme, its line, and everybody who will dial: each is called at an hour of hers.
func (r *lineRig) openRecords(ctx context.Context) error {
	if err := r.openDatabase(ctx, r.inst, r.dir); err != nil {
		return err
	}
	var err error
	r.scheme, err = r.store.CreateScheme(ctx, postgres.Scheme{
		Name: "bench", Spoken: spokenName, Zone: zone, Country: "BE", Opens: 8 * 60, Closes: 20 * 60, MaxAttempts: 1,
	}, day())
	if err != nil {
		return err
	}
	cli := number(0)
	err = r.store.SaveTrunk(ctx, r.scheme.Key, postgres.Trunk{
		Endpoint: trunkName, Kind: postgres.TrunkAddress, Host: r.phones.Addr().String(), Port: int(r.phones.Port()),
		Lines: 1000, InboundReserve: 500, CallsPerSecond: 1000, PermittedCLI: []string{cli}, CLI: map[call.Kind]string{"": cli},
	})
	if err != nil {
		return err
	}
	if err := r.store.SaveDID(ctx, r.scheme.Key, postgres.DID{Number: r.number, Languages: roster.Languages()}); err != nil {
		return err
	}
	if err := r.store.SetDestinations(ctx, r.scheme.Key, []string{"+33199"}); err != nil {
		return err
	}
	var list roster.People
	for i := range max(r.options.Parties, r.options.AtOnce) {
		opens := roster.Clock(12*60 + 30*(i%12))
		list.Beneficiaries = append(list.Beneficiaries, roster.Beneficiary{
			Ref: fmt.Sprintf("B%05d", i+1), Numbers: []roster.Number{{E164: lineParty(i)}}, Consent: roster.Consent{State: roster.ConsentGiven},
			Language: roster.French, Agreement: roster.Agreement{
				Cadence: roster.Daily, Windows: []roster.Window{{Begin: opens, End: opens + 60}}, Length: 10 * time.Minute,
				CallerRing: callerRing, Ring: 30 * time.Second,
			},
		})
	}
	return r.store.Book(r.scheme.Key, day).Edit(ctx, func(page roster.Page) error { return page.Put(ctx, list) })
}

// startPBX starts Asterisk and the telephones, which are its trunk.
func (r *lineRig) startPBX(ctx context.Context) error {
	trunks := fmt.Sprintf("[%[1]s](trunk)\naors=%[1]s\n\n[%[1]s](trunk-aor)\ncontact=sip:%[2]s\nqualify_frequency=0\n\n"+
		"[%[1]s]\ntype=identify\nendpoint=%[1]s\nmatch=%[3]s\n\n", trunkName, r.phones, r.phones.Addr())
	var err error
	r.pbx, err = setup.StartAsterisk(ctx, setup.AsteriskOptions{
		Installation: r.inst, RunDir: filepath.Join(r.dir, "asterisk"), SoundsDir: r.sounds, RTPTimeout: -1,
		RTPPorts: 4 * max(r.options.Parties, r.options.AtOnce), Files: map[string]string{asteriskconf.TrunksFile: trunks},
	})
	if err != nil {
		return err
	}
	r.stops = append(r.stops, r.pbx.Close)
	r.ari = newARI(r.pbx)
	r.stops = append(r.stops, func(context.Context) error { r.ari.client.CloseIdleConnections(); return nil })
	r.trunk, err = phone.NewTrunk(phone.TrunkOptions{
		Listen: r.phones.String(), PBX: r.pbx.SIPAddr().String(), Logger: zap.NewNop(),
		Answer: func(phone.Ring) phone.Behaviour { return phone.NotFound() },
	})
	if err != nil {
		return fmt.Errorf("start telephones: %w", err)
	}
	r.stops = append(r.stops, func(context.Context) error { r.trunk.Close(); return nil })
	return nil
}

// restart starts the service, anew if it runs, and waits until it leads the scheme and knows when everybody is called. Cold
// forgets every sentence that is no fixed prompt.
func (r *lineRig) restart(ctx context.Context, cold bool) error {
	if r.service != nil {
		err := errors.Join(r.service.stop(), r.ari.forget(ctx, application))
		if r.service = nil; err != nil {
			return err
		}
	}
	if cold {
		if err := r.forgetSentences(); err != nil {
			return err
		}
	}
	ops, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	r.service = newService(filepath.Join(r.dir, "service.log"), ops)
	o := order{
		Data: filepath.Join(r.dir, "data"), Postgres: r.pg.URL(), ARI: r.pbx.ARIURL(), User: r.pbx.ARIUser(),
		Password: r.pbx.ARIPassword(), Sounds: r.pbx.SoundsDir(), PBXSounds: r.pbx.SoundsPath(),
		Recordings: r.pbx.RecordingsDir(), SIP: r.pbx.SIPAddr().String(), Ops: ops, Start: day(), Starts: 2000, Voices: r.inst.Dir,
		Profile: r.options.Profile,
	}
	if err := r.service.start(ctx, r.dir, o); err != nil {
		r.service = nil
		return err
	}
	if err := r.service.ready(ctx); err != nil {
		return err
	}
	return wait(ctx, time.Minute, "everybody's call to be booked", func() (bool, error) {
		var booked int
		err := r.pool.QueryRow(ctx, `SELECT count(DISTINCT beneficiary_id) FROM occurrence WHERE scheme_id = $1 AND state = 'open'`,
			r.scheme.Key).Scan(&booked)
		if err != nil {
			return false, fmt.Errorf("count booked calls: %w", err)
		}
		return booked >= max(r.options.Parties, r.options.AtOnce), nil
	})
}

// forgetSentences removes what was spoken and is no fixed prompt.
func (r *lineRig) forgetSentences() error {
	keep := map[string]bool{}
	for _, f := range r.book.Prompts().Fixed() {
		if file, _, ok := speech.File(r.sounds, f.Language, f.Text); ok {
			keep[filepath.Base(file)] = true
		}
	}
	files, err := filepath.Glob(filepath.Join(r.sounds, "cache", "*.wav"))
	if err != nil {
		return fmt.Errorf("list prompts: %w", err)
	}
	for _, file := range files {
		if keep[filepath.Base(file)] {
			continue
		}
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("forget sentences: %w", err)
		}
	}
	return nil
}

// hideCodecs takes away what lies beside the WAV files in codecs, and returns what brings it back.
func (r *lineRig) hideCodecs() (back func() error, err error) {
	const away = ".away"
	var hidden []string
	back = func() error {
		var errs []error
		for _, file := range hidden {
			errs = append(errs, os.Rename(file+away, file))
		}
		return errors.Join(errs...)
	}
	err = filepath.WalkDir(r.sounds, func(file string, _ fs.DirEntry, err error) error {
		if err != nil || !slices.Contains([]string{".alaw", ".ulaw", ".sln16"}, filepath.Ext(file)) {
			return err
		}
		if err := os.Rename(file, file+away); err != nil {
			return fmt.Errorf("hide a sound: %w", err)
		}
		hidden = append(hidden, file)
		return nil
	})
	return back, err
}

// FirstStart is what somebody hears who dials as soon as a service is ready that has nothing spoken yet.
type FirstStart struct {
	Ready       float64 `json:"ready_seconds"` // From the start of the process.
	FirstPrompt float64 `json:"first_prompt_ms"`
	LongestGap  float64 `json:"longest_gap_ms"`
	AllSpoken   float64 `json:"all_spoken_seconds"` // From the start of the process: every prompt in the languages of the scheme.
	Prompts     int     `json:"prompts"`
}

// firstStart starts a service without anything spoken, dials at once, and waits until everything is.
func (r *lineRig) firstStart(ctx context.Context) (*FirstStart, error) {
	if err := os.RemoveAll(filepath.Join(r.sounds, "cache")); err != nil {
		return nil, fmt.Errorf("forget what was spoken: %w", err)
	}
	begun := time.Now()
	if err := r.restart(ctx, false); err != nil {
		return nil, err
	}
	x := &FirstStart{Ready: round(time.Since(begun).Seconds())}
	v := r.visit(ctx, lineParty(0), stroll(), 0)
	if v.err != nil {
		return nil, v.err
	}
	x.FirstPrompt, x.LongestGap = milliseconds(v.first), milliseconds(v.gap)
	err := wait(ctx, 10*time.Minute, "every prompt to be spoken", func() (bool, error) {
		spoken := 0
		fixed := r.book.Prompts().Fixed()
		for _, f := range fixed {
			if _, _, ok := speech.File(r.sounds, f.Language, f.Text); ok {
				spoken++
			}
		}
		x.Prompts = spoken
		return spoken == len(fixed), nil
	})
	x.AllSpoken = round(time.Since(begun).Seconds())
	return x, err
}
