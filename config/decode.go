package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"go.yaml.in/yaml/v3"

	"github.com/releaser/releaser/internal/placeholder"
)

// decoder reads YAML nodes into the configuration's types and keeps going: it notes what is wrong, and where
// every value stands for those that check it later.
type decoder struct {
	problems []Problem
	nodes    map[string]*yaml.Node // the values that the file holds, by path
	broken   []string              // paths whose value could not be read; nothing below is worth another word
}

func (d *decoder) read(root *yaml.Node, c *Config) { d.value("", root, reflect.ValueOf(c).Elem(), "") }

// note adds a problem at the path's value or, where the file does not hold it, at what would hold it.
func (d *decoder) note(path, message, fix string) {
	for at := path; ; at = parent(at) {
		if slices.Contains(d.broken, at) {
			return
		}
		if n, ok := d.nodes[at]; ok || at == "" {
			d.noteAt(n, path, message, fix)
			return
		}
	}
}

func (d *decoder) noteAt(n *yaml.Node, path, message, fix string) {
	d.problems = append(d.problems, Problem{Line: n.Line, Column: n.Column, Path: path, Message: message, Fix: fix})
}

// breaks notes that the value cannot be read at all.
func (d *decoder) breaks(path, message, fix string) {
	d.note(path, message, fix)
	d.broken = append(d.broken, path)
}

// parent is the path of what holds the value: "a.b[0]" is in "a.b", and that in "a".
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// join is the path of a field.
func join(path, field string) string {
	if path == "" {
		return shown(field)
	}
	return path + "." + shown(field)
}

// shown is a name that is none of ours, so that it stays on one line.
func shown(name string) string {
	if len(name) > 40 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return strconv.QuoteToASCII(name[:min(len(name), 40)])
	}
	return name
}

// value reads one node. A wrong type is a problem, and so is a value that is not there: `pins:` could mean
// no pins as well as the default ones.
func (d *decoder) value(path string, n *yaml.Node, v reflect.Value, tag reflect.StructTag) {
	d.nodes[path] = n
	if n.Kind == yaml.AliasNode {
		d.breaks(path, "the value is an alias", "write the value out; what environments share belongs into environmentDefaults")
		return
	}
	kind := kindOf(v.Type(), tag)
	switch {
	case n.ShortTag() == "!!null" && path == "":
		d.breaks(path, "the file is empty", "write "+kind.example)
	case n.ShortTag() == "!!null":
		d.breaks(path, "there is no value", "write "+kind.example+", or remove the field")
	case !slices.Contains(kind.tags, n.ShortTag()):
		d.breaks(path, fmt.Sprintf("the value is %s, not %s", describe(n), kind.name), "write "+kind.example)
	case n.Kind == yaml.MappingNode && v.Kind() == reflect.Map:
		d.mapping(path, n, v, tag)
	case n.Kind == yaml.MappingNode:
		d.structure(path, n, v)
	case n.Kind == yaml.SequenceNode:
		d.list(path, n, v, tag)
	default:
		d.scalar(path, n.Value, v, tag)
	}
}

// kind is what a field takes: the YAML tags, their name and an example for errors.
type kind struct {
	tags          []string
	name, example string
}

func kindOf(t reflect.Type, tag reflect.StructTag) kind {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return kind{[]string{"!!str"}, "a duration", "a number with a unit, such as 30s or 5m"}
	case t == reflect.TypeFor[placeholder.Template](), t.Kind() == reflect.String && tag.Get("also") != "int":
		return kind{[]string{"!!str"}, "text", `text, in quotes if it looks like something else, such as "1.34"`}
	case t.Kind() == reflect.String:
		return kind{[]string{"!!str", "!!int"}, "text or a number", "text or a number"}
	case t.Kind() == reflect.Struct:
		return kind{[]string{"!!map"}, "a mapping", "a mapping with " + strings.Join(fieldNames(t), ", ")}
	case t.Kind() == reflect.Map:
		return kind{[]string{"!!map"}, "a mapping", "a mapping such as {version: \"{version}\"}"}
	case t.Kind() == reflect.Slice:
		return kind{[]string{"!!seq"}, "a list", "a list: [a, b], or a line with a dash for each item"}
	case t.Kind() == reflect.Bool:
		return kind{[]string{"!!bool"}, "true or false", "true or false"}
	}
	return kind{[]string{"!!int"}, "a whole number", "a whole number without quotes, such as 1"}
}

