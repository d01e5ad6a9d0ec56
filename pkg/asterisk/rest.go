package asterisk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/pkg/telephony"
)

// maxBody bounds what is read of an answer: a listing of 10,000 channels has about 7 MB.
const maxBody = 64 << 20

// rest sends commands over keep-alive HTTP connections. A request is never sent twice: net/http repeats a POST only when
// not a byte of it was written.
type rest struct {
	base           *url.URL
	user, password string
	timeout        time.Duration
	client         *http.Client
	metrics        *metrics
}

func newRest(base *url.URL, user, password string, timeout time.Duration, m *metrics) *rest {
	dialer := &net.Dialer{Timeout: min(timeout, 2*time.Second), KeepAlive: 15 * time.Second}
	return &rest{
		base: base, user: user, password: password, timeout: timeout, metrics: m,
		client: &http.Client{
			Transport: &http.Transport{
				DialContext:         dialer.DialContext,
				MaxIdleConns:        128,
				MaxIdleConnsPerHost: 128,
				MaxConnsPerHost:     128,
				// Below the 30 s after which the configuration lets Asterisk close an idle session.
				IdleConnTimeout:    20 * time.Second,
				DisableCompression: true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// statusError is an answer that is not a success.
type statusError struct {
	Status int
	Text   string
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.Status, e.Text) }

// Is makes every refusal a telephony.ErrRefused, except those that say that something does not exist.
func (e *statusError) Is(target error) bool {
	if e.Status == http.StatusNotFound {
		return target == telephony.ErrNoChannel
	}
	return target == telephony.ErrRefused
}

// status returns the HTTP status of a refusal, or 0.
func status(err error) int {
	if refused, ok := errors.AsType[*statusError](err); ok {
		return refused.Status
	}
	return 0
}

// request is one command.
type request struct {
	name    string // For metrics and errors.
	method  string
	path    []string // Segments, escaped here.
	query   url.Values
	body    any           // JSON, or nil.
	out     any           // Filled from the answer's JSON, or nil.
	copyTo  io.Writer     // Gets the answer's body instead, or nil.
	timeout time.Duration // 0: the default.
}

// do sends the request and waits for the answer, at most until its deadline.
func (r *rest) do(ctx context.Context, q request) error {
	begin := time.Now()
	err := r.send(ctx, q)
	r.metrics.seconds.WithLabelValues(q.name).Observe(time.Since(begin).Seconds())
	r.metrics.commands.WithLabelValues(q.name, result(err)).Inc()
	if err != nil {
		return fmt.Errorf("%s: %w", q.name, err)
	}
	return nil
}

func result(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, telephony.ErrDown):
		return "down"
	case errors.Is(err, telephony.ErrUnanswered):
		return "unanswered"
	case errors.Is(err, telephony.ErrNoChannel):
		return "absent"
	default:
		return "refused"
	}
}

func (r *rest) send(ctx context.Context, q request) error {
	limit := q.timeout
	if limit == 0 {
		limit = r.timeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := r.build(ctx, q)
	if err != nil {
		return err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return sendError(err)
	}
	ok := resp.StatusCode >= 200 && resp.StatusCode <= 299
	var body []byte
	if ok && q.copyTo != nil {
		_, err = io.Copy(q.copyTo, resp.Body)
	} else {
		// Read to its end, so that the connection can be used again.
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody))
	}
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	if !ok {
		return &statusError{Status: resp.StatusCode, Text: reason(body)}
	}
	if err != nil {
		return fmt.Errorf("%w: %w", telephony.ErrUnanswered, err)
	}
	if q.out == nil {
		return nil
	}
	if err := json.Unmarshal(body, q.out); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}

func (r *rest) build(ctx context.Context, q request) (*http.Request, error) {
	u := r.base.JoinPath(escape(q.path)...)
	u.RawQuery = q.query.Encode()
	var body io.Reader
	if q.body != nil {
		text, err := json.Marshal(q.body)
		if err != nil {
			return nil, fmt.Errorf("write body: %w", err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, q.method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.SetBasicAuth(r.user, r.password)
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

func escape(path []string) []string {
	out := make([]string, len(path))
	for i, p := range path {
		// Asterisk reads a plus in a path as a blank, as in a query.
		out[i] = strings.ReplaceAll(url.PathEscape(p), "+", "%2B")
	}
	return out
}

// sendError tells a command that was not sent from one whose answer is missing.
func sendError(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // Its text holds the whole URL: a number, perhaps, that no log may know.
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return fmt.Errorf("%w: %w", telephony.ErrDown, err)
	}
	return fmt.Errorf("%w: %w", telephony.ErrUnanswered, err)
}

// reason is Asterisk's own text for a refusal: {"message":…} or {"error":…}.
func reason(body []byte) string {
	var text struct{ Message, Error string }
	if json.Unmarshal(body, &text) != nil {
		return "no reason given"
	}
	return strings.TrimSpace(text.Message + text.Error)
}
