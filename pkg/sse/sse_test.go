package sse

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEachEventArrivesAtOnce: the second is sent only after the first was read.
func TestEachEventArrivesAtOnce(t *testing.T) {
	read := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream, err := Open(w)
		if err != nil {
			t.Error(err)
			return
		}
		for _, id := range []string{"7", ""} {
			event, err := Event(id, "part", map[string]string{"html": "<p>é\n</p>"})
			if err == nil {
				err = stream.Send(event)
			}
			if err != nil {
				t.Error(err)
			}
			select {
			case <-read:
			case <-r.Context().Done():
				return
			}
		}
	}))
	defer server.Close()
	response, err := server.Client().Get(server.URL)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	lines := bufio.NewReader(response.Body)
	event := func() string {
		var text strings.Builder
		for {
			line, err := lines.ReadString('\n')
			require.NoError(t, err)
			if text.WriteString(line); line == "\n" {
				return text.String()
			}
		}
	}
	require.Equal(t, "id: 7\nevent: part\ndata: {\"html\":\"<p>é\\n</p>\"}\n\n", event())
	read <- struct{}{}
	require.Equal(t, "event: part\ndata: {\"html\":\"<p>é\\n</p>\"}\n\n", event())
	read <- struct{}{}
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.Empty(t, rest)
}

// TestAWriterThatCannotStream is refused: events would be held back without anybody knowing.
func TestAWriterThatCannotStream(t *testing.T) {
	_, err := Open(httptest.NewRecorder())
	require.ErrorIs(t, err, http.ErrNotSupported)
	_, err = Event("", "part", func() {})
	require.Error(t, err)
}
