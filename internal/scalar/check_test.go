package scalar

import (
	"errors"
	"runtime"
	"strings"
	"testing"
)

// long is a file of 80 kB that is 800 MB once its aliases are written out.
func long() string {
	return "image: {tag: x}\na: &a " + strings.Repeat("x", 20_000) + "\nb: [" + strings.Repeat("*a,", 20_000) + "]\n"
}

// B26, B27
func TestCheckRefusesAFileThatIsLargeOnceItsAliasesAreWrittenOut(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ src, rule string }{
		"long text":        {long(), "too-large"},
		"second document":  {"a: b\n---\n" + long(), "too-large"},
		"alias of itself":  {"a: &a [*a]\n", "too-large"},
		"merge keys":       {"a: &a {k: " + strings.Repeat("x", 20_000) + "}\nb: [" + strings.Repeat("{<<: *a},", 20_000) + "]\n", "too-large"},
		"nesting":          {strings.Repeat("[", 200_000), "syntax"},
		"a long list":      {"b: [" + strings.Repeat("a,", 600_000) + "]\n", "file-size"},
		"unknown anchor":   {"a: *sesame\n", "syntax"},
		"honest anchors":   {"a: &a {b: c}\nd: {<<: *a, e: *a}\n", ""},
		"nothing":          {"", ""},
		"a list of 500 kB": {"b: [" + strings.Repeat("a,", 250_000) + "]\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := Check([]byte(row.src))
			var fault *Error
			if errors.As(err, &fault) != (row.rule != "") || fault != nil && (fault.Rule != row.rule || fault.Fix == "") {
				t.Errorf("%v, want %q", err, row.rule)
			}
			if err != nil && strings.Contains(err.Error(), "sesame") {
				t.Errorf("it quotes the file: %v", err)
			}
		})
	}
}

// B26
func TestSetOfAFileWithManyAliasesTakesLittleMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Set([]byte(long()), Edit{Key: "image.tag", Value: "new"})
	runtime.ReadMemStats(&after)
	var fault *Error
	if !errors.As(err, &fault) || fault.Rule != "too-large" {
		t.Errorf("it is %v", err)
	}
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 100 {
		t.Errorf("it took %d MiB", used)
	}
}

// What stands in a file may be secret, an anchor, an alias and a tag too.
func TestErrorsQuoteNothingOfTheFile(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		"image: {tag: x}\npassword: *sesame\n", "image: {tag: x}\npassword: !!int sesame\n", "image: {tag: x}\npassword: !!float sesame\n",
		"image: {tag: x}\npassword: !!bool sesame\n", "image: {tag: x}\npassword: !!timestamp sesame\n", "image: {tag: x}\n? sesame\n: [\n",
		"image: {tag: x}\npassword: &sesame {a: *sesame}\n", "image: {tag: x}\n<<: sesame\n", "image: {tag: x}\npassword: @sesame\n",
		"image: {tag: x}\npassword: \"\\sesame\"\n", "a: &sesame x\nimage: {tag: *sesame}\n", "a: &sesame {tag: x}\nimage: *sesame\n",
		"image: &sesame {tag: x}\na: *sesame\n", "image: {tag: !sesame x}\n", "a: &sesame tag\nimage: {*sesame : x}\n",
		"image: {tag: x}\npassword: !sesame!foo\n",
	} {
		if _, err := Set([]byte(src), Edit{Key: "image.tag", Value: "new"}); err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: %v", src, err)
		}
	}
}
