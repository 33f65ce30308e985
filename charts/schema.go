package charts

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"go.yaml.in/yaml/v3"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// schemaURL is where Helm pretends that a schema lies. Relative references are read from there, that is, nowhere.
const schemaURL = "file:///values.schema.json"

// schema is one values.schema.json.
type schema struct {
	file     string // in the repository
	text     []byte
	top      *yaml.Node         // for lines; JSON is YAML
	compiled *jsonschema.Schema // nil when it cannot be used
}

// closedLoader loads nothing: no http, no file, no urn, which Helm lets pass as true. References inside of the
// document, and to the specifications of JSON Schema, never come here.
type closedLoader struct{}

func (closedLoader) Load(string) (any, error) { return nil, errors.New("refused") }

// schemaOf compiles the schema of a chart, once, and tells what is wrong with it. It is nil when there is none to use.
func (i *inspector) schemaOf(c *chart.Chart) *schema {
	if len(c.Schema) == 0 {
		return nil
	}
	if s := i.schemas[string(c.Schema)]; s != nil {
		return s
	}
	s := &schema{file: i.places.file(i.files, c.ChartFullPath()+"/"+schemaFile), text: c.Schema, top: parseNodes(c.Schema)}
	i.schemas[string(c.Schema)] = s
	compiled, err := compile(c.Schema)
	if err != nil {
		i.report.add(s.broken(err))
		return s
	}
	s.compiled = compiled
	return s
}

// compile reads a schema as Helm does, but for the loader.
func compile(text []byte) (compiled *jsonschema.Schema, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("it cannot be compiled")
		}
	}()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(closedLoader{})
	if err := compiler.AddResource(schemaURL, doc); err != nil {
		return nil, err
	}
	return compiler.Compile(schemaURL)
}

// broken tells why a schema cannot be used.
func (s *schema) broken(err error) Finding {
	f := Finding{Severity: Error, File: s.file, Rule: "schema-invalid", Fix: "mend the schema"}
	var closed *jsonschema.LoadURLError // of closedLoader: there is no other
	var invalid *jsonschema.SchemaValidationError
	switch {
	case errors.As(err, &closed):
		f.Rule, f.Line = "schema-ref", s.lineOfReference(closed.URL)
		f.Message = fmt.Sprintf("the schema refers to %s, outside of itself", schemeOf(closed.URL))
		f.Fix = "copy what it refers to into the schema, under definitions"
	case errors.As(err, &invalid):
		var at *jsonschema.ValidationError
		pointer := pointerIn(invalid.URL)
		f.Message = "it is no JSON schema"
		if errors.As(invalid.Err, &at) {
			if all := leaves(at); len(all) > 0 {
				pointer = append(pointer, all[0].InstanceLocation...)
			}
			f.Message += ": " + plain(dotted(pointer)) + " is not what JSON Schema allows there"
		}
		f.Line, _ = lineOf(s.top, pointer)
	case nowhere(err) != "":
		fragment := nowhere(err)
		f.Rule, f.Line = "schema-ref", s.lineOfReference(fragment)
		f.Message = "the schema refers to " + plain(fragment) + ", which it does not have"
		f.Fix = "write that part, or correct the reference"
	default:
		f.Message = "it is no JSON schema: " + plain(err.Error())
	}
	return f
}

// nowhere is the part of the schema that it refers to and does not have; empty when the error is another.
func nowhere(err error) string {
	location := ""
	var pointer *jsonschema.JSONPointerNotFoundError
	var anchor *jsonschema.AnchorNotFoundError
	switch {
	case errors.As(err, &pointer):
		location = pointer.URL
	case errors.As(err, &anchor):
		location = anchor.Reference
	}
	if _, fragment, found := strings.Cut(location, "#"); found {
		return "#" + fragment
	}
	return ""
}

// schemeOf names the kind of a reference and no more: the rest might be a token.
func schemeOf(reference string) string {
	u, err := url.Parse(reference)
	switch {
	case err != nil || u.Scheme == "":
		return "something"
	case u.Scheme == "file":
		return "a file"
	case strings.HasPrefix(u.Scheme, "http"): // as they are spelled out
		return "an " + plain(u.Scheme) + ": address"
	}
	return "a " + plain(u.Scheme) + ": address"
}

// lineOfReference finds the line of a reference, 0 when it is written in another way than it is read.
func (s *schema) lineOfReference(url string) int {
	for _, written := range []string{url, path.Base(url)} {
		at := bytes.Index(s.text, []byte(`"`+written))
		if at < 0 {
			at = bytes.Index(s.text, []byte(written))
		}
		if at >= 0 && written != "" && written != "/" {
			return 1 + bytes.Count(s.text[:at], []byte("\n"))
		}
	}
	return 0
}

// pointerIn is the path of a JSON pointer in the fragment of a URL.
func pointerIn(location string) []string {
	_, fragment, _ := strings.Cut(location, "#")
	if fragment == "" {
		return nil
	}
	var path []string
	for _, step := range strings.Split(strings.TrimPrefix(fragment, "/"), "/") {
		if text, err := url.PathUnescape(step); err == nil {
			step = text
		}
		path = append(path, strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
	}
	return path
}

// leaves are the errors that say something: the deepest, but for choices, of which any branch would do.
func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Not, *kind.Contains, *kind.PropertyNames:
		return []*jsonschema.ValidationError{e}
	}
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	var all []*jsonschema.ValidationError
	for _, cause := range e.Causes {
		all = append(all, leaves(cause)...)
	}
	return all
}

// violation is one key that does not do as its schema says.
type violation struct {
	path    []string
	message string // about the path; it names keys and types, never a value
	missing bool   // the path is required and not there
	circle  string // where in the schema a reference leads back to itself, which is the schema's fault
}

// violations takes an error of the schema library apart.
func violations(err error) []violation {
	var top *jsonschema.ValidationError
	if !errors.As(err, &top) {
		return []violation{{message: "cannot be checked"}}
	}
	var all []violation
	for _, e := range leaves(top) {
		at := e.InstanceLocation
		switch k := e.ErrorKind.(type) {
		case *kind.Required:
			for _, key := range k.Missing {
				all = append(all, violation{path: append(slices.Clone(at), key), message: "is missing", missing: true})
			}
		case *kind.AdditionalProperties:
			for _, key := range k.Properties {
				all = append(all, violation{path: append(slices.Clone(at), key), message: "is not in the schema (additionalProperties)"})
			}
		case *kind.RefCycle:
			all = append(all, violation{path: at, circle: k.URL})
		case *kind.FalseSchema:
			all = append(all, violation{path: at, message: "is not allowed"})
		case *kind.Type:
			all = append(all, violation{path: at, message: fmt.Sprintf("is of the type %s, not %s", k.Got, strings.Join(k.Want, " or "))})
		default:
			rule := strings.Join(k.KeywordPath(), "/")
			if rule == "" {
				rule = "not"
			}
			all = append(all, violation{path: at, message: "does not satisfy " + rule})
		}
	}
	return all
}

// dotted writes a path as values files are talked about.
func dotted(path []string) string {
	if len(path) == 0 {
		return "the whole"
	}
	var b strings.Builder
	for n, step := range path {
		if step != "" && strings.Trim(step, "0123456789") == "" {
			fmt.Fprintf(&b, "[%s]", step)
			continue
		}
		if n > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strings.ReplaceAll(step, ".", `\.`))
	}
	return b.String()
}
