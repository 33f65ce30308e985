package charts_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// Finding promises a file and a line, but for a file that does not exist.
func TestEveryFindingHasAFileAndALineUnlessTheFileIsAbsent(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/lint/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	absent := 0
	for _, name := range cases {
		c := readCase(t, name)
		linted, err := lint(t, here{}, c.files, c.dir, c.rules, c.pins...)
		for _, f := range findings(t, linted, err) {
			there := slices.ContainsFunc(c.archive.Files, func(file txtar.File) bool { return file.Name == f.File })
			switch {
			case f.File == "" || f.Fix == "":
				t.Errorf("%s: no file, or nothing to do: %v", name, f)
			case f.Line == 0 && c.files[f.File] != nil:
				t.Errorf("%s: no line: %v", name, f)
			case f.Line == 0:
				absent++
			case f.Line > 1 && !there:
				t.Errorf("%s: a line of a file that the case does not have: %v", name, f)
			}
		}
	}
	if absent == 0 {
		t.Error("no case has an absent file")
	}
}
