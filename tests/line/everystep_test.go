package line

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/tests/house"
)

// trail follows every dialogue of a service by what it logs of its steps.
type trail struct {
	zapcore.LevelEnabler
	mu      sync.Mutex
	at      map[string][]ivr.Place // By call.
	begun   map[int64][]string     // The calls of each scheme, in order.
	changed chan struct{}
}

func newTrail() *trail {
	return &trail{LevelEnabler: zap.DebugLevel, at: map[string][]ivr.Place{}, begun: map[int64][]string{}, changed: make(chan struct{})}
}

func (tr *trail) With([]zapcore.Field) zapcore.Core { return tr }

func (tr *trail) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if e.Message == "a step of a dialogue" {
		return ce.AddCore(e, tr)
	}
	return ce
}

func (tr *trail) Write(_ zapcore.Entry, fields []zapcore.Field) error {
	m := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(m)
	}
	word := func(name string) string { return m.Fields[name].(string) } //nolint:forcetypeassert // As it is logged.
	key, scheme := word("call"), m.Fields["scheme"].(int64)             //nolint:forcetypeassert // As it is logged.
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.at[key] == nil {
		tr.begun[scheme] = append(tr.begun[scheme], key)
	}
	tr.at[key] = append(tr.at[key], ivr.Place{Flow: word("flow"), Step: word("step"), Does: ivr.Ask(word("does"))})
	close(tr.changed)
	tr.changed = make(chan struct{})
	return nil
}

func (tr *trail) Sync() error { return nil }

// await waits until look, which is called with the lock, returns something.
func (tr *trail) await(ctx context.Context, look func() string) string {
	for {
		tr.mu.Lock()
		found, changed := look(), tr.changed
		tr.mu.Unlock()
		if found != "" {
			return found
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ""
		}
	}
}

// stands waits until a call is where it should be, and reports whether it is.
func (tr *trail) stands(t *testing.T, key string, where func(ivr.Place) bool) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), arriveLimit)
	defer cancel()
	return tr.await(ctx, func() string {
		if steps := tr.at[key]; len(steps) > 0 && where(steps[len(steps)-1]) {
			return key
		}
		return ""
	}) != ""
}

// arriveLimit is how long a party may take to a place, and to one on the way where she is recorded.
const arriveLimit = 15 * time.Second

// came is the way that a call has come.
func (tr *trail) came(key string) []ivr.Place {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.Clone(tr.at[key])
}

// forget leaves out the calls that have begun so far.
func (tr *trail) forget(scheme int64) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	delete(tr.begun, scheme)
}

// world is a way into dialogues, with what it takes to come to every place of some flows.
type world struct {
	name   string
	flows  []string // Whose places are gone to from here, if no world before goes there.
	search ivr.Search
	// move builds a house for so many parties.
	move func(t *testing.T, street *house.Street, parties int) *house.House
	// from is the number that the nth party dials the line from; nil lets strangers do it.
	from func(h *house.House, party int) string
	// open is how the nth party comes into the dialogue otherwise than by dialling the line. The key of the call is known for
	// some; else it is the next one that begins.
	open func(t *testing.T, h *house.House, party int) (line *phone.Call, key string)
	// alone has one party after the other, because they share a phone.
	alone bool
}

// visit is one party who goes to a place and hangs up there.
type visit struct {
	place ivr.Place
	way   ivr.Way
}

// visits shares all places out among the worlds.
func visits(book *ivr.Book, list []world) (all [][]visit, left []ivr.Place) {
	todo := map[ivr.Place]bool{}
	for _, p := range book.Places() {
		todo[p] = true
	}
	for _, w := range list {
		ways := book.Ways(w.search)
		var mine []visit
		for _, p := range slices.SortedFunc(maps.Keys(ways), func(x, y ivr.Place) int { return strings.Compare(x.String(), y.String()) }) {
			if todo[p] && slices.Contains(w.flows, p.Flow) {
				mine = append(mine, visit{p, ways[p]})
				delete(todo, p)
			}
		}
		all = append(all, mine)
	}
	return all, slices.SortedFunc(maps.Keys(todo), func(x, y ivr.Place) int { return strings.Compare(x.String(), y.String()) })
}

