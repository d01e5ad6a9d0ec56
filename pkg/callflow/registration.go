package callflow

import (
	"context"
	"errors"
	"reflect"
	"strconv"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// leastName is the shortest recording that is kept as a name.
const leastName = 400 * time.Millisecond

// Registration is what somebody has registered by keypad and voice, as far as she came.
type Registration struct {
	ID       string // UUIDv7.
	Scheme   int64
	CLI      string // The number rung from, E.164; empty when withheld.
	Number   string // At which the person is to be called, E.164; empty while none was confirmed.
	Name     string // Recording of her name: a file below the PBX's recordings folder, without extension; empty when there is none.
	Source   roster.Source
	Language roster.Language // In which she is to be called.
	Cadence  roster.Cadence  // Empty while it was not said.
	PerWeek  int             // With roster.Weekly.
	Days     []time.Weekday  // Preferred; empty means any.
	Part     roster.DayPart  // Preferred; empty means any.
	// Consent is given for a person who registers herself, proposed for somebody else; empty means that the registration is
	// unfinished.
	Consent roster.ConsentState
	Wording string // What was read out before consent was given; empty otherwise.
	At      time.Time
	// Dialled is the number dialled, to find the scheme of what was registered while the records were away.
	Dialled string
}

// registering is a registration under way.
type registering struct {
	draft     Registration
	begun     bool   // She answers the questions; before it is only known that she wants to be registered.
	candidate string // The number that is to be confirmed.
	names     int    // How often the name was recorded.
	over      bool   // It was kept or forgotten.
}

// beginRegistration makes a registration, and says whether the party can be called where she rings from.
func (r *reception) beginRegistration(ctx context.Context, s *session) (string, ivr.Vars) {
	id := uuid.Must(uuid.NewV7()).String()
	if r.form != nil && !r.form.over {
		id = r.form.draft.ID // It takes the place of what she had not finished.
	} else if !r.mayLeave("registration") {
		r.end = "too_much"
		return "full", nil
	}
	r.form = &registering{begun: true, draft: Registration{
		ID: id, Scheme: r.line.Scheme, CLI: r.cli, Language: s.walker.Language(),
		At: r.c.o.Now(), Dialled: r.did,
	}}
	// Of one registration nothing stays in the next one of the same call.
	vars := ivr.Vars{"number": "", "name": "", "called_in": "", "often": "", "days": "", "part": "", "consent": "", "registered": ""}
	if r.cli == "" || !r.mayBeCalled(ctx, r.cli) {
		return "ask", vars
	}
	r.form.candidate = r.cli
	vars["own_number"], vars["register_number"] = "yes", national(r.cli)
	return "own", vars
}

// mayBeCalled reports whether the scheme may ring a number. While nobody knows, a registrar will see.
func (r *reception) mayBeCalled(ctx context.Context, number string) bool {
	err := r.c.o.Callers.MayRing(ctx, r.line.Scheme, number)
	if err != nil && !errors.Is(err, ErrNotAllowed) {
		r.c.logCommand("ask whether a number may be rung", r.l.key, err)
	}
	return !errors.Is(err, ErrNotAllowed)
}

// herNumber reads the number that was typed.
func (r *reception) herNumber(ctx context.Context, s *session) (string, ivr.Vars) {
	number := e164(s.walker.Text("typed"), r.line.Region)
	if r.form == nil || number == "" || number == r.line.Number || !r.mayBeCalled(ctx, number) {
		return r.wrong(), nil
	}
	r.form.candidate, r.mistyped = number, 0
	return "ok", ivr.Vars{"register_number": national(number)}
}

// herDays reads the days that were typed: 1 is Monday.
func (r *reception) herDays(s *session) (string, ivr.Vars) {
	var chosen roster.Weekdays
	for _, digit := range s.walker.Text("typed_days") {
		if digit < '1' || digit > '7' {
			return r.wrong(), nil
		}
		chosen |= roster.WeekdaysOf(time.Weekday((digit - '0') % 7))
	}
	if r.form == nil || chosen == 0 {
		return r.wrong(), nil
	}
	r.mistyped = 0
	var days []time.Weekday
	for i := range 7 {
		if day := time.Weekday((i + 1) % 7); chosen.Has(day) {
			days = append(days, day)
		}
	}
	r.form.draft.Days = days
	r.c.registrations.begin(r.form.draft)
	return "ok", ivr.Vars{"register_days": days}
}

// fill takes what was said so far into the registration and, when that is more than before, notes it on disk.
func (r *reception) fill(s *session) {
	if r.form == nil || r.form.over || !r.form.begun {
		return
	}
	was, d, said := r.form.draft, &r.form.draft, s.walker.Text
	d.Number = ""
	if said("number") == "confirmed" {
		d.Number = r.form.candidate
	}
	d.Source, d.Part = roster.Source(said("source")), roster.DayPart(said("part"))
	if d.Part == "any" {
		d.Part = ""
	}
	if in := said("called_in"); in != "" {
		d.Language = roster.Language(in)
	}
	if said("days") != "chosen" && said("days") != "" {
		d.Days = nil
	}
	d.Cadence, d.PerWeek = rhythm(said("often"))
	if !reflect.DeepEqual(was, *d) {
		r.c.registrations.begin(*d)
	}
}

// rhythm is how often somebody wants to be called.
func rhythm(often string) (roster.Cadence, int) {
	switch often {
	case "weekly":
		return roster.Weekly, 1
	case "twice":
		return roster.Weekly, 2
	case "daily":
		return roster.Daily, 0
	case "fortnightly":
		return roster.Fortnightly, 0
	}
	return "", 0
}

// recordName records the name. The one before, if there is one, was not liked.
func (r *reception) recordName(ctx context.Context, s *session, want ivr.Record) (string, ivr.Vars, bool) {
	if r.form == nil {
		return ivr.AnswerEmpty, nil, true
	}
	r.forgetName()
	r.form.names++
	name := "registrations/" + r.form.draft.ID + "-" + strconv.Itoa(r.form.names)
	r.form.draft.Name = name
	r.c.registrations.begin(r.form.draft) // The PBX records to its end, whatever becomes of this process.
	t := r.take(ctx, s, want, recordingOf{name: name, least: leastName})
	if t.answer != answerNothing && t.answer != ivr.AnswerKept {
		r.forgetName()
	}
	return t.answer, ivr.Vars{"name": r.form.draft.Name}, t.ok
}

// forgetName erases the recording of the name.
func (r *reception) forgetName() {
	name := r.form.draft.Name
	if r.form.draft.Name = ""; name == "" {
		return
	}
	r.c.eraseRecording(name)
}

// eraseRecording erases a recording, also when the party has gone.
func (c *Connector) eraseRecording(name string) {
	if c.o.Recordings == nil || name == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), afterwards)
	defer cancel()
	if err := c.o.Recordings.DeleteRecording(ctx, name); err != nil {
		c.o.Logger.Error("erase a recording failed", zap.String("recording", name), zap.Error(err))
	}
}

