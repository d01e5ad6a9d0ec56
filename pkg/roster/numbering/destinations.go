package numbering

import (
	"fmt"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// DestinationOptions say where a scheme may call.
type DestinationOptions struct {
	// Region is the scheme's country ("FR", "BE"); required.
	Region string
	// Prefixes replace the default when there are any: E.164 beginnings such as "+32" or "+3281". Premium-rate and
	// shared-cost numbers stay refused whatever they say.
	Prefixes []string
}

// Destinations is the allow-list of one scheme's outbound numbers. The zero value allows nothing. It may be used by several
// goroutines.
type Destinations struct {
	country  int
	region   string
	prefixes []string
}

// NewDestinations checks the options and returns the allow-list.
func NewDestinations(options DestinationOptions) (Destinations, error) {
	country := phonenumbers.GetCountryCodeForRegion(options.Region)
	if country == 0 {
		return Destinations{}, fmt.Errorf("region %q is no country: write its two letters, such as FR or BE", options.Region)
	}
	for _, prefix := range options.Prefixes {
		rest, plus := strings.CutPrefix(prefix, "+")
		if !plus || !digits(rest) || rest[0] == '0' || len(rest) > 15 {
			return Destinations{}, fmt.Errorf("prefix %q is no beginning of an E.164 number: write it as +32 or +3281", prefix)
		}
	}
	return Destinations{country: country, region: options.Region, prefixes: append([]string(nil), options.Prefixes...)}, nil
}

// IsZero reports whether d was never made by NewDestinations.
func (d Destinations) IsZero() bool { return d.country == 0 }

// Allowed reports whether the scheme may dial a number. Without prefixes of its own these are the geographic, mobile and
// home-line (VoIP, France's 09) numbers of the scheme's country, and those of its country that are reserved for fiction.
// Anything but a plain valid E.164 number is refused.
func (d Destinations) Allowed(e164 string) bool {
	rest, plus := strings.CutPrefix(e164, "+")
	if !plus || !digits(rest) || len(rest) < 7 || len(rest) > 15 {
		return false
	}
	number, err := phonenumbers.Parse(e164, "")
	if err != nil || phonenumbers.Format(number, phonenumbers.E164) != e164 {
		return false
	}
	fictional := Fictional(e164)
	if !fictional && !phonenumbers.IsValidNumber(number) {
		return false
	}
	kind := phonenumbers.GetNumberType(number)
	if kind == phonenumbers.PREMIUM_RATE || kind == phonenumbers.SHARED_COST {
		return false
	}
	if len(d.prefixes) > 0 {
		for _, prefix := range d.prefixes {
			if strings.HasPrefix(e164, prefix) {
				return true
			}
		}
		return false
	}
	if d.country == 0 || int(number.GetCountryCode()) != d.country {
		return false
	}
	if fictional {
		return true
	}
	if phonenumbers.GetRegionCodeForNumber(number) != d.region {
		return false
	}
	switch kind {
	case phonenumbers.FIXED_LINE, phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE, phonenumbers.VOIP:
		return true
	default:
		return false
	}
}
