package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

// databasePrefix begins the name of every database of a demonstration.
const databasePrefix = "rappel_demo_"

// database is one database made for one demonstration, beside whatever else the server holds.
type database struct {
	server string // Connection string of the database that it was made from.
	name   string
	URL    string
	conn   *pgx.Conn // To look at attempts; opened by the first look. Only used by the goroutine of Run.
}

// makeDatabase makes a fresh database on a server. On a private server, what killed demonstrations left behind goes first.
func makeDatabase(ctx context.Context, server string, private bool) (*database, error) {
	address, err := url.Parse(server)
	if err != nil {
		return nil, errors.New("make database: the address of the server is no URL: write postgres://user:password@host:5432/database")
	}
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return nil, fmt.Errorf("make database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // Nothing is lost with it.
	if private {
		rows, err := conn.Query(ctx, "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", databasePrefix)
		if err != nil {
			return nil, fmt.Errorf("find old databases: %w", err)
		}
		old, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("find old databases: %w", err)
		}
		for _, name := range old {
			if err := dropDatabase(ctx, conn, name); err != nil {
				return nil, err
			}
		}
	}
	var b [6]byte
	_, _ = rand.Read(b[:]) // Never fails since Go 1.24.
	d := &database{server: server, name: databasePrefix + hex.EncodeToString(b[:])}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{d.name}.Sanitize()); err != nil {
		return nil, fmt.Errorf("make database: %w; the user must be allowed to create one", err)
	}
	address.Path = "/" + d.name
	d.URL = address.String()
	return d, nil
}

func dropDatabase(ctx context.Context, conn *pgx.Conn, name string) error {
	if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database: %w", err)
	}
	return nil
}

// drop removes the database.
func (d *database) drop(ctx context.Context) error {
	if d.conn != nil {
		_ = d.conn.Close(ctx) // Nothing is lost with it.
	}
	conn, err := pgx.Connect(ctx, d.server)
	if err != nil {
		return fmt.Errorf("drop database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // Nothing is lost with it.
	return dropDatabase(ctx, conn, d.name)
}

// attempts returns the first n attempts of a scheme in the order of their claims (all of them when n is 0), and whether all of
// those have ended. One that goes on has no result.
func (d *database) attempts(ctx context.Context, scheme int64, n int) (list []ended, done bool, err error) {
	if d.conn == nil || d.conn.IsClosed() {
		if d.conn, err = pgx.Connect(ctx, d.URL); err != nil {
			return nil, false, fmt.Errorf("read attempts: %w", err)
		}
	}
	rows, err := d.conn.Query(ctx, `SELECT replace(attempt_id::text, '-', ''), coalesce(result, ''), reason, cause FROM attempt
		WHERE scheme_id = $1 ORDER BY claimed_at, attempt_id LIMIT nullif($2, 0)`, scheme, n)
	if err != nil {
		return nil, false, fmt.Errorf("read attempts: %w", err)
	}
	done = true
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (ended, error) {
		var e ended
		err := row.Scan(&e.id, &e.result, &e.reason, &e.cause)
		done = done && e.result != ""
		return e, err
	})
	if err != nil {
		return nil, false, fmt.Errorf("read attempts: %w", err)
	}
	return list, done && (n == 0 || len(list) == n), nil
}

// stage is the cast, written into the records.
type stage struct {
	scheme postgres.Scheme
	store  *postgres.Store
}

// setStage migrates the database and writes the scheme, its line, its people and the trunk to the simulated network.
func setStage(ctx context.Context, db *database, cast Cast, trunk netip.AddrPort, log *zap.Logger) (*stage, error) {
	if err := postgres.Migrate(ctx, db.URL, log); err != nil {
		return nil, err
	}
	store, err := postgres.New(ctx, postgres.Options{URL: db.URL, Connections: 2, Logger: log})
	if err != nil {
		return nil, err
	}
	st := &stage{store: store}
	if err := st.write(ctx, cast, trunk); err != nil {
		return nil, errors.Join(fmt.Errorf("write the scheme: %w", err), store.Close())
	}
	return st, nil
}

func (st *stage) write(ctx context.Context, cast Cast, trunk netip.AddrPort) error {
	var numbers []string
	for _, b := range cast.Beneficiaries {
		for _, number := range b.Numbers {
			numbers = append(numbers, number.E164)
		}
	}
	if err := numbering.AdmitDemo(numbers, true); err != nil {
		return err
	}
	var err error
	st.scheme, err = st.store.CreateScheme(ctx, postgres.Scheme{
		Name: cast.Name, Zone: cast.Zone, Country: cast.Country, Language: roster.French, Opens: opens, Closes: closes,
		Hold: 10 * time.Minute, WrapUp: 2 * time.Minute, MaxAttempts: 3,
		Retry: map[call.Result]time.Duration{
			call.ResultBusy: 10 * time.Minute, call.ResultNoAnswer: 30 * time.Minute, call.ResultCongestion: 10 * time.Minute,
			call.ResultFailed: 15 * time.Minute, call.ResultMachine: time.Hour, call.ResultUnknown: 15 * time.Minute,
		},
	}, cast.Start)
	if err != nil {
		return err
	}
	err = st.store.SaveTrunk(ctx, st.scheme.Key, postgres.Trunk{
		Endpoint: "simulated", Kind: postgres.TrunkSimulated, Host: trunk.Addr().String(), Port: int(trunk.Port()),
		Lines: 20, InboundReserve: 4, CallsPerSecond: 5,
		PermittedCLI: []string{cast.Line}, CLI: map[call.Kind]string{"": cast.Line},
	})
	if err != nil {
		return err
	}
	if err := st.store.SaveDID(ctx, st.scheme.Key, postgres.DID{Number: cast.Line, Languages: roster.Languages()}); err != nil {
		return err
	}
	// Nothing but fiction may be rung.
	if err := st.store.SetDestinations(ctx, st.scheme.Key, numbering.FictionalPrefixes(cast.Country)); err != nil {
		return err
	}
	book := st.store.Book(st.scheme.Key, func() time.Time { return cast.Start })
	return book.Edit(ctx, func(page roster.Page) error {
		return page.Put(ctx, roster.People{Staff: cast.Staff, Beneficiaries: cast.Beneficiaries})
	})
}

// accounts are the SIP accounts of the staff, the callers first.
func (st *stage) accounts(ctx context.Context, now time.Time) ([]Account, error) {
	snapshot, err := st.store.Load(ctx, st.scheme.Key, now, now)
	if err != nil {
		return nil, fmt.Errorf("read staff: %w", err)
	}
	records, _, _, err := st.store.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	secrets := map[string]string{}
	for _, record := range records {
		secrets[record.Endpoint] = record.Secret
	}
	var callers, registrars []Account
	for _, c := range snapshot.Callers {
		account := Account{Endpoint: c.Endpoint, Secret: secrets[c.Endpoint], Registrar: !slices.Contains(c.Roles, roster.RoleCaller)}
		if account.Registrar {
			registrars = append(registrars, account)
		} else {
			callers = append(callers, account)
		}
	}
	return append(callers, registrars...), nil
}

// redact keeps a password that stands in an address out of messages.
func redact(address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		return "an address that is no URL"
	}
	return u.Redacted()
}
