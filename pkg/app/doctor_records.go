package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/natsbus"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

const (
	leastPostgres = 150000
	clockSkew     = 2 * time.Second
)

// postgres looks at the database, as the service will see it.
func (e *examination) postgres(ctx context.Context) {
	rest := []string{
		"postgres.version", "postgres.migrations", "postgres.role", "postgres.durability", "postgres.connections",
		"postgres.encoding", "postgres.scheme", "prompts.published", "postgres.refused", "trunk.nodes",
	}
	var conn *pgx.Conn
	reached := e.look("postgres.reachable", "database answers", func() outcome {
		begun := time.Now()
		c, err := e.connect(ctx)
		if err != nil {
			return unreachable(err)
		}
		conn = c
		return fine("in %d ms", time.Since(begun).Milliseconds())
	})
	if !reached {
		e.leave("the database does not answer", rest...)
		return
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // The examination is over.
	e.look("postgres.version", "PostgreSQL 15 or newer", func() outcome {
		var number int
		var text string
		if err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version')`).Scan(&number, &text); err != nil {
			return wrong("unknown", short(err), "sudo -u postgres psql -c 'SHOW server_version'")
		}
		if number < leastPostgres {
			return wrong(text, "Rappel needs features of PostgreSQL 15", "upgrade the server: pg_upgradecluster "+text[:2]+" main")
		}
		return fine("%s", text)
	})
	migrated := e.look("postgres.migrations", "schema is current", func() outcome { return e.migrations(ctx) })
	e.look("postgres.role", "role with least privilege", func() outcome { return e.role(ctx, conn) })
	e.look("postgres.durability", "commits survive a power cut", func() outcome {
		var fsync, full, sync string
		if err := conn.QueryRow(ctx, `SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')`).Scan(&fsync, &full, &sync); err != nil {
			return wrong("unknown", short(err), "sudo -u postgres psql -c 'SHOW fsync'")
		}
		if fsync != "on" || full != "on" || sync == "off" {
			return doubtful(fmt.Sprintf("fsync=%s full_page_writes=%s synchronous_commit=%s", fsync, full, sync),
				"a power cut could lose or tear recorded calls; this is for tests only",
				"sudo -u postgres psql -c \"ALTER SYSTEM SET fsync=on\" -c \"ALTER SYSTEM SET full_page_writes=on\" -c 'SELECT pg_reload_conf()'")
		}
		return fine("fsync, full_page_writes and synchronous_commit are on")
	})
	e.look("postgres.connections", "room for connections", func() outcome {
		var limit, used int
		if err := conn.QueryRow(ctx, `SELECT current_setting('max_connections')::int, (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend')`).Scan(&limit, &used); err != nil {
			return wrong("unknown", short(err), "sudo -u postgres psql -c 'SHOW max_connections'")
		}
		if limit-used < e.cfg.Postgres.Connections {
			return wrong(fmt.Sprintf("%d of %d in use, %d wanted", used, limit, e.cfg.Postgres.Connections),
				"the service could not open its connections", "lower postgres.connections, or: "+moreConnections(used+e.cfg.Postgres.Connections+50))
		}
		return fine("%d of %d in use, %d wanted", used, limit, e.cfg.Postgres.Connections)
	})
	e.look("postgres.encoding", "database holds every language", func() outcome {
		var encoding string
		if err := conn.QueryRow(ctx, `SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()`).Scan(&encoding); err != nil {
			return wrong("unknown", short(err), "psql -l")
		}
		if encoding != "UTF8" {
			return wrong(encoding, "names with other letters would be refused", "createdb --encoding=UTF8 --template=template0 rappel")
		}
		return fine("UTF8")
	})
	e.databaseClock(ctx, conn)
	if !migrated {
		e.leave("the schema is not current", "postgres.scheme", "prompts.published", "postgres.refused", "trunk.nodes")
		return
	}
	e.look("postgres.scheme", "a scheme to work for", func() outcome {
		var schemes, callers int
		err := conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM scheme), (SELECT count(*) FROM caller WHERE enabled)`).Scan(&schemes, &callers)
		switch {
		case err != nil:
			return wrong("unknown", short(err), "rappel migrate --config "+e.file)
		case schemes == 0:
			return doubtful("none", "there is nobody to call", "rappel scheme create")
		case callers == 0:
			return doubtful(fmt.Sprintf("%d, and no caller", schemes), "calls need callers", "rappel import people.csv")
		}
		return fine("%d, with %d callers", schemes, callers)
	})
	e.look("prompts.published", "published dialogues are spoken", func() outcome { return e.publishedFlows(ctx) })
	e.look("postgres.refused", "records took every fact of calls", func() outcome { return e.refusedFacts(ctx, conn) })
	e.look("trunk.nodes", "every scheme has a trunk at a node that is there", func() outcome { return e.trunkNodes(ctx, conn) })
	e.recordsOfPBX(ctx, conn)
}

// refusedFacts looks for facts that the records would not take, which a person has to see.
func (e *examination) refusedFacts(ctx context.Context, conn *pgx.Conn) outcome {
	var n int
	var schemes string
	err := conn.QueryRow(ctx, `
		SELECT count(*), coalesce(string_agg(DISTINCT s.name, ', '), '')
		FROM refused_fact f JOIN scheme s ON s.scheme_id = f.scheme_id WHERE f.closed_at IS NULL`).Scan(&n, &schemes)
	if err != nil {
		return wrong("unknown", short(err), "rappel migrate --config "+e.file)
	}
	path := filepath.Join(e.cfg.Data, spoolFile+postgres.RefusedSuffix)
	left, err := postgres.RefusedIn(path)
	switch {
	case n > 0:
		return doubtful(fmt.Sprintf("%d refused, of %s", n, schemes), "the database was brought back to a moment before these calls",
			"rappel scheme lost --config "+e.file+"; it says whom they were with, and closes them")
	case err == nil && left > 0:
		return doubtful(fmt.Sprintf("%d refused, in %s", left, path), "the records know no such scheme any more", "read the file, then remove it")
	}
	return fine("nothing was refused")
}

// trunkNodes looks for trunks that are only at the PBXs of nodes that are not there.
func (e *examination) trunkNodes(ctx context.Context, conn *pgx.Conn) outcome {
	rows, err := conn.Query(ctx, `
		WITH here AS (SELECT node FROM node WHERE seen_at > clock_timestamp() - $1::bigint * interval '1 millisecond'),
		used AS (
			SELECT scheme_id, endpoint FROM trunk WHERE enabled
			UNION SELECT h.scheme_id, t.endpoint FROM trunk_share h JOIN trunk t ON t.endpoint = h.endpoint AND t.enabled),
		found AS (
			SELECT u.scheme_id, t.endpoint, t.nodes,
				t.nodes = '{}' OR EXISTS (SELECT FROM here WHERE here.node = ANY (t.nodes)) AS reached
			FROM used u JOIN trunk t ON t.endpoint = u.endpoint)
		SELECT s.name, f.endpoint, array_to_string(f.nodes, ','), (SELECT bool_or(x.reached) FROM found x WHERE x.scheme_id = f.scheme_id)
		FROM found f JOIN scheme s ON s.scheme_id = f.scheme_id
		WHERE NOT f.reached ORDER BY 4, 1, 2`, postgres.NodeSilent.Milliseconds())
	if err != nil {
		return wrong("unknown", short(err), "rappel migrate --config "+e.file)
	}
	var scheme, trunk, nodes string
	var others bool
	first := outcome{}
	lost := 0
	_, err = pgx.ForEachRow(rows, []any{&scheme, &trunk, &nodes, &others}, func() error {
		if lost++; lost > 1 {
			return nil
		}
		seen := fmt.Sprintf("trunk %s of %s is at %s only, which is not there", trunk, scheme, nodes)
		fix := fmt.Sprintf("start that node, or give the trunk to others: rappel scheme trunk %s --nodes NODE --scheme %q; rappel node list names them", trunk, scheme)
		if first = wrong(seen, "the scheme can call nobody", fix); others {
			first = doubtful(seen, "the scheme calls by its other trunks", fix)
		}
		return nil
	})
	switch {
	case err != nil:
		return wrong("unknown", short(err), "rappel migrate --config "+e.file)
	case lost == 0:
		return fine("all are")
	case lost > 1:
		first.detail += fmt.Sprintf(", and %d more", lost-1)
	}
	return first
}

// connect opens one connection as the service does.
func (e *examination) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(e.cfg.Postgres.URL.Value())
	if err != nil {
		return nil, errors.New("postgres.url is not the address of a database")
	}
	config.ConnectTimeout = 3 * time.Second
	config.RuntimeParams["application_name"] = "rappel doctor"
	config.RuntimeParams["search_path"] = "public"
	return pgx.ConnectConfig(ctx, config)
}

// unreachable says what to do about a failed connection. The address is not printed: it may hold a password.
func unreachable(err error) outcome {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch refused.Code {
		case "28P01", "28000":
			return wrong("sign-in refused", "user or password of postgres.url are wrong", `sudo -u postgres psql -c "\password rappel" and put the new one where postgres.url takes it from`)
		case "3D000":
			return wrong("no such database", "the database of postgres.url does not exist", "sudo -u postgres createdb --owner=rappel rappel")
		case "53300":
			return wrong("too many connections", "the server has no connection left", moreConnections(200))
		case "57P03":
			return wrong("starting up", "the server is not ready yet", "wait, or read its log")
		}
	}
	return wrong("no connection", "nothing answers at the address of postgres.url", "sudo systemctl start postgresql; pg_isready")
}

func moreConnections(n int) string {
	return fmt.Sprintf("sudo -u postgres psql -c 'ALTER SYSTEM SET max_connections = %d' && sudo systemctl restart postgresql", n)
}

func (e *examination) migrations(ctx context.Context) outcome {
	store, err := e.openRecords(ctx)
	if err != nil {
		return wrong("unknown", short(err), "correct postgres.url")
	}
	defer func() { _ = store.Close() }() // It only read.
	have, want, err := store.SchemaVersion(ctx)
	switch {
	case errors.Is(err, postgres.ErrOldSchema):
		return wrong(fmt.Sprintf("version %d of %d", have, want), "the database was never migrated, or by an older release", "rappel migrate --config "+e.file)
	case err != nil:
		return wrong("unknown", short(err), "rappel migrate --config "+e.file)
	case have > want:
		return wrong(fmt.Sprintf("version %d, this program knows %d", have, want), "a newer release has migrated it", "install that release, or restore the backup from before")
	}
	return fine("version %d", have)
}

// role looks at what the service may do to its own records.
func (e *examination) role(ctx context.Context, conn *pgx.Conn) outcome {
	role := e.cfg.Postgres.Role
	if role == "none" {
		if err := conn.QueryRow(ctx, `SELECT current_user`).Scan(&role); err != nil {
			return wrong("unknown", short(err), "psql -c 'SELECT current_user'")
		}
	}
	var super, create, createRole, ddl, member bool
	err := conn.QueryRow(ctx, `SELECT rolsuper, rolcreatedb, rolcreaterole, has_schema_privilege(rolname, 'public', 'CREATE'),
		pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = $1`, role).Scan(&super, &create, &createRole, &ddl, &member)
	if errors.Is(err, pgx.ErrNoRows) {
		return wrong("no role "+role, "the migrations make it", "rappel migrate --config "+e.file)
	}
	if err != nil {
		return wrong("unknown", short(err), "rappel migrate --config "+e.file)
	}
	if !member {
		return wrong(role, "the login of postgres.url may not take this role", "sudo -u postgres psql -c 'GRANT "+role+" TO "+login(e.cfg.Postgres.URL)+"'")
	}
	var too []string
	for what, has := range map[string]bool{"superuser": super, "create databases": create, "create roles": createRole, "create tables": ddl} {
		if has {
			too = append(too, what)
		}
	}
	if len(too) > 0 {
		return wrong(role+" may "+strings.Join(too, ", "), "the service would run with more rights than it needs",
			"sudo -u postgres psql -c 'ALTER ROLE "+role+" NOSUPERUSER NOCREATEDB NOCREATEROLE' -c 'REVOKE CREATE ON SCHEMA public FROM "+role+", PUBLIC'")
	}
	return fine("%s may define nothing", role)
}

// databaseClock compares the server's clock with ours.
func (e *examination) databaseClock(ctx context.Context, conn *pgx.Conn) {
	before := time.Now()
	var theirs time.Time
	if err := conn.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&theirs); err != nil {
		return
	}
	trip := time.Since(before)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.databaseNow = offsetOf{known: true, offset: theirs.Sub(before.Add(trip / 2)), within: trip}
}

// recordsOfPBX reads which trunks and phones there should be.
func (e *examination) recordsOfPBX(ctx context.Context, conn *pgx.Conn) {
	// What no node has begun with yet is to be at every PBX.
	node, _ := os.ReadFile(filepath.Join(e.cfg.Data, "node"))
	rows, err := conn.Query(ctx, `SELECT endpoint FROM trunk WHERE enabled AND (nodes = '{}' OR $1 = ANY (nodes)) ORDER BY 1`,
		strings.TrimSpace(string(node)))
	if err != nil {
		return
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.recordsRead = true
	for _, n := range names {
		e.trunks = append(e.trunks, trunkSeen{name: n})
	}
	var account phoneAccount
	const one = `SELECT endpoint, secret FROM caller WHERE enabled AND phone <> 'ordinary' ORDER BY caller_id LIMIT 1`
	if err := conn.QueryRow(ctx, one).Scan(&account.endpoint, &account.secret); err == nil {
		e.phones = append(e.phones, account)
	}
}

// nats looks at the event bus: the cluster's, or a throwaway server of the embedded kind.
func (e *examination) nats(ctx context.Context) {
	e.look("nats.jetstream", "event bus keeps events", func() outcome {
		o := natsbus.Options{URL: e.cfg.NATS.URL, Credentials: e.cfg.NATS.Credentials, Logger: zap.NewNop()}
		where, fix := "embedded", "df -h /tmp; free -m"
		if o.URL == "" {
			dir, err := os.MkdirTemp("", "rappel-doctor-nats-")
			if err != nil {
				return wrong("no temporary directory", short(err), "df -h /tmp")
			}
			defer func() { _ = os.RemoveAll(dir) }() // Below /tmp, swept anyway.
			o.StoreDir, o.MaxStore, o.MaxBytes = dir, 16<<20, 8<<20
		} else if u, err := url.Parse(o.URL); err == nil {
			where = u.Host
			fix = "start the server there, with JetStream: nats-server -js; or leave nats.url empty for the server inside the service"
		}
		bus, err := natsbus.New(ctx, o)
		if err != nil {
			return wrong(where, short(err), fix)
		}
		err = bus.Check(ctx)
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if closeErr := bus.Close(closing); err == nil {
			err = closeErr
		}
		if err != nil {
			return wrong(where, "it does not answer, or keeps nothing: "+short(err), fix)
		}
		return fine("%s", where)
	})
}

// together compares what several parts told.
func (e *examination) together(ctx context.Context) {
	for _, c := range []struct {
		check, title string
		o            offsetOf
		limit        time.Duration
	}{
		{"clock.postgres", "clocks of service and database agree", e.databaseNow, clockSkew},
		// The PBX refuses to ring after the instant to dial by, so its clock counts most. Its answer is in whole seconds.
		{"clock.pbx", "clocks of service and PBX agree", e.pbxNow, clockSkew},
	} {
		e.look(c.check, c.title, func() outcome {
			if !c.o.known {
				return skipped("it told no time")
			}
			apart := max(0, c.o.offset.Abs()-c.o.within)
			if apart > c.limit {
				return wrong(fmt.Sprintf("%.1f s apart", c.o.offset.Seconds()), "calls would start late or be refused", "timedatectl set-ntp true, on both machines")
			}
			return fine("within %.1f s", c.o.offset.Abs().Seconds())
		})
	}
	e.look("trunk.online", "trunks answer OPTIONS", func() outcome { return e.trunkStates(ctx) })
	e.echo(ctx)
}

// openRecords opens the records for reading, without taking part in anything; whoever opens them closes them.
func (e *examination) openRecords(ctx context.Context) (*postgres.Store, error) {
	return postgres.New(ctx, postgres.Options{URL: e.cfg.Postgres.URL.Value(), Role: "none", Connections: 2, Patience: 3 * time.Second})
}
