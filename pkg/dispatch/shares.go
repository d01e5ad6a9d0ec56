package dispatch

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// The terms on which nodes share a trunk; real time. A node uses what it was granted for grantKept from before it asked; the
// others believe in a grant for grantGone from when they first saw it, and until its schemes are led by another. So nobody uses lines that another was given meanwhile,
// a process that was frozen included, and no two clocks are compared.
const (
	grantEvery = time.Second
	grantSoon  = 100 * time.Millisecond // Between two questions of a node that is short of lines.
	grantKept  = 4 * time.Second
	grantGone  = 6 * time.Second
)

// TrunkUse is what a node has of a trunk, as the nodes tell each other through the records.
type TrunkUse struct {
	Endpoint string
	Node     string
	Granted  int   // Lines that no other node uses for calls out.
	Inbound  int   // Lines in use by people who ring in at this node's PBX.
	Hungry   bool  // It would start more if it had more.
	Renewal  int64 // Counts: one that stays the same is a node that has gone.
	Leads    bool  // The node leads a scheme as recorded: its calls under way are nobody else's yet.
}

// Shares let nodes share trunks. Package postgres implements it.
type Shares interface {
	// ShareTrunks tells a node, and no other meanwhile, what every node has, and replaces what it has itself by what decide
	// returns. Those that decide names as gone are forgotten if they have not renewed anything since.
	ShareTrunks(ctx context.Context, node string, decide func(all []TrunkUse) (mine, gone []TrunkUse)) error
}

// seen is a renewal with the instant at which this node first saw it.
type seen struct {
	renewal int64
	at      time.Time
}

// ShareTrunks asks for this node's part of the trunks again and again until ctx ends, and gives it back then. Options.Shares must
// be given. An error is told through complain, once until it has gone well again.
func (d *Dispatcher) ShareTrunks(ctx context.Context, complain func(error)) error {
	tick := time.NewTicker(grantEvery)
	defer tick.Stop()
	known, quiet := map[[2]string]seen{}, false
	for {
		err := d.share(ctx, known)
		if err != nil && !quiet && ctx.Err() == nil {
			complain(err)
		}
		quiet = err != nil
		select {
		case <-ctx.Done():
			limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), grantKept)
			defer cancel()
			if d.opts.Shares.ShareTrunks(limited, d.opts.Holder, func([]TrunkUse) (mine, gone []TrunkUse) { return nil, nil }) != nil {
				return nil //nolint:nilerr // The others see that it has gone.
			}
			return nil
		case <-tick.C:
		case <-d.network.short:
			select {
			case <-time.After(grantSoon):
			case <-ctx.Done():
			}
		}
	}
}

// share asks once.
func (d *Dispatcher) share(ctx context.Context, known map[[2]string]seen) error {
	began := d.opts.RealNow()
	list := d.network.list()
	targets := map[string]int{}
	inbound := map[string]int{}
	err := d.opts.Shares.ShareTrunks(ctx, d.opts.Holder, func(all []TrunkUse) (mine, gone []TrunkUse) {
		now := d.opts.RealNow()
		others := map[string][]TrunkUse{}
		renewal := int64(0)
		clear(targets)
		clear(inbound)
		for _, u := range all {
			key := [2]string{u.Endpoint, u.Node}
			switch s, ok := known[key]; {
			case u.Node == d.opts.Holder:
				renewal = max(renewal, u.Renewal)
				continue
			case !ok || s.renewal != u.Renewal:
				known[key] = seen{u.Renewal, now}
			case now.Sub(s.at) > grantGone && !u.Leads: // Whoever leads its schemes now has taken its calls over.
				delete(known, key)
				gone = append(gone, u)
				continue
			}
			others[u.Endpoint] = append(others[u.Endpoint], u)
			inbound[u.Endpoint] += u.Inbound
		}
		for _, t := range list {
			use, target := t.ask(others[t.name], inbound[t.name])
			use.Node, use.Renewal = d.opts.Holder, renewal+1
			targets[t.name] = target
			mine = append(mine, use)
		}
		return mine, gone
	})
	if err != nil {
		return fmt.Errorf("share trunks: %w", err)
	}
	for _, t := range list {
		t.grant(targets[t.name], inbound[t.name], began.Add(grantKept))
	}
	return nil
}

