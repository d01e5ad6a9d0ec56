package sheet

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

// cells reads and writes what stands in cells. Its patterns are compiled once per import.
type cells struct {
	speech       *speech
	lang         int // Index of the language that decides about words with two meanings.
	region       string
	destinations numbering.Destinations
	hours        roster.Window

	times, date, minutes, seconds, between, or *regexp.Regexp
}

func newCells(lang int, region string, destinations numbering.Destinations, hours roster.Window) *cells {
	return &cells{
		speech: newSpeech(), lang: lang, region: region, destinations: destinations, hours: hours,
		times: regexp.MustCompile(`^(\d{1,2})(?:\s*(?::|h|u|\.|uhr|uur|heures?)\s*(\d{2})?)?\s*` +
			`(am|pm|a\.m\.|p\.m\.|uhr|uur|heures?|h|u)?$`),
		date:    regexp.MustCompile(`^(?:(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]00:00(?::00)?)?|(\d{1,2})[./-](\d{1,2})[./-](\d{4}))$`),
		minutes: regexp.MustCompile(`^(?:(\d{1,2})\s*(?:h|u|:)\s*(\d{2})?|(\d{1,3})\s*(?:'|min|minutes?|minuten|minuut)?)$`),
		seconds: regexp.MustCompile(`^(\d{1,3})\s*(?:s|sec|secondes?|seconden|sek|sekunden|seconds?)?$`),
		or:      regexp.MustCompile(`(?i)\s+(?:ou|et|of|en|oder|und|or|and|/)\s+|,\s+`),
		between: regexp.MustCompile(`\s+(?:à|a|au|jusqu'à|tot en met|tot|t/m|bis|to|until|till|et|en|und|and)\s+|\s*-\s*`),
	}
}

// numbers reads one or several numbers of one cell, separated by a semicolon, a comma, a line or a word.
func (c *cells) numbers(text string) ([]roster.Number, Code) {
	number, err := numbering.Parse(text, c.region)
	if err == nil {
		return c.dialled([]roster.Number{number})
	}
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == '|' || r == '\n' })
	if len(parts) == 1 {
		parts = c.or.Split(text, -1)
	}
	if len(parts) == 1 || numbering.Eaten(text) {
		return nil, numberCode(text, err)
	}
	var numbers []roster.Number
	for _, part := range parts {
		number, err := numbering.Parse(part, c.region)
		if err != nil {
			return nil, numberCode(part, err)
		}
		numbers = append(numbers, number)
	}
	return c.dialled(numbers)
}

func (c *cells) dialled(numbers []roster.Number) ([]roster.Number, Code) {
	for _, number := range numbers {
		if !c.destinations.Allowed(number.E164) {
			return nil, CodeNotAllowed
		}
	}
	return numbers, ""
}

// contacts reads contact people, each as NAME, RELATION, NUMBER, and parted by semicolons or lines.
func (c *cells) contacts(text string) ([]roster.ContactPerson, Code) {
	var people []roster.ContactPerson
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ';' || r == '\n' }) {
		rest, dialled, some := cutLast(part)
		name, relation, more := cutLast(rest)
		if !some || !more {
			return nil, CodeContacts
		}
		number, err := numbering.Parse(dialled, c.region)
		if err != nil {
			return nil, numberCode(dialled, err)
		}
		word, ambiguous := c.speech.relations.read(relation, c.lang)
		if word == "" || ambiguous || number.Extension != "" {
			return nil, CodeContacts
		}
		people = append(people, roster.ContactPerson{Name: name, Relation: roster.Relation(word), Number: number.E164})
	}
	if roster.CheckContactPeople(people) != nil {
		return nil, CodeContacts
	}
	return people, ""
}

// cutLast cuts at the last comma.
func cutLast(text string) (before, after string, found bool) {
	i := strings.LastIndexByte(text, ',')
	if i < 0 {
		return text, "", false
	}
	return strings.TrimSpace(text[:i]), strings.TrimSpace(text[i+1:]), true
}

