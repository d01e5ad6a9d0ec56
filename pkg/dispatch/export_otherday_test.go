package dispatch

// Lateness is how many calls of the day come too late, or never.
func (d OtherDay) Lateness() int {
	late, _ := play(d.Scheme, d.Calls, d.seats(), d.waitsFor)
	return late
}
