package scalar

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what was found into testdata")

// B28, B29, B30, B31: the cases name them.
//
// Every case of testdata is one edit, made twice: what the file was, and what it became or why not.
func TestSetChangesOneScalarOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases in testdata")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			edit, before, want := readCase(t, archive)
			got := setTwice(t, before, edit)
			if *update {
				archive.Files = append(archive.Files[:1], got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got.Name != want.Name || !bytes.Equal(got.Data, want.Data) {
				t.Errorf("%s:\n%s\nwant %s:\n%s", got.Name, got.Data, want.Name, want.Data)
			}
		})
	}
}

// readCase takes the edit from the lines above the files.
func readCase(t *testing.T, archive *txtar.Archive) (e Edit, before []byte, want txtar.File) {
	t.Helper()
	for line := range strings.Lines(string(archive.Comment)) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		switch name {
		case "key":
			e.Key = value
		case "part":
			e.Part = value
		case "value":
			e.Value = strings.ReplaceAll(value, "@break@", "a\nb\u2028\t\u0001c")
		}
	}
	if len(archive.Files) != 2 || e.Key == "" {
		t.Fatal("a case needs a key, before, and after or error")
	}
	return e, archive.Files[0].Data, archive.Files[1]
}

// setTwice makes the edit, reads it back, makes it again, and gives the outcome as the file of a case.
func setTwice(t *testing.T, before []byte, e Edit) txtar.File {
	t.Helper()
	after, err := Set(before, e)
	if err != nil {
		var fault *Error
		if !errors.As(err, &fault) || fault.Rule == "" || fault.Fix == "" {
			t.Fatalf("no *Error with a rule and a fix: %v", err)
		}
		return txtar.File{Name: "error", Data: []byte(fault.Rule + "\nvalues.yaml:" + err.Error() + "\n")}
	}
	got, err := Get(after, e.Key, e.Part)
	if err != nil || got.Text != e.Value || !got.String {
		t.Errorf("read back: %+v, %v", got, err)
	}
	again, err := Set(after, e)
	if err != nil || !bytes.Equal(again, after) {
		t.Errorf("the second time: %q, %v", again, err)
	}
	return txtar.File{Name: "after", Data: after}
}
