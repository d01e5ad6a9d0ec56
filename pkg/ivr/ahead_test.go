package ivr

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// typist presses keys in a dialogue whose host always answers alike, and notes where that led.
type typist struct {
	w    *Walker
	out  Output
	over bool
}

func newTypist(b *Book, flow string, vars Vars) *typist {
	t := &typist{w: NewWalker(b, flow, roster.French, vars)}
	t.then(t.w.Begin())
	return t
}

// then takes what the walker says, and answers what it asks. It returns a key that is still to count.
func (t *typist) then(out Output) (key string) {
	for {
		t.out = out
		switch out.Ask {
		case AskNothing:
			return key
		case AskHangup, AskRescue:
			t.over = true
			return key
		case AskQueue:
			key = out.Key
			out = t.w.Answered(AnswerNobody, nil)
		case AskRecord:
			out = t.w.Answered(AnswerKept, nil)
		case AskFact:
			out = t.w.Answered(AnswerFailed, nil)
		case AskLookup, AskTransfer:
			var name string
			if l := t.w.step().Lookup; l != nil {
				name = slices.Sorted(maps.Keys(l.To))[0]
				for _, likely := range []string{"one", "some", "ok", "said", "promised", "around", "yes", "done"} {
					if l.To[likely] != "" {
						name = likely
					}
				}
			}
			now := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
			vars := Vars{"keyed": "yes"}
			maps.Copy(vars, ExampleAnswer(name, now))
			for _, s := range t.w.flow.Steps { // Whatever can be picked, there are two of it.
				if s.Pick != nil {
					vars[s.Pick.From] = []Vars{ExampleAnswer("around", now), ExampleAnswer("between", now)}
				}
			}
			out = t.w.Answered(name, vars)
		}
		if key != "" && out.Ask == AskNothing {
			t.out = out
			return key
		}
	}
}

// listen hears everything to its end.
func (t *typist) listen() {
	for !t.over && len(t.out.Say) > 0 {
		t.then(t.w.Played())
	}
}

// press presses a key, and again what it was too early for. What is to be recorded cannot be typed ahead: she listens until then.
func (t *typist) press(key string) {
	if s := t.w.step(); s != nil && s.Record != nil {
		t.listen()
	}
	for key != "" && !t.over {
		key = t.then(t.w.Digit(key))
	}
}

// choices are the keys that mean something now.
func (t *typist) choices() []string {
	s := t.w.step()
	switch {
	case s.Menu != nil:
		return append(slices.Sorted(maps.Keys(s.Menu)), keyAgain)
	case s.Pick != nil:
		var keys []string
		for n := range t.w.choices() {
			keys = append(keys, strconv.Itoa(n+1))
		}
		return keys
	case s.Collect != nil && len(t.w.digits) >= max(1, s.Collect.Min):
		return []string{"#"}
	default:
		return []string{"1", "2", "3", "4", "5", "6"}
	}
}

// place is where the dialogue stands.
func (t *typist) place() string {
	if t.over {
		return "over"
	}
	return t.w.flow.Name + " " + t.w.name + " " + t.w.digits + " " + t.w.Text("typed")
}

// TestWhoTypesAheadGetsWhere whoever listens to everything gets with the same keys: every key counts, once and in order.
func TestWhoTypesAheadGetsWhere(t *testing.T) {
	t.Parallel()
	book := shipped(t)
	rapid.Check(t, func(rt *rapid.T) {
		vars := rapid.SampledFrom([]Vars{
			nil, {"cli": "known", "callback_number": "0639989002"}, {"rings": "both", "colleague": 0}, {"rings": "caller", "colleague": 0},
		}).Draw(rt, "who")
		flow := rapid.SampledFrom([]string{"registration", "registration", "close", "close-last", "faq", "callback", "own-phone"}).Draw(rt, "flow")
		patient := newTypist(book, flow, vars)
		patient.listen()
		var keys []string
		for range rapid.IntRange(1, 24).Draw(rt, "keys") {
			if patient.over || patient.w.step() == nil || patient.out.Wait == 0 || len(patient.choices()) == 0 {
				break
			}
			key := rapid.SampledFrom(patient.choices()).Draw(rt, "key")
			keys = append(keys, key)
			patient.press(key)
			patient.listen()
		}
		hasty := newTypist(book, flow, vars)
		var way []string
		for _, key := range keys {
			way = append(way, hasty.place())
			hasty.press(key)
		}
		hasty.listen()
		require.Equal(rt, patient.place(), hasty.place(), "%v, pressed at %v", keys, way)
	})
}
