package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Bounds of Postgres's own work.
const (
	// postgresSpace is what a new cluster takes, with room for its log.
	postgresSpace        = 256 << 20
	postgresInitPatience = 2 * time.Minute
	// postgresStartPatience covers the replay of the log after a crash.
	postgresStartPatience = 2 * time.Minute
	postgresFastPatience  = 20 * time.Second
	postgresKillPatience  = 10 * time.Second
)

// postgresDatabase and postgresUser are made with the cluster.
const (
	postgresDatabase = "rappel"
	postgresUser     = "rappel"
)

// PostgresOptions say how to run a cluster.
type PostgresOptions struct {
	// Installation comes from Prepare. Required.
	Installation *Installation
	// RunDir holds the cluster and everything about it. It is created when
	// missing and kept after the end. Zero means "postgres" in the
	// installation directory.
	RunDir string
	// Throwaway switches off what only matters after a power cut (fsync,
	// full-page writes), for tests. A commit then still survives the death
	// of any process. The zero value keeps everything on, with
	// synchronous_commit=on.
	Throwaway bool
	// OutliveParent lets the server live on when this process dies. The zero
	// value shuts it down (fast).
	OutliveParent bool
	// Port is the TCP port on 127.0.0.1; 0 takes a free one.
	Port int
	// Settings are further configuration parameters.
	Settings map[string]string
}

// Postgres is one private cluster with a server on 127.0.0.1 and a Unix
// socket. Its methods may be called from several goroutines.
type Postgres struct {
	options  PostgresOptions
	programs postgresPrograms
	runDir   string
	password string
	port     uint16

	mu    sync.Mutex // guards what follows
	lock  *dirLock
	ports *portLease
	proc  *process
	log   *os.File
}

// StartPostgres makes the cluster if there is none, and starts its server. It
// returns when the server accepts connections. A server that an earlier
// process left behind in the same directory is stopped first; ErrInUse says
// that a living process still holds the directory.
func StartPostgres(ctx context.Context, options PostgresOptions) (*Postgres, error) {
	if options.Installation == nil {
		return nil, errors.New("start PostgreSQL: PostgresOptions.Installation is nil: call Prepare first")
	}
	if options.Installation.postgres.initdb == "" {
		return nil, errors.New("start PostgreSQL: the installation was prepared without it")
	}
	if options.RunDir == "" {
		options.RunDir = filepath.Join(options.Installation.Dir, "postgres")
	}
	runDir, err := filepath.Abs(options.RunDir)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	pg := &Postgres{options: options, programs: options.Installation.postgres, runDir: runDir, port: uint16(options.Port)}
	if err := pg.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL: %w", err), pg.Close(context.WithoutCancel(ctx)))
	}
	return pg, nil
}

func (pg *Postgres) open(ctx context.Context) error {
	if err := makeRunDir(pg.runDir, postgresUID, 0o700); err != nil {
		return err
	}
	var err error
	if pg.lock, err = lockRunDir(pg.runDir); err != nil {
		return err
	}
	if err := checkSpace(pg.runDir, postgresSpace); err != nil {
		return err
	}
	if err := pg.stopOrphan(ctx); err != nil {
		return err
	}
	if err := pg.initialise(ctx); err != nil {
		return err
	}
	password, err := os.ReadFile(filepath.Join(pg.runDir, "password"))
	if err != nil {
		return fmt.Errorf("read password: %w", err)
	}
	pg.password = strings.TrimSpace(string(password))
	if pg.port == 0 {
		if pg.ports, err = leasePorts(1); err != nil {
			return err
		}
		pg.port = pg.ports.port(0)
	}
	return pg.Start(ctx)
}

func (pg *Postgres) confinement(program string, args ...string) *confinement {
	return &confinement{
		root:   pg.programs.root,
		runDir: pg.runDir,
		uid:    postgresUID,
		user:   "rappel-postgres",
		path:   program,
		args:   args,
		env:    []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=" + viewDir},
	}
}

