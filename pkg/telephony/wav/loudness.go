package wav

import "math"

const (
	// speechLevel is the level of speech, without its pauses, in dB relative to full scale. Telephone networks plan with
	// about -26 dBov over all; a prompt for old ears is a little louder.
	speechLevel = -20.0
	// peakLevel is the highest sample allowed, in dB relative to full scale.
	peakLevel = -1.0
	// frameSamples is 20 ms.
	frameSamples = Rate / 50
	// pauseBelow is how far under the loudest frame a frame counts as pause, in dB.
	pauseBelow = 30.0
)

// amplitude is the factor of so many dB.
func amplitude(db float64) float64 { return math.Pow(10, db/20) }

// Normalise brings speech to one loudness: an active level of -20 dBFS, less where a sample would exceed -1 dBFS. Silence
// stays silence. The samples are changed in their place.
func Normalise(samples []int16) {
	gain := speechGain(samples)
	for i, s := range samples {
		samples[i] = int16(math.Round(float64(s) * gain))
	}
}

// speechGain is the factor that brings the samples to speechLevel.
func speechGain(samples []int16) float64 {
	powers, loudest := powers(samples)
	if loudest == 0 {
		return 1
	}
	peak := 0.0
	for _, s := range samples {
		peak = max(peak, math.Abs(float64(s)/(1<<15)))
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
func powers(samples []int16) (list []float64, loudest float64) {
	for start := 0; start < len(samples); start += frameSamples {
		frame := samples[start:min(start+frameSamples, len(samples))]
		var sum float64
		for _, s := range frame {
			v := float64(s) / (1 << 15)
			sum += v * v
		}
		list = append(list, sum/float64(len(frame)))
		loudest = max(loudest, list[len(list)-1])
	}
	return list, loudest
}
