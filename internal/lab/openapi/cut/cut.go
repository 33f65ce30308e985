package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// node is a JSON object of the description.
type node = map[string]any

// Cut keeps the named operations, and the webhooks named "webhook NAME" as paths /webhooks/NAME, with everything that
// they refer to. A name that the description does not have is an error.
func Cut(description []byte, names []string) ([]byte, error) {
	var whole node
	if err := json.Unmarshal(description, &whole); err != nil {
		return nil, err
	}
	paths, err := pick(whole, names)
	if err != nil {
		return nil, err
	}
	used := map[string]any{}
	if err := follow(whole, paths, used); err != nil {
		return nil, err
	}
	info, _ := whole["info"].(node)
	return render(node{"title": info["title"], "version": info["version"], "license": info["license"]}, paths, used)
}

// pick finds the operations by their operationId.
func pick(whole node, names []string) (node, error) {
	picked := node{}
	left := map[string]bool{}
	for _, name := range names {
		left[name] = true
	}
	all, _ := whole["paths"].(node)
	for path, item := range all {
		for method, operation := range item.(node) {
			op, _ := operation.(node)
			id, _ := op["operationId"].(string)
			if !left[id] {
				continue
			}
			delete(left, id)
			add(picked, path, method, op)
		}
	}
	hooks, _ := whole["x-webhooks"].(node)
	for name, item := range hooks {
		if left["webhook "+name] {
			delete(left, "webhook "+name)
			add(picked, "/webhooks/"+name, "post", item.(node)["post"].(node))
		}
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("the description has no %s", strings.Join(slices.Sorted(maps.Keys(left)), ", "))
	}
	return picked, nil
}

func add(paths node, path, method string, operation node) {
	item, _ := paths[path].(node)
	if item == nil {
		item = node{}
		paths[path] = item
	}
	item[method] = clean(operation, false)
}

// prose is what no validator reads. Inside a list of names (properties, schemas) the same words are names and stay.
func prose(key string) bool {
	switch key {
	case "description", "summary", "title", "example", "examples", "externalDocs", "tags", "x-github", "x-octokit", "deprecated",
		"x-displayName", "x-github-breaking-changes":
		return true
	}
	return false
}

// named are the keys whose members are names, not keywords.
func named(key string) bool {
	switch key {
	case "properties", "content", "headers", "responses", "mapping":
		return true
	}
	return false
}

// clean drops prose and the form-encoded twins of webhooks.
func clean(value any, names bool) any {
	switch v := value.(type) {
	case node:
		out := node{}
		for key, inner := range v {
			if !names && prose(key) || key == "application/x-www-form-urlencoded" {
				continue
			}
			out[key] = clean(inner, !names && named(key))
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = clean(inner, false)
		}
		return out
	}
	return value
}

// follow collects the components that a value refers to, and those that they refer to.
func follow(whole node, value any, used map[string]any) error {
	switch v := value.(type) {
	case node:
		if to, isRef := v["$ref"].(string); isRef && used[to] == nil {
			found, err := resolve(whole, to)
			if err != nil {
				return err
			}
			used[to] = clean(found, false)
			if err := follow(whole, used[to], used); err != nil {
				return err
			}
		}
		for _, inner := range v {
			if err := follow(whole, inner, used); err != nil {
				return err
			}
		}
	case []any:
		for _, inner := range v {
			if err := follow(whole, inner, used); err != nil {
				return err
			}
		}
	}
	return nil
}

func resolve(whole node, to string) (any, error) {
	var at any = whole
	for part := range strings.SplitSeq(strings.TrimPrefix(to, "#/"), "/") {
		inner, _ := at.(node)
		at = inner[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	if at == nil {
		return nil, fmt.Errorf("%s leads nowhere", to)
	}
	return at, nil
}

// render writes a line for each path and component, so that a later cut is a readable diff.
func render(info node, paths node, used map[string]any) ([]byte, error) {
	kinds := map[string]node{}
	for to, value := range used {
		kind, name, _ := strings.Cut(strings.TrimPrefix(to, "#/components/"), "/")
		if kinds[kind] == nil {
			kinds[kind] = node{}
		}
		kinds[kind][name] = value
	}
	var out bytes.Buffer
	head, err := json.Marshal(info)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&out, "{\n\"openapi\": \"3.0.3\",\n\"info\": %s,\n\"paths\": ", head)
	if err := lines(&out, paths); err != nil {
		return nil, err
	}
	out.WriteString(",\n\"components\": {")
	for i, kind := range slices.Sorted(maps.Keys(kinds)) {
		if i > 0 {
			out.WriteString(",")
		}
		fmt.Fprintf(&out, "\n%q: ", kind)
		if err := lines(&out, kinds[kind]); err != nil {
			return nil, err
		}
	}
	out.WriteString("\n}\n}\n")
	return out.Bytes(), nil
}

func lines(out *bytes.Buffer, members node) error {
	out.WriteString("{")
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			out.WriteString(",")
		}
		value, err := json.Marshal(members[name])
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\n%q: %s", name, value)
	}
	out.WriteString("\n}")
	return nil
}
