package forecast

import (
	"math"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
)

// HistoryDays is how many days before now a history covers.
const HistoryDays = 60

// History is what the days before were like. The zero History knows nothing: the defaults of Model hold then.
type History struct {
	Tries  [24]Tries       // By the local hour of the attempt, people's calls only.
	Talk   []time.Duration // Quantiles of the talk of answered calls, evenly spaced and ascending.
	Talks  int             // How many calls they are made of.
	Offers Offers
	Closed int           // Calls whose caller said how they were,
	Hard   int           // and how many of them were difficult.
	Answer time.Duration // Mean time until a person answered.
	Line   [24]Line      // What came in on the registration line, by local hour.
	Days   int           // On how many days anything came in.
}

// Tries counts the attempts that rang somebody, by result.
type Tries struct{ Answered, Busy, NoAnswer, Machine, Failed, Congestion int }

func (t *Tries) counts() [resultCount]float64 {
	return [resultCount]float64{
		float64(t.Answered), float64(t.Busy), float64(t.NoAnswer), float64(t.Machine), float64(t.Failed), float64(t.Congestion),
	}
}

func (t *Tries) total() (n int) {
	return t.Answered + t.Busy + t.NoAnswer + t.Machine + t.Failed + t.Congestion
}

// Add counts an attempt; of a result that says nothing of the person it counts none.
func (t *Tries) Add(result call.Result, n int) {
	switch result {
	case call.ResultAnswered:
		t.Answered += n
	case call.ResultBusy:
		t.Busy += n
	case call.ResultNoAnswer:
		t.NoAnswer += n
	case call.ResultMachine:
		t.Machine += n
	case call.ResultFailed:
		t.Failed += n
	case call.ResultCongestion:
		t.Congestion += n
	case call.ResultCancelled, call.ResultUnknown:
	}
}

// Offers counts what callers made of offers.
type Offers struct {
	Accepted, Declined, TimedOut, Failed int
	Answer                               time.Duration // Mean time until they answered.
}

func (o *Offers) total() int { return o.Accepted + o.Declined + o.TimedOut + o.Failed }

// Line is what came in on the registration line in one local hour, over all days of the history.
type Line struct {
	Calls  int           // Who wanted a registrar,
	Waited time.Duration // how long they waited in all,
	Gone   int           // and how many of them gave up.
	Taken  int           // Who were answered,
	Talk   time.Duration // and how long they talked in all.
}

// The defaults of a scheme without history. No answer and talk times are those that larger services report: 15 to 20 % of
// calls are not answered, and talks take 20 to 30 minutes of which the planned length is the mean.
const (
	defaultBusy, defaultNoAnswer, defaultMachine, defaultFailed, defaultCongestion = 0.03, 0.18, 0.02, 0.005, 0.005

	defaultTalkSpread = 0.6 // Coefficient of variation of the talk.
	defaultHard       = 0.2

	defaultDeclined, defaultTimedOut, defaultOfferFailed = 0.01, 0.02, 0.005
	defaultOfferAnswer                                   = 5 * time.Second
	defaultAnswer                                        = 12 * time.Second

	defaultWork = 2 * time.Hour // Between two breaks.
	defaultRest = 10 * time.Minute

	// weight is for how many observations a default counts, and the whole day against one hour of it.
	weight = 30
	// fewTalks is how many talks it takes to draw from them.
	fewTalks = 30
	// setAside is how long somebody is away who let her phone ring: she comes back and presses the key.
	setAside = 10 * time.Minute
	// machineTalk is how long a call by prompts takes.
	machineTalk = 40 * time.Second
)

// What came of a ring.
const (
	answered = iota
	busy
	noAnswer
	machine
	failed
	congestion
	resultCount
)

func results() [resultCount]call.Result {
	return [resultCount]call.Result{
		call.ResultAnswered, call.ResultBusy, call.ResultNoAnswer, call.ResultMachine, call.ResultFailed, call.ResultCongestion,
	}
}

// Basis says what the chances of a simulation are made of; where it counts few observations the defaults weigh most.
type Basis struct {
	Tries    int     `json:"tries"`    // Attempts of the history.
	Answered float64 `json:"answered"` // Chance that a ring is answered, over the whole day.
	NoAnswer float64 `json:"no_answer"`
	Busy     float64 `json:"busy"`
	Talks    int     `json:"talks"`       // Talks of the history.
	TalkMean float64 `json:"talk_mean_s"` // Seconds; 0 when talks take as long as planned, on average.
	TalkP90  float64 `json:"talk_p90_s"`  // Seconds.
	Offers   int     `json:"offers"`
	Accepted float64 `json:"accepted"` // Chance that a caller takes an offer.
	Work     float64 `json:"work_s"`   // Seconds between two breaks,
	Rest     float64 `json:"rest_s"`   // and of a break, on average.
	Default  bool    `json:"default"`  // Answer rates are mostly defaults.
}

