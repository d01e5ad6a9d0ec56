// Package arch proves that imports go downwards only: cmd → app → edges → behaviour → vocabulary.
package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/rappel-tel/rappel/"

// floor is a floor of the house; a package imports packages of lower floors, and of its own when it may.
type floor int

const (
	vocabulary floor = iota
	behaviour
	edge
	house
	program
)

// floors says where each package stands. A package that is missing here fails the test: decide where it belongs.
func floors() map[string]floor {
	return map[string]floor{
		"pkg/call": vocabulary, "pkg/roster": vocabulary, "pkg/schedule": vocabulary, "pkg/telephony": vocabulary,
		"pkg/sse":      vocabulary, // What both HTTP edges write.
		"pkg/dispatch": behaviour, "pkg/callflow": behaviour, "pkg/ivr": behaviour, "pkg/report": behaviour, "pkg/auth": behaviour,
		"pkg/care": behaviour, "pkg/faq": behaviour,
		"pkg/inbox":    vocabulary,
		"pkg/forecast": behaviour,
		"pkg/asterisk": edge, "pkg/phone": edge, "pkg/postgres": edge, "pkg/natsbus": edge, "pkg/web": edge, "pkg/speech": edge,
		"pkg/setup": edge, "pkg/api": edge, "pkg/message": edge,
		"pkg/app": house,
		"cmd":     program, "pkg/demo": program, "tests": program,
		// Files that are compiled in; they import nothing of ours and anybody may read them.
		"asterisk": vocabulary, "dialplans": vocabulary, "sounds": vocabulary, "deploy": vocabulary,
	}
}

// allowed are imports on one floor: the behaviour that reads another's words, and the vocabulary built on other words.
func allowed() map[string][]string {
	return map[string][]string{
		"pkg/callflow": {"pkg/ivr", "pkg/dispatch", "pkg/faq"},
		"pkg/faq":      {"pkg/ivr"},
		"pkg/schedule": {"pkg/roster", "pkg/call"},
		"pkg/roster":   {"pkg/roster"},
		"pkg/inbox":    {"pkg/roster", "pkg/call"},
		"pkg/report":   {"pkg/dispatch"},
		"pkg/forecast": {"pkg/dispatch"},
	}
}

// goPackage is what go list says of a package.
type goPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	GoFiles      []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports,GoFiles", "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	require.NoError(t, err, "go list")
	var list []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return list
		}
		require.NoError(t, err)
		list = append(list, p)
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}

// owner is the entry of floors that a package belongs to: the longest that is its path or a folder above it.
func owner(path string) (string, floor, bool) {
	best, at, found := "", floor(0), false
	for name, f := range floors() {
		if (path == name || strings.HasPrefix(path, name+"/")) && len(name) > len(best) {
			best, at, found = name, f, true
		}
	}
	return best, at, found
}

// forTests reports whether a package exists for tests alone: …test beside the real one.
func forTests(path string) bool {
	return strings.HasSuffix(path, "test") && strings.Contains(path, "/")
}

func TestImportsGoDownwards(t *testing.T) {
	list := packages(t)
	require.Greater(t, len(list), 10)
	for _, p := range list {
		path := strings.TrimPrefix(p.ImportPath, module)
		from, at, known := owner(path)
		require.True(t, known, "%s stands on no floor: add it to floors", path)
		for _, imported := range p.Imports {
			target, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			to, below, known := owner(target)
			require.True(t, known, target)
			if from == to || at == program {
				continue
			}
			require.False(t, forTests(target) && !forTests(path), "%s imports %s, which is for tests", path, target)
			require.NotEqual(t, program, below, "%s imports %s: only cmd may", path, target)
			if forTests(path) {
				continue // What serves tests may start what it needs.
			}
			if at == edge || at == house {
				require.Less(t, below, at, "%s imports %s: edges never import each other", path, target)
				continue
			}
			if below == at && (slices.Contains(allowed()[from], to) || forTests(path)) {
				continue
			}
			require.Less(t, below, at, "%s imports %s", path, target)
		}
	}
}

func TestOnlyTheTopKnowsTheApp(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		_, at, _ := owner(path)
		if at != program && slices.Contains(p.Imports, module+"pkg/app") {
			require.Fail(t, path+" imports pkg/app")
		}
	}
}

func TestVocabularyDoesNoIO(t *testing.T) {
	banned := []string{"net", "net/http", "os", "database/sql", "io/fs", "os/exec", "github.com/jackc/pgx/v5", "github.com/nats-io/nats.go", "go.uber.org/zap"}
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		if path != "pkg/call" && path != "pkg/schedule" && path != "pkg/roster" && path != "pkg/telephony" {
			continue
		}
		for _, b := range banned {
			require.NotContains(t, p.Imports, b, path)
		}
	}
}

func TestNoPackageIsADrawerForEverything(t *testing.T) {
	for _, p := range packages(t) {
		for element := range strings.SplitSeq(strings.TrimPrefix(p.ImportPath, module), "/") {
			require.NotContains(t, []string{"util", "utils", "common", "helper", "helpers", "models", "types", "misc", "shared", "lib"}, element, p.ImportPath)
		}
	}
}

// text reports whether a file of the repository is text we wrote.
func text(path string) bool {
	switch filepath.Ext(path) {
	case ".go", ".md", ".yaml", ".yml", ".sql", ".conf", ".html", ".css", ".js", ".sh", ".json", ".toml", ".csv", ".mod", "":
		return true
	}
	return false
}

func eachFile(t *testing.T, look func(path, content string)) {
	t.Helper()
	top := root(t)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if relative == ".git" || relative == ".rappel" {
				return filepath.SkipDir
			}
			return nil
		}
		if !text(path) || relative == filepath.Join("tests", "arch", "arch_test.go") {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.HasPrefix(content, []byte("\x7fELF")) {
			return nil // A program that somebody built here.
		}
		look(relative, string(content))
		return nil
	})
	require.NoError(t, err)
}

func TestNothingNamesAWorkplace(t *testing.T) {
	// Absolute folders of whoever wrote a file are noise for everybody else.
	paths := regexp.MustCompile(`(^|[\s"'(=:])/(work|opt/dev|home/[a-z]+|Users/[A-Za-z]+)/`)
	eachFile(t, func(path, content string) {
		if found := paths.FindString(content); found != "" {
			require.Fail(t, path+" names a workplace: "+strings.TrimSpace(found))
		}
	})
}

func TestNothingIsLeftForLater(t *testing.T) {
	later := regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)
	eachFile(t, func(path, content string) {
		if found := later.FindString(content); found != "" && path != "go.sum" {
			require.Fail(t, path+" leaves something for later: "+found)
		}
	})
}

func TestFilesStaySmall(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		for _, f := range p.GoFiles {
			content, err := os.ReadFile(filepath.Join(root(t), path, f))
			require.NoError(t, err)
			if strings.Contains(string(content[:min(len(content), 200)]), "Code generated") {
				continue
			}
			require.LessOrEqual(t, strings.Count(string(content), "\n"), 550, "%s/%s: split it by subject; about 500 lines is what we aim at", path, f)
		}
	}
}

func TestNothingRunsBeforeMain(t *testing.T) {
	initFunc := regexp.MustCompile(`(?m)^func init\(\)`)
	eachFile(t, func(path, content string) {
		if strings.HasSuffix(path, ".go") && initFunc.MatchString(content) {
			require.Fail(t, path+" has an init function")
		}
	})
}
