package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/postgres"
)

const (
	leadEvery   = time.Second      // How often schemes without a leader are looked for; real time.
	leaseTerm   = 5 * time.Second  // How long a node that has gone keeps its schemes; real time.
	pbxPatience = 10 * time.Second // How long a node keeps its schemes while its PBX is away, or its clock in doubt; real time.
	// recordsPatience is how long a node keeps others from leading its schemes while it cannot reach the records; real time.
	recordsPatience = 5 * time.Second
	// silenceInBatch is how long a process of ours may keep others waiting within a transaction and say nothing: it is frozen, or
	// cut off. By the database's clock.
	silenceInBatch = 3 * time.Second
	spokenLimit    = time.Minute // How long the first start waits for the dialplan's prompts; real time.
	lostLimit      = 100_000     // Events read back when the database has lost some.
	// checkInEvery is how often the records are told that this node is there; real time.
	checkInEvery = postgres.NodeSilent / 6
)

// lead leads every scheme of the installation, now and as they are made. The database may be away: then it tries again.
// It begins when the PBX can say what it may have to say to whom it rings; a voice that hangs does not keep promises from
// being kept.
func (a *App) lead(ctx context.Context) error {
	select {
	case <-a.spoken:
	case <-time.After(spokenLimit):
		a.log.Warn("the dialplan's prompts are not spoken yet; leading without them")
	case <-ctx.Done():
		return nil
	}
	a.recordsSeen = time.Now()
	return a.again(ctx, leadEvery, "lead schemes; trying again", func(ctx context.Context) error {
		return errors.Join(a.leadAll(ctx), a.letGo(ctx))
	})
}

// letGo gives back the leases of a node that has lost the records: another may have them. Nothing else changes: it can claim
// nothing, its calls go on, and it keeps what it learns of them. When nobody has taken its schemes meanwhile it goes on as
// before.
func (a *App) letGo(ctx context.Context) error {
	if a.leases == nil || time.Since(a.recordsSeen) < recordsPatience {
		return nil
	}
	var errs []error
	for _, name := range a.leases.Held() {
		a.log.Warn("the records are away: another node may lead", zap.String("lease", name))
		errs = append(errs, a.leases.Release(ctx, name))
	}
	return errors.Join(errs...)
}

func (a *App) leadAll(ctx context.Context) error {
	if err := a.ensureSchema(ctx); err != nil {
		return err
	}
	if err := a.compareClock(ctx); err != nil {
		return err
	}
	published := a.relay.schemes() // Before the records are read: what is published was committed before.
	schemes, err := a.store.Schemes(ctx)
	if err != nil {
		return fmt.Errorf("list schemes: %w", err)
	}
	a.recordsSeen = time.Now()
	if time.Since(a.checkedIn) >= checkInEvery {
		if err := a.store.CheckIn(ctx, a.node); err != nil {
			return err
		}
		a.checkedIn = time.Now()
	}
	if err := a.count(ctx, schemes); err != nil {
		a.log.Debug("spread schemes", zap.Error(err)) // The event bus is away: every scheme stays where it is.
	}
	leading := a.dispatcher.Schemes()
	var errs []error
	for _, s := range schemes {
		led := slices.Contains(leading, s.Key)
		mine, err := a.elected(ctx, s, led)
		if err != nil {
			errs = append(errs, err)
		}
		if !mine {
			if led {
				a.resign(s)
			}
			continue
		}
		last, followed := published[s.Key]
		restored := false
		if !followed || last > s.LastEvent {
			if s.LastEvent, restored, err = a.lookBack(ctx, s, last); err != nil {
				// Nobody dials while it is not known whom this service has called already.
				errs = append(errs, err)
				continue
			}
		}
		if led && !restored {
			continue
		}
		// The PBX may be away: then nothing rings, and syncAccounts tries again and says so.
		_ = a.updateAccounts(ctx)
		if err := a.dispatcher.Lead(ctx, s.Key); err != nil {
			errs = append(errs, err)
			continue
		}
		a.log.Info("leading a scheme", zap.String("scheme", s.ID))
		errs = append(errs, a.witness.handClosings(ctx, s.Key))
		a.catchUp(ctx, s)
	}
	a.knowLeaders(schemes)
	errs = append(errs, a.give(ctx, schemes))
	return errors.Join(errs...)
}

// knowLeaders notes who leads which scheme, for what callers wish at this node's PBX.
func (a *App) knowLeaders(schemes []postgres.Scheme) {
	if a.leases == nil {
		return
	}
	leaders := map[int64]string{}
	for _, s := range schemes {
		leaders[s.Key] = a.leases.Holder(s.ID)
	}
	a.reach.know(leaders)
}

