// Package scalar changes one scalar of a YAML file and leaves every other byte as it is.
//
// A scalar is named by a key such as image.tag. Set replaces its bytes: comments, order, indentation,
// anchors, line ends and a missing final newline stay. It never writes what it cannot prove: the result is
// parsed again, once by the library that gave the positions and once by the one that Helm reads with, and
// both must see the same document but for this one scalar, which is the new string. Whatever is ambiguous
// (a duplicate key, an alias, a merge key, an anchor that is used elsewhere) is refused with the line, the
// rule and what to do. Files come from people who are not trusted: no input makes this package panic.
//
// The package holds text in memory only; it opens no file.
package scalar

// Edit asks for one scalar of one file.
type Edit struct {
	// File is for the caller, who opens it; this package does not look at it.
	File string
	// Key names the scalar, in the form that ParseKey reads.
	Key string
	// Part is "" for the whole scalar, or "tag" for the tag of a repository:tag string. Beside a digest, which would decide, a tag
	// is refused.
	Part string
	// Value is the new text. It is always written as a string, quoted.
	Value string
}

// Value is a scalar as it stands in a file.
type Value struct {
	// Text is what the scalar says, without quotes and escapes; of the part, where one was asked for.
	Text string
	// Line is where a person finds the scalar, from 1: at its key, or where the item of a list begins.
	Line int
	// String tells that every reader takes the scalar for a string: both the YAML library that this package
	// uses and the one that Helm uses. Plain `yes`, `1234567` and `1e3` are none.
	String bool
	// Empty tells that nothing or an empty string stands there: `tag:` or `tag: ""`.
	Empty bool
}

// Set makes the edits in order and returns the new text. A scalar that is this string already keeps its
// bytes, so that the same edits made twice change nothing more. On an error, which is an *Error, nothing is
// returned. src is never written to, but may be returned.
func Set(src []byte, edits ...Edit) ([]byte, error) {
	doc, err := parse(src)
	if err != nil {
		return nil, err
	}
	for _, e := range edits {
		if doc, err = doc.set(e); err != nil {
			return nil, err
		}
	}
	return doc.src, nil
}

// Get reads the scalar that Set would change, by the same rules: what Get reads, Set can change. Part is as
// in Edit. The error is an *Error; a key that is not there has the rule "missing-key".
func Get(src []byte, key, part string) (Value, error) {
	doc, err := parse(src)
	if err != nil {
		return Value{}, err
	}
	t, err := doc.locate(key)
	if err != nil {
		return Value{}, err
	}
	text, err := t.get(part)
	if err != nil {
		return Value{}, err
	}
	return Value{Text: text, Line: t.line(), String: t.isString, Empty: t.node.Value == ""}, nil
}

// set is one edit; it returns the document itself where there is nothing to change.
func (d *document) set(e Edit) (*document, error) {
	t, err := d.locate(e.Key)
	if err != nil {
		return nil, err
	}
	old, err := t.get(e.Part)
	if err != nil {
		return nil, err
	}
	text, err := t.with(e.Part, e.Value)
	if err != nil {
		return nil, err
	}
	if t.isString && old == e.Value {
		return d, nil
	}
	return d.verify(t, text, t.splice(d.src, text))
}
