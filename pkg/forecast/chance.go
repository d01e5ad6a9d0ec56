package forecast

import "math"

// chance is a stream of random numbers that depends on its keys alone (SplitMix64: Steele, Lea and Flood, "Fast splittable
// pseudorandom number generators", OOPSLA 2014).
type chance uint64

func (c chance) with(key uint64) chance { return chance(mix(uint64(c) + 0x9e3779b97f4a7c15*(key+1))) }

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// unit is at least 0 and less than 1.
func (c *chance) unit() float64 {
	*c += 0x9e3779b97f4a7c15
	return float64(mix(uint64(*c))>>11) / (1 << 53)
}

// normal has mean 0 and variance 1 (Box and Muller 1958).
func (c *chance) normal() float64 {
	return math.Sqrt(-2*math.Log(1-c.unit())) * math.Cos(2*math.Pi*c.unit())
}

// exponential has mean 1.
func (c *chance) exponential() float64 { return -math.Log(1 - c.unit()) }
