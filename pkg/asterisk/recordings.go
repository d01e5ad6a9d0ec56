package asterisk

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/CyCoreSystems/ari/v5"
)

// MessagesFolder is where the dialplan alone keeps messages, below the PBX's recordings: "messages/<seconds since
// 1970>_<number presented>_<channel>".
const MessagesFolder = "messages/"

// Recordings lists the finished recordings by name, those of Record and those in MessagesFolder.
func (s *Switch) Recordings(ctx context.Context) ([]string, error) {
	var list []ari.StoredRecordingData
	err := s.rest.do(ctx, request{
		name: "recordings", method: http.MethodGet, path: []string{"recordings", "stored"}, out: &list,
		timeout: 2 * s.opts.Timeout,
	})
	if err != nil {
		return nil, err
	}
	names := make([]string, len(list))
	for i, r := range list {
		names[i] = r.Name
	}
	return names, nil
}

// CopyRecording writes a finished recording, a WAV file, to w. An error that is telephony.ErrNoChannel means that there is
// none of that name.
func (s *Switch) CopyRecording(ctx context.Context, name string, w io.Writer) error {
	err := s.rest.do(ctx, request{
		name: "copy_recording", method: http.MethodGet, path: []string{"recordings", "stored", name, "file"}, copyTo: w,
		timeout: 4 * s.opts.Timeout,
	})
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	return nil
}

// DeleteRecording removes a finished recording; one that does not exist is no error.
func (s *Switch) DeleteRecording(ctx context.Context, name string) error {
	return ignoreAbsent(s.rest.do(ctx, request{
		name: "delete_recording", method: http.MethodDelete, path: []string{"recordings", "stored", name},
	}))
}
