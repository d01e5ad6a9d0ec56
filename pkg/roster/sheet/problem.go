package sheet

import (
	"errors"
	"strconv"
	"strings"

	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

// Code says what is the matter with a row.
type Code string

// The codes. Those of hints come last.
const (
	CodeLineTooLong    Code = "line_too_long"
	CodeBadText        Code = "bad_text"
	CodeOpenQuote      Code = "open_quote"
	CodeBadQuote       Code = "bad_quote"
	CodeCut            Code = "cut"
	CodeTooManyCells   Code = "too_many_cells"
	CodeNoRef          Code = "no_ref"
	CodeRefEaten       Code = "ref_eaten"
	CodeTooLong        Code = "too_long"
	CodeRefTwice       Code = "ref_twice"
	CodeKind           Code = "kind"
	CodeKindChanged    Code = "kind_changed"
	CodeNotForStaff    Code = "not_for_staff"
	CodeContacts       Code = "contacts"
	CodeNotForCalled   Code = "not_for_beneficiary"
	CodeNoName         Code = "no_name"
	CodeNoNumber       Code = "no_number"
	CodeNumberEaten    Code = "number_eaten"
	CodeNotANumber     Code = "not_a_number"
	CodeInvalidNumber  Code = "invalid_number"
	CodeNotAllowed     Code = "number_not_allowed"
	CodeOneNumber      Code = "one_number"
	CodeWord           Code = "word"
	CodeOneLanguage    Code = "one_language"
	CodeClass          Code = "class"
	CodeCadence        Code = "cadence"
	CodeNoCadence      Code = "no_cadence"
	CodePerWeek        Code = "per_week"
	CodePerWeekCadence Code = "per_week_cadence"
	CodePerWeekDays    Code = "per_week_days"
	CodeDays           Code = "days"
	CodeDaysAmbiguous  Code = "days_ambiguous"
	CodeWindows        Code = "windows"
	CodeWindowBackward Code = "window_backward"
	CodeWindowsOverlap Code = "windows_overlap"
	CodeDate           Code = "date"
	CodeDatesBackward  Code = "dates_backward"
	CodeOnceNoDate     Code = "once_no_date"
	CodeLength         Code = "length"
	CodeRing           Code = "ring"
	CodeZone           Code = "zone"
	CodeMonthDay       Code = "month_day"
	CodeMonthly        Code = "monthly"
	CodeNthDay         Code = "nth_day"
	CodeDatesOnce      Code = "dates_once"
	CodeCount          Code = "count"
	CodeMinutes        Code = "minutes"
	CodeUnknownCaller  Code = "unknown_caller"
	CodeNotACaller     Code = "not_a_caller"
	CodeSameCaller     Code = "same_caller"
	CodeRefused        Code = "refused"
	CodeNumberRefused  Code = "number_refused"
	CodeSameName       Code = "same_name"
	CodeSameNumber     Code = "same_number"
	CodeSameNameNumber Code = "same_name_and_number"
	CodeUnknownHeading Code = "unknown_heading"
)

// Problem is a row that was refused, or a hint about one that was kept. It quotes what the file says, so that it is for the
// operator's eyes and never for a log.
type Problem struct {
	Line   int    `json:"line"`             // Where the row begins, from 1.
	Column string `json:"column,omitempty"` // The heading, as the file writes it; empty for the whole row.
	Code   Code   `json:"code"`
	Hint   bool   `json:"hint,omitempty"`  // The row was kept.
	Given  string `json:"given,omitempty"` // What stood in the cell, shortened.
	Other  string `json:"other,omitempty"` // Another ref, another line or the words that are understood.
}

// In writes the problem in a language, without line and column.
func (p Problem) In(language roster.Language) string {
	return strings.NewReplacer("{given}", p.Given, "{other}", p.Other).Replace(sentence(p.Code, languageIndex(language)))
}

// Text writes the whole problem on one line, as the import prints it.
func (p Problem) Text(language roster.Language) string {
	word := [4]string{"ligne", "regel", "Zeile", "line"}[languageIndex(language)]
	text := word + " " + strconv.Itoa(p.Line)
	if p.Column != "" {
		text += ", " + p.Column
	}
	colon := [4]string{" : ", ": ", ": ", ": "}[languageIndex(language)]
	return text + colon + p.In(language)
}

func numberCode(text string, err error) Code {
	switch {
	case numbering.Eaten(text), errors.Is(err, numbering.ErrEaten):
		return CodeNumberEaten
	case errors.Is(err, numbering.ErrInvalid):
		return CodeInvalidNumber
	default:
		return CodeNotANumber
	}
}

// shorten keeps a quotation of a cell readable.
func shorten(text string) string {
	const most = 60
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most]) + "…"
}
