package callflow

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

const (
	// leastMessage is the shortest recording that is kept as a message.
	leastMessage = 2 * time.Second
	// recordingWait is how long the end of a recording may be reported after the party hung up.
	recordingWait = 2 * time.Second
	// afterwards bounds what is still written down when the party, or the service, is gone.
	afterwards = 5 * time.Second
)

// reception is an inbound party at one of our lines.
type reception struct {
	c        *Connector
	l        *live
	line     Line
	did      string // As dialled.
	cli      string // E.164; empty when withheld or unreadable.
	own      ownPhone
	settings Settings
	end      string    // How it ended, for the figures.
	callback string    // The number that the party would be called back at.
	mistyped int       // How often running something was typed that cannot be read.
	asked    time.Time // When the party wanted a registrar, by the service's clock.
	known    string    // The fact, once it was asked for.
	change   changing
	answers  answers // What the line answers, since the party asked for it.
	// transfers numbers the legs to others whom the party was connected with.
	transfers int
	rung      int // Numbers the registrars' legs.
	form      *registering
}

// inbound answers somebody who dialled one of our numbers and walks the line's flow with them.
func (c *Connector) inbound(l *live, e telephony.Event) {
	did := e.Dialled
	if len(e.Args) > 1 {
		did = e.Args[1]
	}
	line, err := c.lines.find(c.ctx, did)
	r := &reception{c: c, l: l, line: line, did: did, cli: e164(e.CLI, line.Region), end: "left"}
	r.change = changing{c: c, key: l.key, scheme: line.Scheme, zone: line.zone(), make: r.note}
	if err == nil {
		// Together, so that records that are away keep nobody waiting twice.
		known, stop := context.WithTimeout(c.ctx, c.o.Patience/2)
		r.lookUpCaller(known)
		r.lookUpSettings(known)
		stop()
	}
	if answerErr := c.o.Switch.Answer(c.ctx, e.Channel); answerErr != nil {
		c.logCommand("answer", l.key, answerErr)
		return
	}
	flow := line.Flow
	s := c.session(l, e.Channel, line.Scheme)
	if !s.book.Has(flow) {
		flow = flowRegistration
	}
	s.begin(flow, r.language(), r.vars())
	s.host = r
	if errors.Is(err, ErrUnknownLine) {
		c.metrics.steps.WithLabelValues("unknown_line").Inc()
		c.o.Logger.Warn("a number was dialled that no scheme answers", zap.String("call", l.key))
		s.timer = time.NewTimer(time.Hour)
		defer s.timer.Stop()
		s.refuse(line.Languages)
		s.hangUp()
		return
	}
	if len(r.own.callers) > 0 {
		r.onLine(true)
		defer func() {
			s.awaitGone()
			r.onLine(false)
		}()
	}
	release := r.hold(e.Endpoint)
	defer release()
	c.wg.Go(func() { r.foresee(c.ctx, s) })
	s.run()
	r.leaveForm()
	if s.broken && !s.gone && c.ctx.Err() == nil {
		r.end = "rescued"
		c.rescue(l, s.channel)
	} else {
		s.hangUp()
	}
	c.metrics.steps.WithLabelValues(r.end).Inc()
}

// hold keeps the party's number from being rung while they are on the line. Failing to is no reason not to talk to them.
// Whoever withholds the number uses a line of the trunk all the same.
func (r *reception) hold(trunk string) (release func()) {
	if err := r.c.o.Callers.HoldNumber(r.c.ctx, r.cli, r.l.key, trunk); err != nil {
		r.c.logCommand("hold number", r.l.key, err)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.c.ctx), afterwards)
		defer cancel()
		if err := r.c.o.Callers.ReleaseNumber(ctx, r.cli, r.l.key); err != nil {
			r.c.logCommand("release number", r.l.key, err)
		}
	}
}

// e164 reads a number as a trunk presents it. What cannot be read is withheld.
func e164(number, region string) string {
	if number == "" {
		return ""
	}
	if n, err := numbering.Parse(number, region); err == nil {
		return n.E164
	}
	if strings.HasPrefix(number, "+") && len(number) > 6 && strings.Trim(number[1:], "0123456789") == "" {
		return number
	}
	return ""
}

