package sheet

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// ExportOptions say how a file is written.
type ExportOptions struct {
	Book      roster.Book
	Language  roster.Language // Of headings and words; empty means French.
	Separator rune            // 0 means a semicolon, which spreadsheets of these countries expect.
}

// exportColumns are the columns of an export, in order.
func exportColumns() []string {
	return []string{
		columnRef, columnKind, columnFamily, columnGiven, columnNumber, columnNumber, columnNumber, columnLanguage, columnClass,
		columnCadence, columnPerWeek, columnDays, columnMonthDay, columnNth, columnDates, columnWindows, columnZone, columnLength,
		columnFrom, columnUntil, columnContinuity, columnCallerRing, columnRing, columnHard, columnWaits, columnSimpler, columnStraight, columnContacts,
		columnReference, columnDeputy, columnConsent, columnConsentOn, columnConsentHow,
		columnSource, columnPurpose, columnSkills, columnMaxTalk, columnMaxCalls, columnMaxHard, columnMaxInRow, columnBreather,
		columnActive,
	}
}

// Export writes everybody of the book who has a name as a CSV file that Import reads back without a change: UTF-8 with a byte-order mark,
// staff first, cells that would start a formula guarded by an apostrophe. It returns how many people were written and holds
// one of them in memory at a time.
func Export(ctx context.Context, file io.Writer, options ExportOptions) (int, error) {
	if options.Book == nil {
		return 0, errors.New("export needs a book")
	}
	if options.Separator == 0 {
		options.Separator = ';'
	}
	w := writer{csv: csv.NewWriter(file), speech: newSpeech(), lang: languageIndex(options.Language)}
	w.csv.Comma, w.csv.UseCRLF = options.Separator, true
	if _, err := io.WriteString(file, "\ufeff"); err != nil {
		return 0, fmt.Errorf("write the file: %w", err)
	}
	if err := w.headings(); err != nil {
		return 0, err
	}
	count := 0
	for s, err := range options.Book.Staff(ctx) {
		if err != nil {
			return count, fmt.Errorf("read staff: %w", err)
		}
		if err := w.row(w.staff(s)); err != nil {
			return count, err
		}
		count++
	}
	for b, err := range options.Book.Beneficiaries(ctx) {
		if err != nil {
			return count, fmt.Errorf("read beneficiaries: %w", err)
		}
		if b.Given == "" && b.Family == "" {
			continue // Who she was is erased, or never was known: it could not be read back.
		}
		if err := w.row(w.beneficiary(b)); err != nil {
			return count, err
		}
		count++
	}
	w.csv.Flush()
	if err := w.csv.Error(); err != nil {
		return count, fmt.Errorf("write the file: %w", err)
	}
	return count, nil
}

type writer struct {
	csv    *csv.Writer
	speech *speech
	lang   int
}

func (w *writer) headings() error {
	var row []string
	numbers := 0
	for _, column := range exportColumns() {
		heading := w.speech.headings.write(column, w.lang)
		if column == columnNumber {
			if numbers++; numbers > 1 {
				heading += " " + strconv.Itoa(numbers)
			}
		}
		row = append(row, heading)
	}
	return w.write(row)
}

// row writes what a person has in each column. The texts of columnNumber are given as one, joined by semicolons.
func (w *writer) row(texts map[string]string) error {
	numbers := strings.SplitN(texts[columnNumber], ";", 3)
	var row []string
	for _, column := range exportColumns() {
		text := texts[column]
		if column == columnNumber {
			text = ""
			if len(numbers) > 0 {
				text, numbers = numbers[0], numbers[1:]
			}
		}
		row = append(row, guard(text))
	}
	return w.write(row)
}

func (w *writer) write(row []string) error {
	if err := w.csv.Write(row); err != nil {
		return fmt.Errorf("write the file: %w", err)
	}
	return nil
}

func (w *writer) staff(s roster.Staff) map[string]string {
	s = s.Normal()
	var kinds, languages []string
	for _, role := range s.Roles {
		kinds = append(kinds, w.speech.kinds.write(string(role), w.lang))
	}
	for _, language := range s.Languages {
		languages = append(languages, w.speech.languages.write(string(language), w.lang))
	}
	active := "yes"
	if s.Disabled {
		active = "no"
	}
	return map[string]string{
		columnRef: s.Ref, columnKind: strings.Join(kinds, ", "), columnFamily: s.Family, columnGiven: s.Given,
		columnNumber: numberText(s.Number), columnLanguage: strings.Join(languages, ", "),
		columnSkills: strings.Join(s.Skills, ", "), columnActive: w.speech.truths.write(active, w.lang),
		columnMaxTalk: numberOrNone(int(s.Load.Talk / time.Minute)), columnBreather: numberOrNone(int(s.Load.Breather / time.Minute)),
		columnMaxCalls: numberOrNone(s.Load.Calls), columnMaxHard: numberOrNone(s.Load.Hard),
		columnMaxInRow: numberOrNone(s.Load.HardInRow),
	}
}

