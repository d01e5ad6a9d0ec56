package web

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
)

const (
	feedEvery = time.Second            // The figures are read again at least this often: not everything on the wall is told by an event.
	feedGap   = 250 * time.Millisecond // And never sooner than this after the last reading.
	feedLimit = 4 * time.Second        // For one reading.
)

// feed reads the wall of one scheme for everybody who looks at it. It runs while it has viewers.
type feed struct {
	scheme report.Scheme
	cancel context.CancelFunc
	wake   chan struct{} // Size 1: one pending wake-up is enough.

	mu      sync.Mutex
	viewers map[chan struct{}]struct{}
	latest  reading
}

// reading is the figures as they were read last.
type reading struct {
	wall report.Wall
	at   time.Time // When, by the service's clock; zero before the first.
	good bool      // The newest attempt to read succeeded.
	// drawn is what it looks like, by language: drawn once, however many look.
	drawn *renditions
}

// renditions are the sections of one reading, as far as somebody has asked for them.
type renditions struct {
	mu sync.Mutex
	in map[roster.Language]rendition
}

// rendition is the sections in one language, in the order of the page, and the sentence of the status region.
type rendition struct {
	parts []part
	say   string
}

// watch returns the scheme's feed and a channel that is readable whenever there is something newer. The channel has room
// for one value. Leave the feed with leave.
func (s *Site) watch(scheme report.Scheme) (f *feed, news chan struct{}, leave func()) {
	news = make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	f = s.feeds[scheme.Key]
	if f == nil {
		ctx, cancel := context.WithCancel(s.ctx)
		f = &feed{scheme: scheme, cancel: cancel, wake: make(chan struct{}, 1), viewers: map[chan struct{}]struct{}{}}
		s.feeds[scheme.Key] = f
		if s.ctx.Err() == nil { // A closed site starts nothing more.
			s.feedWG.Go(func() { s.run(ctx, f) })
		}
	}
	f.mu.Lock()
	f.viewers[news] = struct{}{}
	if !f.latest.at.IsZero() {
		news <- struct{}{}
	}
	f.mu.Unlock()
	return f, news, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		f.mu.Lock()
		delete(f.viewers, news)
		last := len(f.viewers) == 0
		f.mu.Unlock()
		if last && s.feeds[scheme.Key] == f {
			delete(s.feeds, scheme.Key)
			f.cancel()
		}
	}
}

// run is the goroutine of one feed.
func (s *Site) run(ctx context.Context, f *feed) {
	stop := s.opts.Figures.Watch(f.scheme, func() {
		select {
		case f.wake <- struct{}{}:
		default:
		}
	})
	defer stop()
	for {
		f.put(s.read(ctx, f))
		gap := time.NewTimer(feedGap)
		select {
		case <-gap.C:
		case <-ctx.Done():
			gap.Stop()
			return
		}
		every := time.NewTimer(feedEvery - feedGap)
		select {
		case <-f.wake:
		case <-every.C:
		case <-ctx.Done():
			every.Stop()
			return
		}
		every.Stop()
	}
}

func (s *Site) read(ctx context.Context, f *feed) reading {
	ctx, cancel := context.WithTimeout(ctx, feedLimit)
	defer cancel()
	now, begun := s.opts.Now(), time.Now()
	wall, err := s.opts.Figures.Wall(ctx, f.scheme)
	if err != nil {
		s.met.readFailures.Inc()
		last := f.get()
		if last.good {
			s.log.Warn("read the wall's figures", zap.Error(err))
		}
		last.good = false
		return last
	}
	s.met.readSeconds.Observe(time.Since(begun).Seconds())
	return reading{wall: wall, at: now, good: true}
}

func (f *feed) get() reading {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.latest
}

func (f *feed) put(r reading) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r.drawn = &renditions{in: map[roster.Language]rendition{}}
	f.latest = r
	for news := range f.viewers {
		select {
		case news <- struct{}{}:
		default:
		}
	}
}
