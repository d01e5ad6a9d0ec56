package app

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Problem is one fault of a configuration file, in one line: where, which key, which value, what is wrong with it and what
// to write instead. The value of a secret is never part of it.
type Problem struct {
	File         string
	Line, Column int // From 1; 0 when the key is not in the file.
	Key          string
	Value        string // Empty when there is none, or when it is secret.
	What         string
	Remedy       string
}

// Error is the line.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	if p.Value != "" {
		fmt.Fprintf(&b, "%q ", p.Value)
	}
	b.WriteString(p.What)
	if p.Remedy != "" {
		b.WriteString("; " + p.Remedy)
	}
	return strings.ReplaceAll(b.String(), "\n", " ")
}

// Read reads, expands and checks a configuration file. The error joins one Problem per fault, each one line.
func Read(file string) (Config, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, &Problem{File: file, What: "does not exist", Remedy: "make it: rappel config example > rappel.yaml, or name another file with --config"}
	}
	if err != nil {
		return Config{}, &Problem{File: file, What: "cannot be read: " + err.Error(), Remedy: "as its owner: sudo chgrp $(id -gn) " + file + " && sudo chmod g+r " + file}
	}
	return Parse(file, text, os.LookupEnv)
}

// Parse is Read for a text that is at hand. Variables come from lookup; paths are relative to the file's directory.
func Parse(file string, text []byte, lookup func(string) (string, bool)) (Config, error) {
	c := Defaults()
	d := &decoder{file: file, dir: filepath.Dir(file), lookup: lookup, places: map[string]place{}}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // As Windows' editor begins a file.
	parsed, err := parser.ParseBytes(text, 0)
	if err != nil {
		return Config{}, d.syntax(err)
	}
	if len(parsed.Docs) > 1 {
		return Config{}, &Problem{File: file, What: "holds several documents", Remedy: "remove all --- lines but the first"}
	}
	if len(parsed.Docs) == 1 && parsed.Docs[0].Body != nil {
		d.structure(parsed.Docs[0].Body, "", reflect.ValueOf(&c).Elem())
	}
	if len(d.problems) == 0 {
		d.check(&c)
	}
	return c, errors.Join(d.problems...)
}

// place is where a key stands.
type place struct {
	line, column int
	value        string
}

// decoder fills a Config and remembers where every key stood.
type decoder struct {
	file, dir string
	lookup    func(string) (string, bool)
	places    map[string]place
	problems  []error
}

func (d *decoder) syntax(err error) error {
	p := &Problem{File: d.file, What: "is not YAML: " + err.Error()}
	if y, ok := errors.AsType[yaml.Error](err); ok {
		p.What = "is not YAML: " + y.GetMessage()
		if t := y.GetToken(); t != nil && t.Position != nil {
			p.Line, p.Column = t.Position.Line, t.Position.Column
		}
	}
	if strings.Contains(p.What, "already defined") {
		p.Remedy = "keep one of the two"
	} else {
		p.Remedy = "check the indentation and quotes of that line"
	}
	return p
}

// fault notes a problem of a key that was read before, or of one that is missing.
func (d *decoder) fault(key, what, remedy string) {
	at := d.places[key]
	d.problems = append(d.problems, &Problem{
		File: d.file, Line: at.line, Column: at.column, Key: key, Value: at.value, What: what, Remedy: remedy,
	})
}

func (d *decoder) faultAt(n ast.Node, key, value, what, remedy string) {
	p := &Problem{File: d.file, Key: key, Value: value, What: what, Remedy: remedy}
	if t := n.GetToken(); t != nil && t.Position != nil {
		p.Line, p.Column = t.Position.Line, t.Position.Column
	}
	d.problems = append(d.problems, p)
}

func (d *decoder) structure(n ast.Node, key string, into reflect.Value) {
	var pairs []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		pairs = m.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{m}
	case *ast.NullNode:
		return
	default:
		d.faultAt(n, key, scalar(n), "is not a group of keys", "write one of its keys per line below it: "+strings.Join(names(into.Type()), ", "))
		return
	}
	for _, pair := range pairs {
		name := scalar(pair.Key)
		full := strings.TrimPrefix(key+"."+name, ".")
		field, ok := fieldNamed(into, name)
		if !ok {
			d.faultAt(pair.Key, full, "", "is not a key", suggest(name, names(into.Type())))
			continue
		}
		d.value(pair.Value, full, field)
	}
}

func (d *decoder) value(n ast.Node, key string, into reflect.Value) {
	if into.Kind() == reflect.Struct && into.Type() != reflect.TypeFor[time.Time]() {
		d.structure(n, key, into)
		return
	}
	if _, empty := n.(*ast.NullNode); empty {
		return // A key without a value keeps its default.
	}
	if into.Kind() == reflect.Slice {
		d.list(n, key, into)
		return
	}
	text := scalar(n)
	secret := into.Type() == reflect.TypeFor[Secret]()
	at := place{value: text}
	if secret {
		at.value = ""
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		at.line, at.column = t.Position.Line, t.Position.Column
	}
	d.places[key] = at
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
	default:
		d.fault(key, "is not a single value", "write one value after the colon")
		return
	}
	text, ok := d.expand(key, text)
	if !ok {
		return
	}
	if secret {
		if text, ok = d.secretFile(key, text); ok {
			into.SetString(text)
		}
		return
	}
	d.scalar(key, text, into)
}

