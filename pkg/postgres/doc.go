// Package postgres keeps everything that must survive: it implements the stores of packages dispatch, callflow, report,
// roster and auth on PostgreSQL 15 or later.
//
// Postgres is the truth. A batch of operations is read, decided in memory (ledger) and written back set by set in one
// transaction, under the lock of its scheme's row in scheme_lead; so the batches of one scheme follow one another, event
// numbers have no gaps, and the decision is ordinary Go code. What is unique across schemes (one live attempt per number,
// one reservation per caller) is held by primary keys; a batch that loses such a race is decided anew.
//
//	Apply(ops) ── lock scheme_lead ── read rows that are not remembered ── ledger: one error or nil per op ── write rows, events ── commit ── Publish
//
// What happened on the telephone while Postgres is away goes into a local spool (Spool) and is applied exactly once later.
//
// SQL lives in migrations/ and queries/; internal/sqldb is generated from them. Every instant comes from Go. The database is asked
// for the time only to find out whether clocks differ, and since when a node or a session is silent (nodes.sql, silent.go).
package postgres

//go:generate go run github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1 generate