// everyStep has somebody hang up once at every place of every shipped flow, who has typed her whole way there ahead of what is
// said, a key every tenth of a second. A step that is new is among them by itself, or the test says that nobody comes there.
func everyStep(street *house.Street, tr *trail) func(*testing.T) {
	return func(t *testing.T) {
		list := worlds()
		all, left := visits(street.Book, list)
		var missing []string
		for _, p := range left {
			if elsewhere()[p.String()] == "" {
				missing = append(missing, p.String())
			}
		}
		require.Empty(t, missing, "nobody hangs up there: open a world that leads there")
		for i, w := range list {
			if len(all[i]) == 0 {
				continue
			}
			t.Run(w.name, func(t *testing.T) {
				t.Parallel()
				h := w.move(t, street, len(all[i]))
				var dialling sync.Mutex
				t.Run("hang up", func(t *testing.T) {
					for party, v := range all[i] {
						t.Run(v.place.String(), func(t *testing.T) {
							if !w.alone {
								t.Parallel()
							}
							h := h.For(t)
							for try := 1; ; try++ {
								dialling.Lock()
								tr.forget(h.Scheme.Key)
								g := w.enter(t, h, party)
								if g.key == "" {
									g.key = tr.next(t, h.Scheme.Key)
								}
								dialling.Unlock()
								if g.trail = tr; v.goes(t, h, g) && v.hears(t, h, g.line) {
									h.HangUp(g.line)
									return
								}
								// A phone that gets no processor presses too slowly, or all at once. A way that leads elsewhere does so every time.
								require.True(t, try < 4 && w.open == nil, "not at %s, but came by %v", v.place, tr.came(g.key))
								h.HangUp(g.line)
							}
						})
					}
				})
				nothingIsLeft(t, h)
			})
		}
	}
}

// next is the call of a scheme that begins next.
func (tr *trail) next(t *testing.T, scheme int64) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hearLimit)
	defer cancel()
	key := tr.await(ctx, func() string {
		if list := tr.begun[scheme]; len(list) > 0 {
			tr.begun[scheme] = list[1:]
			return list[0]
		}
		return ""
	})
	require.NotEmpty(t, key, "no dialogue began")
	return key
}

// enter has the nth party come in.
func (w *world) enter(t *testing.T, h *house.House, party int) (g goer) {
	t.Helper()
	if w.open != nil {
		g.line, g.key = w.open(t, h, party)
		return g
	}
	g.from = fmt.Sprintf("+336399890%02d", 30+party)
	if w.from != nil {
		g.from = w.from(h, party)
	}
	g.line = h.DialLineBy(g.from, phone.DialOptions{Say: phone.Tone(voice), Hasty: true})
	return g
}

// goer is a party on her way.
type goer struct {
	line      *phone.Call
	key, from string
	trail     *trail
}

// goes types the way, speaks where she is recorded on it, and reports whether she has come to the place.
func (v visit) goes(t *testing.T, h *house.House, g goer) bool {
	t.Helper()
	var typed strings.Builder
	for _, word := range append(slices.Clone(v.way.Words), "") {
		switch word {
		case ivr.AnswerKept, ivr.AnswerEmpty, "":
		default:
			typed.WriteString(word)
			continue
		}
		if typed.Len() > 0 {
			if g.line.SendDTMF(t.Context(), typed.String()) != nil {
				return false // The line was hung up, because it understood something else.
			}
			typed.Reset()
		}
		if word != "" {
			if !g.trail.stands(t, g.key, func(p ivr.Place) bool { return p.Does == ivr.AskRecord }) {
				return false
			}
			length := map[string]time.Duration{ivr.AnswerKept: 3 * time.Second}[word]
			h.Recorded(g.from, length, hearLimit)
			typed.WriteString("#")
		}
	}
	return g.trail.stands(t, g.key, func(p ivr.Place) bool { return p == v.place })
}

// hears recognises what is said at the place, where that is the same in every call, and reports whether it was.
func (v visit) hears(t *testing.T, h *house.House, line *phone.Call) bool {
	t.Helper()
	if len(v.way.Say) == 0 {
		return true
	}
	first := v.way.Say[0]
	if first.Recording != "" || !h.Book.Prompts().IsFixed(ivr.Wording{Key: first.Key, Language: first.Language}) {
		return true
	}
	ctx, cancel := context.WithTimeout(t.Context(), arriveLimit)
	defer cancel()
	_, _, err := line.HearAfter(ctx, time.Time{}, house.Beginning(h.PromptIn(first.Language, first.Key, nil), time.Second))
	return err == nil
}

// nothingIsLeft: everybody of a house has hung up, and nothing of them stays but what was kept on purpose; the next one is
// answered.
func nothingIsLeft(t *testing.T, h *house.House) {
	t.Helper()
	house.Await(t, time.Minute, "the house's lines to be free", func(ctx context.Context) bool {
		out, err := h.Asterisk.Console(ctx, "core show channels concise")
		return err == nil && !strings.Contains(out, fmt.Sprintf("PJSIP/trunk%d-", h.Scheme.Key))
	})
	house.Await(t, time.Minute, "what was left to be in the records", func(context.Context) bool { return len(h.BeingKept()) == 0 })
	house.Await(t, time.Minute, "the queue to be empty", func(ctx context.Context) bool {
		var waiting int
		err := h.Pool().QueryRow(ctx, `SELECT count(*) FROM inbound_party
			WHERE scheme_id = $1 AND left_at IS NULL AND ended_at IS NULL`, h.Scheme.Key).Scan(&waiting)
		return err == nil && waiting == 0
	})
	party := dial(t, h, stranger)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	h.HangUp(party)
}
