package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"testing"
)

// A field that names a file and is not among Files would be read once, and its changes never seen.
func TestFilesAreAllThatTheFieldsOfTheConfigurationName(t *testing.T) {
	t.Parallel()
	c := &Config{file: "/etc/releaser/releaser.yaml"}
	want := []string{"/etc/releaser/releaser.yaml"}
	for field := range nameFiles(reflect.ValueOf(c).Elem()) {
		want = append(want, "/etc/releaser/"+field)
	}
	slices.Sort(want)
	if got := c.Files(); !slices.Equal(got, want) {
		t.Errorf("they are\n%q\nwant\n%q", got, want)
	}
	if len(want) < 15 {
		t.Errorf("only %q name files", want)
	}
}

// nameFiles puts a name of its own into every field that names a file, and tells the names.
func nameFiles(v reflect.Value) map[string]bool {
	names := map[string]bool{}
	var fill func(path string, v reflect.Value)
	fill = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
			fill(path, v.Elem())
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			for i := range v.Len() {
				fill(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
			}
		case reflect.Struct:
			for _, f := range fields(v.Type()) {
				fill(join(path, fieldName(f)), v.FieldByIndex(f.Index))
			}
		case reflect.String:
			if namesFile(path) {
				names[path] = true
				v.SetString(path)
			}
		}
	}
	fill("", v)
	return names
}

// namesFile tells by its path whether a text names a file here: the one of a pin is the chart's.
func namesFile(path string) bool {
	return regexp.MustCompile(`(File|Files\[\d\]|^signing\.key|^signing\.trusted\[\d\])$`).MatchString(path)
}

func TestFilesAreSortedEachOnceAndWithoutTheConfigurationWhereNobodyNamedIt(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "{key: cosign.key, passwordEnv", "{key: /z/cosign.key, trusted: [b.pub, a.pub, b.pub], passwordEnv")
	if got, want := c.Files(), []string{"/z/cosign.key", "conf/a.pub", "conf/b.pub", "conf/releaser.yaml"}; !slices.Equal(got, want) {
		t.Errorf("they are %q, want %q", got, want)
	}
	c, err := Load("", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Files(); !slices.Equal(got, []string{"cosign.key"}) {
		t.Errorf("they are %q", got)
	}
}

func TestFilesNameEveryFileOfTheExample(t *testing.T) {
	t.Parallel()
	text := read(t, "releaser.yaml")
	c, err := Load("/etc/releaser/releaser.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/etc/releaser/releaser.yaml"}
	for _, found := range regexp.MustCompile(`(?m)^[^#\n]*?[ \[](/etc/releaser/[a-z0-9_./]+)`).FindAllSubmatch(text, -1) {
		want = append(want, filepath.Clean(string(found[1])))
	}
	slices.Sort(want)
	if got := c.Files(); !slices.Equal(got, want) {
		t.Errorf("they are\n%q\nwant\n%q", got, want)
	}
}
