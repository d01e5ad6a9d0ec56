package ivr

import (
	"strings"
	"time"

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

var weekdays = map[roster.Language][7]string{ //nolint:gochecknoglobals // A table.
	roster.French:  {"dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"},
	roster.Dutch:   {"zondag", "maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag"},
	roster.German:  {"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"},
	roster.English: {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
}

// Weekdays lists days of the week: "mardi et jeudi", "Montag, Mittwoch und Freitag".
func Weekdays(lang roster.Language, days []time.Weekday) string {
	lang = known(lang)
	var b strings.Builder
	for i, day := range days {
		switch {
		case i == 0:
		case i == len(days)-1:
			b.WriteString(pick(lang, " et ", " en ", " und ", " and "))
		default:
			b.WriteString(", ")
		}
		b.WriteString(weekdays[lang][day])
	}
	return b.String()
}

var months = map[roster.Language][12]string{ //nolint:gochecknoglobals // A table.
	roster.French: {
		"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
		"décembre",
	},
	roster.Dutch: {
		"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november",
		"december",
	},
	roster.German: {
		"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
		"Dezember",
	},
	roster.English: {
		"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
		"December",
	},
}

// known returns the language when there are words for it, French otherwise.
func known(lang roster.Language) roster.Language {
	if _, ok := weekdays[lang]; ok {
		return lang
	}
	return roster.French
}

// Day says the local date of t: "mardi vingt-quatre novembre", "dinsdag vierentwintig november", "Dienstag, der
// vierundzwanzigste November", "Tuesday the twenty-fourth of November".
func Day(lang roster.Language, t time.Time) string {
	lang = known(lang)
	weekday, month := weekdays[lang][t.Weekday()], months[lang][t.Month()-1]
	switch lang {
	case roster.Dutch:
		return weekday + " " + dutch(t.Day()) + " " + month
	case roster.German:
		return weekday + ", der " + germanOrdinal(t.Day()) + " " + month
	case roster.English:
		return weekday + " the " + englishOrdinal(t.Day()) + " of " + month
	default:
		day := french(t.Day())
		if t.Day() == 1 {
			day = "premier"
		}
		return weekday + " " + day + " " + month
	}
}

func germanOrdinal(n int) string {
	switch n {
	case 1:
		return "erste"
	case 3:
		return "dritte"
	case 7:
		return "siebte"
	}
	if n < 20 {
		return german(n) + "te"
	}
	return german(n) + "ste"
}

func englishOrdinal(n int) string {
	special := map[int]string{
		1: "first", 2: "second", 3: "third", 5: "fifth", 8: "eighth", 9: "ninth", 12: "twelfth", 20: "twentieth",
		30: "thirtieth",
	}
	if w, ok := special[n]; ok {
		return w
	}
	if n > 20 {
		return englishTens[n/10] + "-" + englishOrdinal(n%10)
	}
	return english(n) + "th"
}

// Hour says the local time of day of t as people say it: "dix heures trente", "half elf", "halb elf", "half past ten in the
// morning".
func Hour(lang roster.Language, t time.Time) string {
	h, m := t.Hour(), t.Minute()
	switch known(lang) {
	case roster.Dutch:
		return dutchHour(h, m)
	case roster.German:
		return germanHour(h, m)
	case roster.English:
		return englishHour(h, m)
	default:
		return frenchHour(h, m)
	}
}

func frenchHour(h, m int) string {
	var hour string
	switch h {
	case 0:
		hour = "minuit"
	case 1, 21:
		hour = strings.TrimSuffix(french(h), "un") + "une heure"
		if h == 21 {
			hour += "s"
		}
	case 12:
		hour = "midi"
	default:
		hour = french(h) + " heures"
	}
	if m == 0 {
		return hour
	}
	minutes := french(m)
	if m%10 == 1 && m != 11 && m != 1 {
		minutes = strings.TrimSuffix(minutes, "un") + "une"
	} else if m == 1 {
		minutes = "une"
	}
	return hour + " " + minutes
}

// twelve is the hour on a clock face.
func twelve(h int) int {
	if h %= 12; h == 0 {
		return 12
	}
	return h
}

func dutchHour(h, m int) string {
	word := func(h int) string { return dutchUnits[twelve(h)] }
	var s string
	switch {
	case m == 0:
		s = word(h) + " uur"
	case m == 15:
		s = "kwart over " + word(h)
	case m < 20:
		s = dutch(m) + " over " + word(h)
	case m < 30:
		s = dutch(30-m) + " voor half " + word(h+1)
	case m == 30:
		s = "half " + word(h+1)
	case m <= 40:
		s = dutch(m-30) + " over half " + word(h+1)
	case m == 45:
		s = "kwart voor " + word(h+1)
	default:
		s = dutch(60-m) + " voor " + word(h+1)
	}
	return s + partOfDay(h, " 's nachts", "", " 's avonds")
}

func germanHour(h, m int) string {
	word := func(h int) string { return germanUnits[twelve(h)] }
	var s string
	switch {
	case m == 0 && twelve(h) == 1:
		s = "ein Uhr"
	case m == 0:
		s = word(h) + " Uhr"
	case m == 15:
		s = "Viertel nach " + word(h)
	case m <= 20:
		s = german(m) + " nach " + word(h)
	case m < 30:
		s = german(30-m) + " vor halb " + word(h+1)
	case m == 30:
		s = "halb " + word(h+1)
	case m < 40:
		s = german(m-30) + " nach halb " + word(h+1)
	case m == 45:
		s = "Viertel vor " + word(h+1)
	default:
		s = german(60-m) + " vor " + word(h+1)
	}
	return s + partOfDay(h, " nachts", "", " abends")
}

func englishHour(h, m int) string {
	word := func(h int) string { return englishUnits[twelve(h)] }
	minutes := func(m int) string {
		switch {
		case m == 1:
			return "one minute"
		case m%5 == 0:
			return english(m)
		default:
			return english(m) + " minutes"
		}
	}
	var s string
	switch {
	case m == 0 && h == 0:
		return "midnight"
	case m == 0 && h == 12:
		return "noon"
	case m == 0:
		s = word(h) + " o'clock"
	case m == 15:
		s = "quarter past " + word(h)
	case m < 30:
		s = minutes(m) + " past " + word(h)
	case m == 30:
		s = "half past " + word(h)
	case m == 45:
		s = "quarter to " + word(h+1)
	default:
		s = minutes(60-m) + " to " + word(h+1)
	}
	switch {
	case h < 6:
		return s + " at night"
	case h < 12:
		return s + " in the morning"
	case h < 18:
		return s + " in the afternoon"
	default:
		return s + " in the evening"
	}
}

// partOfDay tells the two halves of a clock face apart where people would; calls are made in the day.
func partOfDay(h int, night, day, evening string) string {
	switch {
	case h < 6:
		return night
	case h < 19:
		return day
	default:
		return evening
	}
}

// Moment says date and hour: "mardi vingt-quatre novembre à dix heures trente". When now (in the same zone) is not zero,
// today and tomorrow are said first.
func Moment(lang roster.Language, t, now time.Time) string {
	return relative(lang, t, now) + Day(lang, t) + pick(lang, " à ", " om ", ", um ", " at ") + Hour(lang, t)
}

// relative is "aujourd'hui, ", "demain, " or nothing.
func relative(lang roster.Language, t, now time.Time) string {
	if now.IsZero() {
		return ""
	}
	switch {
	case sameDay(t, now):
		return pick(lang, "aujourd'hui, ", "vandaag, ", "heute, ", "today, ")
	case sameDay(t, now.AddDate(0, 0, 1)):
		return pick(lang, "demain, ", "morgen, ", "morgen, ", "tomorrow, ")
	default:
		return ""
	}
}

func sameDay(a, b time.Time) bool {
	ay, am, ad := a.Date()
	by, bm, bd := b.In(a.Location()).Date()
	return ay == by && am == bm && ad == bd
}
