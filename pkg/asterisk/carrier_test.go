package asterisk_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/asterisk"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

// The operator is a second Asterisk: customers register with it, authenticate each call, and one of them uses TLS with
// encrypted audio.
const (
	operatorPJSIP = `
[global]
type=global
endpoint_identifier_order=auth_username,username
[udp]
type=transport
protocol=udp
bind={{.SIP}}
[tls]
type=transport
protocol=tls
bind={{.SIPTLS}}
method=tlsv1_2
cert_file={{.CertFile}}
priv_key_file={{.KeyFile}}
[customer](!)
type=endpoint
context=customers
disallow=all
allow=alaw
direct_media=no
identify_by=auth_username,username
[secret](!)
type=auth
auth_type=digest
password=` + operatorSecret + `
[first](customer)
auth=first
aors=first
[first](secret)
username=first
[first]
type=aor
max_contacts=1
[second](customer)
auth=second
aors=second
[second](secret)
username=second
[second]
type=aor
max_contacts=1
[third](customer)
auth=third
aors=third
media_encryption=sdes
[third](secret)
username=third
[third]
type=aor
max_contacts=1
`
	operatorDialplan = `
[customers]
exten = _+X.,1,Answer()
 same = n,Set(GLOBAL(CALL_${CHANNEL(endpoint)})=${EXTEN} from ${CALLERID(num)} tls ${CHANNEL(pjsip,secure)} srtp ${CHANNEL(rtp,secure)})
 same = n,Wait(60)
[wait]
exten = s,1,Answer()
 same = n,Wait(60)
`
	operatorSecret = "a-secret-of-the-operator"
)

