package callflow

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/rappel-tel/rappel/dialplans"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
	"github.com/rappel-tel/rappel/sounds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tb is what a rig needs of a test, so that rapid can make rigs too.
type tb interface {
	require.TestingT
	Helper()
	Logf(format string, args ...any)
}

// rig is a Connector on a fake PBX with a dispatcher and records that write everything down.
type rig struct {
	pbx  *telephonytest.Fake
	c    *Connector
	desk *desk
	book *ivr.Book
	runs sync.WaitGroup
	stop context.CancelFunc
}

// desk plays dispatcher and records.
type desk struct {
	mu sync.Mutex
	notes
}

// notes is what a desk was told and what it is to answer. A test changes the answers by locked, once a call is under way.
type notes struct {
	steps      []call.Step
	outcomes   []call.Outcome
	left       []call.ID
	closings   []Closing
	states     []call.CallerState
	known      []Known
	onLine     []bool
	stateErr   error
	settings   Settings
	next       NextCall
	nextErr    error
	free       []Registrar
	staffed    bool // Somebody is on shift, though nobody is free.
	turns      map[string]func(Turn)
	place      Place
	leftQueue  []LeftReason
	joined     int
	callbacks  []Callback
	promiseErr error
	today      []int64
	todayAt    time.Time
	todayErr   error
	forbidden  string // A number that may not be rung.
	lineBusy   error  // No line of the trunk is free.
	lines      []string
	given      []string // Lines given back.
	disabled   int64    // A registrar who left while her phone rang.
	released   []call.OfferState
	held       map[string]string
	messages   []Message
	saveErr    error
	line       Line
	lineErr    error
	people     []Appointment
	peopleErr  error
	last       call.ID
	colleagues []Caller
	called     bool
	proposal   Proposal
	notYet     int // How often the end of the call is not written down yet.
	placed     int
	answers    []call.Answer
	spoken     string // What the scheme is called.
	never      []string
	reachErr   error
	forms
	agenda
	consents
}

// consents is what a desk knows of first calls.
type consents struct {
	asked    bool
	askedErr error
	said     []roster.ConsentAnswer
}

func (d *desk) ProposedBy(context.Context, int64, call.ID) (roster.Source, error) {
	return roster.SourcePharmacist, nil
}

func (d *desk) Asks(context.Context, int64, call.ID) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked, d.askedErr
}

func (d *desk) AnswerFirstCall(_ context.Context, _ int64, _ call.ID, answer roster.ConsentAnswer) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.notYet > 0 {
		d.notYet--
		return ErrNotYet
	}
	d.said = append(d.said, answer)
	return nil
}

// forms are what was registered.
type forms struct{ registrations []Registration }

// agenda is what a desk knows of changes.
type agenda struct {
	times     []Proposal
	change    Change // That somebody was told is noted, or that a call back asks about.
	askErr    error
	confirmed []int64
	settled   []Told
	made      []Change // At once.
	settleErr error
}

// seen is a copy of what was written down so far.
func (r *rig) seen() notes {
	synctest.Wait()
	r.desk.mu.Lock()
	defer r.desk.mu.Unlock()
	n := r.desk.notes
	n.held = maps.Clone(n.held)
	return n
}

func (d *desk) Placed(call.ID, int, time.Duration) { d.locked(func() { d.placed++ }) }

func (d *desk) Step(s call.Step) { d.locked(func() { d.steps = append(d.steps, s) }) }

func (d *desk) Answered(a call.Answer) { d.locked(func() { d.answers = append(d.answers, a) }) }

func (d *desk) Ended(o call.Outcome) { d.locked(func() { d.outcomes = append(d.outcomes, o) }) }

func (d *desk) MayReachOut(_ context.Context, _ int64, number string) (err error) {
	d.locked(func() {
		if err = d.reachErr; err == nil && number == d.forbidden {
			err = ErrNothing
		}
	})
	return err
}

