package telephone

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// desk plays dispatcher and records, and writes everything down.
type desk struct {
	zone *time.Location

	mu       sync.Mutex
	changed  chan struct{} // Closed and replaced at every change.
	steps    map[call.ID][]call.State
	outcomes map[call.ID][]call.Outcome
	left     map[call.ID]bool
	closings map[call.ID]callflow.Closing
	states   []call.CallerState
	free     []callflow.Registrar
	released []call.OfferState
	held     map[string]bool
	messages []callflow.Message
	people   []callflow.Appointment
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Brussels")
	require.NoError(t, err)
	return &desk{
		zone: zone, changed: make(chan struct{}), steps: map[call.ID][]call.State{}, outcomes: map[call.ID][]call.Outcome{},
		left: map[call.ID]bool{}, closings: map[call.ID]callflow.Closing{}, held: map[string]bool{},
	}
}

func (d *desk) change(do func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do()
	close(d.changed)
	d.changed = make(chan struct{})
}

// until waits until the condition holds, or for half a minute.
func (d *desk) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		d.mu.Lock()
		ok, changed := holds(), d.changed
		d.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-limit:
			require.FailNow(t, "waited in vain for "+what)
		}
	}
}

func (d *desk) outcome(t *testing.T, id call.ID) call.Outcome {
	t.Helper()
	d.until(t, "an outcome", func() bool { return len(d.outcomes[id]) > 0 })
	d.mu.Lock()
	defer d.mu.Unlock()
	require.Len(t, d.outcomes[id], 1)
	return d.outcomes[id][0]
}

func (d *desk) Step(s call.Step) {
	d.change(func() { d.steps[s.Attempt] = append(d.steps[s.Attempt], s.State) })
}

func (d *desk) Ended(o call.Outcome) {
	d.change(func() { d.outcomes[o.Attempt] = append(d.outcomes[o.Attempt], o) })
}

func (d *desk) OnLine(int64, int64, bool) {}

func (d *desk) SetState(_ context.Context, _, _ int64, s call.CallerState) error {
	d.change(func() { d.states = append(d.states, s) })
	return nil
}

func (d *desk) Next(context.Context, int64, int64) (callflow.NextCall, error) {
	return callflow.NextCall{}, callflow.ErrNothing
}

func (d *desk) CloseCall(_ context.Context, c callflow.Closing) error {
	d.change(func() { d.closings[c.Attempt] = c })
	return nil
}

func (d *desk) CallerLeft(_, _ int64, id call.ID, _ time.Time) {
	d.change(func() { d.left[id] = true })
}

func (d *desk) ReserveRegistrar(context.Context, int64, roster.Language, string) (r callflow.Registrar, err error) {
	d.change(func() {
		if len(d.free) == 0 {
			err = callflow.ErrNobodyFree
			return
		}
		r, d.free = d.free[0], d.free[1:]
	})
	return r, err
}

func (d *desk) ReleaseRegistrar(_ context.Context, _, _ int64, _ string, s call.OfferState) error {
	d.change(func() { d.released = append(d.released, s) })
	return nil
}

func (d *desk) HoldNumber(_ context.Context, number, _ string) error {
	d.change(func() { d.held[number] = true })
	return nil
}

func (d *desk) ReleaseNumber(_ context.Context, number, _ string) error {
	d.change(func() { delete(d.held, number) })
	return nil
}

func (d *desk) Line(_ context.Context, did string) (callflow.Line, error) {
	if did != ours {
		return callflow.Line{}, callflow.ErrUnknownLine
	}
	return callflow.Line{
		Scheme: 1, Number: ours, Zone: d.zone, Region: "BE", Languages: []roster.Language{roster.French},
	}, nil
}

func (d *desk) Caller(context.Context, string) (callflow.Caller, error) {
	return callflow.Caller{Scheme: 1, ID: 7, Language: roster.French, Zone: d.zone}, nil
}

func (d *desk) Appointments(context.Context, int64, string, time.Time) ([]callflow.Appointment, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.people) == 0 {
		return nil, callflow.ErrNothing
	}
	return d.people, nil
}

func (d *desk) LastAttempt(context.Context, int64, int64, time.Time) (call.ID, error) {
	return "", callflow.ErrNothing
}

func (d *desk) SaveMessage(_ context.Context, m callflow.Message) error {
	d.change(func() { d.messages = append(d.messages, m) })
	return nil
}