// cadence reads a rhythm, with the number of calls a week when it names one (0 otherwise).
func (c *cells) cadence(text string) (roster.Cadence, int, Code) {
	if value, ambiguous := c.speech.cadences.read(text, c.lang); value != "" && !ambiguous {
		return roster.Cadence(value), 0, ""
	}
	count, week, day := 0, false, false
	for word := range strings.FieldsSeq(roster.Fold(text)) {
		switch word {
		case "semaine", "semaines", "sem", "hebdo", "week", "weken", "woche", "wochen", "wk":
			week = true
		case "jour", "dag", "tag", "day":
			day = true
		case "x", "fois", "keer", "maal", "mal", "times", "time", "par", "per", "pro", "a", "la", "die", "de", "der", "in", "im",
			"appel", "appels", "oproep", "oproepen", "anruf", "anrufe", "call", "calls":
		default:
			n := countOf(word)
			if n == 0 || count != 0 {
				return "", 0, CodeCadence
			}
			count = n
		}
	}
	switch {
	case week && !day && count >= 1 && count <= 7:
		return roster.Weekly, count, ""
	case day && !week && count == 1:
		return roster.Daily, 0, ""
	default:
		return "", 0, CodeCadence
	}
}

// countOf reads "3", "3x", "trois", "driemaal", "zweimal"; 0 when the word is no count from 1 to 7.
func countOf(word string) int {
	for _, suffix := range []string{"x", "mal", "maal", "keer"} {
		if rest, ok := strings.CutSuffix(word, suffix); ok && rest != "" {
			word = rest
			break
		}
	}
	for i, words := range [7]string{
		"1 un une een ein eine one once", "2 deux twee zwei two twice", "3 trois drie drei three", "4 quatre vier four",
		"5 cinq vijf funf five", "6 six zes sechs", "7 sept zeven sieben seven",
	} {
		if slices.Contains(strings.Fields(words), word) {
			return i + 1
		}
	}
	return 0
}

// days reads weekdays and ranges of them, and returns them from Monday on.
func (c *cells) days(text string) ([]time.Weekday, Code) {
	var chosen [8]bool // 1 is Monday, 7 is Sunday.
	if value, _ := c.speech.dayRanges.read(text, c.lang); value != "" {
		for day := value[0] - '0'; day <= value[2]-'0'; day++ {
			chosen[day] = true
		}
		return weekdays(chosen), ""
	}
	text = strings.NewReplacer("t/m", "-", "–", "-", "—", "-").Replace(strings.ToLower(text))
	text = strings.ReplaceAll(text, "-", " - ")
	last, ranged := 0, false
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,;/+&.\u00a0", r) }) {
		switch word {
		case "-", "à", "a", "au", "jusqu'au", "tot", "bis", "to", "through", "until":
			if last == 0 {
				return nil, CodeDays
			}
			ranged = true
			continue
		case "et", "en", "met", "und", "and", "du", "de", "le", "les", "von", "van", "from", "on", "am", "op":
			continue
		}
		value, ambiguous := c.speech.days.read(word, c.lang)
		if ambiguous {
			return nil, CodeDaysAmbiguous
		}
		if value == "" {
			return nil, CodeDays
		}
		day := int(value[0] - '0')
		if day == 0 {
			day = 7
		}
		if ranged {
			for last != day {
				last = last%7 + 1
				chosen[last] = true
			}
			ranged = false
		}
		chosen[day], last = true, day
	}
	if last == 0 || ranged {
		return nil, CodeDays
	}
	return weekdays(chosen), ""
}

func weekdays(chosen [8]bool) []time.Weekday {
	var out []time.Weekday
	for day := 1; day <= 7; day++ {
		if chosen[day] {
			out = append(out, time.Weekday(day%7))
		}
	}
	return out
}

