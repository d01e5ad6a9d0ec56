package numbering

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// ErrNotPresentable means that calls may not present a number, whoever owns it.
var ErrNotPresentable = errors.New("calls may not present this number")

// ForMachines are the beginnings, in E.164, of the numbers that a system which calls by itself may present in a region; nil
// where there is no such rule.
//
// France: since 1 January 2023 such a system presents no geographic, no ordinary 09 and no mobile number (law 2021-1485, article
// 24; ARCEP's decision 2022-1583, annex 1, the numbering plan). What is left are the "numéros polyvalents vérifiés" (2.3.7: 0162,
// 0163, 0270, 0271, 0377, 0378, 0424, 0425, 0568, 0569, 0948, 0949, and 09475 to 09479 overseas), those for exchanges with a
// "plateforme technique" (2.3.9: 0937 to 0939, such as for a reminder of an appointment), and special numbers that cost whoever
// rings back no more than a call (2.4.3 and 2.4.4: 0800 to 0809). Short numbers are no E.164 numbers and not known here. The
// category for calls of general interest that the law of 30 June 2025 announces has no beginning that we have read of.
//
// Belgium: no rule of the kind was found.
func ForMachines(region string) []string {
	if region != "FR" {
		return nil
	}
	return []string{
		"+33162", "+33163", "+33270", "+33271", "+33377", "+33378", "+33424", "+33425", "+33568", "+33569",
		"+33937", "+33938", "+33939", "+339475", "+339476", "+339477", "+339478", "+339479", "+33948", "+33949", "+3380",
	}
}

// Presentable reports whether calls of a scheme of a region may present a number: calls that a machine places, or those of people.
// The error wraps ErrNotPresentable and says what is wrong with it. That the operator permits the number is another question.
// What is reserved for fiction may be presented, if it is not mobile: no operator permits it.
//
// No call presents a number that costs whoever rings back more than a call does. In France no call of ours presents a mobile
// number: it may be presented from a mobile phone only (ARCEP's plan, 2.3.4, and its answers to professionals). In Belgium
// operators stop calls that come in from abroad with a Belgian number (royal decree of 12 May 2024), whatever they present: where a
// trunk leads cannot be seen by its numbers.
func Presentable(e164, region string, machine bool) error {
	if region == "FR" && (strings.HasPrefix(e164, "+336") || strings.HasPrefix(e164, "+337")) {
		return fmt.Errorf("%s is a mobile number, which in France is presented from a mobile phone only: %w", e164, ErrNotPresentable)
	}
	if Fictional(e164) {
		return nil
	}
	number, err := phonenumbers.Parse(e164, "")
	if err != nil || phonenumbers.Format(number, phonenumbers.E164) != e164 {
		return fmt.Errorf("%s is no number in E.164: %w", e164, ErrNotPresentable)
	}
	if kind := phonenumbers.GetNumberType(number); kind == phonenumbers.PREMIUM_RATE || kind == phonenumbers.SHARED_COST {
		return fmt.Errorf("%s costs whoever rings back more than a call: %w", e164, ErrNotPresentable)
	}
	may := ForMachines(region)
	if !machine || may == nil || slices.ContainsFunc(may, func(prefix string) bool { return strings.HasPrefix(e164, prefix) }) {
		return nil
	}
	return fmt.Errorf("%s is not one of the numbers that a machine may present in France (0162, 0163, 0270, 0271, 0377, 0378, 0424, 0425, "+
		"0568, 0569, 0937 to 0939, 0948, 0949, 09475 to 09479, 0800 to 0809): %w", e164, ErrNotPresentable)
}
