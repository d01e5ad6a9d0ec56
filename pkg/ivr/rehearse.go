package ivr

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// The words of a rehearsal besides keys and answers.
const (
	Listened = "."       // Everything was said.
	NoKey    = "..."     // No key came in time.
	Machine  = "machine" // An answering machine was recognised.
)

// ErrNotNow means that a word of a rehearsal does not fit where the dialogue stands.
var ErrNotNow = errors.New("that does not fit here")

// Rehearsal walks a dialogue without a telephone and without records: what is said is written down, and who rehearses says
// what the party presses and what the host would answer.
type Rehearsal struct {
	walker *Walker
	book   *Book
	out    Output
}

// Rehearse begins a rehearsal and returns it with what happens first. What a flow branches on, such as FactHours, is among the
// variables too; what is not there is not known.
func (b *Book) Rehearse(flow string, lang roster.Language, vars Vars) (*Rehearsal, string) {
	r := &Rehearsal{walker: NewWalker(b, flow, lang, vars), book: b}
	return r, r.note(r.walker.Begin())
}

// Over reports whether the dialogue has ended.
func (r *Rehearsal) Over() bool { return r.out.Ask == AskHangup || r.out.Ask == AskRescue }

// Text returns a variable of the dialogue that is a text, or "".
func (r *Rehearsal) Text(name string) string { return r.walker.Text(name) }

// Asked lists the answers that the host may give now, sorted; none when it is not asked anything.
func (r *Rehearsal) Asked() []string {
	switch s := r.walker.step(); r.out.Ask {
	case AskLookup:
		return slices.Sorted(maps.Keys(s.Lookup.To))
	case AskRecord:
		if s.Record.Full != "" {
			return []string{AnswerKept, AnswerEmpty, AnswerFailed, AnswerFull}
		}
		return []string{AnswerKept, AnswerEmpty, AnswerFailed}
	case AskTransfer:
		return []string{AnswerTalked, AnswerNobody}
	case AskQueue:
		if s.Queue.Callback != "" {
			return []string{AnswerTalked, AnswerNobody, AnswerCallback}
		}
		return []string{AnswerTalked, AnswerNobody}
	default:
		return nil
	}
}

// Speaking reports whether something is being said.
func (r *Rehearsal) Speaking() bool { return len(r.out.Say) > 0 }

// Do takes one word: a key, Listened, NoKey, or an answer of the host with its variables. It returns what happens then, or
// ErrNotNow.
func (r *Rehearsal) Do(word string, vars Vars) (string, error) {
	var out Output
	switch asked := r.Asked(); {
	case r.Over():
		return "", ErrNotNow
	case asked != nil:
		if !slices.Contains(asked, word) {
			return "", fmt.Errorf("%w: answer %s", ErrNotNow, strings.Join(asked, " or "))
		}
		out = r.walker.Answered(word, vars)
	case word == Listened && r.Speaking():
		out = r.walker.Played()
	case word == NoKey && !r.Speaking():
		out = r.walker.Timeout()
	case word == Machine && r.walker.flow.Machine != "":
		out = r.walker.Machine()
	case len(word) == 1 && strings.Contains("0123456789*#", word):
		out = r.walker.Digit(word)
	default:
		return "", fmt.Errorf("%w: press a key", ErrNotNow)
	}
	return r.note(out), nil
}

// note writes down what happens.
func (r *Rehearsal) note(o Output) string {
	var b strings.Builder
	if o.Stop {
		b.WriteString("    (cut short)\n")
	}
	for o.Ask == AskFact {
		value := r.walker.branchValue(o.What)
		if value != "" {
			fmt.Fprintf(&b, "    (%s: %s)\n", o.What, value)
		}
		o = r.walker.Answered(value, nil)
	}
	r.out = o
	for _, u := range o.Say {
		pause := ""
		if u.Silence > 0 {
			pause = fmt.Sprintf("(%v) ", u.Silence)
		}
		if u.Recording != "" {
			fmt.Fprintf(&b, "    %s(what was recorded: %s)\n", pause, u.Recording)
			continue
		}
		fmt.Fprintf(&b, "    %s[%s] %s\n", pause, u.Language, strings.Join(r.book.Sentences(u), " … "))
	}
	if o.Wait > 0 {
		fmt.Fprintf(&b, "    (waits %v for a key)\n", o.Wait)
	}
	if o.Ask != AskNothing {
		fmt.Fprintf(&b, "    ⟶ %s %s\n", o.Ask, o.What)
	}
	return b.String()
}

// ExampleAnswer gives variables as a host would with an answer, for a rehearsal: two people, a call half past ten tomorrow,
// other times for it, an absence, a change that waits, a telephone number and days that were typed.
func ExampleAnswer(answer string, now time.Time) Vars {
	opens := time.Date(now.Year(), now.Month(), now.Day()+1, 10, 30, 0, 0, now.Location())
	marie := Vars{"name": "Marie", "opens": opens, "closes": opens.Add(time.Hour), "now": now, "window": "around", "changeable": "yes"}
	louis := Vars{"name": "Louis", "opens": opens, "closes": opens.Add(4 * time.Hour), "now": now, "window": "between"}
	switch answer {
	case "one", "around":
		return marie
	case "between":
		return louis
	case "several":
		return Vars{"people": []Vars{marie, louis}}
	case "some":
		var times []Vars
		for _, days := range []int{1, 2, 5} {
			times = append(times, Vars{"to_opens": opens.AddDate(0, 0, days), "to_closes": opens.AddDate(0, 0, days).Add(90 * time.Minute)})
		}
		return Vars{"times": times}
	case "ok":
		return Vars{
			"from": opens.AddDate(0, 0, 5), "back": opens.AddDate(0, 0, 12), "now": now,
			"register_number": "0199001234", "callback_number": "0199001234", "register_days": []time.Weekday{time.Tuesday, time.Friday},
		}
	case "own":
		return Vars{"own_number": Yes, "register_number": "0199001234"}
	case "move", "skip", "away":
		return Vars{
			"asked": answer, "now": now, "opens": opens, "closes": opens.Add(time.Hour), "to_opens": opens.AddDate(0, 0, 2),
			"to_closes": opens.AddDate(0, 0, 2).Add(time.Hour), "from": opens.AddDate(0, 0, 5), "back": opens.AddDate(0, 0, 12),
		}
	case "at", "yes", "soon", "later":
		return Vars{"at": opens, "now": now}
	default:
		return nil
	}
}
