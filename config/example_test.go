package config

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"github.com/releaser/releaser/internal/placeholder"
)

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheExampleLoadsAndShowsEveryField(t *testing.T) {
	t.Parallel()
	text := read(t, "releaser.yaml")
	if _, err := Load("releaser.yaml", text); err != nil {
		t.Fatal(err)
	}
	for _, s := range structs(reflect.TypeFor[Config]()) {
		for _, name := range fieldNames(s) {
			if !regexp.MustCompile(`(?m)(^|[ {])` + name + `:`).Match(text) {
				t.Errorf("%s.%s is not in the example", s.Name(), name)
			}
		}
	}
}

func TestTheShortConfigurationOfTheExampleIsEnough(t *testing.T) {
	t.Parallel()
	_, short, ok := strings.Cut(string(read(t, "releaser.yaml")), "# Short, this is enough:\n#\n")
	if !ok {
		t.Fatal("the example has no short configuration")
	}
	if _, err := Load("short.yaml", []byte(strings.ReplaceAll(short, "#   ", ""))); err != nil {
		t.Error(err)
	}
}

// structs are all types with fields that the configuration is made of.
func structs(t reflect.Type) []reflect.Type {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return structs(t.Elem())
	case reflect.Struct:
		if t == reflect.TypeFor[placeholder.Template]() {
			return nil
		}
	default:
		return nil
	}
	found := []reflect.Type{t}
	for _, f := range fields(t) {
		for _, s := range structs(f.Type) {
			if !slices.Contains(found, s) {
				found = append(found, s)
			}
		}
	}
	return found
}

// definition is a part of the schema.
type definition struct {
	Description          string
	Type                 any
	Properties           map[string]definition
	Required             []string
	Items                *definition
	Ref                  string `json:"$ref"`
	Enum                 []string
	Default              any
	Minimum, Maximum     json.Number
	AdditionalProperties any
	Defs                 map[string]definition `json:"$defs"`
}

func TestTheSchemaAndTheTypesNameTheSameFields(t *testing.T) {
	t.Parallel()
	var schema definition
	decoder := json.NewDecoder(bytes.NewReader(read(t, "releaser.schema.json")))
	decoder.UseNumber()
	if err := decoder.Decode(&schema); err != nil {
		t.Fatal(err)
	}
	all := structs(reflect.TypeFor[Config]())
	if len(all) != len(schema.Defs)+1 {
		t.Errorf("%d types, %d definitions", len(all), len(schema.Defs)+1)
	}
	for _, s := range all {
		d, ok := schema.Defs[s.Name()]
		if s == reflect.TypeFor[Config]() {
			d, ok = schema, true
		}
		if !ok {
			t.Errorf("%s is not in the schema", s.Name())
			continue
		}
		if d.AdditionalProperties != false || d.Description == "" || len(d.Properties) != len(fields(s)) {
			t.Errorf("%s: it is not closed, has no description, or has %d fields, not %d", s.Name(), len(d.Properties), len(fields(s)))
		}
		for _, f := range fields(s) {
			compareField(t, s.Name()+"."+fieldName(f), f, d.Properties[fieldName(f)])
		}
		for _, name := range d.Required {
			if !slices.Contains(fieldNames(s), name) {
				t.Errorf("%s.%s is required, but does not exist", s.Name(), name)
			}
		}
	}
}

// compareField wants the schema to say of a field what its type and tags say.
func compareField(t *testing.T, name string, f reflect.StructField, d definition) {
	t.Helper()
	if d.Description == "" {
		t.Errorf("%s has no description in the schema", name)
	}
	of := f.Type
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	enum := d.Enum
	if of.Kind() == reflect.Slice {
		of = of.Elem()
		if d.Items == nil {
			t.Errorf("%s is a list", name)
			return
		}
		enum = d.Items.Enum
		d.Ref = d.Items.Ref
	}
	if of.Kind() == reflect.Struct && len(fields(of)) > 0 && d.Ref != "#/$defs/"+of.Name() {
		t.Errorf("%s refers to %q", name, d.Ref)
	}
	words := strings.Fields(f.Tag.Get("oneOf"))
	if f.Tag.Get("also") == "empty" {
		words = append([]string{""}, words...)
	}
	if slices.Sort(words); !slices.Equal(words, slices.Sorted(slices.Values(enum))) {
		t.Errorf("%s is one of %q, in the schema of %q", name, words, enum)
	}
	if text, ok := f.Tag.Lookup("default"); ok {
		var want any = text
		switch f.Type.Kind() {
		case reflect.Slice:
			want = toAny(strings.Fields(text))
		case reflect.Int:
			want = json.Number(text)
		}
		if !reflect.DeepEqual(d.Default, want) {
			t.Errorf("%s is %v unless said, in the schema %v", name, want, d.Default)
		}
	}
	if least, most := f.Tag.Get("min"), f.Tag.Get("max"); of.Kind() == reflect.Int && (string(d.Minimum) != least || string(d.Maximum) != most) {
		t.Errorf("%s is from %q to %q, in the schema from %q to %q", name, least, most, d.Minimum, d.Maximum)
	}
}

func toAny(words []string) []any {
	var list []any
	for _, w := range words {
		list = append(list, w)
	}
	return list
}

func TestTheExampleAndWhatMarshalWritesSatisfyTheSchema(t *testing.T) {
	t.Parallel()
	schema := compile(t)
	example := read(t, "releaser.yaml")
	c, err := Load("releaser.yaml", example)
	if err != nil {
		t.Fatal(err)
	}
	written, err := Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"the example": example, "what Marshal writes": written, "the small one": []byte(small)} {
		if err := schema.Validate(instance(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheSchemaRefusesWhatLoadRefuses(t *testing.T) {
	t.Parallel()
	schema := compile(t)
	for _, row := range [][2]string{
		{"version: 1", "version: 2"}, {"version: 1", "version: 1\nsever: {}"}, {"name: platform", "name: A_b"}, {"from: dev}", "from: dev, gates: {}}"},
		{"[{path: charts/*}]", "[]"}, {"oci://", "https://"}, {"tokenEnv:", "tokenFile: a, tokenEnv:"}, {"name: platform", "name: platform\n    poll: 60"},
		{"name: platform", "name: platform\n    existing: some"}, {"name: platform", "name: platform\n    tags: ['{chart}']"},
		{"version: 1", "version: 1\nconcurrency: {sweeps: 0}"}, {"version: 1", "version: 1\nconcurrency: {follows: 1001}"},
		{"version: 1", "version: 1\njournal: {postgres: {}}"}, {"version: 1", "version: 1\njournal: {postgres: {urlFile: 'postgres://u:p@h/d'}}"},
		{"key: cosign.key, passwordEnv: COSIGN_PASSWORD", ""}, {"/{chart}.yaml", ".yaml"},
	} {
		if _, err := load(t, row[:]...); err == nil {
			t.Errorf("Load takes %q", row[1])
		}
		if schema.Validate(instance(t, []byte(strings.Replace(small, row[0], row[1], 1)))) == nil {
			t.Errorf("the schema takes %q", row[1])
		}
	}
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(read(t, "releaser.schema.json")))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("releaser.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("releaser.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func instance(t *testing.T, text []byte) any {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
