package dispatch

import (
	"slices"
	"time"
)

// OnLine is a caller or registrar whose own phone is in use.
type OnLine struct {
	Scheme int64 `json:"scheme"`
	Caller int64 `json:"caller"`
}

// OnLine says that a caller's or registrar's own phone is in use (a feature code), or free again: meanwhile she is offered
// nothing, whatever her state. It queues and returns. It is remembered for whoever leads the scheme here later.
func (d *Dispatcher) OnLine(scheme, caller int64, inUse bool) {
	who := OnLine{scheme, caller}
	d.mu.Lock()
	if here := slices.Contains(d.online[""], who); inUse && !here {
		d.online[""] = append(d.online[""], who)
	} else if !inUse {
		d.online[""] = slices.DeleteFunc(d.online[""], func(o OnLine) bool { return o == who })
	}
	d.mu.Unlock()
	d.fileOnLine(who)
}

// OnLineAt says whose phones are in use at another node's PBX, in place of what was said before. It queues and returns.
func (d *Dispatcher) OnLineAt(node string, list []OnLine) {
	d.mu.Lock()
	former := d.online[node]
	d.online[node] = list
	if len(list) == 0 {
		delete(d.online, node)
	}
	d.mu.Unlock()
	for _, who := range former {
		if !slices.Contains(list, who) {
			d.fileOnLine(who)
		}
	}
	for _, who := range list {
		if !slices.Contains(former, who) {
			d.fileOnLine(who)
		}
	}
}

// fileOnLine has the engine of her scheme file a worker by whether her phone is in use anywhere.
func (d *Dispatcher) fileOnLine(who OnLine) {
	if r, err := d.engine(who.Scheme); err == nil {
		r.put(question(func(now time.Time) { r.onLine(who.Caller, d.isOnLine(who), now) }))
	}
}

func (d *Dispatcher) isOnLine(who OnLine) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, list := range d.online {
		if slices.Contains(list, who) {
			return true
		}
	}
	return false
}

// HoldNumbersAt says which numbers (E.164) are on the inbound line at another node's PBX, in place of those said before: nobody
// rings them. Which lines they use is told by Shares. It queues and returns.
func (d *Dispatcher) HoldNumbersAt(node string, numbers []string) {
	keys := map[string]string{}
	for _, n := range numbers {
		keys[node+" "+n] = n
	}
	var fresh, over []string
	d.mu.Lock()
	for key, h := range d.held {
		if _, still := keys[key]; h.node == node && !still {
			over = append(over, key)
			delete(d.held, key)
		}
	}
	for key, number := range keys {
		if _, known := d.held[key]; !known {
			fresh = append(fresh, key)
			d.held[key] = held{number: number, node: node}
		}
	}
	d.mu.Unlock()
	d.each(func(r *running) {
		r.put(question(func(now time.Time) {
			for _, key := range over {
				r.unhold(key, now)
			}
			for _, key := range fresh {
				r.hold(keys[key], key)
			}
		}))
	})
}