// register keeps a registration that is complete.
func (r *reception) register(s *session) string {
	if r.form == nil || r.form.over {
		return ivr.AnswerFailed
	}
	d := &r.form.draft
	if d.Consent = roster.ConsentState(s.walker.Text("consent")); d.Consent == roster.ConsentGiven {
		d.Wording = s.book.Text(s.walker.Language(), "register.consent", nil)
	}
	r.form.over, r.end = true, "registered"
	r.c.registrations.keep(context.WithoutCancel(r.c.ctx), *d)
	return "kept"
}

// forget forgets a registration at the wish of whoever began it.
func (r *reception) forget() string {
	if r.form == nil {
		return ivr.AnswerFailed
	}
	r.form.over, r.end = true, "declined"
	r.notLeft("registration")
	r.forgetName()
	r.c.registrations.drop(r.form.draft.ID)
	return "forgotten"
}

// leaveForm keeps a registration that was not finished, so that the registrars can call back. Of somebody who cannot be called
// back nothing is kept.
func (r *reception) leaveForm() {
	if r.form == nil || r.form.over || r.c.ctx.Err() != nil { // What is on disk is kept by the next process.
		return
	}
	if d := r.form.draft; d.CLI == "" && d.Number == "" {
		r.forget()
		return
	}
	r.form.over = true
	r.c.registrations.keep(context.WithoutCancel(r.c.ctx), r.form.draft)
}
