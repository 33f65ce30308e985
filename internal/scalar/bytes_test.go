package scalar

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// B31
func TestOddBytesAroundTheScalarStay(t *testing.T) {
	t.Parallel()
	for name, row := range map[string][2]string{
		"CRLF":                         {"image:\r\n  tag: v1 # x\r\n  b: 1\r\n", "image:\r\n  tag: \"new\" # x\r\n  b: 1\r\n"},
		"CRLF and empty":               {"image:\r\n  tag:\r\n  b: 1\r\n", "image:\r\n  tag: \"new\"\r\n  b: 1\r\n"},
		"mixed line ends":              {"a: 1\r\nimage:\n  b: 1\r\n  tag: 'v1'\n", "a: 1\r\nimage:\n  b: 1\r\n  tag: 'new'\n"},
		"CR alone":                     {"image:\r  tag: v1\r  b: 1\r", "image:\r  tag: \"new\"\r  b: 1\r"},
		"no final newline":             {"image:\n  tag: v1", "image:\n  tag: \"new\""},
		"no final newline and empty":   {"image:\n  tag:", "image:\n  tag: \"new\""},
		"no final newline after blank": {"image: {tag: v1}  ", "image: {tag: \"new\"}  "},
		"many final newlines":          {"image:\n  tag: v1\n\n\n \n", "image:\n  tag: \"new\"\n\n\n \n"},
		"byte order mark":              {"\ufeffimage:\n  tag: v1\n", "\ufeffimage:\n  tag: \"new\"\n"},
		"byte order mark, first line":  {"\ufeffimage: {tag: v1}\n", "\ufeffimage: {tag: \"new\"}\n"},
		"byte order mark and comment":  {"\ufeff# ä\nimage: {tag: v1}\n", "\ufeff# ä\nimage: {tag: \"new\"}\n"},
		"U+2028 in a comment":          {"# a\u2028image:\n  tag: v1\n", "# a\u2028image:\n  tag: \"new\"\n"},
		"U+2028 in a quoted value":     {"a: \"x\u2028y\"\nimage: {tag: v1}\n", "a: \"x\u2028y\"\nimage: {tag: \"new\"}\n"},
		"U+2029 between lines":         {"a: 1\u2029image: {tag: v1}\n", "a: 1\u2029image: {tag: \"new\"}\n"},
		"U+0085 between lines":         {"a: 1\u0085image: {tag: v1}\n", "a: 1\u0085image: {tag: \"new\"}\n"},
		"wide characters before":       {"{é: 日本, image: {\"𝄞\": '', tag: v1}}", "{é: 日本, image: {\"𝄞\": '', tag: \"new\"}}"},
		"trailing blanks":              {"image:   \n  tag: v1   \n", "image:   \n  tag: \"new\"   \n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := setTwice(t, []byte(row[0]), Edit{Key: "image.tag", Value: "new"})
			if string(got.Data) != row[1] {
				t.Errorf("%s\n%q, want\n%q", got.Name, got.Data, row[1])
			}
		})
	}
}

// B26, B27, B31
func TestAFileThatReadersDisagreeOnIsRefused(t *testing.T) {
	t.Parallel()
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
	for i := range 12 {
		bomb += fmt.Sprintf("a%d: &a%d [%s*a%d]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 8), i)
	}
	for name, row := range map[string]struct{ src, want string }{
		"UTF-16":                   {"\xff\xfei\x00m\x00", "1: the file is UTF-16; save the file as plain UTF-8"},
		"UTF-16, other order":      {"\xfe\xff\x00i\x00m", "1: the file is UTF-16; save the file as plain UTF-8"},
		"not UTF-8":                {"a: 1\nimage: {tag: v1}\nb: \xe4\n", "3: the file is not valid UTF-8; save the file as plain UTF-8"},
		"NUL":                      {"image: {tag: v1}\n\x00", "2: the file holds a NUL byte; save the file as plain UTF-8"},
		"byte order mark inside":   {"image: {tag: v1}\nb: \"\ufeff\"\n", "2: a byte order mark stands inside the file; save the file as plain UTF-8"},
		"control character":        {"image: {tag: v1}\nb: \"\x01\"\n", "1: the file is not valid YAML: control characters are not allowed"},
		"alias bomb":               {bomb + "image: {tag: v1}\n", "1: the file is too large or too deep once its aliases are written out; use fewer aliases"},
		"alias of itself":          {"image: &a {tag: v1, more: *a}\n", "1: the file is too large or too deep once its aliases are written out; use fewer aliases"},
		"200,000 levels of braces": {"image: {tag: v1}\nb: " + strings.Repeat("{a: ", 200_000), "the file is not valid YAML: exceeded max depth of 10000"},
		"200,000 levels of lists":  {"image: {tag: v1}\nb: " + strings.Repeat("[", 200_000), "the file is not valid YAML: exceeded max depth of 10000"},
		"null as a key":            {"image: {tag: v1}\n~: sesame\n", "1: the file is not valid YAML: Helm cannot turn it into JSON, for a key that is null, a list or a mapping, or a number that is .inf or .nan; mend it until `helm lint` reads it"},
		"mapping as a key":         {"image: {tag: v1}\n{sesame: 1}: 2\n", "for a key that is null, a list"},
		"binary":                   {"image: {tag: v1}\nb: !!binary \"%\"\n", "1: the file is not valid YAML: !!binary value contains invalid base64 data"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Set([]byte(row.src), Edit{Key: "image.tag", Value: "new"})
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "sesame") {
				t.Errorf("%v, want %s", err, row.want)
			}
		})
	}
}