// scalar turns a text into the field's type.
func (d *decoder) scalar(key, text string, into reflect.Value) {
	switch into.Interface().(type) {
	case string:
		into.SetString(text)
	case bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			d.fault(key, "is neither true nor false", "write true or false")
			return
		}
		into.SetBool(b)
	case int:
		i, err := strconv.Atoi(text)
		if err != nil {
			d.fault(key, "is not a whole number", "write digits only, for example "+strconv.FormatInt(into.Int(), 10))
			return
		}
		into.SetInt(int64(i))
	case float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			d.fault(key, "is not a number", "write a number such as 1 or 1.5")
			return
		}
		into.SetFloat(f)
	case time.Duration:
		v, err := time.ParseDuration(text)
		if err != nil {
			d.fault(key, "is not a length of time", "write a number with its unit: 90s, 10m, 36h")
			return
		}
		into.SetInt(int64(v))
	case time.Time:
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			d.fault(key, "is not an instant", "write it with its offset, for example 2026-03-02T09:25:00+01:00")
			return
		}
		into.Set(reflect.ValueOf(t))
	default:
		d.fault(key, "cannot be set", "remove it")
	}
}

// list reads a sequence of texts, or one text.
func (d *decoder) list(n ast.Node, key string, into reflect.Value) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.faultAt(n, key, scalar(n), "is not a list", "write it as [one, two]")
		return
	}
	values := make([]string, 0, len(s.Values))
	for i, v := range s.Values {
		item := fmt.Sprintf("%s[%d]", key, i)
		var text string
		d.value(v, item, reflect.ValueOf(&text).Elem())
		values = append(values, text)
	}
	into.Set(reflect.ValueOf(values))
}

// variable is a reference to the environment.
var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

func (d *decoder) expand(key, text string) (string, bool) {
	ok := true
	text = variable.ReplaceAllStringFunc(text, func(ref string) string {
		name := ref[2 : len(ref)-1]
		v, found := d.lookup(name)
		if !found || v == "" {
			d.fault(key, "needs the environment variable "+name+", which is not set", "set it: export "+name+"=…")
			ok = false
		}
		return v
	})
	return text, ok
}

// secretFile reads what file:PATH names; the file must be readable by its owner only.
func (d *decoder) secretFile(key, text string) (string, bool) {
	path, isFile := strings.CutPrefix(text, "file:")
	if !isFile {
		return text, true
	}
	path = d.path(path)
	info, err := os.Stat(path)
	if err != nil {
		d.fault(key, "names the secret file "+path+", which cannot be read", "make it: umask 077; openssl rand -hex 24 > "+path)
		return "", false
	}
	if info.Mode().Perm()&0o077 != 0 {
		d.fault(key, fmt.Sprintf("names the secret file %s, which others may read (mode %04o)", path, info.Mode().Perm()), "chmod 600 "+path)
		return "", false
	}
	content, err := os.ReadFile(path)
	if err != nil {
		d.fault(key, "names the secret file "+path+", which cannot be read", "run as its owner, or chown it to the service's user")
		return "", false
	}
	value := strings.TrimRight(string(content), "\r\n")
	if value == "" {
		d.fault(key, "names the secret file "+path+", which is empty", "write the secret into it")
		return "", false
	}
	return value, true
}

// path makes a path of the file absolute.
func (d *decoder) path(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	if abs, err := filepath.Abs(filepath.Join(d.dir, path)); err == nil {
		return abs
	}
	return filepath.Join(d.dir, path)
}

// scalar is the text of a node, empty for anything but a single value.
func scalar(n ast.Node) string {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value
	case *ast.LiteralNode:
		return v.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return v.GetToken().Value
	}
	return ""
}

func fieldNamed(s reflect.Value, name string) (reflect.Value, bool) {
	for i := range s.NumField() {
		if s.Type().Field(i).Tag.Get("yaml") == name {
			return s.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func names(t reflect.Type) []string {
	all := make([]string, 0, t.NumField())
	for f := range t.Fields() {
		all = append(all, f.Tag.Get("yaml"))
	}
	return all
}

// suggest names the nearest key, or all of them.
func suggest(name string, known []string) string {
	best, distance := "", len(name)/2+1
	for _, k := range known {
		if n := edits(name, k); n < distance {
			best, distance = k, n
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	known = slices.Sorted(slices.Values(known))
	return "keys here are " + strings.Join(known, ", ")
}

// edits is the Levenshtein distance of two short words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
