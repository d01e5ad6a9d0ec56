package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/rappel-tel/rappel/pkg/asterisk"
	"github.com/rappel-tel/rappel/pkg/call"
)

// originate commands the PBX, one command per call.
func (x *run) originate(ctx context.Context) error {
	before, err := x.used(0)
	if err != nil {
		return err
	}
	var mu sync.Mutex // Guards what the calls write.
	var calls sync.WaitGroup
	slots := make(chan struct{}, inFlight(x.trial.Rate)) // Calls under way.
	start := time.Now()
	for i := range x.trial.Calls {
		sleepUntil(ctx, start.Add(time.Duration(float64(i)/x.trial.Rate*float64(time.Second))))
		if ctx.Err() != nil {
			break
		}
		slots <- struct{}{}
		calls.Go(func() {
			defer func() { <-slots }()
			path, query, body := x.command(i)
			at := time.Now()
			err := x.ari.do(ctx, http.MethodPost, path, query, body, nil)
			mu.Lock()
			x.begun[number(i+1)] = at
			if err != nil {
				x.errors++
			}
			mu.Unlock()
			// A call takes as long as its hold: so long it counts as under way.
			sleepUntil(ctx, at.Add(hold))
		})
	}
	calls.Wait()
	return x.weigh(ctx, before)
}

// command words the command of the ith call.
func (x *run) command(i int) (path string, query url.Values, body any) {
	query = url.Values{
		"endpoint": {"PJSIP/" + x.endpoints[i%len(x.endpoints)]}, "context": {dialplan}, "extension": {number(i + 1)},
		"priority": {"1"}, "timeout": {"20"},
	}
	if x.trial.Mode == modeOriginate {
		return fmt.Sprintf("/channels/o%d-%d", x.trials, i), query, nil
	}
	// As package asterisk words it.
	id := call.NewID()
	query.Set("context", "connect")
	query.Set("extension", "s")
	return "/channels/" + id.CallerLeg(1), query, map[string]any{"variables": map[string]string{
		"RAPPEL_NUMBER": number(i + 1), "RAPPEL_TRUNK": trunkName, "RAPPEL_RING": "30", "RAPPEL_LEG": id.BeneficiaryLeg(),
		"RAPPEL_ATTEMPT": string(id), "RAPPEL_CLI": number(0), "RAPPEL_LANGUAGE": "fr", "CHANNEL(language)": "fr",
		"RAPPEL_DIAL_BY": strconv.FormatInt(time.Now().Add(time.Minute).Unix(), 10),
	}}
}

// listened is originate while the events of the calls are read and decoded, and belong to nobody.
func (x *run) listened(ctx context.Context) (err error) {
	pbx, err := asterisk.New(asterisk.Options{URL: x.ari.base, User: x.ari.user, Password: x.ari.password, App: application})
	if err != nil {
		return err
	}
	reading, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- pbx.Run(reading) }()
	go func() { // What arrives is nobody's; it ends with Run.
		for range pbx.Arrivals() {
			continue
		}
	}()
	defer func() {
		stop()
		err = errors.Join(err, <-done, x.ari.forget(context.WithoutCancel(ctx), application))
	}()
	if err := wait(ctx, quietLimit, "the event stream", func() (bool, error) { return pbx.Connected(), nil }); err != nil {
		return err
	}
	return x.originate(ctx)
}
