package ivr

import (
	"strings"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Days and hours as people say them.

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

// On says the local date of t as it stands within a sentence: "mardi vingt-quatre novembre", "op dinsdag vierentwintig november", "am
// Dienstag, dem vierundzwanzigsten November", "on Tuesday the twenty-fourth of November". When now (in the same zone) is not zero, today
// and tomorrow are said first.
func On(lang roster.Language, t, now time.Time) string {
	lang = known(lang)
	soon := relative(lang, t, now)
	switch {
	case lang == roster.German:
		return soon + "am " + weekdays[lang][t.Weekday()] + ", dem " + germanOrdinal(t.Day()) + "n " + months[lang][t.Month()-1]
	case soon != "":
		return soon + Day(lang, t)
	default:
		return pick(lang, "", "op ", "", "on ") + Day(lang, t)
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
	case 8:
		return "achte"
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
	case 1:
		hour = "une heure"
	case 12:
		hour = "midi"
	default:
		hour = Feminine(roster.French, h) + " heures"
	}
	if m == 0 {
		return hour
	}
	return hour + " " + Feminine(roster.French, m)
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
