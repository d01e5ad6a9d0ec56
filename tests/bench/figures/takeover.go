package figures

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/rappel-tel/rappel/pkg/natsbus"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/tests/bench/measure"
)

const (
	takeoverGoal  = 10.0            // Seconds.
	standbyEvery  = time.Second     // How often a node that does not lead looks whether it may, as `rappel serve` does,
	standbyTerm   = 5 * time.Second // how long the other's lease lasts,
	standbySilent = 3 * time.Second // and how long a frozen process may keep it waiting in the records.
)

// takeover measures how long nobody is called when the node that leads a scheme is lost: two nodes share records and bus, the
// leading one is killed (SIGKILL), or frozen (SIGSTOP) in the middle of its work, and the other one, which was only waiting, takes the
// lease, leads, and commits its first claim. The lost one is replaced before the next round.
func takeover(ctx context.Context, r *rig, rounds measure.Rounds) (Result, error) {
	t := r.heldTown()
	b, err := r.build(ctx, t)
	if err != nil {
		return Result{}, err
	}
	s, err := startNATS(r.natsDir("takeover"), server.RANDOM_PORT)
	if err != nil {
		return Result{}, err
	}
	defer s.Shutdown()
	values := map[string][]float64{}
	err = r.onFresh(ctx, b.template, func(url string) error {
		started := 0
		start := func() (*child, error) {
			started++
			return r.start(ctx, childOrder{
				Role: "node", Standby: true, URL: url, Scheme: b.scheme, SchemeID: b.id, Horizon: heldHorizon, Held: t.held,
				Anchor: time.Now(), At: morning(), NATS: s.ClientURL(), Node: fmt.Sprint("node", started),
			})
		}
		leader, err := start()
		if err != nil {
			return err
		}
		defer func() { leader.kill() }()
		if _, err := leader.await(ctx, "claimed", restartLimit); err != nil {
			return err
		}
		lose := func(with syscall.Signal) func(context.Context) (float64, error) {
			return func(ctx context.Context) (float64, error) {
				standby, err := start()
				if err != nil {
					return 0, err
				}
				if _, err := standby.await(ctx, "waits", restartLimit); err != nil {
					standby.kill()
					return 0, err
				}
				began := time.Now()
				leader.signal(with)
				_, err = standby.await(ctx, "claimed", restartLimit)
				took := time.Since(began).Seconds()
				leader.kill()
				leader = standby
				return took, err
			}
		}
		values, err = measure.Interleave(ctx, rounds,
			measure.Side{Name: "killed", Run: lose(syscall.SIGKILL)}, measure.Side{Name: "frozen", Run: lose(syscall.SIGSTOP)})
		return err
	})
	if err != nil {
		return Result{}, err
	}
	killed, frozen := measure.Median(values["killed"]), measure.Median(values["frozen"])
	worst := max(killed, frozen)
	return Result{
		Value: worst, Unit: "s to the other node's first dispatch", Ratio: worst / takeoverGoal, Spread: measure.Spread(append(values["killed"], values["frozen"]...)),
		Met:     worst <= takeoverGoal,
		Limit:   "a lease of five seconds, looked at every second, and the loading of what is planned",
		Details: map[string]float64{"killed_s": killed, "frozen_s": frozen, "planned": float64(t.held)},
	}, nil
}

// elect waits until this node may lead, and renews its lease from then on until ctx ends.
func (o *childOrder) elect(ctx context.Context, leases *natsbus.Leases, store *postgres.Store, say *reporter) error {
	tick := time.NewTicker(standbyEvery)
	defer tick.Stop()
	for waiting := false; ; waiting = true {
		if _, err := store.EndSilent(ctx, standbySilent); err != nil {
			return err
		}
		mine, err := leases.Claim(ctx, o.SchemeID, 0)
		if mine || err != nil {
			return err
		}
		if !waiting {
			say.say(said{About: "waits"})
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
