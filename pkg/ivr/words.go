package ivr

import (
	"strings"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Speech engines read digits badly, and some not at all, so that every number, date and hour becomes words here.

// Number writes n in words. Beyond -9999 to 9999 it spells the digits one by one.
func Number(lang roster.Language, n int) string {
	if n < 0 {
		return pick(lang, "moins ", "min ", "minus ", "minus ") + Number(lang, -n)
	}
	if n > 9999 {
		return Number(lang, n/10) + " " + Number(lang, n%10)
	}
	switch lang {
	case roster.Dutch:
		return dutch(n)
	case roster.German:
		return german(n)
	case roster.English:
		return english(n)
	default:
		return french(n)
	}
}

func pick(lang roster.Language, fr, nl, de, en string) string {
	switch lang {
	case roster.Dutch:
		return nl
	case roster.German:
		return de
	case roster.English:
		return en
	default:
		return fr
	}
}

var frenchUnits = [...]string{ //nolint:gochecknoglobals // A table.
	"zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze", "treize",
	"quatorze", "quinze", "seize", "dix-sept", "dix-huit", "dix-neuf",
}

var frenchTens = [...]string{ //nolint:gochecknoglobals // A table.
	"", "", "vingt", "trente", "quarante", "cinquante", "soixante", "soixante", "quatre-vingt", "quatre-vingt",
}

func french(n int) string {
	switch {
	case n < 20:
		return frenchUnits[n]
	case n < 100:
		tens, unit := n/10, n%10
		if tens == 7 || tens == 9 {
			unit += 10
		}
		switch {
		case n == 80:
			return "quatre-vingts"
		case unit == 0:
			return frenchTens[tens]
		case (unit == 1 || unit == 11) && tens < 8:
			return frenchTens[tens] + " et " + frenchUnits[unit]
		default:
			return frenchTens[tens] + "-" + frenchUnits[unit]
		}
	case n < 1000:
		head := "cent"
		if n >= 200 {
			head = frenchUnits[n/100] + " cent"
			if n%100 == 0 {
				return head + "s"
			}
		}
		return join(head, n%100, french)
	default:
		head := "mille"
		if n >= 2000 {
			head = french(n/1000) + " mille"
		}
		return join(head, n%1000, french)
	}
}

func join(head string, rest int, words func(int) string) string {
	if rest == 0 {
		return head
	}
	return head + " " + words(rest)
}

var dutchUnits = [...]string{ //nolint:gochecknoglobals // A table.
	"nul", "één", "twee", "drie", "vier", "vijf", "zes", "zeven", "acht", "negen", "tien", "elf", "twaalf", "dertien",
	"veertien", "vijftien", "zestien", "zeventien", "achttien", "negentien",
}

var dutchTens = [...]string{ //nolint:gochecknoglobals // A table.
	"", "", "twintig", "dertig", "veertig", "vijftig", "zestig", "zeventig", "tachtig", "negentig",
}

func dutch(n int) string {
	switch {
	case n < 20:
		return dutchUnits[n]
	case n < 100:
		unit, tens := n%10, dutchTens[n/10]
		switch unit {
		case 0:
			return tens
		case 1:
			return "eenen" + tens
		case 2, 3:
			return dutchUnits[unit] + "ën" + tens
		default:
			return dutchUnits[unit] + "en" + tens
		}
	case n < 1000:
		head := "honderd"
		if n >= 200 {
			head = dutchUnits[n/100] + "honderd"
		}
		return join(head, n%100, dutch)
	default:
		head := "duizend"
		if n >= 2000 {
			head = dutch(n/1000) + "duizend"
		}
		return join(head, n%1000, dutch)
	}
}

var germanUnits = [...]string{ //nolint:gochecknoglobals // A table.
	"null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf", "dreizehn",
	"vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn",
}

var germanTens = [...]string{ //nolint:gochecknoglobals // A table.
	"", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig",
}

func german(n int) string {
	one := func(n int) string {
		if n == 1 {
			return "ein"
		}
		return germanUnits[n]
	}
	switch {
	case n < 20:
		return germanUnits[n]
	case n < 100:
		if n%10 == 0 {
			return germanTens[n/10]
		}
		return one(n%10) + "und" + germanTens[n/10]
	case n < 1000:
		head := one(n/100) + "hundert"
		if n%100 == 0 {
			return head
		}
		return head + german(n%100)
	default:
		head := "ein"
		if n >= 2000 {
			head = german(n / 1000)
		}
		head += "tausend"
		if n%1000 == 0 {
			return head
		}
		return head + german(n%1000)
	}
}

var englishUnits = [...]string{ //nolint:gochecknoglobals // A table.
	"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
	"fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
}

var englishTens = [...]string{ //nolint:gochecknoglobals // A table.
	"", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
}

func english(n int) string {
	switch {
	case n < 20:
		return englishUnits[n]
	case n < 100:
		if n%10 == 0 {
			return englishTens[n/10]
		}
		return englishTens[n/10] + "-" + englishUnits[n%10]
	case n < 1000:
		head := englishUnits[n/100] + " hundred"
		if n%100 == 0 {
			return head
		}
		return head + " and " + english(n%100)
	default:
		return join(english(n/1000)+" thousand", n%1000, english)
	}
}

// Ordinal is a place in a row in words, from the first to the tenth, of a person (the second): feminine in French. Another place
// is a number.
func Ordinal(lang roster.Language, n int) string {
	words := map[roster.Language][]string{
		roster.French:  {"première", "deuxième", "troisième", "quatrième", "cinquième", "sixième", "septième", "huitième", "neuvième", "dixième"},
		roster.Dutch:   {"eerste", "tweede", "derde", "vierde", "vijfde", "zesde", "zevende", "achtste", "negende", "tiende"},
		roster.German:  {"erste", "zweite", "dritte", "vierte", "fünfte", "sechste", "siebte", "achte", "neunte", "zehnte"},
		roster.English: {"first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"},
	}[known(lang)]
	if n < 1 || n > len(words) {
		return Number(lang, n)
	}
	return words[n-1]
}

// Feminine is a number of things that are feminine in French: "vingt et une minutes". In other languages it is Number.
func Feminine(lang roster.Language, n int) string {
	words := Number(lang, n)
	if known(lang) == roster.French && (strings.HasSuffix(words, " un") || strings.HasSuffix(words, "-un") || words == "un") {
		return words + "e"
	}
	return words
}

// Digits spells a text digit by digit, as telephone numbers are read; other characters become pauses.
func Digits(lang roster.Language, s string) string {
	var words []string
	for _, r := range s {
		if r >= '0' && r <= '9' {
			words = append(words, Number(lang, int(r-'0')))
		}
	}
	return strings.Join(words, ", ")
}
