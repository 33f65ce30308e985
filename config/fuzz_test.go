package config

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

// Load never panics; what it refuses it explains in full, a line per problem, in order; what it accepts
// Marshal writes, and Load accepts that as the same.
func FuzzLoadExplainsOrRoundTrips(f *testing.F) {
	example, err := os.ReadFile("releaser.yaml")
	if err != nil {
		f.Fatal(err)
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
	})
}

func checkInvalid(t *testing.T, err error) {
	t.Helper()
	var invalid *Invalid
	if !errors.As(err, &invalid) || len(invalid.Problems) == 0 {
		t.Fatalf("no *Invalid: %#v", err)
	}
	if strings.Count(err.Error(), "\n") != len(invalid.Problems)-1 {
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
