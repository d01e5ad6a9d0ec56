package setup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// postgresOldest is the oldest major version whose SQL Rappel relies on.
const postgresOldest = 15

// postgresPrograms are the server's programs as seen from root.
type postgresPrograms struct {
	root             string
	initdb, postgres string
	version          string
}

// preparePostgres takes the machine's own server when it is new enough, and
// otherwise one in a root file system of its own. So no package is installed
// that would bring a system cluster and a service.
func (p *preparer) preparePostgres(ctx context.Context) (postgresPrograms, error) {
	if !p.options.ignoreMachine {
		if found, ok := machinePostgres(ctx); ok {
			return found, nil
		}
	}
	root, err := p.prepareRoot(ctx, "postgres-root", postgresRootSpec())
	if err != nil {
		return postgresPrograms{}, fmt.Errorf("%w; or install a server of version %d or newer yourself", err, postgresOldest)
	}
	dirs, err := filepath.Glob(filepath.Join(root, "usr/lib/postgresql/*/bin"))
	if err != nil || len(dirs) == 0 {
		return postgresPrograms{}, fmt.Errorf("find PostgreSQL in %s: %w; remove that directory and try again", root, os.ErrNotExist)
	}
	inside := strings.TrimPrefix(dirs[0], root)
	found := postgresPrograms{
		root:     root,
		initdb:   filepath.Join(inside, "initdb"),
		postgres: filepath.Join(inside, "postgres"),
	}
	c := &confinement{root: root, uid: postgresUID, user: "rappel-postgres", path: found.postgres, args: []string{"--version"}}
	if found.version, err = c.version(ctx); err != nil {
		return postgresPrograms{}, fmt.Errorf("look at PostgreSQL in %s: %w; remove that directory and try again", root, err)
	}
	return found, nil
}

// machinePostgres finds a server in PATH or where Debian keeps it.
func machinePostgres(ctx context.Context) (postgresPrograms, bool) {
	initdb, ok := findProgram("initdb", "/usr/lib/postgresql/*/bin")
	if !ok {
		return postgresPrograms{}, false
	}
	found := postgresPrograms{initdb: initdb, postgres: filepath.Join(filepath.Dir(initdb), "postgres")}
	c := &confinement{uid: postgresUID, user: "rappel-postgres", path: found.postgres, args: []string{"--version"}}
	var err error
	if found.version, err = c.version(ctx); err != nil {
		return postgresPrograms{}, false
	}
	major, _, _ := strings.Cut(found.version, ".")
	n, err := strconv.Atoi(major)
	return found, err == nil && n >= postgresOldest
}
