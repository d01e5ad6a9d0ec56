package natsbus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// LeaseBucket is the JetStream bucket of the leases: one key per name, whose value is the node that holds it.
const LeaseBucket = "RAPPEL_LEASES"

// Leases are this node's claims on names that one node at a time shall hold. A lease ends when its node has not renewed it
// for the term, as seen by the clock of whoever wants it: no two clocks are compared.
//
// A lease elects, it does not fence. A node that was paused, or that has lost the bus, may think that it holds what another
// has taken over; whatever it then writes must be refused by a fence of its own (the epoch in the records). For the same
// reason a holder who cannot reach the bus goes on holding: nobody is called less because NATS is away.
type Leases struct {
	bus  *Bus
	node string
	term time.Duration

	mu     sync.Mutex
	bucket jetstream.KeyValue // Nil until it was reached.
	names  map[string]lease
}

// lease is what is known of one name.
type lease struct {
	holder   string
	revision uint64
	since    time.Time // When this revision was first seen; of this process's clock.
}

// Leases returns the node's leases. The node's name must be no other's, and stay the same over its restarts: what it held
// before is then its own again at once. Term is how long a node that has gone keeps what it held.
func (b *Bus) Leases(node string, term time.Duration) *Leases {
	return &Leases{bus: b, node: node, term: term, names: map[string]lease{}}
}

// Run renews what is held until the context ends.
func (l *Leases) Run(ctx context.Context) error {
	tick := time.NewTicker(l.term / 5)
	defer tick.Stop()
	quiet := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		err := l.renew(ctx)
		if err != nil && !quiet && ctx.Err() == nil {
			l.bus.log.Warn("renew leases; holding on", zap.Error(err))
		}
		quiet = err != nil
	}
}

func (l *Leases) renew(ctx context.Context) error {
	var errs []error
	for _, name := range l.Held() {
		// It may have been given back since the list was made.
		if known := l.lookUp(name); known.holder == l.node {
			errs = append(errs, l.write(ctx, name, known.revision))
		}
	}
	return errors.Join(errs...)
}

// Held lists the names this node holds, as far as it knows.
func (l *Leases) Held() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var held []string
	for name, known := range l.names {
		if known.holder == l.node {
			held = append(held, name)
		}
	}
	return held
}

// Claim takes the name if nobody holds it, or who does has not renewed it for the term, and reports whether this node holds
// it. It must be called again and again: the term is counted from the first time it saw the holder's last renewal. With
// patience above zero others are let go first: the name must have been free for so long. What was this node's own is its own
// again at once.
func (l *Leases) Claim(ctx context.Context, name string, patience time.Duration) (bool, error) {
	known := l.lookUp(name)
	if known.holder == l.node {
		return true, nil // Run renews it.
	}
	found, err := l.read(ctx, name)
	if err != nil {
		return false, err
	}
	if known.revision != found.revision || known.since.IsZero() {
		known = l.know(name, found)
	}
	switch {
	case found.holder == l.node:
		patience = 0
	case found.holder != "":
		patience += l.term
	}
	if patience > 0 && time.Since(known.since) < patience {
		return false, nil
	}
	err = l.write(ctx, name, found.revision)
	if errors.Is(err, errTaken) {
		return false, nil // Another was quicker.
	}
	return err == nil, err
}

// Holder is the node that held the name when it was last looked at; empty when that is not known.
func (l *Leases) Holder(name string) string { return l.lookUp(name).holder }

// Alive lists the names that begin with a prefix and are held by somebody who renews them, this node's own among them. One
// that was not seen before counts until the term has passed.
func (l *Leases) Alive(ctx context.Context, prefix string) ([]string, error) {
	bucket, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, ackLimit)
	defer cancel()
	keys, err := bucket.ListKeysFiltered(limited, prefix+">")
	if err != nil {
		l.close()
		return nil, fmt.Errorf("list leases: %w", err)
	}
	var names, alive []string
	for key := range keys.Keys() {
		names = append(names, key)
	}
	for _, name := range names {
		found, err := l.read(ctx, name)
		if err != nil {
			return nil, err
		}
		known := l.lookUp(name)
		if known.revision != found.revision {
			known = l.know(name, found)
		}
		if found.holder != "" && time.Since(known.since) < l.term {
			alive = append(alive, name)
		}
	}
	slices.Sort(alive)
	return alive, nil
}

// Release gives a name back, so that another node may take it at once. It is no error that another holds it.
func (l *Leases) Release(ctx context.Context, name string) error {
	l.mu.Lock()
	known := l.names[name]
	delete(l.names, name)
	l.mu.Unlock()
	if known.holder != l.node {
		return nil
	}
	bucket, err := l.open(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, ackLimit)
	defer cancel()
	if err := bucket.Delete(ctx, name, jetstream.LastRevision(known.revision)); err != nil {
		return fmt.Errorf("release lease %s: %w", name, err)
	}
	return nil
}

// Drop forgets a name that another has taken over; nothing is written.
func (l *Leases) Drop(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.names, name)
}

// errTaken means that another node has written the name meanwhile.
var errTaken = errors.New("another node holds it")

// write makes this node the holder if the name still has the revision; 0 means that nobody holds it. When another has
// written meanwhile, it is the holder from then on, and errTaken is returned.
func (l *Leases) write(ctx context.Context, name string, revision uint64) error {
	bucket, err := l.open(ctx)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, ackLimit)
	defer cancel()
	var written uint64
	if revision == 0 {
		written, err = bucket.Create(limited, name, []byte(l.node))
	} else {
		written, err = bucket.Update(limited, name, []byte(l.node), revision)
	}
	switch {
	case err == nil:
		l.know(name, lease{holder: l.node, revision: written})
		return nil
	case errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch):
		found, err := l.read(ctx, name)
		if err != nil {
			return err
		}
		l.know(name, found)
		if found.holder == l.node {
			return nil // The answer to our own last renewal was lost.
		}
		return fmt.Errorf("hold lease %s: %w", name, errTaken)
	default:
		l.close()
		return fmt.Errorf("hold lease %s: %w", name, err)
	}
}

// read may see an older state than was written, from a copy of the bucket. What is written then is refused.
func (l *Leases) read(ctx context.Context, name string) (lease, error) {
	bucket, err := l.open(ctx)
	if err != nil {
		return lease{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, ackLimit)
	defer cancel()
	entry, err := bucket.Get(ctx, name)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return lease{}, nil
	case err != nil:
		l.close()
		return lease{}, fmt.Errorf("read lease %s: %w", name, err)
	}
	return lease{holder: string(entry.Value()), revision: entry.Revision()}, nil
}

func (l *Leases) know(name string, found lease) lease {
	found.since = time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names[name] = found
	return found
}

// lookUp returns what is known of a name; the zero lease when that is nothing.
func (l *Leases) lookUp(name string) lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.names[name]
}

// open returns the bucket, which is made when it is missing.
func (l *Leases) open(ctx context.Context) (jetstream.KeyValue, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bucket != nil {
		return l.bucket, nil
	}
	ctx, cancel := context.WithTimeout(ctx, ackLimit)
	defer cancel()
	bucket, err := l.bus.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: LeaseBucket, Description: "which node leads which scheme", History: 1, Storage: jetstream.FileStorage,
		Replicas: l.bus.opts.Replicas,
	})
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", LeaseBucket, err)
	}
	l.bucket = bucket
	return bucket, nil
}

// close has the bucket looked for anew: it may have been wiped.
func (l *Leases) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bucket = nil
}
