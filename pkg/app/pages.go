package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/web"
)

// buildPages makes the pages and what programs read, and binds their port.
func (a *App) buildPages() error {
	proxies := make([]netip.Prefix, 0, len(a.cfg.Web.TrustedProxies))
	for _, p := range a.cfg.Web.TrustedProxies {
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			return fmt.Errorf("read web.trusted_proxies: %w", err)
		}
		proxies = append(proxies, prefix)
	}
	var waker web.Waker
	if a.bus != nil {
		waker = a.bus
	}
	site, err := web.New(web.Options{
		Figures: a.figures(), Door: auth.NewDoor(a.store), Waker: waker, Problems: a.problems, Now: a.now,
		Secure: a.cfg.Secure(), TrustedProxies: proxies, Logger: a.log.Named("web"), Registerer: a.registry,
	})
	if err != nil {
		return fmt.Errorf("set up the pages: %w", err)
	}
	programs, err := api.New(api.Options{
		Schemes: a.store, Door: auth.NewDoor(a.store), Secure: a.cfg.Secure(), Logger: a.log.Named("api"),
	})
	if err != nil {
		site.Close()
		return fmt.Errorf("set up the API: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle(api.Prefix, programs.Handler())
	mux.Handle("/", site.Handler())
	if a.webAddr, err = a.serve(RoleWeb, a.cfg.Web.Listen, mux); err != nil {
		site.Close()
		return err
	}
	// Streams end before the server waits for its connections.
	a.onStop("pages", closeLimit, func(context.Context) error { site.Close(); return nil })
	a.healths = append(a.healths, health{RoleWeb, a.store.Ping})
	return nil
}

// figures adds to the records' figures what only the living calls know.
func (a *App) figures() report.Figures {
	if a.connector == nil {
		return a.store
	}
	return liveFigures{Figures: a.store, waiting: a.connector.Waiting}
}

// liveFigures are the records' figures with the registration line as it is now.
type liveFigures struct {
	report.Figures
	waiting func(scheme int64) (waiting int, since time.Time, talking int)
}

// Wall implements report.Figures.
func (f liveFigures) Wall(ctx context.Context, scheme int64, now time.Time) (report.Wall, error) {
	w, err := f.Figures.Wall(ctx, scheme, now)
	if err != nil {
		return w, err
	}
	w.Line.Waiting, w.Line.Since, w.Line.Talking = f.waiting(scheme)
	return w, nil
}

// problems names what is wrong now, for the pages.
func (a *App) problems() []web.Problem {
	var found []web.Problem
	if a.pbx != nil && !a.pbx.Connected() {
		found = append(found, web.ProblemPBXLost)
	}
	if a.dispatcher != nil && errors.Is(a.dispatcher.Healthy(), dispatch.ErrStoreDown) {
		found = append(found, web.ProblemStoreLost)
	}
	if a.draining.Load() {
		found = append(found, web.ProblemDraining)
	}
	return found
}
