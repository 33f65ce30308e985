package scalar

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	helmyaml "sigs.k8s.io/yaml"
)

// One scalar changes, on one line; every other byte stays; Helm's library reads the new string there and
// everything else as before; the same edit made again changes nothing.
func FuzzSetChangesOneScalarAndNothingElse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for i, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data, uint(i), "0123456", false)
	}
	f.Add([]byte("\ufeffa: {b: \"\\\"\"}\r\nc:\u2028d: 'x:y'"), uint(2), "it's \"\\\n", false)
	f.Add([]byte("a: b:c@d\n"), uint(0), "v1", true)
	f.Fuzz(func(t *testing.T, src []byte, n uint, value string, tag bool) {
		before, paths := leaves(src)
		if len(paths) == 0 {
			_, _ = Set(src, Edit{Key: "a", Value: value})
			return
		}
		key := paths[n%uint(len(paths))]
		edit := Edit{Key: key, Value: value}
		if tag {
			edit.Part = "tag"
		}
		checkEdit(t, src, before, edit)
	})
}

func checkEdit(t *testing.T, src []byte, before map[string]string, edit Edit) {
	t.Helper()
	after, err := Set(src, edit)
	if err != nil {
		var fault *Error
		if !errors.As(err, &fault) || fault.Rule == "" || fault.Message == "" || fault.Fix == "" {
			t.Fatalf("no full *Error: %#v", err)
		}
		return
	}
	got, err := Get(after, edit.Key, edit.Part)
	if err != nil || got.Text != edit.Value || !got.String {
		t.Fatalf("reads as %+v, %v", got, err)
	}
	if again, err := Set(after, edit); err != nil || !bytes.Equal(again, after) {
		t.Fatalf("the second time: %q, %v", again, err)
	}
	whole, err := Get(after, edit.Key, "")
	if err != nil {
		t.Fatal(err)
	}
	before[edit.Key] = fmt.Sprintf("%T %v", "", whole.Text)
	if now, _ := leaves(after); !maps.Equal(before, now) {
		t.Fatalf("Helm reads\n%q\nas %v, want %v", after, now, before)
	}
	checkBytes(t, src, after)
}

// checkBytes wants what lies between the common start and the common end to be part of one line.
func checkBytes(t *testing.T, src, after []byte) {
	t.Helper()
	start := 0
	for start < min(len(src), len(after)) && src[start] == after[start] {
		start++
	}
	end := 0
	for end < min(len(src), len(after))-start && src[len(src)-1-end] == after[len(after)-1-end] {
		end++
	}
	if bytes.ContainsAny(src[start:len(src)-end], "\r\n") || bytes.ContainsAny(after[start:len(after)-end], "\r\n") {
		t.Fatalf("more than a line changed:\n%q\n%q", src, after)
	}
}

// leaves lists what Helm reads: the keys of all scalars, and type and value of each.
func leaves(src []byte) (map[string]string, []string) {
	var tree any
	if err := guard(func() error { return helmyaml.Unmarshal(src, &tree, exactNumbers) }); err != nil {
		return nil, nil
	}
	found := map[string]string{}
	walk(tree, nil, found)
	return found, slices.Sorted(maps.Keys(found))
}

func walk(tree any, path Path, found map[string]string) {
	switch node := tree.(type) {
	case map[string]any:
		for key, child := range node {
			if key != "" {
				walk(child, append(slices.Clone(path), Step{Key: key}), found)
			}
		}
	case []any:
		for i, child := range node {
			walk(child, append(slices.Clone(path), Step{Index: i}), found)
		}
	default:
		if len(path) > 0 {
			found[path.String()] = fmt.Sprintf("%T %v", node, node)
		}
	}
}

// A path prints as a key that reads as the same path.
func FuzzAKeyPrintsAsItWasMeant(f *testing.F) {
	for _, key := range []string{"image.tag", `a\.b.c`, "list[0].x[1][2]", "[3]", `\[0\]\\`, "a[x=y]"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		path, err := ParseKey(key)
		if err != nil {
			if !strings.Contains(err.Error(), "; ") {
				t.Fatalf("%q: %v", key, err)
			}
			return
		}
		if again, err := ParseKey(path.String()); err != nil || !slices.Equal(again, path) {
			t.Fatalf("%q is %v and prints as %q: %v, %v", key, path, path.String(), again, err)
		}
	})
}
