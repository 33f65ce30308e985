package main

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// unshownFile lists the texts of the code that docs/messages.md does not show, and why.
const unshownFile = "testdata/messages/unshown.txt"

// TestEveryMessageOfTheCodeIsShown reads the code for texts that a user may meet. Each is in docs/messages.md, or in
// unshown.txt below a reason.
func TestEveryMessageOfTheCodeIsShown(t *testing.T) {
	t.Parallel()
	golden, err := os.ReadFile(messagesFile)
	check(t, err)
	shown := answers(string(golden))
	known := readUnshown(t)
	texts := messageTexts(t)
	var missing []string
	count := 0
	for _, text := range slices.SortedFunc(maps.Keys(texts), func(a, b message) int { return cmp.Or(cmp.Compare(a.room, b.room), cmp.Compare(a.text, b.text)) }) {
		switch is := text.in(shown); {
		case is && known[text]:
			t.Errorf("%s is shown now: take it out of %s", text, unshownFile)
		case is:
			count++
		case !known[text]:
			missing = append(missing, text.String())
		}
		delete(known, text)
	}
	for text := range known {
		t.Errorf("%s is in %s and not in the code: take it out", text, unshownFile)
	}
	if len(missing) > 0 {
		t.Errorf("%d texts of the code are not in docs/messages.md. Show each by what makes releaser say it (messages_*_test.go), or, when no run can, write it below a reason in %s:\n%s",
			len(missing), unshownFile, strings.Join(missing, "\n"))
	}
	t.Logf("%d texts: %d shown, %d with a reason, %d missing", len(texts), count, len(texts)-count-len(missing), len(missing))
}

// withoutText are the rules about what has no line: a path, a link, an archive, a file that is not there or too large.
const withoutText = `path|symlink-\w+|irregular|collision|dependency-archive|size|folder|missing-file|pin-missing-file|values-missing|schema-missing|lock-missing`

func TestEveryFindingAboutATextNamesItsLine(t *testing.T) {
	t.Parallel()
	golden, err := os.ReadFile(messagesFile)
	check(t, err)
	finding := regexp.MustCompile(`(?m)^.*?([^ ]+?)(:\d+)?: (?:error|warning|info): ([a-z-]+): .*$`)
	exempt := regexp.MustCompile(`^(?:` + withoutText + `)$`)
	found := finding.FindAllStringSubmatch(string(golden), -1)
	if len(found) < 100 {
		t.Fatalf("only %d findings in %s", len(found), messagesFile)
	}
	for _, f := range found {
		if f[2] == "" && !exempt.MatchString(f[3]) {
			t.Errorf("no line: %s", f[0])
		}
	}
}

// message is a text in a room of the code, as it is written there.
type message struct{ room, text string }

func (m message) String() string { return m.room + ": " + strconv.Quote(m.text) }

// verb is a place in a format that something else fills.
var verb = regexp.MustCompile(`%[-+# 0]*[0-9]*(\.[0-9]+)?[a-zA-Z%]`)

// in tells whether a line has all fixed parts of the text, in their order.
func (m message) in(lines string) bool {
	var parts []string
	for _, fixed := range verb.Split(m.text, -1) {
		for _, line := range strings.Split(fixed, "\n") {
			if line = strings.Trim(line, " "); line != "" {
				parts = append(parts, regexp.QuoteMeta(line))
			}
		}
	}
	between := ".*?"
	if strings.Contains(m.text, "\n") {
		between = `(?s:.*?)`
	}
	return regexp.MustCompile(strings.Join(parts, between)).MatchString(lines)
}

// answers are what releaser says in docs/messages.md, without what was done and typed.
func answers(golden string) string {
	var lines []string
	for _, block := range strings.Split(golden, "```text\n")[1:] {
		block, _, _ = strings.Cut(block, "```\n")
		for _, line := range strings.Split(block, "\n") {
			if !strings.HasPrefix(line, "# ") && !strings.HasPrefix(line, "$ ") {
				lines = append(lines, line)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// readUnshown reads the texts that are not shown.
func readUnshown(t *testing.T) map[message]bool {
	text, err := os.ReadFile(unshownFile)
	check(t, err)
	known, reason := map[message]bool{}, ""
	for n, line := range strings.Split(string(text), "\n") {
		switch {
		case strings.HasPrefix(line, "# "):
			reason = line
		case line != "" && reason == "":
			t.Errorf("%s:%d: write a reason above it", unshownFile, n+1)
		case line != "":
			room, quoted, _ := strings.Cut(line, ": ")
			literal, err := strconv.Unquote(quoted)
			if err != nil {
				t.Errorf("%s:%d: write it as the test prints it", unshownFile, n+1)
			}
			known[message{room, literal}] = true
		}
	}
	return known
}

// messageTexts are the texts of all rooms that an error may consist of.
func messageTexts(t *testing.T) map[message]bool {
	found := map[message]bool{}
	for _, room := range []string{"cmd", "config", "pipeline", "charts", "registry", "signing",
		"internal/github", "internal/sandbox", "internal/scalar", "internal/placeholder", "internal/web"} {
		check(t, filepath.WalkDir(filepath.Join("../..", room), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || d.Name() == "demo_world.go" {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				return err
			}
			room, _ := filepath.Rel("../..", filepath.Dir(name))
			for _, text := range textsOf(file) {
				found[message{filepath.ToSlash(room), text}] = true
			}
			return nil
		}))
	}
	return found
}

// textsOf are the literals of a file that read as a piece of a sentence, but for those that are no errors: help, logs,
// metrics, and what is printed because it was asked for.
func textsOf(file *ast.File) (texts []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			if n.Tag != nil {
				n.Tag.Value = `""`
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && slices.Contains([]string{"Use", "Short", "Long", "Example", "Help"}, key.Name) {
				return false
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && slices.Contains(printing, f.Sel.Name) {
				return false
			}
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && sentence.MatchString(text) {
				texts = append(texts, text)
			}
		}
		return true
	})
	return texts
}

var (
	// sentence is two words, or one beside a verb of a format.
	sentence = regexp.MustCompile(`[A-Za-z]{2,}[,;:]? +[A-Za-z%{"'$0-9]|%[a-z]+[:;,]? [a-z]{2,}`)
	// printing are the functions whose texts are no errors.
	printing = []string{"Fprintf", "Fprint", "Fprintln", "say", "WriteString", "StringVar", "BoolVar", "StringVarP", "BoolVarP",
		"DurationVar", "Info", "Warn", "Debug", "MustCompile", "NewDesc"}
)
