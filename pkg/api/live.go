package api

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/sse"
)

const (
	// repeatEvery is how often the figures are sent again when nothing has changed, so that their age is known.
	repeatEvery  = 5 * time.Second
	recheckEvery = 30 * time.Second // How soon a token that was revoked, or a session that ended, loses its stream.
)

// liveBody is the figures as they are told; package report says what each of them is. Times are the service's clock, but for
// as_of and waiting.as_of; a duration ends in _ms, and one that is not known is missing.
type liveBody struct {
	Scheme string    `json:"scheme"`
	Number int64     `json:"number"`
	At     time.Time `json:"at"`
	AsOf   time.Time `json:"as_of"`
	AgeMS  int64     `json:"age_ms"`
	Stale  bool      `json:"stale"`

	Promises promisesBody `json:"promises"`
	Waiting  waitingBody  `json:"waiting"`
	Callers  callersBody  `json:"callers"`
	Queues   []queueBody  `json:"queues"`
	Messages int          `json:"messages"`

	Appointments appointmentsBody `json:"appointments"`
}

type appointmentsBody struct {
	Confirmed int `json:"confirmed"`
	Changed   int `json:"changed"`
	Pending   int `json:"pending"`
	Refused   int `json:"refused"`
	Lapsed    int `json:"lapsed"`
}

type promisesBody struct {
	Planned      int    `json:"planned"`
	Due          int    `json:"due"`
	Open         int    `json:"open"`
	Later        int    `json:"later"`
	Claimed      int    `json:"claimed"`
	Live         int    `json:"live"`
	Late         int    `json:"late"`
	Reached      int    `json:"reached"`
	Unreached    int    `json:"unreached"`
	Kept         int    `json:"kept"`
	Missed       int    `json:"missed"`
	Moved        int    `json:"moved"`
	Cancelled    int    `json:"cancelled"`
	OldestWaitMS *int64 `json:"oldest_wait_ms,omitempty"`
	LeastSlackMS *int64 `json:"least_slack_ms,omitempty"`
}

type waitingBody struct {
	AsOf    *time.Time        `json:"as_of,omitempty"`
	Stale   bool              `json:"stale"`
	ByCause *dispatch.Waiting `json:"by_cause,omitempty"`
}

type callersBody struct {
	ByState map[call.CallerState]int `json:"by_state"`
	List    []callerBody             `json:"list"`
}

type callerBody struct {
	ID         string           `json:"id"`
	Registrar  bool             `json:"registrar"`
	State      call.CallerState `json:"state"`
	Reason     string           `json:"reason,omitempty"`
	Since      time.Time        `json:"since"`
	CallsToday int              `json:"calls_today"`
}

type queueBody struct {
	Name           string `json:"name"`
	Waiting        int    `json:"waiting"`
	LongestMS      *int64 `json:"longest_ms,omitempty"`
	Talking        int    `json:"talking"`
	Offered        int    `json:"offered"`
	Answered       int    `json:"answered"`
	AnsweredInTime int    `json:"answered_in_20_s"`
	Abandoned      int    `json:"abandoned"`
	CallbacksOwed  int    `json:"callbacks_owed"`
	ASAMS          *int64 `json:"asa_ms,omitempty"`
	AHTMS          *int64 `json:"aht_ms,omitempty"`
}

