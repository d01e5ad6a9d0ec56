package web

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/sse"
)

const (
	beatEvery    = time.Second
	recheckEvery = 30 * time.Second // How soon a session that ended loses its stream.
)

// sections are the parts of the wall that are sent again when they change, in the order of the page.
func sections() []string {
	return []string{"alerts", "today", "welfare", "callers", "live", "line", "last"}
}

func (s *Site) wallPage(w http.ResponseWriter, r *http.Request, session auth.Session) {
	scheme, err := s.scheme(r, session)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	wall, err := s.opts.Figures.Wall(r.Context(), scheme)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.render(w, r, http.StatusOK, "wall.html", s.newWallView(s.page(r, session), wall, s.opts.Problems(), false))
}

// take notes that whoever is signed in looks after somebody who was not reached. It changes nothing when another has taken her, or
// she was heard from: the wall says which.
func (s *Site) take(w http.ResponseWriter, r *http.Request, session auth.Session) {
	scheme, err := s.scheme(r, session)
	if err == nil && s.opts.Inbox == nil {
		err = report.ErrNoScheme
	}
	if err == nil {
		_, err = s.opts.Inbox.TakeInbox(r.Context(), scheme.Key, r.PathValue("item"), session.Account.Name, s.opts.Now())
	}
	switch {
	case errors.Is(err, inbox.ErrNoItem):
		s.fail(w, r, report.ErrNoScheme)
	case err != nil && !errors.Is(err, inbox.ErrTaken) && !errors.Is(err, inbox.ErrHandled):
		s.fail(w, r, err)
	default:
		redirect(w, r, "/schemes/"+scheme.ID+"/wall")
	}
}

// beat is sent every second: it says that the stream lives, and when the figures were read.
type beat struct {
	Now   int64  `json:"now"`   // Service clock, Unix seconds.
	Clock string `json:"clock"` // The same as people read it.
	Fresh bool   `json:"fresh"` // The figures could be read, and were not delayed.
}

// part is one section that changed.
type part struct {
	ID   string `json:"id"`
	HTML string `json:"html"`
}

// wallLive streams the wall as server-sent events: "part" for a section that changed, "say" for
// the status region, "beat" every second.
func (s *Site) wallLive(w http.ResponseWriter, r *http.Request, session auth.Session) {
	scheme, err := s.scheme(r, session)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	events, err := sse.Open(w)
	if err != nil {
		s.log.Error("follow the wall", zap.Error(err))
		return
	}
	s.met.viewers.Inc()
	defer s.met.viewers.Dec()
	st := &stream{site: s, events: events, page: s.page(r, session), sent: map[string]string{}}
	feed, news, leave := s.watch(scheme)
	defer leave()
	beats := time.NewTicker(beatEvery)
	defer beats.Stop()
	recheck := time.NewTicker(recheckEvery)
	defer recheck.Stop()
	for err == nil {
		select {
		case <-news:
			err = st.update(feed.get())
		case <-beats.C:
			err = st.beat(feed.get())
		case <-recheck.C:
			if _, sessionErr := s.session(r.Context(), r); sessionErr != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// stream is one browser that follows the wall.
type stream struct {
	site   *Site
	events *sse.Stream
	page   page
	sent   map[string]string // The last HTML sent, by section.
	said   string
}

// update sends the sections that differ from what the browser has.
func (st *stream) update(r reading) error {
	if r.at.IsZero() {
		return nil
	}
	drawn, err := st.draw(r)
	if err != nil {
		return err
	}
	for _, p := range drawn.parts {
		if st.sent[p.ID] == p.HTML {
			continue
		}
		if err := st.send("part", p); err != nil {
			return err
		}
		st.sent[p.ID] = p.HTML
	}
	if drawn.say != st.said {
		st.said = drawn.say
		return st.send("say", drawn.say)
	}
	return nil
}

// draw returns the sections of a reading in the browser's language.
func (st *stream) draw(r reading) (rendition, error) {
	r.drawn.mu.Lock()
	defer r.drawn.mu.Unlock()
	drawn, done := r.drawn.in[st.page.Lang]
	if done {
		return drawn, nil
	}
	view := st.site.newWallView(st.page, r.wall, st.problems(r), true)
	for _, id := range sections() {
		var body bytes.Buffer
		if err := st.site.pages.ExecuteTemplate(&body, id, view); err != nil {
			st.site.log.Error("render section", zap.String("section", id), zap.Error(err))
			return drawn, fmt.Errorf("render section %s: %w", id, err)
		}
		drawn.parts = append(drawn.parts, part{ID: id, HTML: body.String()})
	}
	drawn.say = view.Say()
	r.drawn.in[st.page.Lang] = drawn
	return drawn, nil
}

// problems adds what the feed itself has noticed.
func (st *stream) problems(r reading) []Problem {
	problems := st.site.opts.Problems()
	if r.good || slices.Contains(problems, ProblemStoreLost) {
		return problems
	}
	return append(problems, ProblemStoreLost)
}

func (st *stream) beat(r reading) error {
	now := st.site.opts.Now()
	zone := time.UTC
	if !r.at.IsZero() {
		zone = zoneOf(r.wall.Scheme)
	}
	return st.send("beat", beat{Now: now.Unix(), Clock: now.In(zone).Format("15:04:05"), Fresh: r.good && !r.wall.Stale})
}

func (st *stream) send(event string, data any) error {
	text, err := sse.Event("", event, data)
	if err != nil {
		return err
	}
	return st.events.Send(text)
}

// zoneOf returns the scheme's zone, or UTC when its name is not known here.
func zoneOf(scheme report.Scheme) *time.Location {
	zone, err := time.LoadLocation(scheme.Zone)
	if err != nil {
		return time.UTC
	}
	return zone
}
