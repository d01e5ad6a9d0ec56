package app

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// machine has clocks that a test moves. The truth is the steady time after nine.
type machine struct {
	past   time.Duration // Steady time, which also passes while the machine stands still.
	stood  time.Duration // How long it stood still.
	wall   time.Duration // How far its clock is ahead of the truth.
	theirs time.Duration // How far the database's is.
}

var nineOClock = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func (m *machine) truth() time.Time { return nineOClock.Add(m.past) }

func (m *machine) clock() *steadyClock {
	c := &steadyClock{wall: func() time.Time { return m.truth().Add(m.wall) }, steady: func() time.Duration { return m.past - m.stood }}
	c.shown = c.wall()
	return c
}

// compare asks the database, which takes a while.
func (m *machine) compare(c *steadyClock) time.Duration {
	m.past += 20 * time.Millisecond
	return c.compare(m.truth().Add(m.theirs-10*time.Millisecond), 20*time.Millisecond)
}

func TestAClockThatJumps(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": time.Hour, "backward": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			m := &machine{}
			c := m.clock()
			require.Zero(t, m.compare(c).Round(time.Second))
			require.NoError(t, c.doubt())
			m.wall += jump
			require.ErrorIs(t, c.doubt(), errClock, "at once, before anybody was asked")
			require.Equal(t, m.truth(), c.now(), "it goes on from where it was")
			m.past += time.Minute
			m.compare(c)
			require.Equal(t, m.truth(), c.now())
			require.ErrorContains(t, c.doubt(), map[string]string{"forward": "1h0m0s ahead of", "backward": "1h0m0s behind"}[name])
			m.wall = 0
			require.ErrorIs(t, c.doubt(), errClock, "until somebody has looked")
			m.compare(c)
			require.NoError(t, c.doubt())
			require.Equal(t, m.truth(), c.now())
		})
	}
	t.Run("a machine that stood still", func(t *testing.T) {
		m := &machine{}
		c := m.clock()
		m.past += 3 * time.Hour
		m.stood = 3 * time.Hour
		require.ErrorIs(t, c.doubt(), errClock, "nobody is called outside her window before that is known")
		m.compare(c)
		require.NoError(t, c.doubt())
		require.Equal(t, m.truth(), c.now())
	})
	t.Run("the database's clock", func(t *testing.T) {
		m := &machine{}
		c := m.clock()
		m.theirs = time.Hour
		m.compare(c)
		require.ErrorIs(t, c.doubt(), errClock)
		require.Equal(t, m.truth(), c.now())
		m.theirs = 0
		m.compare(c)
		require.NoError(t, c.doubt())
	})
	t.Run("small corrections", func(t *testing.T) {
		m := &machine{wall: 4 * time.Second}
		c := m.clock()
		for range 4 {
			m.wall -= time.Second
			require.NoError(t, c.doubt())
			require.Equal(t, m.truth().Add(m.wall), c.now())
		}
	})
}

// TestAClockWithoutDoubtIsRight: whatever the clocks do, one that was compared since and is not in doubt shows the database's time.
func TestAClockWithoutDoubtIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{}
		c := m.clock()
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			by := rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, -time.Second, time.Hour, -time.Hour}).Draw(t, "by")
			switch rapid.SampledFrom([]string{"set", "pass", "stand still", "database"}).Draw(t, "what") {
			case "set":
				m.wall += by
			case "pass":
				m.past += by.Abs()
			case "stand still":
				m.past, m.stood = m.past+by.Abs(), m.stood+by.Abs()
			case "database":
				m.theirs += by
			}
			_ = c.now()
			if rapid.Bool().Draw(t, "compare") {
				m.compare(c)
				if c.doubt() == nil {
					require.Less(t, c.now().Sub(m.truth().Add(m.theirs)).Abs(), clockApart+time.Second)
				}
			}
		}
	})
}
