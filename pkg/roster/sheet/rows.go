package sheet

import (
	"errors"
	"io"
	"strings"
	"unicode"
)

// A quoted cell may run over this many lines and bytes. Beyond that its opening quote is taken for a mistake, and only the row
// in which it stands is lost.
const (
	maxCellLines = 50
	maxCellBytes = 64 << 10
)

// row is one record of the file.
type row struct {
	line    int // Where it begins, from 1.
	cells   []string
	ended   bool // A line break follows it.
	problem Code // Why it cannot be read; empty when it can.
}

// blank reports whether a row holds nothing.
func (r row) blank() bool {
	for _, cell := range r.cells {
		if cell != "" {
			return false
		}
	}
	return r.problem == ""
}

// rows reads records (RFC 4180, with other separators allowed). What follows a broken record is read all the same.
type rows struct {
	lines     *lines
	separator byte
	pushed    []line // Read ahead for a quoted cell that turned out not to end.
}

func (r *rows) nextLine() (line, error) {
	if len(r.pushed) > 0 {
		first := r.pushed[0]
		r.pushed = r.pushed[1:]
		return first, nil
	}
	return r.lines.next()
}

// next returns the next record, or io.EOF.
func (r *rows) next() (row, error) {
	first, err := r.nextLine()
	if err != nil {
		return row{}, err
	}
	out := row{line: first.number, ended: first.ended}
	if first.problem != "" {
		out.problem = first.problem
		return out, nil
	}
	text := first.text
	var ahead []line
	for {
		cells, open, problem := split(text, r.separator)
		if !open && problem != "" && len(ahead) > 0 {
			// The quote that closed it belongs to another row.
			r.pushed = append(ahead, r.pushed...)
			out.problem = CodeOpenQuote
			return out, nil
		}
		if !open {
			out.cells, out.problem = cells, problem
			return out, nil
		}
		following, err := r.nextLine()
		if errors.Is(err, io.EOF) || (err == nil && (following.problem != "" || len(ahead) == maxCellLines ||
			len(text)+len(following.text) > maxCellBytes)) {
			if err == nil {
				ahead = append(ahead, following)
			}
			r.pushed = append(ahead, r.pushed...)
			out.problem = CodeOpenQuote
			return out, nil
		}
		if err != nil {
			return row{}, err
		}
		ahead = append(ahead, following)
		text += "\n" + following.text
		out.ended = following.ended
	}
}

// split cuts a record into trimmed cells. It reports open when a quoted cell has not ended.
func split(text string, separator byte) (cells []string, open bool, problem Code) {
	for {
		start := strings.TrimLeft(text, " ")
		var cell string
		if strings.HasPrefix(start, `"`) {
			content, rest, closed := unquote(start[1:])
			if !closed {
				return nil, true, ""
			}
			rest = strings.TrimLeft(rest, " ")
			if rest != "" && rest[0] != separator {
				return nil, false, CodeBadQuote
			}
			cell, text = content, rest
		} else {
			end := strings.IndexByte(text, separator)
			if end < 0 {
				end = len(text)
			}
			cell, text = text[:end], text[end:]
		}
		cell, ok := clean(cell)
		if !ok {
			return nil, false, CodeBadText
		}
		cells = append(cells, cell)
		if text == "" {
			return cells, false, ""
		}
		text = text[1:] // The separator; after it there is always one more cell.
	}
}

// unquote reads a quoted cell after its opening quote; two quotes stand for one.
func unquote(text string) (content, rest string, closed bool) {
	var out strings.Builder
	for {
		end := strings.IndexByte(text, '"')
		if end < 0 {
			return "", "", false
		}
		out.WriteString(text[:end])
		text = text[end+1:]
		if !strings.HasPrefix(text, `"`) {
			return out.String(), text, true
		}
		out.WriteByte('"')
		text = text[1:]
	}
}

// clean trims a cell, makes one space of each line break and tab in it, and takes off the apostrophe that Export sets before
// a formula. It refuses other control characters.
func clean(cell string) (string, bool) {
	cell = strings.TrimFunc(cell, unicode.IsSpace)
	plain := true
	for _, r := range cell {
		if r == '\n' || r == '\t' || r == '\r' {
			plain = false
		} else if unicode.IsControl(r) {
			return "", false
		}
	}
	if !plain {
		cell = strings.Join(strings.FieldsFunc(cell, func(r rune) bool { return r == '\n' || r == '\t' || r == '\r' }), " ")
	}
	return unguard(cell), true
}

// guard sets an apostrophe before a cell that a spreadsheet would take for a formula (OWASP, CSV injection), and before one
// that guard itself might have written, so that unguard gives back every text.
func guard(cell string) string {
	if startsFormula(cell) {
		return "'" + cell
	}
	return cell
}

// unguard undoes guard.
func unguard(cell string) string {
	if strings.HasPrefix(cell, "'") && startsFormula(cell) {
		return cell[1:]
	}
	return cell
}

func startsFormula(cell string) bool {
	bare := strings.TrimLeft(cell, "'")
	return bare != "" && strings.ContainsRune("=+-@\t\r\n", rune(bare[0]))
}
