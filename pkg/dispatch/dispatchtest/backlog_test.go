package dispatchtest

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The oracle is held to the only judge there is above it: every pairing, of so few rows that all can be tried.
func TestHungarianFindsTheCheapestPairing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(1, 5).Draw(t, "rows")
		columns := rapid.IntRange(rows, 6).Draw(t, "columns")
		cost := make([][]float64, rows)
		for i := range cost {
			for range columns {
				cost[i] = append(cost[i], float64(rapid.IntRange(-20, 20).Draw(t, "cost")))
			}
		}
		of := hungarian(rows, columns, func(i, j int) float64 { return cost[i][j] })
		sum, taken := 0.0, map[int]bool{}
		for i, j := range of {
			require.False(t, taken[j], "two rows have one column")
			taken[j] = true
			sum += cost[i][j]
		}
		require.InDelta(t, cheapest(cost, 0, map[int]bool{}), sum, 1e-9)
	})
}

func cheapest(cost [][]float64, row int, taken map[int]bool) float64 {
	if row == len(cost) {
		return 0
	}
	least := math.Inf(1)
	for j, c := range cost[row] {
		if !taken[j] {
			taken[j] = true
			least = min(least, c+cheapest(cost, row+1, taken))
			taken[j] = false
		}
	}
	return least
}
