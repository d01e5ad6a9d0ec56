package line

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/faq"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/tests/house"
)

// helpLines are worlds in which an answer names a service with which she may be connected: it rings, or is busy.
func helpLines() (list []world) {
	for name, w := range map[string]struct {
		does   phone.Behaviour
		answer string
	}{
		"a help line rings":   {phone.NoAnswer(), ""},
		"a help line is busy": {phone.Busy(), ivr.AnswerNobody},
	} {
		search := onLine(nil, nil)
		usual := search.Answer
		search.Answer = func(o ivr.Output, wk *ivr.Walker) (string, ivr.Vars) {
			switch {
			case o.What == ivr.LookupAnswer:
				return "said", ivr.Vars{"parts": []ivr.Vars{{"part": "a"}}, "transfer": "+33199000000"}
			case o.Ask == ivr.AskTransfer:
				return w.answer, nil
			}
			return usual(o, wk)
		}
		list = append(list, world{
			name: name, flows: []string{"faq"}, search: search,
			move: func(t *testing.T, street *house.Street, _ int) *house.House {
				h := street.Move(t, house.Plan{})
				number := h.Stranger(w.does).Number
				_, err := h.Store.EditQuestions(t.Context(), h.Scheme.Key, func(tree *faq.Tree) error {
					*tree = faq.Tree{Topics: []faq.Topic{{Name: "town", Title: faq.Texts{roster.French: "Dans notre commune"}, Questions: []faq.Question{{
						Name: "help", Title: faq.Texts{roster.French: "Quelqu'un à qui parler"},
						Answer: faq.Texts{roster.French: "Une ligne d'aide vous écoute. {" + number + "}."}, Transfer: number,
					}}}}}
					return nil
				}, h.Now())
				require.NoError(t, err)
				return h
			},
		})
	}
	return list
}

// pickUp is each party's phone, which rings until she is there to answer it.
type pickUp []chan struct{}

// by is what the nth party's phone does.
func (p *pickUp) by(t *testing.T) func(phone.Ring, int) phone.Behaviour {
	there := make(chan struct{})
	*p = append(*p, there)
	return func(phone.Ring, int) phone.Behaviour {
		select {
		case <-there:
		case <-t.Context().Done():
		}
		return phone.Answers(100*time.Millisecond, voice)
	}
}

// living are people who answer when they are there.
func (p *pickUp) living(t *testing.T, street *house.Street, parties int) *house.House {
	return living(func(_ int, plan *house.PersonPlan) { plan.Choose, plan.Ring = p.by(t), time.Minute })(t, street, parties)
}

// called are the dialogues of calls that we make, and those of callers.
func called() []world {
	told := ivr.Vars{"window": "around", "changeable": "yes", "beneficiary": 1, "occurrence": 1}
	changed := answering(map[string]string{"lookupother_times": "some", "lookupask_change": "done"})
	list := []world{
		automatic(call.KindPresence, "presence", ivr.Search{Answer: answering(nil)}),
		automatic(call.KindSurvey, "survey", ivr.Search{Answer: answering(nil)}),
		automatic(call.KindReminder, "reminder", ivr.Search{Answer: changed, Vars: told, Typed: onLine(nil, nil).Typed}, "change", "away"),
		outreach(),
		closing(),
	}
	for _, kind := range []callflow.ChangeKind{callflow.ChangeMove, callflow.ChangeSkip, callflow.ChangeAway} {
		list = append(list, confirmation(kind))
	}
	for result, does := range map[string]phone.Behaviour{
		"busy": phone.Busy(), "no_answer": phone.NoAnswer(), "invalid_number": phone.NotFound(), "failed": phone.Congested(),
	} {
		list = append(list, notReached(result, does))
	}
	return list
}

// answers has the nth party answer the call that we make.
func (p *pickUp) answers(_ *testing.T, h *house.House, party int) (*phone.Call, string) {
	close((*p)[party])
	line := h.AwaitCall(h.People[party])
	return line, string(h.Attempts(h.People[party])[0].ID)
}

// automatic is a world of people who are called without a caller.
func automatic(kind call.Kind, flow string, search ivr.Search, more ...string) world {
	search.Flow, search.Language = flow, roster.French
	phones := &pickUp{}
	return world{
		name: string(kind), flows: append([]string{flow}, more...), search: search,
		move: func(t *testing.T, street *house.Street, parties int) *house.House {
			h := phones.living(t, street, parties)
			house.Await(t, hearLimit, "everybody's next call", func(context.Context) bool {
				for _, p := range h.People {
					if len(promises(h, p)) == 0 {
						return false
					}
				}
				return true
			})
			done, err := h.Store.Surge(t.Context(), h.Scheme.Key, postgres.Surge{Kind: kind}, h.Now(), false)
			require.NoError(t, err)
			require.Equal(t, parties, done.Booked)
			return h
		},
		open: phones.answers,
	}
}

// outreach is a world of people of a list.
func outreach() world {
	phones := &pickUp{}
	search := onLine(nil, nil)
	search.Flow = "outreach"
	return world{
		name: "outreach", flows: []string{"outreach"}, search: search,
		move: func(t *testing.T, street *house.Street, parties int) *house.House {
			h := street.Move(t, house.Plan{})
			var list []roster.Beneficiary
			for range parties {
				p := h.StrangerWho(phones.by(t))
				h.People = append(h.People, p)
				list = append(list, roster.Beneficiary{Family: "Martin", Numbers: []roster.Number{{E164: p.Number}}, Language: roster.French})
			}
			_, err := h.Store.AddOutreach(t.Context(), h.Scheme.Key, list, h.Now(), false)
			require.NoError(t, err)
			for _, p := range h.People {
				require.NoError(t, h.Pool().QueryRow(t.Context(), `SELECT beneficiary_id FROM contact_number WHERE scheme_id = $1 AND e164 = $2`,
					h.Scheme.Key, p.Number).Scan(&p.Key))
			}
			done, err := h.Store.StartOutreach(t.Context(), h.Scheme.Key, h.Now(), false)
			require.NoError(t, err)
			require.Equal(t, parties, done.Booked)
			return h
		},
		open: phones.answers,
	}
}