// lookBack finds out whether the database was brought back to an earlier moment: then events are missing in it that this
// process committed, or that were published. The scheme is then paused until a person has seen what was lost.
// It returns the number of the last event.
func (a *App) lookBack(ctx context.Context, s postgres.Scheme, published int64) (last int64, restored bool, err error) {
	lost, err := a.bus.After(ctx, s.ID, s.LastEvent, lostLimit)
	if err != nil {
		if a.cfg.NATS.URL == "" {
			return s.LastEvent, false, fmt.Errorf("compare the records with what was published: %w", err)
		}
		// An event bus that is elsewhere, and away, keeps no promise from being kept.
		a.log.Warn("the event bus is away: a database brought back to an earlier moment would not be noticed", zap.Error(err))
	}
	last = max(s.LastEvent, published)
	if len(lost) > 0 {
		last = max(last, lost[len(lost)-1].Number)
	}
	if last == s.LastEvent {
		return last, false, nil
	}
	if restored, err = a.store.Restored(ctx, s.Key, lost, last, a.now()); err != nil || !restored {
		return s.LastEvent, false, err
	}
	a.log.Error("the database was brought back to an earlier moment: the scheme is paused; see rappel scheme lost",
		zap.String("scheme", s.ID), zap.Int64("last_event", s.LastEvent), zap.Int64("lost_up_to", last))
	return last, true, nil
}

// catchUp publishes what an earlier process committed and did not publish, and follows the scheme from there.
func (a *App) catchUp(ctx context.Context, s postgres.Scheme) {
	last, err := a.store.LastEvent(ctx, s.Key) // The lead itself is news.
	if err != nil {
		last = s.LastEvent
	}
	a.bus.Lead(s.ID, s.Key, last) // First: what is published from now on follows it.
	a.relay.follow(s.Key, last)
}

// endSilent ends the database sessions of frozen processes that keep others waiting, so that whoever is to lead can.
func (a *App) endSilent(ctx context.Context) error {
	return a.again(ctx, leadEvery, "look for sessions that keep others waiting; trying again", func(ctx context.Context) error {
		ended, err := a.store.EndSilent(ctx, silenceInBatch)
		if ended > 0 {
			a.log.Warn("ended the database sessions of a process that stands still and kept others waiting", zap.Int("sessions", ended))
		}
		return err
	})
}

// electLeader lets the nodes that share an event bus decide who leads which scheme. An embedded bus is this node's alone.
func (a *App) electLeader() {
	if a.cfg.NATS.URL == "" {
		return
	}
	a.leases = a.bus.Leases(a.node, leaseTerm)
	// Given back after the last decision was committed, so that whoever leads next finds all of them.
	a.onStop("leases", closeLimit, func(ctx context.Context) error {
		var errs []error
		for _, scheme := range a.leases.Held() {
			errs = append(errs, a.leases.Release(ctx, scheme))
		}
		return errors.Join(errs...)
	})
	a.onStop("renewal of leases", closeLimit, a.background("leases", a.leases.Run))
}

// elected reports whether this node is to lead the scheme: it holds the lease, nobody has overtaken it in the records, its
// PBX can place calls, and it knows what time it is.
func (a *App) elected(ctx context.Context, s postgres.Scheme, led bool) (bool, error) {
	doubt := a.clock.doubtful()
	if !doubt {
		a.clockSeen = time.Now()
	}
	if a.leases == nil {
		return led || !doubt, nil // Whoever leads starts nothing, and hears of its calls.
	}
	if a.dispatcher.Overtaken(s.Key) {
		// The records decide, whatever the lease says: this process was paused, or cut off from the bus.
		a.leases.Drop(s.ID)
		return false, nil
	}
	if a.pbx.Connected() {
		a.pbxSeen = time.Now()
	} else if time.Since(a.pbxSeen) > pbxPatience {
		return false, a.leases.Release(ctx, s.ID)
	} else if !led {
		return false, nil
	}
	if doubt && time.Since(a.clockSeen) > pbxPatience {
		return false, a.leases.Release(ctx, s.ID)
	}
	if !led && (doubt || a.draining.Load()) {
		return false, nil
	}
	mine, err := a.leases.Claim(ctx, s.ID, a.patience())
	if err != nil {
		return false, fmt.Errorf("ask who leads: %w", err)
	}
	if mine && !led && a.spread != nil {
		a.spread[a.node]++
	}
	return mine, nil
}

// resign stops leading a scheme.
func (a *App) resign(s postgres.Scheme) {
	a.dispatcher.Resign(s.Key)
	a.relay.unfollow(s.Key)
	a.bus.Leave(s.Key)
	a.log.Warn("no longer leading a scheme", zap.String("scheme", s.ID), zap.String("node", a.leases.Holder(s.ID)))
}

// nodeName returns the name of this node, which its data directory keeps: no other node's, and the same after a restart.
func nodeName(dir string) (string, error) {
	path := filepath.Join(dir, "node")
	text, err := os.ReadFile(path) //nolint:gosec // Our own folder.
	if err == nil && len(strings.TrimSpace(string(text))) > 0 {
		return strings.TrimSpace(string(text)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read name of the node: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "rappel"
	}
	name := host + "-" + uuid.NewString()[:8]
	if err := os.WriteFile(path, []byte(name+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep name of the node: %w", err)
	}
	return name, nil
}