// Model is the chances that a history makes.
type Model struct {
	results  [24][resultCount]float64 // Cumulated.
	offers   [3]float64               // Declined, timed out, failed; cumulated.
	talk     []time.Duration
	answer   time.Duration
	pickUp   time.Duration
	hard     float64
	work     time.Duration
	rest     time.Duration
	basis    Basis
	fixed    bool // Of a test: talk is exponential, and nothing else takes time.
	meanTalk time.Duration
}

// newModel makes chances of a history. Each hour leans on the whole day, and the day on the defaults, the more the fewer
// observations there are (a Dirichlet prior of that weight).
func newModel(h *History) *Model {
	m := &Model{answer: h.Answer, pickUp: h.Offers.Answer, work: defaultWork, rest: defaultRest}
	orDefault(&m.answer, defaultAnswer)
	orDefault(&m.pickUp, defaultOfferAnswer)
	day := Tries{}
	for i := range h.Tries {
		t := &h.Tries[i]
		day.Answered, day.Busy, day.NoAnswer = day.Answered+t.Answered, day.Busy+t.Busy, day.NoAnswer+t.NoAnswer
		day.Machine, day.Failed, day.Congestion = day.Machine+t.Machine, day.Failed+t.Failed, day.Congestion+t.Congestion
	}
	whole := lean(day.counts(), [resultCount]float64{
		1 - defaultBusy - defaultNoAnswer - defaultMachine - defaultFailed - defaultCongestion,
		defaultBusy, defaultNoAnswer, defaultMachine, defaultFailed, defaultCongestion,
	})
	for i := range h.Tries {
		sum := 0.0
		for k, p := range lean(h.Tries[i].counts(), whole) {
			sum += p
			m.results[i][k] = sum
		}
	}
	o, n := &h.Offers, float64(h.Offers.total()+weight)
	m.offers[0] = (float64(o.Declined) + weight*defaultDeclined) / n
	m.offers[1] = m.offers[0] + (float64(o.TimedOut)+weight*defaultTimedOut)/n
	m.offers[2] = m.offers[1] + (float64(o.Failed)+weight*defaultOfferFailed)/n
	m.hard = (float64(h.Hard) + weight*defaultHard) / float64(h.Closed+weight)
	m.basis = Basis{
		Tries: day.total(), Answered: whole[answered], NoAnswer: whole[noAnswer], Busy: whole[busy], Talks: h.Talks,
		Offers: h.Offers.total(), Accepted: 1 - m.offers[2], Work: m.work.Seconds(), Rest: m.rest.Seconds(),
		Default: day.total() < weight,
	}
	if h.Talks >= fewTalks && len(h.Talk) > 1 {
		m.talk = h.Talk
		sum := time.Duration(0)
		for _, d := range h.Talk {
			sum += d
		}
		m.basis.TalkMean = sum.Seconds() / float64(len(h.Talk))
		m.basis.TalkP90 = h.Talk[len(h.Talk)*9/10].Seconds()
	}
	return m
}

func lean(counts, on [resultCount]float64) [resultCount]float64 {
	n := float64(weight)
	for _, c := range counts {
		n += c
	}
	for k := range counts {
		counts[k] = (counts[k] + weight*on[k]) / n
	}
	return counts
}

// talkOf draws how long a talk of a planned length takes.
func (m *Model) talkOf(planned time.Duration, c *chance) time.Duration {
	switch {
	case m.fixed:
		return time.Duration(c.exponential() * float64(m.meanTalk))
	case len(m.talk) > 1:
		at := c.unit() * float64(len(m.talk)-1)
		i := int(at)
		return m.talk[i] + time.Duration((at-float64(i))*float64(m.talk[i+1]-m.talk[i]))
	default:
		// The mean of exp(N(mu, sigma²)) is exp(mu + sigma²/2).
		variance := math.Log(1 + defaultTalkSpread*defaultTalkSpread)
		return time.Duration(float64(planned) * math.Exp(math.Sqrt(variance)*c.normal()-variance/2))
	}
}

// resultOf draws what comes of a ring in a local hour.
func (m *Model) resultOf(hour int, c *chance) int {
	u := c.unit()
	for k, p := range m.results[hour] {
		if u < p {
			return k
		}
	}
	return answered
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
