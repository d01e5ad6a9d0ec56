package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rappel-tel/rappel/pkg/dispatch"
)

// ErrCommitUnknown goes with dispatch.ErrStoreDown when the answer to a commit was lost and the database could not be
// asked about it: the batch was committed whole or not at all. Applying it again is harmless.
var ErrCommitUnknown = errors.New("it is not known whether the batch was committed")

var (
	errUnknownOp = errors.New("operation of an unknown kind")
	errNoScheme  = errors.New("no such scheme")
)

// SQLSTATE classes and codes (PostgreSQL 15, appendix A).
const (
	classConnection     = "08"
	classResources      = "53"
	classIntervention   = "57" // Shut down by an administrator, crash, cannot connect now, statement cancelled.
	classSystem         = "58"
	stateUnique         = "23505"
	stateForeignKey     = "23503"
	stateCheck          = "23514"
	stateDeadlock       = "40P01"
	stateSerialization  = "40001"
	stateReadOnly       = "25006"
	stateIdleInTransact = "25P03"
	stateUnsupported    = "0A000" // Among others: a statement's result is no longer what it was when it was prepared.
	stateNoStatement    = "26000"
)

// isRace reports whether a transaction was undone because another one came first, so that it may be tried anew.
func isRace(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	switch pg.Code {
	case stateDeadlock, stateSerialization:
		return true
	case stateUnique:
		return pg.TableName == "live_number" || pg.TableName == "reservation" || pg.TableName == "attempt"
	}
	return false
}

// isObsolete reports whether the database no longer takes a statement as it was prepared.
func isObsolete(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == stateUnsupported || pg.Code == stateNoStatement)
}

// isAway reports whether the database could not be reached, or not within the time allowed.
func isAway(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code[:min(2, len(pg.Code))] {
		case classConnection, classResources, classIntervention, classSystem:
			return true
		}
		return pg.Code == stateReadOnly || pg.Code == stateIdleInTransact
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || pgconn.SafeToRetry(err)
}

// storeError wraps dispatch.ErrStoreDown around an error that says that the database is away.
func storeError(err error) error {
	if err == nil || errors.Is(err, dispatch.ErrStoreDown) || !isAway(err) {
		return err
	}
	if strings.Contains(err.Error(), "\n") {
		err = lastTry{err}
	}
	return fmt.Errorf("%w: %w", dispatch.ErrStoreDown, err)
}

// lastTry is a failed connection in one line. The driver lists every address and manner that it tried, a line each; the last
// one says why it gave up.
type lastTry struct{ error }

// Error implements error.
func (l lastTry) Error() string {
	lines := strings.Split(strings.TrimSpace(l.error.Error()), "\n")
	return lines[0] + " " + strings.TrimSpace(lines[len(lines)-1])
}

// Unwrap returns the whole error.
func (l lastTry) Unwrap() error { return l.error }
