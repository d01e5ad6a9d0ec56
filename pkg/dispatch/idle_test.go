package dispatch

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rappel-tel/rappel/pkg/schedule"
)

// TestTheFirstOfTheFreeIsChosen compares what a lane's free callers are in with a look at all of them, whatever order they become
// free in, while more of them come and go than a queue holds.
func TestTheFirstOfTheFreeIsChosen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBoard(Limits{}, schedule.Rules{})
		var f freeCallers
		free := map[int32]freeEntry{}
		for id := range int64(40) {
			b.slotOf(id + 1)
		}
		late := rapid.IntRange(0, 20).Draw(t, "late")
		for now := range int64(400) {
			k := int32(rapid.IntRange(0, 39).Draw(t, "caller"))
			b.turns[k]++
			if _, ok := free[k]; ok {
				delete(free, k)
			} else {
				e := freeEntry{since: now, hard: int32(rapid.IntRange(0, hardQueues+2).Draw(t, "hard")), clerk: k, turn: b.turns[k]}
				if rapid.IntRange(0, 99).Draw(t, "in order") < late {
					e.since -= rapid.Int64Range(0, 50).Draw(t, "earlier")
				}
				free[k] = e
				f.add(b, e, len(free))
			}
			want := freeEntry{clerk: -1}
			for _, e := range free {
				if want.clerk < 0 || e.before(want) {
					want = e
				}
			}
			got, from := f.first(b)
			if (from == nobody) != (want.clerk < 0) || from != nobody && got != want {
				t.Fatalf("%+v is the first, want %+v", got, want)
			}
		}
	})
}

// TestWhoBecomesFreeIsFiledInBoundedRoom has two callers of whom one stays free, while the other comes and goes behind her.
func TestWhoBecomesFreeIsFiledInBoundedRoom(t *testing.T) {
	b := NewBoard(Limits{}, schedule.Rules{})
	stays, goes := b.slotOf(1), b.slotOf(2)
	var f freeCallers
	f.add(b, freeEntry{clerk: stays}, 1)
	for n := range int64(10_000) {
		b.turns[goes]++
		f.add(b, freeEntry{since: n%2*int64(time.Hour) + n, clerk: goes, turn: b.turns[goes]}, 2) // Every other is out of order.
	}
	if n := len(f.queues[0].ring) + len(f.others); n > 200 {
		t.Fatalf("%d entries for two callers", n)
	}
}
