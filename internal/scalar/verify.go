package scalar

import (
	"maps"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// verify reads the edited text again and accepts it only when both libraries see the old document with this
// one scalar changed.
func (d *document) verify(t target, text string, edited []byte) (*document, error) {
	after, err := parse(edited)
	want, ok := replace(d.helm, t.path, text)
	if err == nil && ok && sameNodes(d.root, after.root, t.node, text) && reflect.DeepEqual(want, after.helm) {
		return after, nil
	}
	return nil, t.fail(t.line(), "verify", "the edit would not be read by Helm as this one change", "write the key and its value plainly, such as tag: \"\", on a line of their own")
}

// sameNodes compares two documents node by node; the leaf alone must be the new string.
func sameNodes(before, after, leaf *yaml.Node, text string) bool {
	if before == leaf {
		return after.Kind == yaml.ScalarNode && after.ShortTag() == "!!str" && after.Value == text && after.Anchor == leaf.Anchor
	}
	if before.Kind != after.Kind || before.Tag != after.Tag || before.Style != after.Style || before.Anchor != after.Anchor ||
		before.Value != after.Value || len(before.Content) != len(after.Content) {
		return false
	}
	for i := range before.Content {
		if !sameNodes(before.Content[i], after.Content[i], leaf, text) {
			return false
		}
	}
	return true
}

// lookup follows the path in what Helm reads; nil where it leads nowhere.
func lookup(tree any, path Path) any {
	for _, step := range path {
		switch node := tree.(type) {
		case map[string]any:
			tree = node[step.Key]
		case []any:
			tree = nil
			if step.Key == "" && step.Index < len(node) {
				tree = node[step.Index]
			}
		default:
			return nil
		}
	}
	return tree
}

// replace is what Helm should read after the edit: a copy of the tree with the text at the path. It is false
// when Helm sees no such place.
func replace(tree any, path Path, text string) (changed any, ok bool) {
	if len(path) == 0 {
		return text, true
	}
	switch node := tree.(type) {
	case map[string]any:
		child, known := node[path[0].Key]
		if !known {
			return nil, false
		}
		node = maps.Clone(node)
		node[path[0].Key], ok = replace(child, path[1:], text)
		return node, ok
	case []any:
		if path[0].Key != "" || path[0].Index >= len(node) {
			return nil, false
		}
		node = slices.Clone(node)
		node[path[0].Index], ok = replace(node[path[0].Index], path[1:], text)
		return node, ok
	}
	return nil, false
}