// numberOrNone leaves the cell of a 0 empty.
func numberOrNone(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func (w *writer) beneficiary(b roster.Beneficiary) map[string]string {
	b = b.Normal()
	var numbers []string
	for _, number := range b.Numbers {
		numbers = append(numbers, numberText(number))
	}
	texts := map[string]string{
		columnRef: b.Ref, columnKind: w.speech.kinds.write("beneficiary", w.lang), columnFamily: b.Family, columnGiven: b.Given,
		columnNumber: strings.Join(numbers, ";"), columnLanguage: w.speech.languages.write(string(b.Language), w.lang),
		columnZone: b.Zone, columnClass: strconv.Itoa(b.Class), columnReference: b.Reference, columnDeputy: b.Deputy,
		columnConsent:   w.speech.consents.write(string(b.Consent.State), w.lang),
		columnConsentOn: dateText(b.Consent.On), columnConsentHow: b.Consent.How,
		columnSource:  w.speech.sources.write(string(b.Source), w.lang),
		columnPurpose: w.speech.purposes.write(string(b.Purpose), w.lang), columnContacts: w.contacts(b.Contacts),
	}
	for column, set := range map[string]bool{columnWaits: b.LongerWaits, columnSimpler: b.Simpler, columnStraight: b.StraightToPerson} {
		if set {
			texts[column] = w.speech.truths.write("yes", w.lang)
		}
	}
	if a := b.Agreement; a.Cadence != "" {
		texts[columnCadence] = w.speech.cadences.write(string(a.Cadence), w.lang)
		if a.Cadence == roster.Weekly {
			texts[columnPerWeek] = strconv.Itoa(a.PerWeek)
		}
		texts[columnDays] = w.days(a.Days)
		texts[columnWindows] = w.windows(a.Windows)
		texts[columnMonthDay], texts[columnNth] = numberOrNone(a.MonthDay), w.nth(a.Nth)
		texts[columnDates], texts[columnSkills] = datesText(a.Dates), strings.Join(a.Skills, ", ")
		if a.Hard {
			texts[columnHard] = w.speech.truths.write("yes", w.lang)
		}
		texts[columnLength] = strconv.Itoa(int(a.Length / time.Minute))
		texts[columnFrom], texts[columnUntil] = dateText(a.ValidFrom), dateText(a.ValidUntil)
		texts[columnContinuity] = w.speech.continuities.write(string(a.Continuity), w.lang)
		texts[columnCallerRing] = strconv.Itoa(int(a.CallerRing / time.Second))
		texts[columnRing] = strconv.Itoa(int(a.Ring / time.Second))
	}
	return texts
}

// contacts writes each as "Marie Dupont, voisine, +33199001234".
func (w *writer) contacts(list []roster.ContactPerson) string {
	texts := make([]string, len(list))
	for i, c := range list {
		texts[i] = strings.Join([]string{c.Name, w.speech.relations.write(string(c.Relation), w.lang), c.Number}, ", ")
	}
	return strings.Join(texts, "; ")
}

func (w *writer) days(days []time.Weekday) string {
	var words []string
	for _, day := range days {
		words = append(words, w.speech.days.write(strconv.Itoa(int(day)), w.lang))
	}
	return strings.Join(words, ", ")
}

func numberText(n roster.Number) string {
	if n.Extension == "" {
		return n.E164
	}
	return n.E164 + " ext. " + n.Extension
}

// windows writes windows, each after the days of the week on which it holds.
func (w *writer) windows(windows []roster.Window) string {
	var texts []string
	for _, window := range windows {
		text := fmt.Sprintf("%02d:%02d-%02d:%02d", window.Begin/60, window.Begin%60, window.End/60, window.End%60)
		for i := 7; i >= 1 && window.Days != 0; i-- {
			if day := time.Weekday(i % 7); window.Days.Has(day) {
				text = w.speech.days.write(strconv.Itoa(int(day)), w.lang) + " " + text
			}
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

func (w *writer) nth(n int) string {
	switch n {
	case 0:
		return ""
	case -1:
		return w.speech.nths.write("last", w.lang)
	default:
		return w.speech.nths.write(strconv.Itoa(n), w.lang)
	}
}

func datesText(dates []time.Time) string {
	texts := make([]string, len(dates))
	for i, date := range dates {
		texts[i] = date.Format(time.DateOnly)
	}
	return strings.Join(texts, ", ")
}

func dateText(date time.Time) string {
	if date.IsZero() {
		return ""
	}
	return date.Format(time.DateOnly)
}
