package charts

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/rogpeppe/go-internal/txtar"
	helmyaml "sigs.k8s.io/yaml"
)

// Bounds of what is fuzzed. Evaluating a schema takes time that is exponential in them; the process that does it for a
// chart is killed at a limit, and this one must not be.
const (
	maxReferences = 6
	maxNesting    = 40 // brackets of a schema
	valueLevels   = 5  // of values
)

// Words in a fuzzed schema that become canaries: addresses that answer.
const (
	canaryHTTP = "HTTP-CANARY"
	canaryFile = "FILE-CANARY"
)

// secretValue begins every text among the fuzzed values.
const secretValue = "tweet-"

// Whatever a schema says and whatever values it is asked about: it ends, it asks no network and opens no file, a reference to
// either is never a schema that can be used, and what is told of it is one line for each key, without a value.
func FuzzSchemaReadsNothingAndTellsNoValue(f *testing.F) {
	addSchemas(f)
	server, asked := listener(f)
	secret := filepath.Join(f.TempDir(), "schema.json")
	if err := os.WriteFile(secret, []byte("true"), 0o600); err != nil {
		f.Fatal(err)
	}
	other := filepath.Join(f.TempDir(), "schema.json") // which no schema can claim to be, for it does not know the name
	if err := os.WriteFile(other, []byte("true"), 0o600); err != nil {
		f.Fatal(err)
	}
	outside := []string{"http://" + server + other, "file://" + other, "../.." + other, "urn:" + other}
	canaries := strings.NewReplacer(canaryHTTP, "http://"+server, canaryFile, "file://"+secret)
	f.Fuzz(func(t *testing.T, text, values string) {
		if strings.Count(text, `ef"`)+strings.Count(text, `\u`) > maxReferences || nesting(text) > maxNesting || len(text)+len(values) > 64<<10 {
			t.Skip()
		}
		dog := time.AfterFunc(time.Minute, func() { panic("no end: " + text + " of " + values) })
		defer dog.Stop()
		text = canaries.Replace(text)
		judge(t, text, values)
		within := fmt.Sprintf(`{"allOf": [{"$ref": %q}, %s]}`, outside[len(text)%len(outside)], text)
		if _, err := compile([]byte(within)); err == nil {
			t.Fatalf("%s can be used", within)
		}
		if n := len(asked); n > 0 {
			t.Fatalf("%s asks the network", text)
		}
	})
}

// judge reads a schema, and twice asks it about values.
func judge(t *testing.T, text, yaml string) {
	t.Helper()
	s := &schema{file: schemaFile, text: []byte(text), top: parseNodes([]byte(text))}
	compiled, err := compile(s.text)
	if err != nil {
		found := s.broken(err)
		checkSaid(t, found.Message, found.Fix)
		if found.Line < 0 || found.Line > 1+bytes.Count(s.text, []byte("\n")) {
			t.Fatalf("line %d of %s", found.Line, text)
		}
		return
	}
	var values map[string]any
	if helmyaml.Unmarshal([]byte(yaml), &values) != nil || levels(values) > valueLevels {
		t.Skip()
	}
	mark(values)
	first, again := said(t, compiled.Validate(values)), said(t, compiled.Validate(values))
	if !slices.Equal(first, again) {
		t.Fatalf("%s of %s says %q, then %q", text, yaml, first, again)
	}
}

// said is what is told of values that a schema refuses, in order.
func said(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var all []string
	for _, v := range violations(err) {
		all = append(all, plain(dotted(v.path)+" "+v.message))
	}
	if len(all) == 0 {
		t.Fatalf("it is refused, and nothing is said: %v", err)
	}
	checkSaid(t, all...)
	slices.Sort(all)
	return all
}

func checkSaid(t *testing.T, said ...string) {
	t.Helper()
	for _, text := range said {
		if text == "" || strings.Contains(text, secretValue) || strings.ContainsFunc(text, unicode.IsControl) {
			t.Fatalf("it is said: %q", text)
		}
	}
}

// mark makes a secret of every text among the values.
func mark(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, child := range value {
			value[key] = mark(child)
		}
	case []any:
		for n, child := range value {
			value[n] = mark(child)
		}
	case string:
		return secretValue + value
	}
	return value
}

// nesting is how deep brackets stand in each other, at most.
func nesting(text string) int {
	depth, deepest := 0, 0
	for _, r := range text {
		switch r {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		deepest = max(deepest, depth)
	}
	return deepest
}

// levels is how deep values stand in each other.
func levels(value any) int {
	deepest := 0
	switch value := value.(type) {
	case map[string]any:
		for _, child := range value {
			deepest = max(deepest, 1+levels(child))
		}
	case []any:
		for _, child := range value {
			deepest = max(deepest, 1+levels(child))
		}
	}
	return deepest
}

// listener is a server that notes whoever comes.
func listener(f *testing.F) (address string, asked chan net.Conn) {
	f.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.Close() })
	asked = make(chan net.Conn, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
			asked <- conn
		}
	}()
	return l.Addr().String(), asked
}

// addSchemas adds the schema of the shipped chart, those of the lint's cases, and the tricks of an enemy.
func addSchemas(f *testing.F) {
	f.Helper()
	read := func(name string) string {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		return string(data)
	}
	for _, values := range []string{"values.yaml", "values-prod.yaml"} {
		text := read("voice-agent/" + schemaFile)
		f.Add(strings.Replace(text, `"$ref"`, `"title"`, strings.Count(text, `"$ref"`)-maxReferences), read("voice-agent/"+values))
	}
	cases, err := filepath.Glob("testdata/lint/schema-*.txtar")
	if err != nil || len(cases) < 5 {
		f.Fatalf("%d cases: %v", len(cases), err)
	}
	for _, name := range cases {
		var text, values string
		for _, file := range txtar.Parse([]byte(read(name))).Files {
			switch filepath.Base(file.Name) {
			case schemaFile:
				text = string(file.Data)
			case valuesFile:
				values = string(file.Data)
			}
		}
		f.Add(text, values)
	}
	for _, text := range []string{
		`{"$ref": "HTTP-CANARY"}`, `{"$ref": "FILE-CANARY#/a"}`, `{"$schema": "HTTP-CANARY"}`, `{"$id": "FILE-CANARY", "$ref": "x"}`,
		`{"$id": "http://json-schema.org/draft-07/schema", "$ref": "#/definitions/a"}`, `{"$ref": "#"}`, `{"$dynamicRef": "#a"}`,
		`{"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}`, `{"$ref": "../../values.yaml"}`, `true`, `[]`, `nul`, `{"a":1}{"b":2}`,
		`{"patternProperties": {"(a+)+$": {"type": "null"}}, "propertyNames": {"pattern": "^b"}}`, `{"not": {}, "minimum": 1e400}`,
		`{"$vocabulary": {"x": true}, "contentEncoding": "base64", "format": "regex", "unevaluatedProperties": false}`,
	} {
		f.Add(text, "a: {a: {a: x, 1: [y]}}\nb: 12345678901234567890\n\"c.d\": null\n")
	}
}
