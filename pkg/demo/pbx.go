package demo

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/setup"
)

// ownPBX describes the Asterisk that was started here. The simulated network gets another loopback address than the staff's
// phones, since a PBX knows a trunk by its address.
func ownPBX(installation *setup.Installation, asterisk *setup.Asterisk) pbx {
	return pbx{
		sip: asterisk.SIPAddr(), network: "127.0.0.2:0",
		configure: func(config *app.Config) {
			config.Speech.Installation = installation.Dir
			c := &config.Asterisk
			c.ARI, c.User, c.Password = asterisk.ARIURL(), asterisk.ARIUser(), app.Secret(asterisk.ARIPassword())
			c.Sounds, c.PBXSounds = asterisk.SoundsDir(), asterisk.SoundsPath()
			c.Recordings, c.SIP = asterisk.RecordingsDir(), asterisk.SIPAddr().String()
			c.Accounts, c.Trunks = asterisk.AccountsPath(), asterisk.TrunksPath()

		},
	}
}

// otherPBX reads the address of an Asterisk that runs elsewhere.
func otherPBX(address string) (pbx, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User == nil {
		return pbx{}, errors.New("--ari: write http://user:password@host:8088/ari?sip=host:5060&accounts=FILE&trunks=FILE&sounds=DIR&pbx_sounds=DIR")
	}
	query := u.Query()
	sip, err := netip.ParseAddrPort(query.Get("sip"))
	if err != nil {
		return pbx{}, fmt.Errorf("--ari: sip=%q is no address:port of the PBX's SIP", query.Get("sip"))
	}
	for _, needed := range []string{"accounts", "trunks", "sounds"} {
		if query.Get(needed) == "" {
			return pbx{}, fmt.Errorf("--ari: the parameter %s= is missing", needed)
		}
	}
	password, _ := u.User.Password()
	user := u.User.Username()
	u.User, u.RawQuery = nil, ""
	network := "127.0.0.2:0"
	if !sip.Addr().IsLoopback() {
		network = query.Get("network")
		if _, err := netip.ParseAddrPort(network); err != nil {
			return pbx{}, errors.New("--ari: a PBX elsewhere also needs network=address:port, an address of this machine of its own")
		}
	}
	return pbx{
		sip: sip, network: network,
		configure: func(config *app.Config) {
			c := &config.Asterisk
			c.ARI, c.User, c.Password = u.String(), user, app.Secret(password)
			c.Accounts, c.Trunks, c.SIP = query.Get("accounts"), query.Get("trunks"), sip.String()
			c.Sounds, c.PBXSounds = query.Get("sounds"), query.Get("sounds")
			if there := query.Get("pbx_sounds"); there != "" {
				c.PBXSounds = there
			}
			if recordings := query.Get("recordings"); recordings != "" {
				c.Recordings = recordings
			}
		},
	}, nil
}
