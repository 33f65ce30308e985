package charts

import (
	"bytes"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// drift compares what the schema describes with what the values and the templates know.
type drift struct {
	*inspector
	schema  *schema
	foreign map[string]bool // keys at the top that belong to Helm and to subcharts
	sets    []valueSet
	words   map[string]bool // of all templates
	text    []byte
}

// checkDrift tells keys of values.yaml that the schema does not describe, and properties that nobody names.
func (i *inspector) checkDrift(c *chart.Chart, sets []valueSet) {
	s := i.schemaOf(c)
	if s == nil {
		if i.Rules.SchemaRequired {
			i.report.add(Finding{Severity: Error, File: i.file(schemaFile), Rule: "schema-missing",
				Message: "the chart has no schema for its values", Fix: "write one; the configuration says schema: required"})
		}
		return
	}
	if s.compiled == nil {
		return
	}
	d := &drift{inspector: i, schema: s, sets: sets, foreign: foreignKeys(c)}
	d.text = templateText(i.files)
	d.words = wordsOf(d.text)
	d.undescribed(sets[0].top, []*jsonschema.Schema{s.compiled}, nil)
	d.unnamed(s.compiled, nil, map[*jsonschema.Schema]bool{})
}

// foreignKeys are the keys at the top of values.yaml that a subchart's schema, or nobody's, describes.
func foreignKeys(c *chart.Chart) map[string]bool {
	keys := map[string]bool{"global": true, "tags": len(c.Metadata.Dependencies) > 0}
	for _, dep := range c.Metadata.Dependencies {
		if dep != nil {
			keys[dep.Name], keys[dep.Alias] = true, true
		}
	}
	for _, sub := range c.Dependencies() {
		keys[sub.Name()] = true
	}
	return keys
}

// undescribed walks a node of values.yaml with all schemas that speak of it.
func (d *drift) undescribed(n *yaml.Node, schemas []*jsonschema.Schema, at []string) {
	if n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || len(at) > 100 {
		return
	}
	speaking := closure(schemas)
	switch n.Kind {
	case yaml.SequenceNode:
		for index, item := range n.Content {
			d.undescribed(item, itemSchemas(speaking, index), append(at[:len(at):len(at)], strconv.Itoa(index)))
		}
	case yaml.MappingNode:
		if free(speaking) {
			return
		}
		for k := 0; k+1 < len(n.Content); k += 2 {
			d.undescribedKey(n.Content[k], n.Content[k+1], speaking, append(at[:len(at):len(at)], n.Content[k].Value))
		}
	}
}

func (d *drift) undescribedKey(key, value *yaml.Node, speaking []*jsonschema.Schema, at []string) {
	below, described := propertySchemas(speaking, key.Value)
	if described {
		d.undescribed(value, below, at)
		return
	}
	if key.Value == "<<" || len(at) == 1 && d.foreign[key.Value] || strict(speaking) {
		return // a strict schema refuses the key when the values are checked
	}
	f := Finding{Severity: Warning, File: d.file(valuesFile), Line: key.Line, Rule: "schema-drift",
		Message: plain("the schema does not describe " + dotted(at)), Fix: "describe it in " + d.schema.file}
	if d.Rules.SchemaRequired {
		f.Severity = Error
	}
	d.report.add(f)
}

// closure adds to schemas those that they refer to for the same value.
func closure(schemas []*jsonschema.Schema) []*jsonschema.Schema {
	var all []*jsonschema.Schema
	seen := map[*jsonschema.Schema]bool{nil: true}
	for todo := slices.Clone(schemas); len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[s] {
			continue
		}
		seen[s] = true
		all = append(all, s)
		todo = append(todo, s.Ref, s.RecursiveRef, s.If, s.Then, s.Else)
		todo = slices.Concat(todo, s.AllOf, s.AnyOf, s.OneOf, slices.Collect(maps.Values(s.DependentSchemas)))
		if s.DynamicRef != nil {
			todo = append(todo, s.DynamicRef.Ref)
		}
		for _, dependency := range s.Dependencies {
			if sub, ok := dependency.(*jsonschema.Schema); ok {
				todo = append(todo, sub)
			}
		}
	}
	return all
}

