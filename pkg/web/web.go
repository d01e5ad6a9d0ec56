// Package web serves the pages: sign-in and the coordinator's wall, rendered here and kept live by server-sent events. It
// reads Figures, and sessions from auth.Door; it knows no database and no bus.
package web

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/report"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// Figures is what the wall shows. Package report implements it.
type Figures interface {
	// Scheme finds a scheme by the id seen outside (a UUID in either notation), or returns report.ErrNoScheme.
	Scheme(ctx context.Context, id string) (report.Scheme, error)
	// Wall returns the wall of a scheme as it stands now.
	Wall(ctx context.Context, scheme report.Scheme) (report.Wall, error)
	// Watch calls wake, which is quick, after each change of the scheme's figures until stop is called.
	Watch(scheme report.Scheme, wake func()) (stop func())
}

// Problem names something that is wrong now; it is the key of a message of the catalogue below "alert.".
type Problem string

// The problems a page can name.
const (
	ProblemPBXLost   Problem = "pbx_lost"
	ProblemStoreLost Problem = "store_lost"
	ProblemDraining  Problem = "draining"
)

// Options says what the pages are made from.
type Options struct {
	Figures Figures
	Door    *auth.Door
	// Inbox has the wall offer to look after somebody who was not reached; nil offers nothing.
	Inbox    Inbox
	Problems func() []Problem // What is wrong now; nil means nothing ever is.
	// Now is the service's clock, which a demo may run faster; nil means time.Now. Sessions always use real time.
	Now func() time.Time
	// Secure is set when browsers reach the pages over TLS: cookies then are Secure and named __Host-, and HSTS is sent.
	Secure bool
	// TrustedProxies may name the real client in X-Forwarded-For; empty means that nobody may.
	TrustedProxies []netip.Prefix
	Logger         *zap.Logger
	Registerer     prometheus.Registerer // Nil registers nothing.
}

// Inbox is what waits for the registrars. Package postgres implements it.
type Inbox interface {
	// TakeInbox notes who works on an item. The errors are inbox.ErrNoItem, ErrTaken and ErrHandled.
	TakeInbox(ctx context.Context, scheme int64, id, by string, now time.Time) (inbox.Item, error)
}

// Site serves the pages.
type Site struct {
	opts    Options
	log     *zap.Logger
	words   *catalogue
	pages   *template.Template
	tries   *tries
	met     *metrics
	version string // Of the static files: the beginning of their SHA-256.
	handler http.Handler

	ctx    context.Context // Ends with Close; feeds and streams end with it.
	cancel context.CancelFunc
	feedWG sync.WaitGroup

	mu    sync.Mutex
	feeds map[int64]*feed // By scheme key; the feeds that somebody looks at.
}

// New checks the options and makes the pages ready.
func New(opts Options) (*Site, error) {
	if opts.Figures == nil || opts.Door == nil {
		return nil, errors.New("web: figures and door are needed")
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Problems == nil {
		opts.Problems = func() []Problem { return nil }
	}
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	s := &Site{opts: opts, log: opts.Logger, tries: newTries(), feeds: map[int64]*feed{}}
	var err error
	if s.words, err = newCatalogue(); err != nil {
		return nil, err
	}
	if s.pages, err = template.New("").ParseFS(templateFiles, "templates/*.html"); err != nil {
		return nil, fmt.Errorf("parse page templates: %w", err)
	}
	if s.met, err = newMetrics(opts.Registerer); err != nil {
		return nil, err
	}
	static, err := fs.Sub(staticFiles, "static")
	if err != nil {
		return nil, fmt.Errorf("open static files: %w", err)
	}
	if s.version, err = versionOf(static); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.handler = s.routes(http.FileServerFS(static))
	return s, nil
}

// versionOf hashes every file.
func versionOf(files fs.FS) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		_, err = sum.Write(content)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hash static files: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)[:6]), nil
}

// Handler serves the pages.
func (s *Site) Handler() http.Handler { return s.handler }

// Close ends the live streams, which would otherwise hold up the server's shutdown, and waits for the feeds.
func (s *Site) Close() {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.feedWG.Wait()
}

func (s *Site) routes(static http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", http.StripPrefix("/static/", s.cached(static)))
	mux.HandleFunc("GET /sign-in", s.signInPage)
	mux.HandleFunc("POST /sign-in", s.signIn)
	mux.HandleFunc("POST /sign-out", s.signOut)
	mux.HandleFunc("GET /{$}", s.signedIn(s.home))
	mux.HandleFunc("GET /schemes/{scheme}/wall", s.signedIn(s.wallPage))
	mux.HandleFunc("GET /schemes/{scheme}/wall/live", s.signedIn(s.wallLive))
	mux.HandleFunc("POST /schemes/{scheme}/inbox/{item}/take", s.signedIn(s.take))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, report.ErrNoScheme) })
	// A form of another site never reaches us: Sec-Fetch-Site and Origin are checked on every unsafe method.
	return s.secured(http.NewCrossOriginProtection().Handler(mux))
}