func TestAPanicOfTheLibraryIsAnErrorAboutTheFile(t *testing.T) {
	t.Parallel()
	err := guard(func() error { panic("internal error") })
	var fault *Error
	if !errors.As(err, &fault) || fault.Rule != "syntax" {
		t.Errorf("it is %v", err)
	}
}

func TestSeveralEditsAreMadeInOrderOrNotAtAll(t *testing.T) {
	t.Parallel()
	src := "image:\n  tag: v1\nmigration: {image: 'a:v1'}\n"
	edits := []Edit{{Key: "image.tag", Value: "n1"}, {Key: "migration.image", Part: "tag", Value: "n2"}, {Key: "migration.image", Value: "b:n2"}}
	got, err := Set([]byte(src), edits...)
	if err != nil || string(got) != "image:\n  tag: \"n1\"\nmigration: {image: 'b:n2'}\n" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err = Set([]byte(src), append(edits, Edit{Key: "none", Value: "x"})...); err == nil || got != nil {
		t.Errorf("one of them fails: %q, %v", got, err)
	}
	if got, err = Set([]byte(src)); err != nil || string(got) != src {
		t.Errorf("no edit: %q, %v", got, err)
	}
}

func TestSetNeverWritesToItsInput(t *testing.T) {
	t.Parallel()
	src := append(make([]byte, 0, 100), "a: b\nc: d\n"...)
	if _, err := Set(src, Edit{Key: "a", Value: "x"}); err != nil || string(src) != "a: b\nc: d\n" {
		t.Errorf("src is %q now, %v", src, err)
	}
}

func TestANewValueThatIsNoTextIsRefused(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"\xff", "a\x00b"} {
		var fault *Error
		if _, err := Set([]byte("a: b\n"), Edit{Key: "a", Value: value}); !errors.As(err, &fault) || fault.Rule != "encoding" {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestGetTellsWhatStandsThere(t *testing.T) {
	t.Parallel()
	src := []byte("\nimage: acme/api:v1\nlist:\n- a\n-   'b'\nempty:\nquoted: \"\"\nyes: yes\nnothing: ~\ndate: 2026-01-01\nfloat: 1e3\n")
	for key, want := range map[string]Value{
		"image": {Text: "acme/api:v1", Line: 2, String: true}, "image:tag": {Text: "v1", Line: 2, String: true},
		"list[1]": {Text: "b", Line: 5, String: true}, "empty": {Line: 6, Empty: true}, "quoted": {Line: 7, String: true, Empty: true},
		"date": {Text: "2026-01-01", Line: 10}, "float": {Text: "1e3", Line: 11},
	} {
		key, part, _ := strings.Cut(key, ":")
		if got, err := Get(src, key, part); err != nil || got != want {
			t.Errorf("%s: %+v, %v", key, got, err)
		}
	}
	var fault *Error
	if _, err := Get(src, "image.tag", ""); !errors.As(err, &fault) || fault.Rule != "missing-key" || fault.Line != 2 || fault.Key != "image.tag" {
		t.Errorf("a missing key: %+v", err)
	}
}