// free tells that no schema says anything about the keys of a mapping: any will do.
func free(schemas []*jsonschema.Schema) bool {
	return !slices.ContainsFunc(schemas, func(s *jsonschema.Schema) bool {
		return len(s.Properties) > 0 || len(s.PatternProperties) > 0 || s.AdditionalProperties != nil || s.UnevaluatedProperties != nil
	})
}

// strict tells that a schema forbids the keys that it does not describe.
func strict(schemas []*jsonschema.Schema) bool {
	return slices.ContainsFunc(schemas, func(s *jsonschema.Schema) bool {
		return s.AdditionalProperties == false || s.UnevaluatedProperties != nil
	})
}

// propertySchemas are the schemas for the value under a key, and whether the key is described at all.
func propertySchemas(schemas []*jsonschema.Schema, key string) (below []*jsonschema.Schema, described bool) {
	for _, s := range schemas {
		known := s.Properties[key] != nil
		if known {
			below = append(below, s.Properties[key])
		}
		for pattern, property := range s.PatternProperties {
			if pattern.MatchString(key) {
				known, below = true, append(below, property)
			}
		}
		switch more := s.AdditionalProperties.(type) {
		case *jsonschema.Schema:
			if !known {
				known, below = true, append(below, more)
			}
		case bool:
			known = known || more
		}
		described = described || known
	}
	return below, described
}

// itemSchemas are the schemas for an item of a list.
func itemSchemas(schemas []*jsonschema.Schema, index int) []*jsonschema.Schema {
	var below []*jsonschema.Schema
	for _, s := range schemas {
		list, rest := s.PrefixItems, s.Items2020
		switch items := s.Items.(type) {
		case *jsonschema.Schema:
			rest = items
		case []*jsonschema.Schema:
			list = items
			rest, _ = s.AdditionalItems.(*jsonschema.Schema)
		}
		if index < len(list) {
			below = append(below, list[index])
		} else if rest != nil {
			below = append(below, rest)
		}
	}
	return below
}

// unnamed walks the properties of the schema, each once, however often it is referred to. Of one that nobody names
// the inside is not told as well.
func (d *drift) unnamed(s *jsonschema.Schema, at []string, seen map[*jsonschema.Schema]bool) {
	if seen[s] {
		return
	}
	seen[s] = true
	properties := map[string]*jsonschema.Schema{}
	for _, speaking := range closure([]*jsonschema.Schema{s}) {
		maps.Copy(properties, speaking.Properties)
	}
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		below := append(at[:len(at):len(at)], key)
		switch {
		case len(at) == 0 && d.foreign[key]:
		case d.named(below):
			d.unnamed(properties[key], below, seen)
		default:
			line, _ := lineOf(d.schema.top, pointerIn(properties[key].Location))
			d.report.add(Finding{Severity: Warning, File: d.schema.file, Line: line, Rule: "schema-unused",
				Message: plain("no values file and no template names " + dotted(below)), Fix: "take it out of the schema, or use it"})
		}
	}
}

// named tells that a values file sets the path, or that a template has the word. It says yes too often: a
// template that takes a mapping as a whole hides which of its keys it uses.
func (d *drift) named(at []string) bool {
	for _, set := range d.sets {
		if _, all := lineOf(set.top, at); all {
			return true
		}
	}
	key := at[len(at)-1]
	return d.words[key] || bytes.Contains(d.text, []byte(key)) && len(wordsOf([]byte(key))) > 1
}

// templateText joins all files in which a value may be named: templates, the files that they read, and the
// conditions in Chart.yaml.
func templateText(files []file) []byte {
	var text bytes.Buffer
	for _, f := range files {
		switch base := path.Base(f.name); {
		case base == schemaFile, base == lockFile, strings.HasPrefix(base, "values") && !strings.HasPrefix(f.name, "templates/"), path.Ext(base) == ".md":
		default:
			text.Write(f.data)
			text.WriteByte('\n')
		}
	}
	return text.Bytes()
}

// wordsOf are the words that may be keys.
func wordsOf(text []byte) map[string]bool {
	words := map[string]bool{}
	for word := range bytes.FieldsFuncSeq(text, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		words[string(bytes.Trim(word, "-"))] = true
	}
	return words
}
