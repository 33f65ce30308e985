package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/releaser/releaser/internal/placeholder"
)

// fillDefaults puts in what the file does not say. It runs after decoding, so that every problem stands where
// the file has it.
func (v *validator) fillDefaults() {
	c := v.config
	v.fill("", reflect.ValueOf(c).Elem())
	if !v.holds("concurrency.perSource") {
		c.Concurrency.PerSource = min(c.Concurrency.PerSource, c.Concurrency.Releases)
	}
	for i := range c.Sources {
		for k := range c.Sources[i].Charts {
			if !v.holds(fmt.Sprintf("sources[%d].charts[%d].pins", i, k)) {
				c.Sources[i].Charts[k].Pins = defaultPins()
			}
		}
	}
	for i := range c.Environments {
		v.inherit(i, &c.Environments[i])
	}
}

// defaultPins is what an absent list of pins means.
func defaultPins() []Pin {
	commit, _ := placeholder.Parse("{commit}")
	return []Pin{{File: "values.yaml", Key: "image.tag", Value: commit}}
}

// inherit gives an environment what environmentDefaults says. Promote and merge are never inherited: what
// goes to production by itself is said at production.
func (v *validator) inherit(i int, e *Environment) {
	defaults, at := &v.config.EnvironmentDefaults, fmt.Sprintf("environments[%d]", i)
	if !v.holds(join(at, "repository")) {
		e.Repository = defaults.Repository
	}
	if !v.holds(join(at, "branch")) {
		e.Branch = defaults.Branch
	}
	if !v.holds(join(at, "poll")) {
		e.Poll = defaults.Poll
	}
	if !v.holds(join(at, "files")) {
		e.Files = slices.Clone(defaults.Files)
	}
	switch {
	case v.holds(join(at, "promote")):
	case e.From == FromRelease:
		e.Promote = Auto
	default:
		e.Promote = Manual
	}
}

// fill follows the default tags of the fields that the file does not hold.
func (v *validator) fill(path string, at reflect.Value) {
	switch at.Kind() {
	case reflect.Pointer:
		if !at.IsNil() {
			v.fill(path, at.Elem())
		}
	case reflect.Slice:
		for i := range at.Len() {
			v.fill(fmt.Sprintf("%s[%d]", path, i), at.Index(i))
		}
	case reflect.Struct:
		for _, f := range fields(at.Type()) {
			field, name := at.FieldByIndex(f.Index), join(path, fieldName(f))
			if text, ok := f.Tag.Lookup("default"); ok && !v.holds(name) {
				setDefault(field, text)
			} else {
				v.fill(name, field)
			}
		}
	}
}

// setDefault sets text, a number, a duration or a list of texts. The tags are ours, so that they can be read.
func setDefault(field reflect.Value, text string) {
	switch {
	case field.Type() == reflect.TypeFor[time.Duration]():
		d, _ := time.ParseDuration(text)
		field.SetInt(int64(d))
	case field.Kind() == reflect.Int:
		n, _ := strconv.Atoi(text)
		field.SetInt(int64(n))
	case field.Kind() == reflect.Slice:
		field.Set(reflect.ValueOf(strings.Fields(text)))
	default:
		field.SetString(text)
	}
}
