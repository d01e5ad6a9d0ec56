package dispatch

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// TestNeverAboveATrunk: several schemes with several trunks, some of them shared, whatever comes in and goes out. No trunk ever
// carries more than its lines less what is kept for those who ring in, and no more starts in any stretch of time than its rate
// allows.
func TestNeverAboveATrunk(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
		network := &trunks{}
		type way struct {
			*trunk
			lines, reserve, burst int
			interval              time.Duration
			inbound               int
			starts                []time.Time // One for each line that was taken.
		}
		ways := make([]*way, rapid.IntRange(1, 3).Draw(t, "trunks"))
		for i := range ways {
			w := &way{
				trunk: network.get(fmt.Sprint("trunk", i)), lines: rapid.IntRange(1, 6).Draw(t, "lines"),
				reserve: rapid.IntRange(1, 2).Draw(t, "reserve"), burst: rapid.IntRange(1, 3).Draw(t, "burst"),
				interval: time.Duration(rapid.IntRange(0, 3).Draw(t, "interval")) * time.Second,
			}
			w.allow(w.lines, w.reserve, w.interval, w.burst)
			ways[i] = w
		}
		type started struct {
			board      *Board
			occurrence Occurrence
			cost       int
			on         *trunk
		}
		var boards []*Board
		under := map[int64]*started{}
		people := int64(0)
		for range rapid.IntRange(1, 3).Draw(t, "schemes") {
			b := NewBoard(Limits{}, schedule.Rules{Zone: time.UTC})
			var list []*trunk
			for _, w := range ways {
				if len(list) == 0 || rapid.Bool().Draw(t, "uses") {
					list = append(list, w.trunk)
				}
			}
			b.use(list, nil)
			boards = append(boards, b)
			for range rapid.IntRange(1, 6).Draw(t, "callers") {
				people++
				c := Caller{
					ID: people, Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French}, Enabled: true,
					State: call.CallerReady, Since: now, Endpoint: "phone",
				}
				if rapid.Bool().Draw(t, "ordinary phone") {
					c.Endpoint, c.Number = "", fmt.Sprint("+3281", people)
				}
				b.SetCaller(&c, now)
				for range 2 {
					people++
					b.Put(&Occurrence{
						ID: people, Beneficiary: people, Kind: call.KindScheduled, Opens: now, Closes: now.Add(time.Hour),
						Language: roster.French, Numbers: []string{fmt.Sprint("+3282", people)},
					}, now)
				}
			}
		}
		check := func() {
			for _, w := range ways {
				used := 0
				for _, s := range under {
					if s.on == w.trunk {
						used += s.cost
					}
				}
				out := 0
				for _, b := range boards {
					n, _ := w.holds(b)
					out += n
				}
				require.Equal(t, used, out, "what is counted is what is under way")
				require.LessOrEqual(t, used, max(0, w.lines-w.reserve), "lines are kept for those who ring in")
				// The rate: any n starts take at least the time of those beyond the burst (each INVITE counts).
				for i := range w.starts {
					for j := i + 1; j < len(w.starts); j++ {
						least := time.Duration(j-i-w.burst) * w.interval
						require.GreaterOrEqual(t, w.starts[j].Sub(w.starts[i]), least)
					}
				}
			}
		}
		var d Decision
		t.Repeat(map[string]func(*rapid.T){
			"plan": func(t *rapid.T) {
				b := boards[rapid.IntRange(0, len(boards)-1).Draw(t, "scheme")]
				before := map[*trunk]int{}
				for _, w := range ways {
					before[w.trunk] = w.room()
				}
				b.Plan(now, &d)
				for _, s := range d.Starts {
					i := b.byID[s.Occurrence]
					on := b.onTrunk(i)
					under[s.Occurrence] = &started{
						board: b, occurrence: Occurrence{ID: s.Occurrence, State: call.OccurrenceReached}, cost: int(b.items[i].cost), on: on,
					}
					for _, w := range ways {
						if w.trunk == on {
							require.GreaterOrEqual(t, before[on], 1, "started on a trunk that had no line")
							for range b.items[i].cost {
								w.starts = append(w.starts, now)
							}
						}
					}
				}
			},
			"end": func(t *rapid.T) {
				for id, s := range under {
					s.board.Release(&s.occurrence, now)
					delete(under, id)
					return
				}
			},
			"somebody rings in or leaves": func(t *rapid.T) {
				w := ways[rapid.IntRange(0, len(ways)-1).Draw(t, "trunk")]
				if w.inbound > 0 && rapid.Bool().Draw(t, "leaves") {
					w.inbound--
					network.ring(w.name, -1)
				} else if w.inbound < w.lines {
					w.inbound++
					network.ring(w.name, 1)
				}
			},
			"time passes": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
			},
			"": func(*rapid.T) { check() },
		})
	})
}
