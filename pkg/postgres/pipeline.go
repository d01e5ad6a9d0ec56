package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// errNotCommitted means that a transaction was to be committed and is undone instead.
var errNotCommitted = errors.New("the transaction was undone")

// pipeline is one transaction whose statements travel together. A batch of operations has about twenty statements; sent one
// by one, waking up for each answer costs both sides more than the statements do.
//
// Exec keeps a statement back until the next question or the commit, and tells its error only there. Together asks several
// questions at once. The transaction begins with the first statement that is sent. It belongs to one goroutine.
type pipeline struct {
	conn  *pgx.Conn
	queue *pgx.Batch
	// answers is set while Together reads what it has asked for.
	answers pgx.BatchResults
	asking  bool
}

var _ sqldb.DBTX = (*pipeline)(nil)

// newPipeline queues the begin of a transaction.
func newPipeline(conn *pgx.Conn) *pipeline {
	p := &pipeline{conn: conn, queue: &pgx.Batch{}}
	p.queue.Queue("begin")
	return p
}

// Exec queues a statement. Its result is not known and its error comes later.
func (p *pipeline) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	p.queue.Queue(sql, args...)
	return pgconn.CommandTag{}, nil
}

// Query sends what is queued and then the question, unless Together asks.
func (p *pipeline) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	switch {
	case p.asking:
		p.queue.Queue(sql, args...)
		return noRows{}, nil
	case p.answers != nil:
		return p.answers.Query()
	}
	if err := p.flush(ctx); err != nil {
		return nil, err
	}
	return p.conn.Query(ctx, sql, args...)
}

// QueryRow is Query for one row.
func (p *pipeline) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	switch {
	case p.asking:
		p.queue.Queue(sql, args...)
		return noRows{}
	case p.answers != nil:
		return p.answers.QueryRow()
	}
	if err := p.flush(ctx); err != nil {
		return noRows{err: err}
	}
	return p.conn.QueryRow(ctx, sql, args...)
}

// together sends the questions of ask in one go, after what is queued. Ask is called twice: the first time its questions are
// only gathered and answered by nothing at all, the second time by the database. It must ask the same both times and
// leave no trace but its results.
func (p *pipeline) together(ctx context.Context, ask func() error) (err error) {
	before := p.queue.Len()
	p.asking = true
	err = ask()
	p.asking = false
	if err != nil {
		return err
	}
	p.answers = p.send(ctx)
	defer func() {
		err = errors.Join(err, p.answers.Close())
		p.answers = nil
	}()
	for range before {
		if _, err := p.answers.Exec(); err != nil {
			return err
		}
	}
	return ask()
}

func (p *pipeline) send(ctx context.Context) pgx.BatchResults {
	queue := p.queue
	p.queue = &pgx.Batch{}
	return p.conn.SendBatch(ctx, queue)
}

// flush sends what is queued.
func (p *pipeline) flush(ctx context.Context) error {
	if p.queue.Len() == 0 {
		return nil
	}
	return p.send(ctx).Close()
}

// commit sends what is queued and commits, unless one of the statements fails: then the server passes over the commit. An
// error other than the database's own refusal leaves open what became of it.
func (p *pipeline) commit(ctx context.Context) error {
	committed := false
	p.queue.Queue("commit").Exec(func(tag pgconn.CommandTag) error {
		committed = tag.String() == "COMMIT"
		return nil
	})
	if err := p.send(ctx).Close(); err != nil {
		return err
	}
	if !committed {
		return fmt.Errorf("commit: %w", errNotCommitted)
	}
	return nil
}

// undo ends the transaction, if one is open. A connection on which that fails is broken, and is not used again.
func (p *pipeline) undo(ctx context.Context) {
	if !p.conn.IsClosed() && p.conn.PgConn().TxStatus() != 'I' {
		_, _ = p.conn.Exec(ctx, "rollback") // The error that led here says more.
	}
}

// noRows is the answer to a question that has not been sent yet, or could not be.
type noRows struct {
	pgx.Rows
	err error
}

func (noRows) Close()              {}
func (noRows) Next() bool          { return false }
func (r noRows) Err() error        { return r.err }
func (r noRows) Scan(...any) error { return r.err }
