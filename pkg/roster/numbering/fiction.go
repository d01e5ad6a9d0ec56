package numbering

import (
	"fmt"
	"strings"
)

// Fictional reports whether an E.164 number lies in a range that its country reserves for fiction, so that it belongs to
// nobody and never will. For France the ranges are those of ARCEP's numbering plan (decision 2018-0881 as amended:
// 01 99 00, 02 61 91, 03 53 01, 04 65 71, 05 36 49 and 06 39 98, ten thousand numbers each). No such range is known for
// Belgium, nor for other countries here.
func Fictional(e164 string) bool {
	if len(e164) != len("+33199000000") || !digits(e164[1:]) {
		return false
	}
	for _, prefix := range FictionalPrefixes("FR") {
		if strings.HasPrefix(e164, prefix) {
			return true
		}
	}
	return false
}

// FictionalPrefixes lists the ranges reserved for fiction in a region, each without its last four digits; nil when none is
// known. The mobile range comes last.
func FictionalPrefixes(region string) []string {
	if region != "FR" {
		return nil
	}
	return []string{"+3319900", "+3326191", "+3335301", "+3346571", "+3353649", "+3363998"}
}

// AdmitDemo refuses to run a demonstration whose numbers might be somebody's on a trunk that leads to the outside.
func AdmitDemo(numbers []string, simulatedTrunk bool) error {
	if simulatedTrunk {
		return nil
	}
	for i, number := range numbers {
		if !Fictional(number) {
			return fmt.Errorf("number %d of %d is in no range reserved for fiction: "+
				"a demonstration with it runs on the simulated trunk only", i+1, len(numbers))
		}
	}
	return nil
}