func (r *reception) walked(s *session) { r.fill(s) }

func (r *reception) ask(ctx context.Context, s *session, o ivr.Output) (string, ivr.Vars, bool) {
	switch o.Ask {
	case ivr.AskLookup:
		name, vars := r.lookUp(ctx, s, o.What)
		return name, vars, true
	case ivr.AskFact:
		name, vars := r.fact(ctx, o.What)
		return name, vars, true
	case ivr.AskRecord:
		return r.record(ctx, s, o.Record)
	case ivr.AskQueue:
		return r.queue(ctx, s, o)
	case ivr.AskTransfer:
		return r.transfer(ctx, s, o.What)
	default:
		return ivr.AnswerFailed, nil, true
	}
}

func (r *reception) lookUp(ctx context.Context, s *session, what string) (string, ivr.Vars) {
	switch what {
	case ivr.LookupAppointments:
		return r.appointments(ctx)
	case ivr.LookupConfirm, ivr.LookupOtherTimes, ivr.LookupAwayFrom, ivr.LookupBack, ivr.LookupAskChange:
		return r.change.lookUp(ctx, s, what)
	case ivr.LookupReady:
		return r.setState(ctx, s, call.CallerReady), nil
	case ivr.LookupReadyOnce:
		return r.setState(ctx, s, call.CallerReadyOnce), nil
	case ivr.LookupBreak:
		return r.setState(ctx, s, call.CallerBreak), nil
	case ivr.LookupOff:
		return r.setState(ctx, s, call.CallerOff), nil
	case ivr.LookupNumber:
		return r.typedNumber(s)
	case ivr.LookupBegin:
		return r.beginRegistration(ctx, s)
	case ivr.LookupHerNumber:
		return r.herNumber(ctx, s)
	case ivr.LookupDays:
		return r.herDays(s)
	case ivr.LookupRegister:
		return r.register(s), nil
	case ivr.LookupForget:
		return r.forget(), nil
	case ivr.LookupCallback:
		return r.promise(ctx, s), nil
	case ivr.LookupCallToday:
		return r.callToday(ctx, s)
	case ivr.LookupNextCall:
		return r.nextCall(ctx, s)
	case ivr.LookupTopics:
		return r.topics(ctx, s)
	case ivr.LookupQuestions:
		return r.questionsOn(s)
	case ivr.LookupAnswer:
		return r.answerTo(ctx, s)
	default:
		return ivr.AnswerFailed, nil
	}
}

// record takes a message. What was said before a hang-up is kept.
func (r *reception) record(ctx context.Context, s *session, want ivr.Record) (string, ivr.Vars, bool) {
	if want.What == ivr.RecordName {
		return r.recordName(ctx, s, want)
	}
	if !r.mayLeave("message") {
		r.end = "too_much"
		return ivr.AnswerFull, nil, true
	}
	m := r.message(s)
	r.c.messages.begin(m)
	t := r.take(ctx, s, want, recordingOf{name: m.Recording, least: leastMessage})
	switch {
	case t.answer == ivr.AnswerKept, t.length >= leastMessage: // What was said until it failed is kept.
		m.Length, m.At, r.end = t.length, r.c.o.Now(), "message"
		r.c.messages.keep(context.WithoutCancel(r.c.ctx), m)
	case r.c.ctx.Err() == nil:
		r.notLeft("message")
		r.c.eraseRecording(m.Recording)
		r.c.messages.drop(m.ID)
	}
	// When it is the service that ends, the recording goes on, and the next one lists the message.
	return t.answer, nil, t.ok
}

// recordingOf is what is recorded.
type recordingOf struct {
	name  string
	least time.Duration // What is shorter is nothing.
}

// answerNothing is no answer: the service ended while something was recorded.
const answerNothing = ""

