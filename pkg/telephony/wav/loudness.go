package wav

import "math"

const (
	// speechLevel is the level of speech, without its pauses, in dB relative to full scale. Telephone networks plan with
	// about -26 dBov over all; a prompt for old ears is a little louder.
	speechLevel = -20.0
	// peakLevel is the highest sample allowed, in dB relative to full scale.
	peakLevel = -1.0
	// pauseBelow is how far under the loudest frame a frame counts as pause, in dB.
	pauseBelow = 30.0
)

// amplitude is the factor of so many dB.
func amplitude(db float64) float64 { return math.Pow(10, db/20) }

// Sound is speech at a rate, in samples a second.
type Sound struct {
	Rate    int
	Samples []int16
}

// frame is how many samples 20 ms are.
func (s Sound) frame() int { return s.Rate / 50 }

// Normalise brings speech to one loudness: an active level of -20 dBFS, less where a sample would exceed -1 dBFS. Silence
// stays silence. The samples are changed in their place.
func Normalise(samples []int16) { Sound{Rate, samples}.Normalise() }

// Normalise is [Normalise] at any rate.
func (s Sound) Normalise() {
	gain := s.gain()
	for i, v := range s.Samples {
		s.Samples[i] = int16(math.Round(float64(v) * gain))
	}
}

// gain is the factor that brings the samples to speechLevel.
func (s Sound) gain() float64 {
	powers, loudest := s.powers()
	if loudest == 0 {
		return 1
	}
	peak := 0.0
	for _, v := range s.Samples {
		peak = max(peak, math.Abs(float64(v)/(1<<15)))
	}
	threshold := loudest * amplitude(-pauseBelow) * amplitude(-pauseBelow)
	var sum float64
	var active int
	for _, power := range powers {
		if power >= threshold {
			sum += power
			active++
		}
	}
	return min(amplitude(speechLevel)/math.Sqrt(sum/float64(active)), amplitude(peakLevel)/peak)
}

// powers is the mean square of each frame, relative to full scale, and the greatest of them.
func (s Sound) powers() (list []float64, loudest float64) {
	for start := 0; start < len(s.Samples); start += s.frame() {
		frame := s.Samples[start:min(start+s.frame(), len(s.Samples))]
		var sum float64
		for _, sample := range frame {
			v := float64(sample) / (1 << 15)
			sum += v * v
		}
		list = append(list, sum/float64(len(frame)))
		loudest = max(loudest, list[len(list)-1])
	}
	return list, loudest
}
