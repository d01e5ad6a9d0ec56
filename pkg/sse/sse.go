// Package sse writes server-sent events (WHATWG HTML, section 9.2).
package sse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// writeLimit is how long a client may take to accept an event before it is taken for gone; real time.
const writeLimit = 10 * time.Second

// Stream is one client that follows. It belongs to the goroutine of its request.
type Stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// Open begins the answer: 200, and nothing but events from here on.
func Open(w http.ResponseWriter) (*Stream, error) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // A proxy must not hold events back.
	w.WriteHeader(http.StatusOK)
	s := &Stream{w, http.NewResponseController(w)}
	// The server's limit for reading a request is not meant for a connection that stays open all day.
	if err := s.control.SetReadDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("lift read limit: %w", err)
	}
	return s, nil
}

// Event writes an event as text: its name, and its data as JSON. ID is left out when it is empty.
func Event(id, name string, data any) ([]byte, error) {
	var text bytes.Buffer
	if id != "" {
		fmt.Fprintf(&text, "id: %s\n", id)
	}
	fmt.Fprintf(&text, "event: %s\ndata: ", name)
	enc := json.NewEncoder(&text) // It ends the data's line.
	enc.SetEscapeHTML(false)
	if err := enc.Encode(data); err != nil {
		return nil, fmt.Errorf("encode %s: %w", name, err)
	}
	text.WriteByte('\n')
	return text.Bytes(), nil
}

// Send sends events as Event wrote them. An error means that the client is gone.
func (s *Stream) Send(events []byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return fmt.Errorf("set write deadline: %w", err)
	}
	if _, err := s.w.Write(events); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := s.control.Flush(); err != nil {
		return fmt.Errorf("flush event: %w", err)
	}
	return nil
}
