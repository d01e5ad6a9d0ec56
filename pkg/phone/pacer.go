package phone

import (
	"sync"
	"time"
)

const (
	frameTime = 20 * time.Millisecond
	// maxCatchUp bounds the packets one call sends at once after the machine was
	// too busy to send on time; what is older is skipped, as a real phone would.
	maxCatchUp = 5
)

// Pacer is one clock for any number of calls: every 20 ms each of them sends its
// packet, from one goroutine. A [Phone] and a [Trunk] make their own unless
// given one; many phones in one process share one to save wake-ups.
type Pacer struct {
	mu      sync.Mutex
	senders map[*Media]struct{}
	wake    chan struct{}
	stop    chan struct{}
	done    chan struct{}
	once    sync.Once
}

// NewPacer starts a pacer; Close ends it.
func NewPacer() *Pacer {
	p := &Pacer{
		senders: make(map[*Media]struct{}),
		wake:    make(chan struct{}, 1),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	go p.run()
	return p
}

// Close stops the clock and waits for its goroutine. Calls still on it fall silent.
func (p *Pacer) Close() {
	p.once.Do(func() { close(p.stop) })
	<-p.done
}

func (p *Pacer) add(m *Media) {
	p.mu.Lock()
	p.senders[m] = struct{}{}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Pacer) remove(m *Media) {
	p.mu.Lock()
	delete(p.senders, m)
	p.mu.Unlock()
}

func (p *Pacer) run() {
	defer close(p.done)
	var (
		batch []*Media
		timer = time.NewTimer(frameTime)
		next  = time.Now().Add(frameTime)
	)
	defer timer.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-timer.C:
		}
		now := time.Now()
		late := int(now.Sub(next)/frameTime) + 1
		next = next.Add(time.Duration(late) * frameTime)

		p.mu.Lock()
		batch = batch[:0]
		for m := range p.senders {
			batch = append(batch, m)
		}
		p.mu.Unlock()
		for _, m := range batch {
			m.tick(late)
		}
		if len(batch) == 0 { // nobody speaks: sleep until somebody does
			select {
			case <-p.stop:
				return
			case <-p.wake:
				next = time.Now()
			}
		}
		timer.Reset(max(time.Until(next), 0))
	}
}
