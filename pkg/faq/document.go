package faq

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Document is a tree as a file holds it, with the lines of its parts.
type Document struct {
	Tree  Tree
	file  string
	lines map[string]int // By path: "topics.0.questions.2.answer.fr".
}

// errNotText means that a file holds something else than text, or text of another encoding. Nothing of it is shown: a terminal
// would obey it.
var errNotText = errors.New("it is no UTF-8 text; have the editor save it as UTF-8")

// errNoTopics means that a file holds no tree, such as one that was cut off: it must not take away all that a line answers.
var errNoTopics = errors.New(`it holds no topics; "topics: []" takes all of them away`)

// maxDocument bounds a file: no line answers that much.
const maxDocument = 1 << 20

// Read reads a tree strictly: an unknown field or a field written twice is an error that names the line. What is wrong with
// what it says is for Check.
func Read(name string, data []byte) (*Document, error) {
	fail := func(err error) (*Document, error) { return nil, ivr.AtLine(name, err) }
	if len(data) > maxDocument {
		return fail(fmt.Errorf("it is larger than %d bytes", maxDocument))
	}
	if !utf8.Valid(data) || bytes.ContainsRune(data, 0) {
		return fail(errNotText)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	d := &Document{file: name, lines: map[string]int{}}
	if err := yaml.UnmarshalWithOptions(data, &d.Tree, yaml.Strict()); err != nil {
		return fail(err)
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return fail(err)
	}
	for _, doc := range file.Docs {
		d.note("", doc.Body)
	}
	if d.lines["topics"] == 0 {
		return fail(errNoTopics)
	}
	return d, nil
}

// note remembers the lines of everything below a node.
func (d *Document) note(path string, n ast.Node) {
	below := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			d.note(path, v)
		}
	case *ast.MappingValueNode:
		at := below(strings.Trim(n.Key.String(), `"'`))
		d.lines[at] = n.Key.GetToken().Position.Line
		d.note(at, n.Value)
	case *ast.SequenceNode:
		for i, v := range n.Values {
			at := below(strconv.Itoa(i))
			d.lines[at] = v.GetToken().Position.Line
			d.note(at, v)
		}
	}
}

// line is that of a path, or of the nearest part above it that is written.
func (d *Document) line(path string) int {
	for ; path != ""; path = path[:max(0, strings.LastIndexByte(path, '.'))] {
		if line := d.lines[path]; line > 0 {
			return line
		}
	}
	return 1
}

// Locate says where in the file a problem is: "questions.yaml:12: …".
func (d *Document) Locate(p Problem) string {
	return fmt.Sprintf("%s:%d: %s", d.file, d.line(p.path), p)
}

// Write writes the tree as a file that Read reads, ready to be edited. Every text stands in quotation marks: whatever somebody
// writes into one is nothing but text.
func (t Tree) Write() ([]byte, error) {
	w := writer{}
	w.out.WriteString(header + "topics:\n")
	if len(t.Topics) == 0 {
		return []byte(header + "topics: []\n"), nil
	}
	for _, topic := range t.Topics {
		w.line("  - name: ", topic.Name)
		w.texts("    title:", topic.Title)
		if len(topic.Questions) == 0 {
			w.out.WriteString("    questions: []\n")
			continue
		}
		w.out.WriteString("    questions:\n")
		for _, q := range topic.Questions {
			w.line("      - name: ", q.Name)
			w.optional("        country: ", q.Country)
			w.texts("        title:", q.Title)
			w.texts("        answer:", q.Answer)
			w.optional("        source: ", q.Source)
			w.optional("        checked: ", string(q.Checked))
			w.optional("        from: ", string(q.From))
			w.optional("        until: ", string(q.Until))
			w.optional("        transfer: ", q.Transfer)
		}
	}
	if w.err != nil {
		return nil, fmt.Errorf("write questions: %w", w.err)
	}
	return w.out.Bytes(), nil
}

type writer struct {
	out bytes.Buffer
	err error
}

// line writes a field. A text of JSON is one of YAML, too (YAML 1.2, section 1.2).
func (w *writer) line(field, text string) {
	w.out.WriteString(field)
	e := json.NewEncoder(&w.out)
	e.SetEscapeHTML(false)
	w.err = errors.Join(w.err, e.Encode(text)) // It ends the line.
}

func (w *writer) optional(field, text string) {
	if text != "" {
		w.line(field, text)
	}
}

func (w *writer) texts(field string, texts Texts) {
	w.out.WriteString(field)
	if len(texts) == 0 {
		w.out.WriteString(" {}\n")
		return
	}
	w.out.WriteByte('\n')
	indent := strings.Repeat(" ", len(field)-len(strings.TrimLeft(field, " "))+2)
	for _, lang := range roster.Languages() {
		if text, written := texts[lang]; written {
			w.line(indent+string(lang)+": ", text)
		}
	}
}

const header = `# Questions and answers. Dates are written 2026-11-22. A telephone number to be read out stands in braces: {0800 12 345}.
# Other digits are read as a number. Without from and until an answer always holds. rappel faq import FILE gives it back.
`