// describe names what stands there without repeating it.
func describe(n *yaml.Node) string {
	switch n.ShortTag() {
	case "!!map":
		return "a mapping"
	case "!!seq":
		return "a list"
	case "!!str":
		return "text"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	}
	return "something with the tag " + shown(n.ShortTag())
}

// fields lists the fields of a struct by their YAML names.
func fields(t reflect.Type) []reflect.StructField {
	var found []reflect.StructField
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() {
			found = append(found, f)
		}
	}
	return found
}

func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for _, f := range fields(t) {
		names = append(names, fieldName(f))
	}
	return names
}

// structure reads a mapping with known fields.
func (d *decoder) structure(path string, n *yaml.Node, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	d.pairs(path, n, func(key, value *yaml.Node) {
		for _, f := range fields(v.Type()) {
			if fieldName(f) == key.Value {
				d.value(join(path, key.Value), value, v.FieldByIndex(f.Index), f.Tag)
				return
			}
		}
		d.unknown(path, key, v.Type())
	})
}

// mapping reads a mapping with free keys.
func (d *decoder) mapping(path string, n *yaml.Node, v reflect.Value, tag reflect.StructTag) {
	d.pairs(path, n, func(key, value *yaml.Node) {
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(setPath(path, key.Value), value, item, tag)
		v.SetMapIndex(reflect.ValueOf(key.Value), item)
	})
}

// setPath is the path of a free key, which may hold dots itself.
func setPath(path, key string) string { return path + "[" + strconv.Quote(key) + "]" }

// pairs visits the keys of a mapping, each once; a second key of the same name is a problem.
func (d *decoder) pairs(path string, n *yaml.Node, visit func(key, value *yaml.Node)) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch first := seen[key.Value]; {
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" && key.ShortTag() != "!!int":
			d.noteAt(key, path, "the key is no name", "write the name of a field; merge keys (<<), lists and null are none")
		case first > 0:
			d.noteAt(key, join(path, key.Value), fmt.Sprintf("the field is on line %d already", first), "write it once: remove one of the two")
		default:
			seen[key.Value] = key.Line
			visit(key, n.Content[i+1])
		}
	}
}

// unknown explains a field that is not there: it comes in a later version, or is a slip of the pen.
func (d *decoder) unknown(path string, key *yaml.Node, t reflect.Type) {
	full := join(path, key.Value)
	if slices.Contains(later(), key.Value) {
		d.noteAt(key, full, "this version does not support the field yet", "remove it")
		return
	}
	d.noteAt(key, full, "there is no such field", suggest(key.Value, fieldNames(t)))
}

// suggest picks the name that was likely meant, or lists them all.
func suggest(text string, names []string) string {
	fix, best := "write one of "+strings.Join(names, ", "), 3
	for _, name := range names {
		distance := levenshtein.ComputeDistance(strings.ToLower(text[:min(len(text), 40)]), strings.ToLower(name))
		if distance < min(best, len(name)) {
			best, fix = distance, "did you mean "+name+"?"
		}
	}
	return fix
}

// later are the fields that releaser is going to have. Wherever they are tried, that is the answer.
func later() []string {
	return []string{"cluster", "constraint", "formerly", "gates", "group", "include", "prereleases"}
}