// bodyOf tells the figures at now, real time.
func bodyOf(scheme report.Scheme, l report.Live, now time.Time) liveBody {
	t := l.Today
	body := liveBody{
		Scheme: scheme.ID, Number: l.Number, At: l.At.UTC(), AsOf: l.AsOf.UTC(), AgeMS: l.Age(now).Milliseconds(),
		Stale: l.Age(now) > report.StaleAfter, Messages: l.Messages, Appointments: appointmentsBody(l.Appointments),
		Promises: promisesBody{
			Planned: t.Planned, Due: t.Due, Open: t.Open, Later: t.Later, Claimed: t.Claimed, Live: t.Live, Late: t.Late,
			Reached: t.Reached, Unreached: t.Unreached, Kept: t.Kept(), Missed: t.Missed, Moved: t.Moved, Cancelled: t.Cancelled,
		},
		Waiting: waitingBody{Stale: l.WaitingStale(now)},
		Callers: callersBody{ByState: map[call.CallerState]int{}, List: []callerBody{}},
		Queues:  []queueBody{},
	}
	if !t.OldestOpen.IsZero() {
		body.Promises.OldestWaitMS = milliseconds(l.At.Sub(t.OldestOpen))
		body.Promises.LeastSlackMS = milliseconds(t.LeastSlack.Sub(l.At))
	}
	if !l.WaitingAt.IsZero() {
		said := l.WaitingAt.UTC()
		body.Waiting.AsOf, body.Waiting.ByCause = &said, &l.Waiting
	}
	for _, s := range call.CallerStates() {
		body.Callers.ByState[s] = 0
	}
	for _, c := range l.Callers {
		body.Callers.ByState[c.State]++
		if c.State != call.CallerOff {
			body.Callers.List = append(body.Callers.List, callerBody{
				ID: c.ID, Registrar: c.Registrar, State: c.State, Reason: c.Reason, Since: c.Since.UTC(), CallsToday: c.CallsToday,
			})
		}
	}
	for _, q := range l.Queues {
		told := queueBody{
			Name: q.Name, Waiting: q.Waiting, Talking: q.Talking, Offered: q.Offered, Answered: q.Answered,
			AnsweredInTime: q.AnsweredInTime, Abandoned: q.Abandoned, CallbacksOwed: q.CallbacksOwed,
		}
		if q.Waiting > 0 {
			told.LongestMS = milliseconds(q.Longest(l.At))
		}
		if q.Answered > 0 {
			told.ASAMS = milliseconds(q.SpeedOfAnswer())
		}
		if q.Ended > 0 {
			told.AHTMS = milliseconds(q.HandleTime())
		}
		body.Queues = append(body.Queues, told)
	}
	return body
}

func milliseconds(d time.Duration) *int64 {
	ms := d.Milliseconds()
	return &ms
}

// live answers with the figures as they are now, or follows them when the client accepts a stream.
func (a *API) live(w http.ResponseWriter, r *http.Request, scheme report.Scheme) {
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		a.liveEvents(w, r, scheme)
		return
	}
	l, err := a.opts.Live.Live(r.Context(), scheme)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.reply(w, bodyOf(scheme, l, time.Now()))
}

// liveEvents sends the figures as server-sent events: once at once, then whenever they change, and
// every five seconds. Each event is named "live", has the number of the last event in it for an id, and holds everything:
// a client that comes back needs nothing of what it has missed.
func (a *API) liveEvents(w http.ResponseWriter, r *http.Request, scheme report.Scheme) {
	viewer := a.opts.Live.View(scheme)
	defer viewer.Leave()
	l, err := viewer.Live(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	events, err := sse.Open(w)
	if err != nil {
		a.log.Error("follow figures", zap.Error(err))
		return
	}
	repeat := time.NewTicker(repeatEvery)
	defer repeat.Stop()
	recheck := time.NewTicker(recheckEvery)
	defer recheck.Stop()
	for {
		text, err := a.told.event(scheme, l)
		if err == nil {
			err = events.Send(text)
		}
		if err != nil {
			a.log.Debug("follow figures", zap.Error(err))
			return
		}
		for waiting := true; waiting; {
			select {
			case <-viewer.News:
				waiting = false
			case <-repeat.C:
				waiting = false
			case <-recheck.C:
				if who, err := a.asker(r); err != nil || who.scheme != scheme.Key || who.role != roster.RoleCoordinator {
					return
				}
			case <-r.Context().Done():
				return
			case <-a.ctx.Done():
				return
			}
		}
		if l, err = viewer.Live(r.Context()); err != nil {
			return
		}
	}
}

// told remembers the last event of each scheme as text, so that it is written once however many follow.
type told struct {
	mu   sync.Mutex
	last map[int64]toldEvent
}

type toldEvent struct {
	version uint64
	at      time.Time // When it was written; real time.
	text    []byte    // Changed no more.
}

// toldAgain is how long an event that was written may be sent to others as it is; real time.
const toldAgain = 20 * time.Millisecond

func (t *told) event(scheme report.Scheme, l report.Live) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if e := t.last[scheme.Key]; e.version == l.Version && now.Sub(e.at) < toldAgain {
		return e.text, nil
	}
	text, err := sse.Event(strconv.FormatInt(l.Number, 10), "live", bodyOf(scheme, l, now))
	if err != nil {
		return nil, err
	}
	t.last[scheme.Key] = toldEvent{l.Version, now, text}
	return text, nil
}
