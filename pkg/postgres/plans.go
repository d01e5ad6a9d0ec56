package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// plans says when the plans that a connection keeps have been outgrown. A plan holds for the sizes of its tables when it was
// made. The tables of what is live are empty in the night and hold a thousand rows at the opening hour; a plan made for none
// of them compares each row asked for with every row there, which is a hundred times the work.
type plans struct {
	made  time.Time
	ops   int // Since then.
	limit int // After so many they are made anew.
}

const (
	planAge = 10 * time.Second // After which plans are made anew in any case.
	planOps = 100              // After which they are made anew for the first time; then after planGrowth times as many, and so on.
	// planGrowth is how many times as large as it was a table may be. Making all of them anew takes some ten milliseconds, in
	// which a dozen calls of a busy morning come due and wait.
	planGrowth = 4
)

// plansOf returns the state of a connection, which only its present user may touch.
func plansOf(conn *pgx.Conn) *plans {
	const key = "rappel.plans"
	data := conn.PgConn().CustomData()
	p, ok := data[key].(*plans)
	if !ok {
		p = &plans{made: time.Now(), limit: planOps}
		data[key] = p
	}
	return p
}

// outgrown counts operations and reports whether the plans are to be made anew.
func (p *plans) outgrown(ops int, now time.Time) bool {
	p.ops += ops
	switch {
	case now.Sub(p.made) >= planAge:
		p.limit = max(planOps, p.ops) // As busy as it was, it may go on.
	case p.ops >= p.limit:
		p.limit *= planGrowth
	default:
		return false
	}
	p.made, p.ops = now, 0
	return true
}