// confirmation is a world of people with whose numbers a change of their calls was asked for.
func confirmation(kind callflow.ChangeKind) world {
	phones := &pickUp{}
	return world{
		name: "a change to " + string(kind), flows: []string{"confirmation", "agree"},
		search: ivr.Search{
			Flow: "confirmation", Language: roster.French, Answer: answering(map[string]string{"lookupasked": string(kind)}),
		},
		move: func(t *testing.T, street *house.Street, parties int) *house.House {
			h := phones.living(t, street, parties)
			now := h.Now()
			opens := time.Date(now.Year(), now.Month(), now.Day()+2, 15, 0, 0, 0, now.Location())
			date := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
			for _, p := range h.People {
				house.Await(t, hearLimit, "her next call", func(context.Context) bool { return len(promises(h, p)) > 0 })
				c := callflow.Change{Kind: kind, Beneficiary: p.Key}
				switch kind { //nolint:exhaustive // Nobody is asked whether she confirms.
				case callflow.ChangeAway:
					c.From, c.Back = date.AddDate(0, 0, 4), date.AddDate(0, 0, 20)
				case callflow.ChangeMove:
					c.To = callflow.Proposal{Opens: opens, Closes: opens.Add(time.Hour)}
					fallthrough
				case callflow.ChangeSkip:
					c.Occurrence = promises(h, p)[0].Key
				}
				_, err := h.Store.AskChange(t.Context(), h.Scheme.Key, c, now)
				require.NoError(t, err)
			}
			return h
		},
		open: phones.answers,
	}
}

// notReached is a world of a caller who is told why the person was not reached.
func notReached(result string, does phone.Behaviour) world {
	vars := ivr.Vars{"result": result}
	if result == "invalid_number" {
		vars = ivr.Vars{"result": "failed", "reason": result}
	}
	return world{
		name: "not reached, " + result, flows: []string{"after-call"}, alone: true,
		search: ivr.Search{Flow: "after-call", Language: roster.French, Vars: vars, Answer: answering(nil)},
		move: func(t *testing.T, street *house.Street, _ int) *house.House {
			return street.Move(t, house.Plan{Callers: []house.CallerPlan{{}}, People: []house.PersonPlan{{Does: does, Reference: 1, Ring: 2 * time.Second}}})
		},
		open: func(_ *testing.T, h *house.House, _ int) (*phone.Call, string) {
			return h.Take(h.Callers[0]), string(h.Attempts(h.People[0])[0].ID)
		},
	}
}

// closing is a world of a caller who closes her last call by feature code, one thing after the other.
func closing() world {
	return world{
		name: "a call is closed", flows: []string{"close", "close-last"}, alone: true,
		search: ivr.Search{Flow: "close-last", Language: roster.French, Answer: answering(map[string]string{"lookupproposed": "between"})},
		move: func(t *testing.T, street *house.Street, _ int) *house.House {
			h, hers := talked(t, street)
			h.HangUp(hers)
			return h
		},
		open: func(t *testing.T, h *house.House, _ int) (*phone.Call, string) { return feature(t, h, "*6"), "" },
	}
}

// elsewhere says of a place to which no world leads where it is proved that hanging up there leaves nothing behind. What only a
// failure of ours leads to is left at every step in package callflow, on a PBX that is played.
func elsewhere() map[string]string {
	const played, firstCalls, machines, calls = "callflow: hanging up in every step", "tests/calls: first call", "tests/calls: people and machines", "tests/line"
	return map[string]string{
		"agree failed": played, "agree gone": played, "appointment gone": played, "appointment failed": played, "appointment slow": calls + ": nothing personal",
		"callback failed": played, "callback refused": played, "change failed": played, "change gone": played,
		"change later_away": played, "change later_move": played, "change later_skip": played, "change no_time": played, "change waits": played,
		"close agreed": played, "close around": played, "close asked_away": played, "close asked_move": played, "close asked_skip": played,
		"close done": played, "close failed": played, "close gone": played, "close refused": played,
		"confirmation failed": played, "confirmation machine": machines, "confirmation silent": machines,
		"consent agreed": firstCalls, "consent asked_again": firstCalls, "consent gone": played, "consent later_by_hand": played,
		"consent menu": firstCalls, "consent refused": firstCalls, "consent sure": firstCalls,
		"faq foreign": played, "faq gone": played, "faq none": played, "faq talked": calls + ": questions and answers",
		"outreach again": "callflow: outreach", "register full": "callflow: quota", "registration full": "callflow: quota", "outreach call_back": played,
		"outreach connecting": played, "outreach connect queue": "tests/calls: a list is called", "outreach machine": machines, "outreach not_kept": played, "outreach silent": machines,
		"own-phone failed": played, "own-phone next_at": calls + ": an ordinary phone's other ways", "own-phone next_now": played, "own-phone not_now": played,
		"presence machine": machines, "presence silent": machines, "register failed": played, "register name_failed": calls + ": a full disk",
		"registration called_back": calls + ": a full disk", "registration other_number": calls + ": a full disk", "registration unrecorded": calls + ": a full disk",
		"reminder between": played, "reminder failed": played, "reminder gone": played, "reminder machine": machines, "reminder silent": machines,
		"survey machine": machines, "survey silent": machines,
	}
}
