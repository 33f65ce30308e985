package charts

import (
	"bytes"
	"strconv"

	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	helmyaml "sigs.k8s.io/yaml"

	"github.com/releaser/releaser/internal/scalar"
)

// valueSet is one environment: what is given to Helm with -f, or nothing.
type valueSet struct {
	name   string         // of the file; values.yaml for the defaults alone
	values map[string]any // with the pins on top; empty for the defaults
	top    *yaml.Node     // for lines; nil when the file is missing
	part   bool           // of the defaults: environments complete them
}

// valueSets reads the environments. The first is the defaults. A file that is no values file is told and left out.
func (i *inspector) valueSets() []valueSet {
	defaults := valueSet{name: valuesFile, values: map[string]any{}}
	if f, found := find(i.files, valuesFile); found {
		defaults.top = parseNodes(f.data)
	}
	sets := []valueSet{defaults}
	for _, f := range i.values {
		values, err := loader.LoadValues(bytes.NewReader(f.data))
		if err != nil {
			i.report.add(badValues(i.file(f.name), err))
			continue
		}
		i.layPins(values)
		sets = append(sets, valueSet{name: f.name, values: values, top: parseNodes(f.data)})
	}
	sets[0].part = len(sets) > 1
	for _, pattern := range i.Missing {
		i.report.add(Finding{Severity: Warning, File: i.file(plain(pattern)), Rule: "values-missing",
			Message: plain("no file of the chart matches " + pattern), Fix: "add one, or take the pattern out of lint.values"})
	}
	return sets
}

// layPins puts the pins over an environment's values, as far as the environment sets them: a release replaces
// these values, and what the environment does not set comes from the pinned defaults.
func (i *inspection) layPins(values map[string]any) {
	for _, pin := range i.valuesPins() {
		keys, err := scalar.ParseKey(pin.Key)
		if err != nil {
			continue // Pin has refused it
		}
		parent := descend(values, keys[:len(keys)-1])
		old := descend(parent, keys[len(keys)-1:])
		switch last := keys[len(keys)-1]; parent := parent.(type) {
		case map[string]any:
			if _, set := parent[last.Key]; set && scalarValue(old) {
				parent[last.Key] = pinned(old, pin)
			}
		case []any:
			if last.Index < len(parent) && scalarValue(old) {
				parent[last.Index] = pinned(old, pin)
			}
		}
	}
}

// valuesPins are the pins of values.yaml.
func (i *inspection) valuesPins() []scalar.Edit {
	var pins []scalar.Edit
	for _, pin := range i.Pins {
		if pin.File == "" || pin.File == valuesFile {
			pins = append(pins, pin)
		}
	}
	return pins
}

// pinned is the value with the pin in it. Text that has no such part stays as it is.
func pinned(old any, pin scalar.Edit) any {
	if pin.Part == "" {
		return pin.Value
	}
	text, ok := old.(string)
	if !ok {
		return old
	}
	line, err := scalar.Set([]byte("v: "+strconv.Quote(text)), scalar.Edit{Key: "v", Part: pin.Part, Value: pin.Value})
	if err != nil {
		return old
	}
	var read struct{ V string }
	if err := helmyaml.Unmarshal(line, &read); err != nil {
		return old
	}
	return read.V
}

// scalarValue tells that a value is neither mapping nor list.
func scalarValue(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// descend follows a path in values, to nil when it leads nowhere.
func descend(v any, path scalar.Path) any {
	for _, step := range path {
		switch at := v.(type) {
		case map[string]any:
			v = at[step.Key]
		case []any:
			if step.Key != "" || step.Index >= len(at) {
				return nil
			}
			v = at[step.Index]
		default:
			return nil
		}
	}
	return v
}

// parseNodes reads the first document of a YAML file, nil when it cannot be read.
func parseNodes(data []byte) *yaml.Node {
	var doc yaml.Node
	if yaml.NewDecoder(bytes.NewReader(data)).Decode(&doc) != nil || len(doc.Content) == 0 {
		return nil
	}
	return doc.Content[0]
}

// lineOf is the line of the deepest part of the path that is there, and whether all of it is.
func lineOf(n *yaml.Node, path []string) (line int, all bool) {
	for _, key := range path {
		if n != nil && n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		at, value := child(n, key)
		if value == nil {
			return line, false
		}
		line, n = at.Line, value
	}
	return line, n != nil
}

// child is the node to point at, and the value, under a key of a mapping or an index of a list.
func child(n *yaml.Node, key string) (at, value *yaml.Node) {
	if n == nil {
		return nil, nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		for k := 0; k+1 < len(n.Content); k += 2 {
			if n.Content[k].Value == key {
				return n.Content[k], n.Content[k+1]
			}
		}
	case yaml.SequenceNode:
		if index, err := strconv.Atoi(key); err == nil && index >= 0 && index < len(n.Content) {
			return n.Content[index], n.Content[index]
		}
	}
	return nil, nil
}
