package forecast

import (
	"math"
	"time"
)

// Queue is a line on which calls come at random (Poisson) and are answered in order, in the long run: M/M/n without
// abandonment (A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in automatic telephone
// exchanges", 1917: Erlang C), M/M/n+M when whoever waits gives up after a while (C. Palm, 1946; A. Mandelbaum and S. Zeltyn, "Service engineering in
// action: the Palm/Erlang-A queue", 2007: Erlang A). Its methods are exact up to rounding for any size: they add
// positive terms only, relative to the state in which all are busy and nobody waits.
type Queue struct {
	PerHour  float64       // Calls that come in.
	Handle   time.Duration // Mean talk and after-call work.
	Patience time.Duration // Mean time after which somebody who waits gives up; 0 means never.
	Servers  int           // Who answer.
}

// lambda, mu and theta are rates per second.
func (q Queue) lambda() float64 { return q.PerHour / 3600 }
func (q Queue) mu() float64     { return 1 / q.Handle.Seconds() }
func (q Queue) theta() float64 {
	if q.Patience <= 0 {
		return 0
	}
	return 1 / q.Patience.Seconds()
}

// Load is the offered load in erlangs: how many would be busy if nobody ever waited.
func (q Queue) Load() float64 { return q.lambda() / q.mu() }

// steady is what the long run looks like.
type steady struct {
	full    float64 // Logarithm of the probability that all are busy and nobody waits.
	delay   float64 // Probability that all are busy.
	waiting float64 // Mean number of those who wait; infinite when it grows for ever.
}

// huge is when sums are scaled down.
const huge = 1e200

func (q Queue) steady() steady {
	lambda, theta, all := q.lambda(), q.theta(), float64(q.Servers)*q.mu()
	if lambda <= 0 {
		return steady{full: math.Inf(-1)}
	}
	if theta == 0 && lambda >= all {
		return steady{full: math.Inf(-1), delay: 1, waiting: math.Inf(1)}
	}
	// The inverse of Erlang B: 1/B(n) = 1 + (n/a)/B(n-1). It is the weight of all states in which nobody waits.
	below, shrunk := 1.0, 0.0 // Everything is to be multiplied with exp(shrunk).
	for n := 1; n <= q.Servers; n++ {
		below = 1 + below*float64(n)/q.Load()
		if below > huge {
			// Nobody will ever wait, as far as a float can tell.
			return steady{full: math.Inf(-1)}
		}
	}
	one, sum, queue := 1.0, 0.0, 0.0
	if theta == 0 {
		rho := lambda / all
		sum, queue = rho/(1-rho), rho/((1-rho)*(1-rho))
	} else {
		term := 1.0
		for j := 1.0; ; j++ {
			term *= lambda / (all + j*theta)
			sum += term
			queue += j * term
			if lambda < all+j*theta && j*term <= 1e-17*queue {
				break
			}
			if term > huge || queue > huge {
				below, one, sum, queue, term = below/huge, one/huge, sum/huge, queue/huge, term/huge
				shrunk += math.Log(huge)
			}
		}
	}
	whole := below + sum
	return steady{full: -math.Log(whole) - shrunk, delay: (one + sum) / whole, waiting: queue / whole}
}

// Delay is the probability that a call has to wait.
func (q Queue) Delay() float64 { return q.steady().delay }

// Wait is how long calls wait on average, those that do not wait and those that give up included; the longest duration when
// the queue grows for ever.
func (q Queue) Wait() time.Duration {
	if q.PerHour <= 0 {
		return 0
	}
	seconds := q.steady().waiting / q.lambda() // Little's law.
	if seconds*float64(time.Second) >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(seconds * float64(time.Second))
}

// Abandoned is the part of the calls that give up.
func (q Queue) Abandoned() float64 {
	if q.PerHour <= 0 || q.Patience <= 0 {
		return 0
	}
	return q.theta() * q.steady().waiting / q.lambda()
}

// Occupancy is the part of their time in which those who answer are busy.
func (q Queue) Occupancy() float64 {
	if q.Servers <= 0 {
		return 0
	}
	return min(q.Load()*(1-q.Abandoned())/float64(q.Servers), 1)
}

// Within is the part of all calls that are answered within a time.
func (q Queue) Within(t time.Duration) float64 {
	s := q.steady()
	lambda, theta, all := q.lambda(), q.theta(), float64(q.Servers)*q.mu()
	switch {
	case theta == 0 && s.delay >= 1:
		return 0
	case theta == 0:
		return 1 - s.delay*math.Exp(-(all-lambda)*t.Seconds())
	case math.IsInf(s.full, -1):
		return 1
	}
	// The wait that a call is offered has the density n·mu·p(n)·exp(lambda/theta·(1-exp(-theta·x)) - n·mu·x) (F. Baccelli and
	// G. Hebuterne, "On queues with impatient customers", 1981); with probability exp(-theta·x) she is still there. Simpson's
	// rule.
	density := func(x float64) float64 {
		return all * math.Exp(s.full-lambda/theta*math.Expm1(-theta*x)-all*x-theta*x)
	}
	served := 0.0
	for from, to, halvings := t.Seconds()/2, t.Seconds(), 0; halvings <= 30; from, to, halvings = from/2, from, halvings+1 {
		if halvings == 30 {
			from = 0
		}
		const steps = 64 // The density may be steep near 0 and flat for long.
		h := (to - from) / steps
		sum := density(from) + density(to)
		for i := 1; i < steps; i++ {
			sum += float64(2+2*(i%2)) * density(from+float64(i)*h)
		}
		served += sum * h / 3
	}
	return min(1-s.delay+served, 1)
}

// mostServers bounds a search.
const mostServers = 10_000

// Needed is the fewest who answer so much of all calls within a time; Servers of the queue is not looked at. It is 0 when no
// calls come, and mostServers at most.
func (q Queue) Needed(share float64, within time.Duration) int {
	if q.PerHour <= 0 {
		return 0
	}
	for q.Servers = 1; q.Servers < mostServers && q.Within(within) < share; q.Servers++ {
	}
	return q.Servers
}