// list reads a sequence. An empty one becomes nil; where a default would take its place it is a problem.
func (d *decoder) list(path string, n *yaml.Node, v reflect.Value, tag reflect.StructTag) {
	if len(n.Content) > 0 {
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	}
	for i, item := range n.Content {
		d.value(fmt.Sprintf("%s[%d]", path, i), item, v.Index(i), tag)
	}
	if _, ok := tag.Lookup("default"); ok && len(n.Content) == 0 {
		d.breaks(path, "the list is empty", "write at least one item, or remove the field for the default")
	}
}

// scalar reads text, a number or a bool that has the right YAML type.
func (d *decoder) scalar(path, text string, v reflect.Value, tag reflect.StructTag) {
	if message, fix := checkText(text, tag); message != "" {
		d.breaks(path, message, fix)
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		d.duration(path, text, v, tag)
	case v.Type() == reflect.TypeFor[placeholder.Template]():
		t, err := placeholder.Parse(text, strings.Fields(tag.Get("placeholders"))...)
		if err != nil {
			message, fix, _ := strings.Cut(err.Error(), "; ")
			d.breaks(path, message, fix)
			return
		}
		v.Set(reflect.ValueOf(t))
	case v.Kind() == reflect.Bool:
		v.SetBool(strings.EqualFold(text, "true"))
	case v.Kind() == reflect.Int:
		d.number(path, text, v, tag)
	default:
		v.SetString(text)
	}
}

// checkText finds what is wrong with any text: a secret pasted in, an attempt to expand something, a word
// that is none of the allowed ones.
func checkText(text string, tag reflect.StructTag) (message, fix string) {
	_, template := tag.Lookup("placeholders")
	words := strings.Fields(tag.Get("oneOf"))
	switch {
	case text == "" && tag.Get("also") == "empty":
		return "", ""
	case text == "":
		return "the text is empty", "write a value, or remove the field"
	case isSecret(text):
		return "the value looks like a secret itself", "put it into a file or an environment variable and write the name of that"
	case strings.ContainsFunc(text, isControl):
		return "the text holds a line break or another control character", "write it on one line"
	case strings.Contains(text, "${") && !template:
		return "${…} is not expanded", "write the value itself; secrets go into the fields that name a file or an environment variable"
	case len(words) > 0 && !slices.Contains(words, text):
		return "the word is not known", "write " + strings.Join(words, " or ")
	}
	return "", ""
}

// isSecret knows the tokens of GitHub and GitLab, and private keys. It is there for those who paste one.
func isSecret(text string) bool {
	for _, start := range []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "-----BEGIN"} {
		if strings.HasPrefix(strings.TrimSpace(text), start) {
			return true
		}
	}
	return false
}

func isControl(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\ufeff'
}

func (d *decoder) number(path, text string, v reflect.Value, tag reflect.StructTag) {
	number, err := strconv.Atoi(text)
	if err != nil {
		d.breaks(path, "the number cannot be read", "write a whole number in plain digits, such as 1")
		return
	}
	smallest, largest := tag.Get("min"), tag.Get("max")
	if least, err := strconv.Atoi(smallest); err == nil && number < least {
		d.breaks(path, "the number is too small", "write "+smallest+" or more")
		return
	}
	if most, err := strconv.Atoi(largest); err == nil && number > most {
		d.breaks(path, "the number is too large", "write "+largest+" or less")
		return
	}
	v.SetInt(int64(number))
}

func (d *decoder) duration(path, text string, v reflect.Value, tag reflect.StructTag) {
	const fix = "write a number with a unit, such as 30s or 5m"
	took, err := time.ParseDuration(text)
	if err != nil {
		d.breaks(path, "the value is no duration", fix)
		return
	}
	shortest, longest := tag.Get("min"), tag.Get("max")
	if least, err := time.ParseDuration(shortest); err == nil && took < least {
		d.breaks(path, "the time is too short", "write "+shortest+" or more")
		return
	}
	if most, err := time.ParseDuration(longest); err == nil && took > most {
		d.breaks(path, "the time is too long", "write "+longest+" or less")
		return
	}
	v.SetInt(int64(took))
}