// initialise makes the cluster under a temporary name and renames it, so that
// a torn one is never started.
func (pg *Postgres) initialise(ctx context.Context) error {
	data := filepath.Join(pg.runDir, "data")
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		return pg.checkVersion(data)
	}
	ctx, cancel := context.WithTimeout(ctx, postgresInitPatience)
	defer cancel()
	making := data + ".making"
	for _, old := range []string{making, data} {
		if err := os.RemoveAll(old); err != nil {
			return fmt.Errorf("remove torn cluster: %w", err)
		}
	}
	password := filepath.Join(pg.runDir, "password")
	if err := writeFile(password, []byte(randomText()+"\n"), 0o600); err != nil {
		return fmt.Errorf("write password: %w", err)
	}
	if err := giveTo(password, postgresUID); err != nil {
		return err
	}
	c := pg.confinement(pg.programs.initdb)
	c.args = []string{
		"--pgdata=" + c.inside("data.making"), "--username=" + postgresUser,
		"--pwfile=" + c.inside("password"), "--auth=scram-sha-256",
		"--locale=C.UTF-8", "--encoding=UTF8", "--no-instructions",
	}
	if pg.options.Throwaway {
		c.args = append(c.args, "--no-sync")
	}
	if _, err := c.run(ctx); err != nil {
		return fmt.Errorf("make cluster: %w", err)
	}
	single := pg.confinement(pg.programs.postgres)
	single.args = []string{"--single", "-D", single.inside("data.making"), "postgres"}
	single.stdin = strings.NewReader("CREATE DATABASE " + postgresDatabase + ";\n")
	if _, err := single.run(ctx); err != nil {
		return fmt.Errorf("make database: %w", err)
	}
	if err := os.Rename(making, data); err != nil {
		return fmt.Errorf("name finished cluster: %w", err)
	}
	return nil
}

func (pg *Postgres) checkVersion(data string) error {
	have, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err != nil {
		return fmt.Errorf("read cluster version: %w", err)
	}
	major, _, _ := strings.Cut(pg.programs.version, ".")
	if got := strings.TrimSpace(string(have)); got != major {
		return fmt.Errorf("the cluster in %s is of PostgreSQL %s, the server found is %s; install postgresql-%s, or move the directory away",
			data, got, pg.programs.version, got)
	}
	return nil
}

// stopOrphan ends a server that outlived the process that started it. The
// directory is locked, so nobody else owns it.
func (pg *Postgres) stopOrphan(ctx context.Context) error {
	pid, ok := pg.pidFile()
	if !ok || !pg.isOurs(pid) {
		return nil
	}
	for _, step := range []stopStep{
		{syscall.SIGINT, postgresFastPatience},
		{syscall.SIGQUIT, postgresKillPatience},
		{syscall.SIGKILL, postgresKillPatience},
	} {
		if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop the server left behind (process %d): %w", pid, err)
		}
		bounded, cancel := context.WithTimeout(ctx, step.patience)
		err := poll(bounded, func() (bool, error) { return !pg.isOurs(pid), nil })
		cancel()
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("stop the server left behind: process %d does not end; end it and try again", pid)
}

// isOurs reports whether a living process is a server of this directory. A
// process id alone says little: it may have been given to something else,
// another cluster's server included.
func (pg *Postgres) isOurs(pid int) bool {
	return processRuns(pid, "postgres") && prints(pid, pg.LogPath())
}

