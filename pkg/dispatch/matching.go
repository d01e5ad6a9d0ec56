package dispatch

import "math"

// matching pairs rows with columns by successive shortest paths (Jonker and Volgenant 1987), one row after the other: a row that
// found a column keeps one, so that the rows which come first are served first, and among all pairings that serve the
// same rows the sum of the scores is the greatest. It reuses its memory.
type matching struct {
	rows, columns int
	score         []float64 // By row, then column; minus infinity is not allowed.
	rowOf         []int32   // By column; -1 for none.
	columnOf      []int32   // By row; -1 for none.

	u, v, dist []float64
	from       []int32 // The column before, on the way to a column; -1 for the row that is being added.
	done       []bool
}

// reset makes room for rows and columns, of which no pair is allowed yet.
func (m *matching) reset(rows, columns int) {
	m.rows, m.columns = rows, columns
	m.score = sized(m.score, rows*columns, math.Inf(-1))
	m.rowOf, m.columnOf = sized(m.rowOf, columns, -1), sized(m.columnOf, rows, -1)
	m.u, m.v, m.dist = sized(m.u, rows, 0), sized(m.v, columns, 0), sized(m.dist, columns, 0)
	m.from, m.done = sized(m.from, columns, -1), sized(m.done, columns, false)
}

func sized[T any](s []T, n int, value T) []T {
	if cap(s) < n {
		s = make([]T, n)
	}
	s = s[:n]
	for i := range s {
		s[i] = value
	}
	return s
}

// add finds a column for a row, which may move earlier rows to other columns, and reports whether there is one.
func (m *matching) add(row int) bool {
	for j := range m.columns {
		m.dist[j], m.from[j], m.done[j] = math.Inf(1), -1, false
	}
	at, before, base := row, int32(-1), 0.0
	end := -1
	for end < 0 {
		nearest := -1
		scores := m.score[at*m.columns : (at+1)*m.columns]
		for j, s := range scores {
			if m.done[j] {
				continue
			}
			if d := base - s - m.u[at] - m.v[j]; d < m.dist[j] {
				m.dist[j], m.from[j] = d, before
			}
			switch {
			case math.IsInf(m.dist[j], 1):
			case nearest < 0 || m.dist[j] < m.dist[nearest]:
				nearest = j
			case m.dist[j] == m.dist[nearest] && m.rowOf[j] < 0 && m.rowOf[nearest] >= 0:
				nearest = j // Of two that are as near, a free one ends the search.
			}
		}
		if nearest < 0 {
			return false
		}
		m.done[nearest], base = true, m.dist[nearest]
		if m.rowOf[nearest] < 0 {
			end = nearest
		} else {
			at, before = int(m.rowOf[nearest]), int32(nearest)
		}
	}
	m.u[row] += base
	for j := range m.columns {
		if m.done[j] && j != end {
			m.u[m.rowOf[j]] += base - m.dist[j]
			m.v[j] += m.dist[j] - base
		}
	}
	for j := int32(end); j >= 0; {
		prior := m.from[j]
		r := int32(row)
		if prior >= 0 {
			r = m.rowOf[prior]
		}
		m.rowOf[j], m.columnOf[r] = r, j
		j = prior
	}
	return true
}
