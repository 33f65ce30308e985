package scalar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// What a YAML file may be. Libraries that write aliases out, as Helm's does, need gigabytes for a file of 80 kB, and
// some 400 bytes for every byte of a list.
const (
	maxSource   = 1 << 20 // bytes of the file
	maxExpanded = 8 << 20 // bytes of its text with every alias written out, and nodeCost for each node
	maxDepth    = 10_000  // levels, those behind aliases too
	nodeCost    = 16
)

// Check tells whether a YAML file can be given to a library that writes aliases out, such as Helm's, without a fear for
// memory. It reads the file without doing so itself, every document of it. The error is an *Error of the rule
// file-size, too-large or syntax.
func Check(src []byte) error {
	left := maxExpanded
	return CheckWithin(src, &left)
}

// CheckWithin is Check for a file that is one of many: what it takes, with its aliases written out, is taken from total.
// With less than that left the file is too-large. Some 16 bytes are counted for each node beside its text.
func CheckWithin(src []byte, total *int) error {
	if err := checkSize(src); err != nil {
		return err
	}
	left := min(maxExpanded, *total)
	*total -= left
	defer func() { *total += max(left, 0) }()
	return guard(func() error {
		for decoder := yaml.NewDecoder(bytes.NewReader(src)); ; {
			var doc yaml.Node
			if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return syntax(err)
			}
			if err := checkExpanded(&doc, &left); err != nil {
				return err
			}
		}
	})
}

// checkSize refuses a file that is long as it stands.
func checkSize(src []byte) error {
	if len(src) <= maxSource {
		return nil
	}
	return &Error{Line: 1, Rule: "file-size", Message: fmt.Sprintf("the file has %d bytes, %d are allowed", len(src), maxSource), Fix: "make it smaller"}
}

// checkExpanded refuses a document that is long once its aliases are written out.
func checkExpanded(doc *yaml.Node, left *int) error {
	if fits(doc, left, 0) {
		return nil
	}
	return &Error{Line: 1, Rule: "too-large", Message: "the file is too large or too deep once its aliases are written out", Fix: "use fewer aliases"}
}

// fits takes the node and all below it from what is left. An alias counts as often as it stands there; one of itself
// goes deeper without end.
func fits(n *yaml.Node, left *int, depth int) bool {
	if *left -= len(n.Value) + nodeCost; *left < 0 || depth > maxDepth {
		return false
	}
	if n.Kind == yaml.AliasNode {
		return fits(n.Alias, left, depth+1)
	}
	for _, c := range n.Content {
		if !fits(c, left, depth+1) {
			return false
		}
	}
	return true
}

// reason finds what is wrong in the error of a YAML library, in words that quote nothing of the file.
var reason = regexp.MustCompile(`did not find expected [-a-z' ,\]}<>]+|could not find expected ':'|mapping values are not allowed|` +
	`found character that cannot start any token|found a tab character(?: that violates indentation)?|found unexpected [a-z ]+|found undefined tag handle|` +
	`block \w+ entries are not allowed|control characters are not allowed|invalid leading UTF-8 octet|invalid map key|` +
	`unknown anchor|cannot decode !!\w+|excessive aliasing|exceeded max depth(?: of \d+)?|!!binary value contains invalid base64 data|` +
	`cannot unmarshal (?:string|number|array|bool) into Go value of type map`)

// Reason says what is wrong in the error of a YAML library, in the library's words that quote nothing: a file may hold
// secrets. It is empty where there are no such words.
func Reason(err error) string { return reason.FindString(err.Error()) }