// taken is what became of a recording.
type taken struct {
	answer string // Kept, empty, failed, or answerNothing.
	length time.Duration
	ok     bool // The party is still there.
}

// take records what the party says.
func (r *reception) take(ctx context.Context, s *session, want ivr.Record, of recordingOf) taken {
	s.guard.busy(s, time.Duration(want.Max)+time.Second) // And the beep.
	defer s.guard.idle()
	err := r.c.o.Switch.Record(ctx, s.channel, telephony.Recording{
		Name: of.name, MaxLength: time.Duration(want.Max), MaxSilence: time.Duration(want.Silence), Beep: true, TerminateOn: "#",
	})
	if err != nil {
		return r.brokeOff(s, err, 0)
	}
	began := time.Now()
	end := began.Add(time.Duration(want.Max) + 10*time.Second)
	byKey := false
	for {
		e, woke := s.wait(end)
		switch {
		case s.gone:
			if length := r.lastLength(s, of.name, time.Since(began)); length >= of.least {
				return taken{answer: ivr.AnswerKept, length: length}
			}
			return taken{answer: ivr.AnswerEmpty}
		case !woke && r.c.ctx.Err() != nil:
			return taken{}
		case !woke:
			return r.brokeOff(s, errNoEnd, 0)
		case e.Type == telephony.EventDigit:
			byKey = true
		case e.Type == telephony.EventRecordingFailed && e.Recording == of.name:
			return r.brokeOff(s, errRecording, 0)
		case e.Type == telephony.EventRecordingDone && e.Recording == of.name && !byKey && r.c.diskFull():
			if !s.leaves() {
				return r.brokeOff(s, errRecording, e.Length)
			}
			if e.Length >= of.least {
				return taken{answer: ivr.AnswerKept, length: e.Length}
			}
			return taken{answer: ivr.AnswerEmpty}
		case e.Type == telephony.EventRecordingDone && e.Recording == of.name:
			// The PBX leaves out the silence that has ended it.
			if e.Length < of.least {
				return taken{answer: ivr.AnswerEmpty, ok: !s.gone && r.c.ctx.Err() == nil}
			}
			return taken{answer: ivr.AnswerKept, length: e.Length, ok: true}
		}
	}
}

// Why nothing more is recorded.
var (
	errRecording = errors.New("the PBX cannot write it; is its disk full?")
	errNoEnd     = errors.New("the PBX told of no end")
)

// diskFull reports whether the PBX has no room to record. It says of a recording that it could not write on that it is done, like one
// that silence has ended.
func (c *Connector) diskFull() bool { return c.o.Full != nil && c.o.Full() }

// brokeOff is the end of a recording that failed after so much was written.
func (r *reception) brokeOff(s *session, why error, length time.Duration) taken {
	if r.c.ctx.Err() == nil && !s.gone {
		r.c.metrics.unrecorded.Inc()
		r.c.o.Logger.Error("a recording failed", zap.String("call", r.l.key), zap.Duration("written", length), zap.Error(why))
	}
	return taken{answer: ivr.AnswerFailed, length: length, ok: !s.gone && r.c.ctx.Err() == nil}
}

// lastLength is how long the recording was that a hang-up ended: its event may come after the channel's last.
func (r *reception) lastLength(s *session, name string, estimate time.Duration) time.Duration {
	s.gone = false
	defer func() { s.gone = true }()
	end := time.Now().Add(recordingWait)
	for {
		e, woke := s.wait(end)
		switch {
		case s.gone:
			s.gone = false // It has left the application, and now it is gone.
		case !woke:
			return estimate
		case e.Type == telephony.EventRecordingDone && e.Recording == name:
			if e.Length == 0 {
				return estimate
			}
			return e.Length
		}
	}
}

// message is one that the party is about to leave.
func (r *reception) message(s *session) Message {
	id := uuid.Must(uuid.NewV7()).String()
	return Message{
		ID: id, Scheme: r.line.Scheme, CLI: r.cli, Language: s.walker.Language(), Recording: "messages/" + id,
		At: r.c.o.Now(), Dialled: r.did,
	}
}
