package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// onLine is who is on the line at this node's PBX, who nobody is to ring meanwhile, wherever their scheme is led. Only this node
// changes it; the others learn of it by its hail, within milliseconds, and forget it a minute after its last.
type onLine struct {
	numbers map[string]string // By the key under which they are held.
	changed bool              // The records do not have them yet.
	version int64             // Of what the records have; 0 before the first.
	callers []dispatch.OnLine
	news    bool // Another caller, or one less.
}

func (f *fleet) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// hold notes that a number is on the line here. Nil tells nobody.
func (f *fleet) hold(key, number string) {
	if f == nil || number == "" {
		return
	}
	f.mu.Lock()
	f.here.numbers[key], f.here.changed = number, true
	f.mu.Unlock()
	f.poke()
}

// release notes that what was held under a key is on the line no more.
func (f *fleet) release(key string) {
	if f == nil {
		return
	}
	f.mu.Lock()
	_, held := f.here.numbers[key]
	delete(f.here.numbers, key)
	f.here.changed = f.here.changed || held
	f.mu.Unlock()
	f.poke()
}

// onLine notes that a caller's own phone is in use here, or free again.
func (f *fleet) onLine(who dispatch.OnLine, inUse bool) {
	if f == nil {
		return
	}
	f.mu.Lock()
	f.here.callers = slices.DeleteFunc(f.here.callers, func(o dispatch.OnLine) bool { return o == who })
	if inUse {
		f.here.callers = append(f.here.callers, who)
	}
	f.here.news = true
	f.mu.Unlock()
	f.poke()
}

// share writes who is on the line here where the other nodes find it, when that has changed, and says so. What an earlier process
// left there goes with the first.
func (f *fleet) share(ctx context.Context, now time.Time) error {
	f.mu.Lock()
	changed, numbers := f.here.changed, slices.Sorted(maps.Values(f.here.numbers))
	news := changed || f.here.news
	f.here.changed, f.here.news = false, false
	f.mu.Unlock()
	if changed {
		if err := f.records.HoldNumbers(ctx, f.node, slices.Compact(numbers)); err != nil {
			f.mu.Lock()
			f.here.changed = true
			f.mu.Unlock()
			return err
		}
		f.mu.Lock()
		f.here.version = max(now.UnixNano(), f.here.version+1)
		f.mu.Unlock()
	}
	if !news {
		return nil // The next hail comes soon enough.
	}
	return f.say()
}

// learnNumbers reads which numbers are on the line at nodes that say that they have changed, and forgets those of nodes that have
// been silent for long.
func (f *fleet) learnNumbers(ctx context.Context, now time.Time) error {
	f.mu.Lock()
	changed, gone := map[string]int64{}, []string{}
	for node, m := range f.others {
		switch {
		case now.Sub(m.heard) > silenceLimit:
			if m.numbers != 0 || len(m.hail.OnLine) > 0 {
				m.numbers, m.hail.OnLine = 0, nil
				gone = append(gone, node)
			}
		case m.hail.Numbers != m.numbers:
			changed[node] = m.hail.Numbers
		}
	}
	f.mu.Unlock()
	for _, node := range gone {
		f.line.HoldNumbersAt(node, nil)
		f.line.OnLineAt(node, nil)
	}
	for node, version := range changed {
		numbers, err := f.records.HeldNumbers(ctx, node)
		if err != nil {
			return err
		}
		f.line.HoldNumbersAt(node, numbers)
		f.mu.Lock()
		f.others[node].numbers = version
		f.mu.Unlock()
	}
	return nil
}
