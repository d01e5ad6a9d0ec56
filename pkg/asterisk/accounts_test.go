package asterisk_test

import (
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/asterisk"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

// A new caller registers at once, a disabled one is refused, ten thousand load quickly, and a living call goes on through
// all of it.
func TestAccountsFromRecords(t *testing.T) {
	l := newLab(t)
	caller := l.caller(t, telephonytest.Script{})
	id, o := order(caller.User(), l.beneficiary(telephonytest.Script{}))
	w := telephonytest.NewWatch(t, l.sw, string(id), 0)
	require.NoError(t, l.sw.Connect(t.Context(), o))
	w.Until(o.BeneficiaryLeg, telephony.EventBridged)
	talking := time.Now()

	fresh := l.phone(t, "newcomer", telephonytest.Script{})
	require.Equal(t, 401, asStatus(fresh.Register(t.Context())), "before there is a record")
	begin := time.Now()
	trunks := []asterisk.Trunk{l.trunkRecord()}
	accounts := append(l.accounts, asterisk.Account{Endpoint: "newcomer", Secret: secret, Enabled: true})
	require.NoError(t, l.sw.SyncAccounts(t.Context(), accounts, trunks))
	require.NoError(t, fresh.Register(t.Context()))
	t.Logf("a new caller registers: %s", time.Since(begin))

	require.Eventually(t, func() bool { return state(t, l.sw, "newcomer") == "online" }, 30*time.Second, 50*time.Millisecond)
	require.Eventually(t, func() bool { return state(t, l.sw, "fiction") == "online" }, 30*time.Second, 50*time.Millisecond)

	begin = time.Now()
	accounts[len(accounts)-1].Enabled = false
	require.NoError(t, l.sw.SyncAccounts(t.Context(), accounts, trunks))
	require.Equal(t, 401, asStatus(fresh.Register(t.Context())))
	require.NotEqual(t, "online", state(t, l.sw, "newcomer"), "its registration went with it")
	t.Logf("a disabled caller is cut: %s", time.Since(begin))
	_, late := order("newcomer", l.beneficiary(telephonytest.Script{}))
	require.ErrorIs(t, l.sw.Connect(t.Context(), late), telephony.ErrRefused)

	text, err := os.ReadFile(l.pbx.AccountsPath())
	require.NoError(t, err)
	require.ErrorIs(t, l.sw.SyncAccounts(t.Context(), append(accounts, asterisk.Account{
		Endpoint: "evil", Secret: "0123456789abcdef\n[admin]", Enabled: true,
	}), trunks), asterisk.ErrBadRecord)
	same, err := os.ReadFile(l.pbx.AccountsPath())
	require.NoError(t, err)
	require.Equal(t, text, same, "nothing is written when a record is bad")

	begin = time.Now()
	for i := range 10_000 {
		accounts = append(accounts, asterisk.Account{Endpoint: fmt.Sprintf("volunteer-%d", i), Secret: secret, Enabled: true})
	}
	require.NoError(t, l.sw.SyncAccounts(t.Context(), accounts, trunks))
	t.Logf("10,000 accounts written and loaded in %s", time.Since(begin))
	last := l.phone(t, "volunteer-9999", telephonytest.Script{})
	require.NoError(t, last.Register(t.Context()))
	info, err := os.Stat(l.pbx.AccountsPath())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())

	begin = time.Now()
	require.NoError(t, l.sw.SyncAccounts(t.Context(), accounts, trunks))
	t.Logf("nothing changed, looked at in %s", time.Since(begin))

	// One more beside them, another one's secret, and one less: nothing but the endpoints is read again.
	latest := l.phone(t, "latecomer", telephonytest.Script{})
	require.Equal(t, 401, asStatus(latest.Register(t.Context())))
	accounts = append(accounts, asterisk.Account{Endpoint: "latecomer", Secret: secret, Language: "fr", Enabled: true})
	l.soon(t, "one more beside 10,000 registers", accounts, trunks, func() int { return asStatus(latest.Register(t.Context())) }, 0)
	of := len(accounts) - 2
	accounts[of].Secret = "another-secret-of-the-lab"
	l.soon(t, "the old secret is refused beside 10,000", accounts, trunks, func() int { return asStatus(last.Register(t.Context())) }, 401)
	accounts[of].Secret = secret
	l.soon(t, "the first one again is taken", accounts, trunks, func() int { return asStatus(last.Register(t.Context())) }, 0)
	accounts[of].Enabled, accounts[of+1].Enabled = false, false
	l.soon(t, "one of the files is cut beside 10,000", accounts, trunks, func() int { return asStatus(last.Register(t.Context())) }, 401)
	require.Equal(t, 401, asStatus(latest.Register(t.Context())), "and one who was never in the files")
	begin = time.Now()
	require.NoError(t, l.sw.SettleAccounts(t.Context()))
	t.Logf("settled beside 10,000 in %s", time.Since(begin))
	require.Equal(t, 401, asStatus(latest.Register(t.Context())))
	require.NotEqual(t, "online", state(t, l.sw, "latecomer"))
	accounts[of+1].Enabled = true
	l.soon(t, "enabled again beside 10,000", accounts, trunks, func() int { return asStatus(latest.Register(t.Context())) }, 0)
	require.NoError(t, l.sw.SettleAccounts(t.Context()))
	require.Equal(t, 0, asStatus(latest.Register(t.Context())))
	require.Eventually(t, func() bool { return state(t, l.sw, "latecomer") == "online" }, 30*time.Second, 50*time.Millisecond)

	c, err := l.sw.Channel(t.Context(), o.Channel)
	require.NoError(t, err)
	require.True(t, c.Bridge, "the call goes on")
	records := l.trunk.Ledger().Records()
	require.Len(t, records, 1)
	require.True(t, records[0].Ended.IsZero())
	t.Logf("longest silence in the call since %s: %s", talking, records[0].LongestSilence)
	require.NoError(t, l.sw.Hangup(t.Context(), o.Channel, telephony.CauseNormal))
	e := w.Until(o.BeneficiaryLeg, telephony.EventEntered)
	require.NoError(t, l.sw.Hangup(t.Context(), e.Channel, telephony.CauseNormal))
}

