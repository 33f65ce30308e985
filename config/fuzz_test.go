package config

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/rogpeppe/go-internal/txtar"
)

// Load never panics; what it refuses it explains in full, a line per problem, in order; what it accepts
// Marshal writes, and Load accepts that as the same.
func FuzzLoadExplainsOrRoundTrips(f *testing.F) {
	example, err := os.ReadFile("releaser.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range []string{"testdata/defaults.txtar", "testdata/problems.txtar"} {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Add([]byte(small))
	f.Add(example)
	f.Add([]byte(strings.ReplaceAll(small, ": ", ": &a ")))
	f.Add([]byte("version: 1\nsources: [{name: a, url: ., charts: [{path: '*', pins: []}]}]\nregistry: {url: oci://h}\nsigning: {trusted: [a]}\n"))
	f.Add([]byte("sources:\n- charts: [{pins: [{}, 1, ~]}, *x]\nenvironments: [{files: [{set: {a: {b: c}}}]}]"))
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := Load("releaser.yaml", src)
		if err != nil {
			checkInvalid(t, err)
			return
		}
		written, err := Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Load("releaser.yaml", written)
		if err != nil {
			t.Fatalf("%v\n%s", err, written)
		}
		if !reflect.DeepEqual(c, again) {
			t.Fatalf("it is read as another configuration:\n%s", written)
		}
		if twice, err := Marshal(again); err != nil || !bytes.Equal(twice, written) {
			t.Fatalf("it is written in another way: %v\n%s\n%s", err, written, twice)
		}
	})
}

func checkInvalid(t *testing.T, err error) {
	t.Helper()
	var invalid *Invalid
	if !errors.As(err, &invalid) || len(invalid.Problems) == 0 {
		t.Fatalf("no *Invalid: %#v", err)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(invalid.Problems) || strings.ContainsFunc(strings.Join(lines, ""), func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Fatalf("not a line per problem: %q", err)
	}
	last := 0
	for _, p := range invalid.Problems {
		if p.Line < max(last, 1) || p.Column < 1 || p.Message == "" || p.Fix == "" {
			t.Fatalf("a problem out of order or not full: %+v", p)
		}
		last = p.Line
	}
}