// Trunks and phones of every kind, against real parts: two accounts at one operator and a third over TLS register, call out
// with authentication and are told apart when they ring in; a browser's phone registers over secure WebSocket and a SIP
// phone over TLS, and each is rung with encrypted audio.
func TestTrunksAndPhonesOfEveryKind(t *testing.T) {
	t.Parallel()
	inst := setuptest.Installation(t)
	local := netip.MustParseAddrPort("127.0.0.1:0")
	operator := setuptest.Asterisk(t, func(o *setup.AsteriskOptions) {
		o.SIPAddr, o.SIPTLSAddr = netip.MustParseAddrPort("127.0.0.9:0"), local
		o.Files = map[string]string{"pjsip.conf": operatorPJSIP, "extensions.conf": operatorDialplan, "sorcery.conf": ""}
	})
	l := &lab{
		t: t, scripts: map[string]telephonytest.Script{}, shown: map[string]string{},
		pbx: setuptest.Asterisk(t, func(o *setup.AsteriskOptions) { o.WSSAddr, o.SIPTLSAddr, o.TrustFile = local, local, inst.CertFile }),
	}
	l.sw = l.connect()
	over := operator.SIPAddr().String()
	secure := fmt.Sprintf("localhost:%d", operator.SIPTLSAddr().Port())
	trunks := []asterisk.Trunk{
		{Name: "north", Address: over, Registrar: true, User: "first", Secret: operatorSecret},
		{Name: "south", Address: over, Registrar: true, User: "second", Secret: operatorSecret, Domain: "127.0.0.9"},
		{Name: "east", Address: secure, Registrar: true, User: "third", Secret: operatorSecret, Transport: asterisk.TransportTLS},
		// Nobody is there, and the second one's secret is wrong.
		{Name: "west", Address: "127.0.0.9:1", Registrar: true, User: "fourth", Secret: operatorSecret, Transport: asterisk.TransportTLS},
		{Name: "nowhere", Address: over, Registrar: true, User: "third", Secret: "not-the-secret-there"},
	}
	l.accounts = append(l.accounts,
		asterisk.Account{Endpoint: "claire", Secret: secret, Enabled: true},
		asterisk.Account{Endpoint: "browser", Secret: secret, Phone: asterisk.PhoneWeb, Enabled: true},
		asterisk.Account{Endpoint: "tablephone", Secret: secret, Phone: asterisk.PhoneTLS, Enabled: true})
	require.NoError(t, l.sw.SyncAccounts(t.Context(), l.accounts, trunks))

	for _, customer := range []string{"first", "second", "third"} {
		require.Eventually(t, func() bool {
			out, err := operator.Console(t.Context(), "pjsip show contacts")
			require.NoError(t, err)
			return strings.Contains(out, customer+"/sip:"+customer+"@")
		}, 120*time.Second, 200*time.Millisecond, "%s registers", customer)
	}
	// An operator that is away, and one that refuses us, are asked again.
	for _, server := range []string{"sip:127.0.0.9:1;", "sip:third@" + over} {
		require.Eventually(t, func() bool {
			text, err := os.ReadFile(l.pbx.LogPath())
			require.NoError(t, err)
			return slices.ContainsFunc(strings.Split(string(text), "\n"), func(line string) bool {
				return strings.Contains(line, server) && strings.Contains(line, "retrying in '")
			})
		}, 120*time.Second, 200*time.Millisecond, server)
	}
	for _, trunk := range []struct{ name, customer, safe string }{
		{"north", "first", "tls 0 srtp 0"}, {"south", "second", "tls 0 srtp 0"}, {"east", "third", "tls 1 srtp 1"},
	} {
		t.Run("a call out by "+trunk.name, func(t *testing.T) {
			number := l.beneficiary(telephonytest.Script{})
			p := l.phone(t, "claire", telephonytest.Script{})
			require.NoError(t, p.Register(t.Context()))
			id, o := order("claire", number)
			o.Trunk = trunk.name
			w := telephonytest.NewWatch(t, l.sw, string(id), 0)
			require.NoError(t, l.sw.Connect(t.Context(), o))
			w.Until(o.BeneficiaryLeg, telephony.EventBridged)
			want := "CALL_" + trunk.customer + "=" + number + " from " + o.CLI + " " + trunk.safe
			require.Eventually(t, func() bool {
				out, err := operator.Console(t.Context(), "dialplan show globals")
				require.NoError(t, err)
				return strings.Contains(out, want)
			}, 30*time.Second, 50*time.Millisecond, want)
			require.NoError(t, l.sw.Hangup(t.Context(), o.Channel, telephony.CauseNormal))
			e := w.Until(o.BeneficiaryLeg, telephony.EventEntered)
			require.NoError(t, l.sw.Hangup(t.Context(), e.Channel, telephony.CauseNormal))
		})
		t.Run("a call in by "+trunk.name, func(t *testing.T) {
			dial(t, operator, "PJSIP/+33199001000@"+trunk.customer)
			l.arrives(t, trunk.name, "+33199001000")
			// To the name that we registered, with no number at all.
			dial(t, operator, "PJSIP/"+trunk.customer)
			l.arrives(t, trunk.name, "s")
		})
	}
	t.Run("a call in to the name that we registered, for the number in To", func(t *testing.T) {
		conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 9)}, net.UDPAddrFromAddrPort(l.pbx.SIPAddr()))
		require.NoError(t, err)
		defer conn.Close() //nolint:errcheck // Nothing is buffered.
		_, err = conn.Write([]byte(strings.Join([]string{
			"INVITE sip:first@" + l.pbx.SIPAddr().String() + " SIP/2.0",
			"Via: SIP/2.0/UDP " + conn.LocalAddr().String() + ";branch=z9hG4bKto;rport",
			"From: <sip:+33199002001@127.0.0.9>;tag=1", `To: "Ligne 12" <sip:+33199001001@127.0.0.9>`,
			"Call-ID: to-header", "CSeq: 1 INVITE", "Contact: <sip:x@" + conn.LocalAddr().String() + ">", "Max-Forwards: 70",
			"Content-Length: 0", "", "",
		}, "\r\n")))
		require.NoError(t, err)
		l.arrives(t, "", "+33199001001")
	})

	trust := x509.NewCertPool()
	pem, err := os.ReadFile(inst.CertFile)
	require.NoError(t, err)
	require.True(t, trust.AppendCertsFromPEM(pem))
	for _, device := range []struct{ user, transport, address, offer, key string }{
		{"browser", "WSS", fmt.Sprintf("localhost:%d", l.pbx.WSSAddr().Port()), "UDP/TLS/RTP/SAVPF", "a=fingerprint:"},
		{"tablephone", "TLS", fmt.Sprintf("localhost:%d", l.pbx.SIPTLSAddr().Port()), "RTP/SAVP ", "a=crypto:"},
	} {
		t.Run("a phone over "+device.transport, func(t *testing.T) {
			offers := registered(t, device.user, device.transport, device.address, &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12})
			require.Eventually(t, func() bool { return state(t, l.sw, device.user) == "online" }, 30*time.Second, 50*time.Millisecond)
			id, o := order(device.user, l.beneficiary(telephonytest.Script{}))
			o.Trunk = "north"
			w := telephonytest.NewWatch(t, l.sw, string(id), 0)
			require.NoError(t, l.sw.Connect(t.Context(), o))
			select {
			case offer := <-offers:
				require.Contains(t, offer, device.offer)
				require.Contains(t, offer, device.key)
			case <-time.After(30 * time.Second):
				require.Fail(t, "it was not rung")
			}
			require.Equal(t, telephony.CauseBusy, w.Until(o.Channel, telephony.EventGone).Cause)
		})
	}
}

