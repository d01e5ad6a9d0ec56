package setup_test

import (
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPostgresSmoke(t *testing.T) {
	pg := setuptest.Postgres(t)
	t.Log(pg.Port(), pg.PID())
}

func TestAsteriskSmoke(t *testing.T) {
	a := setuptest.Asterisk(t, func(o *setup.AsteriskOptions) {
		text, err := os.ReadFile("testdata/extensions.conf")
		require.NoError(t, err)
		o.Files = map[string]string{"extensions.conf": string(text)}
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.ARIURL()+"/asterisk/info", nil)
	require.NoError(t, err)
	req.SetBasicAuth(a.ARIUser(), a.ARIPassword())
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	out, err := a.Console(t.Context(), "module show")
	require.NoError(t, err)
	require.NotEmpty(t, out)
	u, err := a.Usage()
	require.NoError(t, err)
	t.Logf("%+v", u)
}
