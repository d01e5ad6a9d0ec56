package figures

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/dialplans"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/natsbus"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/sounds"
)

// Of a node whose calls are short; real time.
const (
	nodeMargin = time.Second     // What an order may lose on its way.
	nodeLead   = 3 * time.Second // No call starts later before its window's end: both phones ring a second, and the margin.
	lookAgain  = 100 * time.Millisecond
)

// serveCalls runs the service's dispatcher and call flows on the exchange, as `rappel serve` does, until it is killed or another
// process has taken the lead.
func (o *childOrder) serveCalls(ctx context.Context, say *reporter) (err error) {
	log, err := zap.NewProduction(zap.IncreaseLevel(zap.ErrorLevel))
	if err != nil {
		return fmt.Errorf("make logger: %w", err)
	}
	pbx := newRemote(o.PBX)
	running, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	work.Go(func() { pbx.run(running) })

	var bus *natsbus.Bus
	store, err := postgres.New(ctx, postgres.Options{
		URL: o.URL, Patience: time.Second, Spool: filepath.Join(o.Dir, "spool"), Logger: log,
		Publish: func(events []call.Event) { bus.Publish(events) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if bus, err = natsbus.New(ctx, natsbus.Options{URL: o.NATS, Log: store}); err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = bus.Close(closing) // NATS may be away.
	}()
	board := &board{}
	d, err := dispatch.New(dispatch.Options{
		Store: store, Switchboard: board, Logger: log, Now: o.now, Holder: o.Node, Horizon: o.Horizon, DialMargin: nodeMargin, Lead: nodeLead,
	})
	if err != nil {
		return err
	}
	book, err := ivr.ReadBook(dialplans.Flows(), sounds.Name, sounds.Prompts())
	if err != nil {
		return fmt.Errorf("read dialplans: %w", err)
	}
	connector, err := callflow.New(callflow.Options{
		Switch: pbx, Desk: d, Callers: desk{d: d}, Records: store, Agenda: agenda{}, Outreach: store, Voice: voice{},
		Book: func(int64) *ivr.Book { return book }, Now: o.now, Logger: log, NoWrapUp: true,
	})
	if err != nil {
		return err
	}
	board.Connector = connector
	defer connector.Close()
	defer d.Close()
	work.Go(func() { _ = connector.Run(running) }) // It ends with its context.
	return o.lead(ctx, d, pbx, say)
}

// lead leads the scheme as soon as that can be, and until another process does.
func (o *childOrder) lead(ctx context.Context, d *dispatch.Dispatcher, pbx *remote, say *reporter) error {
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for leading := false; !d.Overtaken(o.Scheme); {
		if !leading && pbx.connected() && d.Lead(ctx, o.Scheme) == nil { // Otherwise it is tried again.
			leading = true
			say.say(said{About: "leads"})
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil
		}
	}
	say.say(said{About: "overtaken"})
	d.Resign(o.Scheme)
	return nil
}

// board breaks the circle between dispatcher and call flows.
type board struct{ *callflow.Connector }

// desk is the dispatcher as callers reach it: here they only leave.
type desk struct {
	callflow.Callers
	d *dispatch.Dispatcher
}

// CallerLeft implements callflow.Callers.
func (c desk) CallerLeft(scheme, caller int64, attempt call.ID, _ time.Time) {
	c.d.CallerLeft(scheme, caller, attempt)
}

// agenda is asked by nobody: nobody rings in.
type agenda struct{ callflow.Agenda }

// voice says everything in the same moment.
type voice struct{}

// Media implements callflow.Voice.
func (voice) Media(context.Context, roster.Language, string) (telephony.Media, error) {
	return "silence:100", nil
}

// Ready implements callflow.Voice.
func (voice) Ready(roster.Language, string) (telephony.Media, bool) { return "silence:100", true }

// Recorded implements callflow.Voice.
func (voice) Recorded(int64) map[ivr.Wording]telephony.Media { return nil }

// Length implements callflow.Voice.
func (voice) Length(telephony.Media) time.Duration { return 100 * time.Millisecond }

// Silence implements callflow.Voice.
func (voice) Silence(time.Duration) telephony.Media { return "silence:100" }

// Music implements callflow.Voice.
func (voice) Music() telephony.Media { return "silence:100" }

// Tone implements callflow.Voice.
func (voice) Tone() telephony.Media { return "silence:100" }
