package openapi

import (
	"maps"
	"slices"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// undescribed lists the properties of a value that none of its schemas knows, as JSON pointers. Objects without any
// described property, and those with additionalProperties, may hold everything.
func undescribed(schemas []*openapi3.Schema, value any, at string) []string {
	schemas = flatten(schemas)
	var unknown []string
	switch v := value.(type) {
	case map[string]any:
		if open(schemas) {
			return nil
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			inner := property(schemas, name)
			if len(inner) == 0 {
				unknown = append(unknown, at+"/"+name)
				continue
			}
			unknown = append(unknown, undescribed(inner, v[name], at+"/"+name)...)
		}
	case []any:
		var items []*openapi3.Schema
		for _, s := range schemas {
			if s.Items != nil {
				items = append(items, s.Items.Value)
			}
		}
		for i, inner := range v {
			unknown = append(unknown, undescribed(items, inner, at+"/"+strconv.Itoa(i))...)
		}
	}
	return unknown
}

// flatten gives a schema and all that it is composed of. Which variant of a oneOf holds is kin's question.
func flatten(schemas []*openapi3.Schema) []*openapi3.Schema {
	var all []*openapi3.Schema
	for _, s := range schemas {
		all = append(all, s)
		for _, part := range slices.Concat(s.AllOf, s.OneOf, s.AnyOf) {
			all = append(all, flatten([]*openapi3.Schema{part.Value})...)
		}
	}
	return all
}

// open reports that any property is welcome.
func open(schemas []*openapi3.Schema) bool {
	properties := 0
	for _, s := range schemas {
		extra := s.AdditionalProperties
		if extra.Schema != nil || extra.Has != nil && *extra.Has {
			return true
		}
		properties += len(s.Properties)
	}
	return properties == 0
}

func property(schemas []*openapi3.Schema, name string) []*openapi3.Schema {
	var found []*openapi3.Schema
	for _, s := range schemas {
		if p := s.Properties[name]; p != nil {
			found = append(found, p.Value)
		}
	}
	return found
}
