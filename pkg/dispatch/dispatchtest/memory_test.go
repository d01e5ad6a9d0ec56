package dispatchtest

import "testing"

func TestMemory(t *testing.T) {
	ExerciseStore(t, func(*testing.T) Fixture { return NewMemory() })
}
