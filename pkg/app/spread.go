package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/postgres"
)

const (
	nodePrefix = "node."         // Of the lease by which a node says that it can lead; the node's name follows.
	giveEvery  = 5 * time.Second // How often a node gives one scheme away at most: the others' counts must have settled.
	letOthers  = 3 * time.Second // How long a free scheme is left to nodes that lead fewer.
)

// spread is how many schemes the nodes lead that can lead any.
type spread map[string]int

// spreadOf counts. Holders are known only as of the last look: what follows from them must do no harm when they are wrong.
func spreadOf(nodes, holders []string) spread {
	s := spread{}
	for _, n := range nodes {
		s[n] = 0
	}
	for _, h := range holders {
		if _, able := s[h]; able {
			s[h]++
		}
	}
	return s
}

// least is the smallest count among the nodes other than me.
func (s spread) least(me string) (n int, others bool) {
	for node, count := range s {
		if node != me && (!others || count < n) {
			n, others = count, true
		}
	}
	return n, others
}

// mayTake reports whether a node is to take a free scheme at once: nobody leads fewer.
func (s spread) mayTake(me string) bool {
	least, others := s.least(me)
	return !others || s[me] <= least
}

// mustGive reports whether a node leads at least two more than another. Giving one away makes no other node do the same.
func (s spread) mustGive(me string) bool {
	least, others := s.least(me)
	return others && s[me] >= least+2
}

// attend says that this node can lead schemes, or no longer says so.
func (a *App) attend(ctx context.Context) error {
	if a.pbx.Connected() && !a.draining.Load() {
		_, err := a.leases.Claim(ctx, nodePrefix+a.node, 0)
		return err
	}
	return a.leases.Release(ctx, nodePrefix+a.node)
}

// count learns how the schemes are spread over the nodes.
func (a *App) count(ctx context.Context, schemes []postgres.Scheme) error {
	a.spread = nil
	if a.leases == nil || !a.cfg.Dispatch.Spread {
		return nil
	}
	if err := a.attend(ctx); err != nil {
		return fmt.Errorf("say that this node is there: %w", err)
	}
	nodes, err := a.leases.Alive(ctx, nodePrefix)
	if err != nil {
		return fmt.Errorf("see which nodes are there: %w", err)
	}
	for i, n := range nodes {
		nodes[i] = strings.TrimPrefix(n, nodePrefix)
	}
	holders := make([]string, len(schemes))
	for i, s := range schemes {
		holders[i] = a.leases.Holder(s.ID)
	}
	a.spread = spreadOf(nodes, holders)
	return nil
}

// patience is how long a free scheme is left to others.
func (a *App) patience() time.Duration {
	if a.spread == nil || a.spread.mayTake(a.node) {
		return 0
	}
	return letOthers
}

// give gives one scheme away if this node leads more than its share: the one with the fewest calls under way, and of those the
// youngest. Its calls go on, and whoever leads it next asks for them.
func (a *App) give(ctx context.Context, schemes []postgres.Scheme) error {
	if a.spread == nil || !a.spread.mustGive(a.node) || time.Since(a.gave) < giveEvery {
		return nil
	}
	led := a.dispatcher.Schemes()
	given, fewest := -1, 0
	for i, s := range schemes {
		if !slices.Contains(led, s.Key) {
			continue
		}
		f, err := a.dispatcher.Figures(ctx, s.Key)
		if err != nil {
			return fmt.Errorf("choose a scheme to give away: %w", err)
		}
		if calls := f.Claimed + f.Live; given < 0 || calls < fewest || calls == fewest && s.Key > schemes[given].Key {
			given, fewest = i, calls
		}
	}
	if given < 0 {
		return nil
	}
	a.gave = time.Now()
	a.log.Info("giving a scheme to a node that leads fewer", zap.String("scheme", schemes[given].ID), zap.Int("calls", fewest))
	a.resign(schemes[given])
	return a.leases.Release(ctx, schemes[given].ID)
}
