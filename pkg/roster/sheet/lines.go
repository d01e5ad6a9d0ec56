package sheet

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// maxLine is the longest physical line that is read, in bytes. A longer one is a row by itself that says so.
const maxLine = 1 << 20

// line is one physical line of the file, decoded, without its ending.
type line struct {
	number  int // From 1.
	text    string
	ended   bool // A line break follows; false on the last line of a file that was cut, or that simply has none.
	problem Code // What keeps the line from being read; empty when nothing does.
}

// lines reads physical lines that end with LF, CR LF or CR. The zero value is not ready: see newLines.
type lines struct {
	in     *bufio.Reader
	number int
	utf8   bool // A byte-order mark promised UTF-8.
}

// newLines finds out about the encoding: a byte-order mark says UTF-8 or UTF-16, and without one each line is UTF-8 when it
// can be and Windows-1252 otherwise. (Windows-1252 text with an accent is practically never valid UTF-8.)
func newLines(r io.Reader) (*lines, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	mark, err := in.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(mark, []byte("\xef\xbb\xbf")):
		_, err = in.Discard(3)
		return &lines{in: in, utf8: true}, err
	case bytes.HasPrefix(mark, []byte("\xff\xfe")), bytes.HasPrefix(mark, []byte("\xfe\xff")):
		decoder := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder()
		return &lines{in: bufio.NewReaderSize(transform.NewReader(in, decoder), 64<<10), utf8: true}, nil
	default:
		return &lines{in: in}, nil
	}
}

// next returns the next line, or io.EOF after the last one.
func (l *lines) next() (line, error) {
	out := line{number: l.number + 1}
	var raw []byte
	tooLong := false
	for {
		b, err := l.in.ReadByte()
		if errors.Is(err, io.EOF) {
			if len(raw) == 0 && !tooLong {
				return line{}, io.EOF
			}
			break
		}
		if err != nil {
			return line{}, err
		}
		if b == '\n' || b == '\r' {
			out.ended = true
			if b == '\r' {
				if following, err := l.in.Peek(1); err == nil && following[0] == '\n' {
					if _, err := l.in.Discard(1); err != nil {
						return line{}, err
					}
				}
			}
			break
		}
		if len(raw) == maxLine {
			tooLong = true
			continue
		}
		raw = append(raw, b)
	}
	l.number++
	switch {
	case tooLong:
		out.problem = CodeLineTooLong
	case utf8.Valid(raw):
		out.text = string(raw)
	case l.utf8:
		out.problem = CodeBadText
	default:
		decoded, err := charmap.Windows1252.NewDecoder().Bytes(raw)
		if err != nil {
			out.problem = CodeBadText
		}
		out.text = string(decoded)
	}
	if strings.ContainsRune(out.text, utf8.RuneError) {
		out.problem = CodeBadText
	}
	return out, nil
}
