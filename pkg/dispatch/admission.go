package dispatch

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// admission shares one PBX's Throttle among the schemes that are led here. What may not start yet stays in its scheme's
// plan, in its order, and nowhere else. Schemes that wait are served in turn. A nil admission lets everything through.
type admission struct {
	mu       sync.Mutex
	throttle *Throttle
	waiting  []*Engine // Those with something to start and no room, the longest waiting first.
}

// noBound is the room of a Board whose starts nobody bounds.
const noBound = -1

// newAdmission returns the admission of a node's own PBX.
func newAdmission(opts Options) (*admission, error) {
	a := &admission{throttle: NewThrottle(opts.StartsPerSecond, opts.RealNow())}
	if opts.Registerer == nil {
		return a, nil
	}
	gauge := func(name, help string, value func(*Throttle) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "rappel", Subsystem: "dispatch", Name: name, Help: help,
		}, func() float64 {
			a.mu.Lock()
			defer a.mu.Unlock()
			return value(a.throttle)
		})
	}
	for _, c := range []prometheus.Collector{
		gauge("admission_rate", "Calls that may be started in a second, as the PBX bears.", (*Throttle).Rate),
		gauge("admission_under_way", "Starts decided that the PBX has not answered.",
			func(t *Throttle) float64 { return float64(t.UnderWay()) }),
		gauge("admission_schemes_waiting", "Schemes with something to start for which the PBX has no room.",
			func(*Throttle) float64 { return float64(len(a.waiting)) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "rappel", Subsystem: "dispatch", Name: "admission_falls_total", Help: "Times the rate fell because the PBX was slow.",
		}, func() float64 {
			a.mu.Lock()
			defer a.mu.Unlock()
			return float64(a.throttle.Falls())
		}),
	} {
		if err := opts.Registerer.Register(c); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// room is how many calls an engine may start now; noBound for any number. Those who have waited longer are left one each.
func (a *admission) room(e *Engine, now time.Time) int {
	if a == nil {
		return noBound
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	ahead := slices.Index(a.waiting, e)
	if ahead < 0 {
		ahead = len(a.waiting)
	}
	return max(0, a.throttle.Room(now)-ahead)
}

// begin says that a leg is about to be posted.
func (a *admission) begin(leg string, now time.Time) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.throttle.Begin(leg, now)
}

// wait has an engine told when there is room; it returns when to look again, the zero time when it is woken.
func (a *admission) wait(e *Engine, started bool, now time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := slices.Index(a.waiting, e)
	if at >= 0 && started {
		a.waiting = slices.Delete(a.waiting, at, at+1)
		a.call()
		at = -1
	}
	if at < 0 {
		at = len(a.waiting)
		a.waiting = append(a.waiting, e)
	}
	return a.throttle.Wait(now, at+1)
}

// leave says that an engine waits for no room.
func (a *admission) leave(e *Engine) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if at := slices.Index(a.waiting, e); at >= 0 {
		a.waiting = slices.Delete(a.waiting, at, at+1)
		a.call()
	}
}

// end says that a leg is no longer under way: its command was answered, or never given.
func (a *admission) end(leg string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.throttle.End(leg) {
		a.call()
	}
}

// answered says how long the PBX took to answer the command of a leg.
func (a *admission) answered(leg string, took time.Duration, now time.Time) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.throttle.End(leg)
	a.throttle.Answered(took, now)
	a.call()
}

// call wakes the engines that wait: each looks how much room there is by then. The schemes led by one node are few.
func (a *admission) call() {
	for _, e := range a.waiting {
		e.poke()
	}
}

// decide starts what is to start now and ends what has lapsed. It returns when to look again.
func (e *Engine) decide(now time.Time) time.Time {
	clock := e.opts.RealNow()
	for _, s := range e.board.sites {
		e.board.AdmitAt(s.node, e.admissions.at(s.node).room(e, clock))
	}
	e.board.Plan(now, &e.decision)
	for _, id := range e.decision.Ended {
		e.lapse(id, now)
	}
	for _, s := range e.decision.Starts {
		e.claim(s, now)
	}
	wake := e.decision.Again
	clock = e.opts.RealNow()
	for _, s := range e.board.sites {
		a := e.admissions.at(s.node)
		if !e.decision.Full || !s.usable || s.admitted != 0 {
			a.leave(e)
			continue
		}
		if room := a.wait(e, s.started, clock); !room.IsZero() {
			wake = sooner(wake, now.Add(e.opts.service(room.Sub(clock))))
		}
	}
	return wake
}

// quit gives back what this engine has of the ways to the PBXs: nobody will hear of its last starts.
func (e *Engine) quit() {
	for id, a := range e.attempts {
		e.admissions.at(a.live.Order.Node).end(id.CallerLeg(a.live.Order.Offer))
	}
	e.admissions.leave(e)
}

// admissions are one for each PBX, by its node; the empty one is this node's own.
type admissions struct {
	opts *Options // Nil bounds nothing.
	own  *admission

	mu     sync.Mutex
	others map[string]*admission
}

// newAdmissions returns the admissions of a dispatcher. The figures are this node's own PBX's.
func newAdmissions(opts Options) (*admissions, error) {
	if opts.StartsPerSecond <= 0 {
		return &admissions{}, nil
	}
	own, err := newAdmission(opts)
	if err != nil {
		return nil, err
	}
	return &admissions{opts: &opts, own: own, others: map[string]*admission{}}, nil
}

// at returns the admission of a PBX. How quickly another node's answers is seen by those calls alone that are placed from
// here: whoever else places calls there sees it as well and gives it less by itself.
func (as *admissions) at(node string) *admission {
	if node == "" || as.opts == nil {
		return as.own
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	a := as.others[node]
	if a == nil {
		a = &admission{throttle: NewThrottle(as.opts.StartsPerSecond, as.opts.RealNow())}
		as.others[node] = a
	}
	return a
}

// leave says that an engine waits for room at no PBX.
func (as *admissions) leave(e *Engine) {
	as.own.leave(e)
	as.mu.Lock()
	defer as.mu.Unlock()
	for _, a := range as.others {
		a.leave(e)
	}
}
