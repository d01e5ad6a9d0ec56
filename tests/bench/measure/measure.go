// Package measure is what every benchmark measures with: rounds in which the sides take turns, medians with their spread,
// processor time and memory of processes, and how long it still takes.
package measure

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// Median of none is 0.
func Median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	n := len(list)
	return (list[(n-1)/2] + list[n/2]) / 2
}

// Quantile is the value below which a share of sorted values lies; the nearest rank. Of none it is the zero value.
func Quantile[T any](sorted []T, share float64) T {
	if len(sorted) == 0 {
		var none T
		return none
	}
	return sorted[min(len(sorted)-1, max(0, int(math.Ceil(share*float64(len(sorted))))-1))]
}

// Spread is the least and the greatest; of none it is empty.
func Spread(list []float64) []float64 {
	if len(list) == 0 {
		return []float64{}
	}
	return []float64{slices.Min(list), slices.Max(list)}
}

// Ratios divides round by round. A round whose divisor is 0 is left out.
func Ratios(dividends, divisors []float64) []float64 {
	var ratios []float64
	for i := range min(len(dividends), len(divisors)) {
		if divisors[i] != 0 {
			ratios = append(ratios, dividends[i]/divisors[i])
		}
	}
	return ratios
}

// Round keeps four significant digits: the figures deserve no more. Whole numbers are counts, and stay.
func Round(f float64) float64 {
	if f == math.Trunc(f) || math.IsInf(f, 0) || math.IsNaN(f) {
		return f
	}
	unit := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(f))))
	return math.Round(f*unit) / unit
}

// Side is one of those that are compared. Run measures it once; what it returns is collected round by round.
type Side struct {
	Name string
	Run  func(ctx context.Context) (float64, error)
}

// Interleave runs every side once per round, in an order that turns from round to round, so that none is favoured by what
// the machine does besides. It returns what each returned, by name, and stops at the first error.
func Interleave(ctx context.Context, rounds Rounds, sides ...Side) (map[string][]float64, error) {
	values := map[string][]float64{}
	for i := range rounds.begin() {
		for j := range sides {
			if err := ctx.Err(); err != nil {
				return values, err
			}
			side := sides[(i+j)%len(sides)]
			v, err := side.Run(ctx)
			if err != nil {
				return values, fmt.Errorf("%s, round %d: %w", side.Name, i+1, err)
			}
			values[side.Name] = append(values[side.Name], v)
		}
	}
	return values, nil
}

// Rounds are the rounds of one figure.
type Rounds struct {
	Name     string // Of what is measured, for the person who waits.
	Count    int
	Progress io.Writer // Nil tells nobody.
	now      func() time.Time
}

// begin yields the rounds, and tells before each how long the rest takes, judged by those before.
func (r Rounds) begin() func(yield func(int) bool) {
	now := r.now
	if now == nil {
		now = time.Now
	}
	return func(yield func(int) bool) {
		began := now()
		for i := range r.Count {
			if r.Progress != nil {
				fmt.Fprintln(r.Progress, r.line(i, now().Sub(began)))
			}
			if !yield(i) {
				return
			}
		}
	}
}

// line says where it stands before a round, i of them having taken so long.
func (r Rounds) line(i int, took time.Duration) string {
	line := fmt.Sprintf("%s round %d of %d", r.Name, i+1, cmp.Or(r.Count, 1))
	if i == 0 {
		return line
	}
	left := took / time.Duration(i) * time.Duration(r.Count-i)
	return fmt.Sprintf("%s, %.0f s left", line, left.Seconds())
}
