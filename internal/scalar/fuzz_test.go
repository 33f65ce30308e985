package scalar

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v3"
	helmyaml "sigs.k8s.io/yaml"
)

// One scalar changes, from its first quote to its last; every byte before and after stays; Helm's library reads the new
// string there and everything else as before; the same edit made again changes nothing, and src is not written to.
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
	addCharts(f)
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

// addCharts adds the files of the charts that this repository ships, which its own line edits.
func addCharts(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("../../charts/voice-*/*.yaml")
	if err != nil || len(files) < 4 {
		f.Fatalf("%d files of charts: %v", len(files), err)
	}
	for i, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src, uint(7*i), "sha-0123456", false)
		f.Add(bytes.ReplaceAll(src, []byte("\n"), []byte("\r\n")), uint(11*i), "v1", true)
	}
}

func checkEdit(t *testing.T, src []byte, before map[string]string, edit Edit) {
	t.Helper()
	untouched := bytes.Clone(src)
	after, err := Set(src, edit)
	if !bytes.Equal(src, untouched) {
		t.Fatalf("the input itself became\n%q", src)
	}
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
	checkBytes(t, src, after, edit.Key, whole.Text)
}

// checkBytes wants every byte before and behind the scalar to stay, and between them one string in quotes. Where the
// scalar ends is found here without the package's help.
func checkBytes(t *testing.T, src, after []byte, key, want string) {
	t.Helper()
	if bytes.Equal(src, after) {
		return
	}
	start, end := token(t, src, key)
	rest := len(after) - (len(src) - end)
	if rest < start || !bytes.HasPrefix(after, src[:start]) || !bytes.HasSuffix(after, src[end:]) {
		t.Fatalf("more than bytes %d to %d changed:\n%q\n%q", start, end, src, after)
	}
	written := after[start:rest]
	if start == end { // nothing stood behind the colon
		written = bytes.TrimPrefix(written, []byte(" "))
	}
	var text string
	if err := helmyaml.Unmarshal(written, &text); err != nil || text != want || len(quoted.Find(written)) != len(written) {
		t.Fatalf("%q was written for %q: %v", written, want, err)
	}
}

var (
	// quoted is one string in quotes on one line.
	quoted = regexp.MustCompile(`^(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\n]|'')*')`)
	// properties are the anchor, the tag and the comments that stand before a scalar.
	properties = regexp.MustCompile(`^(?:(?:[&!][^\s\x{85}\x{2028}\x{2029}]*|#[^\r\n\x{85}\x{2028}\x{2029}]*)[\s\x{85}\x{2028}\x{2029}]+)*`)
)

// token is where a scalar of one line stands in src, with its quotes.
func token(t *testing.T, src []byte, key string) (start, end int) {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil {
		t.Fatal(err)
	}
	name, node := nodeAt(t, doc.Content[0], key)
	if node.Value == "" && node.Style == 0 { // nothing at all
		end := position(src, name)
		end += len(properties.Find(src[end:]))
		end += width(src[end:], name.Value)
		end += bytes.IndexByte(src[end:], ':') + 1
		return end, end
	}
	start = position(src, node)
	start += len(properties.Find(src[start:]))
	return start, start + width(src[start:], node.Value)
}

// width is how many bytes a scalar takes: those of its text when it stands there without quotes.
func width(src []byte, text string) int {
	if token := quoted.Find(src); token != nil {
		return len(token)
	}
	return len(text)
}

// position is the offset of a node, which tells lines and columns in characters.
func position(src []byte, n *yaml.Node) int {
	at := len(src) - len(bytes.TrimPrefix(src, []byte("\ufeff")))
	for range n.Line - 1 {
		at += bytes.IndexAny(src[at:], "\r\n\u0085\u2028\u2029")
		_, size := utf8.DecodeRune(src[at:])
		if bytes.HasPrefix(src[at:], []byte("\r\n")) {
			size = 2
		}
		at += size
	}
	for range n.Column - 1 {
		_, size := utf8.DecodeRune(src[at:])
		at += size
	}
	return at
}

// nodeAt follows a key to a scalar and to its name, nil for the item of a list.
func nodeAt(t *testing.T, n *yaml.Node, key string) (name, node *yaml.Node) {
	t.Helper()
	path, err := ParseKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range path {
		if step.Key == "" {
			name, n = nil, n.Content[step.Index]
			continue
		}
		at := 0
		for n.Content[at].Value != step.Key {
			at += 2
		}
		name, n = n.Content[at], n.Content[at+1]
	}
	return name, n
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
