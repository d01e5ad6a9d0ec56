package callflow

import "time"

const (
	// guardLimit is how long a channel may hear nothing of us before the dialplan takes it back; guardAfter is as much after
	// the end of what the PBX plays, when we should go on at once.
	guardLimit = 7 * time.Second
	guardAfter = 5 * time.Second
	// guardEvery is how often we say that we are there.
	guardEvery = 2 * time.Second
	// guardSoon is when we do so first, well before telephony.GuardFirst has passed.
	guardSoon = 2 * time.Second
	// guardAgain is when a command that failed is tried again.
	guardAgain = time.Second
)

// guard sees to it that nobody listens to the silence of a service that has died or stands still: the channel goes back to
// the dialplan, which speaks and takes a message, unless its session says again and again that it is there. The session
// says so while it waits, so that one that is stuck (in a lookup, say) loses its channel too.
//
// While the PBX plays or records it takes no such word: it is given before, for as long as that lasts and guardAfter
// more. So the silence after the death of the service is never longer than guardLimit, but after a message that was under way:
// it may take its whole two minutes, and is listed by the next start of the service. The zero value guards nothing.
type guard struct {
	on bool
	at time.Time // Of the next word; the zero time means never.
}

// next says that we are there when it is time to, and returns the earlier of an instant and the next time to.
func (g *guard) next(s *session, at time.Time) time.Time {
	if !g.on || g.at.IsZero() || s.gone {
		return at
	}
	if now := time.Now(); !now.Before(g.at) {
		g.at = now.Add(guardEvery)
		if !g.set(s, guardLimit) {
			g.at = now.Add(guardAgain)
		}
	}
	if g.at.Before(at) {
		return g.at
	}
	return at
}

// busy is called before the PBX plays or records for so long.
func (g *guard) busy(s *session, d time.Duration) {
	if g.on {
		g.set(s, d+guardAfter)
		g.at = time.Time{}
	}
}

// idle is called when it plays and records no more.
func (g *guard) idle() {
	if g.on {
		g.at = time.Now()
	}
}

// off ends the guard for good, or until idle: the channel goes on without us. What fails is tried twice, because two people
// who talk would be cut.
func (g *guard) off(s *session) {
	if !g.on {
		return
	}
	g.at = time.Time{}
	if !g.set(s, 0) {
		g.set(s, 0)
	}
}

func (g *guard) set(s *session, d time.Duration) bool {
	if err := s.c.o.Switch.Guard(s.c.ctx, s.channel, d); err != nil {
		s.c.logCommand("guard channel", s.l.key, err)
		return false
	}
	return true
}
