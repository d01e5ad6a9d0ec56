// Package api serves what programs read of a scheme, and change in it, as JSON, below /api/v1/: documented in openapi.json
// (OpenAPI 3.1), which it serves too. Whoever asks shows a token of the scheme (rappel user token) or the cookie of a coordinator
// who is signed in; a scheme that is not theirs does not exist. Errors are problem details (RFC 9457). Figures name nobody: ids
// seen outside, the town's references, words of the vocabulary, counts and instants. What shows or changes a person's records asks
// for a token that may write, and is kept in the audit before it is done. No address holds a name or a number.
package api

import (
	"context"
	_ "embed" // For the document.
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/forecast"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Prefix is below which everything of this package is served.
const Prefix = "/api/v1/"

//go:embed openapi.json
var document []byte

// Schemes finds schemes. Package postgres implements it.
type Schemes interface {
	// Scheme finds a scheme by the id seen outside (a UUID in either notation), or returns report.ErrNoScheme.
	Scheme(ctx context.Context, id string) (report.Scheme, error)
}

// Options says what the answers are made from.
type Options struct {
	Schemes Schemes
	Live    *report.Feeds
	Days    forecast.Records // Of which day plans are made.
	Inbox   Inbox
	// Recordings may be nil: then nothing can be listened to.
	Recordings Recordings
	Agenda     Agenda
	People     People
	// Questions is what the line answers.
	Questions Questions
	Outreach  Outreach
	Flows     Flows
	Lines     Lines
	Trunks    Trunks
	Recovery  Recovery
	Prompts   Prompts
	Consents  Consents
	Surges    Surges
	Refusals  Refusals
	// Script is what a caller may say at a first call; it may be nil.
	Script func(roster.Language) string
	Door   *auth.Door
	// Now is the service's clock, which a demo may run faster; nil means time.Now. Tokens and acts always use real time.
	Now func() time.Time
	// Secure is set when the pages are reached over TLS: it decides the name of the session's cookie.
	Secure bool
	Logger *zap.Logger // Nil logs nothing.
}

// API answers programs. Its methods are safe for use by several goroutines.
type API struct {
	opts    Options
	log     *zap.Logger
	handler http.Handler
	told    told
	// planning is held by whoever has a day planned.
	planning chan struct{}

	ctx    context.Context // Ends with Close; streams end with it.
	cancel context.CancelFunc
}

// New checks the options.
func New(opts Options) (*API, error) {
	if opts.Schemes == nil || opts.Live == nil || opts.Days == nil || opts.Inbox == nil || opts.Agenda == nil || opts.People == nil ||
		opts.Questions == nil || opts.Outreach == nil || opts.Flows == nil || opts.Lines == nil || opts.Trunks == nil || opts.Recovery == nil || opts.Prompts == nil ||
		opts.Consents == nil || opts.Surges == nil || opts.Refusals == nil || opts.Door == nil {
		return nil, errors.New("api: schemes, live figures, days, inbox, agenda, people, questions, outreach, flows, lines, trunks, recovery, prompts, consents, surges, refusals and door are needed")
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	a := &API{opts: opts, log: opts.Logger, told: told{last: map[int64]toldEvent{}}, planning: make(chan struct{}, 1)}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.handler = a.serve()
	return a, nil
}

// Handler serves everything below Prefix.
func (a *API) Handler() http.Handler { return a.handler }

// Close ends the streams, which would otherwise hold up the server's shutdown.
func (a *API) Close() { a.cancel() }

// routes is the table of everything that is served, below Prefix.
func (a *API) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET openapi.json": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(document) // A client that has gone is nobody's error.
		},
		"GET schemes/{scheme}":             a.figures(a.scheme),
		"GET schemes/{scheme}/live":        a.figures(a.live),
		"GET schemes/{scheme}/live/events": a.figures(a.liveEvents),
		"GET schemes/{scheme}/plan":        a.figures(a.plan),

		"GET schemes/{scheme}/inbox":                  a.people(a.inbox),
		"GET schemes/{scheme}/inbox/{item}":           a.people(a.inboxItem),
		"GET schemes/{scheme}/inbox/{item}/recording": a.people(a.recording),
		"POST schemes/{scheme}/inbox/{item}/take":     a.change(a.take),
		"POST schemes/{scheme}/inbox/{item}/call":     a.change(a.callAbout),
		"POST schemes/{scheme}/inbox/{item}/resolve":  a.change(a.resolve),
		"GET schemes/{scheme}/contacts/{person}":      a.people(a.contacts),
		"PUT schemes/{scheme}/contacts/{person}":      a.change(a.putContacts),
		"PATCH schemes/{scheme}/contacts/{person}":    a.change(a.patchContacts),

		"GET schemes/{scheme}/questions":               a.shown(a.questions),
		"PUT schemes/{scheme}/questions":               a.whole(a.putQuestions),
		"DELETE schemes/{scheme}/questions":            a.change(a.resetQuestions),
		"PUT schemes/{scheme}/questions/{question}":    a.change(a.putQuestion),
		"DELETE schemes/{scheme}/questions/{question}": a.change(a.deleteQuestion),
		"GET schemes/{scheme}/questions/asked":         a.shown(a.questionsAsked),

		"GET schemes/{scheme}/outreach":         a.figures(a.outreach),
		"POST schemes/{scheme}/outreach/import": a.whole(a.addOutreach),
		"POST schemes/{scheme}/outreach/start":  a.change(a.startOutreach),
		"POST schemes/{scheme}/outreach/stop":   a.change(a.stopOutreach),
		"POST schemes/{scheme}/outreach/end":    a.change(a.endOutreach),

		"GET schemes/{scheme}/surges":         a.shown(a.surges),
		"POST schemes/{scheme}/surges":        a.change(a.startSurge),
		"POST schemes/{scheme}/surges/stop":   a.change(a.stopSurge),
		"GET schemes/{scheme}/survey-answers": a.shown(a.surveyAnswers),

		"GET schemes/{scheme}/flows":                  a.people(a.flows),
		"GET schemes/{scheme}/flows/{flow}":           a.people(a.flow),
		"PUT schemes/{scheme}/flows/{flow}":           a.whole(a.draftFlow),
		"POST schemes/{scheme}/flows/{flow}/check":    a.whole(a.checkFlow),
		"POST schemes/{scheme}/flows/{flow}/publish":  a.change(a.publishFlow),
		"POST schemes/{scheme}/flows/{flow}/rollback": a.change(a.rollBackFlow),
		"GET schemes/{scheme}/flows/{flow}/history":   a.people(a.flowHistory),

		"GET schemes/{scheme}/line":                 a.people(a.line),
		"POST schemes/{scheme}/line/numbers":        a.change(a.saveNumber),
		"POST schemes/{scheme}/line/numbers/remove": a.change(a.removeNumber),
		"PUT schemes/{scheme}/line/hours":           a.change(a.setLineHours),
		"POST schemes/{scheme}/line/open":           a.change(a.openLine),
		"POST schemes/{scheme}/line/close":          a.change(a.closeLine),
		"POST schemes/{scheme}/line/usual":          a.change(a.usualLine),
		"PUT schemes/{scheme}/line/overflow":        a.change(a.setOverflow),
		"PUT schemes/{scheme}/line/greeting":        a.change(a.setGreeting),

		"GET schemes/{scheme}/lost":        a.people(a.lost),
		"POST schemes/{scheme}/lost/close": a.change(a.closeRefused),
		"POST schemes/{scheme}/pause":      a.change(a.pause),
		"POST schemes/{scheme}/resume":     a.change(a.resume),

		"GET schemes/{scheme}/trunks":               a.shown(a.trunks),
		"PUT schemes/{scheme}/trunks/{trunk}/nodes": a.change(a.setTrunkNodes),

		"GET schemes/{scheme}/prompts":                        a.shown(a.prompts),
		"POST schemes/{scheme}/prompts/render":                a.change(a.renderPrompts),
		"GET schemes/{scheme}/prompts/{prompt}/{language}":    a.people(a.hearPrompt),
		"PUT schemes/{scheme}/prompts/{prompt}/{language}":    a.answered(needChange, MaxRecording, a.replacePrompt),
		"DELETE schemes/{scheme}/prompts/{prompt}/{language}": a.change(a.restorePrompt),

		"GET schemes/{scheme}/consents":           a.people(a.consents),
		"PUT schemes/{scheme}/consents":           a.change(a.putConsentRules),
		"POST schemes/{scheme}/consents/{person}": a.change(a.answerConsent),
		"GET schemes/{scheme}/consent-script":     a.shown(a.consentScript),
		"GET schemes/{scheme}/origins":            a.shown(a.origins),

		"POST schemes/{scheme}/refusals":        a.change(a.addRefusal),
		"POST schemes/{scheme}/refusals/check":  a.change(a.checkRefusal),
		"POST schemes/{scheme}/refusals/lift":   a.change(a.liftRefusal),
		"POST schemes/{scheme}/refusals/person": a.change(a.refusePerson),

		"GET schemes/{scheme}/appointments":                   a.people(a.changes),
		"GET schemes/{scheme}/appointments/{person}":          a.people(a.appointment),
		"POST schemes/{scheme}/appointments/{person}/confirm": a.change(a.confirmAppointment),
		"POST schemes/{scheme}/appointments/{person}/move":    a.change(a.moveAppointment),
		"POST schemes/{scheme}/appointments/{person}/skip":    a.change(a.skipAppointment),
		"POST schemes/{scheme}/appointments/{person}/settle":  a.change(a.settleChange),
		"POST schemes/{scheme}/appointments/{person}/today":   a.change(a.callToday),

		"GET schemes/{scheme}/absences":               a.people(a.absences),
		"POST schemes/{scheme}/absences/{person}":     a.change(a.announceAbsence),
		"POST schemes/{scheme}/absences/{person}/end": a.change(a.endAbsence),
		"GET schemes/{scheme}/people/{person}":        a.people(a.person),
		"PATCH schemes/{scheme}/people/{person}":      a.change(a.setPerson),
	}
}

func (a *API) serve() http.Handler {
	mux := http.NewServeMux()
	for pattern, answer := range a.routes() {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+Prefix+path, answer)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		// What is no text is nobody's name: the records could not even be asked.
		if !utf8.ValidString(r.URL.Path) || strings.ContainsRune(r.URL.Path, 0) {
			a.fail(w, r, errNoPage)
			return
		}
		if _, pattern := mux.Handler(r); pattern == "" {
			a.nothing(w, r, mux)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// nothing answers where nothing is served, or nothing by this method.
func (a *API) nothing(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		a.fail(w, r, errNoPage)
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	a.fail(w, r, errMethod)
}

// schemeBody is a scheme as it is told.
type schemeBody struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Zone     string          `json:"zone"`
	Language roster.Language `json:"language"`
	Paused   bool            `json:"paused"`
}

func (a *API) scheme(w http.ResponseWriter, _ *http.Request, s report.Scheme) {
	a.reply(w, schemeBody{ID: s.ID, Name: s.Name, Zone: s.Zone, Language: s.Language, Paused: s.Paused})
}

// reply answers with a value.
func (a *API) reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(body); err != nil {
		a.log.Debug("answer", zap.Error(err))
	}
}