// windows reads stretches of a day, some of them on days of the week: "9h30-12h", "09:30-12:00, 14:00-17:00", "de 14h à 17h",
// "morning", "lundi jeudi 9h-11h, mardi matin".
func (c *cells) windows(text string) ([]roster.Window, Code) {
	text = strings.NewReplacer("–", "-", "—", "-", "\u00a0", " ", "’", "'").Replace(strings.ToLower(text))
	var out []roster.Window
	days := "" // Of the next window, before a comma.
	for _, part := range c.windowParts(text) {
		if _, code := c.days(part); code == "" {
			days += " " + part
			continue
		}
		window, code := c.windowOn(strings.TrimSpace(days + " " + part))
		if code != "" {
			return nil, code
		}
		out, days = append(out, window), ""
	}
	switch {
	case roster.Overlap(out):
		return nil, CodeWindowsOverlap
	case len(out) == 0 || len(out) > roster.MostWindows || days != "":
		return nil, CodeWindows
	}
	return out, ""
}

// windowOn reads a window, after the days of the week on which it holds if there are any.
func (c *cells) windowOn(text string) (roster.Window, Code) {
	window, failed := c.window(text)
	if failed == "" {
		return window, ""
	}
	words := strings.Fields(text)
	for i := 1; i < len(words); i++ {
		window, code := c.window(strings.Join(words[i:], " "))
		if code == CodeWindows {
			continue
		}
		days, daysCode := c.days(strings.Join(words[:i], " "))
		switch {
		case daysCode == CodeDaysAmbiguous:
			return roster.Window{}, daysCode
		case daysCode != "":
			continue
		}
		if window.Days = roster.WeekdaysOf(days...); window.Days == roster.EveryDay {
			window.Days = 0
		}
		return window, code
	}
	return roster.Window{}, failed
}

// windowParts cuts at commas and the like, and at a word for "and" that does not stand between two times of one window.
func (c *cells) windowParts(text string) []string {
	var parts []string
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",;+&/|\n", r) }) {
		pieces := []string{""}
		for word := range strings.FieldsSeq(part) {
			last := len(pieces) - 1
			joins := word == "et" || word == "en" || word == "und" || word == "and" || word == "ou" || word == "of" || word == "oder"
			if _, code := c.window(pieces[last]); joins && code == "" {
				pieces = append(pieces, "")
				continue
			}
			pieces[last] = strings.TrimSpace(pieces[last] + " " + word)
		}
		parts = append(parts, pieces...)
	}
	return parts
}

func (c *cells) window(text string) (roster.Window, Code) {
	text = strings.TrimSpace(text)
	switch value, _ := c.speech.halves.read(text, c.lang); value {
	case "morning":
		return checked(roster.Window{Begin: c.hours.Begin, End: 12 * 60})
	case "afternoon":
		return checked(roster.Window{Begin: 13 * 60, End: c.hours.End})
	case "any":
		return c.hours, ""
	}
	for _, word := range []string{"entre ", "de ", "tussen ", "van ", "zwischen ", "von ", "between ", "from "} {
		text = strings.TrimPrefix(text, word)
	}
	ends := c.between.Split(text, -1)
	if len(ends) != 2 {
		return roster.Window{}, CodeWindows
	}
	begin, ok := c.clock(ends[0])
	end, alsoOK := c.clock(ends[1])
	if !ok || !alsoOK {
		return roster.Window{}, CodeWindows
	}
	return checked(roster.Window{Begin: begin, End: end})
}

func checked(w roster.Window) (roster.Window, Code) {
	if w.Begin >= w.End {
		return roster.Window{}, CodeWindowBackward
	}
	return w, ""
}

// clock reads a time of day.
func (c *cells) clock(text string) (roster.Clock, bool) {
	match := c.times.FindStringSubmatch(strings.TrimSpace(text))
	if match == nil {
		return 0, false
	}
	hour, _ := strconv.Atoi(match[1]) // The pattern has one or two digits.
	minute := 0
	if match[2] != "" {
		minute, _ = strconv.Atoi(match[2])
	}
	if half := match[3]; half != "" && (half[0] == 'a' || half[0] == 'p') {
		if hour < 1 || hour > 12 {
			return 0, false
		}
		hour %= 12
		if half[0] == 'p' {
			hour += 12
		}
	}
	if minute > 59 || hour > 24 || hour == 24 && minute > 0 {
		return 0, false
	}
	return roster.Clock(hour*60 + minute), true
}

