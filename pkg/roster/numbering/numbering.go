// Package numbering reads telephone numbers as people write them and says which of them a scheme may dial: numbers of its
// own country by default, never premium ones, and for demonstrations those that are reserved for fiction. It knows numbering
// plans through Google's metadata (github.com/nyaruka/phonenumbers) and does no I/O.
package numbering

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Errors of Parse.
var (
	// ErrEaten means that a spreadsheet wrote the number in scientific notation (3,24E+10): its last digits are lost.
	ErrEaten = errors.New("a spreadsheet has cut the number short")
	// ErrNotANumber means that the text is no telephone number at all.
	ErrNotANumber = errors.New("not a telephone number")
	// ErrInvalid means that no such number exists in its country.
	ErrInvalid = errors.New("no such number in its country")
)

// Parse reads a number as people write it ("0470/12.34.56", "+32 (0)81 24 74 54", "0032…", "01 99 00 00 01 poste 12") and
// returns it in E.164. A number without a country code belongs to region ("FR", "BE"). Numbers reserved for fiction are
// accepted though nobody has them.
func Parse(text, region string) (roster.Number, error) {
	text = strings.TrimSpace(text)
	if Eaten(text) {
		return roster.Number{}, ErrEaten
	}
	number, extension := splitExtension(text)
	// A spreadsheet or a script may have made the digits a decimal number; its integer part is whole.
	if whole, ok := strings.CutSuffix(number, ".0"); ok && digits(whole) && len(whole) >= 8 {
		number = whole
	}
	number = bare(number)
	if number == "" || len(text) > 64 {
		return roster.Number{}, ErrNotANumber
	}
	parsed, err := phonenumbers.Parse(number, region)
	if err != nil {
		return roster.Number{}, fmt.Errorf("%w: %w", ErrNotANumber, err)
	}
	e164 := phonenumbers.Format(parsed, phonenumbers.E164)
	if !phonenumbers.IsValidNumber(parsed) && !Fictional(e164) {
		return roster.Number{}, ErrInvalid
	}
	return roster.Number{E164: e164, Extension: extension}, nil
}

// Eaten reports whether a spreadsheet has written a number in scientific notation, and so lost digits of it.
func Eaten(text string) bool {
	mantissa, exponent, ok := strings.Cut(strings.ToUpper(strings.TrimSpace(text)), "E")
	if !ok {
		return false
	}
	exponent = strings.TrimPrefix(exponent, "+")
	mantissa = strings.TrimPrefix(strings.TrimPrefix(mantissa, "'"), "+")
	before, after, point := strings.Cut(strings.ReplaceAll(mantissa, ",", "."), ".")
	return digits(before) && digits(exponent) && (!point || digits(after))
}

// splitExtension cuts an extension off. The words are those of the four languages.
func splitExtension(text string) (number, extension string) {
	// Compiled here and not once for all: an import reads some ten thousand numbers a second at most, and the common ones
	// hold no letter or # and never get here.
	if !strings.ContainsFunc(text, func(r rune) bool { return r == '#' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }) {
		return text, ""
	}
	pattern := regexp.MustCompile(`(?i)^(.*?)[\s,;]*(?:;ext=|extension|ext\.?|poste|p\.|toestel|tst\.?|durchwahl|dw\.?|#|x)\s*(\d{1,8})$`)
	if match := pattern.FindStringSubmatch(text); match != nil {
		return match[1], match[2]
	}
	return text, ""
}

// bare strips what people put between digits. It returns nothing when the text holds anything else: phonenumbers would read
// letters as a keypad does.
func bare(number string) string {
	var out strings.Builder
	for i, r := range number {
		switch {
		case r >= '0' && r <= '9', r == '+' && i == 0:
			out.WriteRune(r)
		case strings.ContainsRune(" .-/()\u00a0\u202f\u2009\u2010\u2011\u2013", r):
		default:
			return ""
		}
	}
	return out.String()
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// Display writes a number for people of a region: nationally when it belongs to the region, internationally otherwise. A text
// that is no E.164 number comes back unchanged.
func Display(number roster.Number, region string) string {
	parsed, err := phonenumbers.Parse(number.E164, "")
	if err != nil {
		return number.E164
	}
	format := phonenumbers.INTERNATIONAL
	if phonenumbers.GetCountryCodeForRegion(region) == int(parsed.GetCountryCode()) {
		format = phonenumbers.NATIONAL
	}
	text := phonenumbers.Format(parsed, format)
	if number.Extension != "" {
		text += " ext. " + number.Extension
	}
	return text
}
