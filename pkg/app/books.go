package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
)

// speakLimit is how long what is new in a book is spoken before it is heard; real time.
const speakLimit = 5 * time.Second

// books hold what every scheme speaks now, in memory: a call asks for it at its beginning and waits for nothing. They are safe
// for use by several goroutines; look is for one at a time.
type books struct {
	flows   *Flows
	voice   sayer
	log     *zap.Logger
	refused prometheus.Gauge
	flaws   map[int64]int // Published flows of a scheme that it does not speak; look's own.

	mu    sync.RWMutex
	known map[int64]schemeBook // Of every scheme that has published anything.
}

// sayer speaks a text, or has spoken it already. Package speech implements it.
type sayer interface {
	Media(ctx context.Context, lang roster.Language, text string) (telephony.Media, error)
}

type schemeBook struct {
	*ivr.Book
	number int // Of the newest publication it holds.
}

func newBooks(flows *Flows, voice sayer, log *zap.Logger, registerer prometheus.Registerer) (*books, error) {
	b := &books{flows: flows, voice: voice, log: log, flaws: map[int64]int{}, known: map[int64]schemeBook{}}
	b.refused = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "rappel_flows_refused", Help: "Published flows that are not spoken because of problems; those that ship are, in their place.",
	})
	if err := registerer.Register(b.refused); err != nil {
		return nil, fmt.Errorf("register metrics of flows: %w", err)
	}
	return b, nil
}

// book is what a scheme speaks now.
func (b *books) book(scheme int64) *ivr.Book {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if known, ok := b.known[scheme]; ok {
		return known.Book
	}
	return b.flows.shipped
}

// look takes over what was published since the last time. What cannot be read stays as it was known.
func (b *books) look(ctx context.Context) error {
	numbers, err := b.flows.store.FlowNumbers(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for scheme, number := range numbers {
		b.mu.RLock()
		known, ok := b.known[scheme]
		b.mu.RUnlock()
		if ok && known.number == number {
			continue
		}
		errs = append(errs, b.take(ctx, scheme))
	}
	return errors.Join(errs...)
}

// take takes over what a scheme has published, once what is new in it is spoken.
func (b *books) take(ctx context.Context, scheme int64) error {
	book, refused, number, err := b.flows.Book(ctx, scheme)
	if err != nil {
		return err
	}
	for name, err := range refused {
		b.log.Error("a published flow has problems; the one that ships is spoken in its place. Mend it and publish it anew, or type rappel flow rollback",
			zap.Int64("scheme", scheme), zap.String("flow", name), zap.Error(err))
	}
	b.flaws[scheme] = len(refused)
	total := 0
	for _, n := range b.flaws {
		total += n
	}
	b.refused.Set(float64(total))
	b.speak(ctx, book)
	b.mu.Lock()
	b.known[scheme] = schemeBook{book, number}
	b.mu.Unlock()
	b.log.Info("flows published", zap.Int64("scheme", scheme), zap.Int("publication", number))
	return nil
}

// speak has spoken what a book says beyond what ships, so that its first listener does not wait for it.
func (b *books) speak(ctx context.Context, book *ivr.Book) {
	ctx, cancel := context.WithTimeout(ctx, speakLimit)
	defer cancel()
	shipped := b.flows.shipped.Prompts()
	for _, f := range book.Prompts().Fixed() {
		if shipped.Text(f.Language, f.Key, nil) == f.Text {
			continue
		}
		if _, err := b.voice.Media(ctx, f.Language, f.Text); err != nil {
			b.log.Warn("speak a published prompt", zap.String("prompt", f.Key), zap.Error(err))
			return
		}
	}
}
