package report

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Options says what feeds are made from.
type Options struct {
	Records Records
	Bus     Bus // Nil leaves it to looking every quarter of a second.
	// Now is the service's clock, which a demo may run faster; nil means time.Now.
	Now        func() time.Time
	Logger     *zap.Logger           // Nil logs nothing.
	Registerer prometheus.Registerer // Nil registers nothing.
}

// Feeds keeps the figures of the schemes that somebody looks at, one fold per scheme however many look. Its methods are safe
// for use by several goroutines.
type Feeds struct {
	opts Options
	log  *zap.Logger
	met  *metrics

	ctx    context.Context // Ends with Close.
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu    sync.Mutex
	feeds map[int64]*feed // By scheme key.
}

// NewFeeds checks the options. Nothing is read before somebody looks.
func NewFeeds(opts Options) (*Feeds, error) {
	if opts.Records == nil {
		return nil, errors.New("report: records are needed")
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	fs := &Feeds{opts: opts, log: opts.Logger, feeds: map[int64]*feed{}}
	var err error
	if fs.met, err = newMetrics(opts.Registerer); err != nil {
		return nil, err
	}
	fs.ctx, fs.cancel = context.WithCancel(context.Background())
	return fs, nil
}

// Close ends every feed and waits for them. Viewers hear nothing more.
func (fs *Feeds) Close() {
	fs.mu.Lock()
	fs.cancel()
	fs.mu.Unlock()
	fs.work.Wait()
}

// Viewer looks at the figures of one scheme. It belongs to one goroutine.
type Viewer struct {
	// News is readable whenever there is something that it has not seen.
	News chan struct{} // Size 1: one pending piece of news is enough.
	feed *feed
}

func (v *Viewer) tell() {
	select {
	case v.News <- struct{}{}:
	default:
	}
}

// View begins to look at a scheme. The viewer must Leave.
func (fs *Feeds) View(scheme Scheme) *Viewer {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.feeds[scheme.Key]
	if f == nil {
		f = &feed{
			feeds: fs, scheme: scheme, log: fs.log.With(zap.String("scheme", scheme.ID)), wake: make(chan struct{}, 1),
			ready: make(chan struct{}), viewers: map[*Viewer]struct{}{},
		}
		fs.feeds[scheme.Key] = f
		if fs.ctx.Err() == nil { // One that was closed starts nothing more.
			fs.work.Go(func() { f.run(fs.ctx) })
		}
	}
	v := &Viewer{News: make(chan struct{}, 1), feed: f}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.viewers[v] = struct{}{}
	if f.live.Version > 0 {
		v.tell()
	}
	return v
}

// Live returns the figures as they are, waiting for the first of them. Whoever shows them marks those whose Age is more than
// StaleAfter.
func (v *Viewer) Live(ctx context.Context) (Live, error) {
	select {
	case <-v.feed.ready:
	case <-v.feed.feeds.ctx.Done():
		return Live{}, errors.New("the figures are followed no more")
	case <-ctx.Done():
		return Live{}, fmt.Errorf("wait for figures: %w", ctx.Err())
	}
	v.feed.mu.Lock()
	defer v.feed.mu.Unlock()
	return v.feed.live, nil
}

// Leave ends looking.
func (v *Viewer) Leave() {
	v.feed.mu.Lock()
	defer v.feed.mu.Unlock()
	delete(v.feed.viewers, v)
	if len(v.feed.viewers) == 0 {
		v.feed.left = time.Now()
	}
}

// retire forgets a feed at which nobody has looked for a while, and reports whether it did.
func (fs *Feeds) retire(f *feed) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.viewers) > 0 || time.Since(f.left) < lingering {
		return false
	}
	delete(fs.feeds, f.scheme.Key)
	return true
}

// Live returns the figures of a scheme as they are now.
func (fs *Feeds) Live(ctx context.Context, scheme Scheme) (Live, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	v := fs.View(scheme)
	defer v.Leave()
	return v.Live(ctx)
}

// Scheme finds a scheme, as Records does.
func (fs *Feeds) Scheme(ctx context.Context, id string) (Scheme, error) {
	return fs.opts.Records.Scheme(ctx, id)
}

// Wall puts the live figures of a scheme and its roll together. The roll is read anew, and later: whoever is in the figures
// has a name in it, unless she has gone since.
func (fs *Feeds) Wall(ctx context.Context, scheme Scheme) (Wall, error) {
	live, err := fs.Live(ctx, scheme)
	if err != nil {
		return Wall{}, err
	}
	roll, err := fs.opts.Records.Roll(ctx, scheme.Key, fs.opts.Now())
	if err != nil {
		return Wall{}, fmt.Errorf("read the wall's roll: %w", err)
	}
	return Wall{Roll: roll, Live: live, Stale: live.Age(time.Now()) > StaleAfter}, nil
}

// Watch calls wake, which is quick, after each change of a scheme's figures until stop is called.
func (fs *Feeds) Watch(scheme Scheme, wake func()) (stop func()) {
	v := fs.View(scheme)
	end := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer v.Leave()
		for {
			select {
			case <-v.News:
				wake()
			case <-end:
				return
			}
		}
	}()
	return func() { close(end); <-done }
}