// day reads a date, the day before the month unless the year comes first.
func (c *cells) day(text string) (time.Time, Code) {
	match := c.date.FindStringSubmatch(strings.TrimSpace(text))
	if match == nil {
		return time.Time{}, CodeDate
	}
	year, month, day := match[1], match[2], match[3]
	if year == "" {
		year, month, day = match[6], match[5], match[4]
	}
	y, _ := strconv.Atoi(year) // Digits only, by the pattern.
	m, _ := strconv.Atoi(month)
	d, _ := strconv.Atoi(day)
	date := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if date.Year() != y || int(date.Month()) != m || date.Day() != d || y < 1900 || y > 2200 {
		return time.Time{}, CodeDate
	}
	return date, ""
}

// dates reads several dates.
func (c *cells) dates(text string) ([]time.Time, Code) {
	var out []time.Time
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",;|& \u00a0", r) }) {
		date, code := c.day(part)
		if code != "" {
			return nil, code
		}
		out = append(out, date)
	}
	return out, ""
}

// zone reads an IANA time zone.
func (c *cells) zone(text string) (string, Code) {
	if _, err := time.LoadLocation(text); err != nil || text == "Local" {
		return "", CodeZone
	}
	return text, ""
}

// nth reads which of a weekday in the month: 1 to 4, or -1 for the last.
func (c *cells) nth(text string) (int, Code) {
	value, ambiguous := c.speech.nths.read(text, c.lang)
	switch {
	case value == "" || ambiguous:
		return 0, CodeWord
	case value == "last":
		return -1, ""
	default:
		return int(value[0] - '0'), ""
	}
}

// count reads a number of calls; 0 is none in particular.
func (c *cells) count(text string) (int, Code) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1000 {
		return 0, CodeCount
	}
	return n, ""
}

// length reads a planned length.
func (c *cells) length(text string) (time.Duration, Code) {
	total, ok := c.minutesOf(text)
	if !ok || total < 1 || total > 240 {
		return 0, CodeLength
	}
	return time.Duration(total) * time.Minute, ""
}

// span reads a stretch of a caller's day; 0 is none in particular.
func (c *cells) span(text string) (time.Duration, Code) {
	total, ok := c.minutesOf(text)
	if !ok || total > 960 {
		return 0, CodeMinutes
	}
	return time.Duration(total) * time.Minute, ""
}

// minutesOf reads minutes, or hours and minutes as 1h30.
func (c *cells) minutesOf(text string) (int, bool) {
	match := c.minutes.FindStringSubmatch(strings.ToLower(strings.TrimSpace(text)))
	if match == nil {
		return 0, false
	}
	total := 0
	for i, scale := range []int{60, 1, 1} {
		if match[i+1] != "" {
			n, _ := strconv.Atoi(match[i+1]) // Digits only, by the pattern.
			total += n * scale
		}
	}
	return total, true
}

// ring reads how long a phone rings, in seconds.
func (c *cells) ring(text string) (time.Duration, Code) {
	match := c.seconds.FindStringSubmatch(strings.ToLower(strings.TrimSpace(text)))
	if match == nil {
		return 0, CodeRing
	}
	n, _ := strconv.Atoi(match[1]) // Digits only, by the pattern.
	if n < 5 || n > 180 {
		return 0, CodeRing
	}
	return time.Duration(n) * time.Second, ""
}

// several reads a list of words of one lexicon, in order, each once.
func (c *cells) several(l lexicon, text string) ([]string, bool) {
	var out []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",;/+&|", r) }) {
		value, ambiguous := l.read(word, c.lang)
		if value == "" || ambiguous {
			return nil, false
		}
		if !slices.Contains(out, value) {
			out = append(out, value)
		}
	}
	return out, len(out) > 0
}