// dial lets a PBX call somebody.
func dial(t *testing.T, pbx *setup.Asterisk, endpoint string) {
	t.Helper()
	query := url.Values{"endpoint": {endpoint}, "context": {"wait"}, "extension": {"s"}, "priority": {"1"}, "callerId": {"+33199002001"}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, pbx.ARIURL()+"/channels?"+query.Encode(), nil)
	require.NoError(t, err)
	req.SetBasicAuth(pbx.ARIUser(), pbx.ARIPassword())
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
}

// arrives takes the next call that enters the application, which must come from that trunk for that number, and ends it.
func (l *lab) arrives(t *testing.T, trunk, did string) {
	t.Helper()
	select {
	case e := <-l.sw.Arrivals():
		require.Equal(t, []string{"inbound", did}, e.Args)
		require.Equal(t, "+33199002001", e.CLI)
		if trunk != "" {
			require.Equal(t, trunk, e.Endpoint)
		}
		require.NoError(t, l.sw.Hangup(t.Context(), e.Channel, telephony.CauseNormal))
	case <-time.After(30 * time.Second):
		require.Fail(t, "no call came in")
	}
}

// registered registers a phone over TLS or secure WebSocket until the test ends. It is busy when rung; what it is offered is
// delivered.
func registered(t *testing.T, user, transport, address string, trust *tls.Config) <-chan string {
	t.Helper()
	ua, err := sipgo.NewUA(sipgo.WithUserAgent(user), sipgo.WithUserAgenTLSConfig(trust),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerTransports(sip.TransportsConfig{
			WSS: &sip.TransportWSS{TransportWS: &sip.TransportWS{DialURI: func(host string) string { return "wss://" + host + "/ws" }}},
		})))
	require.NoError(t, err)
	t.Cleanup(func() { _ = ua.Close() })
	server, err := sipgo.NewServer(ua)
	require.NoError(t, err)
	offers := make(chan string, 1) // Room for the one call of the test.
	server.OnInvite(func(req *sip.Request, tx sip.ServerTransaction) {
		select {
		case offers <- string(req.Body()):
		default:
		}
		_ = tx.Respond(sip.NewResponseFromRequest(req, sip.StatusBusyHere, "Busy Here", nil)) // The test sees what comes of it.
	})
	server.OnAck(func(*sip.Request, sip.ServerTransaction) {})
	client, err := sipgo.NewClient(ua)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var to sip.Uri
	require.NoError(t, sip.ParseUri("sip:"+user+"@"+address+";transport="+strings.ToLower(transport), &to))
	req := sip.NewRequest(sip.REGISTER, to)
	req.SetTransport(transport)
	req.AppendHeader(sip.NewHeader("Contact", fmt.Sprintf("<sip:%s@phone.invalid;transport=%s>", user, strings.ToLower(transport))))
	res, err := client.Do(ctx, req)
	require.NoError(t, err)
	require.Equal(t, sip.StatusUnauthorized, res.StatusCode)
	res, err = client.DoDigestAuth(ctx, req, res, sipgo.DigestAuth{Username: user, Password: secret})
	require.NoError(t, err)
	require.Equal(t, sip.StatusOK, res.StatusCode)
	return offers
}
