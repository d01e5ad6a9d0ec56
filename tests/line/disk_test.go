package line

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
	"github.com/rappel-tel/rappel/tests/house"
)

// Who rings while the disks are full.
const (
	recordsLongest = "+33639989061"
	recordsNothing = "+33639989062"
	namesHerself   = "+33639989063"
	afterRoom      = "+33639989064"
	dataFull       = "+33639989065"
)

// diskSize is more than what makes a node ready, so that it is the filling that ends it.
const diskSize = 96 << 20

// TestFullDisk: the PBX's disk runs full while somebody leaves a message, and then the service's own. What was said until then is
// kept, whoever cannot be recorded is told so and called back, the operator is told too, and when there is room all goes on.
func TestFullDisk(t *testing.T) { //nolint:paralleltest // The machine has enough to do with the others.
	logs, logged := observer.New(zap.WarnLevel)
	data := t.TempDir()
	setuptest.Disk(t, data, diskSize)
	street := house.Build(t, house.Options{
		Logger: zap.New(logs), PBXDisk: diskSize, Configure: func(c *app.Config) { c.Data = data },
	})
	h := street.Move(t, house.Plan{})
	isReady(t, street)

	makeRoom := setuptest.Fill(t, street.Asterisk.RecordingsDir(), 128<<10)
	party := toMessage(t, h, recordsLongest)
	calledBack(t, h, party, recordsLongest, 0)
	kept := messages(t, h, 1)[0]
	require.Equal(t, recordsLongest, kept.CLI)
	require.Greater(t, kept.Length, 2*time.Second)
	soundOf(t, street, kept)
	calledBack(t, h, toMessage(t, h, recordsNothing), recordsNothing, 1)

	// A name cannot be recorded either: she registers without.
	party = dial(t, h, namesHerself)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	at := press(t, party, "211")
	h.Hears(party, at, start(h, "register.name_failed"), hearLimit)
	h.Hears(party, at, start(h, "register.language"), hearLimit)
	h.HangUp(party)
	house.Await(t, hearLimit, "her registration to be listed", func(ctx context.Context) bool {
		list, err := h.Store.Inbox(ctx, h.Scheme.Key, false)
		return err == nil && slices.ContainsFunc(list, func(i inbox.Item) bool {
			return i.Kind == inbox.Registration && i.Number == namesHerself && i.Recording == ""
		})
	})
	require.Contains(t, unready(t, street), "asterisk.recordings")
	require.NotEmpty(t, logged.FilterMessageSnippet("recording failed").All())

	makeRoom()
	isReady(t, street)
	leaves(t, h, afterRoom, 2)
	messages(t, h, 2)

	makeRoom = setuptest.Fill(t, data, 0)
	require.Contains(t, unready(t, street), "data")
	leaves(t, h, dataFull, 3)
	messages(t, h, 3)
	makeRoom()
	isReady(t, street)
	for _, e := range logged.All() {
		require.NotContains(t, fmt.Sprint(e.Message, e.ContextMap()), "3963998", "nobody's number")
	}
}

// toMessage comes to where a message is recorded.
func toMessage(t *testing.T, h *house.House, from string) *phone.Call {
	t.Helper()
	party := dial(t, h, from)
	h.Hears(party, time.Time{}, start(h, "line.greeting"), hearLimit)
	at := press(t, party, "02")
	h.Hears(party, at, start(h, "message.invite"), hearLimit)
	press(t, party, "#")
	return party
}

// calledBack: she is told that nothing more is recorded, and that she is called back, which is promised.
func calledBack(t *testing.T, h *house.House, party *phone.Call, from string, before int) {
	t.Helper()
	h.Hears(party, time.Time{}, start(h, "message.unrecorded"), turnLimit)
	h.Hears(party, time.Time{}, h.Prompt("message.called_back", ivr.Vars{"callback_number": "0" + from[3:]}), hearLimit)
	h.AwaitDone(party, hearLimit)
	var promised int
	require.NoError(t, h.Pool().QueryRow(t.Context(), `SELECT count(*) FROM occurrence WHERE scheme_id = $1 AND kind = 'callback'`,
		h.Scheme.Key).Scan(&promised))
	require.Equal(t, before+1, promised)
}

// leaves leaves a message, as on any day; so many are at the PBX then.
func leaves(t *testing.T, h *house.House, from string, n int) {
	t.Helper()
	party := toMessage(t, h, from)
	house.Await(t, hearLimit, "her message", func(context.Context) bool {
		files, err := filepath.Glob(filepath.Join(h.Asterisk.RecordingsDir(), "messages", "*.wav"))
		require.NoError(t, err)
		long := 0
		for _, file := range files {
			if info, err := os.Stat(file); err == nil && info.Size() > 3*16000 {
				long++
			}
		}
		return long == n
	})
	done := press(t, party, "#")
	h.Hears(party, done, start(h, "message.kept"), hearLimit)
	h.HangUp(party)
}

// unready is why the service is not ready; empty when it is.
func unready(t *testing.T, street *house.Street) string {
	t.Helper()
	answer := street.Probe(t, "/readyz")
	var r struct {
		Ready bool
		Roles map[string]struct{ Why string }
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &r), answer)
	var why []string
	for _, role := range r.Roles {
		if role.Why != "" {
			why = append(why, role.Why)
		}
	}
	require.Equal(t, r.Ready, len(why) == 0, answer)
	return strings.Join(why, "; ")
}

// isReady waits until the service is.
func isReady(t *testing.T, street *house.Street) {
	t.Helper()
	house.Await(t, hearLimit, "the service to be ready", func(context.Context) bool { return unready(t, street) == "" })
}

// soundOf requires a message to be there to be played, as long as it is said to be.
func soundOf(t *testing.T, street *house.Street, m callflow.Message) {
	t.Helper()
	file, err := os.Open(filepath.Join(street.Asterisk.RecordingsDir(), m.Recording+".wav"))
	require.NoError(t, err)
	defer file.Close() //nolint:errcheck // It was only read.
	samples, err := phone.ReadWAV(file)
	require.NoError(t, err)
	require.InDelta(t, m.Length.Seconds(), float64(len(samples))/8000, 2)
}
