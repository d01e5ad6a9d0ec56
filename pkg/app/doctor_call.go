package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/phone"
)

const (
	echoTest = "600"  // The extension of the dialplan that sends back what it hears.
	echoTone = 1004.0 // Hz; telephone engineers' test tone, so that nobody takes it for ringing.
)

// echo makes a real call through the PBX: a phone of ours, with the account of a caller who uses a SIP phone, calls the echo
// test, speaks a tone and hears it again. The caller's own phone stays registered and does not ring.
func (e *examination) echo(ctx context.Context) {
	e.look("call.echo", "a real call with audio both ways", func() outcome {
		switch {
		case !e.cfg.Has(RoleSwitch):
			return skipped("this process does not drive a PBX")
		case !e.pbxAnswers:
			return skipped("the PBX does not answer")
		case len(e.phones) == 0:
			return skipped("no caller with a SIP phone is enabled")
		}
		return e.call(ctx, e.phones[0])
	})
}

func (e *examination) call(ctx context.Context, account phoneAccount) outcome {
	p, err := phone.New(phone.Options{
		User: account.endpoint, Secret: account.secret, Registrar: e.cfg.Asterisk.SIP, Keep: 2 * time.Second, Logger: zap.NewNop(),
	})
	if err != nil {
		return wrong("no phone", short(err), "set asterisk.sip to the address where Asterisk hears SIP")
	}
	defer p.Close()
	begun := time.Now()
	c, err := p.Dial(ctx, echoTest, phone.DialOptions{Say: phone.Tone(echoTone)})
	var refused *phone.StatusError
	switch {
	case errors.As(err, &refused) && (refused.Code == 401 || refused.Code == 403):
		seen := fmt.Sprintf("refused (%d)", refused.Code)
		written, _ := os.ReadFile(e.cfg.Asterisk.Accounts) // One that cannot be read does not hold it either.
		switch {
		case e.cfg.Asterisk.Accounts == "" || e.cfg.Asterisk.Trunks == "":
			return wrong(seen, "the service cannot tell the PBX of callers' phones",
				"set asterisk.accounts and asterisk.trunks to the files that pjsip.conf includes, /etc/asterisk/pjsip_accounts.conf and pjsip_trunks.conf")
		case !bytes.Contains(written, []byte("["+account.endpoint+"]")):
			return wrong(seen, "the service has not told the PBX of callers' phones yet", "start the service: rappel serve --config "+e.file)
		}
		return wrong(seen, "the PBX has not read "+e.cfg.Asterisk.Accounts, "grep include /etc/asterisk/pjsip.conf; sudo asterisk -rx 'module reload res_pjsip.so'")
	case errors.As(err, &refused):
		return wrong(fmt.Sprintf("refused (%d)", refused.Code), "the dialplan has no echo test", "install asterisk/extensions.conf and: sudo asterisk -rx 'dialplan reload'")
	case err != nil:
		return wrong("no answer at "+e.cfg.Asterisk.SIP, short(err), "set asterisk.sip to the address where the PBX hears SIP, which this shows: sudo asterisk -rx 'pjsip show transports'")
	}
	answered := time.Since(begun)
	heard, err := c.HearTone(ctx, echoTone)
	if hangErr := c.Hangup(context.WithoutCancel(ctx)); err == nil {
		err = hangErr
	}
	if err != nil {
		return wrong("answered, and no echo heard", "audio does not come back: "+short(err), "open the ports of rtp.conf between phones and PBX; look at direct_media and NAT settings")
	}
	return fine("answered in %d ms, own tone heard after %.1f s", answered.Milliseconds(), heard.Sub(begun).Seconds())
}
