package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/rappel-tel/rappel/pkg/setup"
)

// ari is the benchmark's own way to the PBX: keep-alive connections and nothing else.
type ari struct {
	base, user, password string
	client               *http.Client
}

func newARI(pbx *setup.Asterisk) *ari {
	return &ari{
		base: pbx.ARIURL(), user: pbx.ARIUser(), password: pbx.ARIPassword(),
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
			MaxIdleConnsPerHost: 128, MaxConnsPerHost: 128, IdleConnTimeout: 20 * time.Second, DisableCompression: true,
		}},
	}
}

// do sends a request and reads the answer into out. The body, which is sent as JSON, and out may be nil.
func (a *ari) do(ctx context.Context, method, path string, query url.Values, body, out any) error {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("build request: %w", err)
		}
		sent = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path+"?"+query.Encode(), sent)
	if err != nil {
		return fmt.Errorf("build request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.SetBasicAuth(a.user, a.password)
	resp, err := a.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the PBX: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read the PBX's answer: %w", err)
	}
	if resp.StatusCode > 299 {
		return fmt.Errorf("%s %s: status %d: %s", method, path, resp.StatusCode, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("read the PBX's answer: %w", err)
	}
	return nil
}

// alive counts channels and bridges.
func (a *ari) alive(ctx context.Context) (channels, bridges int, err error) {
	var c, b []struct{}
	err = errors.Join(a.do(ctx, http.MethodGet, "/channels", nil, nil, &c), a.do(ctx, http.MethodGet, "/bridges", nil, nil, &b))
	return len(c), len(b), err
}

// forget ends the subscriptions of the service's application, which would otherwise outlive the service and cost the other
// modes events. An application that is gone already is no error.
func (a *ari) forget(ctx context.Context, name string) error {
	var list []struct {
		Name      string   `json:"name"`
		Channels  []string `json:"channel_ids"`
		Bridges   []string `json:"bridge_ids"`
		Endpoints []string `json:"endpoint_ids"`
	}
	if err := a.do(ctx, http.MethodGet, "/applications", nil, nil, &list); err != nil {
		return err
	}
	for _, app := range list {
		if app.Name != name {
			continue
		}
		err := a.do(ctx, http.MethodDelete, "/applications/"+name+"/subscription", url.Values{"eventSource": {"channel:,bridge:"}}, nil, nil)
		if err != nil {
			return fmt.Errorf("end subscriptions %v %v %v: %w", app.Channels, app.Bridges, app.Endpoints, err)
		}
	}
	return nil
}
