package demo

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rappel-tel/rappel/pkg/app"
)

// elsewherePatience is how long a part that runs elsewhere has to answer.
const elsewherePatience = 5 * time.Second

// checkElsewhere sees that the event bus and the PBX that were named answer, before anything is set up: the service itself
// would wait for them for ever. PostgreSQL answers for itself when the database is made.
func (p *play) checkElsewhere(ctx context.Context) error {
	if p.NATS != "" {
		server := redact(p.NATS)
		bus, err := nats.Connect(p.NATS, nats.Timeout(elsewherePatience), nats.MaxReconnects(0))
		if err != nil {
			return fmt.Errorf("--nats %s: %w", server, err)
		}
		defer bus.Close()
		stream, err := bus.JetStream(nats.MaxWait(elsewherePatience))
		if err == nil {
			_, err = stream.AccountInfo()
		}
		if err != nil {
			return fmt.Errorf("--nats %s: no JetStream there: %w; start it with nats-server -js", server, err)
		}
	}
	if p.ARI == "" {
		return nil
	}
	there, err := otherPBX(p.ARI)
	if err != nil {
		return err
	}
	config := app.Defaults()
	there.configure(&config)
	asking, cancel := context.WithTimeout(ctx, elsewherePatience)
	defer cancel()
	request, err := http.NewRequestWithContext(asking, http.MethodGet, config.Asterisk.ARI+"/asterisk/info", nil)
	if err != nil {
		return fmt.Errorf("--ari: %w", err)
	}
	request.SetBasicAuth(config.Asterisk.User, config.Asterisk.Password.Value())
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("--ari: nothing answers there: %w", err)
	}
	_ = response.Body.Close() // Only the status counts.
	switch response.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("--ari: %s does not let the user %s in: correct the password, or ari.conf", config.Asterisk.ARI, config.Asterisk.User)
	}
	return fmt.Errorf("--ari: %s answers with status %d; its path ends with /ari", config.Asterisk.ARI, response.StatusCode)
}
