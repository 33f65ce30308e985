package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	root       = "../.."
	trialsPage = "docs/trials.md"
	lastInput  = 59
	lastFault  = 42
	notYet     = "not yet: " // begins the last cell of a row whose feature does not exist
)

// trialTest is a test or a script that shows something.
type trialTest struct {
	labels []string // in it, and in the comment above
	text   string   // of the file: the names of cases stand in it
}

// The page is docs/trials.md. A row names tests as go test does, package.TestName or package.TestName/case, and scripts by
// their path.
func TestEveryTrialHasARowWithTheTestsThatCarryItsLabel(t *testing.T) {
	t.Parallel()
	rows, tests := trialRows(t), trialTests(t)
	for kind, last := range map[string]int{"B": lastInput, "F": lastFault} {
		for n := range last {
			if label := fmt.Sprintf("%s%d", kind, n+1); rows[label] == nil {
				t.Errorf("%s has no row %s: write | %[2]s | what a user sees | `package.TestName` |", trialsPage, label)
			}
		}
	}
	for _, label := range slices.Sorted(maps.Keys(rows)) {
		for name, part := range rows[label] {
			switch test, ok := tests[name]; {
			case !ok:
				t.Errorf("%s: %s: there is no test %s: write package.TestName, as in charts.TestLintSays, or the path of a script", trialsPage, label, name)
			case !slices.Contains(test.labels, label):
				t.Errorf("%s: %s: %s does not carry the label: write it into the comment above the test", trialsPage, label, name)
			case !strings.Contains(test.text, part):
				t.Errorf("%s: %s: %s has no case %q", trialsPage, label, name, part)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		for _, label := range tests[name].labels {
			if _, ok := rows[label][name]; !ok {
				t.Errorf("%s carries %s: name it in that row of %s", name, label, trialsPage)
			}
		}
	}
}

// trialRows reads the page: for each label the tests of its row, each with the case that is meant, "" for all of it.
func trialRows(t *testing.T) map[string]map[string]string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, trialsPage))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]map[string]string{}
	named := regexp.MustCompile("`([^`]+?(?:\\.txtar|\\.(?:Test|Fuzz)\\w+))(?:/([^`]+))?`")
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		label := strings.TrimSpace(cells[0])
		if !strings.HasPrefix(line, "| B") && !strings.HasPrefix(line, "| F") {
			continue
		}
		if len(cells) != 3 || rows[label] != nil || strings.TrimSpace(cells[1]) == "" {
			t.Errorf("%s: %s: each label has one row of three cells, and no | within them", trialsPage, label)
			continue
		}
		rows[label] = map[string]string{}
		for _, m := range named.FindAllStringSubmatch(cells[2], -1) {
			rows[label][m[1]] = m[2]
		}
		if tests := strings.TrimSpace(cells[2]); (len(rows[label]) == 0) != strings.HasPrefix(tests, notYet) {
			t.Errorf("%s: %s: the last cell names tests in `…`, or begins with %q and the feature that is missing", trialsPage, label, notYet)
		}
	}
	return rows
}

// trialTests finds every test and script of the repository.
func trialTests(t *testing.T) map[string]trialTest {
	t.Helper()
	tests := map[string]trialTest{}
	files := os.DirFS(root)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		script, _ := path.Match("*/*/testdata/script/*.txtar", name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && name != ".":
			return fs.SkipDir
		case !script && (!strings.HasSuffix(name, "_test.go") || strings.Contains(name, "testdata/")):
			return nil
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if script {
			comments := regexp.MustCompile(`(?m)^#.*`).FindAllString(string(text), -1)
			tests[name] = trialTest{labels: labelsIn(strings.Join(comments, "\n")), text: string(text)}
			return nil
		}
		return addTests(tests, name, text)
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}

func addTests(tests map[string]trialTest, name string, text []byte) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
			continue
		}
		own := text[set.Position(f.Pos()).Offset:set.Position(f.End()).Offset]
		tests[path.Dir(name)+"."+f.Name.Name] = trialTest{labels: labelsIn(f.Doc.Text() + string(own)), text: string(text)}
	}
	return nil
}

// labelsIn finds the labels in a text, each once.
func labelsIn(text string) []string {
	labels := regexp.MustCompile(`\b[BF][1-9][0-9]?\b`).FindAllString(text, -1)
	slices.Sort(labels)
	return slices.Compact(labels)
}