// list lists the trunks in order of their names.
func (t *trunks) list() []*trunk {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []*trunk
	for _, known := range t.named {
		list = append(list, known)
	}
	slices.SortFunc(list, func(x, y *trunk) int { return strings.Compare(x.name, y.name) })
	return list
}

// starve says that lines are missing which another node may have.
func (t *trunks) starve() {
	select {
	case t.short <- struct{}{}:
	default:
	}
}

// shared is a trunk's part that is this node's; guarded by trunk.mu.
type shared struct {
	clock   func() time.Time // Real time; nil for a trunk that no other node uses.
	starve  func()
	target  int       // Lines that may be used out.
	until   time.Time // The target holds until then.
	inbound int       // Of the other nodes.
	part    float64   // Of the calls per second.
	hungry  bool      // Something waited for a line since the last question, and asked: at the last one.
	asked   bool
}

// ask says what this node needs beside what others have, and how many lines it may use then. Its calls under way keep their
// lines; others begin only within the target.
func (t *trunk) ask(others []TrunkUse, inbound int) (use TrunkUse, target int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	use = TrunkUse{Endpoint: t.name, Inbound: t.inbound, Hungry: t.share.hungry}
	t.share.hungry, t.share.asked = false, t.share.hungry
	capacity := t.lines - max(t.reserve, t.inbound+int(t.unknown.Load())+inbound)
	if t.lines == 0 || capacity <= 0 { // No scheme led here calls out by it, or nobody may now.
		use.Granted = t.outbound
		return use, 0
	}
	left, hungry, nodes := capacity, false, 1
	for _, o := range others {
		left -= o.Granted
		hungry = hungry || o.Hungry
		if o.Hungry || o.Granted > 0 {
			nodes++
		}
	}
	switch fair := max(1, capacity/nodes); {
	case nodes == 1:
		target = capacity
	case use.Hungry && hungry:
		target = min(left, fair)
	case use.Hungry:
		target = left
	default:
		target = min(left, t.outbound+max(1, capacity/10))
		if hungry {
			target = min(target, fair)
		}
	}
	target = max(target, 0)
	use.Granted = max(target, t.outbound)
	return use, target
}

// grant takes a decision over and wakes those who wait for lines.
func (t *trunk) grant(target, inbound int, until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	more := target > t.share.target || t.share.until.IsZero() || t.share.asked // Whoever still waits says so again.
	t.share.target, t.share.inbound, t.share.until = target, inbound, until
	t.share.part = 1
	if capacity := t.lines - max(t.reserve, t.inbound+int(t.unknown.Load())+inbound); capacity > 0 && target < capacity {
		t.share.part = float64(max(target, 1)) / float64(capacity)
	}
	if more {
		t.tell(nil)
	}
}

// granted is how many lines this node may use out; no bound for a trunk that no other node uses.
func (t *trunk) granted() int {
	switch {
	case t.share.clock == nil:
		return math.MaxInt
	case t.share.clock().After(t.share.until):
		return 0
	default:
		return t.share.target
	}
}

// pause is the time between two calls of this node.
func (t *trunk) pause() int64 {
	if t.share.clock == nil || t.share.part <= 0 {
		return t.interval
	}
	return int64(float64(t.interval) / t.share.part)
}

// starving says that a call waits for a line of the trunk that another node may have. It is called with the lock held.
func (t *trunk) starving() {
	if t.share.clock != nil && !t.share.hungry {
		t.share.hungry = true
		if !t.share.asked {
			t.share.starve()
		}
	}
}

// starve says that something waits for a line of any of the board's trunks.
func (b *Board) starve() {
	for _, t := range b.trunks {
		t.mu.Lock()
		t.starving()
		t.mu.Unlock()
	}
}
