package asterisk

import (
	"sync"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// router finds the mailbox of an event's call: by the account code of its channel, or by the channel id. Both lookups are
// map accesses, whatever the number of live calls.
type router struct {
	metrics  *metrics
	arrivals *telephony.Mailbox

	mu    sync.Mutex
	boxes map[string]*telephony.Mailbox
	// legs holds the account code of living channels that have one: events about playbacks and recordings name the channel
	// only.
	legs map[string]string
}

func newRouter(m *metrics) *router {
	return &router{
		metrics: m, arrivals: telephony.NewMailbox("arrivals", nil),
		boxes: map[string]*telephony.Mailbox{}, legs: map[string]string{},
	}
}

func (r *router) open(key string) *telephony.Mailbox {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.boxes[key] != nil {
		panic("asterisk: mailbox " + key + " is open already")
	}
	box := telephony.NewMailbox(key, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.boxes, key)
		r.metrics.mailboxes.Set(float64(len(r.boxes)))
	})
	r.boxes[key] = box
	r.metrics.mailboxes.Set(float64(len(r.boxes)))
	return box
}

// route puts the event where it belongs. It never blocks.
func (r *router) route(e telephony.Event) {
	r.mu.Lock()
	switch {
	case e.Leg != e.Channel && e.Leg != "":
		r.legs[e.Channel] = e.Leg
	case r.legs[e.Channel] != "":
		e.Leg = r.legs[e.Channel]
	default:
		e.Leg = e.Channel
	}
	if e.Type == telephony.EventGone {
		delete(r.legs, e.Channel)
	}
	e.Key = call.Of(e.Leg)
	box := r.boxes[e.Key]
	r.mu.Unlock()
	if box != nil && box.Put(e) {
		return
	}
	if e.Type == telephony.EventEntered {
		r.arrivals.Put(e)
		return
	}
	r.metrics.unrouted.WithLabelValues(string(e.Type)).Inc()
}

// learn replaces what is known of living channels by a listing.
func (r *router) learn(channels []telephony.Channel) {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.legs)
	for _, c := range channels {
		if c.Leg != c.ID {
			r.legs[c.ID] = c.Leg
		}
	}
}
