package main

// Ramp settings.
const (
	fine      = 1.05 // The highest clean rate is known that well.
	lowest    = 5.0  // Calls per second; below that nothing is tried.
	maxTrials = 14   // Per ramp.
)

// steps are by how much the rate grows while it is clean, and shrinks until it is.
type steps struct{ up, down float64 }

// wide leads through the unknown, narrow around what an earlier round has found.
func wide() steps   { return steps{up: 1.2, down: 0.75} }
func narrow() steps { return steps{up: 1.1, down: 0.9} }

// ramp finds the highest rate that try finds clean, within fine, beginning with start. It never believes one bad trial: a
// rate counts as too high when it was not clean twice. It returns 0 when nothing is clean; an error of try ends it.
func ramp(start, ceiling float64, by steps, try func(rate float64) (clean bool, err error)) (best float64, err error) {
	trials := 0
	twice := func(rate float64) (bool, error) {
		for range 2 {
			trials++
			clean, err := try(rate)
			if clean || err != nil {
				return clean, err
			}
		}
		return false, nil
	}
	low, high := 0.0, 0.0
	for rate := min(start, ceiling); trials < maxTrials && rate >= lowest; {
		clean, err := twice(rate)
		if err != nil {
			return low, err
		}
		if clean {
			low = rate
		} else {
			high = rate
		}
		switch {
		case low >= ceiling:
			return low, nil
		case high == 0:
			rate = min(rate*by.up, ceiling)
		case low == 0:
			rate *= by.down
		case high/low <= fine:
			return low, nil
		default:
			rate = (low + high) / 2
		}
	}
	return low, nil
}