// pidFile returns the process named in the cluster's lock file.
func (pg *Postgres) pidFile() (int, bool) {
	text, err := os.ReadFile(filepath.Join(pg.runDir, "data", "postmaster.pid"))
	if err != nil {
		return 0, false
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	pid, err := strconv.Atoi(string(line))
	return pid, err == nil && pid > 1
}

// Start starts a stopped or dead server on the same port. It does nothing when
// the server runs.
func (pg *Postgres) Start(ctx context.Context) error {
	pg.mu.Lock()
	defer pg.mu.Unlock()
	if pg.proc.alive() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, postgresStartPatience)
	defer cancel()
	for {
		retry, err := pg.startOnce(ctx)
		if err == nil {
			return nil
		}
		if !retry || ctx.Err() != nil {
			return err
		}
		// Sessions of a server that was killed need a moment to notice it
		// and let go of the shared memory.
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// startOnce tries to start; retry is true when the remains of a killed server
// are still in the way. The caller holds mu.
func (pg *Postgres) startOnce(ctx context.Context) (retry bool, err error) {
	if pg.log == nil {
		if pg.log, err = os.OpenFile(pg.LogPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return false, fmt.Errorf("open log: %w", err)
		}
	}
	// After a crash the file may name a process that is something else by
	// now, and the server would refuse to start. The directory lock says
	// that nobody else runs here.
	if pid, ok := pg.pidFile(); !ok || !pg.isOurs(pid) {
		if err := os.Remove(filepath.Join(pg.runDir, "data", "postmaster.pid")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("remove stale lock file: %w", err)
		}
	}
	from, err := pg.log.Seek(0, 2)
	if err != nil {
		return false, fmt.Errorf("look at log: %w", err)
	}
	c := pg.confinement(pg.programs.postgres)
	c.args = pg.serverArgs(c)
	c.stdout, c.stderr = pg.log, pg.log
	if !pg.options.OutliveParent {
		c.death = syscall.SIGINT
	}
	proc, err := c.start()
	if err != nil {
		return false, err
	}
	pg.proc = proc
	err = poll(ctx, func() (bool, error) {
		if !proc.alive() {
			return false, errors.New("the server ended")
		}
		return pg.ready(proc.pid()), nil
	})
	if err == nil {
		return false, nil
	}
	printed := pg.logSince(from)
	stopErr := proc.stop(context.WithoutCancel(ctx), stopStep{syscall.SIGQUIT, postgresKillPatience}, stopStep{syscall.SIGKILL, postgresKillPatience})
	return strings.Contains(printed, "pre-existing shared memory"),
		errors.Join(fmt.Errorf("wait for the server: %w: %s; its log is %s", err, lastLines(printed, 3), pg.LogPath()), stopErr)
}

func (pg *Postgres) serverArgs(c *confinement) []string {
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(int(pg.port)),
		"unix_socket_directories": socketDir(c.inside()),
		"unix_socket_permissions": "0700",
		"max_connections":         "200",
		"shared_buffers":          "128MB",
		"synchronous_commit":      "on",
		"password_encryption":     "scram-sha-256",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		// Statements and their values hold names and notes of people.
		"log_statement":            "none",
		"log_min_error_statement":  "panic",
		"log_parameter_max_length": "0",
		"log_error_verbosity":      "terse",
	}
	if pg.options.Throwaway {
		settings["fsync"] = "off"
		settings["full_page_writes"] = "off"
		settings["shared_buffers"] = "64MB"
	}
	maps.Copy(settings, pg.options.Settings)
	args := []string{"-D", c.inside("data")}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	return args
}

// socketDir is the directory of the Unix socket, or none when its path is too
// long for a socket's address (107 bytes); TCP remains.
func socketDir(dir string) string {
	if len(dir) > 85 {
		return ""
	}
	return dir
}

// ready reports whether the server of that process id accepts connections: it
// says so in the eighth line of its lock file.
func (pg *Postgres) ready(pid int) bool {
	text, err := os.ReadFile(filepath.Join(pg.runDir, "data", "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(text), "\n")
	return len(lines) >= 8 && lines[0] == strconv.Itoa(pid) && strings.TrimSpace(lines[7]) == "ready"
}

func (pg *Postgres) logSince(offset int64) string {
	text, err := os.ReadFile(pg.LogPath())
	if err != nil || int64(len(text)) < offset {
		return ""
	}
	return string(text[offset:])
}

// URL is the connection string of the cluster's own database, with password.
func (pg *Postgres) URL() string { return pg.DatabaseURL(postgresDatabase) }

// DatabaseURL is the connection string of another database of the cluster.
func (pg *Postgres) DatabaseURL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(postgresUser, pg.password),
		Host:     "127.0.0.1:" + strconv.Itoa(int(pg.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Port is the TCP port on 127.0.0.1.
func (pg *Postgres) Port() int { return int(pg.port) }

// RunDir is the directory with the cluster, its Unix socket, its password
// (mode 0600) and its log.
func (pg *Postgres) RunDir() string { return pg.runDir }

// LogPath is the server's log.
func (pg *Postgres) LogPath() string { return filepath.Join(pg.runDir, "postgres.log") }

// PID is the server's process id, or 0 when it does not run.
func (pg *Postgres) PID() int {
	pg.mu.Lock()
	defer pg.mu.Unlock()
	if !pg.proc.alive() {
		return 0
	}
	return pg.proc.pid()
}

// Stop ends the server the fast way: sessions are cut, data is written. The
// port stays reserved for a later Start.
func (pg *Postgres) Stop(ctx context.Context) error {
	return pg.stop(ctx, stopStep{syscall.SIGINT, postgresFastPatience},
		stopStep{syscall.SIGQUIT, postgresKillPatience}, stopStep{syscall.SIGKILL, postgresKillPatience})
}

// StopImmediate ends the server without writing data; the next start replays
// the log.
func (pg *Postgres) StopImmediate(ctx context.Context) error {
	return pg.stop(ctx, stopStep{syscall.SIGQUIT, postgresKillPatience}, stopStep{syscall.SIGKILL, postgresKillPatience})
}

// Kill ends the server process with SIGKILL.
func (pg *Postgres) Kill() error {
	return pg.stop(context.Background(), stopStep{syscall.SIGKILL, postgresKillPatience})
}

func (pg *Postgres) stop(ctx context.Context, steps ...stopStep) error {
	pg.mu.Lock()
	defer pg.mu.Unlock()
	if pg.proc == nil {
		return nil
	}
	if err := pg.proc.stop(ctx, steps...); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	return nil
}

// Close stops the server and gives its port and directory back.
func (pg *Postgres) Close(ctx context.Context) error {
	err := pg.Stop(ctx)
	pg.mu.Lock()
	defer pg.mu.Unlock()
	if pg.log != nil {
		err = errors.Join(err, pg.log.Close())
		pg.log = nil
	}
	pg.ports.release()
	pg.lock.release()
	pg.ports, pg.lock = nil, nil
	return err
}