func (d *desk) NeverAgain(_ context.Context, _ int64, number string, _ time.Time) (err error) {
	d.locked(func() {
		if err = d.reachErr; err == nil {
			d.never = append(d.never, number)
		}
	})
	return err
}

func (d *desk) Spoken(context.Context, int64) (name string, err error) {
	d.locked(func() { name, err = d.spoken, d.peopleErr })
	return name, err
}

func (d *desk) Upcoming(ctx context.Context, _ int64, _ call.ID, _ time.Time) (a Appointment, err error) {
	d.locked(func() {
		a = Appointment{Opens: d.proposal.Opens, Closes: d.proposal.Closes, Beneficiary: 17, Occurrence: 5, Changeable: true}
		err = d.peopleErr
	})
	return a, errors.Join(err, ctx.Err())
}

func (d *desk) locked(do func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do()
}

func (d *desk) SetState(_ context.Context, _, _ int64, s call.CallerState, k Known) (err error) {
	d.locked(func() { d.states, d.known, err = append(d.states, s), append(d.known, k), d.stateErr })
	return err
}

func (d *desk) OnLine(_, _ int64, inUse bool) {
	d.locked(func() { d.onLine = append(d.onLine, inUse) })
}

func (d *desk) Next(context.Context, int64, int64) (next NextCall, err error) {
	d.locked(func() { next, err = d.next, d.nextErr })
	return next, err
}

func (d *desk) CloseCall(_ context.Context, c Closing) error {
	c.At = time.Time{}
	d.locked(func() { d.closings = append(d.closings, c) })
	return nil
}

func (d *desk) CallerLeft(_, _ int64, a call.ID, _ time.Time) {
	d.locked(func() { d.left = append(d.left, a) })
}

func (d *desk) JoinQueue(_ context.Context, _ int64, p Party, tell func(Turn)) (err error) {
	d.locked(func() {
		if len(d.free) == 0 && !d.staffed {
			err = ErrNobodyFree
			return
		}
		d.turns[p.Key] = tell
		d.give(p.Key)
	})
	return err
}

// give hands the next free registrar to a party; once there is none left, nobody is on shift unless it is said to be staffed.
func (d *desk) give(key string) {
	switch {
	case d.turns[key] == nil:
	case len(d.free) > 0:
		d.turns[key](Turn{Registrar: d.free[0]})
		d.free = d.free[1:]
	case !d.staffed:
		d.turns[key](Turn{Nobody: true})
	}
}

func (d *desk) QueuePlace(context.Context, int64, string) (p Place, err error) {
	d.locked(func() { p = d.place })
	return p, nil
}

func (d *desk) QueueLength(context.Context, int64) (n int, err error) {
	d.locked(func() { n = len(d.turns) })
	return n, nil
}

func (d *desk) LeaveQueue(_ int64, key string, why LeftReason) {
	d.locked(func() {
		delete(d.turns, key)
		d.leftQueue = append(d.leftQueue, why)
	})
}

func (d *desk) PromiseCallback(_ context.Context, c Callback) (err error) {
	d.locked(func() {
		if err = d.promiseErr; err == nil {
			d.callbacks = append(d.callbacks, c)
		}
	})
	return err
}

func (d *desk) CallToday(_ context.Context, _, beneficiary int64) (at time.Time, err error) {
	d.locked(func() {
		d.today = append(d.today, beneficiary)
		at, err = d.todayAt, d.todayErr
	})
	return at, err
}

func (d *desk) Joined(int64, string) { d.locked(func() { d.joined++ }) }

func (d *desk) MayRing(_ context.Context, _ int64, number string) (err error) {
	d.locked(func() {
		if number == d.forbidden {
			err = ErrNotAllowed
		}
	})
	return err
}

func (d *desk) TakeLine(_ context.Context, _ int64, key string) (way Way, err error) {
	d.locked(func() {
		if err = d.lineBusy; err == nil {
			d.lines = append(d.lines, key)
			way = Way{Trunk: "trunk", CLI: did}
		}
	})
	return way, err
}

