package line

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
	"github.com/rappel-tel/rappel/tests/house"
)

// typedNumber and typedWrong are what strangers type for a telephone number.
const (
	typedNumber = "0199004411#"
	typedWrong  = "111111#"
)

// onLine is a search through the line's dialogue by somebody whose number is seen.
func onLine(answers map[string]string, vars ivr.Vars) ivr.Search {
	given := ivr.Vars{"cli": "known", "callback_number": "0639989000"}
	maps.Copy(given, vars)
	return ivr.Search{
		Flow: "registration", Language: roster.French, Vars: given, Answer: answering(answers), Keep: []string{"bad"},
		Typed: map[string][]string{
			"typed": {typedNumber, typedWrong}, "typed_days": {"25#", "18#", "05", "00"},
			"typed_from": {"2006", "3213"}, "typed_back": {"1008", "1506", "3213"},
		},
	}
}

// answering answers as the service does in a house, by what is looked up; nobody is there unless the answers say otherwise. What
// is behind a colon says with which example.
func answering(answers map[string]string) func(ivr.Output, *ivr.Walker) (string, ivr.Vars) {
	now := time.Date(2026, time.June, 16, 10, 0, 0, 0, time.UTC)
	wrong := func(w *ivr.Walker, answer string) (string, ivr.Vars) {
		bad, _ := w.Int("bad")
		if bad++; bad >= 2 {
			return "often", ivr.Vars{"bad": 0}
		}
		return answer, ivr.Vars{"bad": bad}
	}
	return func(o ivr.Output, w *ivr.Walker) (string, ivr.Vars) {
		if answer, ok := answers[string(o.Ask)+o.What]; ok {
			answer, like, _ := strings.Cut(answer, ":")
			if like == "nothing" {
				return answer, ivr.Vars{"window": "none"}
			}
			return answer, ivr.ExampleAnswer(cmp.Or(like, answer), now)
		}
		switch o.What {
		case ivr.LookupNumber, ivr.LookupHerNumber:
			if strings.HasPrefix(w.Text("typed"), "1") {
				return wrong(w, "bad")
			}
			return "ok", ivr.Vars{"register_number": w.Text("typed"), "callback_number": w.Text("typed"), "bad": 0}
		case ivr.LookupBegin:
			return "own", ivr.Vars{"own_number": "yes", "registered": ""}
		case ivr.LookupDays:
			if w.Text("typed_days") == "25" {
				return "ok", ivr.Vars{"register_days": []time.Weekday{time.Tuesday}, "bad": 0}
			}
			return wrong(w, "bad")
		case ivr.LookupAwayFrom:
			if w.Text("away_from") == "day" && w.Text("typed_from") == "3213" {
				return wrong(w, "bad")
			}
			return "ok", nil
		case ivr.LookupBack:
			switch {
			case w.Text("away_for") == "days" && w.Text("typed_days") == "00", w.Text("away_for") == "day" && w.Text("typed_back") == "3213":
				return wrong(w, "bad")
			case w.Text("away_for") == "day" && w.Text("typed_back") == "1506":
				return wrong(w, "early")
			}
			return "ok", nil
		case ivr.LookupRegister:
			return "kept", nil
		case ivr.LookupForget:
			return "forgotten", nil
		case ivr.LookupCallback:
			return "promised", nil
		case ivr.LookupTopics:
			return "some", ivr.Vars{"topics": []ivr.Vars{{"topic": "a"}, {"topic": "b"}}}
		case ivr.LookupQuestions:
			return "some", ivr.Vars{"questions": []ivr.Vars{{"question": "a"}, {"question": "b"}}}
		case ivr.LookupAnswer:
			return "said", ivr.Vars{"parts": []ivr.Vars{{"part": "a"}}, "transfer": ""}
		case ivr.LookupAppointments:
			return "unknown", nil
		case ivr.LookupAsked, ivr.LookupProposed:
			return "none", nil
		case ivr.LookupConsentDue:
			return "no", nil
		}
		if o.Ask == ivr.AskQueue || o.Ask == ivr.AskTransfer {
			return ivr.AnswerNobody, nil
		}
		return "done", nil
	}
}

// living are people whose next call is this afternoon, and who do not pick up when somebody rings them.
func living(change func(i int, p *house.PersonPlan)) func(*testing.T, *house.Street, int) *house.House {
	return func(t *testing.T, street *house.Street, parties int) *house.House {
		t.Helper()
		plan := house.Plan{Callers: []house.CallerPlan{{}}, NotReady: true}
		for i := range parties {
			p := house.PersonPlan{NotDue: true, Does: phone.Busy()}
			if change != nil {
				change(i, &p)
			}
			plan.People = append(plan.People, p)
		}
		return street.Move(t, plan)
	}
}

