package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// readyLimit bounds one look at everything.
const readyLimit = 2 * time.Second

// health says whether one role can do its work now; nil means it can.
type health struct {
	role  string
	check func(context.Context) error
}

// readiness is the answer of /readyz.
type readiness struct {
	Ready    bool                  `json:"ready"`
	Roles    map[string]roleStatus `json:"roles"`
	Warnings []string              `json:"warnings,omitempty"` // What a person should look at, though work goes on.
}

type roleStatus struct {
	Ready bool   `json:"ready"`
	Why   string `json:"why,omitempty"`
}

// ready asks every role of this process, and whether it leads a scheme when one is named.
func (a *App) ready(ctx context.Context, scheme string) readiness {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	r := readiness{Ready: true, Roles: map[string]roleStatus{}}
	for _, h := range a.healths {
		if err := h.check(ctx); err != nil {
			r.Ready = false
			r.Roles[h.role] = roleStatus{Why: err.Error()}
			continue
		}
		if _, seen := r.Roles[h.role]; !seen {
			r.Roles[h.role] = roleStatus{Ready: true}
		}
	}
	if scheme != "" {
		if err := a.leads(ctx, scheme); err != nil {
			r.Ready = false
			r.Roles["scheme"] = roleStatus{Why: err.Error()}
		}
	}
	if n, err := a.store.CountRefusedFacts(ctx); err == nil && n > 0 { // The records' being away is said elsewhere.
		r.Warnings = append(r.Warnings, fmt.Sprintf("the records would not take %d facts of calls: rappel scheme lost lists them", n))
	}
	if a.draining.Load() {
		r.Ready = false
		r.Roles["process"] = roleStatus{Why: "draining"}
	}
	return r
}

// leads reports why this process does not lead a scheme, given by its id; nil when it does.
func (a *App) leads(ctx context.Context, id string) error {
	schemes, err := a.store.Schemes(ctx)
	if err != nil {
		return fmt.Errorf("read schemes: %w", err)
	}
	for _, s := range schemes {
		if s.ID == id && a.dispatcher != nil && slices.Contains(a.dispatcher.Schemes(), s.Key) {
			return nil
		}
	}
	return errors.New("this node does not lead it")
}

// opsHandler serves /livez, /readyz and /metrics. /livez is the process alone: a supervisor must not restart a service that
// has lost its PBX or its database, because that would help neither.
func (a *App) opsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		a.reply(w, http.StatusOK, map[string]any{"live": true})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		answer, status := a.ready(r.Context(), r.URL.Query().Get("scheme")), http.StatusOK
		if !answer.Ready {
			status = http.StatusServiceUnavailable
		}
		a.reply(w, status, answer)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{Registry: a.registry}))
	return mux
}

func (a *App) reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		a.log.Debug("answer probe", zap.Error(err))
	}
}