func (d *desk) GiveLine(_ int64, key string) { d.locked(func() { d.given = append(d.given, key) }) }

func (d *desk) ConfirmRegistrar(_ context.Context, _, registrar int64, _ string) (err error) {
	d.locked(func() {
		if registrar == d.disabled {
			err = ErrUnknownCaller
		}
	})
	return err
}

func (d *desk) ReleaseRegistrar(_ context.Context, _, _ int64, key string, s call.OfferState) error {
	d.locked(func() {
		d.released = append(d.released, s)
		if s != call.OfferAccepted {
			d.give(key)
		}
	})
	return nil
}

func (d *desk) HoldNumber(_ context.Context, number, key, _ string) error {
	d.locked(func() {
		if number != "" {
			d.held[number] = key
		}
	})
	return nil
}

func (d *desk) ReleaseNumber(_ context.Context, number, key string) error {
	d.locked(func() {
		if d.held[number] == key {
			delete(d.held, number)
		}
	})
	return nil
}

func (d *desk) Line(_ context.Context, did string) (Line, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lineErr != nil {
		return Line{}, d.lineErr
	}
	if did != d.line.Number {
		return Line{}, ErrUnknownLine
	}
	return d.line, nil
}

func (d *desk) LineOf(context.Context, int64) (Line, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.line, d.lineErr
}

func (d *desk) SettingsAt(context.Context, int64, string) (Settings, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.settings == (Settings{}) {
		return Settings{}, ErrNothing
	}
	return d.settings, nil
}

func (d *desk) Caller(_ context.Context, endpoint string) (Caller, error) {
	if endpoint != "anna" {
		return Caller{}, ErrUnknownCaller
	}
	return Caller{Scheme: 1, ID: 7, Language: roster.Dutch, Zone: time.UTC}, nil
}

func (d *desk) Appointments(context.Context, int64, string, time.Time) ([]Appointment, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.people, d.peopleErr
}

func (d *desk) CallersAt(context.Context, int64, string) ([]Caller, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.colleagues, d.called, d.peopleErr
}

func (d *desk) Proposed(context.Context, int64, call.ID) (Proposal, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.notYet > 0:
		d.notYet--
		return Proposal{}, ErrNotYet
	case d.proposal.Opens.IsZero():
		return Proposal{}, ErrNothing
	}
	return d.proposal, nil
}

func (d *desk) LastAttempt(context.Context, int64, int64, time.Time) (call.ID, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last == "" {
		return "", ErrNothing
	}
	return d.last, nil
}

func (d *desk) SaveMessage(_ context.Context, m Message) (err error) {
	d.locked(func() {
		if err = d.saveErr; err == nil && !slices.ContainsFunc(d.messages, func(o Message) bool { return o.ID == m.ID }) {
			d.messages = append(d.messages, m)
		}
	})
	return err
}

func (d *desk) SaveRegistration(_ context.Context, g Registration) (err error) {
	d.locked(func() {
		if err = d.saveErr; err == nil {
			d.registrations = append(d.registrations, g)
		}
	})
	return err
}

// spoken is a Voice that writes the text into the media, so that a test reads what was heard.
type spoken struct {
	err      error
	recorded func() map[ivr.Wording]telephony.Media // Nil has recorded nothing.
}

func (s spoken) Media(_ context.Context, lang roster.Language, text string) (telephony.Media, error) {
	return telephony.Media(string(lang) + ": " + text), s.err
}

// Length implements Voice: the Fake plays everything for a second.
func (s spoken) Length(telephony.Media) time.Duration { return time.Second }

// Ready implements Voice.
func (s spoken) Ready(lang roster.Language, text string) (telephony.Media, bool) {
	m, err := s.Media(context.Background(), lang, text)
	return m, err == nil
}