// calledTomorrow are people whose next call is tomorrow, at any hour.
func calledTomorrow(t *testing.T, street *house.Street, parties int) *house.House {
	t.Helper()
	return living(func(_ int, p *house.PersonPlan) {
		p.Change = func(b *roster.Beneficiary) {
			b.Agreement.Days, b.Agreement.Windows = []time.Weekday{time.Wednesday}, nil
		}
	})(t, street, parties)
}

func herNumber(h *house.House, party int) string { return h.People[party].Number }

// worlds are the ways into every shipped flow, the usual ones first.
func worlds() []world {
	nobody := func(t *testing.T, street *house.Street, _ int) *house.House { return street.Move(t, house.Plan{}) }
	list := []world{
		{name: "a stranger", flows: []string{"registration", "register", "faq", "callback", "appointment"}, search: onLine(nil, nil), move: nobody},
		{
			name: "she is called today", flows: []string{"appointment", "change", "away"}, from: herNumber, move: living(nil),
			search: onLine(map[string]string{
				"lookupappointments": "one", "lookupcall_today": "already", "lookupother_times": "some", "lookupask_change": "soon",
			}, nil),
		},
		{
			name: "she is called tomorrow", flows: []string{"appointment"}, from: herNumber,
			search: onLine(map[string]string{"lookupappointments": "one:between", "lookupcall_today": "no"}, nil),
			move:   calledTomorrow,
		},
		{
			name: "somebody is free today", flows: []string{"appointment"}, from: herNumber,
			search: onLine(map[string]string{"lookupappointments": "one:between", "lookupcall_today": "yes"}, nil),
			move: func(t *testing.T, street *house.Street, parties int) *house.House {
				h := calledTomorrow(t, street, parties)
				h.Ready(h.Callers[0])
				return h
			},
		},
		{
			name: "nothing is agreed", flows: []string{"appointment"}, from: herNumber,
			search: onLine(map[string]string{"lookupappointments": "one:nothing"}, nil),
			move: living(func(_ int, p *house.PersonPlan) {
				p.Change = func(b *roster.Beneficiary) { b.Agreement = roster.Agreement{} }
			}),
		},
		{
			name: "a household", flows: []string{"appointment"}, from: herNumber,
			search: onLine(map[string]string{"lookupappointments": "several", "lookupcall_today": "already"}, nil),
			move: func(t *testing.T, street *house.Street, _ int) *house.House {
				number := street.Number()
				return street.Move(t, house.Plan{People: []house.PersonPlan{{NotDue: true, Number: number}, {NotDue: true, Number: number}}})
			},
		},
		{
			name: "the line is closed", flows: []string{"registration"}, search: onLine(nil, ivr.Vars{ivr.FactHours: ivr.HoursClosed}),
			move: func(t *testing.T, street *house.Street, _ int) *house.House {
				h := street.Move(t, house.Plan{})
				require.NoError(t, h.Store.ChangeLineHours(t.Context(), h.Scheme.Key, h.Now(), func(w *schedule.Week) error {
					*w = *schedule.Workdays(13*60+30, 17*60)
					return nil
				}))
				return h
			},
		},
		{
			name: "she waits in the queue", flows: []string{"registration"}, search: onLine(map[string]string{"queueregistrar": ""}, nil),
			move: func(t *testing.T, street *house.Street, _ int) *house.House {
				h := street.Move(t, house.Plan{Registrars: 1}) // Her phone rings, and nobody answers it.
				h.Ready(h.Registrars[0])
				return h
			},
		},
		ownPhones("a caller", ivr.Vars{"rings": "caller", "colleague": 0}, 1, false),
		ownPhones("a caller who is called too", ivr.Vars{"rings": "both", "colleague": 0}, 1, true),
		ownPhones("callers who share a phone", ivr.Vars{"rings": "caller", "whose": "several", "colleagues": []ivr.Vars{{"colleague": 0}, {"colleague": 1}}}, 2, false),
	}
	return slices.Concat(list, helpLines(), called())
}

// ownPhones is a world of callers who work from ordinary phones, so many behind each, with people who are called there or not.
func ownPhones(name string, vars ivr.Vars, callers int, called bool) world {
	return world{
		name: name, flows: []string{"registration", "own-phone"}, search: onLine(map[string]string{"lookupnext_call": "none"}, vars),
		from: func(h *house.House, party int) string { return h.Callers[callers*party].Number },
		move: func(t *testing.T, street *house.Street, parties int) *house.House {
			plan := house.Plan{NotReady: true}
			for range parties {
				number := street.Number()
				for range callers {
					plan.Callers = append(plan.Callers, house.CallerPlan{Ordinary: true, Number: number})
				}
				if called {
					plan.People = append(plan.People, house.PersonPlan{NotDue: true, Number: number})
				}
			}
			return street.Move(t, plan)
		},
	}
}
