package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	asteriskconf "github.com/rappel-tel/rappel/asterisk"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
)

// The telephones work against a real Asterisk without the service: desks register, dial *1 and hear its own voice; a desk is
// rung through the dialplan and meets a beneficiary behind the simulated network.
func TestField(t *testing.T) {
	asterisk := setuptest.Asterisk(t)
	field, err := OpenField(FieldOptions{
		Seed: 3, PBX: asterisk.SIPAddr().String(), Trunk: "127.0.0.2:0", Line: "+33199009000", Logger: zap.NewNop(),
	})
	require.NoError(t, err)
	working, stop := context.WithCancel(t.Context())
	t.Cleanup(func() { stop(); field.Close() })

	var accounts []Account
	var pjsip strings.Builder
	for i := range 2 {
		a := Account{Endpoint: fmt.Sprintf("c-aaaaaaa%c", 'b'+i), Secret: strings.Repeat("s3cret", 4), Registrar: i == 1}
		accounts = append(accounts, a)
		fmt.Fprintf(&pjsip, "[%[1]s](caller)\nauth=%[1]s\naors=%[1]s\n[%[1]s](caller-auth)\nusername=%[1]s\npassword=%[2]s\n[%[1]s](caller-aor)\n",
			a.Endpoint, a.Secret)
	}
	trunk := field.TrunkAddr()
	require.NoError(t, asterisk.WriteConfig(asteriskconf.AccountsFile, []byte(pjsip.String())))
	require.NoError(t, asterisk.WriteConfig(asteriskconf.TrunksFile, fmt.Appendf(nil,
		"[simulated](trunk)\naors=simulated\nset_var=RAPPEL_SIMULATED=1\n[simulated](trunk-aor)\ncontact=sip:%s\n[simulated]\ntype=identify\nendpoint=simulated\nmatch=%s\n",
		trunk, trunk.Addr())))
	_, err = asterisk.Console(t.Context(), "module reload res_pjsip.so")
	require.NoError(t, err)

	registering, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, field.Staff(registering, accounts))
	require.True(t, field.desks[0].ready(working), "the dialplan itself answers *1")

	// A number whose person picks up, as the seed has it.
	number := ""
	for i := 0; number == ""; i++ {
		try := fmt.Sprintf("+3319900%04d", i)
		if b := temper(3, try, 0, beep()); b.Refuse == 0 && !b.Never && !b.Machine && b.Talk == 0 {
			number = try
		}
	}
	dialplan, err := os.ReadFile(filepath.Join(asterisk.RunDir(), "etc", "extensions.conf"))
	require.NoError(t, err)
	dialplan = fmt.Appendf(dialplan, "\n[test]\nexten => s,1,Dial(PJSIP/%s@simulated)\n", number)
	require.NoError(t, asterisk.WriteConfig("extensions.conf", dialplan))
	_, err = asterisk.Console(t.Context(), "dialplan reload")
	require.NoError(t, err)
	originate(t, asterisk, "PJSIP/"+accounts[1].Endpoint)
	settling, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	require.Eventually(t, func() bool { return len(field.Ledger().Records()) == 2 }, 30*time.Second, 50*time.Millisecond)
	require.NoError(t, field.Ledger().Settle(settling))
	summary := field.Ledger().Summary()
	require.Equal(t, 1, summary.AudioOK, "%+v", field.Ledger().Records())
	require.Zero(t, summary.AudioFailed+summary.SilentCalls+summary.DoubleRings)

	// Somebody dials the line: the service is away, the dialplan speaks by itself.
	require.NoError(t, field.visit(working, draw(3, "visit", 0), "+33639989001"))
	require.NoError(t, field.Ledger().Settle(settling))
	summary = field.Ledger().Summary()
	require.Equal(t, 1, summary.Inbound)
	require.Equal(t, 2, summary.AudioOK, "%+v", field.Ledger().Records())
	require.Equal(t, phone.SideLocal, field.Ledger().Records()[2].By)
}

// originate rings an endpoint and sends it to the test's own dialplan.
func originate(t *testing.T, asterisk *setup.Asterisk, endpoint string) {
	t.Helper()
	query := url.Values{"endpoint": {endpoint}, "context": {"test"}, "extension": {"s"}, "priority": {"1"}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, asterisk.ARIURL()+"/channels?"+query.Encode(), nil)
	require.NoError(t, err)
	request.SetBasicAuth(asterisk.ARIUser(), asterisk.ARIPassword())
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
}
