package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/auth"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/report"
	"github.com/rappel-tel/rappel/pkg/roster"
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
	options := report.Options{Records: a.store, Now: a.now, Logger: a.log.Named("figures"), Registerer: a.registry}
	if a.bus != nil {
		options.Bus = a.bus
	}
	feeds, err := report.NewFeeds(options)
	if err != nil {
		return fmt.Errorf("set up the figures: %w", err)
	}
	a.onStop("figures", closeLimit, func(context.Context) error { feeds.Close(); return nil })
	site, err := web.New(web.Options{
		Figures: feeds, Door: auth.NewDoor(a.store), Inbox: a.store, Problems: a.problems, Now: a.now,
		Secure: a.cfg.Secure(), TrustedProxies: proxies, Logger: a.log.Named("web"), Registerer: a.registry,
	})
	if err != nil {
		return fmt.Errorf("set up the pages: %w", err)
	}
	flows, err := NewFlows(a.cfg, a.store)
	if err != nil {
		site.Close()
		return err
	}
	programs, err := api.New(api.Options{
		Schemes: a.store, Live: feeds, Days: a.store, Inbox: a.store, Recordings: recordings(a.cfg.Asterisk.Recordings), Agenda: a.store,
		People: programPeople{a.store}, Questions: a.store, Outreach: a.store, Flows: programFlows{flows, a.cfg}, Lines: programLines{a.store, flows}, Trunks: programTrunks{a.store}, Recovery: programRecovery{a.store}, Prompts: NewPrompts(a.cfg, flows, a.store),
		Consents: a.store, Refusals: a.store, Surges: programSurges{a.store},
		Script: func(lang roster.Language) string { return flows.shipped.Text(lang, firstCallScript, nil) },
		Door:   auth.NewDoor(a.store), Now: a.now, Secure: a.cfg.Secure(),
		Logger: a.log.Named("api"),
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
	a.onStop("pages", closeLimit, func(context.Context) error { programs.Close(); site.Close(); return nil })
	a.healths = append(a.healths, health{RoleWeb, a.store.Ping})
	return nil
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
