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

// sendAt is how many bytes of statements wait for company before they are sent.
const sendAt = 16 << 10

// pipeline is one transaction whose statements are sent as they come, without waiting for the answer to the one before: the
// database works on the first ones while the next are made. Waiting for each would cost both sides more than the statements do.
//
// Exec tells a statement's error only at the next question or at the commit. Together asks several questions at once. It
// belongs to one goroutine, which ends it with commit or undo.
type pipeline struct {
	conn   *pgx.Conn
	wire   *pgconn.Pipeline
	kept   *kept
	unread int // Statements whose results have not been read, oldest first.
	held   int // Bytes that have not been sent.

	// In together: questions are noted first, and then answered one after the other.
	asking    bool
	questions []question
	answering bool
}

type question struct {
	sql  string
	args []any
}

// kept is what a connection keeps from one pipeline to the next.
type kept struct {
	statements map[string]*pgconn.StatementDescription // Prepared there, by their text.
	buffer     []byte                                  // For the arguments of a statement. Never nil, which is null.
}

// keptBy returns what a connection keeps, which only its present user may touch.
func keptBy(conn *pgx.Conn) *kept {
	const key = "rappel.pipeline"
	data := conn.PgConn().CustomData()
	k, ok := data[key].(*kept)
	if !ok {
		k = &kept{statements: map[string]*pgconn.StatementDescription{}, buffer: make([]byte, 0, 1<<10)}
		data[key] = k
	}
	return k
}

var _ sqldb.DBTX = (*pipeline)(nil)

// newPipeline begins a transaction, which ends with ctx at the latest.
func newPipeline(ctx context.Context, conn *pgx.Conn) *pipeline {
	p := &pipeline{conn: conn, wire: conn.PgConn().StartPipeline(ctx), kept: keptBy(conn)}
	p.command("begin")
	return p
}

// command queues a statement that has no arguments.
func (p *pipeline) command(sql string) {
	p.wire.SendQueryParams(sql, nil, nil, nil, nil)
	p.unread++
}

// Exec queues a statement. Its result is not known and its error comes later.
func (p *pipeline) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if err := p.send(sql, args); err != nil {
		return pgconn.CommandTag{}, err
	}
	p.unread++
	if p.held < sendAt {
		return pgconn.CommandTag{}, nil
	}
	p.held = 0
	return pgconn.CommandTag{}, p.wire.Flush()
}

// Query asks at once, unless together does.
func (p *pipeline) Query(_ context.Context, sql string, args ...any) (pgx.Rows, error) {
	switch {
	case p.asking:
		p.questions = append(p.questions, question{sql, args})
		return noRows{}, nil
	case !p.answering:
		p.questions = append(p.questions, question{sql, args})
		if err := p.ask(); err != nil {
			return nil, err
		}
	}
	result, err := p.result()
	if err != nil {
		return nil, err
	}
	return pgx.RowsFromResultReader(p.conn.TypeMap(), result), nil
}

// QueryRow is Query for one row.
func (p *pipeline) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := p.Query(ctx, sql, args...)
	if err != nil || p.asking {
		return noRows{err: err}
	}
	return row{rows}
}

// together sends the questions of ask in one go, after what is queued. Ask is called twice: the first time its questions are
// only gathered and answered by nothing at all, the second time by the database. It must ask the same both times and
// leave no trace but its results.
func (p *pipeline) together(_ context.Context, ask func() error) error {
	p.asking = true
	err := ask()
	p.asking = false
	if err != nil {
		return err
	}
	if err := p.ask(); err != nil {
		return err
	}
	p.answering = true
	defer func() { p.answering = false }()
	return ask()
}

// ask sends the questions that were noted and reads what comes before their answers.
func (p *pipeline) ask() error {
	questions := p.questions
	p.questions = nil
	for _, q := range questions {
		if err := p.prepare(q.sql); err != nil {
			return err
		}
	}
	for _, q := range questions {
		if err := p.send(q.sql, q.args); err != nil {
			return err
		}
	}
	return p.catchUp()
}

// catchUp has everything sent and answered, and reads the results of the statements.
func (p *pipeline) catchUp() error {
	p.wire.SendFlushRequest()
	p.held = 0
	if err := p.wire.Flush(); err != nil {
		return err
	}
	return p.settle()
}

