package callflow

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

// facts is a flow that says how things are.
const facts = `flow: facts
start: hours
prompts:
  f.closed: {fr: "fermé", nl: "fermé", de: "fermé", en: "fermé"}
  f.holiday: {fr: "férié", nl: "férié", de: "férié", en: "férié"}
  f.known: {fr: "connu", nl: "connu", de: "connu", en: "connu"}
  f.withheld: {fr: "masqué", nl: "masqué", de: "masqué", en: "masqué"}
  f.dutch: {fr: "néerlandais", nl: "néerlandais", de: "néerlandais", en: "néerlandais"}
  f.queue: {fr: "file", nl: "file", de: "file", en: "file"}
steps:
  hours: {branch: {on: hours, to: {closed: closed}, else: holiday}}
  closed: {say: [f.closed], next: holiday}
  holiday: {branch: {on: holiday, to: {yes: feast}, else: known}}
  feast: {say: [f.holiday], next: known}
  known: {branch: {on: known, to: {yes: hers, withheld: withheld}, else: language}}
  hers: {say: [f.known], next: language}
  withheld: {say: [f.withheld], next: language}
  language: {branch: {on: language, to: {nl: dutch}, else: queue}}
  dutch: {say: [f.dutch], next: queue}
  queue: {branch: {on: queue, to: {"0": bye, 2+: many}, else: bye}}
  many: {say: [f.queue], next: bye}
  bye: {hangup: true}
`

// TestAFlowKnowsHowThingsAre walks every fact, in two moments.
func TestAFlowKnowsHowThingsAre(t *testing.T) {
	bubble(t, func(t *testing.T) {
		brussels, err := time.LoadLocation("Europe/Brussels")
		require.NoError(t, err)
		belgian, err := schedule.NewCalendar("BE")
		require.NoError(t, err)
		f, err := ivr.ReadFlow("facts.yaml", []byte(facts))
		require.NoError(t, err)
		monday, christmas := time.Date(2026, 11, 23, 10, 0, 0, 0, brussels), time.Date(2026, 12, 25, 10, 0, 0, 0, brussels)
		var now atomic.Pointer[time.Time]
		now.Store(&monday)
		shipped, err := shippedBook()
		require.NoError(t, err)
		book := shipped.With(f)
		require.Empty(t, book.Check("facts"))
		r := newRig(t, func(o *Options) {
			o.Book = func(int64) *ivr.Book { return book }
			o.Now = func() time.Time { return *now.Load() }
		})
		defer r.close()
		hears := func(from string) string {
			return strings.Join(strings.Split(strings.TrimSpace(r.heard(r.dial(from, telephonytest.Script{}, time.Minute))), "\n"), ", ")
		}
		r.desk.locked(func() {
			r.desk.line.Flow, r.desk.line.Languages = "facts", []roster.Language{roster.Dutch}
			r.desk.line.Calendar = belgian
			r.desk.line.Hours = &schedule.Rules{Zone: brussels, Hours: schedule.Workdays(9*60, 12*60), Calendar: belgian}
			r.desk.people = []Appointment{{FirstName: "Rose"}}
		})
		require.Equal(t, "nl: connu, nl: néerlandais", hears(cli))
		now.Store(&christmas)
		r.desk.locked(func() {
			r.desk.line.Languages = []roster.Language{roster.French}
			r.desk.turns["a"], r.desk.turns["b"] = func(Turn) {}, func(Turn) {}
		})
		require.Equal(t, "fr: fermé, fr: férié, fr: masqué, fr: file", hears(""))
		// Whoever tries one number after the other soon finds out nothing, not of those either who are known.
		now.Store(&monday)
		r.desk.locked(func() {
			r.desk.line.Languages, r.desk.people = []roster.Language{roster.German}, nil
			clear(r.desk.turns)
		})
		for n := range mostUnknown {
			require.Empty(t, hears(fmt.Sprintf("+32815550%02d", n)))
		}
		r.desk.locked(func() { r.desk.people = []Appointment{{FirstName: "Rose"}} })
		require.Empty(t, hears(cli))
		later := monday.Add(probeWindow)
		now.Store(&later)
		require.Equal(t, "de: connu", hears(cli))
	})
}