// Recorded implements Voice.
func (s spoken) Recorded(int64) map[ivr.Wording]telephony.Media {
	if s.recorded == nil {
		return nil
	}
	return s.recorded()
}

// Silence implements Voice.
func (s spoken) Silence(d time.Duration) telephony.Media {
	return telephony.Media("silence:" + strconv.FormatInt(d.Milliseconds(), 10))
}

// Music implements Voice.
func (s spoken) Music() telephony.Media { return "music" }

// Tone implements Voice.
func (s spoken) Tone() telephony.Media { return "tone" }

const (
	did    = "+3281000000"
	number = "+3281000101"
)

// shippedBook is read once: a book is never changed.
var shippedBook = sync.OnceValues(func() (*ivr.Book, error) {
	return ivr.ReadBook(dialplans.Flows(), sounds.Name, sounds.Prompts())
})

// newRig must be called inside a synctest bubble; end it with close.
func newRig(t tb, change func(*Options)) *rig {
	t.Helper()
	brussels, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	book, err := shippedBook()
	require.NoError(t, err)
	r := &rig{pbx: telephonytest.New(telephonytest.Options{}), book: book}
	r.desk = &desk{notes: notes{
		held: map[string]string{}, turns: map[string]func(Turn){},
		line: Line{
			Scheme: 1, Number: did, Zone: brussels, Region: "BE",
			Languages: []roster.Language{roster.French, roster.Dutch, roster.German},
		},
	}}
	logger := zap.NewNop()
	if single, ok := t.(*testing.T); ok {
		logger = zaptest.NewLogger(single, zaptest.Level(zap.ErrorLevel))
	}
	o := Options{
		Switch: r.pbx, Desk: r.desk, Callers: r.desk, Records: r.desk, Agenda: r.desk, Consents: r.desk, Outreach: r.desk, Voice: spoken{}, Book: func(int64) *ivr.Book { return r.book }, Now: time.Now,
		Logger: logger, Fallback: Line{Languages: []roster.Language{roster.French}},
	}
	if change != nil {
		change(&o)
	}
	r.c, err = New(o)
	require.NoError(t, err)
	r.run()
	return r
}

func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	r.runs.Go(func() { _ = r.c.Run(ctx) })
}

// close stops the Connector, as at the end of the process, and the PBX.
func (r *rig) close() {
	r.leave()
	r.pbx.Close()
}

// leave stops the Connector alone: calls live on.
func (r *rig) leave() {
	r.stop()
	r.c.Close()
	r.runs.Wait()
}

func order() call.Order {
	return call.Order{
		Scheme: 1, Attempt: call.NewID(), Offer: 1, Kind: call.KindScheduled, Caller: 7, CallerEndpoint: "anna",
		CallerLanguage: "nl", Number: number, Trunk: "trunk", Language: "fr",
		CallerRing: 20 * time.Second, BeneficiaryRing: 60 * time.Second, DialBy: time.Now().Add(time.Minute),
	}
}

// heard is every text that was said on a channel.
func (r *rig) heard(channel string) string {
	var b strings.Builder
	for _, m := range r.pbx.Heard(channel) {
		b.WriteString(string(m) + "\n")
	}
	return b.String()
}

// says is how spoken says a prompt.
func (r *rig) says(lang roster.Language, key string) string {
	return string(lang) + ": " + r.book.Text(lang, key, nil)
}

// sound checks what must hold whatever happened.
func (r *rig) sound(t tb) {
	t.Helper()
	require.Empty(t, r.pbx.Silent(), "she was up and heard nothing")
	require.Empty(t, r.pbx.PostedTwice())
	require.Zero(t, r.c.Live(), "a call is not forgotten")
}

func states(steps []call.Step) []call.State {
	var out []call.State
	for _, s := range steps {
		out = append(out, s.State)
	}
	return out
}

func bubble(t *testing.T, run func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, run)
}

var errAway = errors.New("the records are away")
