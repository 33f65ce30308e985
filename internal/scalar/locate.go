package scalar

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// target is the scalar that a key names, and where its bytes are.
type target struct {
	key        string
	path       Path
	name, node *yaml.Node // name is the key's own node; nil for an item of a list
	start, end int        // the bytes of the scalar with its quotes; equal where an empty one has none
	isString   bool
}

// line is where a person finds the scalar: at its key, or where the item of a list begins.
func (t target) line() int {
	if t.name != nil {
		return t.name.Line
	}
	return t.node.Line
}

func (t target) fail(line int, rule, message, fix string) *Error {
	return &Error{Line: line, Key: t.key, Rule: rule, Message: message, Fix: fix}
}

// locate walks from the top of the document to the scalar and refuses what is not one place.
func (d *document) locate(key string) (target, error) {
	path, err := ParseKey(key)
	if err != nil {
		return target{}, err
	}
	t := target{key: key, path: path, node: d.root}
	for i, step := range t.path {
		if err := d.checkNode(t); err != nil {
			return t, err
		}
		if step.Key == "" {
			err = t.item(i)
		} else {
			err = t.child(i)
		}
		if err != nil {
			return t, err
		}
	}
	if err := d.checkScalar(t); err != nil {
		return t, err
	}
	if err := d.span(&t); err != nil {
		return t, err
	}
	text, ok := lookup(d.helm, t.path).(string)
	t.isString = ok && t.node.ShortTag() == "!!str" && text == t.node.Value
	return t, nil
}

// checkNode refuses a node on the way that stands for several places, or is only a reference to another.
func (d *document) checkNode(t target) error {
	if t.node.Kind == yaml.AliasNode {
		return t.fail(t.line(), "alias", "the value is an alias", "write the value out here")
	}
	if d.aliased[t.node] {
		return t.fail(t.line(), "anchor", "the value has an anchor that is used elsewhere, which would change too", "write the value out where the alias stands")
	}
	return nil
}

// child goes into a mapping by the path's step i.
func (t *target) child(i int) error {
	name, above := t.path[i].Key, "the document"
	if i > 0 {
		above = t.path[:i].String()
	}
	found := pairs(t.node, name)
	switch {
	case len(found) > 1:
		return t.fail(found[1].name.Line, "duplicate-key", fmt.Sprintf("%s has the key %q on line %d already", above, name, found[0].name.Line), "keep one of them")
	case len(found) == 0 && merges(t.node, name, map[*yaml.Node]bool{}):
		return t.fail(t.line(), "merge-key", fmt.Sprintf("%s gets %q through <<", above, name), "write the key out in this mapping")
	case len(found) == 0:
		return t.fail(t.line(), "missing-key", fmt.Sprintf("%s has no key %q", above, name), "add the key to the file, or correct the configured key")
	case found[0].name.Kind == yaml.AliasNode:
		return t.fail(found[0].name.Line, "alias", "the key is an alias", "write the key out here")
	}
	t.name, t.node = found[0].name, found[0].value
	return nil
}

// pair is one line of a mapping, so to say.
type pair struct{ name, value *yaml.Node }

// pairs are what a mapping holds under the name; nothing for a node that is no mapping.
func pairs(n *yaml.Node, name string) []pair {
	var found []pair
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if text, ok := scalarText(n.Content[i]); ok && text == name {
			found = append(found, pair{n.Content[i], n.Content[i+1]})
		}
	}
	return found
}

// scalarText is what a mapping's key says, through an alias too; false for a key that is no scalar.
func scalarText(key *yaml.Node) (string, bool) {
	if key.Kind == yaml.AliasNode {
		key = key.Alias
	}
	return key.Value, key.Kind == yaml.ScalarNode
}

// merges tells whether the mapping gets the name through <<, which holds a mapping, an alias of one or a
// list of them. They nest, even in circles, so that each is looked at once.
func merges(n *yaml.Node, name string, seen map[*yaml.Node]bool) bool {
	for _, merge := range pairs(n, "<<") {
		sources := []*yaml.Node{merge.value}
		if merge.value.Kind == yaml.SequenceNode {
			sources = merge.value.Content
		}
		for _, source := range sources {
			if source.Kind == yaml.AliasNode {
				source = source.Alias
			}
			if seen[source] {
				continue
			}
			seen[source] = true
			if len(pairs(source, name)) > 0 || merges(source, name, seen) {
				return true
			}
		}
	}
	return false
}

// item goes into a list by the path's step i.
func (t *target) item(i int) error {
	list, index := t.node, t.path[i].Index
	if list.Kind != yaml.SequenceNode {
		return t.fail(t.line(), "index", "there is no list to take an item from", "correct the configured key, or make the value a list")
	}
	if index >= len(list.Content) {
		return t.fail(t.line(), "index", fmt.Sprintf("the list has %d items, counted from 0", len(list.Content)), "add the item to the file, or correct the configured key")
	}
	t.name, t.node = nil, list.Content[index]
	return nil
}

// checkScalar refuses a last node that is no plain piece of text.
func (d *document) checkScalar(t target) error {
	if err := d.checkNode(t); err != nil {
		return err
	}
	n := t.node
	if n.Kind != yaml.ScalarNode {
		return t.fail(t.line(), "not-scalar", "the value is a mapping or a list", "correct the configured key so that it names a single value")
	}
	if n.Style&yaml.TaggedStyle != 0 && n.ShortTag() != "!!str" {
		return t.fail(t.line(), "tag", "the value carries a tag", "remove the tag")
	}
	return nil
}