// settle reads the results of the statements that were sent.
func (p *pipeline) settle() error {
	for ; p.unread > 0; p.unread-- {
		result, err := p.result()
		if err != nil {
			return err
		}
		if _, err := result.Close(); err != nil {
			return err
		}
	}
	return nil
}

// result is what the database says to the oldest statement or question.
func (p *pipeline) result() (*pgconn.ResultReader, error) {
	answer, err := p.wire.GetResults()
	if err != nil {
		return nil, err
	}
	result, ok := answer.(*pgconn.ResultReader)
	if !ok {
		return nil, fmt.Errorf("read results: %T came instead", answer)
	}
	return result, nil
}

// prepare has the connection know a statement. The first time that costs a round trip.
func (p *pipeline) prepare(sql string) error {
	if p.kept.statements[sql] != nil {
		return nil
	}
	name := fmt.Sprintf("rappel_%d", len(p.kept.statements))
	p.wire.SendPrepare(name, sql, nil)
	if err := p.catchUp(); err != nil {
		return err
	}
	answer, err := p.wire.GetResults()
	if err != nil {
		return err
	}
	s, ok := answer.(*pgconn.StatementDescription)
	if !ok {
		return fmt.Errorf("prepare statement: %T came instead", answer)
	}
	s.Name, s.SQL = name, sql
	p.kept.statements[sql] = s
	return nil
}

// send queues a statement or question.
func (p *pipeline) send(sql string, args []any) error {
	if err := p.prepare(sql); err != nil {
		return err
	}
	s, types := p.kept.statements[sql], p.conn.TypeMap()
	if len(args) != len(s.ParamOIDs) {
		return fmt.Errorf("send statement: %d arguments for %d parameters", len(args), len(s.ParamOIDs))
	}
	values, formats := make([][]byte, len(args)), make([]int16, len(args))
	buffer := p.kept.buffer[:0]
	for i, arg := range args {
		formats[i] = types.FormatCodeForOID(s.ParamOIDs[i])
		if _, text := arg.(string); text {
			formats[i] = pgx.TextFormatCode
		}
		from := len(buffer)
		to, err := types.Encode(s.ParamOIDs[i], formats[i], arg, buffer)
		if err != nil {
			return fmt.Errorf("encode argument %d: %w", i+1, err)
		}
		if to != nil { // Otherwise it is null.
			buffer, values[i] = to, to[from:]
		}
	}
	results := make([]int16, len(s.Fields))
	for i := range s.Fields {
		results[i] = types.FormatCodeForOID(s.Fields[i].DataTypeOID)
	}
	p.wire.SendQueryStatement(s, values, formats, results)
	p.held += len(buffer)
	p.kept.buffer = buffer
	return nil
}

// commit sends what is queued and commits, unless one of the statements fails: then the server passes over the commit. An
// error other than the database's own refusal leaves open what became of it.
func (p *pipeline) commit() error {
	p.wire.SendQueryParams("commit", nil, nil, nil, nil)
	if err := p.wire.Sync(); err != nil {
		return err
	}
	if err := p.settle(); err != nil {
		return err
	}
	result, err := p.result()
	if err != nil {
		return err
	}
	tag, err := result.Close()
	if err != nil {
		return err
	}
	if err := p.wire.Close(); err != nil {
		return err
	}
	if tag.String() != "COMMIT" {
		return fmt.Errorf("commit: %w", errNotCommitted)
	}
	return nil
}

// undo ends the transaction, if one is open. A connection on which that fails is broken, and is not used again; nor is one
// whose statements the database no longer takes.
func (p *pipeline) undo(ctx context.Context, why error) {
	// What led here says more than the errors of ending it. Of a connection that is broken the driver takes leave by itself.
	if !p.conn.IsClosed() {
		_ = p.wire.Sync()
	}
	_ = p.wire.Close()
	if isObsolete(why) {
		_ = p.conn.Close(ctx)
	}
	if !p.conn.IsClosed() && p.conn.PgConn().TxStatus() != 'I' {
		_, _ = p.conn.Exec(ctx, "rollback")
	}
}

// row is the first of some rows.
type row struct{ pgx.Rows }

// Scan implements pgx.Row.
func (r row) Scan(into ...any) error {
	defer r.Close()
	if !r.Next() {
		if err := r.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.Rows.Scan(into...); err != nil {
		return err
	}
	r.Close()
	return r.Err()
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