// soon lets the PBX know the accounts and prints how long it took until a phone was answered as it should be.
func (l *lab) soon(t *testing.T, what string, accounts []asterisk.Account, trunks []asterisk.Trunk, registers func() int, want int) {
	t.Helper()
	begin := time.Now()
	require.NoError(t, l.sw.SyncAccounts(t.Context(), accounts, trunks))
	require.Equal(t, want, registers(), what)
	t.Logf("%s: %s", what, time.Since(begin).Round(time.Millisecond))
}

func state(t *testing.T, sw *asterisk.Switch, endpoint string) string {
	t.Helper()
	list, err := sw.Endpoints(t.Context())
	require.NoError(t, err)
	for _, e := range list {
		if e.Resource == endpoint {
			return e.State
		}
	}
	return ""
}

func TestBadRecordsAreRefused(t *testing.T) {
	sw, err := asterisk.New(asterisk.Options{
		URL: "http://127.0.0.1:1/ari", User: "u", Password: "p", App: "rappel",
		AccountsFile: t.TempDir() + "/a.conf", TrunksFile: t.TempDir() + "/t.conf",
	})
	require.NoError(t, err)
	good := asterisk.Account{Endpoint: "anna", Secret: secret, Enabled: true}
	line := asterisk.Trunk{Name: "line", Address: "192.0.2.1:5060"}
	badAccounts := map[string]func(*asterisk.Account){
		"numeric name":    func(a *asterisk.Account) { a.Endpoint = "1000" },
		"name of ours":    func(a *asterisk.Account) { a.Endpoint = "caller" },
		"bracket in name": func(a *asterisk.Account) { a.Endpoint = "x](trunk)" },
		"short secret":    func(a *asterisk.Account) { a.Secret = "secret" },
		"comment":         func(a *asterisk.Account) { a.Secret = "0123456789abcdef;" },
		"line break":      func(a *asterisk.Account) { a.Language = "fr\ncontext=trunk" },
		"codec":           func(a *asterisk.Account) { a.Codecs = []string{"alaw\n"} },
		"phone":           func(a *asterisk.Account) { a.Phone = "fax" },
		"dtmf":            func(a *asterisk.Account) { a.DTMF = "x" },
	}
	for name, edit := range badAccounts {
		t.Run(name, func(t *testing.T) {
			a := good
			edit(&a)
			require.ErrorIs(t, sw.SyncAccounts(t.Context(), []asterisk.Account{a}, nil), asterisk.ErrBadRecord)
		})
	}
	badTrunks := map[string]func(*asterisk.Trunk){
		"dash":             func(x *asterisk.Trunk) { x.Name = "my-line" },
		"address":          func(x *asterisk.Trunk) { x.Address = "host\nx=y" },
		"no address":       func(x *asterisk.Trunk) { x.Address = "" },
		"everybody":        func(x *asterisk.Trunk) { x.Match = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")} },
		"nobody registers": func(x *asterisk.Trunk) { x.Registrar = true },
		"secret":           func(x *asterisk.Trunk) { x.User, x.Secret = "u", "a b" },
		"name of a caller": func(x *asterisk.Trunk) { x.Name = "anna" },
	}
	for name, edit := range badTrunks {
		t.Run(name, func(t *testing.T) {
			x := line
			edit(&x)
			err := sw.SyncAccounts(t.Context(), []asterisk.Account{good}, []asterisk.Trunk{x})
			require.ErrorIs(t, err, asterisk.ErrBadRecord)
		})
	}
	// Good records, but no PBX: the files go back, so that the next try reloads.
	require.ErrorIs(t, sw.SyncAccounts(t.Context(), []asterisk.Account{good}, []asterisk.Trunk{line}), telephony.ErrDown)
	require.ErrorIs(t, sw.SyncAccounts(t.Context(), []asterisk.Account{good}, []asterisk.Trunk{line}), telephony.ErrDown)
}
